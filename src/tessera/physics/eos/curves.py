"""Reference curves of complete solids: the isentrope of a linear Hugoniot, and the Birch-Murnaghan cold curve.

A curve is an energy and a pressure over density alone, p_r = rho^2 de_r/drho; what heat adds stands in `solid`,
with the meaning of the shared parameters.

References
----------
Menikoff and Sewell, High Press. Res. 21 (2001) 121, and HMX.data of EOSlib (LANL) for Birch-Murnaghan HMX;
Benson and Conley 1999 for its linear Hugoniot.
"""

import math
from typing import NamedTuple

import numpy as np

from tessera.errors import ConfigError
from tessera.physics.eos.functions import check_positive, energy_of_temperature, gruneisen
from tessera.physics.law import FOUR, HALF, ONE, THREE, TWO, open_function, point
from tessera.physics.numerics import cumulative, nonnegative, root

FIVE, SIX, SEVEN, NINE_EIGHTHS = (np.float32(value) for value in (5.0, 6.0, 7.0, 1.125))
POWERS = (1, 2, 3, 4, 5, 6, 7, 8, 14)  # of the fitted isentrope, beyond the square
CLOSE_TO_SINGULAR = 0.72  # the fit ends at this share of the compression where linear Us-up diverges
HARDEST = 2.0  # largest Grueneisen coefficient that the bound of the temperature holds for


@open_function
def reference_energy(law, rho):
    """Return the energy [J/kg] of the reference curve at a density not below that at rest."""
    raise NotImplementedError(f"reference_energy: expected a complete solid, got {type(law).__name__}")


@open_function
def reference_pressure(law, rho):
    """Return the pressure [Pa] of the reference curve."""
    raise NotImplementedError(f"reference_pressure: expected a complete solid, got {type(law).__name__}")


@open_function
def reference_stiffness(law, rho):
    """Return the slope [J/kg] of the pressure of the reference curve over density."""
    raise NotImplementedError(f"reference_stiffness: expected a complete solid, got {type(law).__name__}")


class LinearHugoniot(NamedTuple):
    """Solid whose isentrope, e_r = x^2 (b0 + b1 x + ... + b8 x^8 + b14 x^14), fits a linear Hugoniot.

    Here x = 1 - density / rho. All coefficients are positive: pressure is monotone and convex for any
    compression, and follows the Hugoniot to 0.1 % up to x = 0.72 / s.

    Attributes
    ----------
    density, sound_speed, temperature
        At rest: rho0 [kg/m3], c0 [m/s], T0 [K].
    unit_density
        Density at which theta = 1 [kg/m3].
    hard, soft
        Gamma = hard + soft x unit_density / rho [1].
    heat_limit, half_heat
        C_inf [J/kg/K], and the temperature at which C is half of it [K].
    stored
        I0 [J/kg].
    b0, ..., b14
        Coefficients [J/kg].
    """

    density: float
    sound_speed: float
    temperature: float
    unit_density: float
    hard: float
    soft: float
    heat_limit: float
    half_heat: float
    stored: float
    b0: float
    b1: float
    b2: float
    b3: float
    b4: float
    b5: float
    b6: float
    b7: float
    b8: float
    b14: float


class BirchMurnaghan(NamedTuple):
    """Solid with the third-order Birch-Murnaghan cold curve.

    With u = (rho / unit_density)^(2/3) and k = 3/4 (K0' - 4), p_r = 3/2 K0 u^(5/2) (u - 1) (1 + k (u - 1)) and
    e_r = 9/8 K0 / unit_density (u - 1)^2 (1 + 2/3 k (u - 1)) - rest_energy.

    Attributes
    ----------
    density, ..., stored
        As of `LinearHugoniot`.
    bulk_modulus, stiffening
        K0 [Pa], k [1].
    rest_energy
        Of matter at rest, counted from the cold curve's minimum [J/kg].
    """

    density: float
    sound_speed: float
    temperature: float
    unit_density: float
    hard: float
    soft: float
    heat_limit: float
    half_heat: float
    stored: float
    bulk_modulus: float
    stiffening: float
    rest_energy: float


def linear_hugoniot(
    density: float,
    sound_speed: float,
    slope: float,
    gruneisen: float,
    temperature: float,
    heat_limit: float,
    half_heat: float,
) -> LinearHugoniot:
    """Return the solid with the Hugoniot Us = c0 + s up and Gamma rho constant.

    The isentrope obeys de/dx = p_H / rho0 + Gamma0 (e - e_H). Non-negative coefficients are fitted to its
    pressure up to x = 0.72 / s (up = 3.6 km/s for HMX); beyond, the polynomial goes on where linear Us-up has
    a pole at x = 1 / s.

    Parameters
    ----------
    density, sound_speed, slope, gruneisen, temperature
        rho0 [kg/m3], c0 [m/s], s [1], Gamma0 [1], T0 [K].
    heat_limit, half_heat
        C_inf [J/kg/K], temperature at which C is half of it [K].

    Raises
    ------
    ConfigError
        A parameter is not positive, or Gamma0 is above 2.
    """
    check_positive(
        density=density,
        sound_speed=sound_speed,
        slope=slope,
        gruneisen=gruneisen,
        temperature=temperature,
        heat_limit=heat_limit,
        half_heat=half_heat,
    )
    if gruneisen > HARDEST:
        raise ConfigError(f"gruneisen: expected at most {HARDEST}, got {gruneisen}")
    x = np.linspace(0.0, CLOSE_TO_SINGULAR / slope, 401)[1:]

    def shocked(x):
        return sound_speed**2 * x / (1.0 - slope * x) ** 2

    def source(x):
        return shocked(x) * (1.0 - 0.5 * gruneisen * x)

    e = np.exp(gruneisen * x) * cumulative(lambda x: np.exp(-gruneisen * x) * source(x), x)
    exact = source(x) + gruneisen * e
    terms = np.stack([(power + 2) * (slope * x) ** (power + 1) for power in POWERS], axis=1)
    shares = nonnegative(terms * (sound_speed**2 / exact)[:, None], 1.0 - sound_speed**2 * x / exact)
    scaled = [sound_speed**2 * share * slope ** (power + 1) for power, share in zip(POWERS, shares, strict=True)]
    z = temperature / half_heat
    return LinearHugoniot(
        density,
        sound_speed,
        temperature,
        density,
        0.0,
        gruneisen,
        heat_limit,
        half_heat,
        heat_limit * half_heat * (z - math.log1p(z)),
        0.5 * sound_speed**2,
        *map(float, scaled),
    )


def birch_murnaghan(
    cold_density: float,
    bulk_modulus: float,
    bulk_modulus_slope: float,
    gruneisen_constant: float,
    gruneisen_linear: float,
    temperature: float,
    heat_limit: float,
    half_heat: float,
) -> BirchMurnaghan:
    """Return the solid with a Birch-Murnaghan cold curve, at rest without pressure at a temperature.

    Parameters
    ----------
    cold_density, bulk_modulus, bulk_modulus_slope
        Of the cold curve without pressure: [kg/m3], K0 [Pa], K0' at least 4 [1].
    gruneisen_constant, gruneisen_linear
        Gamma = constant + linear x cold_density / rho [1]; the constant lies between 0 and 2.
    temperature, heat_limit, half_heat
        T0 [K], C_inf [J/kg/K], temperature at which C is half of it [K].

    Raises
    ------
    ConfigError
        A parameter is out of its range, or the solid has no density without pressure.
    """
    check_positive(
        cold_density=cold_density,
        bulk_modulus=bulk_modulus,
        temperature=temperature,
        heat_limit=heat_limit,
        half_heat=half_heat,
    )
    if bulk_modulus_slope < 4.0:
        raise ConfigError(f"bulk_modulus_slope: expected at least 4, got {bulk_modulus_slope}")
    if not 0.0 <= gruneisen_constant <= HARDEST:
        raise ConfigError(f"gruneisen_constant: expected a number from 0 to {HARDEST}, got {gruneisen_constant}")
    if not 0.0 < gruneisen_constant + gruneisen_linear <= HARDEST:
        raise ConfigError(f"gruneisen_linear: expected a sum with the constant in (0, 2], got {gruneisen_linear}")
    stiffening = 0.75 * (bulk_modulus_slope - 4.0)
    law = BirchMurnaghan(
        cold_density,
        1.0,
        temperature,
        cold_density,
        gruneisen_constant,
        gruneisen_linear,
        heat_limit,
        half_heat,
        0.0,
        bulk_modulus,
        stiffening,
        0.0,
    )

    def pushed(rho):
        e = energy_of_temperature(law._replace(density=rho), rho, temperature)
        return reference_pressure(law, rho) + gruneisen(law._replace(density=rho), rho) * rho * (
            e - reference_energy(law, rho)
        )

    lightest = 0.8 * cold_density
    if pushed(lightest) >= 0.0:
        raise ConfigError(f"temperature: expected one at which the solid is denser than {lightest}, got {temperature}")
    density = root(pushed, lightest, cold_density, 1e-12)
    law = law._replace(density=density)
    law = law._replace(rest_energy=float(energy_of_temperature(law, density, temperature)))
    heated, gamma = -reference_energy(law, density), gruneisen(law, density)
    rigid = reference_stiffness(law, density) + gruneisen_constant * heated
    return law._replace(sound_speed=math.sqrt(rigid - gamma * reference_pressure(law, density) / density))


@point
def _series(law, x):
    """Return b1 + b2 x + ... of the isentrope, and its first and second derivative."""
    x2 = x * x
    x4 = x2 * x2
    high = law.b14 * x4 * x2
    value = law.b7 + x * (law.b8 + high)
    first = law.b7 * SIX + x * (SEVEN * law.b8 + (SIX + SEVEN) * high)
    second = SIX * FIVE * law.b7 + x * (SIX * SEVEN * law.b8 + (SIX + SIX) * (SIX + SEVEN) * high)
    value = law.b1 + x * (law.b2 + x * (law.b3 + x * (law.b4 + x * (law.b5 + x * (law.b6 + x * value)))))
    second = TWO * law.b3 + x * (SIX * law.b4 + x * (TWO * SIX * law.b5 + x * (FOUR * FIVE * law.b6 + x * second)))
    first = law.b2 + x * (TWO * law.b3 + x * (THREE * law.b4 + x * (FOUR * law.b5 + x * (FIVE * law.b6 + x * first))))
    return value, first, second


@reference_energy.register
def _(law: LinearHugoniot, rho):
    x = ONE - law.density / rho
    return x * x * (law.b0 + x * _series(law, x)[0])


@reference_pressure.register
def _(law: LinearHugoniot, rho):
    x = ONE - law.density / rho
    value, first, _ = _series(law, x)
    return law.density * x * (TWO * law.b0 + x * (THREE * value + x * first))


@reference_stiffness.register
def _(law: LinearHugoniot, rho):
    share = law.density / rho
    x = ONE - share
    value, first, second = _series(law, x)
    return share * share * (TWO * law.b0 + x * (SIX * value + x * (SIX * first + x * second)))


@point
def _squared_stretch(law, rho):
    """Return u = (rho / unit_density)^(2/3); Halley's iteration vectorises, where a power would not."""
    eta = rho / law.unit_density
    root = (eta + FIVE) / SIX
    for _ in range(4):
        cube = root * root * root
        root = root * (cube + TWO * eta) / (TWO * cube + eta)
    return root * root, root


@reference_energy.register
def _(law: BirchMurnaghan, rho):
    u, _ = _squared_stretch(law, rho)
    over = u - ONE
    stretched = over * over * (ONE + TWO * law.stiffening * over / THREE)
    return NINE_EIGHTHS * law.bulk_modulus / law.unit_density * stretched - law.rest_energy


@reference_pressure.register
def _(law: BirchMurnaghan, rho):
    u, root = _squared_stretch(law, rho)
    over = u - ONE
    return THREE * HALF * law.bulk_modulus * u * u * root * over * (ONE + law.stiffening * over)


@reference_stiffness.register
def _(law: BirchMurnaghan, rho):
    u, _ = _squared_stretch(law, rho)
    over = u - ONE
    slope = (SEVEN * u - FIVE) * (ONE + law.stiffening * over) + TWO * law.stiffening * u * over
    return HALF * law.bulk_modulus / law.unit_density * u * slope
