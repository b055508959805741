"""Detonation products after Jones, Wilkins and Lee, complete with a temperature.

References
----------
Lee, Hornig and Kury, UCRL-50422 (1968). Souers and Haselman 1993, as JWL.data of EOSlib (LANL), for HMX.
Menikoff, JWL Equation of State, LA-UR-15-29536, for the temperature along the isentrope.
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
from tessera.physics.eos.shock import chapman_jouguet
from tessera.physics.law import ONE, ZERO, point


class JWL(NamedTuple):
    """Products: p = p_k + omega rho (e + shift - e_k), p_k = A exp(-R1 v) + B exp(-R2 v), v = density / rho.

    Here e_k = (A / R1 exp(-R1 v) + B / R2 exp(-R2 v)) / density, and T = (e + shift - e_k) / c - bias v^-omega:
    the isentropes of the potential are T v^omega constant for any bias, which a known temperature decides.
    The temperature is not below 0; nor is the pressure.

    Attributes
    ----------
    density
        Of the explosive whose volume is the unit of v [kg/m3].
    A, B, R1, R2, omega
        [Pa], [Pa], [1], [1], Grueneisen coefficient [1].
    energy
        Of the explosive at rest, on the scale of the products: the heat of detonation [J/kg].
    specific_heat
        c at constant volume [J/kg/K].
    bias
        [K].
    shift
        Energy on the scale of the products less `e` [J/kg]; 0 for products alone, see `mixture`.
    """

    density: float
    A: float
    B: float
    R1: float
    R2: float
    omega: float
    energy: float
    specific_heat: float
    bias: float = 0.0
    shift: float = 0.0


def jwl(
    density: float,
    A: float,
    B: float,
    R1: float,
    R2: float,
    omega: float,
    energy: float,
    specific_heat: float,
    detonation_temperature: float,
) -> JWL:
    """Return products whose Chapman-Jouguet state has a temperature [K]; the rest as of `JWL`.

    Raises
    ------
    ConfigError
        A parameter other than B is not positive, or energy and constants allow no detonation.
    """
    check_positive(
        density=density,
        A=A,
        R1=R1,
        R2=R2,
        omega=omega,
        energy=energy,
        specific_heat=specific_heat,
        detonation_temperature=detonation_temperature,
    )
    law = JWL(density, A, B, R1, R2, omega, energy, specific_heat)
    try:
        state, _ = chapman_jouguet(law, density, energy)
    except ValueError:
        raise ConfigError(f"jwl: expected constants of products that detonate, got {law}") from None
    v = density / state.density
    heat = (state.energy - _cold(law, state.density)[1]) / specific_heat
    return law._replace(bias=float((heat - detonation_temperature) * v**omega))


@point
def _cold(law, rho):
    """Return p_k [Pa], e_k [J/kg] and dp_k/drho [J/kg]."""
    v = law.density / rho
    first, second = law.A * math.exp(-law.R1 * v), law.B * math.exp(-law.R2 * v)
    e = (first / law.R1 + second / law.R2) / law.density
    return first + second, e, (law.R1 * first + law.R2 * second) * v / rho


@point
def _unfloored(law, rho, e):
    p, cold, _ = _cold(law, rho)
    return p + law.omega * rho * (e + law.shift - cold)


@pressure.register
def _(law: JWL, rho, e):
    return max(_unfloored(law, rho, e), ZERO)


@tension.register
def _(law: JWL, rho, e):
    return _unfloored(law, rho, e)


@point
def _square(law, rho, e):
    """Return c^2 = dp/drho at constant e + p/rho^2 dp/de [m2/s2]."""
    _, cold, slope = _cold(law, rho)
    return slope + law.omega * (ONE + law.omega) * (e + law.shift - cold)


@sound_speed.register
def _(law: JWL, rho, e):
    p = _unfloored(law, rho, e)
    return math.sqrt(max(_square(law, rho, e), VOID_SPEED * VOID_SPEED)) if p >= ZERO else VOID_SPEED + ZERO * p


@squared_speed.register
def _(law: JWL, rho, e):
    return _square(law, rho, e)


@energy.register
def _(law: JWL, rho, p):
    cold_p, cold_e, _ = _cold(law, rho)
    return (p - cold_p) / (law.omega * rho) + cold_e - law.shift


@point
def _offset(law, rho):
    """Return the energy [J/kg] that would be left at no temperature."""
    return _cold(law, rho)[1] - law.shift + law.specific_heat * law.bias * (law.density / rho) ** (-law.omega)


@temperature.register
@temperature_bound.register
def _(law: JWL, rho, e):
    return max((e - _offset(law, rho)) / law.specific_heat, ZERO)


@energy_of_temperature.register
def _(law: JWL, rho, T):
    return law.specific_heat * T + _offset(law, rho)


@heat_capacity.register
def _(law: JWL, rho, T):  # noqa: ARG001
    return law.specific_heat


@gruneisen.register
def _(law: JWL, rho):  # noqa: ARG001
    return law.omega


@solid_fraction.register
def _(law: JWL, rho, e):  # noqa: ARG001
    return ONE


@solid_density.register
def _(law: JWL, zero):  # noqa: ARG001
    return zero
