"""The headline numbers and one honest sentence, computed from the summary and from nothing else.

The claim under test is that a model which learnt from micro simulations and few meso ones beats PARCv2
trained on all of them. So `tessera` stands with the largest number of meso cases that is at most half
of PARCv2's, PARCv2 with its largest, and every other model with as many as `tessera` if it has that,
else with its largest.
"""

import math
from collections.abc import Sequence

import pandas as pd

from tessera.evaluation import curves, figures

HEADLINES = {
    "hotspot_area_rmse": "hotspot area",
    "hotspot_temperature_rmse": "hotspot temperature",
    "hotspot_area_rate_rmse": "rate of hotspot area",
    "hotspot_temperature_rate_rmse": "rate of hotspot temperature",
    "temperature_rmse": "temperature field",
}


def standing(summary: pd.DataFrame) -> dict[str, int | None]:
    """Return the number of meso cases with which each model stands in the headlines, by model.

    Parameters
    ----------
    summary
        As `summary.summarise` returns it, of the meso scale.
    """
    counts = {
        str(model): sorted(int(n) for n in part["n_meso"].dropna().unique())
        for model, part in summary.groupby("model")
        if part["n_meso"].notna().any()
    }
    chosen: dict[str, int | None] = {model: known[-1] for model, known in counts.items()}
    if "tessera" in counts:
        most = counts.get("parcv2", counts["tessera"])[-1]
        few = [n for n in counts["tessera"] if 2 * n <= most]
        chosen["tessera"] = few[-1] if few else counts["tessera"][0]
        for model, known in counts.items():
            if model not in {"tessera", "parcv2"} and chosen["tessera"] in known:
                chosen[model] = chosen["tessera"]
    order = [model for model in figures.NAMES if model in chosen]
    return {model: chosen[model] for model in [*order, *sorted(set(chosen) - set(order))]}


def value(summary: pd.DataFrame, model: str, n_meso: int | None, metric: str) -> float:
    """Return the mean of a metric [SI], `nan` where it is undefined or was not scored."""
    rows = summary[(summary["model"] == model) & (summary["metric"] == metric)]
    rows = rows[rows["n_meso"].isna()] if n_meso is None else rows[rows["n_meso"] == n_meso]
    return float(rows["mean"].iloc[0]) if len(rows) else math.nan


def wins(summary: pd.DataFrame, ours: tuple[str, int | None], theirs: tuple[str, int | None]) -> list[str]:
    """Return the headline metrics in which `ours` has the lower mean error; a finite error beats an undefined."""
    found = []
    for metric in HEADLINES:
        mine, other = value(summary, *ours, metric), value(summary, *theirs, metric)
        if math.isfinite(mine) and (math.isnan(other) or mine < other):
            found.append(metric)
    return found


def sentence(summary: pd.DataFrame) -> str:
    """Return the verdict in one sentence, whichever way it is."""
    chosen = standing(summary)
    if "tessera" not in chosen:
        return "The latent model was not part of this study, so there is nothing to judge."
    ours = ("tessera", chosen["tessera"])
    rivals = [(model, n_meso) for model, n_meso in chosen.items() if model != "tessera"]
    parts = [_against(summary, ours, rival) for rival in rivals]
    floor = len(wins(summary, ours, ("persistence", None)))
    cases = int(summary["cases"].max())
    trivial = (
        f"it is better than holding the start frame in {_of(floor)}"
        if floor < len(HEADLINES)
        else ("it is better than holding the start frame in all of them")
    )
    return (
        f"{curves.label(*ours)}, " + "; ".join([*parts, trivial]) + f" (mean over {cases} test case"
        f"{'s' if cases != 1 else ''}, lower error is better)."
    )


def _against(summary: pd.DataFrame, ours: tuple[str, int | None], theirs: tuple[str, int | None]) -> str:
    better = wins(summary, ours, theirs)
    who = f"{figures.name(theirs[0])} with {curves.trained_on(int(theirs[1] or 0))}"
    if len(better) == len(HEADLINES):
        return f"beats {who} in all {len(HEADLINES)} headline errors"
    if not better:
        return f"does not beat {who} in any of the {len(HEADLINES)} headline errors"
    rest = [metric for metric in HEADLINES if metric not in better]
    few, said = (better, "") if len(better) <= len(rest) else (rest, "all but ")
    return f"beats {who} in {_of(len(better))} headline errors ({said}{_list([HEADLINES[m] for m in few])})"


def _of(count: int) -> str:
    return f"{count} of {len(HEADLINES)}"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
