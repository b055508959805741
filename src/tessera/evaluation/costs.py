"""What everything cost, in core-seconds: the stages as Snakemake measured them, and each model's bill.

A model's bill counts what was bought for it: the simulations that it learnt from, its trainings, and one
prediction. Sharing is said: the micro simulations and tokenizers of `tessera` are paid once, for any
number of fine-tuned models.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from tessera.errors import DataError
from tessera.evaluation import curves, figures, scores

STAGES = {
    "cases": "simulation",
    "tokenizer": "training of the tokenizers",
    "latents": "encoding of the ensembles",
    "reconstructions": "reconstruction",
    "decoupled": "training, fields alone",
    "coupled": "training, fields together",
    "transfer": "training of tessera at meso scale",
    "prediction": "prediction",
    "coarse": "solver on coarser grids",
    "scores": "scores",
}
TINTS = {"transfer": "tessera", "tokenizer": "tessera", "latents": "tessera", "reconstructions": "tessera"}
TINTS |= {"decoupled": "tessera", "coupled": "tessera"}
MEASURED = ("s", "cpu_time", "max_rss")
SHARED = ("models/tokenizer/", "models/decoupled/", "models/coupled")


def benchmarks(folder: Path) -> pd.DataFrame:
    """Read what Snakemake measured: columns stage, scale, job, s [s], cpu_time [s], max_rss [MB].

    Parameters
    ----------
    folder
        Holds `<stage>.tsv` and `<stage>/<job>.tsv`; a measure that is not there is `nan`.

    Raises
    ------
    DataError
        A file is not a benchmark.
    """
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        try:
            measured = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: expected a benchmark table, got {str(error).splitlines()[0]}") from None
        missing = [name for name in MEASURED if name not in measured]
        if missing:
            raise DataError(f"{path}: expected columns {', '.join(MEASURED)}, got none named {', '.join(missing)}")
        parts = path.relative_to(folder).with_suffix("").parts
        numbers = measured[[*MEASURED]]
        if numbers.empty or not numbers.dtypes.map(pd.api.types.is_numeric_dtype).all():
            raise DataError(f"{path}: expected a row of numbers, got {numbers.to_dict('list')}")
        first = parts[-1].split("_")[0]
        scale = first if first in {"micro", "meso"} else ""
        last = measured.iloc[-1]
        rows.append([parts[0], scale, parts[-1], *(float(last[name]) for name in MEASURED)])
    return pd.DataFrame(rows, columns=["stage", "scale", "job", *MEASURED])


def stages(measured: pd.DataFrame, models: Iterable[str] = ()) -> pd.DataFrame:
    """Return the cost per stage and scale: jobs, s and core_seconds (sums), max_rss (largest), in order of the data.

    The trainings of a rival go by its name, one of `models`. `core_seconds` is the processor time that Snakemake
    saw, or the elapsed time where it saw none.
    """
    trained = [model for model in figures.ordered(models) if model not in STAGES]
    called: dict[str, str] = {}
    for stage, name in STAGES.items():
        if stage == "prediction":
            called |= {model: f"training of {figures.name(model)}" for model in trained}
        called[stage] = name
    known = measured[measured["stage"].isin(called)].copy()
    known["core_seconds"] = known["cpu_time"].where(known["cpu_time"] > 0.0, known["s"])
    grouped = known.groupby(["stage", "scale"], as_index=False)
    found = grouped.agg(
        jobs=("job", "size"), s=("s", "sum"), core_seconds=("core_seconds", "sum"), max_rss=("max_rss", "max")
    )
    names = zip(found["stage"], found["scale"], strict=True)
    found["label"] = [called[stage] + (f", {scale}" if scale else "") for stage, scale in names]
    order = {stage: place for place, stage in enumerate(called)}
    rank = found["stage"].map(order)
    return found.assign(rank=rank).sort_values(["rank", "scale"], ascending=[True, False], ignore_index=True)


def chart(costs: pd.DataFrame) -> Figure:
    """Show the core-seconds of every stage as bars, with the number of jobs and the largest memory.

    Parameters
    ----------
    costs
        As `stages` returns it.
    """
    height = 0.75 + 0.3 * len(costs)
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, height)
        axes = figure.add_axes((2.75 / figures.WIDTH, 0.5 / height, 5.3 / figures.WIDTH, (height - 0.6) / height))
        tints = [
            "#6b6b6b"
            if stage in STAGES.keys() - TINTS.keys()
            else figures.colour(TINTS.get(stage, stage), costs["stage"])
            for stage in costs["stage"]
        ]
        places = range(len(costs))
        axes.barh(places, costs["core_seconds"], color=tints, height=0.66)
        longest = float(costs["core_seconds"].max())
        for place, row in zip(places, costs.itertuples(), strict=True):
            memory = "" if pd.isna(row.max_rss) else f", {row.max_rss / 1000:.2f} GB"
            note = f"{seconds(row.core_seconds)} ({row.jobs} job{'s' if row.jobs > 1 else ''}{memory})"
            axes.text(row.core_seconds + 0.01 * longest, place, note, va="center", fontsize=8, color="#444444")
        axes.set_yticks(places, list(costs["label"]))
        axes.set_xlim(0.0, 1.32 * longest)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("processor time (core-seconds)")
    return figure


def bill(
    predictions: Mapping[str, xr.Dataset],
    ensembles: Mapping[str, xr.Dataset],
    spent: Mapping[str, float],
    pretrained: Collection[str] = (),
) -> pd.DataFrame:
    """Return what every model cost at the meso scale, in core-seconds, beside the simulations.

    Parameters
    ----------
    predictions
        Meso prediction stores by name.
    ensembles
        By scale.
    spent
        Core-seconds by name: of the simulations of a scale `ensembles/<scale>`, of a prediction `predictions/<name>`,
        of a training `models/<name>`. What is missing is not known.
    pretrained
        Rivals that learn from the micro cases, too.

    Returns
    -------
    One row per model and n_meso (means over seeds): data, shared, training, prediction (per case and
    member), frame (per predicted snapshot), simulation (per case), speed_up (simulation over prediction), frame_ratio
    (a predicted snapshot over a simulated one) and break_even, the number of new cases from which the model is cheaper
    than simulating them: infinite where it never is, `nan` where a cost is not known.
    """
    meso, micro = ensembles["meso"], ensembles["micro"]
    per_case = spent.get("ensembles/meso", np.nan) / meso.sizes["case"]
    micro_data = spent.get("ensembles/micro", np.nan) * _share(micro, "train")
    shared, rows = shared_training(spent), []
    for name, one in predictions.items():
        run, members = scores.run_of(one), one.sizes.get("sample", 1)
        ours, learns = run.model == "tessera", run.n_meso is not None
        rows.append(
            {
                "model": run.model,
                "n_meso": run.n_meso,
                "data": per_case * (run.n_meso or 0) + (micro_data if ours or run.model in pretrained else 0.0),
                "shared": shared if ours else 0.0,
                "training": spent.get(f"models/{_training(run)}", np.nan) if learns else 0.0,
                "prediction": spent.get(f"predictions/{name}", np.nan) / one.sizes["case"] / members,
                "frame": 1.0 / (one.sizes["time"] - 1 - int(one.attrs["start_frame"])),
            }
        )
    table = pd.DataFrame(rows).groupby(["model", "n_meso"], as_index=False, dropna=False).mean()
    saved = per_case - table["prediction"]
    invested = table["data"] + table["shared"] + table["training"]
    table["simulation"], table["speed_up"] = per_case, per_case / table["prediction"]
    table["frame"] *= table["prediction"]
    table["frame_ratio"] = table["frame"] * (meso.sizes["time"] - 1) / per_case
    cases = np.ceil(invested / saved.where(saved > 0.0))
    table["break_even"] = np.select([saved > 0.0, saved <= 0.0], [cases, np.inf], np.nan)
    order = figures.ordered(table["model"])
    rank = [order.index(model) for model in table["model"]]
    return table.assign(rank=rank).sort_values(["rank", "n_meso"], ignore_index=True).drop(columns="rank")


def shared_training(spent: Mapping[str, float]) -> float:
    """Return the core-seconds of `tessera` before it sees a meso case, tokenizers and micro dynamics."""
    return sum(value for name, value in spent.items() if name.startswith(SHARED))


def seconds(value: float) -> str:
    """Return core-seconds as text of three digits."""
    if pd.isna(value):
        return "unknown"
    if value >= 1e5:
        return f"{value / 3600:,.0f} h"
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"


def named(row) -> str:
    """Return how the run of a row of the bill is called."""
    return curves.label(row.model, row.n_meso)


def _training(run: scores.Run) -> str:
    """Return the name of the training that predicts: `tessera` of no meso case is the coupled map itself."""
    return f"{run.model}/n{run.n_meso}_s{run.seed}" if run.n_meso else "coupled"


def _share(dataset: xr.Dataset, split: str) -> float:
    return float(np.mean(dataset["split"].values == split))
