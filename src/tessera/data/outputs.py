"""The outputs of a study: what two equal runs leave equal, to the last byte.

Outputs are all files of a results folder but what tells of one run alone: logs, benchmarks, records of costs, states of
trainings, Snakemake's own report, and the record of these checksums itself. A Zarr store counts as one output. Of the
report, what is measured is left out: its section of the page, between two marks, and its figure.

Light on purpose (standard library only): whoever checks a published folder waits for no network.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tessera.data import files, ledger
from tessera.errors import DataError
from tessera.provenance import file_digest

APART = ("logs", "benchmarks", "training", "snakemake.zip")
RECORD = "report/outputs.json"
PAGE = "report/index.html"
STUDY = "study.json"
TIMESTAMP = ".snakemake_timestamp"  # Snakemake's, in folders that a rule declares
UNEQUAL = (RECORD, "report/figures/costs.pdf")
MEASURED = ("<!-- measured -->", "<!-- end of what is measured -->")


def digests(results: Path, asked: Sequence[str] | None = None) -> dict[str, str]:
    """Return the SHA-256 of every output of a results folder, or of those asked for, by its path in there."""
    return {name: _digest(results / name, name) for name in (names(results) if asked is None else asked)}


def names(results: Path) -> list[str]:
    """Return the paths of all outputs in a results folder, sorted; a store is one."""
    return sorted(_walk(results, results))


def record(out: Path, study: str, checksums: Mapping[str, str]) -> None:
    """Write the checksums of all outputs, by which anybody can tell whether a rerun gave the same."""
    files.write_json(out, {"study": study, "outputs": dict(checksums)})


def recorded(path: Path) -> dict[str, str]:
    """Read the checksums that `record` wrote.

    Raises
    ------
    DataError
        The file is missing or holds no checksums.
    """
    said = files.read_json(path).get("outputs")
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise DataError(f"{path}: expected a key 'outputs' with checksums by path, got none")
    return dict(said)


def unmeasured(page: str) -> str:
    """Return the report without what is measured."""
    begin, end = map(re.escape, MEASURED)
    return re.sub(f"{begin}.*?{end}", "", page, flags=re.DOTALL)


def _walk(folder: Path, results: Path) -> Iterator[str]:
    for path in folder.iterdir():
        name = path.relative_to(results).as_posix()
        if name in (*APART, *UNEQUAL) or path.name in {ledger.FOLDER, TIMESTAMP}:
            continue
        if path.is_dir() and not path.is_symlink() and PurePosixPath(name).suffix != ".zarr":
            yield from _walk(path, results)
        else:
            yield name


def _digest(path: Path, name: str) -> str:
    if path.is_dir():
        return files.tree_digest(path)
    if name == PAGE:
        return hashlib.sha256(unmeasured(path.read_text(encoding="utf-8")).encode()).hexdigest()
    return file_digest(path)
