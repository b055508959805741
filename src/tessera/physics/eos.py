"""Equations of state: pressure, sound speed and temperature from density and internal energy.

Adding a law touches this file alone: a `NamedTuple`, its bodies, one entry in `LAWS`.

References
----------
Benson and Conley 1999 for the Mie-Grueneisen parameters of HMX (density, sound speed, slope, Grueneisen
coefficient); Menikoff and Sewell 2002 for the shape of its heat capacity.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, nnls

from tessera.errors import ConfigError
from tessera.physics.law import FOUR, HALF, ONE, THREE, TWO, ZERO, open_function, point

SIX, EIGHT, TWELVE, FIFTY_SIX = (np.float32(value) for value in (6.0, 8.0, 12.0, 56.0))
VOID_SPEED = np.float32(50.0)  # sound speed where the pressure is floored [m/s]
CLOSE_TO_SINGULAR = 0.68  # the fit ends at this share of the compression where linear Us-up diverges


class State(NamedTuple):
    """A state of matter in one dimension.

    Attributes
    ----------
    density, velocity, energy, pressure
        [kg/m3], [m/s], specific internal [J/kg], [Pa].
    """

    density: float
    velocity: float
    energy: float
    pressure: float


@open_function
def pressure(law, rho, e):
    """Return the pressure [Pa] at density `rho` [kg/m3] and specific internal energy `e` [J/kg]."""
    raise NotImplementedError(f"pressure: expected a law of {sorted(LAWS)}, got {type(law).__name__}")


@open_function
def sound_speed(law, rho, e):
    """Return the isentropic sound speed [m/s]; a small one where voids floor the pressure."""
    raise NotImplementedError(f"sound_speed: expected a law of {sorted(LAWS)}, got {type(law).__name__}")


@open_function
def energy(law, rho, p):
    """Return the specific internal energy [J/kg] at density `rho` [kg/m3] and pressure `p` > 0 [Pa]."""
    raise NotImplementedError(f"energy: expected a law of {sorted(LAWS)}, got {type(law).__name__}")


@open_function
def temperature(law, rho, e):
    """Return the temperature [K]."""
    raise NotImplementedError(f"temperature: expected a law of {sorted(LAWS)}, got {type(law).__name__}")


@open_function
def temperature_bound(law, rho, e):
    """Return a temperature [K] that is at least the true one, cheap enough for every cell."""
    raise NotImplementedError(f"temperature_bound: expected a law, got {type(law).__name__}")


@open_function
def energy_of_temperature(law, rho, T):
    """Return the specific internal energy [J/kg] at density `rho` and temperature `T` [K]."""
    raise NotImplementedError(f"energy_of_temperature: expected a law, got {type(law).__name__}")


@open_function
def heat_capacity(law, T):
    """Return the heat capacity at constant volume [J/kg/K]."""
    raise NotImplementedError(f"heat_capacity: expected a law, got {type(law).__name__}")


@open_function
def solid_fraction(law, rho, e):
    """Return the share [1] of a volume that is solid; below one where it holds void at zero pressure."""
    raise NotImplementedError(f"solid_fraction: expected a law, got {type(law).__name__}")


@open_function
def solid_density(law, zero):
    """Return the density [kg/m3] of the solid at rest (plus `zero`), 0 for a law without voids."""
    raise NotImplementedError(f"solid_density: expected a law, got {type(law).__name__}")


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
def _(law: IdealGas, rho, e):
    return (law.gamma - ONE) * rho * e


@sound_speed.register
def _(law: IdealGas, rho, e):  # noqa: ARG001
    return math.sqrt(law.gamma * (law.gamma - ONE) * max(e, ZERO))


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
def _(law: IdealGas, T):  # noqa: ARG001
    return law.specific_heat


@solid_fraction.register
def _(law: IdealGas, rho, e):  # noqa: ARG001
    return ONE


@solid_density.register
def _(law: IdealGas, zero):  # noqa: ARG001
    return zero


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
    for name, value in (
        ("density", density),
        ("sound_speed", sound_speed),
        ("slope", slope),
        ("gruneisen", gruneisen),
        ("temperature", temperature),
    ):
        if not value > 0.0:
            raise ConfigError(f"{name}: expected a positive number, got {value}")
    x = np.linspace(0.0, CLOSE_TO_SINGULAR / slope, 201)[1:]

    def hugoniot_pressure(x):
        return density * sound_speed**2 * x / (1.0 - slope * x) ** 2

    def rise(x, e):
        p = hugoniot_pressure(x)
        return p / density + gruneisen / (1.0 - x) * (e - p * x / (2.0 * density))

    e = solve_ivp(rise, (0.0, x[-1]), [0.0], t_eval=x, rtol=1e-10, atol=1e-6).y[0]
    beyond = (rise(x, e) - sound_speed**2 * x) / 1e6
    terms = np.stack([3.0 * x**2, 4.0 * x**3, 8.0 * x**7], axis=1)
    weight = 1.0 / x
    (b1, b2, b6), _ = nnls(terms * weight[:, None], beyond * weight)
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


@sound_speed.register
def _(law: MieGruneisen, rho, e):
    """c^2 = dp/drho at constant e + p/rho^2 dp/de."""
    x = _compression(law, rho)
    x2, c2, solid = x * x, law.sound_speed * law.sound_speed, law.density / rho
    stiffness = c2 + SIX * law.b1 * x + x2 * (TWELVE * law.b2 + FIFTY_SIX * law.b6 * x2 * x2)
    share = min(solid * solid, ONE)
    p = _unfloored(law, rho, e)
    heated = e - _cold_energy(law, x) + (p - _cold_pressure(law, x)) / rho
    square = share * stiffness + law.gruneisen * heated
    return math.sqrt(max(square, VOID_SPEED * VOID_SPEED)) if p >= ZERO else VOID_SPEED + ZERO * p


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


@heat_capacity.register
def _(law: MieGruneisen, T):
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


def hugoniot(law: Any, particle_velocity: float) -> tuple[State, float]:
    """Return the state behind a shock into the solid at rest, and the shock's speed [m/s].

    The jump conditions rho0 Us = rho (Us - up), p = rho0 Us up, e = up^2 / 2 are solved with the law itself.
    """
    rho0, u = float(solid_density(law, 0.0)), particle_velocity
    if not (rho0 > 0.0 and u > 0.0):
        raise ConfigError(f"hugoniot: expected a solid and a positive particle velocity, got {law} and {u}")
    e = 0.5 * u**2

    def excess(x):
        return pressure(law, rho0 / (1.0 - x), e) - rho0 * u**2 / x

    x = brentq(excess, 1e-6, 0.8, xtol=1e-14)
    return State(rho0 / (1.0 - x), u, e, rho0 * u**2 / x), u / x


LAWS: dict[str, Callable[..., Any]] = {"ideal-gas": IdealGas, "mie-gruneisen": mie_gruneisen}
