"""The score tables of the report: the headline, who beats whom, and all scores by theme."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tessera.evaluation import curves, figures, scores, summary, verdict, wording
from tessera.evaluation.page import Cell, Table
from tessera.evaluation.verdict import Who


def headline(short: pd.DataFrame, table: pd.DataFrame, runs: Sequence[Who]) -> Table:
    """Return the headline scores: a model per line, and how far it is from the first one.

    Parameters
    ----------
    short, table
        Summary and score table of the meso scale.
    runs
        Models and their numbers of meso cases; differences are from the first.
    """
    shown = [metric for metric in verdict.HEADLINES if metric in set(short["metric"])]
    best = {metric: _best([verdict.value(short, *run, metric) for run in runs], metric) for metric in shown}
    rows = []
    for run in runs:
        learnt = "" if run[1] is None else curves.trained_on(run[1])
        cells = [Cell(figures.name(run[0]), note=learnt)]
        for metric in shown:
            value = verdict.value(short, *run, metric)
            unit = scores.units()[metric]
            note, tone = ("", "") if run == runs[0] else _difference(table, run, runs[0], metric, unit)
            found = not math.isnan(value) and value == best[metric]
            name = f"headline-{run[0]}-{metric}"
            cells.append(Cell(figures.number(value, unit), value, name, found, note, tone))
        rows.append(cells)
    caption = (
        "Meso test cases: root mean square errors (overlap, first hotspot and front: means), the best in bold. Below "
        f"each: the difference from {curves.label(*runs[0])}, paired by case, as 95 % interval of the bootstrap over "
        "cases; blue is surely better, red surely worse. Of few cases, intervals are narrower than they should be."
    )
    return Table("headline", caption, ["", *(wording.titled(metric) for metric in shown)], rows)


def duels(short: pd.DataFrame, table: pd.DataFrame, runs: Sequence[Who]) -> Table:
    """Return against whom the first model is better in how many headline scores, and in which it is not."""
    rows = []
    for rival in runs[1:]:
        found = verdict.duel(short, runs[0], rival, table)
        behind = [metric for metric in found.judged if metric not in found.won]
        rows.append(
            [
                Cell(curves.label(*rival)),
                Cell(f"{len(found.won)} of {len(found.judged)}", float(len(found.won)), f"duel-{rival[0]}"),
                Cell(str(len(found.sure)), float(len(found.sure))),
                Cell(str(len(found.lost)), float(len(found.lost))),
                Cell(verdict.named(behind) or "none"),
            ]
        )
    columns = [f"{figures.name(runs[0][0])} against", "better in", "surely better", "surely worse", "not better in"]
    caption = (
        "Scores that are defined for neither are not counted. Surely: the interval of the difference excludes zero."
    )
    return Table("duels", caption, columns, rows)


def themes(short: pd.DataFrame, scale: str) -> list[Table]:
    """Return all scores of a scale, a table per theme: a score per line, a model per column."""
    models = figures.ordered(set(short["model"]) - {"truth"})
    runs = [run for run, _, _ in curves.runs(short, models)]
    known = {(row.model, None if pd.isna(row.n_meso) else row.n_meso, row.metric): row for row in short.itertuples()}
    several = {model for model, _ in runs if sum(model == other for other, _ in runs) > 1}
    found = []
    for theme, names in wording.THEMES.items():
        metrics = [metric for metric in names if metric in set(short["metric"])]
        rows = [_line(known, runs, metric, scale, several) for metric in metrics]
        if rows:
            columns = ["", *(curves.label(*run) for run in runs)]
            found.append(Table(f"scores-{scale}-{theme}", wording.CAPTIONS[theme], columns, rows))
    return found


def _line(known: Mapping[tuple, Any], runs: Sequence[Who], metric: str, scale: str, several: set[str]) -> list[Cell]:
    unit, cells = scores.units()[metric], []
    found = [known.get((*run, metric)) for run in runs]
    best = _best([row.mean if row else math.nan for row in found], metric)
    for (model, n_meso), row in zip(runs, found, strict=True):
        if row is None:
            cells.append(Cell("–"))
            continue
        numbers = [number for number in (row.mean, row.std) if not math.isnan(number)] or [math.nan]
        who = f"{model}-n{n_meso}" if model in several else model
        shown = " ± ".join(figures.number(number, unit) for number in numbers)
        note = f"{row.undefined} undefined" if row.undefined and not math.isnan(row.mean) else ""
        cells.append(Cell(shown, row.mean, f"scores-{scale}-{who}-{metric}", row.mean == best, note))
    return [Cell(figures.labelled(wording.called(metric), unit)), *cells]


def _difference(table: pd.DataFrame, ours: Who, theirs: Who, metric: str, unit: str) -> tuple[str, str]:
    """Return between what a model is apart from another, as text, and whether it is surely better or worse."""
    mean, low, high = summary.difference(table, ours, theirs, metric)
    if math.isnan(low):
        return ("" if math.isnan(mean) else _signed(mean, unit)), ""
    sign = -1.0 if scores.better(metric) == "higher" else 1.0
    tone = {(True, False): "better", (False, True): "worse"}.get(
        (max(sign * low, sign * high) < 0.0, min(sign * low, sign * high) > 0.0), ""
    )
    return f"{_signed(low, unit)} to {_signed(high, unit)}", tone


def _signed(value: float, unit: str) -> str:
    """Return a difference in the unit in which it is shown, of two digits."""
    shown = float(figures.convert(value, unit))
    if shown == 0.0:
        return "0"
    return f"{shown:+,.0f}" if 100.0 <= abs(shown) < math.inf else f"{shown:+.2g}"


def _best(values: Sequence[float], metric: str) -> float:
    known, better = [value for value in values if not math.isnan(value)], scores.better(metric)
    if not known or better is None:
        return math.nan
    return max(known) if better == "higher" else min(known)


def models(
    bill: pd.DataFrame, parameters: Mapping[Who, float], operations: Mapping[Who, float], published: Mapping[str, str]
) -> Table:
    """Return what each model is and costs, beside the published networks of its kind.

    Parameters
    ----------
    bill
        As `costs.bill` returns it.
    parameters, operations
        Parameters, and floating-point operations per predicted snapshot, by model and number of meso cases.
    published
        What was published, by model.
    """
    rows = []
    for row in bill.itertuples():
        who = (str(row.model), None if pd.isna(row.n_meso) else int(row.n_meso))
        size, work = (known.get(who, math.nan) for known in (parameters, operations))
        rows.append(
            [
                Cell(curves.label(*who)),
                Cell("none" if who[1] is None else "unknown" if math.isnan(size) else f"{size:,.0f}", size),
                Cell(published.get(who[0], "")),
                Cell("unknown" if math.isnan(work) else f"{work / 1e9:.3g}", work),
                Cell(_seconds(row.training + row.shared), row.training + row.shared),
                Cell(_seconds(row.frame), row.frame),
                Cell("unknown" if math.isnan(row.frame_ratio) else f"{row.frame_ratio:.3g}", row.frame_ratio),
            ]
        )
    columns = ["", "parameters", "published", "GFLOP per snapshot", "training (core-s)", "snapshot (core-s)"]
    caption = (
        "Training includes what is shared. Snapshot: prediction of one snapshot of one member at meso scale; over "
        "solver: that, over the solver's cost of the same snapshot."
    )
    return Table("models", caption, [*columns, "over solver"], rows)


def _seconds(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"
