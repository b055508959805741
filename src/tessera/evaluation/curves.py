"""Line figures: hotspots over time, errors over time, training histories."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tessera.data.schema import FIELDS
from tessera.evaluation import figures, metrics, persistence, scores

HOTSPOTS = {
    "hotspot_area": "hotspot area",
    "hotspot_temperature": "hotspot temperature",
    "hotspot_area_rate": "rate of hotspot area",
    "hotspot_temperature_rate": "rate of hotspot temperature",
}
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1, 1.5)))


def hotspots(table: pd.DataFrame) -> Figure:
    """Show area and temperature of the hotspots and their rates: mean over test cases, band of one deviation.

    Parameters
    ----------
    table
        Score table of one scale.
    """
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 5.6)
        for axes, (metric, label) in zip(_two_by_two(figure), HOTSPOTS.items(), strict=True):
            for run, part, dash in runs(table, ["truth", *_models(table)]):
                values = part[(part["metric"] == metric) & part["time"].notna()]
                times, mean, deviation = _over_cases(values)
                unit = scores.units()[metric]
                ours = figures.convert(mean, unit), figures.convert(deviation, unit)
                _band(axes, figures.convert(times, "s"), *ours, run, dash)
            axes.set_ylabel(figures.labelled(label, unit))
            axes.set_xlabel(figures.labelled("time", "s"))
            _headroom(axes, table, metric)
        _legend(figure, figure.axes[0])
    return figure


def errors(table: pd.DataFrame, metrics_shown: Sequence[str]) -> Figure:
    """Show how errors grow with time: root mean square over test cases and seeds, logarithmic.

    Parameters
    ----------
    table
        Score table of one scale.
    metrics_shown
        Per-snapshot metrics, up to four: fields' `_rmse`, or quantities whose error is taken from the truth.
    """
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 5.6)
        places = _two_by_two(figure)
        for axes, metric in zip(places, metrics_shown, strict=False):
            unit = scores.units()[metric]
            for run, part, dash in runs(table, [*_models(table), *_floors(table)]):
                times, values = _error_over_time(table, part, metric)
                kept = np.isfinite(values) & (values > 0.0)
                shown = np.where(kept, figures.convert(values, unit), np.nan)
                axes.plot(
                    figures.convert(times, "s"),
                    shown,
                    color=figures.colour(run[0]),
                    ls=dash,
                    label=label(*run),
                )
            axes.set_yscale("log")
            axes.set_xlabel(figures.labelled("time", "s"))
            axes.set_ylabel(figures.labelled(f"RMSE of {_said(metric)}", unit))
        for axes in places[len(metrics_shown) :]:
            axes.set_visible(False)
        _legend(figure, places[0])
    return figure


def label(model: str, n_meso: int | None) -> str:
    """Return how a run is called in a legend or a table: the model, and what it learnt meso from."""
    if n_meso is None or pd.isna(n_meso):
        return figures.name(model)
    return f"{figures.name(model)}, {trained_on(int(n_meso))}"


def trained_on(n_meso: int) -> str:
    """Return what a model learnt of the meso scale, in words."""
    if n_meso == 0:
        return "micro only"
    return f"{n_meso} meso case{'s' if n_meso > 1 else ''}"


def runs(table: pd.DataFrame, models: Sequence[str]):
    """Yield ((model, n_meso), rows, dash) of every run of the models, in this order."""
    for model in models:
        part = table[table["model"] == model]
        counts = sorted(part["n_meso"].dropna().unique()) or [None]
        for n_meso, dash in zip(counts, DASHES * len(counts), strict=False):
            yield (model, n_meso), part if n_meso is None else part[part["n_meso"] == n_meso], dash


def histories(records: Mapping[str, pd.DataFrame]) -> Figure:
    """Show how every training went: training loss thin, validation thick, logarithmic.

    Parameters
    ----------
    records
        One table per training, one row per epoch: columns `training`, `validation` (`nan` where none was
        made), and `progress` with its name in attrs["progress"].
    """
    columns = min(len(records), 4)
    rows = -(-len(records) // columns)
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 0.35 + 1.75 * rows)
        axes = figure.subplots(rows, columns, squeeze=False)
        figure.subplots_adjust(
            left=0.065, right=0.99, top=1 - 0.28 / (0.35 + 1.75 * rows), bottom=0.45 / (0.35 + 1.75 * rows)
        )
        figure.subplots_adjust(wspace=0.3, hspace=0.62)
        for place, (title, record) in zip(axes.flat, records.items(), strict=False):
            tint = figures.colour(str(record.attrs.get("model", "truth")))
            place.plot(record["progress"], record["training"], color=tint, lw=0.9, alpha=0.55, label="training")
            known = record.dropna(subset="validation")
            place.plot(known["progress"], known["validation"], color=tint, lw=1.9, marker=".", ms=5, label="validation")
            place.set_title(title, fontsize=8.5)
            place.set_xlabel(str(record.attrs.get("progress", "epoch")), fontsize=8, labelpad=1)
            if (record[["training", "validation"]].to_numpy(dtype=float) > 0.0).any():
                place.set_yscale("log")
            place.tick_params(labelsize=7, which="both")
        for place in axes.flat[len(records) :]:
            place.set_visible(False)
    return figure


def _models(table: pd.DataFrame) -> list[str]:
    untrained = {"truth", *persistence.FLOORS}
    order, found = [name for name in figures.NAMES if name not in untrained], set(table["model"].unique()) - untrained
    return [name for name in order if name in found] + sorted(found - set(order))


def _floors(table: pd.DataFrame) -> list[str]:
    return [name for name in persistence.FLOORS if name in set(table["model"])]


def _two_by_two(figure: Figure) -> list[Axes]:
    axes = figure.subplots(2, 2)
    figure.subplots_adjust(left=0.085, right=0.99, top=0.92, bottom=0.085, wspace=0.22, hspace=0.3)
    return list(axes.flat)


def _over_cases(values: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    seeds = values["seed"].fillna(0).astype("int64")
    wide = values.assign(seed=seeds).pivot(index="time", columns=["case", "seed"], values="value").sort_index()
    numbers = np.where(np.isinf(wide.to_numpy()), np.nan, wide.to_numpy())
    return wide.index.to_numpy(), metrics.mean_defined(numbers, axis=1), metrics.spread(numbers, axis=1)


def _error_over_time(table: pd.DataFrame, part: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    ours = part[(part["metric"] == metric) & part["time"].notna()]
    if not metric.endswith("_rmse"):
        real = table[(table["model"] == "truth") & (table["metric"] == metric)][["case", "time", "value"]]
        ours = ours.merge(real, on=["case", "time"], suffixes=("", "_truth"))
        ours = ours.assign(value=ours["value"] - ours["value_truth"])
    grouped = [(time, metrics.gather(rows["value"]).root_mean_square) for time, rows in ours.groupby("time")]
    return np.array([time for time, _ in grouped]), np.array([value for _, value in grouped])


def _band(axes: Axes, times: np.ndarray, mean: np.ndarray, deviation: np.ndarray, run, dash) -> None:
    tint, width = figures.colour(run[0]), 2.4 if run[0] == "truth" else 1.7
    axes.plot(times, mean, color=tint, ls=dash, lw=width, label=label(*run), zorder=3)
    axes.fill_between(times, mean - deviation, mean + deviation, color=tint, alpha=0.13, lw=0, zorder=2)


def _headroom(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    real = table[(table["model"] == "truth") & (table["metric"] == metric)]["value"]
    numbers = figures.convert(real[np.isfinite(real)], scores.units()[metric])
    if numbers.size == 0:
        return
    low, high = float(numbers.min()), float(numbers.max())
    reach = max(high - low, 1e-12)
    shown = axes.get_ylim()
    axes.set_ylim(max(shown[0], low - 0.75 * reach), min(shown[1], high + 0.75 * reach))


def _said(metric: str) -> str:
    stem = metric.removesuffix("_rmse")
    return figures.LOOKS[stem].label if stem in FIELDS else HOTSPOTS.get(stem, stem.replace("_", " "))


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = min(len(labels), 4)
    figure.legend(handles, labels, loc="upper center", ncols=columns, bbox_to_anchor=(0.5, 1.0))
    figure.subplots_adjust(top=0.96 - 0.04 * -(-len(labels) // columns))
