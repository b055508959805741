"""What a case of the verification finds: rows of numbers with their bounds, and what to draw.

All values are SI; a row names the unit in which the table shows it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

UNITS = {  # shown unit: its size in SI, the SI unit
    "": (1.0, "1"),
    "Pa": (1.0, "Pa"),
    "MPa": (1e6, "Pa"),
    "GPa": (1e9, "Pa"),
    "Mbar": (1e11, "Pa"),
    "m/s": (1.0, "m/s"),
    "km/s": (1e3, "m/s"),
    "cm/µs": (1e4, "m/s"),
    "kg/m³": (1.0, "kg/m3"),
    "g/cm³": (1e3, "kg/m3"),
    "cm": (1e-2, "m"),
    "µm": (1e-6, "m"),
    "µm²": (1e-12, "m2"),
    "s": (1.0, "s"),
    "µs": (1e-6, "s"),
    "ns": (1e-9, "s"),
    "K": (1.0, "K"),
}
RELATIVE, AT_LEAST, AT_MOST, TOLD = "relative", "at least", "at most", "told"


class Row(NamedTuple):
    """One number of a case.

    Attributes
    ----------
    quantity, unit
        What it is, and one of `UNITS`.
    got, expected
        Computed by the solver, and the exact or published value; SI.
    kind
        `RELATIVE`: the difference over the expected value is held to `bound`; `AT_LEAST`, `AT_MOST`: the value
        itself is; `TOLD`: reported without a bound.
    bound
        Of that kind.
    source
        Where the expected value comes from.
    """

    quantity: str
    unit: str
    got: float
    expected: float | None
    kind: str
    bound: float | None
    source: str

    @property
    def error(self) -> float | None:
        """The relative difference; for values held to a bound, the plain difference."""
        if self.expected is None:
            return None
        apart = self.got - self.expected
        relative = self.kind in (RELATIVE, TOLD) and self.expected != 0.0
        return apart / abs(self.expected) if relative else apart

    @property
    def passed(self) -> bool | None:
        """Whether the bound is kept; None without one. What is not a number keeps no bound."""
        if self.bound is None:
            return None
        if self.kind == RELATIVE:
            return self.error is not None and bool(abs(self.error) <= self.bound)
        return bool(self.got >= self.bound if self.kind == AT_LEAST else self.got <= self.bound)


def near(quantity: str, got: float, expected: float, within: float, unit: str, source: str) -> Row:
    """Hold a value to a relative distance from another."""
    return Row(quantity, unit, float(got), float(expected), RELATIVE, within, source)


def told(quantity: str, got: float, expected: float | None, unit: str, source: str) -> Row:
    """Report a value without a bound."""
    return Row(quantity, unit, float(got), expected if expected is None else float(expected), TOLD, None, source)


def at_most(quantity: str, got: float, most: float, unit: str, source: str) -> Row:
    """Hold a value that is zero in the exact solution below a bound."""
    return Row(quantity, unit, float(got), 0.0, AT_MOST, most, source)


def order(quantity: str, errors: list[float], expected: float, least: float, source: str) -> Row:
    """Hold the order at which errors fall, over all of a series that halves the cells, above a bound."""
    found = np.log2(errors[0] / errors[-1]) / (len(errors) - 1)
    return Row(quantity, "", float(found), expected, AT_LEAST, least, source)


class Curve(NamedTuple):
    """Values over x, in shown units; `exact` is drawn as a line below the others."""

    x: np.ndarray
    y: np.ndarray
    label: str
    exact: bool = False


class Panel(NamedTuple):
    """One panel of a figure: curves with their axes, both logarithmic or none."""

    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]
    logarithmic: bool = False


class Picture(NamedTuple):
    """One panel of a figure: a field (y, x) in shown units, with its size along x and y, and where x begins."""

    title: str
    values: np.ndarray
    size: tuple[float, float]
    length: str
    label: str
    colormap: str = "viridis"
    start: float = 0.0


class Found(NamedTuple):
    """What a case found: rows, panels of its figure, and sentences on what stands out."""

    rows: list[Row]
    panels: tuple[Panel | Picture, ...] = ()
    notes: tuple[str, ...] = ()


class Case(NamedTuple):
    """A case of the verification.

    Attributes
    ----------
    name, title
        For the command line, and for people.
    about
        What is computed, how, and what it is compared with; Markdown.
    solve
        Compute it.
    costly
        Whether it takes more than a few seconds.
    """

    name: str
    title: str
    about: str
    solve: Callable[[], Found]
    costly: bool = False
