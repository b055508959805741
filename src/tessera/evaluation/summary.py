"""The score table in short: one line per model, number of meso cases and metric; and the files of both.

Means and deviations are over test cases and seeds, from exact sums, so that the order of the rows does
not matter. An undefined value is left out of a mean and counted; an infinite one stays in.
"""

from pathlib import Path

import pandas as pd

from tessera.data import files
from tessera.errors import DataError
from tessera.evaluation import metrics, scores

COLUMNS = [
    "model",
    "n_meso",
    "scale",
    "metric",
    "unit",
    "better",
    "mean",
    "std",
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
    One row per model, n_meso and metric; `cases` and `seeds` count what was scored, `undefined` how many
    of these values do not exist. An undefined mean is `nan`.
    """
    whole = table[table["time"].isna()]
    found = []
    for (model, n_meso, scale, metric, unit), part in whole.groupby(
        ["model", "n_meso", "scale", "metric", "unit"], dropna=False
    ):
        sums = metrics.gather(part["value"])
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
                "cases": part["case"].nunique(),
                "seeds": max(part["seed"].nunique(), 1),
                "undefined": sums.undefined,
            }
        )
    frame = pd.DataFrame(found, columns=COLUMNS).astype({"n_meso": "Int64"})
    return frame.sort_values(["model", "n_meso", "metric"], ignore_index=True)


def save(table: pd.DataFrame, path: Path, summary: Path) -> None:
    """Write the score table as Parquet and its summary as CSV, each whole or not at all."""
    with files.whole(path) as beside:
        table.to_parquet(beside, index=False)
    files.write_text(summary, text(summarise(table)))


def text(summary: pd.DataFrame) -> str:
    """Return the summary as CSV; what does not exist reads `undefined`."""
    shown = summary.copy()
    for name in ("mean", "std"):
        shown[name] = ["undefined" if pd.isna(value) else f"{value:.6g}" for value in summary[name]]
    return shown.to_csv(index=False, lineterminator="\n")


def load(path: Path) -> pd.DataFrame:
    """Read a score table.

    Raises
    ------
    DataError
        The file is missing or is not a score table.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a score table, found none")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a whole Parquet file, got {str(error).splitlines()[0][:120]}") from None
    if list(table.columns) != scores.COLUMNS:
        raise DataError(f"{path}: expected columns {scores.COLUMNS}, got {list(table.columns)}")
    return table
