"""Structure, front and calibration, each on an array so small that the answer stands in a comment."""

import math

import numpy as np
import pytest

from tessera.evaluation import front, measures, metrics, regions, spectrum

NAN, INF = math.nan, math.inf


def mask(*rows):
    """Return a mask from rows of text, where # is hot."""
    return np.array([[cell == "#" for cell in row] for row in rows])


APART = mask("##..", "....", "...#")
JOINED = mask("##..", "..#.", "...#")
NONE = mask("....", "....", "....")


def test_regions_that_touch_at_a_corner_are_one():
    assert regions.count(np.stack([APART, JOINED, NONE])).tolist() == [2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("prediction", "truth", "cells"),
    [
        (APART, APART, 0),
        (NONE, APART, 3),  # both of the truth's are missed
        (APART, NONE, 3),  # both are invented
        (mask("#...", "....", "..##"), APART, 2),  # one cell less in one and one more in the other do not cancel
        (mask("..##", "....", "...."), mask("##..", "....", "...."), 0),  # they touch: one group of equal areas
        (mask("...#", "....", "...."), mask("#...", "....", "...."), 2),  # far apart: one missed, one invented
        (JOINED, APART, 1),  # one group of four against three cells
    ],
)
def test_hotspots_are_compared_one_by_one(prediction, truth, cells):
    assert float(regions.matched_area_error(prediction, truth, 0.25)) == 0.25 * cells


def test_onset_is_the_first_snapshot_with_a_hotspot():
    area = np.array([[0.0, 0.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(regions.onset(area, np.array([1.0, 2.0, 3.0, 4.0])), [3.0, 1.0, NAN])


X = np.array([0.5, 1.5, 2.5, 3.5])
ROWS = np.array(
    [
        [10.0, 10.0, 0.0, 0.0],  # half of 10 is crossed in the middle between 1.5 and 2.5
        [10.0, 6.0, 2.0, 0.0],  # 5 is a quarter of the way from 6 to 2
        [10.0, 0.0, 10.0, 0.0],  # a pore inside: the last crossing counts
        [10.0, 10.0, 10.0, 10.0],  # it has left
        [0.0, 0.0, 0.0, 0.0],  # it has not come
    ]
)


def test_the_front_is_the_last_crossing_of_half_the_plateau():
    found = front.positions(ROWS, 10.0, X)
    np.testing.assert_allclose(found, [2.0, 1.75, 3.0, NAN, NAN])
    np.testing.assert_allclose(front.bounded(found, ROWS, 10.0, X), [2.0, 1.75, 3.0, 3.5, 0.5])


def test_the_plateau_is_a_median_and_knows_no_spike():
    pressure = np.zeros((2, 3, 4))
    pressure[1, :, :2] = 9.0
    pressure[1, 0, 0] = 1000.0
    assert front.plateau(pressure) == 9.0


def test_the_speed_of_a_front_is_that_of_its_mean():
    position = np.array([[1.0, 3.0], [2.0, 6.0], [2.0, NAN], [4.0, 4.0]])
    np.testing.assert_allclose(front.speeds(position, 0.5), [4.0, NAN, NAN])  # (4 - 2) / 0.5


def test_a_wave_has_its_power_at_its_wave_number():
    x = np.arange(64)
    wave, power = spectrum.radial(np.broadcast_to(np.cos(2 * np.pi * x / 8), (32, 64)))
    assert wave[np.argmax(power)] == pytest.approx(1 / 8)
    assert power[np.abs(wave - 1 / 8) > 2.5 / 32].sum() < 1e-3 * power.sum()


def test_spectra_ten_times_too_strong_are_one_apart_in_every_band():
    field = np.random.default_rng(0).normal(size=(2, 24, 40))
    found = spectrum.distances(math.sqrt(10.0) * field, field)
    for band in spectrum.BANDS:
        np.testing.assert_allclose(found[band], 1.0)
    smooth = np.broadcast_to(field.mean(axis=-1, keepdims=True), field.shape).copy()
    smooth[1, 0, 0] = NAN
    lost = spectrum.distances(smooth, field)
    assert lost["short"][0] > lost["long"][0] and lost["short"][1] == INF
    empty = spectrum.distances(field, np.zeros_like(field))
    assert np.isnan(empty["long"]).all()
    assert (spectrum.distances(np.zeros_like(field), field)["long"] == INF).all()


def test_the_power_of_an_error_sees_a_wave_in_the_wrong_place():
    x = np.arange(64)
    wave, moved = (np.broadcast_to(np.cos(2 * np.pi * (x + shift) / 16), (32, 64)) for shift in (0, 8))
    assert max(float(one) for one in spectrum.distances(moved, wave).values()) < 0.1
    assert float(spectrum.errors(moved, wave)["long"]) == pytest.approx(4.0, rel=0.05)  # twice the wave, squared
    assert float(spectrum.errors(wave, wave)["long"]) == 0.0
    broken = np.where(x == 3, NAN, wave)
    assert float(spectrum.errors(broken, wave)["long"]) == INF
    assert math.isnan(spectrum.errors(wave, np.zeros_like(wave))["long"])


RAMP = np.array(
    [
        [10.0, 10.0, 9.0, 5.0, 1.0, 0.0],  # 90 % at 2.5, 10 % at 4.5: two cells thick
        [10.0, 10.0, 12.0, 0.0, 0.0, 0.0],  # 9 of 12 to 0: 90 % at 2.5 + 3 / 12, 10 % at 2.5 + 11 / 12
        [10.0, 10.0, 10.0, 10.0, 10.0, 10.0],  # it has left
    ]
)


def test_the_thickness_of_a_front_is_between_ninety_and_ten_per_cent():
    x = np.arange(6) + 0.5
    for rows, expected in ((RAMP[:1], 2.0), (RAMP[1:2], 8 / 12), (RAMP, 0.5 * (2.0 + 8 / 12)), (RAMP[2:], NAN)):
        np.testing.assert_allclose(front.thickness(rows, 10.0, x), expected)


def test_the_overshoot_is_what_passes_the_plateau_behind_the_front():
    x = np.arange(6) + 0.5
    for rows, expected in ((RAMP[:1], 0.0), (RAMP[1:2], 0.2), (RAMP[2:], NAN), (0.8 * RAMP[:1], -0.2)):
        np.testing.assert_allclose(front.overshoot(rows, 10.0, x), expected, atol=1e-15)
    far = np.concatenate([[99.0], np.full(20, 10.0), [0.0]])[None]
    assert float(front.overshoot(far, 10.0, np.arange(22.0))) == 0.0  # a spike far behind is none of the front's


def test_the_steepest_place_is_where_the_pressure_falls_most():
    x = np.arange(6) + 0.5
    assert front.steepest(RAMP[:2], x).tolist() == [3.0, 3.0]  # from 9 to 5, and from 12 to 0


def test_vrmse_of_the_mean_is_one_and_early_frames_are_bounded():
    truth = np.array([[[1.0, 3.0]], [[2.0, 2.0]]])  # deviations 1 and 0
    made = np.full((2, 1, 2), 2.0) + np.array([0.0, 0.5])[:, None, None]
    assert metrics.vrmse(made, truth, 0.25).tolist() == [1.0, 1.0]  # 1 / 1 and 0.5 / sqrt(0.25)


def test_wasserstein_is_the_mean_distance_of_sorted_values():
    truth = np.array([[1.0, 2.0], [3.0, 4.0]])
    moved = np.array([[5.0, 4.0], [3.0, 2.0]])  # the same values, one higher each
    broken = np.array([[NAN, 4.0], [3.0, 2.0]])
    assert metrics.wasserstein(np.stack([truth[::-1], moved, broken]), truth).tolist() == [0.0, 1.0, INF]


def test_a_quantile_of_cells():
    field = np.arange(101.0).reshape(1, 101)
    assert float(metrics.quantile(field, 0.99)) == pytest.approx(99.0)
    field[0, 5] = INF
    assert float(metrics.quantile(field, 0.99)) == INF


def moving(speed, steps=15, hot=1200.0):
    """Return fields of a front that runs over twelve rows with a hotspot of four cells, SI."""
    time, x = 1e-9 * np.arange(steps), 1e-6 * (np.arange(30) + 0.5)
    behind = (x[None, None] < 1e-6 + speed * time[:, None, None]) * np.ones((steps, 12, 30))
    temperature = 300.0 + 200.0 * behind
    temperature[3:, 1:3, 2:4] = hot
    frame = measures.Frame(875.0, 1e-12, time, x)
    return {"temperature": temperature, "pressure": 9e9 * behind}, frame


def test_a_perfect_prediction_has_no_error_anywhere():
    real, frame = moving(1500.0)
    snapshots, whole = measures.measure({name: field[None] for name, field in real.items()}, real, frame)
    for name, value in whole.items():
        wanted = 1.0 if "_survival" in name or name.endswith("_correlation") or name == "hotspot_count" else 0.0
        if name != "hotspot_count":
            assert value == pytest.approx(wanted, abs=1e-12), name
    assert snapshots["hotspot_count"].tolist() == [0.0] * 3 + [1.0] * 12
    assert set(whole) - set(measures.units({"temperature": "K", "pressure": "Pa"})) == set()


def test_a_front_that_runs_too_fast_is_late_by_speed_times_time():
    (real, frame), (fast, _) = moving(1000.0), moving(1500.0)
    snapshots, whole = measures.measure({name: field[None] for name, field in fast.items()}, real, frame)
    # read to half a cell where cells are whole: 0.5e-6 m a step, both drawn on cells of 1e-6 m
    np.testing.assert_allclose(snapshots["front_position_error"][2:12], 5e-7 * np.arange(2, 12), atol=1.01e-6)
    assert whole["front_speed_error"] == pytest.approx(500.0, rel=0.35)
    assert whole["hotspot_onset_error"] == 0.0 and whole["temperature_wasserstein"] > 0.0


def changed(real, **parts):
    """Return a prediction of one member, whose temperatures [K] of the hotspot are others in some snapshots."""
    made = {name: field.copy() for name, field in real.items()}
    for snapshots, hot in parts.values():
        made["temperature"][snapshots, 1:3, 2:4] = hot
    return {name: field[None] for name, field in made.items()}


def test_a_hotspot_that_comes_late_and_too_cool_is_seen():
    real, frame = moving(1000.0)
    late = changed(real, none=(slice(3, 5), 500.0), cool=(slice(5, None), 1100.0))
    _, whole = measures.measure(late, real, frame)
    assert (whole["hotspot_onset_error"], whole["hotspot_onset_missed"]) == (pytest.approx(2e-9), 0.0)
    assert whole["hotspot_count_error"] == pytest.approx(2 / 15)
    assert whole["hotspot_matched_area_error"] == pytest.approx(4e-12 * 2 / 15, abs=0.0)
    # of 360 cells, 4 are 700 K (from 500 K, that do not count below 600 K: 600 K) or 100 K too cool
    assert whole["temperature_wasserstein_hot"] == pytest.approx((2 * 600.0 + 10 * 100.0) * 4 / 360 / 15)
    assert whole["temperature_wasserstein"] == pytest.approx((2 * 700.0 + 10 * 100.0) * 4 / 360 / 15)
    assert whole["temperature_mean_error"] == pytest.approx((2 * 700.0 + 10 * 100.0) * 4 / 360 / 15)


def test_an_onset_is_undefined_where_there_is_none_and_missed_where_one_is_alone():
    (real, frame), (never, _) = moving(1000.0), moving(1000.0, hot=500.0)
    cold = {name: field[None] for name, field in never.items()}
    for ours, truth, missed in ((cold, real, 1.0), (changed(real), never, 1.0), (cold, never, 0.0)):
        _, whole = measures.measure(ours, truth, frame)
        assert math.isnan(whole["hotspot_onset_error"]) and whole["hotspot_onset_missed"] == missed
    both = {name: np.concatenate([cold[name], changed(real)[name]]) for name in cold}
    _, whole = measures.measure(both, real, frame)
    assert (whole["hotspot_onset_error"], whole["hotspot_onset_missed"]) == (0.0, 0.5)


def test_nobody_is_praised_for_the_onset_of_a_hotspot_that_burnt_before_the_start():
    real, frame = moving(1000.0)
    _, whole = measures.measure(changed(real), real, frame, ignited=True)
    assert math.isnan(whole["hotspot_onset_error"]) and math.isnan(whole["hotspot_onset_missed"])


def test_a_front_ahead_has_a_bias_and_one_that_is_smeared_is_thick():
    real, frame = moving(1000.0)
    ahead = {name: np.roll(field, 2, axis=-1)[None] for name, field in real.items()}
    ahead["pressure"][..., :2] = 9e9
    snapshots, _ = measures.measure(ahead, real, frame)
    for name, expected in (
        ("position_error", 2e-6),
        ("position_bias", 2e-6),
        ("position_rms", 2e-6),
        ("position_cells", 2.0),
    ):
        np.testing.assert_allclose(snapshots[f"front_{name}"][:12], expected, rtol=1e-6)
    np.testing.assert_allclose(snapshots["front_steepest_error"][2:12], 2e-6, rtol=1e-6)
    smeared = {name: field[None].copy() for name, field in real.items()}
    pressure = smeared["pressure"]
    pressure[..., 1:] = 0.5 * (pressure[..., 1:] + pressure[..., :-1])
    _, whole = measures.measure(smeared, real, frame)
    assert whole["front_thickness_bias"] == whole["front_thickness_error"] > 0.5e-6


def test_windows_hold_their_steps():
    real, frame = moving(1000.0)
    made = {name: field[None].copy() for name, field in real.items()}
    made["temperature"][:, 5] += 90.0  # the sixth step
    made["temperature"][:, 12:] += np.array([30.0, 40.0, 50.0])[:, None, None]
    _, whole = measures.measure(made, real, frame)
    found = [whole[f"temperature_rmse_{window}"] for window in measures.WINDOWS]
    assert found == pytest.approx([0.0, 90.0 / math.sqrt(7.0), math.sqrt((900.0 + 1600.0 + 2500.0) / 3)])
    assert whole["temperature_nrmse_6_to_12"] == pytest.approx(90.0 / math.sqrt(7.0) / 900.0)  # from 300 K to 1200 K
    for _, short in (moving(1000.0, steps=4),):
        cut = {name: field[:, :4] for name, field in made.items()}
        _, whole = measures.measure(cut, {name: field[:4] for name, field in real.items()}, short)
        assert math.isnan(whole["temperature_rmse_6_to_12"]) and math.isnan(whole["temperature_vrmse_after_12"])


def test_a_roll_out_survives_until_its_error_is_that_of_a_mean():
    real, frame = moving(1000.0)
    made = {name: field.copy() for name, field in real.items()}
    made["temperature"][9:] += 1e4
    _, whole = measures.measure({name: field[None] for name, field in made.items()}, real, frame)
    assert whole["temperature_survival"] == 9 / 15 and whole["pressure_survival"] == 1.0
    assert whole["temperature_vrmse_first_5"] == 0.0 < whole["temperature_vrmse_6_to_12"]


def test_a_prediction_that_is_not_finite_is_infinitely_wrong_and_never_undefined():
    real, frame = moving(1000.0)
    made = {name: np.where(np.arange(15)[:, None, None] > 7, NAN, field)[None] for name, field in real.items()}
    snapshots, whole = measures.measure(made, real, frame)
    for name, value in whole.items():
        if "survival" in name or name == "diverged":
            assert value == (7 / 15 if name == "diverged" else 8 / 15)
        elif name.endswith("_correlation"):
            assert value < 0.2  # -1 in seven of 15
        elif "onset" not in name and not name.endswith("first_5"):
            assert value == INF, name
    assert snapshots["temperature_vrmse"][:8].tolist() == [0.0] * 8
