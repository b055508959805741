"""Gases: ideal, and stiffened so that it resists stretching like a liquid.

References
----------
Harlow and Amsden, Fluid Dynamics, LANL LA-4700 (1971) for the stiffened gas; Le Metayer and Saurel,
Phys. Fluids 28 (2016) 046102 for its temperature.
"""

import math
from typing import NamedTuple

from tessera.errors import ConfigError
from tessera.physics.eos.functions import (
    VOID_SPEED,
    check_positive,
    energy,
    energy_of_temperature,
    gruneisen,
    heat_capacity,
    pressure,
    solid_density,
    solid_fraction,
    sound_speed,
    squared_speed,
    temperature,
    temperature_bound,
    tension,
)
from tessera.physics.law import ONE, ZERO


class IdealGas(NamedTuple):
    """Ideal gas, p = (gamma - 1) rho e.

    Attributes
    ----------
    gamma
        Ratio of specific heats, above 1 [1].
    specific_heat
        Heat capacity at constant volume [J/kg/K].
    """

    gamma: float = 1.4
    specific_heat: float = 718.0


@pressure.register
@tension.register
def _(law: IdealGas, rho, e):
    return (law.gamma - ONE) * rho * e


@sound_speed.register
def _(law: IdealGas, rho, e):  # noqa: ARG001
    return math.sqrt(law.gamma * (law.gamma - ONE) * max(e, ZERO))


@squared_speed.register
def _(law: IdealGas, rho, e):  # noqa: ARG001
    return law.gamma * (law.gamma - ONE) * e


@energy.register
def _(law: IdealGas, rho, p):
    return p / ((law.gamma - ONE) * rho)


@temperature.register
@temperature_bound.register
def _(law: IdealGas, rho, e):  # noqa: ARG001
    return e / law.specific_heat


@energy_of_temperature.register
def _(law: IdealGas, rho, T):  # noqa: ARG001
    return T * law.specific_heat


@heat_capacity.register
def _(law: IdealGas, rho, T):  # noqa: ARG001
    return law.specific_heat


@gruneisen.register
def _(law: IdealGas, rho):  # noqa: ARG001
    return law.gamma - ONE


@solid_fraction.register
def _(law: IdealGas, rho, e):  # noqa: ARG001
    return ONE


@solid_density.register
def _(law: IdealGas, zero):  # noqa: ARG001
    return zero


class StiffenedGas(NamedTuple):
    """Stiffened gas, p = (gamma - 1) rho (e + bond) - gamma stiffness and e + bond = c T + stiffness / rho.

    Where that pressure is negative the cell holds void and p = 0, at the temperature of matter at rest.

    Attributes
    ----------
    gamma, stiffness, specific_heat
        Ratio of specific heats above 1 [1], p_inf [Pa], c [J/kg/K].
    bond
        Energy that is not counted [J/kg]: e = 0 is matter at rest without pressure.
    density
        Of matter at rest [kg/m3]; 0 for a gas that fills any volume.
    """

    gamma: float
    stiffness: float
    specific_heat: float
    bond: float = 0.0
    density: float = 0.0


def stiffened_gas(gamma: float, stiffness: float, density: float, temperature: float) -> StiffenedGas:
    """Return the stiffened gas that has no pressure and no energy at a density [kg/m3] and a temperature [K].

    Its heat capacity follows: p = (gamma - 1) rho c T - stiffness vanishes there.
    """
    check_positive(stiffness=stiffness, density=density, temperature=temperature)
    if gamma <= 1.0:
        raise ConfigError(f"gamma: expected a number above 1, got {gamma}")
    heat = stiffness / ((gamma - 1.0) * density * temperature)
    return StiffenedGas(gamma, stiffness, heat, gamma * stiffness / ((gamma - 1.0) * density), density)


@tension.register
def _(law: StiffenedGas, rho, e):
    return (law.gamma - ONE) * rho * (e + law.bond) - law.gamma * law.stiffness


@pressure.register
def _(law: StiffenedGas, rho, e):
    return max((law.gamma - ONE) * rho * (e + law.bond) - law.gamma * law.stiffness, ZERO)


@sound_speed.register
def _(law: StiffenedGas, rho, e):
    p = (law.gamma - ONE) * rho * (e + law.bond) - law.gamma * law.stiffness
    square = law.gamma * (p + law.stiffness) / rho
    return math.sqrt(max(square, VOID_SPEED * VOID_SPEED)) if p >= ZERO else VOID_SPEED + ZERO * p


@squared_speed.register
def _(law: StiffenedGas, rho, e):
    return law.gamma * ((law.gamma - ONE) * (e + law.bond) - (law.gamma - ONE) * law.stiffness / rho)


@energy.register
def _(law: StiffenedGas, rho, p):
    return (p + law.gamma * law.stiffness) / ((law.gamma - ONE) * rho) - law.bond


@temperature.register
@temperature_bound.register
def _(law: StiffenedGas, rho, e):
    return (e + law.bond - law.stiffness / max(rho, law.density)) / law.specific_heat


@energy_of_temperature.register
def _(law: StiffenedGas, rho, T):
    return law.specific_heat * T + law.stiffness / max(rho, law.density) - law.bond


@heat_capacity.register
def _(law: StiffenedGas, rho, T):  # noqa: ARG001
    return law.specific_heat


@gruneisen.register
def _(law: StiffenedGas, rho):  # noqa: ARG001
    return law.gamma - ONE


@solid_fraction.register
def _(law: StiffenedGas, rho, e):
    """Compare with the density at which the pressure vanishes."""
    free = law.gamma * law.stiffness / ((law.gamma - ONE) * (e + law.bond))
    return ONE if law.density == ZERO else min(rho / free, ONE)


@solid_density.register
def _(law: StiffenedGas, zero):
    return law.density + zero
