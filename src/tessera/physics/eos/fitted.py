"""Mie-Grueneisen solid on a fitted isentrope, with a heat capacity that rises linearly.

The law is not complete: its heat capacity does not scale with the volume, so that temperatures far from the
isentrope are those of a calorimeter, not of a potential. `solid` holds laws that are.

References
----------
Benson and Conley 1999 for the Mie-Grueneisen parameters of HMX (density, sound speed, slope, Grueneisen
coefficient); Menikoff and Sewell 2002 for the shape of its heat capacity.
"""

import math
from typing import NamedTuple

import numpy as np

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
from tessera.physics.law import FOUR, HALF, ONE, THREE, TWO, ZERO, point
from tessera.physics.numerics import cumulative, nonnegative

SIX, EIGHT, TWELVE, FIFTY_SIX = (np.float32(value) for value in (6.0, 8.0, 12.0, 56.0))
CLOSE_TO_SINGULAR = 0.68  # the fit ends at this share of the compression where linear Us-up diverges


class MieGruneisen(NamedTuple):
    """Mie-Grueneisen solid on its reference isentrope, with voids that hold no pressure.

    With the compression x = max(1 - rho0 / rho, 0), the isentrope through the state at rest is
    e_s = x^2 (c0^2 / 2 + b1 x + b2 x^2 + b6 x^6), p_s = rho0 de_s/dx, and p = p_s + Gamma rho (e - e_s).
    Below rho0, p_s = c0^2 (rho - rho0). Where that sum is negative the cell holds void and p = 0.
    The heat capacity rises linearly from `cold_heat` at T0 to `hot_heat` at `ramp_end`, constant outside.

    Attributes
    ----------
    density, sound_speed, gruneisen, temperature
        rho0 [kg/m3], c0 [m/s], Gamma [1], T0 [K] of the solid at rest.
    b1, b2, b6
        Coefficients of the isentrope [m2/s2].
    cold_heat, hot_heat, ramp_end
        Heat capacities [J/kg/K], temperature [K].
    """

    density: float
    sound_speed: float
    gruneisen: float
    temperature: float
    b1: float
    b2: float
    b6: float
    cold_heat: float = 1100.0
    hot_heat: float = 2200.0
    ramp_end: float = 1500.0


def mie_gruneisen(
    density: float, sound_speed: float, slope: float, gruneisen: float, temperature: float
) -> MieGruneisen:
    """Fit the law's isentrope to that of a solid with the Hugoniot Us = c0 + s up.

    The isentrope of the linear Hugoniot obeys de/dx = p_H / rho0 + Gamma (e - e_H) / (1 - x). A fit of
    non-negative coefficients to its pressure follows it and, unlike it, has no singularity at x = 1 / s.

    Parameters
    ----------
    density, sound_speed, slope, gruneisen, temperature
        rho0 [kg/m3], c0 [m/s], s [1], Gamma [1], T0 [K]; all positive.

    Raises
    ------
    ConfigError
        A parameter is not positive.
    """
    check_positive(density=density, sound_speed=sound_speed, slope=slope, gruneisen=gruneisen, temperature=temperature)
    x = np.linspace(0.0, CLOSE_TO_SINGULAR / slope, 201)[1:]

    def source(x):
        return sound_speed**2 * x / (1.0 - slope * x) ** 2 * (1.0 - 0.5 * gruneisen * x / (1.0 - x))

    e = cumulative(lambda x: (1.0 - x) ** gruneisen * source(x), x) / (1.0 - x) ** gruneisen
    beyond = (source(x) + gruneisen / (1.0 - x) * e - sound_speed**2 * x) / 1e6
    terms = np.stack([3.0 * x**2, 4.0 * x**3, 8.0 * x**7], axis=1)
    weight = 1.0 / x
    b1, b2, b6 = nonnegative(terms * weight[:, None], beyond * weight)
    return MieGruneisen(density, sound_speed, gruneisen, temperature, *(1e6 * float(value) for value in (b1, b2, b6)))


@point
def _compression(law, rho):
    return max(ONE - law.density / rho, ZERO)


@point
def _cold_energy(law, x):
    x2 = x * x
    return x2 * (HALF * law.sound_speed * law.sound_speed + x * law.b1 + x2 * (law.b2 + x2 * x2 * law.b6))


@point
def _cold_pressure(law, x):
    """Return rho0 de_s/dx [Pa]."""
    x2, c2 = x * x, law.sound_speed * law.sound_speed
    slope = c2 + THREE * law.b1 * x + x2 * (FOUR * law.b2 + EIGHT * law.b6 * x2 * x2)
    return law.density * x * slope


@point
def _unfloored(law, rho, e):
    """Return the pressure [Pa] that would hold if the solid could be stretched."""
    x = _compression(law, rho)
    stretched = law.sound_speed * law.sound_speed * min(rho - law.density, ZERO)
    return _cold_pressure(law, x) + stretched + law.gruneisen * rho * (e - _cold_energy(law, x))


@point
def _heat(law, T):
    """Return the heat [J/kg] between T0 and T: the integral of the heat capacity."""
    ramp = law.ramp_end - law.temperature
    warm = min(max(T - law.temperature, ZERO), ramp)
    rise = (law.hot_heat - law.cold_heat) / ramp
    below = min(T - law.temperature, ZERO)
    above = max(T - law.ramp_end, ZERO)
    return law.cold_heat * (below + warm) + HALF * rise * warm * warm + law.hot_heat * above


@point
def _temperature_of_heat(law, heat):
    """Invert `_heat`."""
    ramp = law.ramp_end - law.temperature
    rise = (law.hot_heat - law.cold_heat) / ramp
    full = (law.cold_heat + HALF * rise * ramp) * ramp
    warm = min(max(heat, ZERO), full)
    root = math.sqrt(law.cold_heat * law.cold_heat + TWO * rise * warm)
    below, above = min(heat, ZERO), max(heat - full, ZERO)
    return law.temperature + TWO * warm / (law.cold_heat + root) + below / law.cold_heat + above / law.hot_heat


@point
def _isentropic_temperature(law, rho):
    return law.temperature * max(rho / law.density, ONE) ** law.gruneisen


@pressure.register
def _(law: MieGruneisen, rho, e):
    return max(_unfloored(law, rho, e), ZERO)


@tension.register
def _(law: MieGruneisen, rho, e):
    return _unfloored(law, rho, e)


@point
def _square(law, rho, e):
    """Return c^2 = dp/drho at constant e + p/rho^2 dp/de [m2/s2]."""
    x = _compression(law, rho)
    x2, c2, solid = x * x, law.sound_speed * law.sound_speed, law.density / rho
    stiffness = c2 + SIX * law.b1 * x + x2 * (TWELVE * law.b2 + FIFTY_SIX * law.b6 * x2 * x2)
    share = min(solid * solid, ONE)
    heated = e - _cold_energy(law, x) + (_unfloored(law, rho, e) - _cold_pressure(law, x)) / rho
    return share * stiffness + law.gruneisen * heated


@sound_speed.register
def _(law: MieGruneisen, rho, e):
    p = _unfloored(law, rho, e)
    return math.sqrt(max(_square(law, rho, e), VOID_SPEED * VOID_SPEED)) if p >= ZERO else VOID_SPEED + ZERO * p


@squared_speed.register
def _(law: MieGruneisen, rho, e):
    return _square(law, rho, e)


@energy.register
def _(law: MieGruneisen, rho, p):
    return (p - _unfloored(law, rho, ZERO)) / (law.gruneisen * rho)


@temperature.register
def _(law: MieGruneisen, rho, e):
    thermal = e - _cold_energy(law, _compression(law, rho))
    return _temperature_of_heat(law, _heat(law, _isentropic_temperature(law, rho)) + thermal)


@temperature_bound.register
def _(law: MieGruneisen, rho, e):
    """Bound rho^Gamma by the power 2 of the compression for Gamma up to 2, so that the loop stays free of pow."""
    squeeze = max(rho / law.density, ONE)
    chord = ONE + (TWO**law.gruneisen - ONE) * (squeeze - ONE)
    bound = law.temperature * (chord if squeeze <= TWO else squeeze * squeeze)
    return _temperature_of_heat(law, _heat(law, bound) + e - _cold_energy(law, _compression(law, rho)))


@energy_of_temperature.register
def _(law: MieGruneisen, rho, T):
    cold = _cold_energy(law, _compression(law, rho))
    return cold + _heat(law, T) - _heat(law, _isentropic_temperature(law, rho))


@gruneisen.register
def _(law: MieGruneisen, rho):  # noqa: ARG001
    return law.gruneisen


@heat_capacity.register
def _(law: MieGruneisen, rho, T):  # noqa: ARG001
    share = min(max((T - law.temperature) / (law.ramp_end - law.temperature), ZERO), ONE)
    return law.cold_heat + (law.hot_heat - law.cold_heat) * share


@solid_fraction.register
def _(law: MieGruneisen, rho, e):
    """Compare with the density at which the stretched solid has no pressure, c0^2 rho0 / (c0^2 + Gamma e)."""
    c2 = law.sound_speed * law.sound_speed
    free = c2 * law.density / (c2 + law.gruneisen * e)
    return ONE if _unfloored(law, rho, e) > ZERO else min(rho / free, ONE)


@solid_density.register
def _(law: MieGruneisen, zero):
    return law.density + zero
