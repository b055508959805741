"""Laws with the constants of HMX against the states that their sources and others computed."""

import numpy as np
import pytest
from scipy.optimize import brentq

from tessera.physics import eos
from tests.physics.materials import BIRCH, DEBYE, LINEAR, MIXTURE, PRODUCTS

GIGA = 1e9


@pytest.mark.parametrize(
    ("p", "up", "speed", "rho", "T"),
    [
        (1.0, 168.0, 3124.0, 2010.0, 316.0),
        (2.0, 307.0, 3429.0, 2088.0, 332.0),
        (5.0, 641.0, 4105.0, 2253.0, 394.0),
        (9.5, 1034.0, 4833.0, 2419.0, 519.0),
        (15.0, 1430.0, 5518.0, 2566.0, 703.0),
        (25.0, 2026.0, 6492.0, 2764.0, 1076.0),
        (35.0, 2530.0, 7278.0, 2914.0, 1479.0),
        (50.0, 3184.0, 8261.0, 3093.0, 2119.0),
    ],
)
@pytest.mark.parametrize("law", [BIRCH, MIXTURE], ids=["birch-murnaghan", "unburnt mixture"])
def test_the_hugoniot_of_hmx_is_that_computed_from_the_published_constants(law, p, up, speed, rho, T):
    """To the last digit of the published table: Menikoff and Sewell's constants, by EOSlib's formulas."""
    found = brentq(lambda u: eos.hugoniot(law, u)[0].pressure - p * GIGA, 50.0, 4000.0)
    behind, front = eos.hugoniot(law, found)
    assert found == pytest.approx(up, abs=0.6)
    assert front == pytest.approx(speed, abs=0.6)
    assert behind.density == pytest.approx(rho, abs=0.6)
    assert eos.temperature(law, behind.density, behind.energy) == pytest.approx(T, abs=0.6)


def test_hmx_at_rest_is_as_dense_as_measured():
    assert eos.solid_density(BIRCH, 0.0) == pytest.approx(1901.0, abs=0.5)


@pytest.mark.parametrize(
    ("T", "expected"), [(300, 971), (400, 1140), (500, 1273), (800, 1543), (1500, 1847), (3000, 2081), (4000, 2150)]
)
def test_the_heat_capacity_is_the_published_one(T, expected):
    """And the published form T^3 / (a0 + a1 T + a2 T^2 + a3 T^3), in kJ/g/K, to 2e-5 from 100 K on."""
    assert eos.heat_capacity(BIRCH, BIRCH.unit_density, T) == pytest.approx(expected, abs=1.0)
    x = np.array([100.0, 300.0, T])
    full = 1e6 * x**3 / (0.5265 + 307.3 * x + 1.831e5 * x**2 + 419.4 * x**3)
    np.testing.assert_allclose(DEBYE["heat_limit"] * x / (x + DEBYE["half_heat"]), full, rtol=2e-5)


@pytest.mark.parametrize("law", [BIRCH, LINEAR], ids=["birch-murnaghan", "linear-hugoniot"])
def test_a_piston_of_one_kilometre_per_second_makes_the_published_state(law):
    p, speed, T = {"BirchMurnaghan": (9.08, 4770.0, 504.0), "LinearHugoniot": (9.43, 4960.0, 527.0)}[type(law).__name__]
    behind, front = eos.hugoniot(law, 1000.2)
    assert behind.pressure == pytest.approx(p * GIGA, rel=0.01)
    assert front == pytest.approx(speed, rel=0.01)
    assert eos.temperature(law, behind.density, behind.energy) == pytest.approx(T, rel=0.01)


@pytest.mark.parametrize(("heat", "T"), [(1000.0, 532.0), (1280.0, 497.0), (1500.0, 479.0)])
def test_a_constant_heat_capacity_gives_the_shock_temperature_of_the_source(heat, T):
    law = eos.LAWS["linear-hugoniot"](1900.0, 2901.0, 2.058, 1.1, 300.0, heat, 1e-3)
    behind, _ = eos.hugoniot(law, 1000.2)
    assert eos.temperature(law, behind.density, behind.energy) == pytest.approx(T, rel=0.01)


@pytest.mark.parametrize("up", [100.0, 500.0, 1000.0, 2000.0, 3000.0, 3500.0])
def test_shocks_into_the_linear_solid_run_on_the_line(up):
    _, speed = eos.hugoniot(LINEAR, up)
    assert speed == pytest.approx(2901.0 + 2.058 * up, rel=5e-4)


@pytest.mark.parametrize("up", [1000.0, 2500.0])
def test_the_temperature_along_the_hugoniot_obeys_the_first_law(up):
    """dT / dv = -Gamma T / v + (p + de/dv) / C on any curve of a complete law, here by integration from rest."""
    u = np.linspace(5.0, up, 400)
    states = [eos.hugoniot(LINEAR, float(value))[0] for value in u]
    v = np.array([1.0 / state.density for state in states])
    e, p = np.array([state.energy for state in states]), np.array([state.pressure for state in states])
    T = np.full(u.size, 300.0)
    for i in range(u.size - 1):
        heat = np.diff(e[i : i + 2])[0] + 0.5 * (p[i] + p[i + 1]) * (v[i + 1] - v[i])
        middle = 2.0 / (v[i] + v[i + 1])
        gamma = float(eos.gruneisen(LINEAR, middle))
        guess = T[i] * (v[i] / v[i + 1]) ** gamma
        T[i + 1] = guess + heat / float(eos.heat_capacity(LINEAR, middle, 0.5 * (T[i] + guess)))
    assert T[-1] == pytest.approx(eos.temperature(LINEAR, states[-1].density, states[-1].energy), rel=2e-3)


def jwl(rho, A, B, R1, R2, omega, E):
    return eos.LAWS["jwl"](rho, A * GIGA, B * GIGA, R1, R2, omega, E * GIGA / rho, 1500.0, 3500.0)


@pytest.mark.parametrize(
    ("constants", "speed", "p"),
    [
        ((1901.2, 858.0805, 7.546531, 4.306, 0.80, 0.30, 11.0), 9083.0, 40.5),
        ((1891.0, 778.3, 7.071, 4.2, 1.0, 0.30, 10.5), 8995.0, 39.95),
        ((1833.0, 740.349, 11.7009, 4.317, 1.05, 0.25, 10.5), 8784.0, 37.5),
        ((1840.0, 852.4, 18.02, 4.6, 1.3, 0.38, 10.2), 8800.0, 37.0),
        ((1835.0, 1668.9, 59.69, 5.9, 2.1, 0.45, 10.2), 8800.0, 34.0),
    ],
    ids=["HMX", "HMX of Dobratz", "PBX9404", "PBX9404 of Dobratz", "LX-14"],
)
def test_products_detonate_as_their_constants_say(constants, speed, p):
    law = jwl(*constants)
    state, found = eos.chapman_jouguet(law, law.density, law.energy)
    assert found == pytest.approx(speed, rel=3e-3)
    assert state.pressure == pytest.approx(p * GIGA, rel=5e-3)


def test_the_detonation_of_hmx_is_sonic_and_as_hot_as_its_source_says():
    state, speed = eos.chapman_jouguet(PRODUCTS, PRODUCTS.density, PRODUCTS.energy)
    assert PRODUCTS.density / state.density == pytest.approx(0.7418, abs=1e-4)
    assert speed - state.velocity == pytest.approx(eos.sound_speed(PRODUCTS, state.density, state.energy), rel=1e-5)
    assert eos.temperature(PRODUCTS, state.density, state.energy) == pytest.approx(3500.0, rel=1e-9)


def test_the_isentrope_of_hmx_products_has_the_published_third_coefficient():
    """p_s = A exp(-R1 v) + B exp(-R2 v) + C v^-(1 + omega), C = 0.781274 GPa."""
    state, _ = eos.chapman_jouguet(PRODUCTS, PRODUCTS.density, PRODUCTS.energy)
    v = PRODUCTS.density / state.density
    rest = state.pressure - PRODUCTS.A * np.exp(-PRODUCTS.R1 * v) - PRODUCTS.B * np.exp(-PRODUCTS.R2 * v)
    assert rest * v**1.3 == pytest.approx(0.781274 * GIGA, rel=1e-3)


def test_a_burnt_mixture_detonates_like_its_products():
    """Whatever heat the kinetics add: the energy that they are counted from makes up for it."""
    for heat in (5.5e6, 5.86e6):
        law = eos.mixture(BIRCH, PRODUCTS, heat)._replace(burnt=1.0)
        _, speed = eos.chapman_jouguet(law, PRODUCTS.density, heat)
        assert speed == pytest.approx(9083.0, rel=1e-3)


def test_the_spike_of_a_detonation_is_that_of_the_unreacted_solid():
    """65 GPa and 2794 K on Birch-Murnaghan HMX at 9.1 km/s."""
    up = brentq(lambda u: eos.hugoniot(MIXTURE, u)[1] - 9100.0, 1000.0, 5000.0)
    spike, _ = eos.hugoniot(MIXTURE, up)
    assert spike.pressure == pytest.approx(65e9, rel=0.01)
    assert eos.temperature(MIXTURE, spike.density, spike.energy) == pytest.approx(2794.0, rel=0.01)
