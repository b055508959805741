"""Complete solids: a reference curve, a Grueneisen coefficient and a Debye-like heat capacity that scales with volume.

Everything follows from one potential. With theta(rho), d ln theta / d ln rho = Gamma, and the reference energy
and pressure e_r, p_r = rho^2 de_r/drho,

    e = e_r + theta (I(T / theta) - I0),    p = p_r + Gamma rho (e - e_r),    I = integral of C(T).

`LinearHugoniot` takes as reference the isentrope through the state at rest (theta = 1 and I0 = I(T0) there),
`BirchMurnaghan` the cold curve (I0 = 0, and e = 0 at rest). Below the density at rest the reference ends:
p = c0^2 (rho - rho0) + Gamma0 rho e, and p = 0 where that is negative, for the cell holds void.

C(T) = T^3 / (a0 + a1 T + a2 T^2 + a3 T^3) with the published numbers of HMX is C_inf T / (T + a2 / a3) to
2e-5 above 100 K: a0 and a1 act below one kelvin. That form has an integral with one logarithm.

References
----------
Menikoff and Sewell, High Press. Res. 21 (2001) 121, and HMX.data of EOSlib (LANL) for Gamma and C(T) of HMX.
"""

import math

import numpy as np

from tessera.physics.eos.curves import (
    BirchMurnaghan,
    LinearHugoniot,
    reference_energy,
    reference_pressure,
    reference_stiffness,
)
from tessera.physics.eos.functions import (
    VOID_SPEED,
    energy,
    energy_of_temperature,
    gruneisen,
    heat_capacity,
    near_temperature,
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

FIVE, SIX, SEVEN, NINE, TWELVE, SIXTEEN = (np.float32(value) for value in (5.0, 6.0, 7.0, 9.0, 12.0, 16.0))
SIXTY, HUNDRED_TWENTY = np.float32(60.0), np.float32(120.0)
SLACK = np.float32(1.003)  # keeps a bound of the temperature above it, whatever single precision does to an energy [1]
NEAR = np.float32(0.1)  # z below which w + sqrt(2 w) is a bound within 2 % [1]
FROZEN = np.float32(1e-8)  # least heat over C_inf x half_heat that a temperature is sought for [1]


@point
def _coupling(law, rho):
    """Return Gamma rho [kg/m3], with the Gamma of rest below the density at rest."""
    return law.hard * rho + law.soft * law.unit_density * min(rho / law.density, ONE)


@point
def _coupling_at_rest(law):
    return law.hard + law.soft * law.unit_density / law.density


@point
def _unfloored(law, rho, e):
    """Return the pressure [Pa] that would hold if the solid could be stretched."""
    dense = max(rho, law.density)
    squeezed = reference_pressure(law, dense) + _coupling(law, dense) * (e - reference_energy(law, dense))
    c2 = law.sound_speed * law.sound_speed
    stretched = c2 * (rho - law.density) + _coupling_at_rest(law) * rho * e
    return squeezed if rho >= law.density else stretched


@point
def _theta(law, rho):
    ratio = law.unit_density / rho
    return ratio ** (-law.hard) * math.exp(law.soft * (ONE - ratio))


@point
def _reduced(w):
    """Solve z - log(1 + z) = w by Newton's iteration from above."""
    w = max(w, FROZEN)
    z = w + math.sqrt(TWO * w)
    for _ in range(5):
        z -= (z - math.log1p(z) - w) * (ONE + z) / z
    return z


@point
def _reduced_bound(w):
    """Bound the same z by one step of Newton's from w + sqrt(2 w): the step stays above, and takes no logarithm.

    Of log(1 + z) it takes a bound, twice that by Pade of log(1 + t) <= t (6 + t) / (6 + 4 t) at 1 + t = sqrt(1 + z).
    A small z is as near without the step, which would be a difference of numbers alike.
    """
    w = max(w, FROZEN)
    root = math.sqrt(TWO * w)
    z = w + root
    t = (math.sqrt(ONE + z) + ZERO * z) - ONE
    below = SIX + FOUR * t
    step = (root * below - TWO * t * (SIX + t)) * (ONE + z) / (below * z)
    return z - (step if z > NEAR else ZERO * z)


def _pressure(law, rho, e):
    return max(_unfloored(law, rho, e), ZERO)


def _tension(law, rho, e):
    return _unfloored(law, rho, e)


def _squared_speed(law, rho, e):
    """c^2 = dp/drho at constant e + p/rho^2 dp/de."""
    dense = max(rho, law.density)
    cold = reference_stiffness(law, dense) + law.hard * (e - reference_energy(law, dense))
    cold -= _coupling(law, dense) * reference_pressure(law, dense) / (dense * dense)
    slope = cold if rho >= law.density else law.sound_speed * law.sound_speed + _coupling_at_rest(law) * e
    return slope + _coupling(law, rho) * _unfloored(law, rho, e) / (rho * rho)


def _sound_speed(law, rho, e):
    p = _unfloored(law, rho, e)
    square = max(squared_speed(law, rho, e), VOID_SPEED * VOID_SPEED)
    return math.sqrt(square) if p >= ZERO else VOID_SPEED + ZERO * p


def _energy(law, rho, p):
    return (p - _unfloored(law, rho, ZERO)) / _coupling(law, rho)


def _temperature(law, rho, e):
    dense = max(rho, law.density)
    scale = _theta(law, dense) * law.half_heat
    heat = (e - reference_energy(law, dense)) / (scale * law.heat_limit)
    return scale * _reduced(heat + law.stored / (law.half_heat * law.heat_limit))


def _temperature_bound(law, rho, e):
    """Bound theta by the chord of a power and by a geometric series: no function calls. Within 3 %."""
    dense = max(rho, law.density)
    squeeze = max(dense / law.unit_density, ONE)
    chord = ONE + (TWO**law.hard - ONE) * (squeeze - ONE)
    y = max(law.soft * (ONE - law.unit_density / dense), ZERO)
    tail = y * y * (HALF + y / SIX + y * y / (FOUR * SIX * (ONE - y / FIVE)))
    scale = (chord if squeeze <= TWO else squeeze * squeeze) * (ONE + y + tail) * law.half_heat
    heat = (e - reference_energy(law, dense)) / (scale * law.heat_limit)
    return scale * SLACK * _reduced_bound(heat + law.stored / (law.half_heat * law.heat_limit))


@point
def _log(t):
    """Return log(1 + t) for t > -1/2, small or large: eighths of it by the series of the inverse hyperbolic tangent."""
    for _ in range(3):
        t = t / (ONE + math.sqrt(ONE + t))
    s = t / (TWO + t)
    s2 = s * s
    return SIXTEEN * s * (ONE + s2 * (ONE / THREE + s2 * (ONE / FIVE + s2 * (ONE / SEVEN + s2 / NINE))))


@point
def _exp(y):
    """Return exp(y) for y of some units: the fourth power of Pade's of a quarter."""
    y = y / FOUR
    y2 = y * y
    even, odd = HUNDRED_TWENTY + TWELVE * y2, y * (SIXTY + y2)
    root = (even + odd) / (even - odd)
    square = root * root
    return square * square


def _near_temperature(law, rho, e):
    """Take two steps of Newton's from the bound, with logarithm and exponential by arithmetic."""
    dense = max(rho, law.density)
    squeeze = dense / law.unit_density
    scale = _exp(law.soft * (ONE - ONE / squeeze) + law.hard * _log(squeeze - ONE)) * law.half_heat
    heat = (e - reference_energy(law, dense)) / (scale * law.heat_limit)
    w = max(heat + law.stored / (law.half_heat * law.heat_limit), FROZEN)
    z = _reduced_bound(w)
    for _ in range(2):
        z -= (z - _log(z) - w) * (ONE + z) / z
    return scale * z


def _energy_of_temperature(law, rho, T):
    dense = max(rho, law.density)
    scale = _theta(law, dense) * law.half_heat
    z = max(T / scale, ZERO)
    heat = (z - math.log1p(z)) * law.half_heat * law.heat_limit - law.stored
    return reference_energy(law, dense) + scale / law.half_heat * heat


def _heat_capacity(law, rho, T):
    z = T / (_theta(law, max(rho, law.density)) * law.half_heat)
    return law.heat_limit * z / (ONE + z)


def _gruneisen(law, rho):
    return _coupling(law, rho) / rho


def _solid_fraction(law, rho, e):
    """Compare with the density at which the stretched solid has no pressure, c0^2 rho0 / (c0^2 + Gamma0 e)."""
    c2 = law.sound_speed * law.sound_speed
    free = c2 * law.density / (c2 + _coupling_at_rest(law) * e)
    return ONE if _unfloored(law, rho, e) > ZERO else min(rho / free, ONE)


def _solid_density(law, zero):
    return law.density + zero


COMPLETE = (LinearHugoniot, BirchMurnaghan)
for _kind in COMPLETE:
    pressure.register(_kind, _pressure)
    tension.register(_kind, _tension)
    sound_speed.register(_kind, _sound_speed)
    squared_speed.register(_kind, _squared_speed)
    energy.register(_kind, _energy)
    temperature.register(_kind, _temperature)
    temperature_bound.register(_kind, _temperature_bound)
    near_temperature.register(_kind, _near_temperature)
    energy_of_temperature.register(_kind, _energy_of_temperature)
    heat_capacity.register(_kind, _heat_capacity)
    gruneisen.register(_kind, _gruneisen)
    solid_fraction.register(_kind, _solid_fraction)
    solid_density.register(_kind, _solid_density)
