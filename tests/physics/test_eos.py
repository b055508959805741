"""Equations of state by property, for every law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessera.errors import ConfigError
from tessera.physics import eos

HMX = eos.LAWS["mie-gruneisen"](1891.0, 2901.0, 2.058, 1.1, 300.0)
MATERIALS = {"ideal-gas": (eos.IdealGas(), 1.0), "mie-gruneisen": (HMX, 1891.0)}
every_law = pytest.mark.parametrize(("law", "scale"), MATERIALS.values(), ids=MATERIALS)
squeezes = st.floats(1.02, 1.6)
energies = st.floats(1e5, 8e6)


def test_every_law_is_tested():
    assert set(MATERIALS) == set(eos.LAWS)


@every_law
@settings(max_examples=30, deadline=None)
@given(squeeze=squeezes, e=energies)
def test_the_sound_speed_is_the_isentropic_one(law, scale, squeeze, e):
    """c^2 = dp/drho at constant e + p/rho^2 dp/de, by central differences."""
    rho = squeeze * scale
    p, h, g = eos.pressure(law, rho, e), 1e-5 * rho, 1e-5 * e
    along_rho = (eos.pressure(law, rho + h, e) - eos.pressure(law, rho - h, e)) / (2 * h)
    along_e = (eos.pressure(law, rho, e + g) - eos.pressure(law, rho, e - g)) / (2 * g)
    assert eos.sound_speed(law, rho, e) ** 2 == pytest.approx(along_rho + p / rho**2 * along_e, rel=1e-5)


@every_law
@settings(max_examples=30, deadline=None)
@given(squeeze=squeezes, e=energies)
def test_energy_inverts_pressure_and_temperature(law, scale, squeeze, e):
    rho = squeeze * scale
    assert eos.energy(law, rho, eos.pressure(law, rho, e)) == pytest.approx(e, rel=1e-7, abs=1e-3)
    T = eos.temperature(law, rho, e)
    assert eos.energy_of_temperature(law, rho, T) == pytest.approx(e, rel=1e-9)


@every_law
@settings(max_examples=30, deadline=None)
@given(squeeze=st.floats(0.01, 2.5), e=st.floats(0.0, 2e7))
def test_the_bound_is_never_below_the_temperature(law, scale, squeeze, e):
    rho = squeeze * scale
    T = eos.temperature(law, rho, e)
    assert eos.temperature_bound(law, rho, e) >= T - 1e-12 * abs(T)


@every_law
def test_the_heat_capacity_is_the_slope_of_energy_over_temperature(law, scale):
    T = np.array([350.0, 900.0, 1400.0, 2500.0])
    rise = eos.energy_of_temperature(law, scale, T + 0.5) - eos.energy_of_temperature(law, scale, T - 0.5)
    np.testing.assert_allclose(eos.heat_capacity(law, T), rise, rtol=1e-6)


def test_the_isentrope_of_hmx_is_fitted():
    np.testing.assert_allclose([HMX.b1, HMX.b2, HMX.b6], [10.122e6, 44.867e6, 2878.03e6], rtol=0.03)


@pytest.mark.parametrize("velocity", [300.0, 500.0, 1000.0, 1500.0, 2000.0, 3000.0])
def test_shocks_run_as_fast_as_the_measured_line_says(velocity):
    behind, speed = eos.hugoniot(HMX, velocity)
    assert speed == pytest.approx(2901.0 + 2.058 * velocity, rel=0.005)
    assert behind.pressure == pytest.approx(eos.pressure(HMX, behind.density, behind.energy), rel=1e-9)
    assert behind.density * (speed - velocity) == pytest.approx(1891.0 * speed, rel=1e-9)


def test_a_shock_of_one_kilometre_per_second_warms_the_bulk_as_computed_elsewhere():
    behind, _ = eos.hugoniot(HMX, 1000.0)
    assert behind.pressure == pytest.approx(9.37e9, rel=0.005)
    assert eos.temperature(HMX, behind.density, behind.energy) == pytest.approx(516.0, abs=5.0)


def test_stretched_matter_holds_void_and_no_pressure():
    rho, e = 0.4 * 1891.0, 0.0
    assert eos.pressure(HMX, rho, e) == 0.0
    assert eos.solid_fraction(HMX, rho, e) == pytest.approx(0.4)
    assert eos.solid_fraction(HMX, 1.01 * 1891.0, e) == 1.0
    assert eos.sound_speed(HMX, rho, e) < 100.0


def test_sound_crosses_the_solid_at_rest_as_fast_as_measured():
    assert eos.sound_speed(HMX, 1891.0, 0.0) == pytest.approx(2901.0, rel=1e-12)


def test_hot_matter_is_solid_at_a_lower_density():
    assert eos.solid_fraction(HMX, 1700.0, 1e6) > eos.solid_fraction(HMX, 1700.0, 0.0)


@pytest.mark.parametrize("name", ["density", "sound_speed", "slope", "gruneisen", "temperature"])
def test_a_parameter_without_meaning_is_refused_by_name(name):
    parameters = dict(density=1891.0, sound_speed=2901.0, slope=2.058, gruneisen=1.1, temperature=300.0)
    with pytest.raises(ConfigError, match=f"{name}: expected a positive number, got -1"):
        eos.LAWS["mie-gruneisen"](**{**parameters, name: -1.0})
