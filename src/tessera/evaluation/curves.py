"""Line figures: hotspots over time, errors over time, areas over thresholds, training histories.

One model that breaks must not press the others flat: axes end where the usual runs do, and a triangle at their edge, in
the colour of the run, says where one leaves them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tessera.data.schema import FIELDS
from tessera.evaluation import figures, metrics, scores

HOTSPOTS = {
    "hotspot_area": "hotspot area",
    "hotspot_temperature": "hotspot temperature",
    "hotspot_area_rate": "rate of hotspot area",
    "hotspot_temperature_rate": "rate of hotspot temperature",
}
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1, 1.5)))
BANDED = 4  # runs, beyond which bands hide each other and only that of the truth is drawn
BEYOND = 4.0  # times the largest error of the median run, where axes of errors end


def hotspots(table: pd.DataFrame, among: Sequence[str] = ()) -> Figure:
    """Show area and temperature of the hotspots and their rates: mean over test cases, band of one deviation.

    Parameters
    ----------
    table
        Score table of one scale.
    among
        All models that share the colours; by default those of the table.
    """
    among = among or _models(table)
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 5.6)
        for axes, (metric, label) in zip(_two_by_two(figure), HOTSPOTS.items(), strict=True):
            for run, part, dash in runs(table, ["truth", *_models(table)]):
                values = part[(part["metric"] == metric) & part["time"].notna()]
                times, mean, deviation = _over_cases(values)
                unit = scores.units()[metric]
                ours = figures.convert(mean, unit), figures.convert(deviation, unit)
                _line(axes, figures.convert(times, "s"), ours[0], run, dash, among)
                if run[0] == "truth" or banded(table):
                    _band(axes, figures.convert(times, "s"), *ours, figures.colour(run[0], among))
            axes.set_ylabel(figures.labelled(label, unit))
            axes.set_xlabel(figures.labelled("time", "s"))
            _headroom(axes, table, metric)
            _mark(axes)
        _legend(figure, figure.axes[0])
    return figure


def banded(table: pd.DataFrame) -> bool:
    """Return whether every run is shown with its band, not the truth alone."""
    return len(list(runs(table, _models(table)))) <= BANDED


def errors(table: pd.DataFrame, metrics_shown: Sequence[str], among: Sequence[str] = ()) -> Figure:
    """Show how errors grow with time: root mean square over test cases and seeds, logarithmic.

    Parameters
    ----------
    table
        Score table of one scale.
    metrics_shown
        Per-snapshot metrics, up to four: fields' `_rmse`, or quantities whose error is taken from the truth.
    among
        All models that share the colours; by default those of the table.
    """
    among = among or _models(table)
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 5.6)
        places = _two_by_two(figure)
        for axes, metric in zip(places, metrics_shown, strict=False):
            unit = scores.units()[metric]
            largest = []
            for run, part, dash in runs(table, [*_models(table), *_untrained(table)]):
                times, values = _error_over_time(table, part, metric)
                kept = np.isfinite(values) & (values > 0.0)
                shown = np.where(kept, figures.convert(values, unit), np.nan)
                _line(axes, figures.convert(times, "s"), shown, run, dash, among)
                largest += [float(np.nanmax(shown))] if kept.any() else []
            axes.set_yscale("log")
            if largest and max(largest) > BEYOND * np.median(largest):
                axes.set_ylim(top=BEYOND * np.median(largest))
            _mark(axes)
            axes.set_xlabel(figures.labelled("time", "s"))
            axes.set_ylabel(figures.labelled(f"RMSE of {_said(metric)}", unit))
        for axes in places[len(metrics_shown) :]:
            axes.set_visible(False)
        _legend(figure, places[0])
    return figure


def exceedance(table: pd.DataFrame, among: Sequence[str] = ()) -> Figure:
    """Show the area that is hotter than a threshold against the threshold, half-way and at the end of the roll-outs.

    Means over test cases and seeds, logarithmic: where a curve bends down too early, the hottest cells are too cool.
    The axes are those of the truth.

    Parameters
    ----------
    table
        Score table of one scale.
    among
        All models that share the colours; by default those of the table.
    """
    among, names = among or _models(table), [f"hotspot_area_{level:.0f}K" for level in scores.SWEEP]
    times = sorted(table["time"].dropna().unique())
    areas = table[table["metric"].isin(names)]
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 3.3)
        places = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.085, right=0.99, bottom=0.145, wspace=0.22)
        for axes, time in zip(places, (times[len(times) // 2], times[-1]), strict=True):
            for run, part, dash in runs(areas[areas["time"] == time], ["truth", *_models(table)]):
                means = [metrics.gather(part[part["metric"] == name]["value"]).mean for name in names]
                known = np.isfinite(means) & (np.array(means) > 0.0)
                _line(axes, scores.SWEEP, np.where(known, figures.convert(means, "m2"), np.nan), run, dash, among)
            axes.set_yscale("log")
            true = areas[(areas["model"] == "truth") & (areas["time"] == time) & (areas["value"] > 0.0)]["value"]
            if len(true):
                low, high = figures.convert((true.min(), true.max()), "m2")
                axes.set_ylim(0.5 * low, 2.0 * high)
            _mark(axes)
            axes.set_title(figures.instant(float(time)))
            axes.set_xlabel(figures.labelled("threshold", "K"))
            axes.set_ylabel(figures.labelled("area that is hotter", "m2"))
        _legend(figure, places[0], 3.3)
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


def histories(records: Mapping[str, pd.DataFrame], among: Sequence[str] = ()) -> Figure:
    """Show how every training went: training loss thin, validation thick, logarithmic.

    Parameters
    ----------
    records
        One table per training, one row per epoch: columns `training`, `validation` (`nan` where none was
        made), and `progress` with its name in attrs["progress"].
    among
        All models that share the colours; by default those of the records.
    """
    among = among or [str(record.attrs.get("model", "truth")) for record in records.values()]
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
            tint = figures.colour(str(record.attrs.get("model", "truth")), among)
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
    """Return the models that learnt something."""
    return figures.ordered(table[table["n_meso"].notna()]["model"].unique())


def _untrained(table: pd.DataFrame) -> list[str]:
    """Return the baselines that learn nothing."""
    return figures.ordered(table[table["n_meso"].isna() & (table["model"] != "truth")]["model"].unique())


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


def _line(axes: Axes, places, values, run, dash, among: Sequence[str]) -> None:
    width = 2.4 if run[0] == "truth" else 1.7
    axes.plot(places, values, color=figures.colour(run[0], among), ls=dash, lw=width, label=label(*run), zorder=3)


def _band(axes: Axes, times: np.ndarray, mean: np.ndarray, deviation: np.ndarray, tint: str) -> None:
    axes.fill_between(times, mean - deviation, mean + deviation, color=tint, alpha=0.13, lw=0, zorder=2)


def _mark(axes: Axes) -> None:
    """Put a triangle at the edge of the axes where a line first leaves them."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    for line in list(axes.get_lines()):
        places, values = (np.asarray(each, dtype=float) for each in (line.get_xdata(), line.get_ydata()))
        for outside, edge, shape in ((values > high, high, "^"), (values < low, low, "v")):
            if outside.any():
                place = places[int(np.argmax(outside))]
                axes.plot([place], [edge], shape, color=line.get_color(), ms=7, mec="white", clip_on=False, zorder=5)


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


def _legend(figure: Figure, axes: Axes, height: float = 5.6) -> None:
    handles, labels = axes.get_legend_handles_labels()
    room = figures.WIDTH / (0.5 + 0.066 * max(map(len, labels), default=0))  # in: a handle, and a letter of its size
    columns = max(1, min(len(labels), 4, int(room)))
    figure.legend(handles, labels, loc="upper center", ncols=columns, bbox_to_anchor=(0.5, 1.0))
    title = 0.22 if any(one.get_title() for one in figure.axes) else 0.0
    figure.subplots_adjust(top=1.0 - (0.17 + title + 0.185 * -(-len(labels) // columns)) / height)
