"""What every equation of state answers: open functions, whose bodies stand beside each law.

Density `rho` [kg/m3], specific internal energy `e` [J/kg] and temperature `T` [K] are scalars in a kernel and
broadcast from Python.
"""

from functools import partial

import numpy as np

from tessera.errors import ConfigError
from tessera.physics.law import open_function

VOID_SPEED = np.float32(50.0)  # sound speed where the pressure is floored [m/s]


@open_function
def pressure(law, rho, e):
    """Return the pressure [Pa]: none where matter would have to be stretched."""
    raise NotImplementedError(f"pressure: expected a law, got {type(law).__name__}")


@open_function
def tension(law, rho, e):
    """Return the pressure [Pa] that would hold if matter could be stretched, below zero in tension."""
    raise NotImplementedError(f"tension: expected a law, got {type(law).__name__}")


@open_function
def sound_speed(law, rho, e):
    """Return the isentropic sound speed [m/s]; a small one where voids floor the pressure."""
    raise NotImplementedError(f"sound_speed: expected a law, got {type(law).__name__}")


@open_function
def squared_speed(law, rho, e):
    """Return the slope [m2/s2] of the tension over density along an isentrope: c^2 where no void floors it."""
    raise NotImplementedError(f"squared_speed: expected a law, got {type(law).__name__}")


@open_function
def energy(law, rho, p):
    """Return the specific internal energy [J/kg] at density `rho` and pressure `p` > 0 [Pa]."""
    raise NotImplementedError(f"energy: expected a law, got {type(law).__name__}")


@open_function
def temperature(law, rho, e):
    """Return the temperature [K]."""
    raise NotImplementedError(f"temperature: expected a law, got {type(law).__name__}")


@open_function
def temperature_bound(law, rho, e):
    """Return a temperature [K] that is at least the true one, cheap enough for every cell."""
    raise NotImplementedError(f"temperature_bound: expected a law, got {type(law).__name__}")


@partial(open_function, serves=True)
def near_temperature(law, rho, e):
    """Return the temperature [K] to some six digits, by arithmetic alone where a law can: loops over it vectorise."""
    return temperature(law, rho, e)


@open_function
def energy_of_temperature(law, rho, T):
    """Return the specific internal energy [J/kg]."""
    raise NotImplementedError(f"energy_of_temperature: expected a law, got {type(law).__name__}")


@open_function
def heat_capacity(law, rho, T):
    """Return the heat capacity at constant volume [J/kg/K]."""
    raise NotImplementedError(f"heat_capacity: expected a law, got {type(law).__name__}")


@open_function
def gruneisen(law, rho):
    """Return the Grueneisen coefficient [1], (dp/de) / rho at constant volume."""
    raise NotImplementedError(f"gruneisen: expected a law, got {type(law).__name__}")


@open_function
def solid_fraction(law, rho, e):
    """Return the share [1] of a volume that is solid; below one where it holds void at zero pressure."""
    raise NotImplementedError(f"solid_fraction: expected a law, got {type(law).__name__}")


@open_function
def solid_density(law, zero):
    """Return the density [kg/m3] of the solid at rest (plus `zero`), 0 for a law without voids."""
    raise NotImplementedError(f"solid_density: expected a law, got {type(law).__name__}")


def check_positive(**parameters: float) -> None:
    """Refuse parameters that are not positive, by name.

    Raises
    ------
    ConfigError
        A parameter is not positive.
    """
    for name, value in parameters.items():
        if not value > 0.0:
            raise ConfigError(f"{name}: expected a positive number, got {value}")
