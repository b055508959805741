"""The data card of an ensemble that a study simulates: what it is, how it was made, what it cannot do.

It stands in the attributes of every store (names of the Attribute Convention for Data Discovery where it has one)
and in docs/data.md.
"""

SUMMARY = (
    "A planar shock runs along x into HMX with pores, in two dimensions. It is fed at x = 0 by a constant particle "
    "velocity. Pores collapse, the collapse heats the material, hotspots react and grow."
)
SOURCE = (
    "Solver of tessera: compressible Euler equations of one fluid, a solid with void closure, MUSCL-Hancock and HLLC, "
    "viscosity, heat conduction, strength, kinetics. Unless the study names another, the material is the calibrated "
    "hmx-9.5gpa: a linear Hugoniot, yield and melting, one Arrhenius step, an effective conductivity."
)
LICENCE = "CC-BY-4.0"
LIMITS = (
    "Two-dimensional: pores are cylinders. Strength, heat conduction and tension act only where the study asks for "
    "them; melting takes no heat. Products obey the law of the solid unless the study names one. Matter that burns in "
    "a jet can be hotter than any that was measured, in single cells. Hotspot temperatures are not converged at the "
    "stored resolution. The material is isotropic. Not calibrated against experiments of a certain sample."
)


def attributes() -> dict[str, str]:
    """Return what every store of an ensemble says of itself in words."""
    return {"summary": SUMMARY, "source": SOURCE, "license": LICENCE, "comment": LIMITS}
