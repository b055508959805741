"""The verdict says what the numbers say: win, loss, tie, undefined; and against whom."""

import math

import pandas as pd
import pytest

from tessera.evaluation import scores, summary, verdict

OURS, THEIRS = ("tessera", 2), ("parcv2", 4)
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
    keys = (OURS, THEIRS, ("persistence", None))
    return short(dict(zip(keys, filled, strict=True)))


def test_headlines_are_the_scores_that_the_claim_is_about():
    assert set(METRICS) == {
        "hotspot_area_rmse",
        "hotspot_temperature_rmse",
        "hotspot_area_rate_rmse",
        "hotspot_temperature_rate_rmse",
        "temperature_rmse",
        "hotspot_iou",
        "hotspot_onset_error",
        "front_position_error",
    }


def sides(ours, theirs):
    """Return two means for every headline, the overlap turned round, for there higher is better."""
    return [dict.fromkeys(METRICS, one) | {"hotspot_iou": -one} for one in (ours, theirs)]


def test_a_win_is_said():
    said = verdict.sentence(duel(*sides(1.0, 2.0)))
    assert said.startswith("tessera (2 meso cases) is better than PARCv2 (4 meso cases) in all of 8 headline scores ")
    assert said.endswith(" (mean over 3 test cases).")


def test_who_is_the_hardest_to_beat_of_the_others_is_said():
    mine, theirs = sides(2.0, 3.0)
    some = theirs | {"temperature_rmse": 1.0, "hotspot_iou": 0.0}
    models = {
        OURS: mine,
        THEIRS: theirs,
        ("cnext", 2): theirs,
        ("fno", 2): some,
        ("persistence", None): sides(0.0, 0.0)[0],
    }
    said = verdict.sentence(short(models))
    assert said.startswith("tessera (2 meso cases) is better than PARCv2 (4 meso cases) in all of 8 headline scores ")
    assert said.endswith(
        "Of the other networks FNO (2 meso cases) is the hardest to beat: tessera is better in 6 of 8."
    )


def test_a_loss_is_said():
    assert "is better than PARCv2 (4 meso cases) in none of 8 headline" in verdict.sentence(duel(*sides(3.0, 2.0)))


def test_a_tie_is_no_win():
    found = verdict.duel(duel(*sides(2.0, 2.0)), OURS, THEIRS)
    assert (found.won, found.judged) == ([], list(METRICS))
    assert "in none of 8" in verdict.sentence(duel(*sides(2.0, 2.0)))


def test_of_overlaps_the_higher_is_better():
    found = verdict.duel(duel(EVEN | {"hotspot_iou": 3.0, "temperature_rmse": 3.0}, 2.0), OURS, THEIRS)
    assert found.won == ["hotspot_iou"]


def test_what_neither_has_is_not_counted():
    none = {"hotspot_onset_error": math.nan}
    ours, theirs = (side | none for side in sides(1.0, 2.0))
    assert "in all of 7 headline scores" in verdict.sentence(duel(ours, theirs))


@pytest.mark.parametrize(
    ("ours", "theirs", "won", "judged"),
    [
        (1.0, math.nan, True, True),
        (1.0, math.inf, True, True),
        (math.nan, 1.0, False, True),
        (math.nan, math.nan, False, False),
        (math.inf, 1.0, False, True),
        (math.inf, math.inf, False, True),
        (math.inf, math.nan, False, True),
    ],
)
def test_undefined_and_infinite_errors_win_nothing(ours, theirs, won, judged):
    only = duel({"temperature_rmse": ours}, {"temperature_rmse": theirs})
    found = verdict.duel(only, OURS, THEIRS)
    assert found.won == ["temperature_rmse"] * won and found.judged == ["temperature_rmse"] * judged


def scored(metric, *values):
    """Return a score table of tessera and PARCv2, one (ours, theirs) per case."""
    lines = []
    for case, pair in enumerate(values):
        for (model, n_meso), value in zip((OURS, THEIRS), pair, strict=True):
            lines.append([model, n_meso, 0, "meso", case, math.nan, metric, value, "1"])
    return pd.DataFrame(lines, columns=scores.COLUMNS).astype({"n_meso": "Int64", "seed": "Int64"})


@pytest.mark.parametrize(
    ("metric", "pairs", "won", "sure", "lost"),
    [
        ("temperature_rmse", [(1.0, 2.0), (5.0, 6.1), (2.0, 3.2)], 1, 1, 0),
        ("temperature_rmse", [(2.0, 1.0), (6.1, 5.0), (3.2, 2.0)], 0, 0, 1),
        ("temperature_rmse", [(1.0, 9.0), (5.0, 4.0), (2.0, 1.0)], 1, 0, 0),  # better on the mean, not in every case
        ("hotspot_iou", [(0.9, 0.5), (0.8, 0.5), (0.7, 0.5)], 1, 1, 0),
        ("hotspot_iou", [(0.5, 0.9), (0.5, 0.8), (0.5, 0.7)], 0, 0, 1),
    ],
)
def test_a_score_is_surely_better_where_the_interval_of_the_difference_excludes_zero(metric, pairs, won, sure, lost):
    table = scored(metric, *pairs)
    found = verdict.duel(summary.summarise(table), OURS, THEIRS, table)
    assert (len(found.won), len(found.sure), len(found.lost)) == (won, sure, lost)


def test_a_metric_that_was_not_scored_is_undefined():
    known = duel({"temperature_rmse": 1.0}, {"temperature_rmse": 2.0})
    assert math.isnan(verdict.value(known, "tessera", 2, "hotspot_area_rmse"))
    assert verdict.duel(known, OURS, THEIRS).won == ["temperature_rmse"]


def test_one_test_case_is_one():
    assert "(mean over 1 test case)" in verdict.sentence(short({("tessera", 2): EVEN, ("parcv2", 4): EVEN}, cases=1))


def test_a_study_without_the_latent_model_has_no_verdict():
    assert "not part of this study" in verdict.sentence(short({("parcv2", 4): EVEN, ("persistence", None): EVEN}))


def test_without_the_rival_it_is_compared_with_the_floor_and_else_with_whoever_is_there():
    floor = {("tessera", 2): EVEN, ("persistence", None): dict.fromkeys(METRICS, 3.0), ("cnext", 2): EVEN}
    assert "is better than persistence in 7 of 8" in verdict.sentence(short(floor))
    del floor["persistence", None]
    assert "is better than CNextU-Net (2 meso cases) in none of 8" in verdict.sentence(short(floor))
    assert "stands alone" in verdict.sentence(short({("tessera", 2): EVEN}))


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
        ([("another", 3), ("tessera", 2), ("parcv2", 4)], {"tessera": 2, "parcv2": 4, "another": 3}),
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
