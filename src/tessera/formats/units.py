"""Units by name, with pint: what CF, papers and people write, turned into SI."""

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pint

from tessera.errors import DataError

LONGEST = 60  # of a text that can be a unit
# Names with small powers, one after another: pint would also compute what stands there, however large.
_TERM = r"(?:1|[A-Za-zµμ°%Å_]+(?:(?:\*\*|\^)?[+-]?\d{1,2})?)"
_UNIT = re.compile(rf"{_TERM}(?:(?: *[*/·] *| +){_TERM})*")
_POWER = re.compile(r"(?<=[A-Za-zµ])\^?([+-]?\d+)")  # CF writes m s-1 where pint wants m s**-1


class Affine(NamedTuple):
    """Values in SI are factor * value + offset."""

    factor: float
    offset: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return the values in SI, in their own precision."""
        return values if self == (1.0, 0.0) else values * self.factor + self.offset


@cache
def _registry() -> Any:
    found: Any = pint.UnitRegistry(
        preprocessors=[lambda text: _POWER.sub(r"**\1", text)], autoconvert_offset_to_baseunit=True
    )
    return found


def conversion(units: str, target: str, where: str) -> Affine:
    """Return how values in some unit become values in another.

    Raises
    ------
    DataError
        The unit is not known, or is one of something else.
    """
    ours = _parsed(target, where)
    theirs = _parsed(units, where)
    if theirs.dimensionality != ours.dimensionality:
        raise DataError(f"{where}: expected a unit of the kind of {target!r}, got {units!r}")
    zero, one = (float(_registry().Quantity(value, theirs).to(ours).magnitude) for value in (0.0, 1.0))
    return Affine(one - zero, zero)


def quantity(text: str, target: str, where: str) -> float:
    """Return a number with its unit, such as `"52 nm"`, in the target unit.

    Raises
    ------
    DataError
        The text is not a number and a unit of this kind.
    """
    parts = re.fullmatch(r"\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s*([^-+.\d\s].*)", text)
    try:
        value = float(parts.group(1)) if parts else None
    except ValueError:
        value = None
    if parts is None or value is None or not np.isfinite(value):
        raise DataError(f"{where}: expected a number and a unit of the kind of {target!r}, got {text!r}")
    known = conversion(parts.group(2), target, where)
    return float(f"{known.factor * value + known.offset:.15g}")  # as written, without the noise of the factor


def same(one: str, other: str) -> bool:
    """Return whether two units mean the same."""
    try:
        known = conversion(one, other, "units")
    except DataError:
        return False
    return bool(np.isclose(known.factor, 1.0, rtol=1e-12) and known.offset == 0.0)


def _parsed(units: str, where: str) -> Any:
    text = units.strip()
    if text == "1":
        text = "dimensionless"
    try:
        if len(text) > LONGEST or not _UNIT.fullmatch(text):
            raise ValueError("no unit")
        return _registry().parse_units(text)
    except Exception:  # pint raises what its parser meets, of many kinds
        raise DataError(f"{where}: expected the name of a unit, got {units[:LONGEST]!r}") from None
