"""Equations of state by property, for every law."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tessera.errors import ConfigError
from tessera.physics import eos
from tessera.physics.law import of_precision
from tests.physics.materials import BIRCH, HMX, LINEAR, MATERIALS, MIXTURE, PAIR, PRODUCTS, WATER, every_material

shares = st.floats(0.0, 1.0)
few = settings(max_examples=25, deadline=None)


def state(material, x, y):
    """Return a density and a temperature of the range, from two shares, evenly in their logarithms."""
    low, high = np.array(material.densities), np.array(material.temperatures)
    return low[0] * (low[1] / low[0]) ** x, high[0] * (high[1] / high[0]) ** y


def slope(function, at, share=1e-5):
    """Return the slope of a function by central differences of the fourth order."""
    h = share * at
    return (8 * (function(at + h) - function(at - h)) - (function(at + 2 * h) - function(at - 2 * h))) / (12 * h)


def test_every_law_is_tested():
    assert set(eos.LAWS) < set(MATERIALS)


@every_material
@few
@given(x=shares, y=shares)
def test_the_sound_speed_is_the_isentropic_one(material, x, y):
    """c^2 = dp/drho at constant e + p/rho^2 dp/de, by differences."""
    law, (rho, T) = material.law, state(material, x, y)
    rho = max(rho, 1.001 * material.densities[0])
    e = eos.energy_of_temperature(law, rho, T)
    along_rho = slope(lambda rho: eos.tension(law, rho, e), rho)
    along_e = (eos.tension(law, rho, e + 1e3) - eos.tension(law, rho, e - 1e3)) / 2e3
    p = eos.tension(law, rho, e)
    expected = along_rho + p / rho**2 * along_e
    assert eos.squared_speed(law, rho, e) == pytest.approx(expected, rel=1e-5)
    if p >= 0.0:
        assert eos.sound_speed(law, rho, e) ** 2 == pytest.approx(expected, rel=1e-5)


@every_material
@few
@given(x=shares, y=shares)
def test_energy_inverts_pressure_and_temperature(material, x, y):
    law, (rho, T) = material.law, state(material, x, y)
    e = eos.energy_of_temperature(law, rho, T)
    scale = T * eos.heat_capacity(law, rho, T)
    assert eos.energy(law, rho, eos.tension(law, rho, e)) == pytest.approx(e, rel=1e-9, abs=1e-9 * scale)
    assert eos.temperature(law, rho, e) == pytest.approx(T, rel=1e-9)


@every_material
@few
@given(x=shares, y=shares)
def test_energy_and_pressure_are_of_one_potential(material, x, y):
    """(de/dv)_T = T (dp/dT)_v - p, in terms of the density."""
    if not material.complete:
        return
    law, (rho, T) = material.law, state(material, x, y)
    rho = max(rho, 1.001 * material.densities[0])

    def push(T):
        return eos.tension(law, rho, eos.energy_of_temperature(law, rho, T))

    along_rho = slope(lambda rho: eos.energy_of_temperature(law, rho, T), rho, 1e-4)
    heat = T * slope(push, T, 1e-4)
    size = rho * eos.squared_speed(law, rho, eos.energy_of_temperature(law, rho, T))
    assert -(rho**2) * along_rho == pytest.approx(heat - push(T), abs=1e-6 * abs(size))


@every_material
@few
@given(x=shares, y=shares)
def test_matter_resists_squeezing_and_takes_heat(material, x, y):
    law, (rho, T) = material.law, state(material, x, y)
    e = eos.energy_of_temperature(law, rho, T)
    assert eos.squared_speed(law, rho, e) > 0.0
    assert eos.heat_capacity(law, rho, T) > 0.0


@every_material
@few
@given(x=shares, y=shares)
def test_the_grueneisen_coefficient_says_what_heat_adds_to_the_pressure(material, x, y):
    law, (rho, T) = material.law, state(material, x, y)
    if isinstance(law, eos.Mixture | eos.Pair):  # for which it depends on the temperature too
        return
    e = eos.energy_of_temperature(law, rho, T)
    rise = (eos.tension(law, rho, e + 1e4) - eos.tension(law, rho, e - 1e4)) / 2e4
    assert eos.gruneisen(law, rho) * rho == pytest.approx(rise, rel=1e-6)


@every_material
@few
@given(x=shares, y=shares)
def test_the_heat_capacity_is_the_slope_of_energy_over_temperature(material, x, y):
    law, (rho, T) = material.law, state(material, x, y)
    T = T if material.complete else max(T, 1.01 * law.temperature)
    if not material.complete and abs(T - law.ramp_end) < 2.0:
        return
    rise = slope(lambda T: eos.energy_of_temperature(law, rho, T), T, 1e-4)
    assert eos.heat_capacity(law, rho, T) == pytest.approx(rise, rel=1e-6)


@every_material
@few
@given(x=st.floats(-2.0, 1.0), e=st.floats(0.0, 2e7))
def test_the_bound_is_never_below_the_temperature(material, x, e):
    """Over all that a simulation meets, voids and shocks beyond the range among them."""
    rho = state(material, x, 0.0)[0]
    T = eos.temperature(material.law, rho, e)
    assert eos.temperature_bound(material.law, rho, e) >= T - 1e-12 * abs(T)


@every_material
@few
@given(x=st.floats(-2.0, 1.0), e=st.floats(0.0, 2e7))
def test_the_near_temperature_is_the_temperature_to_six_digits(material, x, e):
    rho = state(material, x, 0.0)[0]
    T = eos.temperature(material.law, rho, e)
    assert eos.near_temperature(material.law, rho, e) == pytest.approx(
        T, rel=2e-6, abs=0.01
    )  # near zero there is no matter


@numba.njit(error_model="numpy")
def bounds(law, rho, e):
    return np.array([eos.temperature_bound(law, rho[i], e[i]) for i in range(rho.size)])


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("half_heat", [0.001, 70.0, 437.0, 5000.0])
def test_the_bound_of_a_solid_is_close_above_its_temperature(precision, half_heat):
    """In single precision too: each cell above the bound costs a solution in double precision, each below is cold."""
    law = eos.LAWS["linear-hugoniot"](1900.0, 2901.0, 2.058, 1.1, 300.0, 1650.0, half_heat)
    rho, T = np.meshgrid(np.linspace(1900.0, 3500.0, 60).astype(np.float32), np.geomspace(500.0, 8000.0, 60))
    e = eos.energy_of_temperature(law, rho, T).astype(np.float32)
    found = bounds(of_precision(law, precision), rho.ravel().astype(precision), e.ravel().astype(precision))
    assert found.dtype == precision
    share = found / eos.temperature(law, rho, e).ravel()
    assert share.min() >= 1.0 and share.max() <= 1.03


@every_material
@few
@given(log_rho=st.floats(-4.0, 5.0), log_e=st.floats(-3.0, 9.0))
def test_beyond_the_range_values_stay_finite_and_pressures_positive(material, log_rho, log_e):
    rho, e = material.densities[0] * min(10.0**log_rho, 50.0), 10.0**log_e
    p, c, T = (function(material.law, rho, e) for function in (eos.pressure, eos.sound_speed, eos.temperature))
    assert np.isfinite([p, c, T]).all()
    assert p >= 0.0 and c > 0.0


@pytest.mark.parametrize("law", [HMX, LINEAR, BIRCH], ids=["mie-gruneisen", "linear-hugoniot", "birch-murnaghan"])
def test_the_cold_pressure_of_a_solid_is_monotone_and_convex_in_volume_at_any_compression(law):
    """Beyond the pole of the linear Hugoniot at rho / rho0 = 1.94 as before it."""
    v = np.linspace(1.0, 0.05, 400) / law.density
    p = eos.tension(law, 1.0 / v, 0.0) + eos.gruneisen(law, 1.0 / v) / v * along_isentrope(law, v)
    rise = np.diff(p) / np.diff(v)
    assert (rise < 0.0).all()
    assert (np.diff(rise) < 0.0).all()


def along_isentrope(law, v):
    """Return the energy [J/kg] along the isentrope through rest, by integration."""
    path = solve_ivp(
        lambda v, e: -eos.tension(law, 1.0 / v, e),
        (v[0], v[-1]),
        [0.0],
        t_eval=v,
        rtol=1e-10,
        atol=1e-3,
        method="LSODA",
    )
    return path.y[0]


@pytest.mark.parametrize("law", [LINEAR, BIRCH, WATER, MIXTURE])
def test_a_solid_at_rest_has_no_energy_and_no_pressure_at_its_temperature(law):
    rho = eos.solid_density(law, 0.0)
    assert eos.tension(law, rho, 0.0) == pytest.approx(0.0, abs=1.0)
    assert eos.temperature(law, rho, 0.0) == pytest.approx(300.0, rel=1e-9)
    assert eos.solid_fraction(law, rho, 0.0) == pytest.approx(1.0)
    assert eos.squared_speed(law, 0.9999999 * rho, 0.0) == pytest.approx(eos.squared_speed(law, rho, 0.0), rel=1e-5)


@pytest.mark.parametrize("law", [LINEAR, BIRCH, WATER, MIXTURE, MIXTURE._replace(burnt=0.3)])
def test_a_stretched_solid_holds_void(law):
    rho = 0.4 * eos.solid_density(law, 0.0)
    assert eos.pressure(law, rho, 0.0) == 0.0
    assert eos.tension(law, rho, 0.0) < -1e8
    assert eos.solid_fraction(law, rho, 0.0) == pytest.approx(0.4)
    assert eos.sound_speed(law, rho, 0.0) < 100.0


@pytest.mark.parametrize("burnt", [0.0, 1.0])
def test_a_mixture_ends_in_its_parts(burnt):
    law, shift = MIXTURE._replace(burnt=burnt), MIXTURE.products.shift
    rho, e = 2500.0, 7e6
    part, own = (BIRCH, e) if burnt == 0.0 else (PRODUCTS, e + shift)
    for function in (eos.pressure, eos.sound_speed, eos.temperature):
        assert function(law, rho, e) == pytest.approx(function(part, rho, own), rel=1e-9)


@few
@given(burnt=st.floats(1e-6, 1.0), e=st.floats(4e6, 1e7))
def test_the_parts_of_a_mixture_share_energy_and_pressure_at_one_temperature(burnt, e):
    law, rho = MIXTURE._replace(burnt=burnt), 2400.0
    T = eos.temperature(law, rho, e)
    solid, gas = (eos.energy_of_temperature(part, rho, T) for part in (law.solid, law.products))
    assert (1 - burnt) * solid + burnt * gas == pytest.approx(e, rel=1e-9)
    pushes = eos.tension(law.solid, rho, solid), eos.tension(law.products, rho, gas)
    assert eos.pressure(law, rho, e) == pytest.approx((1 - burnt) * pushes[0] + burnt * pushes[1], rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_pair_ends_in_its_parts(share):
    law, rho, e = PAIR._replace(burnt=share), 1300.0 - 1298.0 * share, 2e6
    part = law.gas if share else law.liquid
    for function in (eos.pressure, eos.sound_speed, eos.temperature):
        assert function(law, rho, e) == pytest.approx(function(part, rho, e), rel=1e-12)


@few
@given(share=st.floats(1e-6, 1.0), T=st.floats(250.0, 3000.0), log_p=st.floats(4.5, 9.5))
def test_the_parts_of_a_pair_fill_the_cell_at_one_pressure_and_one_temperature(share, T, log_p):
    law, p = PAIR._replace(burnt=share), 10.0**log_p
    water, air = law.liquid, law.gas
    room = (1 - share) * (water.gamma - 1) * water.specific_heat * T / (p + water.stiffness)
    filled = share * (air.gamma - 1) * air.specific_heat * T / p
    rho = 1.0 / (room + filled)
    dense = (1 - share) / room if share < 1.0 else 1.0
    e = (1 - share) * eos.energy(water, dense, p) + share * air.specific_heat * T
    assert eos.pressure(law, rho, e) == pytest.approx(p, rel=1e-7)
    assert eos.temperature(law, rho, e) == pytest.approx(T, rel=1e-9)
    assert eos.solid_fraction(law, rho, e) == pytest.approx(room * rho, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("which", "value"), [("liquid", (1.0, 6e8, 1e3)), ("gas", (1.4, -1.0)), ("gas", (0.9, 1.2))])
def test_a_pair_without_meaning_is_refused(which, value):
    parts = {"liquid": (4.4, 6e8, 1e3), "gas": (1.4, 1.2)} | {which: value}
    with pytest.raises(ConfigError, match="expected a"):
        eos.pair(**parts)


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
