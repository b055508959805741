"""What members are worth, each on arrays so small that the answer stands in a comment."""

import itertools
import math

import numpy as np
import pytest

from tessera.evaluation import members, metrics

NAN, INF = math.nan, math.inf


def fair_crps_by_definition(values, truth):
    """Mean |x_i - y| less half the mean |x_i - x_j| over pairs of different members, as a double sum."""
    n = len(values)
    accuracy = sum(abs(x - truth) for x in values) / n
    pairs = sum(abs(a - b) for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    return accuracy - pairs / (2 * n * (n - 1))


@pytest.mark.parametrize("values", [[1.0, 3.0], [0.0, 2.0, 7.0], [5.0, 5.0, 5.0, 5.0], [-1.0, 4.0, 2.0, 9.0, 0.5]])
def test_fair_crps_is_its_definition(values):
    assert members.fair_crps(np.array(values), np.array(2.5)) == pytest.approx(fair_crps_by_definition(values, 2.5))


def test_fair_crps_by_hand():
    assert members.fair_crps(np.array([[1.0], [3.0]]), np.array([2.0])).tolist() == [0.0]  # 1 - 2 / 2
    assert members.fair_crps(np.array([[1.0], [3.0]]), np.array([5.0])).tolist() == [2.0]  # 3 - 2 / 2


def test_fair_crps_of_one_member_is_the_absolute_error():
    assert members.fair_crps(np.array([[1.0, 4.0]]), np.array([3.0, 1.0])).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("count", [2, 3])
def test_fair_crps_is_unbiased_in_the_number_of_members(count):
    population = [0.0, 1.0, 4.0]
    draws = np.array(list(itertools.product(population, repeat=count))).T
    truth = 1.5
    limit = np.mean([abs(x - truth) for x in population])
    limit -= 0.5 * np.mean([abs(a - b) for a in population for b in population])
    assert members.fair_crps(draws, np.full(draws.shape[1], truth)).mean() == pytest.approx(limit, rel=1e-12)


def test_fair_crps_of_what_does_not_exist():
    made = np.array([[1.0, NAN, INF, NAN], [3.0, 2.0, 2.0, INF]])
    np.testing.assert_array_equal(members.fair_crps(made, np.array([NAN, 2.0, 2.0, 2.0])), [NAN, NAN, INF, INF])


def test_crps_and_ranks_are_those_of_another_library():
    """Expected values are those of the package scores 2.7.0, which shares ties among ranks as we do."""
    made = np.array([[0.3, 1.2, -0.7, 2.5, 0.0], [1.1, 0.4, -0.2, 2.5, 0.4], [-0.5, 0.9, 0.8, 2.5, 0.1]])
    made = np.concatenate([made, [[0.2, 1.7, 0.1, 3.5, -0.6]]])
    truth = np.array([0.5, 1.0, 0.9, 2.5, -0.9])
    expected = [0.11666666666666664, 0.050000000000000044, 0.5, 0.0, 0.6166666666666667]
    np.testing.assert_allclose(members.fair_crps(made, truth), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(members.ranks(made, truth) / 5, [0.25, 0.05, 0.25, 0.25, 0.2], rtol=1e-14)


def snapshots(*rows):
    """Return snapshots (time, 1, x) from rows."""
    return np.array(rows, dtype="float32")[:, None, :]


def test_the_crps_of_a_field_is_the_mean_over_its_cells():
    made = np.stack([snapshots([1.0, 1.0], [1.0, NAN]), snapshots([3.0, 3.0], [1.0, 1.0])])
    found = members.field_crps(made, snapshots([2.0, 5.0], [1.0, 1.0]))
    assert found.tolist() == [1.0, INF]  # (0 + 2) / 2, as by hand above


def test_the_energy_score_sees_whole_fields():
    truth = snapshots([0.0, 0.0])
    apart = np.stack([snapshots([2.0, 2.0]), snapshots([-2.0, -2.0])])
    assert members.energy_score(apart, truth).tolist() == [0.0]  # 2 less half of 4
    mixed = np.stack([snapshots([2.0, 0.0]), snapshots([-2.0, 0.0])])
    assert members.energy_score(mixed, truth)[0] == pytest.approx(0.0, abs=1e-15)  # sqrt 2 less half of sqrt 8
    crossed = np.stack([snapshots([2.0, 0.0]), snapshots([0.0, 2.0])])
    # sqrt 2 less half of 2, where the CRPS of its cells is 1 - 1 = 0
    assert members.energy_score(crossed, truth)[0] == pytest.approx(math.sqrt(2.0) - 1.0)
    assert members.field_crps(crossed, truth).tolist() == [0.0]
    assert members.energy_score(np.stack([snapshots([1.0, NAN]), snapshots([1.0, 1.0])]), truth).tolist() == [INF]


def test_the_energy_score_of_one_member_is_its_error():
    made, truth = snapshots([1.0, 3.0], [2.0, 2.0]), snapshots([0.0, 0.0], [2.0, 0.0])
    np.testing.assert_allclose(members.energy_score(made[None], truth), metrics.rmse(made, truth))


def test_the_spread_of_a_field_is_its_root_mean_variance():
    made = np.stack([snapshots([1.0, 0.0], [1.0, NAN]), snapshots([3.0, 0.0], [1.0, 1.0])])
    np.testing.assert_array_equal(members.field_spread(made), [1.0, NAN])  # variances 2 and 0


def test_a_spread_needs_all_members():
    np.testing.assert_array_equal(
        members.spread(np.array([[1.0, NAN, 1.0], [3.0, 2.0, INF]])), [math.sqrt(2.0), NAN, NAN]
    )


def test_ranks_count_the_members_below():
    made = np.array([[1.0, 1.0, 1.0, 1.0, NAN], [2.0, 2.0, 2.0, INF, 1.0]])
    found = members.ranks(made, np.array([0.0, 1.5, 5.0, 5.0, 1.0]))
    assert found.tolist() == [1.0, 2.0, 1.0]  # below both, between two and below infinity, above both


def test_equal_values_share_their_ranks():
    made = np.array([[1.0, 1.0], [1.0, 3.0], [2.0, 3.0]])
    assert members.ranks(made[:, :1], np.array([1.0])).tolist() == [1 / 3, 1 / 3, 1 / 3, 0.0]
    assert members.ranks(made[:, 1:], np.array([3.0])).tolist() == [0.0, 1 / 3, 1 / 3, 1 / 3]


def test_coverage_is_of_the_intervals_that_members_can_name():
    counts = np.array([1.0, 2.0, 4.0, 2.0, 1.0])  # of four members
    nominal, observed = members.reliability(counts)
    assert nominal.tolist() == [0.2, 0.6]  # second to third member, first to last
    assert observed.tolist() == [0.4, 0.8]
    assert members.coverage(counts) == 0.8
    assert members.calibration_error(counts) == pytest.approx(0.2)
    assert members.calibration_error(np.full(5, 3.0)) == pytest.approx(0.0, abs=1e-15)


def test_a_calibrated_ensemble_of_an_odd_number_covers_what_it_says():
    nominal, observed = members.reliability(np.full(4, 2.0))  # three members: the first to the last, 2 of 4 ranks
    assert nominal.tolist() == observed.tolist() == [0.5]


def test_nothing_is_said_of_no_value_or_of_one_member():
    assert math.isnan(members.coverage(np.zeros(4))) and math.isnan(members.calibration_error(np.zeros(4)))
    assert math.isnan(members.coverage(np.array([1.0, 2.0])))


def test_members_that_err_as_much_as_they_spread_are_calibrated():
    spread = metrics.gather([math.sqrt(2.0)] * 2)  # of members 0 and 2, whose mean is 1
    right, twice = metrics.gather([math.sqrt(3.0), -math.sqrt(3.0)]), metrics.gather([2.0 * math.sqrt(3.0)] * 2)
    assert members.spread_skill(spread, right, 2) == pytest.approx(1.0)  # sqrt(2 * 3 / 2) over sqrt(3)
    assert members.spread_skill(spread, twice, 2) == pytest.approx(0.5)
    assert math.isnan(members.spread_skill(spread, metrics.gather([0.0]), 2))
    assert math.isnan(members.spread_skill(metrics.gather([]), metrics.gather([]), 2))


def test_counts_add_up_in_any_order():
    parts = [np.array([0.1, 1 / 3]), np.array([1e16, 2 / 3]), np.array([0.7, 1.0])]
    assert len({tuple(members.together(order)) for order in itertools.permutations(parts)}) == 1
