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
