"""Floors move what they say, exactly where that can be checked, and know nothing of what comes after the start."""

import numpy as np
import pytest

from tessera.data import schema
from tessera.errors import DataError
from tessera.evaluation import persistence, scores
from tests.evaluation.synthetic import START, THRESHOLD, ensemble

CELL, INTERVAL = 1.0e-7, 2.0e-10
SPEED = CELL / INTERVAL  # one cell per snapshot
X = (np.arange(24) + 0.5) * CELL


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def state(vx=0.0, vy=0.0, shape=(2, 12, 24)):
    """Return a random state (case, y, x) with a velocity [cells per snapshot]."""
    fields = {"temperature": drawn(*shape), "pressure": drawn(*shape, seed=1)}
    return fields | {f"velocity_{axis}": np.full(shape, v * SPEED, "float32") for axis, v in (("x", vx), ("y", vy))}


def carried(start, snapshots=3):
    return persistence.advected(start, interval=INTERVAL, cell_size=CELL, snapshots=snapshots)


def shocked(front, shape=(2, 12, 24), before=None):
    """Return two known snapshots of a random plateau behind straight fronts at column sides [cells]."""
    columns = np.arange(shape[-1])
    texture = 10.0 + drawn(*shape[:1], shape[1], shape[2], seed=3)
    known = []
    for side in (front if before is None else before, front):
        behind = columns < side
        moved = np.roll(texture, side - front, axis=-1)
        known.append(
            {"pressure": np.where(behind, 10.0, 0.0) + 0.0 * texture, "temperature": np.where(behind, moved, 1.0)}
        )
    return {name: np.stack([one[name] for one in known], axis=1).astype("float32") for name in known[0]}


def gone_on(known, snapshots=3, x=X):
    return persistence.travelling(known, interval=INTERVAL, x=x, snapshots=snapshots)


@pytest.mark.parametrize(("vx", "vy"), [(2.0, 0.0), (-3.0, 0.0), (0.0, 1.0), (2.0, -1.0), (0.0, 0.0)])
def test_a_uniform_velocity_moves_a_state_by_whole_cells(vx, vy):
    start = state(vx, vy)
    for snapshot in range(3):
        rows = np.clip(np.arange(12) - int(vy) * (snapshot + 1), 0, 11)
        columns = np.clip(np.arange(24) - int(vx) * (snapshot + 1), 0, 23)
        for name, field in start.items():
            expected = field[:, rows][:, :, columns]
            np.testing.assert_allclose(carried(start)[name][:, snapshot], expected, rtol=1e-5, atol=1e-5)


def test_what_lies_left_of_the_frame_is_the_inflow_of_its_first_column():
    later = carried(state(vx=30.0), snapshots=1)["temperature"]
    start = state()["temperature"]
    np.testing.assert_allclose(later[:, 0], np.repeat(start[..., :1], 24, axis=-1), rtol=1e-5)
    known = shocked(8, before=2)
    later = gone_on(known, snapshots=3)["temperature"][:, -1]  # six cells per snapshot: all 24 are behind the front
    np.testing.assert_allclose(later[..., :18], np.repeat(known["temperature"][:, -1, :, :1], 18, axis=-1), rtol=1e-5)


def test_half_a_cell_is_the_mean_of_two():
    start = state(vx=0.5)
    field = start["temperature"]
    later = carried(start, snapshots=1)["temperature"][:, 0]
    np.testing.assert_allclose(later[..., 1:], 0.5 * (field[..., 1:] + field[..., :-1]), atol=1e-6)


def test_matter_is_followed_along_stream_lines_to_second_order():
    """A velocity that grows like x stretches what it carries: x follows x0 exp(rate t)."""
    x = np.arange(24.0)
    errors = []
    for rate in (0.02, 0.04):  # at most one cell per snapshot, so one step each
        start = {"temperature": np.tile(x, (1, 3, 1)), "velocity_x": np.tile(rate * SPEED * x, (1, 3, 1))}
        start["velocity_y"] = np.zeros((1, 3, 24))
        later = carried(start, snapshots=1)["temperature"][0, 0, 1]
        errors.append(np.abs(later - x * np.exp(-rate)).max())
    assert errors[0] < 5e-5 and errors[1] / errors[0] == pytest.approx(8.0, rel=0.1)


@pytest.mark.parametrize("make", [lambda known: carried({n: f[:, -1] for n, f in known.items()}), gone_on])
def test_a_constant_state_stays(make):
    known = {
        name: np.full((2, 2, 12, 24), value, "float32") for name, value in (("pressure", 1e9), ("velocity_y", 70.0))
    }
    known |= {"temperature": np.full((2, 2, 12, 24), 300.0, "float32"), "velocity_x": known["pressure"] / 1e6}
    for name, later in make(known).items():
        assert later.shape == (2, 3, 12, 24) and later.dtype == np.float32
        np.testing.assert_allclose(later, np.broadcast_to(known[name][:, -1:], later.shape), rtol=1e-6)


def test_a_mirrored_state_has_a_mirrored_future():
    start = state()
    start |= {name: 800.0 * drawn(2, 12, 24, seed=n) for n, name in enumerate(("velocity_x", "velocity_y"), 5)}
    mirrored = {name: field[:, ::-1] * (-1.0 if name == "velocity_y" else 1.0) for name, field in start.items()}
    later, again = carried(start), carried(mirrored)
    for name in start:
        sign = -1.0 if name == "velocity_y" else 1.0
        np.testing.assert_allclose(again[name], sign * later[name][:, :, ::-1], rtol=1e-3, atol=1e-3)
    known = shocked(8, before=5)
    turned = gone_on({name: field[:, :, ::-1] for name, field in known.items()})
    for name, field in gone_on(known).items():
        np.testing.assert_array_equal(turned[name], field[:, :, ::-1])


def test_matter_at_rest_ahead_of_a_shock_is_never_reached_by_advection():
    start = {name: field[:, -1] for name, field in shocked(8).items()}
    start["velocity_x"] = np.where(np.arange(24) < 8, SPEED, 0.0) + 0.0 * start["pressure"]
    start["velocity_y"] = np.zeros_like(start["pressure"])
    later = carried(start)
    np.testing.assert_array_equal(later["pressure"][..., 8:], np.zeros((2, 3, 12, 16)))


@pytest.mark.parametrize(("front", "before"), [(8, 5), (5, 0), (8, 8), (24, 20)])
def test_the_profile_behind_a_front_goes_on_at_the_front_s_speed_and_all_ahead_of_it_stays(front, before):
    known, cells = shocked(front, before=before), front - before
    ahead = drawn(2, 12, 24, seed=9)
    known["temperature"] = np.where(known["pressure"] > 5.0, known["temperature"], ahead[:, None])
    later, start = gone_on(known)["temperature"], known["temperature"][:, -1]
    for snapshot in range(3):
        way = cells * (snapshot + 1)
        columns = np.clip(np.arange(24) - way, 0, 23)
        expected = np.where(np.arange(24) < front + way, start[..., columns], start)
        inside = np.abs(np.arange(24) - (front + way)) > 1  # the cells beside the front are between both
        np.testing.assert_allclose(later[:, snapshot][..., inside], expected[..., inside], rtol=1e-5)


def test_a_front_that_is_not_inside_yet_comes_from_the_left_side():
    pressure = gone_on(shocked(6, before=0))["pressure"]  # read half-way between cells, six sides from the left
    assert [int((pressure[0, snapshot, 0] > 5.0).sum()) for snapshot in range(3)] == [12, 18, 24]


def test_a_front_that_has_left_leaves_its_state_and_one_that_never_came_leaves_all_as_it_is():
    for known in (shocked(24), shocked(0)):
        for name, later in gone_on(known).items():
            np.testing.assert_array_equal(later, np.broadcast_to(known[name][:, -1:], later.shape))


def test_floors_are_made_of_what_a_case_has():
    case = {name: field[0] for name, field in shocked(8, before=4).items()}
    case |= {f"velocity_{axis}": np.zeros_like(case["pressure"]) for axis in "xy"}
    case = {name: np.concatenate([field, drawn(3, 12, 24)]) for name, field in case.items()}

    def names(fields, start):
        return [name for name, _ in persistence.floors(fields, start, interval=INTERVAL, x=X)]

    assert names(case, 1) == ["persistence", "advected", "travelling"]
    assert names(case, 0) == ["persistence", "advected"]
    assert names({name: case[name] for name in ("temperature", "velocity_x")}, 1) == ["persistence"]
    assert names({name: case[name] for name in ("temperature", "pressure")}, 1) == ["persistence", "travelling"]


def test_floors_know_nothing_of_what_comes_after_the_start():
    truth = ensemble().isel(case=2)
    case = {name: truth[name].values for name in schema.SIMULATED}
    other = {name: np.concatenate([field[: START + 1], 0.0 * field[START + 1 :]]) for name, field in case.items()}
    x, interval = truth["x"].values, schema.interval(truth)
    both = [persistence.floors(fields, START, interval=interval, x=x) for fields in (case, other)]
    for (name, made), (_, again) in zip(*both, strict=True):
        for field, values in made.items():
            np.testing.assert_array_equal(values, again[field], err_msg=name)
            np.testing.assert_array_equal(values[: START + 1], case[field][: START + 1])


def test_a_moving_front_is_met_best_by_what_travels_and_every_floor_is_in_the_score_table():
    table = scores.table(ensemble(), {}, scale="meso", threshold=THRESHOLD, start=START)
    whole = table[table["time"].isna() & (table["metric"] == "pressure_rmse")]
    errors = whole.groupby("model")["value"].mean()
    assert errors["travelling"] < 0.5 * errors["persistence"] and errors["advected"] <= errors["persistence"]
    assert set(table["model"]) == {"truth", "persistence", "advected", "travelling"}
    assert table["n_meso"].isna().all()
    still = ensemble().drop_vars(["velocity_x", "velocity_y", "pressure"])
    table = scores.table(still, {}, scale="meso", threshold=THRESHOLD, start=START)
    assert set(table["model"]) == {"truth", "persistence"}


def test_what_is_missing_is_said():
    with pytest.raises(DataError, match=r"start: expected fields velocity_y and velocity_x, got \['temperature'\]"):
        carried({"temperature": drawn(1, 4, 4)})
    known = {name: field[:, -1:] for name, field in shocked(8).items()}
    with pytest.raises(DataError, match="known: expected the pressure at the start and before it, got 1 snapshots"):
        gone_on(known)
    with pytest.raises(DataError, match=r"got fields \['temperature'\]"):
        gone_on({"temperature": known["temperature"]})
