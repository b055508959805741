"""The score table in short: one line per model, number of meso cases and metric; and the files of both.

Means and deviations are over test cases and seeds, from exact sums, so that the order of the rows does
not matter. An undefined value is left out of a mean and counted; an infinite one stays in. Intervals are of the
bootstrap over cases: cases are drawn with replacement, seeds and snapshots of a case stay together.

Papers differ in what they call the error of a curve. `<quantity>_rmse` is the mean over cases of each case's error;
`<quantity>_curve_rmse` is the error of the curve that is averaged over cases first, in which errors of cases cancel.
"""

import hashlib
import math
from pathlib import Path

import numpy as np
import pandas as pd

from tessera.data import files, seals
from tessera.errors import DataError
from tessera.evaluation import metrics, scores

RESAMPLED = 2000
CURVE = "_curve_rmse"
COLUMNS = [
    "model",
    "n_meso",
    "scale",
    "metric",
    "unit",
    "better",
    "mean",
    "std",
    "low",
    "high",
    "cases",
    "seeds",
    "undefined",
]


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation over cases and seeds of every per-case metric.

    Parameters
    ----------
    table
        As `scores.table` returns it, rows in any order.

    Returns
    -------
    One row per model, n_meso and metric; `low` and `high` are the 95 % interval of the mean; `cases` and
    `seeds` count what was scored, `undefined` how many of these values do not exist. An undefined mean is `nan`.
    """
    whole = pd.concat([table[table["time"].isna()], mean_curves(table)], ignore_index=True)
    found = []
    for (model, n_meso, scale, metric, unit), part in whole.groupby(
        ["model", "n_meso", "scale", "metric", "unit"], dropna=False
    ):
        sums = metrics.gather(part["value"])
        low, high = interval(part.groupby("case")["value"].apply(lambda values: metrics.gather(values).mean).to_numpy())
        found.append(
            {
                "model": model,
                "n_meso": n_meso,
                "scale": scale,
                "metric": metric,
                "unit": unit,
                "better": scores.better(str(metric)) or "",
                "mean": sums.mean,
                "std": sums.std,
                "low": low,
                "high": high,
                "cases": (table if str(metric).endswith(CURVE) else part)["case"].nunique(),
                "seeds": max(part["seed"].nunique(), 1),
                "undefined": sums.undefined,
            }
        )
    frame = pd.DataFrame(found, columns=COLUMNS).astype({"n_meso": "Int64"})
    return frame.sort_values(["model", "n_meso", "metric"], ignore_index=True)


def mean_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return the error of the mean curve of every quantity, as rows without case and time.

    The curve of a model or of the truth is the mean over cases of what is defined, seeds apart; the error is the root
    mean square over the times at which both are defined, infinite where the prediction is.
    """
    curves = table[table["time"].notna() & table["metric"].isin(scores.QUANTITIES)]
    keys = ["model", "n_meso", "seed", "scale", "metric", "unit"]
    ordered = curves.sort_values([*keys, "time", "case"])  # a sum of the same order, whatever that of the rows
    means = ordered.groupby([*keys, "time"], dropna=False)["value"].mean().reset_index()
    truth = means[means["model"] == "truth"].set_index(["scale", "metric", "time"])["value"]
    rows = []
    for names, part in means[means["model"] != "truth"].groupby(keys, dropna=False):
        said = dict(zip(keys, names, strict=True))
        expected = truth.reindex(pd.MultiIndex.from_frame(part[["scale", "metric", "time"]])).to_numpy()
        error = metrics.gather(part["value"].to_numpy() - expected).root_mean_square
        rows.append({**said, "metric": f"{said['metric']}{CURVE}", "case": -1, "time": np.nan, "value": error})
    return pd.DataFrame(rows, columns=table.columns).astype({"n_meso": "Int64", "seed": "Int64", "case": "int64"})


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values, one per case, by the bootstrap; `nan` for fewer than two."""
    known = values[~np.isnan(values)]
    if known.size < 2 or not np.isfinite(known).all():
        return math.nan, math.nan
    drawn = np.random.default_rng(0).integers(known.size, size=(RESAMPLED, known.size))
    low, high = np.quantile(known[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def difference(
    table: pd.DataFrame, ours: tuple[str, int | None], theirs: tuple[str, int | None], metric: str
) -> tuple[float, float, float]:
    """Return how much larger a per-case metric of one model is than of another: mean, and its 95 % interval.

    Paired by case: a case that is undefined for either is left out. The bootstrap draws the same cases for both.
    """
    whole = table[table["time"].isna() & (table["metric"] == metric)]
    one, other = (_by_case(whole, run) for run in (ours, theirs))
    apart = (one - other).dropna()
    if apart.empty:
        return math.nan, math.nan, math.nan
    return (float(apart.mean()), *interval(apart.to_numpy()))


def _by_case(whole: pd.DataFrame, run: tuple[str, int | None]) -> pd.Series:
    model, n_meso = run
    rows = whole[whole["model"] == model]
    rows = rows[rows["n_meso"].isna()] if n_meso is None else rows[rows["n_meso"] == n_meso]
    return rows.groupby("case")["value"].apply(lambda values: metrics.gather(values).mean)


def save(table: pd.DataFrame, path: Path, summary: Path) -> None:
    """Write the score table as Parquet with a checksum, and its summary as CSV, each whole or not at all."""
    with files.whole(path) as beside:
        marked = table.copy(deep=False)
        marked.attrs = {**table.attrs, seals.KEY: _digest(table)}
        marked.to_parquet(beside, index=False)
        files.write_text(summary, text(summarise(table)))


def text(summary: pd.DataFrame) -> str:
    """Return the summary as CSV; what does not exist reads `undefined`."""
    shown = summary.copy()
    for name in ("mean", "std", "low", "high"):
        shown[name] = ["undefined" if pd.isna(value) else f"{value:.6g}" for value in summary[name]]
    return shown.to_csv(index=False, lineterminator="\n")


def load(path: Path) -> pd.DataFrame:
    """Read a score table.

    Raises
    ------
    DataError
        The file is missing, damaged, or is not a score table.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a score table, found none")
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # whatever pyarrow makes of damage
        raise DataError(
            f"{path}: expected a whole Parquet file, got {files.short(error)}; delete it to make it again"
        ) from None
    if list(table.columns) != scores.COLUMNS:
        raise DataError(f"{path}: expected columns {scores.COLUMNS}, got {list(table.columns)}")
    said = table.attrs.pop(seals.KEY, None)
    seals.check(path, said, _digest(table))
    return table


def _digest(table: pd.DataFrame) -> str:
    """Return the checksum of the columns of a table, their kinds, and of what it says of itself."""
    total = hashlib.sha256(repr([sorted(table.attrs.items()), [*table.dtypes.astype(str).items()]]).encode())
    total.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return total.hexdigest()[:16]
