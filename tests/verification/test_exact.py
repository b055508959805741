"""The exact solutions that the solver is judged by, against published ones and against themselves."""

import numpy as np
import pytest

from tessera.physics import eos
from tessera.physics.eos import State
from tessera.verification import tubes
from tessera.verification.detonation import BIRCH, LAW, steady
from tessera.verification.exact import RIGHT, Side, at_pressure, released, riemann, shock_speed, shocked
from tessera.verification.materials import HMX

GAS = eos.IdealGas(1.4)
SOD = riemann(at_pressure(GAS, 1.0, 0.0, 1.0), at_pressure(GAS, 0.125, 0.0, 0.1))


def test_sods_tube_has_the_published_middle():
    found = SOD.pressure, SOD.velocity, SOD.stars[0].density, SOD.stars[1].density, SOD.speeds[4]
    np.testing.assert_allclose(found, (0.30313, 0.92745, 0.42632, 0.26557, 1.75216), rtol=2e-5)


@pytest.mark.parametrize("name", tubes.JWL)
def test_tubes_of_products_have_the_published_middle_and_places(name):
    tube = tubes.JWL[name]
    rho0, A, B, *rest = tube.constants
    law = eos.JWL(rho0 * 1e3, A * 1e11, B * 1e11, *rest, 0.0, 1000.0, shift=-tubes.LIFT)
    left, right = (at_pressure(law, r * 1e3, u * 1e4, p * 1e11) for r, u, p in (tube.left, tube.right))
    solution = riemann(left, right)
    found = solution.pressure / 1e11, solution.velocity / 1e4, *(star.density / 1e3 for star in solution.stars)
    np.testing.assert_allclose(found, tube.star, rtol=1e-6)
    places = sorted({round(50.0 + speed * tube.time * 1e-4, 6) for speed in solution.speeds})
    np.testing.assert_allclose(places, tube.places, atol=1e-4)


def test_an_exact_profile_holds_what_flows_in():
    """What mass, momentum and energy between two places gain in a time is what flows through them."""
    speed = (np.arange(200000) + 0.5) / 200000 * 6.0 - 3.0
    rho, u, e, _ = SOD.profile(speed)
    held = np.array([rho, rho * u, rho * (e + 0.5 * u**2)]).mean(axis=1) * 6.0
    flux = np.array([0.0, 1.0 - 0.1, 0.0])
    start = 3.0 * np.array([1.0 + 0.125, 0.0, 2.5 + 0.25])
    np.testing.assert_allclose(held, start + flux, atol=1e-5)


def test_a_mirrored_problem_has_the_mirrored_profile():
    mirrored = riemann(*(at_pressure(GAS, rho, 0.0, p) for rho, p in ((0.125, 0.1), (1.0, 1.0))))
    speed = np.linspace(-2.0, 2.0, 200)
    sign = np.array([1.0, -1.0, 1.0, 1.0])[:, None]
    np.testing.assert_allclose(sign * mirrored.profile(-speed), SOD.profile(speed), atol=1e-9)


@pytest.mark.parametrize("velocity", [300.0, 2000.0])
def test_a_shock_from_the_jump_conditions_is_on_the_hugoniot(velocity):
    behind, speed = eos.hugoniot(HMX, velocity)
    rest = State(HMX.density, 0.0, 0.0, 0.0)
    found = shocked(Side(HMX, rest), behind.pressure, RIGHT)
    np.testing.assert_allclose(found, behind, rtol=1e-9)
    assert shock_speed(rest, found) == pytest.approx(speed, rel=1e-9)


def test_a_release_ends_without_pressure_at_the_speed_computed_elsewhere():
    behind, _ = eos.hugoniot(HMX, 1000.0)
    end = released(Side(HMX, behind))
    assert end.velocity == pytest.approx(2001.2, rel=5e-4)
    assert eos.tension(HMX, end.density, end.energy) == pytest.approx(0.0, abs=1e4)


def test_equal_slabs_meet_half_way():
    rest = State(HMX.density, 0.0, 0.0, 0.0)
    solution = riemann(Side(HMX, rest._replace(velocity=2000.0)), Side(HMX, rest))
    assert solution.velocity == pytest.approx(1000.0, rel=1e-9)
    assert solution.pressure == pytest.approx(eos.hugoniot(HMX, 1000.0)[0].pressure, rel=1e-9)


def test_the_steady_detonation_ends_sonic_and_begins_with_the_inert_shock():
    wave = steady()
    burnt = LAW._replace(burnt=1.0)
    sound = eos.sound_speed(burnt, wave.behind.density, wave.behind.energy)
    assert wave.speed - wave.behind.velocity == pytest.approx(sound, rel=1e-5)
    assert shock_speed(State(eos.solid_density(BIRCH, 0.0), 0.0, 0.0, 0.0), wave.spike) == pytest.approx(wave.speed)
    assert 0.5e-6 < wave.half < 1.2e-6
