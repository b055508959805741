"""Laws that the property tests go through, each with the range in which it is declared to hold."""

from typing import Any, NamedTuple

import pytest

from tessera.physics import eos

HMX = eos.LAWS["mie-gruneisen"](1891.0, 2901.0, 2.058, 1.1, 300.0)
DEBYE = {"heat_limit": 1e6 / 419.4, "half_heat": 1.831e5 / 419.4}  # EOSlib HMX.data, see docs/physics.md
LINEAR = eos.LAWS["linear-hugoniot"](1900.0, 2901.0, 2.058, 1.1, 300.0, **DEBYE)
BIRCH = eos.LAWS["birch-murnaghan"](1.0 / 0.515573e-3, 16.5e9, 8.7, 0.0, 0.9, 300.0, **DEBYE)
PRODUCTS = eos.LAWS["jwl"](1901.2, 858.0805e9, 7.546531e9, 4.306, 0.80, 0.30, 11.0e9 / 1901.2, 1500.0, 3500.0)
MIXTURE = eos.mixture(BIRCH, PRODUCTS, 5.86e6)
PAIR = eos.pair((4.4, 6e8, 1000.0), (1.4, 1.2))
WATER = eos.LAWS["stiffened-gas"](4.4, 6e8, 1000.0, 300.0)


class Material(NamedTuple):
    """A law and its range.

    Attributes
    ----------
    law
        The law, made.
    densities, temperatures
        Lowest and highest [kg/m3], [K].
    complete
        Whether all follows from one potential.
    """

    law: Any
    densities: tuple[float, float]
    temperatures: tuple[float, float]
    complete: bool = True


MATERIALS = {
    "ideal-gas": Material(eos.IdealGas(), (0.01, 100.0), (50.0, 5000.0)),
    "stiffened-gas": Material(WATER, (1000.0, 2500.0), (300.0, 6000.0)),
    "mie-gruneisen": Material(HMX, (1891.0, 3500.0), (800.0, 6000.0), complete=False),
    "linear-hugoniot": Material(LINEAR, (1900.0, 3500.0), (300.0, 6000.0)),
    "birch-murnaghan": Material(BIRCH, (1902.0, 4000.0), (300.0, 6000.0)),
    "jwl": Material(PRODUCTS, (100.0, 3200.0), (1200.0, 6000.0)),
    "barely burnt": Material(MIXTURE._replace(burnt=1e-3), (1920.0, 3200.0), (400.0, 6000.0)),
    "half burnt": Material(MIXTURE._replace(burnt=0.5), (1920.0, 3200.0), (400.0, 6000.0)),
    "water": Material(PAIR, (1010.0, 2000.0), (300.0, 6000.0)),
    "air in water": Material(PAIR._replace(burnt=1e-3), (50.0, 1800.0), (250.0, 6000.0)),
    "water in air": Material(PAIR._replace(burnt=0.9), (0.1, 100.0), (200.0, 6000.0)),
    "air": Material(PAIR._replace(burnt=1.0), (0.01, 100.0), (50.0, 5000.0)),
    "burnt": Material(MIXTURE._replace(burnt=1.0), (100.0, 3200.0), (1200.0, 6000.0)),
}
every_material = pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)
