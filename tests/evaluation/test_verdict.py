"""The verdict says what the numbers say: win, loss, tie, undefined; and against whom."""

import math

import pandas as pd
import pytest

from tessera.evaluation import summary, verdict

METRICS = tuple(verdict.HEADLINES)
EVEN = dict.fromkeys(METRICS, 2.0)


def short(models, cases=3):
    """Return a summary from {(model, meso cases): {metric: mean}}."""
    lines = [
        [model, n_meso, "meso", metric, "K", "lower", mean, 0.1, mean - 0.1, mean + 0.1, cases, 1, 0]
        for (model, n_meso), means in models.items()
        for metric, mean in means.items()
    ]
    return pd.DataFrame(lines, columns=summary.COLUMNS).astype({"n_meso": "Int64"})


def duel(ours, theirs, floor=9.0):
    """Return the summary of tessera with 2 and PARCv2 with 4 meso cases; numbers stand for all headlines."""
    filled = [dict.fromkeys(METRICS, side) if isinstance(side, float) else side for side in (ours, theirs, floor)]
    keys = (("tessera", 2), ("parcv2", 4), ("persistence", None))
    return short(dict(zip(keys, filled, strict=True)))


def test_headlines_are_the_errors_that_the_claim_is_about():
    assert set(METRICS) == {
        "hotspot_area_rmse",
        "hotspot_temperature_rmse",
        "hotspot_area_rate_rmse",
        "hotspot_temperature_rate_rmse",
        "temperature_rmse",
    }


def test_a_win_is_said():
    said = verdict.sentence(duel(1.0, 2.0))
    assert "beats PARCv2 with 4 meso cases in all 5 headline errors" in said
    assert "better than holding the start frame in all of them" in said
    assert said.startswith("tessera, 2 meso cases, ")
    assert said.endswith("(mean over 3 test cases, lower error is better).")


def test_a_loss_is_said():
    said = verdict.sentence(duel(3.0, 2.0))
    assert "does not beat PARCv2 with 4 meso cases in any of the 5 headline errors" in said


def test_a_tie_is_no_win():
    assert verdict.wins(duel(2.0, 2.0), ("tessera", 2), ("parcv2", 4)) == []
    assert "does not beat PARCv2" in verdict.sentence(duel(2.0, 2.0))
    assert "better than holding the start frame in 0 of 5" in verdict.sentence(duel(2.0, 2.0, floor=2.0))


def test_few_wins_are_named():
    said = verdict.sentence(duel(EVEN | {"temperature_rmse": 1.0, "hotspot_area_rmse": 1.0}, 2.0))
    assert "beats PARCv2 with 4 meso cases in 2 of 5 headline errors (hotspot area and temperature field)" in said


@pytest.mark.parametrize("other", [5.0, 2.0, math.nan])
def test_what_is_not_won_is_named_and_not_called_a_loss(other):
    said = verdict.sentence(duel(dict.fromkeys(METRICS, 1.0) | {"hotspot_temperature_rmse": other}, 2.0))
    assert "in 4 of 5 headline errors (all but hotspot temperature)" in said
    assert "lose" not in said


def test_worse_than_the_trivial_floor_is_said():
    assert "better than holding the start frame in 0 of 5" in verdict.sentence(duel(1.0, 2.0, floor=0.5))


@pytest.mark.parametrize(
    ("ours", "theirs", "won"),
    [
        (1.0, math.nan, 5),
        (1.0, math.inf, 5),
        (math.nan, 1.0, 0),
        (math.nan, math.nan, 0),
        (math.inf, 1.0, 0),
        (math.inf, math.inf, 0),
        (math.inf, math.nan, 0),
    ],
)
def test_undefined_and_infinite_errors_win_nothing(ours, theirs, won):
    assert len(verdict.wins(duel(ours, theirs), ("tessera", 2), ("parcv2", 4))) == won


def test_a_metric_that_was_not_scored_is_undefined():
    known = duel({"temperature_rmse": 1.0}, {"temperature_rmse": 2.0})
    assert math.isnan(verdict.value(known, "tessera", 2, "hotspot_area_rmse"))
    assert verdict.wins(known, ("tessera", 2), ("parcv2", 4)) == ["temperature_rmse"]


def test_one_test_case_is_one():
    assert "(mean over 1 test case, lower" in verdict.sentence(short({("tessera", 2): EVEN}, cases=1))


def test_a_study_without_the_latent_model_has_no_verdict():
    assert "not part of this study" in verdict.sentence(short({("parcv2", 4): EVEN, ("persistence", None): EVEN}))


def test_alone_it_is_compared_with_the_floor_only():
    said = verdict.sentence(short({("tessera", 2): EVEN, ("persistence", None): dict.fromkeys(METRICS, 3.0)}))
    assert "beats" not in said and "better than holding the start frame in all of them" in said


@pytest.mark.parametrize(
    ("runs", "standing"),
    [
        ([("tessera", 2), ("parcv2", 4), ("cnext", 2)], {"tessera": 2, "parcv2": 4, "cnext": 2}),
        (
            [("tessera", 4), ("tessera", 9), ("tessera", 18), ("parcv2", 4), ("parcv2", 18), ("cnext", 4)],
            {"tessera": 9, "parcv2": 18, "cnext": 4},
        ),
        ([("tessera", 4), ("parcv2", 4), ("cnext", 4)], {"tessera": 4, "parcv2": 4, "cnext": 4}),
        ([("tessera", 1), ("tessera", 2), ("cnext", 2), ("cnext", 1)], {"tessera": 1, "cnext": 1}),
        ([("parcv2", 2), ("other", 7)], {"parcv2": 2, "other": 7}),
    ],
)
def test_who_stands_with_how_many_meso_cases(runs, standing):
    found = verdict.standing(short({run: EVEN for run in [*runs, ("truth", None), ("persistence", None)]}))
    assert found == standing
    assert list(found) == list(standing)


def test_the_value_is_that_of_the_run_named():
    known = short({("tessera", 1): {"temperature_rmse": 5.0}, ("tessera", 2): {"temperature_rmse": 3.0}})
    assert [verdict.value(known, "tessera", n, "temperature_rmse") for n in (1, 2)] == [5.0, 3.0]
    assert math.isnan(verdict.value(known, "tessera", None, "temperature_rmse"))
