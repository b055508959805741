"""About the results of a study: whether a rerun gave the same numbers, and how far a run is."""

import json
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tessera.data import outputs
from tessera.errors import DataError
from tessera.evaluation import reproduction
from tessera.evaluation.reproduction import SAME, STATES, Finding


def reproduce(results: Path, against: Path | None, tolerance: float, as_json: bool) -> bool:
    """Tell which outputs of a results folder are the same as they should be.

    Parameters
    ----------
    results
        Folder of a study's results.
    against
        Another results folder, or a record of checksums; by default the record in the folder itself.
    tolerance
        Largest relative difference of values that counts as the same, between two folders.
    as_json
        Whether to tell it for machines.

    Returns
    -------
    Whether all outputs are the same, none is missing and none is there besides.

    Raises
    ------
    DataError
        There are no results, or nothing to compare them with.
    """
    _check(results)
    reference = against or results / outputs.RECORD
    if reference.is_dir():
        _check(reference)
        found = reproduction.against_results(results, reference, tolerance)
    else:
        found = reproduction.against_record(results, outputs.recorded(reference))
    same = all(finding.state in SAME for finding in found.values())
    if as_json:
        content = {name: {k: v for k, v in one._asdict().items() if v not in (None, "")} for name, one in found.items()}
        said = {"same": same, "against": str(reference), "tolerance": tolerance, "outputs": content}
        Console(soft_wrap=True).print_json(json.dumps(said))
    else:
        _show(found, results, reference, tolerance)
    return same


def _check(results: Path) -> None:
    """Refuse what is no folder of a study's results."""
    if not (results / outputs.STUDY).is_file():
        raise DataError(f"{results}: expected the results of a study with {outputs.STUDY}, found none")


def _show(found: dict[str, Finding], results: Path, reference: Path, tolerance: float) -> None:
    console, shown = Console(), Table(title=f"{results} against {reference}", title_justify="left")
    counts: dict[str, Counter[str]] = {}
    for name, finding in found.items():
        counts.setdefault(name.split("/")[0], Counter())[finding.state] += 1
    states = [state for state in STATES if any(count[state] for count in counts.values())]
    shown.add_column("outputs")
    for state in states:
        shown.add_column(state, justify="right")
    for folder, count in counts.items():
        shown.add_row(folder, *(str(count[state] or "") for state in states))
    console.print(shown)
    for name, finding in found.items():
        if finding.state != "equal":
            number = "" if finding.difference is None else f", relative difference {finding.difference:.2g}"
            why = f" ({finding.why})" if finding.why else ""
            console.print(f"{name}: {STATES[finding.state]}{number}{why}", soft_wrap=True, highlight=False)
    largest = max((one.difference for one in found.values() if one.difference is not None), default=0.0)
    same = all(finding.state in SAME for finding in found.values())
    verdict = "the same" if same else "not the same"
    said = f"{len(found)} outputs, {verdict}"
    if reference.is_dir():
        said += f"; largest relative difference {largest:.2g}, tolerance {tolerance:g}"
    console.print(said, soft_wrap=True, highlight=False)
