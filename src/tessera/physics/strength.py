"""Strength: elastic, perfectly plastic, none above the melt curve.

The deviatoric stress follows the strain at the shear modulus, rotates with the matter (Jaumann), and returns
radially to the yield surface of von Mises. All its work is in the total energy; the elastic part, Y^2 / (6 G rho),
is counted as heat: 0.6 kJ/kg, half a kelvin, for HMX.

References
----------
Wilkins, Methods in Computational Physics 3 (1964) 211 (radial return); Kraut and Kennedy, Phys. Rev. Lett. 16 (1966)
608 and Simon and Glatzel, Z. anorg. allg. Chem. 178 (1929) 309 (melt curves).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from tessera.physics.law import ONE, ZERO, open_function


@open_function
def melting(curve, rho, p):
    """Return the temperature [K] above which matter of a density [kg/m3] and a pressure [Pa] has no strength."""
    raise NotImplementedError(f"melting: expected one of {sorted(CURVES)}, got {type(curve).__name__}")


@open_function
def least_melting(curve, zero):
    """Return the lowest temperature [K] at which anything melts (plus `zero`)."""
    raise NotImplementedError(f"least_melting: expected one of {sorted(CURVES)}, got {type(curve).__name__}")


class Never(NamedTuple):
    """Matter that keeps its strength at any temperature."""

    absent: float = 0.0


@melting.register
def _(curve: Never, rho, p):  # noqa: ARG001
    return math.inf


@least_melting.register
def _(curve: Never, zero):  # noqa: ARG001
    return math.inf


class KrautKennedy(NamedTuple):
    """Melt temperature that rises with the compression: T0 (1 + slope (1 - rho0 / rho)).

    Attributes
    ----------
    temperature
        T0 [K].
    density
        rho0 [kg/m3].
    slope
        2 (Gamma - 1/3) by Lindemann's rule [1].
    """

    temperature: float = 551.0
    density: float = 1891.0
    slope: float = 1.53


@melting.register
def _(curve: KrautKennedy, rho, p):  # noqa: ARG001
    return curve.temperature * (ONE + curve.slope * max(ONE - curve.density / rho, ZERO))


@least_melting.register
def _(curve: KrautKennedy, zero):
    return curve.temperature + zero


class SimonGlatzel(NamedTuple):
    """Melt temperature that rises with the pressure: T0 (1 + p / p0)^exponent.

    Attributes
    ----------
    temperature, pressure, exponent
        T0 [K], p0 [Pa], [1].
    """

    temperature: float = 551.0
    pressure: float = 0.305e9
    exponent: float = 0.327


@melting.register
def _(curve: SimonGlatzel, rho, p):  # noqa: ARG001
    return curve.temperature * (ONE + max(p, ZERO) / curve.pressure) ** curve.exponent


@least_melting.register
def _(curve: SimonGlatzel, zero):
    return curve.temperature + zero


class Strength(NamedTuple):
    """An elastic, perfectly plastic solid.

    Attributes
    ----------
    yield_stress, modulus
        Yield stress Y under one-dimensional stress, and shear modulus G [Pa].
    curve
        Melt curve, one of `CURVES`.
    """

    yield_stress: float = 0.26e9
    modulus: float = 10.0e9
    curve: Any = KrautKennedy()


def uniaxial(strength: Strength | None, stretch: float) -> float:
    """Return by how much the normal stress [Pa] exceeds the pressure when a solid is squeezed along one direction.

    Parameters
    ----------
    stretch
        Density over that of the relaxed solid [1].
    """
    if strength is None:
        return 0.0
    limit = 2.0 / 3.0 * strength.yield_stress
    return min(max(4.0 / 3.0 * strength.modulus * math.log(stretch), -limit), limit)


CURVES: dict[str, Callable[..., Any]] = {
    "kraut-kennedy": KrautKennedy,
    "simon-glatzel": SimonGlatzel,
    "never": Never,
}

__all__ = ["CURVES", "KrautKennedy", "Never", "SimonGlatzel", "Strength", "least_melting", "melting", "uniaxial"]
