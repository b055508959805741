"""Materials that the cases share: HMX by each law of the solid, its products, its strength, water and air.

Constants and sources are those of docs/physics.md.
"""

from typing import Any, NamedTuple

from tessera.physics import eos, reaction
from tessera.physics.strength import KrautKennedy, Strength

DEBYE = {"heat_limit": 1e6 / 419.4, "half_heat": 1.831e5 / 419.4}  # EOSlib (LANL), HMX.data
HMX = eos.LAWS["mie-gruneisen"](1891.0, 2901.0, 2.058, 1.1, 300.0)
LINEAR = eos.LAWS["linear-hugoniot"](1900.0, 2901.0, 2.058, 1.1, 300.0, **DEBYE)
BIRCH = eos.LAWS["birch-murnaghan"](1.0 / 0.515573e-3, 16.5e9, 8.7, 0.0, 0.9, 300.0, **DEBYE)
PRODUCTS = eos.LAWS["jwl"](1901.2, 858.0805e9, 7.546531e9, 4.306, 0.80, 0.30, 11.0e9 / 1901.2, 1500.0, 3500.0)
STRENGTH = Strength(0.26e9, 10.0e9, KrautKennedy())


class Body(NamedTuple):
    """A material as a flow takes it: law, kinetics, viscosity [Pa s], conductivity [W/m/K], strength, spall [Pa]."""

    law: Any
    kinetics: Any
    viscosity: float = 0.0
    conductivity: float = 0.0
    strength: Strength | None = None
    spall: float = 0.0


WARM = eos.LAWS["linear-hugoniot"](1900.0, 2901.0, 2.058, 1.1, 300.0, heat_limit=1565.0, half_heat=80.0)
BURNING = Body(WARM, reaction.OneStep(28.18, 149e3, 5.8576e6), 0.04, 14.0, STRENGTH)


def constant_heat(heat: float) -> eos.LinearHugoniot:
    """Return HMX on a linear Hugoniot with a heat capacity that does not change [J/kg/K]."""
    return eos.LAWS["linear-hugoniot"](1900.0, 2901.0, 2.058, 1.1, 300.0, heat, 1e-3)
