"""What outputs cost, apart from them: a small JSON file in the folder `costs` beside each output.

No measured time stands in an output, so that equal runs give equal bytes. A record is written before its output
takes its place, so that an output has its record; it is lost at no harm, for a cost that is not known is told as that.
"""

import logging
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tessera.data import files
from tessera.errors import DataError

FOLDER = "costs"
log = logging.getLogger("tessera")


def place(out: Path) -> Path:
    """Return where the record of an output lies."""
    return out.parent / FOLDER / f"{out.stem}.json"


def write(out: Path, record: Mapping[str, Any]) -> None:
    """Write what an output cost, whole or not at all; numbers that are not known are left out."""
    known = {name: value for name, value in record.items() if not (isinstance(value, float) and math.isnan(value))}
    files.write_json(place(out), known)


def read(out: Path) -> dict[str, Any]:
    """Return what an output cost; nothing where that is not known."""
    path = place(out)
    if not path.is_file():
        return {}
    try:
        return files.read_json(path)
    except DataError as error:
        log.warning("%s; its costs are unknown", error)
        return {}


def number(record: Mapping[str, Any], name: str) -> float:
    """Return a number of a record; `nan` where it is not known."""
    value = record.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def numbers(record: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return the numbers of a record that stand under a name, by their own names; those that are known."""
    found = record.get(name)
    known = {str(key): number(found, key) for key in found} if isinstance(found, dict) else {}
    return {key: value for key, value in known.items() if not math.isnan(value)}


def total(outs: Iterable[Path], name: str) -> float:
    """Return the sum of a number over outputs; `nan` where one does not know it."""
    return sum((number(read(out), name) for out in outs), 0.0)
