"""The fields by name: what they are, and which of them the solver makes. Light, for a study asks it."""

from typing import Literal, NamedTuple, get_args


class Field(NamedTuple):
    """What a field is: CF long name and SI unit."""

    long_name: str
    units: str


FIELDS = {
    "temperature": Field("temperature", "K"),
    "pressure": Field("pressure", "Pa"),
    "microstructure": Field("solid fraction, 1 in the solid and 0 in a pore", "1"),
    "velocity_x": Field("velocity along x, the direction of the shock", "m s-1"),
    "velocity_y": Field("velocity along y", "m s-1"),
    "density": Field("mass density", "kg m-3"),
    "initial_microstructure": Field("solid fraction of the first snapshot, the same in all", "1"),
}
FieldName = Literal[
    "temperature", "pressure", "microstructure", "velocity_x", "velocity_y", "density", "initial_microstructure"
]
SIMULATED = ("temperature", "pressure", "microstructure", "velocity_x", "velocity_y")
HELD = ("initial_microstructure",)  # does not change: models see it, none has to predict it
assert get_args(FieldName) == tuple(FIELDS)

STATISTICS = {  # of the pores of a case at the start, as measured
    "traced_pores": Field("number of outlines that were measured", "1"),
    "diameter_mean": Field("mean diameter of the disc of equal area", "m"),
    "diameter_deviation": Field("standard deviation of the diameter of the disc of equal area", "m"),
    "aspect_ratio_mean": Field("mean length over width of the ellipse of equal second moments", "1"),
    "aspect_ratio_deviation": Field("standard deviation of the aspect ratio", "1"),
    "orientation": Field("mean direction of the length, an axis without sign, from x", "rad"),
    "alignment": Field("mean of cos 2(direction - orientation): 0 any direction, 1 all the same", "1"),
    "roughness_mean": Field("mean root mean square of the logarithm of the radius over that of the ellipse", "1"),
    "roughness_deviation": Field("standard deviation of the roughness", "1"),
    "gap_mean": Field("mean distance between an outline and its nearest neighbour", "m"),
    "gap_least": Field("least distance between two outlines", "m"),
}
_HELD = {
    "mass": ("mass", "kg m-1"),
    "momentum_x": ("momentum along x", "kg s-1"),
    "momentum_y": ("momentum along y", "kg s-1"),
    "energy": ("energy, without that of chemical bonds", "J m-1"),
}
ACCOUNT = {  # of the computed box, per depth: total = first total + inflow, and energy also what was released
    **{f"total_{name}": Field(f"{what} in the box", units) for name, (what, units) in _HELD.items()},
    **{
        f"inflow_{name}": Field(f"{what} that entered through the sides, less what left", units)
        for name, (what, units) in _HELD.items()
    },
    "released_energy": Field("energy that the reaction released", "J m-1"),
}
