"""The headline scores and an honest sentence or two, computed from the summary and from nothing else.

The claim under test is that a model which learnt from micro simulations and few meso ones, the subject, beats a rival
trained on all of them. So the subject stands with the largest number of meso cases that is at most half of the rival's,
the rival with its largest, and every other model with as many as the subject if it has that, else with its largest.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from tessera.evaluation import curves, figures, scores, summary

SUBJECT, RIVAL = "tessera", "parcv2"
HEADLINES = {
    "hotspot_area_rmse": "hotspot area",
    "hotspot_temperature_rmse": "hotspot temperature",
    "hotspot_area_rate_rmse": "rate of hotspot area",
    "hotspot_temperature_rate_rmse": "rate of hotspot temperature",
    "temperature_rmse": "temperature field",
    "hotspot_iou": "overlap of hotspots",
    "hotspot_onset_error": "first hotspot",
    "front_position_error": "position of the front",
}
Who = tuple[str, int | None]


class Duel(NamedTuple):
    """What came of comparing two models by the headline scores.

    Attributes
    ----------
    judged
        Scores that are defined for at least one of the two.
    won
        Those in which the first is better; a defined score beats an undefined one.
    sure
        Those of `won` in which the 95 % interval of the difference, paired by case, lies on one side of zero.
    lost
        Those in which, by that interval, the first is surely worse.
    """

    judged: list[str]
    won: list[str]
    sure: list[str]
    lost: list[str]


def standing(short: pd.DataFrame) -> dict[str, int | None]:
    """Return the number of meso cases with which each model stands in the headlines, by model, the subject first.

    Parameters
    ----------
    short
        As `summary.summarise` returns it, of the meso scale.
    """
    counts = {
        str(model): sorted(int(n) for n in part["n_meso"].dropna().unique())
        for model, part in short.groupby("model")
        if part["n_meso"].notna().any()
    }
    chosen: dict[str, int | None] = {model: known[-1] for model, known in counts.items()}
    if SUBJECT in counts:
        most = counts.get(RIVAL, counts[SUBJECT])[-1]
        few = [n for n in counts[SUBJECT] if 2 * n <= most]
        chosen[SUBJECT] = few[-1] if few else counts[SUBJECT][0]
        for model, known in counts.items():
            if model not in {SUBJECT, RIVAL} and chosen[SUBJECT] in known:
                chosen[model] = chosen[SUBJECT]
    order = sorted(figures.ordered(chosen), key=lambda model: model != SUBJECT)
    return {model: chosen[model] for model in order}


def untrained(short: pd.DataFrame) -> list[str]:
    """Return the baselines that learn nothing, such as persistence, in the order of the figures."""
    known = short[short["n_meso"].isna() & (short["model"] != "truth")]["model"].unique()
    return figures.ordered(known)


def value(short: pd.DataFrame, model: str, n_meso: int | None, metric: str) -> float:
    """Return the mean of a metric [SI], `nan` where it is undefined or was not scored."""
    rows = summary.rows_of(short[short["metric"] == metric], model, n_meso)
    return float(rows["mean"].iloc[0]) if len(rows) else math.nan


def duel(short: pd.DataFrame, ours: Who, theirs: Who, table: pd.DataFrame | None = None) -> Duel:
    """Compare two models by the headline scores.

    Parameters
    ----------
    short
        The summary of a scale.
    ours, theirs
        Models and their numbers of meso cases.
    table
        The score table of the scale, from which follows what is sure; nothing is without it.
    """
    found = Duel([], [], [], [])
    for metric in HEADLINES:
        mine, other = value(short, *ours, metric), value(short, *theirs, metric)
        if math.isnan(mine) and math.isnan(other):
            continue
        found.judged.append(metric)
        sign = -1.0 if scores.better(metric) == "higher" else 1.0
        if math.isfinite(mine) and (math.isnan(other) or sign * mine < sign * other):
            found.won.append(metric)
        if table is not None:
            _, low, high = summary.difference(table, ours, theirs, metric)
            if sign * (high if sign > 0.0 else low) < 0.0:
                found.sure.append(metric)
            elif sign * (low if sign > 0.0 else high) > 0.0:
                found.lost.append(metric)
    return found


def sentence(short: pd.DataFrame) -> str:
    """Return the verdict, whichever way it is, and which of the other networks is the hardest to beat."""
    chosen = standing(short)
    if SUBJECT not in chosen:
        return f"{figures.name(SUBJECT)} was not part of this study, so there is nothing to judge."
    cases = int(short["cases"].max())
    rivals = [RIVAL, *untrained(short), *chosen]
    rival = next((model for model in rivals if model in {*chosen, *untrained(short)} - {SUBJECT}), None)
    if rival is None:
        return f"{figures.name(SUBJECT)} stands alone, so there is nothing to judge."
    ours = (SUBJECT, chosen[SUBJECT])
    said = (
        f"{_trained(*ours)} is better than {_trained(rival, chosen.get(rival))} in "
        f"{_share(duel(short, ours, (rival, chosen.get(rival))))} headline scores "
        f"(mean over {cases} test case{'s' if cases != 1 else ''})."
    )
    others = {model: duel(short, ours, (model, count)) for model, count in chosen.items()}
    others = {model: found for model, found in others.items() if model not in {SUBJECT, rival} and found.judged}
    if not others:
        return said
    hardest = min(others, key=lambda model: len(others[model].won) / len(others[model].judged))
    return (
        f"{said} Of the other networks {_trained(hardest, chosen[hardest])} is the hardest to beat: "
        f"{figures.name(SUBJECT)} is better in {_share(others[hardest])}."
    )


def _share(found: Duel) -> str:
    count, of = len(found.won), len(found.judged)
    return f"{'all' if count == of else 'none' if count == 0 else count} of {of}"


def named(metrics: Sequence[str]) -> str:
    """Return headline scores in words."""
    return ", ".join(HEADLINES[metric] for metric in metrics)


def _trained(model: str, n_meso: int | None) -> str:
    return figures.name(model) if n_meso is None else f"{figures.name(model)} ({curves.trained_on(n_meso)})"
