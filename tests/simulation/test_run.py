"""A case from its pores to its fields: mirrored, refused, stopped where its equations end, averaged."""

import gc

import numpy as np
import pytest

from tessera.errors import ConfigError, ValidityError
from tessera.physics import eos
from tessera.simulation import grid, loading, run
from tests.simulation.flows import FED, HMX, INERT, OPEN, TARVER, WALL, conserved, flow, pore, until

SHOCKED, SHOCK_SPEED = eos.hugoniot(HMX, 1000.0)
CELL = 3.5e-8
CASE = {
    "law": HMX,
    "reaction": TARVER,
    "viscosity": 0.05,
    "loading": loading.Piston(1000.0),
    "cell_size": CELL,
    "snapshots": 4,
    "interval": 1.0e-10,
}
SOLID = pore(24, 40, (10.3, 16.0), 6.0)


def fed(solid, dtype=np.float64, **more):
    inlet = grid.feed(HMX, 1000.0, dtype)
    options = {"sides": (FED, OPEN, WALL), "cell_size": CELL, "viscosity": 0.05, "kinetics": TARVER} | more
    return flow(grid.at_rest(solid, HMX, dtype), inlet=inlet, **options)


@pytest.fixture(scope="module")
def whole():
    return run.simulate(SOLID, **CASE)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_mirrored_pore_has_the_mirrored_flow_to_the_last_bit(dtype):
    one, other = fed(SOLID, dtype), fed(SOLID[::-1], dtype)
    for _ in range(120):
        one.advance(1.0)
        other.advance(1.0)
    assert np.abs(one.state[2]).max() > 100.0 * 1891.0
    assert one.released != 0.0
    mirrored = other.state[:, ::-1].copy()
    mirrored[2] *= -1.0
    np.testing.assert_array_equal(mirrored, one.state)


def test_columns_that_the_shock_has_not_reached_may_be_left_out():
    narrow, wide = fed(SOLID), fed(SOLID)
    wide._columns = SOLID.shape[1]
    for _ in range(25):
        narrow.advance(1.0)
        wide.advance(1.0)
    assert 16 < narrow._columns < SOLID.shape[1]
    np.testing.assert_allclose(narrow.state, wide.state, rtol=1e-9, atol=1e-3)


def test_what_enters_is_what_the_inlet_feeds():
    """But for a start that the impulsive inlet makes once."""
    box = fed(np.ones((4, 120)), kinetics=INERT)
    found, span = [], 20 * CELL / SHOCK_SPEED
    for end in (span, 4 * span):
        until(box, end)
        found.append(box.state[:4].sum(axis=(1, 2)) * CELL / 4)
    mass, momentum, _, energy = (found[1] - found[0]) / (3 * span)
    u = SHOCKED.velocity
    total = SHOCKED.energy + 0.5 * u**2
    assert mass == pytest.approx(SHOCKED.density * u, rel=1e-4)
    assert momentum == pytest.approx(SHOCKED.density * u**2 + SHOCKED.pressure, rel=1e-4)
    assert energy == pytest.approx((SHOCKED.density * total + SHOCKED.pressure) * u, rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", list(grid.Conserved))
def test_what_is_not_finite_is_named_by_case_time_and_cell(row, value, dtype):
    state = conserved((9, 1891.0, 0.0, 0.0), rows=6).astype(dtype)
    state[row, 4, 7] = value
    expected = r"^case 12: time 0 s, cell \(y, x\) = \(4, 7\): expected finite values and a positive density, got"
    with pytest.raises(ValidityError, match=expected), np.errstate(invalid="ignore"):
        flow(state, case=12)


@pytest.mark.parametrize("density", [0.0, -1e-3, -500.0])
def test_a_density_that_is_not_positive_is_named(density):
    state = conserved((9, 1891.0, 0.0, 0.0), rows=6)
    state[0, 2, 3] = density
    with pytest.raises(ValidityError, match=r"case 5: .*\(2, 3\): expected .* positive density, got \(rho, mx"):
        flow(state, case=5)


@pytest.mark.parametrize("row", [grid.Conserved.RHO, grid.Conserved.MX, grid.Conserved.E])
def test_nonsense_that_arises_on_the_way_stops_the_step_that_made_it(row):
    box = fed(SOLID, case=3)
    until(box, 5e-11)
    box.state[row, 11, 4] = np.nan
    with pytest.raises(ValidityError, match=r"case 3: time 5\.\d+e-11 s, cell \(y, x\) = \((9|1\d), \d\): expected"):
        box.advance(1.0)


def test_a_signal_beyond_all_measure_is_named():
    state = conserved((9, 1891.0, 0.0, 0.0), rows=6)
    state[grid.Conserved.MX, 1, 6] = 1891.0 * 2e6
    with pytest.raises(ValidityError, match=r"case 0: time 0 s, cell \(y, x\) = \(1, 6\): expected"):
        flow(state)


@pytest.mark.parametrize("collecting", [True, False])
def test_loading_the_kernels_leaves_the_garbage_collector_as_it_was(collecting):
    was = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        run._compile(lambda solid: fed(solid), lambda box: run.fields(box.state, HMX))
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if was else gc.disable)()


def test_a_viscosity_that_would_never_end_is_refused():
    box = fed(SOLID, viscosity=20.0, case=8)
    expected = r"case 8: time 0 s, cell \(y, x\) = \(\d+, \d+\): expected a viscous time step of at least"
    with pytest.raises(ValidityError, match=expected):
        box.advance(1.0)


def test_a_viscosity_that_asks_for_shorter_steps_gets_them_and_stays_sane():
    """Explicit stress beyond its limit would fill the box with hot nonsense behind an unchanged front."""
    steps, bulk = [], eos.temperature(HMX, SHOCKED.density, SHOCKED.energy)
    for viscosity in (0.05, 0.3):
        box = until(fed(np.ones((4, 80)), viscosity=viscosity, kinetics=INERT), 4e-10)
        steps.append(box.steps)
        T = run.fields(box.state, HMX).temperature[0]
        np.testing.assert_allclose(T[28:40], bulk, rtol=0.04)
        assert T.max() < 1000.0
    assert steps[1] > 2 * steps[0]


def test_a_case_has_the_fields_and_coordinates_of_the_dataset_contract(whole):
    assert list(whole.data_vars) == list(run.Fields._fields)
    assert dict(whole.sizes) == {"time": 4, "y": 24, "x": 40}
    assert all(field.dtype == np.float32 and np.isfinite(field).all() for field in whole.data_vars.values())
    np.testing.assert_allclose(whole.time, [0.0, 1e-10, 2e-10, 3e-10])
    np.testing.assert_allclose(whole.y[:2], [0.5 * CELL, 1.5 * CELL])
    assert whole.attrs["core_seconds"] > 0.0
    assert whole.attrs["steps"] > 4


def test_a_case_starts_at_rest_and_its_shock_then_runs_into_it(whole):
    start = whole.isel(time=0)
    np.testing.assert_allclose(start.microstructure, SOLID, atol=2e-3)
    assert (start.temperature == 300.0).all()
    assert not start.velocity_x.any() and not start.pressure.any()
    front = [int((whole.pressure[number].mean("y") > 2e9).sum()) for number in range(4)]
    assert front[1] == pytest.approx(SHOCK_SPEED * 1e-10 / CELL, abs=2)
    assert front[0] < front[1] < front[2] < front[3]
    assert float(whole.pressure[1, :, 3].mean()) == pytest.approx(SHOCKED.pressure, rel=0.02)


def test_an_equal_case_is_equal_to_the_last_bit(whole):
    again = run.simulate(SOLID, **CASE)
    for name in run.Fields._fields:
        np.testing.assert_array_equal(again[name], whole[name])


def test_stored_cells_are_means_of_computed_ones(whole):
    stored = run.simulate(SOLID, refine=2, **CASE)
    assert dict(stored.sizes) == {"time": 4, "y": 12, "x": 20}
    np.testing.assert_allclose(stored.x[:2], [CELL, 3 * CELL])
    for name in ("pressure", "microstructure"):
        blocks = whole[name].values.reshape(4, 12, 2, 20, 2).astype(float).mean(axis=(2, 4))
        scale = np.abs(blocks).max()
        np.testing.assert_allclose(stored[name], blocks, rtol=1e-6, atol=1e-6 * scale, err_msg=name)


def test_velocity_and_temperature_are_means_over_mass():
    """So that a stored cell has the momentum of its parts, whatever voids they hold."""
    box = until(fed(SOLID), 2e-10)
    fine, coarse = run.fields(box.state, HMX), run.fields(box.state, HMX, 2)
    mass = box.state[0].reshape(12, 2, 20, 2)
    for name in ("velocity_x", "velocity_y", "temperature"):
        weighted = (mass * getattr(fine, name).reshape(12, 2, 20, 2)).sum(axis=(1, 3)) / mass.sum(axis=(1, 3))
        found = getattr(coarse, name)
        np.testing.assert_allclose(found, weighted, rtol=1e-6, atol=1e-6 * np.abs(weighted).max(), err_msg=name)
    plain = fine.velocity_x.reshape(12, 2, 20, 2).mean(axis=(1, 3))
    assert np.abs(plain - coarse.velocity_x).max() > 10.0


def test_double_precision_agrees_with_single(whole):
    exact = run.simulate(SOLID, precision="float64", **CASE)
    for name in ("temperature", "pressure"):
        mean = float(exact[name].isel(time=-1).mean())
        assert float(np.abs(exact[name] - whole[name]).isel(time=-1).mean()) < 2e-3 * mean, name


def test_progress_is_told_of_every_snapshot():
    told = []
    run.simulate(SOLID, progress=lambda: told.append(1), **CASE | {"snapshots": 3, "interval": 2e-11})
    assert len(told) == 2


@pytest.mark.parametrize("solid", [np.ones(8), np.full((4, 8), 1.5), np.full((4, 8), np.nan)])
def test_what_is_no_share_of_solid_is_refused(solid):
    with pytest.raises(ConfigError, match="solid: expected shares from 0 to 1"):
        run.simulate(solid, **CASE)
