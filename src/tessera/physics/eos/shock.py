"""States behind shocks and detonations, from the jump conditions and a law alone."""

from typing import Any, NamedTuple

from scipy.optimize import brentq, minimize_scalar

from tessera.errors import ConfigError
from tessera.physics.eos.functions import pressure, solid_density


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

        return rho, brentq(excess, 0.0, 1e13, xtol=1.0)

    x = minimize_scalar(lambda x: state(x)[1] / x, bounds=(0.1, 0.5), method="bounded", options={"xatol": 1e-9}).x
    rho, p = state(x)
    speed = (p / (density * x)) ** 0.5
    return State(rho, x * speed, energy + 0.5 * p * x / density, p), speed
