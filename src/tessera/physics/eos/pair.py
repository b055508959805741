"""A liquid and a gas in one cell, by mass fraction of the gas, at one pressure and one temperature.

The liquid is a stiffened gas, v = (gamma - 1) c T / (p + p_inf) and e = c T (p + gamma p_inf) / (p + p_inf); the gas is
ideal. With volumes and energies that add, pressure follows from density and energy by a quadratic equation with one
positive root. The pair is complete: it is the mixture of two potentials at given (p, T), and its sound speed is that
of matter whose parts exchange volume and heat at once, well below that of either part.

References
----------
Le Metayer and Saurel, Phys. Fluids 28 (2016) 046102; Flatten and Lund, Math. Models Methods Appl. Sci. 21 (2011) 2379
for the sound speeds of such mixtures.
"""

import math
from typing import NamedTuple

import numpy as np

from tessera.errors import ConfigError
from tessera.physics.eos.functions import (
    check_positive,
    energy,
    energy_of_temperature,
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
from tessera.physics.eos.gas import IdealGas, StiffenedGas
from tessera.physics.law import FOUR, HALF, ONE, ZERO, point

TINY = np.float32(1e-30)  # keeps nought over nought at nought


class Pair(NamedTuple):
    """A liquid and a gas; energies are counted from those of both without temperature.

    Attributes
    ----------
    liquid, gas
        Laws of the parts; the liquid has no `bond`.
    burnt
        Mass fraction of the gas [1], carried by the species as that of products is.
    """

    liquid: StiffenedGas
    gas: IdealGas
    burnt: float = 0.0


def pair(
    liquid: tuple[float, float, float], gas: tuple[float, float], temperature: float = 300.0, pressure: float = 1e5
) -> Pair:
    """Return the pair whose parts are at rest at one temperature and one pressure.

    Parameters
    ----------
    liquid
        Ratio of specific heats [1], stiffness [Pa] and density [kg/m3].
    gas
        Ratio of specific heats [1] and density [kg/m3].
    temperature, pressure
        At rest [K], [Pa].

    Raises
    ------
    ConfigError
        A parameter has no meaning.
    """
    (hard, stiffness, dense), (soft, thin) = liquid, gas
    check_positive(stiffness=stiffness, liquid=dense, gas=thin, temperature=temperature, pressure=pressure)
    for gamma in (hard, soft):
        if gamma <= 1.0:
            raise ConfigError(f"gamma: expected a number above 1, got {gamma}")
    return Pair(
        StiffenedGas(hard, stiffness, (pressure + stiffness) / ((hard - 1.0) * dense * temperature)),
        IdealGas(soft, pressure / ((soft - 1.0) * thin * temperature)),
    )


@point
def _shares(law):
    """Return (1 - y) c of the liquid and y c of the gas [J/kg/K]."""
    return (ONE - law.burnt) * law.liquid.specific_heat, law.burnt * law.gas.specific_heat


@point
def _positive(linear, constant):
    """Return the larger root of x^2 + linear x - constant, for constant >= 0, without cancellation."""
    root = math.sqrt(linear * linear + FOUR * constant)
    return HALF * (root - linear) if linear < ZERO else (constant + constant) / max(root + linear, TINY)


@point
def _pressed(law, rho, e):
    """Return the pressure [Pa] at which volumes and energies of the parts add up."""
    liquid, gas = _shares(law)
    stiff, hard = law.liquid.stiffness, law.liquid.gamma
    push = (hard - ONE) * liquid + (law.gas.gamma - ONE) * gas
    whole = liquid + gas
    linear = ((hard * liquid + gas) * stiff - rho * e * push) / whole
    return _positive(linear, rho * e * (law.gas.gamma - ONE) * gas * stiff / whole)


@point
def _heat(law, p):
    """Return e / T [J/kg/K] at a pressure."""
    liquid, gas = _shares(law)
    return liquid * (p + law.liquid.gamma * law.liquid.stiffness) / (p + law.liquid.stiffness) + gas


@point
def _room(law, p):
    """Return v / T [m3/kg/K] at a pressure, and its slope -d(v / T)/dp."""
    liquid, gas = _shares(law)
    stretched = (law.liquid.gamma - ONE) * liquid / (p + law.liquid.stiffness)
    filled = (law.gas.gamma - ONE) * gas / p if law.burnt > ZERO else ZERO * p
    slope = filled / p if law.burnt > ZERO else ZERO * p
    return stretched + filled, stretched / (p + law.liquid.stiffness) + slope


@point
def _at_temperature(law, rho, T):
    """Return the pressure [Pa] at which the volumes of the parts add up to 1 / rho at a temperature."""
    liquid, gas = _shares(law)
    stiff, dense = law.liquid.stiffness, rho * T
    filled = (law.gas.gamma - ONE) * gas * dense
    return _positive(stiff - (law.liquid.gamma - ONE) * liquid * dense - filled, filled * stiff)


@point
def _capacity(law):
    """Return the heat capacity at constant pressure [J/kg/K]."""
    liquid, gas = _shares(law)
    return law.liquid.gamma * liquid + law.gas.gamma * gas


@point
def _square(law, rho, e):
    """Return c^2 = v^2 / (-dv/dp at constant T - T (dv/dT)^2 / cp), where v is T times a function of p."""
    p = _pressed(law, rho, e)
    room, slope = _room(law, p)
    return e / _heat(law, p) * room * room / (slope - room * room / _capacity(law))


@pressure.register
@tension.register
def _(law: Pair, rho, e):
    return _pressed(law, rho, e)


@squared_speed.register
def _(law: Pair, rho, e):
    return _square(law, rho, e)


@sound_speed.register
def _(law: Pair, rho, e):
    return math.sqrt(max(_square(law, rho, e), ONE))


@energy.register
def _(law: Pair, rho, p):
    return _heat(law, p) / (rho * _room(law, p)[0])


@temperature.register
@temperature_bound.register
def _(law: Pair, rho, e):
    return e / _heat(law, _pressed(law, rho, e))


@energy_of_temperature.register
def _(law: Pair, rho, T):
    return T * _heat(law, _at_temperature(law, rho, T))


@heat_capacity.register
def _(law: Pair, rho, T):
    """Return cp + T (dv/dT)^2 / (dv/dp), at constant volume."""
    room, slope = _room(law, _at_temperature(law, rho, T))
    return _capacity(law) - room * room / slope


@solid_fraction.register
def _(law: Pair, rho, e):
    """Return the share of the volume that the liquid fills."""
    p = _pressed(law, rho, e)
    liquid, _ = _shares(law)
    return (law.liquid.gamma - ONE) * liquid / ((p + law.liquid.stiffness) * _room(law, p)[0])


@solid_density.register
def _(law: Pair, zero):  # noqa: ARG001
    return zero
