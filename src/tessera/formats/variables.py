"""Variables by name, whatever file they lie in: what a header says of one, and what its values mean.

Headers of others are not believed: `affordable` refuses what a file cannot hold before memory is asked for it, and
`told` turns whatever a library meets in a broken file into one line.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tessera.data.files import short
from tessera.errors import DataError

LARGEST = 2**30  # bytes that a variable, or a chunk of one, may always have
DENSEST = 1000  # how many times the bytes on disk it may have beyond that, for what compresses well
ATTRIBUTES = ("units", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")  # that matter
MOST_CHUNKS = 1_000_000  # of one case
LONGEST = 60  # characters of a text of others in a message


class Variable(NamedTuple):
    """What the header of a variable says.

    Attributes
    ----------
    dims
        Names of the dimensions, in the order of the file.
    shape
        Their sizes.
    dtype
        Plain numbers as they are stored, or text (kind `U`).
    attrs
        Those of `ATTRIBUTES` that the file has, and maybe others.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    attrs: dict[str, Any]


def affordable(shape: tuple[int, ...], itemsize: int, stored: Callable[[], int], where: str) -> None:
    """Refuse a shape that takes much more memory than there is on disk.

    Parameters
    ----------
    shape, itemsize
        Of what is going to be read: one case, a coordinate, a chunk.
    stored
        Gives the bytes on disk; asked only for large shapes.
    where
        What to call it in a message.

    Raises
    ------
    DataError
        It is larger than a GiB and than a thousand times what is stored.
    """
    wanted = math.prod(shape) * itemsize
    if wanted > LARGEST and wanted > DENSEST * (held := stored()):
        raise DataError(f"{where}: expected a size that fits {held} bytes on disk, got {_brief(shape)}, {wanted:.3g} B")


def decoded(values: np.ndarray, attrs: Mapping[str, Any], where: str) -> np.ndarray:
    """Return what stored numbers mean: scaled as their attributes say, and NaN where they say that there is none.

    Values without `scale_factor`, `add_offset` and missing ones come back as they are, in their own precision.

    Raises
    ------
    DataError
        An attribute is no number.
    """
    if str(attrs.get("_Unsigned", "")).lower() == "true" and values.dtype.kind == "i":
        values = values.view(values.dtype.str.replace("i", "u"))
    missing = np.zeros(values.shape, bool)
    fills = [_numbers(attrs[name], f"{where}: {name}") for name in ("_FillValue", "missing_value") if name in attrs]
    with np.errstate(all="ignore"):
        for fill in (each for several in fills for each in several):
            missing |= values == (fill.astype(values.dtype) if values.dtype.kind == "f" else fill)
    scale, offset = (
        _number(attrs[name], f"{where}: {name}") if name in attrs else None for name in ("scale_factor", "add_offset")
    )
    if scale is not None or offset is not None:
        with np.errstate(all="ignore"):  # what becomes infinite is refused as such
            values = values.astype("float64") * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)
    if missing.any():
        values = np.where(missing, np.nan, values if values.dtype.kind == "f" else values.astype("float64"))
    return values


def unit(variable: Variable, where: str) -> str | None:
    """Return the unit that a header says, or None.

    Raises
    ------
    DataError
        It is no text, or one too long for a unit.
    """
    found = variable.attrs.get("units")
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > LONGEST:
        raise DataError(f"{where}: units: expected the name of a unit, got {shown(found)}")
    return found


def tidy(value: float) -> float:
    """Return a number as it was written once, without the noise in its last digit that differences leave."""
    return float(f"{value:.15g}")


def shown(content: object, longest: int = LONGEST) -> str:
    """Return something of others for a message: short, printable, on one line."""
    text = content if isinstance(content, str) else str(content)
    return repr(text) if len(text) <= longest else f"{text[:longest]!r}..."


@contextmanager
def told(where: object, what: str) -> Iterator[None]:
    """Say in one line what a library met in a file: `where: expected what, got its words`."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a broken file makes libraries raise errors of many kinds
        raise DataError(f"{where}: expected {what}, got {shown(short(error))}") from None


def _numbers(said: object, where: str) -> np.ndarray:
    found = np.atleast_1d(np.asarray(said))
    if found.dtype.kind not in "fiu" or found.ndim > 1:
        raise DataError(f"{where}: expected a number, got {shown(said)}")
    return found


def _number(said: object, where: str) -> float:
    found = _numbers(said, where)
    if found.size != 1 or not np.isfinite(found).all():
        raise DataError(f"{where}: expected a finite number, got {shown(said)}")
    return float(found[0])


def _brief(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{size:.7g}" for size in shape)
