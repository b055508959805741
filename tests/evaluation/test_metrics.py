"""Errors and hotspot quantities worked by hand, what does not exist, and sums in any order."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.evaluation import metrics

THRESHOLD = 875.0
CELL = 0.25  # m2
NAN, INF = math.nan, math.inf

numbers = st.one_of(st.just(0.0), st.floats(1e-30, 1e12), st.floats(-1e12, -1e-30))
anything = st.one_of(numbers, st.just(NAN), st.just(INF), st.just(-INF))


def field(*rows):
    return np.array(rows, dtype="float32")


TWO_HOT = field([300.0, 900.0], [875.0, 1100.0])
COLD = field([300.0, 400.0], [500.0, 875.0])
BROKEN = field([300.0, NAN], [900.0, 1100.0])


def test_rmse_by_hand():
    truth = np.zeros((2, 2, 2))
    made = np.array([[[1.0, -1.0], [1.0, -1.0]], [[0.0, 0.0], [0.0, 4.0]]])
    assert metrics.rmse(made, truth).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_prediction_that_is_not_finite_is_infinitely_wrong(value):
    made = np.zeros((2, 2, 2))
    made[1, 0, 1] = value
    assert metrics.rmse(made, np.zeros((2, 2, 2))).tolist() == [0.0, INF]


def test_rmse_of_float32_fields_is_worked_in_double_precision():
    made = field([1.0e4, 1.0])
    assert float(metrics.rmse(made, np.zeros_like(made))) == pytest.approx(math.sqrt((1e8 + 1.0) / 2), rel=1e-13)


def test_the_threshold_itself_is_not_hot():
    assert metrics.hotspot_mask(TWO_HOT, THRESHOLD).tolist() == [[False, True], [False, True]]


def test_hotspot_area_counts_cells_above_the_threshold():
    found = metrics.hotspot_area(np.stack([TWO_HOT, COLD, BROKEN]), THRESHOLD, CELL)
    assert found.tolist() == [2 * CELL, 0.0, INF]


def test_hotspot_temperature_is_the_mean_of_hot_cells_and_undefined_without_one():
    found = metrics.hotspot_temperature(np.stack([TWO_HOT, COLD, BROKEN]), THRESHOLD)
    assert found[0] == 1000.0
    assert math.isnan(found[1])  # never 0 K
    assert found[2] == INF


def test_the_temperature_of_no_hotspot_can_be_asked_to_be_zero():
    found = metrics.hotspot_temperature(np.stack([TWO_HOT, COLD, TWO_HOT * NAN]), THRESHOLD, empty="zero")
    assert found[1:].tolist() == [0.0, INF]
    assert found[0] == metrics.hotspot_temperature(TWO_HOT, THRESHOLD) > THRESHOLD


def test_pore_area_is_what_is_not_solid():
    solid = np.stack([field([1.0, 0.5], [0.0, 1.0]), field([1.0, 1.0], [1.0, 1.0]), field([NAN, 1.0], [1.0, 1.0])])
    assert metrics.pore_area(solid, CELL).tolist() == [1.5 * CELL, 0.0, INF]


def test_rate_is_the_forward_difference():
    assert metrics.rate(np.array([[1.0, 3.0, 2.0]]), 0.5).tolist() == [[4.0, -2.0]]


def test_rate_is_undefined_at_an_undefined_end_and_infinite_at_an_infinite_one():
    found = metrics.rate(np.array([NAN, 1.0, 2.0, INF, INF, NAN]), 1.0)
    np.testing.assert_array_equal(found, [NAN, 1.0, INF, INF, INF])


def test_ignition_adds_no_spike_to_the_rate_of_temperature():
    hot = metrics.hotspot_temperature(np.stack([COLD, TWO_HOT, TWO_HOT + 10.0]), THRESHOLD)
    found = metrics.rate(hot, 1e-9)
    assert math.isnan(found[0])
    assert abs(found[1]) < 1e12


def test_intersection_over_union_by_hand():
    left, both, none = np.array([[1, 1, 0]]), np.array([[0, 1, 1]]), np.array([[0, 0, 0]])
    found = metrics.intersection_over_union(np.stack([left, left, left, none]), np.stack([both, left, none, none]))
    np.testing.assert_array_equal(found, [1 / 3, 1.0, 0.0, NAN])


def test_means_and_spreads_are_of_what_is_defined():
    values = np.array([[1.0, NAN, NAN, INF, 7.0], [3.0, 5.0, NAN, 1.0, INF], [NAN, NAN, NAN, 3.0, 1.0]])
    np.testing.assert_array_equal(metrics.mean_defined(values), [2.0, 5.0, NAN, INF, INF])
    expected = [math.sqrt(2.0), NAN, NAN, math.sqrt(2.0), math.sqrt(18.0)]
    np.testing.assert_allclose(metrics.spread(values), expected, rtol=1e-15)


def test_sums_by_hand():
    sums = metrics.gather([1.0, NAN, 3.0, 8.0])
    assert (sums.mean, sums.std, sums.root_mean_square) == (4.0, math.sqrt(13.0), math.sqrt(74.0 / 3.0))
    assert (sums.defined, sums.undefined, sums.infinite) == (3, 1, 0)


def test_an_infinite_value_stays_in_a_mean_and_an_undefined_one_is_left_out():
    lost, none = metrics.gather([1.0, INF]), metrics.gather([NAN, NAN])
    assert (lost.mean, lost.root_mean_square, lost.infinite) == (INF, INF, 1)
    assert math.isnan(lost.std)
    assert math.isnan(none.mean) and math.isnan(none.root_mean_square) and math.isnan(none.std)
    assert metrics.gather([2.0, NAN]).mean == 2.0


def test_one_value_has_no_deviation():
    assert math.isnan(metrics.gather([5.0]).std)


def test_sums_lose_nothing_where_floating_point_would():
    sums = metrics.gather([1e16, 1.0, -1e16])
    assert sums.mean == 1 / 3
    areas = [1.2e-24, 1.3e-24, 1.4e-24]
    assert metrics.gather(areas).std == pytest.approx(1e-25, rel=1e-9)
    assert metrics.gather([1e9 + 1, 1e9 + 2, 1e9 + 3]).std == 1.0


@given(st.lists(anything, max_size=20), st.randoms(use_true_random=False), st.integers(1, 4))
def test_sums_are_the_same_in_any_order_and_in_any_parts(values, chance: random.Random, parts):
    mixed = list(values)
    chance.shuffle(mixed)
    apart = [metrics.gather(mixed[part::parts]) for part in range(parts)]
    chance.shuffle(apart)
    assert metrics.gather(values) == metrics.gather(mixed) == metrics.combine(apart)


@given(st.lists(numbers, min_size=2, max_size=20))
def test_sums_agree_with_numpy(values):
    sums, largest = metrics.gather(values), max(map(abs, values))
    assert sums.mean == pytest.approx(np.mean(values), abs=1e-12 * largest)
    assert sums.std == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-7 * largest)
    assert sums.root_mean_square >= abs(sums.mean) * (1 - 1e-12)


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], 1.0),
        ([[-2.0, -4.0], [-6.0, -8.0]], -1.0),
        ([[4.0, 2.0], [2.0, 4.0]], 0.0),  # covariance (-1.5 + 0.5 - 0.5 + 1.5) / 4
        ([[5.0, 5.0], [5.0, 5.0]], 0.0),  # uniform: it knows nothing of the pattern
        ([[1.0, 2.0], [3.0, NAN]], -1.0),
        ([[1.0, 2.0], [3.0, INF]], -1.0),
    ],
)
def test_correlation_by_hand(prediction, expected):
    truth = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert float(metrics.correlation(np.array(prediction), truth)) == pytest.approx(expected, abs=1e-15)
    assert math.isnan(metrics.correlation(np.array(prediction), np.ones((2, 2))))


def test_correlation_distance_and_error_are_those_of_other_libraries():
    """Expected values are those of the packages scores 2.7.0 and scipy 1.17.1."""
    ours, real = np.array([[1.0, 4.0, 2.5], [3.0, 0.5, 7.0]]), np.array([[1.5, 3.0, 2.0], [4.0, 1.5, 5.0]])
    assert float(metrics.rmse(ours, real)) == pytest.approx(1.118033988749895, rel=1e-14)
    assert float(metrics.correlation(ours, real)) == pytest.approx(0.9046556027189527, rel=1e-14)
    assert float(metrics.wasserstein(ours, real)) == pytest.approx(0.6666666666666666, rel=1e-14)


def test_nrmse_is_relative_to_the_range():
    assert float(metrics.nrmse(np.array([[3.0, 3.0]]), np.array([[1.0, 1.0]]), 8.0)) == 0.25  # 2 / 8


@pytest.mark.parametrize(
    ("lost", "part"),
    [([False, False, True, False], 0.5), ([True, False], 0.0), ([False, False], 1.0)],  # what comes back stays lost
)
def test_a_roll_out_survives_until_it_is_lost_for_the_first_time(lost, part):
    assert metrics.survival(np.array(lost)) == part
