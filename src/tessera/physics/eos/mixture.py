"""Explosive and products in one cell, by burnt mass fraction.

Both fill the cell at one density and share one temperature: the free energy is F = (1 - y) F_solid + y F_products
over (rho, T, y), so that pressure, energy and entropy are the sums of the parts'. What follows is a complete
potential (the same Maxwell relations, an isentropic sound speed that is real wherever the parts' are), exact
at both ends, and costs one scalar root, that of a convex increasing function, which Newton's iteration cannot
miss. Equal pressures instead of equal densities would ask for two unknowns per cell, with a Jacobian that turns
singular where voids floor the pressure, to tell apart states within a burn front that no grid here resolves: the
states ahead and behind, hence detonation speed and spike, are the same.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.extending import overload

from tessera.physics.eos.functions import (
    VOID_SPEED,
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
from tessera.physics.eos.products import JWL
from tessera.physics.law import ONE, ZERO, point

UNBURNT = np.float32(1e-7)  # share of products below which the solid is alone [1]
GUESS = np.float32(1500.0)  # where the search for a temperature begins [K]
COLDEST = np.float32(1.0)  # it ends [K]
CLOSE = np.float32(3e-6)  # relative step of the iteration that ends it: the next would be its square
STEPS = 20


class Mixture(NamedTuple):
    """A solid and its products.

    Attributes
    ----------
    solid, products
        Laws of the parts.
    burnt
        Mass fraction of the products [1].
    """

    solid: Any
    products: Any
    burnt: float = 0.0


def mixture(solid: Any, products: JWL, heat: float) -> Mixture:
    """Return the mixture whose products hold the heat of detonation of their own law.

    Parameters
    ----------
    solid, products
        Laws; energy is counted from the solid at rest.
    heat
        What the reaction adds to the energy of a cell that burns [J/kg].
    """
    return Mixture(solid, products._replace(shift=products.energy - heat))


def at_burnt(law: Any, burnt: float) -> Any:
    """Return the law at a mass fraction of its second part; a law of one part is left as it is."""
    return law._replace(burnt=burnt) if hasattr(law, "burnt") else law


@overload(at_burnt, strict=False, jit_options={"error_model": "numpy", "forceinline": True})
def _at_burnt(law, burnt):  # noqa: ARG001
    if not isinstance(law, (types.NamedTuple, types.NamedUniTuple)):
        return None
    kind = law.instance_class
    if "burnt" not in kind._fields:
        return lambda law, burnt: law  # noqa: ARG005
    return lambda law, burnt: kind(law[0], law[1], burnt)


@point
def _shared(law, rho, e):
    """Return the temperature [K] at which the parts together have an energy."""
    T, left = GUESS + ZERO * e, ONE - law.burnt
    for _ in range(STEPS):
        missing = (
            e
            - left * energy_of_temperature(law.solid, rho, T)
            - law.burnt * energy_of_temperature(law.products, rho, T)
        )
        step = missing / (left * heat_capacity(law.solid, rho, T) + law.burnt * law.products.specific_heat)
        T = max(T + step, COLDEST)
        if abs(step) <= CLOSE * T:
            break
    return T


@point
def _sum(law, rho, T):
    """Return the sum [Pa] of the partial pressures."""
    solid = tension(law.solid, rho, energy_of_temperature(law.solid, rho, T))
    gas = tension(law.products, rho, energy_of_temperature(law.products, rho, T))
    return (ONE - law.burnt) * solid + law.burnt * gas


@point
def _unfloored(law, rho, e):
    return tension(law.solid, rho, e) if law.burnt < UNBURNT else _sum(law, rho, _shared(law, rho, e))


@point
def _stiffness(law, rho, T):
    """Return dp/drho [J/kg] of a part at a temperature: its c^2 less what its heat adds."""
    gamma = gruneisen(law, rho)
    return squared_speed(law, rho, energy_of_temperature(law, rho, T)) - gamma * gamma * heat_capacity(law, rho, T) * T


@pressure.register
def _(law: Mixture, rho, e):
    return max(_unfloored(law, rho, e), ZERO)


@tension.register
def _(law: Mixture, rho, e):
    return _unfloored(law, rho, e)


@point
def _square(law, rho, T):
    """Return c^2 = dp/drho at constant T + T (dp/dT)^2 / (rho^2 C), each the sum of the parts', at a frozen share."""
    left = ONE - law.burnt
    solid, gas = left * heat_capacity(law.solid, rho, T), law.burnt * law.products.specific_heat
    push = gruneisen(law.solid, rho) * solid + law.products.omega * gas
    cold = left * _stiffness(law.solid, rho, T) + law.burnt * _stiffness(law.products, rho, T)
    return cold + T * push * push / (solid + gas)


@sound_speed.register
def _(law: Mixture, rho, e):
    if law.burnt < UNBURNT:
        return sound_speed(law.solid, rho, e)
    T = _shared(law, rho, e)
    square = max(_square(law, rho, T), VOID_SPEED * VOID_SPEED)
    return math.sqrt(square) if _sum(law, rho, T) >= ZERO else VOID_SPEED + ZERO * e


@squared_speed.register
def _(law: Mixture, rho, e):
    return squared_speed(law.solid, rho, e) if law.burnt < UNBURNT else _square(law, rho, _shared(law, rho, e))


@energy.register
def _(law: Mixture, rho, p):
    """Follow the pressure, which is nearly linear in the temperature, to its value."""
    T = GUESS + ZERO * p
    for _ in range(STEPS):
        solid = (ONE - law.burnt) * heat_capacity(law.solid, rho, T) * gruneisen(law.solid, rho)
        step = (p - _sum(law, rho, T)) / (rho * (solid + law.burnt * law.products.specific_heat * law.products.omega))
        T = max(T + step, COLDEST)
        if abs(step) <= CLOSE * T:
            break
    return energy_of_temperature(law, rho, T)


@temperature.register
def _(law: Mixture, rho, e):
    return temperature(law.solid, rho, e) if law.burnt < UNBURNT else _shared(law, rho, e)


@temperature_bound.register
def _(law: Mixture, rho, e):
    """The shared temperature lies between those that each part would have alone."""
    solid = temperature_bound(law.solid, rho, e)
    both = max(max(solid, temperature(law.products, rho, e)), COLDEST)
    return solid if law.burnt < UNBURNT else both


@energy_of_temperature.register
def _(law: Mixture, rho, T):
    solid = energy_of_temperature(law.solid, rho, T)
    gas = energy_of_temperature(law.products, rho, T)
    return (ONE - law.burnt) * solid + law.burnt * gas


@heat_capacity.register
def _(law: Mixture, rho, T):
    return (ONE - law.burnt) * heat_capacity(law.solid, rho, T) + law.burnt * heat_capacity(law.products, rho, T)


@solid_fraction.register
def _(law: Mixture, rho, e):
    return ONE if _unfloored(law, rho, e) > ZERO else solid_fraction(law.solid, rho, e)


@solid_density.register
def _(law: Mixture, zero):
    return solid_density(law.solid, zero)
