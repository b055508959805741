"""The score table in short: one line per model, number of meso cases and metric; and the files of both.

Means and deviations are over test cases and seeds, from exact sums, so that the order of the rows does
not matter, nor in which parts cases were scored. An undefined value is left out of a mean and counted; an infinite one
stays in. Intervals are of the bootstrap over cases: cases are drawn with replacement, seeds and snapshots of a case
stay together.

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
from tessera.evaluation import members, metrics, scores

RESAMPLED = 2000
CURVE = "_curve_rmse"
RANK = "_rank_"
KEYS = ["model", "n_meso", "seed", "scale"]
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
    whole = pd.concat([table[table["time"].isna()], mean_curves(table), calibration(table)], ignore_index=True)
    whole = whole[~whole["metric"].str.contains(RANK)]
    found = []
    for (model, n_meso, scale, metric, unit), part in whole.groupby(
        ["model", "n_meso", "scale", "metric", "unit"], dropna=False
    ):
        sums = metrics.gather(part["value"])
        low, high = interval(np.array([*_means(part, ["case"]).values()]))
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
                "cases": (table if (part["case"] < 0).all() else part)["case"].nunique(),
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
    keys = [*KEYS, "metric", "unit"]
    ours = curves[curves["model"] != "truth"]
    truth = _means(curves[curves["model"] == "truth"], ["scale", "metric", "time"])
    rows = []
    for names, part in ours.groupby(keys, dropna=False):
        said = dict(zip(keys, names, strict=True))
        apart = [mean - truth.get(key, math.nan) for key, mean in _means(part, ["scale", "metric", "time"]).items()]
        error = metrics.gather(apart).root_mean_square
        rows.append(_row(table, said, f"{said['metric']}{CURVE}", error, said["unit"]))
    return _table(rows, table)


def calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Return coverage, its error and spread over error of every model with members, as rows without case and time.

    Of all cases, snapshots and cells together, seeds apart: from sums of counts and squares, so that no case with
    little to say counts as much as one with much.
    """
    rows = []
    for names, part in table.groupby(KEYS, dropna=False):
        said = dict(zip(KEYS, names, strict=True))
        for name in (*scores.ENSEMBLE_QUANTITIES, *scores.ENSEMBLE_FIELDS):
            counts = ranks(part, name)
            if counts is None:
                continue
            spread, error = _spread_and_error(table, part, name, said["scale"])
            skill = members.spread_skill(spread, error, counts.size - 1)
            rows.append(_row(table, said, f"{name}_coverage", members.coverage(counts)))
            rows.append(_row(table, said, f"{name}_calibration_error", members.calibration_error(counts)))
            rows.append(_row(table, said, f"{name}_spread_skill", skill))
    return _table(rows, table)


def ranks(rows: pd.DataFrame, name: str) -> np.ndarray | None:
    """Return the rank histogram of a quantity or field from rows of one model, None where it has no members."""
    known = rows[rows["time"].isna() & rows["metric"].str.startswith(f"{name}{RANK}")]
    if known.empty:
        return None
    size = known["metric"].nunique()
    wide = known.pivot(index=["seed", "case"], columns="metric", values="value")
    return members.together(wide[[f"{name}{RANK}{place}" for place in range(size)]].to_numpy())


def _spread_and_error(
    table: pd.DataFrame, part: pd.DataFrame, name: str, scale: str
) -> tuple[metrics.Sums, metrics.Sums]:
    """Return the sums of spread and of the error of the member mean, of snapshots in which both are known."""
    known = part[part["time"].notna()]
    spread = known[known["metric"] == f"{name}_spread"].set_index(["case", "time"])["value"]
    if name in scores.ENSEMBLE_FIELDS:
        error = known[known["metric"] == f"{name}_rmse"].set_index(["case", "time"])["value"]
    else:
        true = table[(table["model"] == "truth") & (table["metric"] == name) & (table["scale"] == scale)]
        error = known[known["metric"] == name].set_index(["case", "time"])["value"]
        error = error - true.set_index(["case", "time"])["value"].reindex(error.index)
    both = pd.concat({"spread": spread, "error": error}, axis=1)
    both = both[np.isfinite(both).all(axis=1)]
    return metrics.gather(both["spread"]), metrics.gather(both["error"])


def _means(rows: pd.DataFrame, keys: list[str]) -> dict[tuple, float]:
    """Return the mean of the defined values of rows by their keys, from exact sums."""
    values: dict[tuple, list[float]] = {}
    for key, value in zip(zip(*(rows[name] for name in keys), strict=True), rows["value"], strict=True):
        values.setdefault(key, []).append(value)
    return {key: metrics.gather(values[key]).mean for key in sorted(values)}


def _row(table: pd.DataFrame, said: dict, metric: str, value: float, unit: str = "1") -> list:
    content = {**said, "case": -1, "time": np.nan, "metric": metric, "value": value, "unit": unit}
    return [content[column] for column in table.columns]


def _table(rows: list[list], table: pd.DataFrame) -> pd.DataFrame:
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
    one, other = (_means(rows_of(whole, *run), ["case"]) for run in (ours, theirs))
    apart = np.array([_less(one[case], other[case]) for case in one if case in other])
    endless = {value for value in apart if math.isinf(value)}
    if endless:  # who diverged in a case is infinitely worse; where both did, in one each, nothing can be said
        return (endless.pop() if len(endless) == 1 else math.nan), math.nan, math.nan
    return (metrics.gather(apart).mean, *interval(apart))


def rows_of(table: pd.DataFrame, model: str, n_meso: int | None) -> pd.DataFrame:
    """Return the rows of a model that learnt from so many meso cases, of a table or of its summary."""
    rows = table[table["model"] == model]
    return rows[rows["n_meso"].isna()] if n_meso is None or pd.isna(n_meso) else rows[rows["n_meso"] == n_meso]


def _less(one: float, other: float) -> float:
    """Return the difference of two errors, `nan` where one is undefined or both are infinite."""
    return one - other if math.isfinite(one) or math.isfinite(other) else math.nan


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
        said = table.attrs.pop(seals.KEY, None)
        found = _digest(table)
    except Exception as error:  # whatever pyarrow makes of damage
        raise DataError(
            f"{path}: expected a whole Parquet file, got {files.short(error)}; delete it to make it again"
        ) from None
    if list(table.columns) != scores.COLUMNS:
        raise DataError(f"{path}: expected columns {scores.COLUMNS}, got {list(table.columns)}")
    seals.check(path, said, found)
    return table


def _digest(table: pd.DataFrame) -> str:
    """Return the checksum of the columns of a table, their kinds, and of what it says of itself."""
    total = hashlib.sha256(repr([sorted(table.attrs.items()), [*table.dtypes.astype(str).items()]]).encode())
    total.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return total.hexdigest()[:16]
