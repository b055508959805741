"""Distributions by number from which sizes, aspect ratios, strengths of roughness and directions are drawn.

Each is its parameters and a method `draw(rng, count)`; those of sizes and shapes have bounds `low` and `high`.
"""

import math
from typing import NamedTuple

import numpy as np


class Uniform(NamedTuple):
    """Every value from `low` to `high` alike; one value where both are equal."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return values (count,)."""
        return rng.uniform(self.low, self.high, count)


class Lognormal(NamedTuple):
    """Lognormal of a median and a standard deviation `spread` of the logarithm [1], cut off at `low` and `high`."""

    median: float
    spread: float
    low: float
    high: float

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return values (count,), by the inverse of the distribution function between the bounds."""
        from scipy.special import ndtr, ndtri  # a tenth of a second, which no simulation needs

        ends = ndtr(np.log(np.array([self.low, self.high]) / self.median) / self.spread)
        shares = ends[0] + (ends[1] - ends[0]) * rng.random(count)
        values = self.median * np.exp(self.spread * ndtri(shares))
        return np.clip(values, self.low, self.high)


class Quantiles(NamedTuple):
    """As measured: the share of values below each of some, linear between them.

    Attributes
    ----------
    shares
        Rising from 0 to 1.
    values
        Below which each share lies, not falling.
    """

    shares: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def low(self) -> float:
        """Least value."""
        return self.values[0]

    @property
    def high(self) -> float:
        """Largest value."""
        return self.values[-1]

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return values (count,)."""
        return np.interp(rng.random(count), self.shares, self.values)


class AnyDirection(NamedTuple):
    """Every direction alike."""

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return angles (count,) from 0 to pi [rad]."""
        return rng.uniform(0.0, math.pi, count)


class VonMises(NamedTuple):
    """Directions about an axis, which has no sign: twice the angle follows von Mises.

    Attributes
    ----------
    axis
        Angle from x [rad].
    concentration
        κ of von Mises [1]; the alignment, the mean of cos 2(angle - axis), is I1(κ) / I0(κ).
    """

    axis: float
    concentration: float

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return angles (count,) from 0 to pi [rad]."""
        return (self.axis + 0.5 * rng.vonmises(0.0, self.concentration, count)) % math.pi


Distribution = Uniform | Lognormal | Quantiles
Direction = AnyDirection | VonMises

KINDS = {
    "uniform": Uniform,
    "lognormal": Lognormal,
    "quantiles": Quantiles,
    "any": AnyDirection,
    "von-mises": VonMises,
}
