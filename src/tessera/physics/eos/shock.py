"""States behind shocks and detonations, from the jump conditions and a law alone."""

import math
from typing import Any, NamedTuple

from tessera.errors import ConfigError
from tessera.physics.eos.functions import energy_of_temperature, pressure, solid_density, tension
from tessera.physics.numerics import root
from tessera.physics.strength import Strength, uniaxial


class State(NamedTuple):
    """A state of matter in one dimension.

    Attributes
    ----------
    density, velocity, energy, pressure
        [kg/m3], [m/s], specific internal [J/kg], [Pa]; the pressure is the normal stress where there is strength.
    """

    density: float
    velocity: float
    energy: float
    pressure: float


def unloaded(law: Any, temperature: float | None = None) -> tuple[float, float]:
    """Return density [kg/m3] and specific internal energy [J/kg] of the solid without pressure at a temperature [K].

    Without a temperature they are those of its law, whose energy at rest is zero.
    """
    rest = float(solid_density(law, 0.0))
    if temperature is None:
        return rest, 0.0

    def load(rho):
        return float(tension(law, rho, energy_of_temperature(law, rho, temperature)))

    rho = root(load, 0.5 * rest, 1.2 * rest, 1e-10)
    return rho, float(energy_of_temperature(law, rho, temperature))


def hugoniot(
    law: Any, particle_velocity: float, *, strength: Strength | None = None, temperature: float | None = None
) -> tuple[State, float]:
    """Return the state behind a shock into the solid at rest, and the shock's speed [m/s].

    The jump conditions rho0 Us = rho (Us - up), s = rho0 Us up, e = e0 + up^2 / 2 are solved with the law itself. With
    strength the normal stress s exceeds the pressure, and a shock slower than the elastic wave follows it: the speed
    is then that of the second wave.

    Parameters
    ----------
    temperature
        Of the solid ahead [K]; that of its law by default.

    Raises
    ------
    ConfigError
        The law is not that of a solid, or the velocity not positive.
    """
    rest = float(solid_density(law, 0.0))
    if not (rest > 0.0 and particle_velocity > 0.0):
        raise ConfigError(
            f"hugoniot: expected a solid and a positive particle velocity, got {law} and {particle_velocity}"
        )
    free, e = unloaded(law, temperature)
    ahead = State(free, 0.0, e, 0.0)
    single, speed = _behind(law, strength, free, ahead, particle_velocity)
    if strength is None or speed == 0.0:
        return single, speed
    yielding, precursor = _yielding(law, strength, ahead)
    if particle_velocity <= yielding.velocity or speed >= precursor:
        return single, speed
    return _behind(law, strength, free, yielding, particle_velocity)


def _stress(law: Any, strength: Strength | None, free: float, rho: float, e: float) -> float:
    return float(pressure(law, rho, e)) + uniaxial(strength, rho / free)


def _behind(law: Any, strength: Strength | None, free: float, ahead: State, velocity: float) -> tuple[State, float]:
    """Return the state behind a shock into the state `ahead`, and the shock's speed [m/s]."""
    push = velocity - ahead.velocity

    def state(x):
        stress = ahead.pressure + ahead.density * push**2 / x
        e = ahead.energy + 0.5 * (stress + ahead.pressure) * x / ahead.density
        return State(ahead.density / (1.0 - x), velocity, e, stress)

    def excess(x):
        there = state(x)
        return _stress(law, strength, free, there.density, there.energy) - there.pressure

    x = root(excess, 1e-9, 0.8, 1e-14)
    return state(x), ahead.velocity + push / x


def _yielding(law: Any, strength: Strength, ahead: State) -> tuple[State, float]:
    """Return the state behind the strongest elastic wave, and its speed [m/s]."""
    rho = ahead.density * math.exp(0.5 * strength.yield_stress / strength.modulus)
    x = 1.0 - ahead.density / rho

    def excess(u):
        return _stress(law, strength, ahead.density, rho, ahead.energy + 0.5 * u**2) - ahead.density * u**2 / x

    u = root(excess, 0.0, 1e4, 1e-10)
    return State(rho, u, ahead.energy + 0.5 * u**2, ahead.density * u**2 / x), u / x


def chapman_jouguet(products: Any, density: float, energy: float) -> tuple[State, float]:
    """Return the state behind the slowest detonation that the products allow, and its speed [m/s].

    Parameters
    ----------
    products
        A law of the products.
    density, energy
        Of the explosive at rest, without pressure [kg/m3]; its internal energy on the products' scale [J/kg].
    """

    def state(x):
        rho = density / (1.0 - x)

        def excess(p):
            return pressure(products, rho, energy + 0.5 * p * x / density) - p

        return rho, root(excess, 0.0, 1e13, 1.0)

    from scipy.optimize import minimize_scalar

    x = minimize_scalar(lambda x: state(x)[1] / x, bounds=(0.1, 0.5), method="bounded", options={"xatol": 1e-9}).x
    rho, p = state(x)
    speed = (p / (density * x)) ** 0.5
    return State(rho, x * speed, energy + 0.5 * p * x / density, p), speed
