"""Did a rerun give the same numbers: outputs compared bit for bit, then value by value.

The difference of two arrays is the largest of their elements, relative to the largest magnitude of the reference. What
only names other files, sources or a machine (checksums, digests, versions) is no value; pictures hold none.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import safetensors
import safetensors.numpy
import xarray as xr

from tessera.data import outputs
from tessera.data.files import short

State = Literal["equal", "close", "drawn", "different", "missing", "extra"]
STATES: dict[State, str] = {
    "equal": "equal bit for bit",
    "close": "equal within the tolerance",
    "drawn": "a page or a figure, with other bytes",
    "different": "different",
    "missing": "missing",
    "extra": "extra",
}
SAME = ("equal", "close", "drawn")
NAMING = {"key", "section_digest", "source_digest", "version", "git_revision", "versions", "tokenizers", "sha256"}
CHECKSUM = re.compile(r"[0-9a-f]{64}")


class Finding(NamedTuple):
    """What became of an output: its state, the relative difference of its values where it was asked, and why."""

    state: State
    difference: float | None = None
    why: str = ""


class _UnlikeError(Exception):
    """Two outputs that have no difference in numbers: other names, shapes or texts."""


def against_record(results: Path, expected: Mapping[str, str]) -> dict[str, Finding]:
    """Compare the outputs of a results folder with recorded checksums; only equal bytes are the same."""
    found = outputs.digests(results)
    changed = {name: Finding("different", why="another checksum") for name, value in expected.items()}
    return _sorted(found, expected, lambda name: changed[name])


def against_results(results: Path, reference: Path, tolerance: float) -> dict[str, Finding]:
    """Compare the outputs of a results folder with those of another one.

    Parameters
    ----------
    results, reference
        The rerun, and what it is compared with; where they lie plays no role.
    tolerance
        Largest relative difference of values that counts as the same.
    """
    found, expected = outputs.digests(results), outputs.digests(reference)
    return _sorted(found, expected, lambda name: _compare(results / name, reference / name, tolerance))


def _sorted(
    found: Mapping[str, str], expected: Mapping[str, str], compare: Callable[[str], Finding]
) -> dict[str, Finding]:
    findings = {}
    for name in sorted({*found, *expected}):
        if name not in found:
            findings[name] = Finding("missing")
        elif name not in expected:
            findings[name] = Finding("extra")
        else:
            findings[name] = Finding("equal", 0.0) if found[name] == expected[name] else compare(name)
    return findings


def _compare(ours: Path, theirs: Path, tolerance: float) -> Finding:
    if ours.suffix not in READERS:
        return Finding("drawn") if ours.suffix in {".html", ".pdf"} else Finding("different", why="other bytes")
    try:
        difference, where = _difference(READERS[ours.suffix](ours), READERS[ours.suffix](theirs))
    except _UnlikeError as error:
        return Finding("different", why=str(error))
    except (OSError, KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        return Finding("different", why=f"cannot be read: {short(error)}")
    if difference == 0.0:
        return Finding("close", 0.0, "all values are equal, what is said of them is not")
    return Finding("close" if difference <= tolerance else "different", difference, where)


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[float, str]:
    """Return the largest relative difference of named values, and the name of the value."""
    if odd := sorted(ours.keys() ^ theirs.keys()):
        raise _UnlikeError(f"{odd[0]}: expected in both, found in one")
    found = [(_relative(values, theirs[name], name), name) for name, values in ours.items()]
    return max(found, key=lambda one: one[0], default=(0.0, ""))


def _relative(ours: Any, theirs: Any, name: str) -> float:
    if ours.shape != theirs.shape or ours.dtype.kind != theirs.dtype.kind:
        raise _UnlikeError(f"{name}: expected {theirs.dtype} {theirs.shape}, got {ours.dtype} {ours.shape}")
    if ours.dtype.kind not in "fiub":
        if not bool((np.asarray(ours).astype(str) == np.asarray(theirs).astype(str)).all()):
            raise _UnlikeError(f"{name}: other texts")
        return 0.0
    if ours.size == 0:
        return 0.0
    ours, theirs = ours.astype("float64"), theirs.astype("float64")
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    off = abs(xr.where(same, 0.0, ours) - xr.where(same, 0.0, theirs))
    largest = float(xr.where(np.isnan(off), np.inf, off).max())
    if largest == 0.0:
        return 0.0
    size = float(xr.where(np.isfinite(theirs), abs(theirs), 0.0).max())
    return largest / size if size > 0.0 and np.isfinite(largest) else np.inf


def _dataset(path: Path) -> dict[str, Any]:
    """Return the variables of a store or a netCDF file, lazily."""
    engine: Any = "zarr" if path.suffix == ".zarr" else "netcdf4"
    dataset = xr.open_dataset(path, engine=engine, chunks={}, decode_timedelta=False)
    return {str(name): dataset[name].variable for name in dataset.variables}


def _weights(path: Path) -> dict[str, Any]:
    return dict(safetensors.numpy.load_file(path))


def _table(path: Path) -> dict[str, Any]:
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    return {str(name): _array(table[name].to_numpy()) for name in table}


def _array(values: np.ndarray) -> np.ndarray:
    """Return a column of numbers, or of texts; pandas has integers that may be missing."""
    try:
        return values.astype("float64")
    except (TypeError, ValueError):
        return values.astype(str)


def _json(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    content = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    return {name: _array(np.array([value])) for name, value in _leaves(content, path.name)}


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of a JSON content by their path, without what only names."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key not in NAMING:
                yield from _leaves(one, f"{name}.{key}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{name}[{number}]")
    elif not (isinstance(value, str) and CHECKSUM.fullmatch(value)):
        yield name, value


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".zarr": _dataset,
    ".nc": _dataset,
    ".safetensors": _weights,
    ".parquet": _table,
    ".csv": _table,
    ".json": _json,
    ".jsonl": _json,
}
