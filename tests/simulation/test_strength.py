"""Strength against elastic and plastic waves that are known, and what it must keep."""

import numpy as np
import pytest

from tessera.errors import ConfigError
from tessera.physics import eos
from tessera.physics.strength import CURVES, Strength, melting
from tessera.simulation import grid, scheme
from tests.simulation.flows import FED, HMX, INERT, OPEN, TARVER, WALL, flow, pore, until

STEEL = Strength(0.26e9, 10.0e9, CURVES["kraut-kennedy"]())
CELL = 1e-8
SOLID = pore(24, 40, (10.3, 16.0), 6.0)


def driven(solid, velocity, strength=STEEL, dtype=np.float64, **more):
    state = grid.at_rest(solid, HMX, dtype, strong=True)
    inlet = grid.feed(HMX, velocity, dtype, strength=strength)
    options = {"sides": (FED, OPEN, WALL), "inlet": inlet, "cell_size": CELL} | more
    return flow(state, strength=strength, **options)


def first(box, row):
    return box.state[row, 0] / box.state[0, 0]


def fronts(velocity, *levels):
    """Return the speed [m/s] at which the foremost cell of each velocity runs along a line of solid."""
    box, found = driven(np.ones((2, 600)), velocity), []
    for end in (4e-10, 8e-10):
        until(box, end)
        found.append([np.flatnonzero(first(box, 1) > level).max() for level in levels])
    return np.diff(found, axis=0)[0] * CELL / 4e-10, box


def test_a_weak_push_runs_at_the_longitudinal_speed():
    (speed,), _ = fronts(10.0, 5.0)
    assert speed == pytest.approx(np.sqrt(2901.0**2 + 4.0 / 3.0 * 10.0e9 / 1891.0), rel=0.01)


def test_an_elastic_wave_runs_ahead_of_a_slow_shock():
    (shock, precursor), box = fronts(300.0, 150.0, 5.0)
    behind, speed = eos.hugoniot(HMX, 300.0, strength=STEEL)
    assert shock == pytest.approx(speed, rel=0.01)
    assert precursor == pytest.approx(3960.0, rel=0.02)
    assert precursor > 1.08 * shock
    ahead = np.flatnonzero(first(box, 1) > 5.0).max() - 8
    assert first(box, 1)[ahead] == pytest.approx(0.5 * 0.26 / 10.0 * 3958.0, rel=0.01)  # strain at yield x speed
    assert box.state[0, 0, 60] == pytest.approx(behind.density, rel=1e-3)


@pytest.mark.parametrize(("velocity", "unloaded"), [(300.0, 1e-3), (1000.0, 0.04)])
def test_the_stress_behind_a_shock_exceeds_the_pressure_by_two_thirds_of_the_yield_stress(velocity, unloaded):
    """Less by what a strong shock unloads: its density overshoots by 1.5e-4, and the way back is elastic."""
    box = until(driven(np.ones((2, 300)), velocity), 4e-10)
    behind, _ = eos.hugoniot(HMX, velocity, strength=STEEL)
    rho, u, s = box.state[0, 0, 50], first(box, 1)[50], first(box, 7)[50]
    p = eos.pressure(HMX, rho, first(box, 3)[50] - 0.5 * u**2)
    assert s == pytest.approx(-2.0 / 3.0 * STEEL.yield_stress, rel=unloaded)
    assert p - s == pytest.approx(behind.pressure, rel=1e-3)
    assert first(box, 8)[50] == pytest.approx(-0.5 * s, rel=1e-3)


@pytest.mark.parametrize("velocity", [300.0, 1000.0])
def test_the_jump_conditions_hold_behind_both_waves(velocity):
    """Of a weak shock in two steps, of a strong one in one."""
    behind, speed = eos.hugoniot(HMX, velocity, strength=STEEL)
    single = 1891.0 * speed * velocity
    assert (behind.pressure == pytest.approx(single, rel=1e-9)) == (velocity == 1000.0)
    plain, _ = eos.hugoniot(HMX, velocity)
    assert plain.pressure < behind.pressure < plain.pressure + STEEL.yield_stress


def test_a_shear_wave_runs_at_its_speed_and_keeps_its_height():
    """A jump of the velocity along a plane splits into two waves of half its height, at sqrt(G / rho)."""
    state = grid.at_rest(np.ones((2, 400)), HMX, np.float64, strong=True)
    state[2, :, :200] = 2.0 * state[0, :, :200]
    state[3] += 0.5 * state[2] ** 2 / state[0]
    box = until(flow(state, strength=STEEL, cell_size=CELL, sides=(OPEN, OPEN, grid.PERIODIC)), 4e-10)
    v, speed = first(box, 2), np.sqrt(10.0e9 / 1891.0)
    assert v[200] == pytest.approx(1.0, abs=1e-3)
    assert np.argmin(abs(v - 0.5)) - 200 == pytest.approx(speed * 4e-10 / CELL, abs=2)
    assert first(box, 9)[200] == pytest.approx(-1891.0 * speed * 1.0, rel=5e-3)


def test_matter_that_turns_carries_its_stress_with_it():
    """A rigid eighth of a turn, in steps along x and y, makes tension along x and compression along y shear."""
    state, steps = np.zeros((11, 1, 1)), 2000
    state[:, 0, 0] = [1891.0, 0, 0, 0, 0, 0, 0, 3e7 * 1891.0, -3e7 * 1891.0, 0, 1.0e5]
    line, none = np.zeros((grid.WIDTH, 1)), np.zeros(1)
    turn = np.full(1, 0.25 * np.pi / steps)
    for step in range(2 * steps):
        normal, across = (1, 2) if step % 2 == 0 else (2, 1)
        sign = 1.0 if step % 2 == 0 else -1.0
        line[:, 0] = 0.0
        line[grid.RHO], line[grid.MODULUS] = 1891.0, 1.0e5
        line[[grid.SNN, grid.STT, grid.SNT], 0] = state[[6 + normal, 6 + across, 9], 0, 0] / 1891.0
        faces = np.stack([none, none]), np.stack([none, sign * turn])
        scheme.strained(state, 0, 1, 1.0, normal, across, line, 0, *faces)
    np.testing.assert_allclose(state[7:10, 0, 0] / 1891.0 / 3e7, [0.0, 0.0, 1.0], atol=2e-3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_mirrored_pore_has_the_mirrored_flow_to_the_last_bit(dtype):
    more = {"kinetics": TARVER, "viscosity": 0.05, "cell_size": 3.5e-8, "conductivity": 0.5, "spall": 0.3e9}
    one, other = driven(SOLID, 1000.0, dtype=dtype, **more), driven(SOLID[::-1], 1000.0, dtype=dtype, **more)
    for _ in range(120):
        one.advance(1.0)
        other.advance(1.0)
    mirrored = other.state[:, ::-1].copy()
    mirrored[[2, 9]] *= -1.0
    assert np.abs(one.state[9]).max() > 0.0
    np.testing.assert_array_equal(mirrored, one.state)


def test_directions_are_alike():
    """A line of sheared, hot solid along y is the transposed line along x, but for the order of the sweeps."""
    line = grid.at_rest(np.ones((4, 40)), HMX, np.float64, strong=True)
    line[3, :, :15] += 2e9
    line[2, :, 10:20] = 30.0 * line[0, :, 10:20]
    line[3] += 0.5 * line[2] ** 2 / line[0]
    order = [0, 2, 1, 3, 4, 5, 6, 8, 7, 9, 10]
    turned = np.ascontiguousarray(line[order].transpose(0, 2, 1))
    periodic = (WALL, WALL, grid.PERIODIC), (grid.PERIODIC, grid.PERIODIC, WALL)
    boxes = [flow(state, strength=STEEL, sides=sides) for state, sides in zip((line, turned), periodic, strict=True)]
    for _ in range(20):
        for box in boxes:
            box.advance(1.0)
    assert np.abs(boxes[0].state[9]).max() > 0.1 * STEEL.yield_stress * 1891.0
    for row, (one, other) in enumerate(zip(boxes[0].state, boxes[1].state[order].transpose(0, 2, 1), strict=True)):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9 * np.abs(one).max() + 1e-300, err_msg=str(row))


def test_no_stress_is_beyond_yield_and_none_in_voids_or_melt():
    hot = STEEL._replace(curve=CURVES["kraut-kennedy"](temperature=551.0, slope=0.0))
    box = until(driven(SOLID, 1000.0, hot, kinetics=INERT, viscosity=0.05, cell_size=3.5e-8), 4e-10)
    sxx, syy, sxy = box.state[7:10] / box.state[0]
    mises = np.sqrt(3.0 * (sxx**2 + syy**2 + sxx * syy + sxy**2))
    rho = box.state[0]
    e = box.state[3] / rho - 0.5 * (box.state[1] ** 2 + box.state[2] ** 2) / rho**2
    T = eos.temperature(HMX, rho, e)
    assert mises.max() == pytest.approx(STEEL.yield_stress, rel=1e-9)
    molten = (T > 551.0) & (rho > 1891.0)
    assert molten.sum() > 10
    assert not mises[molten].any()
    assert not mises[rho < 0.98 * 1891.0].any()


def test_strength_slows_the_collapse_of_a_pore_and_a_high_yield_stress_stops_it():
    left = []
    for strength in (None, STEEL, Strength(6e9, 10e9, CURVES["never"]())):
        if strength is None:
            box = flow(
                grid.at_rest(SOLID, HMX, np.float64),
                sides=(FED, OPEN, WALL),
                inlet=grid.feed(HMX, 300.0, np.float64),
                cell_size=CELL,
            )
        else:
            box = driven(SOLID, 300.0, strength)
        until(box, 1.6e-10)
        left.append((box.state[0] < 945.0).sum())
    assert left[0] <= left[1] < left[2]


def test_a_state_without_room_for_stress_is_refused():
    with pytest.raises(ConfigError, match=r"^state: expected 11 rows, got 7$"):
        flow(grid.at_rest(SOLID, HMX, np.float64), strength=STEEL)


@pytest.mark.parametrize(("name", "expected"), [("kraut-kennedy", 551 * (1 + 1.53 * 0.2)), ("simon-glatzel", 1715.0)])
def test_melt_curves_are_those_of_the_literature(name, expected):
    assert melting(CURVES[name](), 1891.0 / 0.8, 9.5e9) == pytest.approx(expected, rel=1e-3)
