"""Errors and hotspot quantities of plain arrays, and sums that add up in any order.

Threshold, cell area and time step are arguments, never constants: published hotspot figures differ in
all three. What does not exist is `nan`, read "undefined": the temperature of a hotspot where there is
none, a rate with an undefined end. Taken for 0 K it adds a spike of thousands of K/ns at every ignition and turns
the score of a rate into one of onset times; to compare with who does so, `empty` can ask for it.
A prediction that is not finite is infinitely wrong; it is not undefined, and so it cannot improve a mean.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

Empty = Literal["undefined", "zero"]


def rmse(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the root-mean-square error over the last two axes, y and x, in the fields' unit.

    Parameters
    ----------
    prediction, truth
        Fields of one unit; shapes (..., y, x) that broadcast.

    Returns
    -------
    Array of the leading shape; infinite where a prediction is not finite.
    """
    difference = np.asarray(prediction, dtype="float64") - np.asarray(truth, dtype="float64")
    found = np.sqrt(np.mean(np.square(difference), axis=(-2, -1)))
    return np.where(np.isnan(found), np.inf, found)


def vrmse(prediction: np.ndarray, truth: np.ndarray, floor: float) -> np.ndarray:
    """Return the error relative to the truth's deviation over y and x, sqrt(MSE / max(variance, floor)) [1].

    1 is the error of the truth's mean. Known as VRMSE from The Well (Ohana et al., arXiv:2412.00568).

    Parameters
    ----------
    prediction, truth
        Fields of one unit, shape (..., y, x).
    floor
        Least variance, in the unit squared, so that an early frame that hardly varies does not count for all.
    """
    variance = np.asarray(truth, dtype="float64").var(axis=(-2, -1))
    return rmse(prediction, truth) / np.sqrt(np.maximum(variance, floor))


def nrmse(prediction: np.ndarray, truth: np.ndarray, extent: float) -> np.ndarray:
    """Return the error relative to the range of the truth, RMSE / extent [1], over y and x.

    Parameters
    ----------
    prediction, truth
        Fields of one unit, shape (..., y, x).
    extent
        Largest less smallest value of the truth, of whatever counts as one, in the fields' unit.
    """
    return rmse(prediction, truth) / max(extent, float(np.finfo("float64").tiny))


def correlation(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation over y and x, shape (...).

    It is `nan` (undefined) where the truth is uniform, 0 where the prediction alone is, for then it knows nothing of
    the truth's pattern, and -1, the worst, where a prediction is not finite.
    """
    finite = _finite(prediction)
    ours, real = (
        field - field.mean(axis=(-2, -1), keepdims=True)
        for field in (np.where(finite[..., None, None], prediction, 0.0).astype("float64"), truth.astype("float64"))
    )
    mine, theirs = (np.sqrt(np.square(field).mean(axis=(-2, -1))) for field in (ours, real))
    size = mine * theirs
    found = np.where(size > 0.0, (ours * real).mean(axis=(-2, -1)) / np.where(size > 0.0, size, 1.0), 0.0)
    return np.where(theirs > 0.0, np.where(finite, found, -1.0), np.nan)


def survival(lost: np.ndarray) -> float:
    """Return the part of the steps (time,) before the first that is lost: 1 where none is, 0 where the first is."""
    return float(np.argmax(lost) / lost.size) if lost.any() else 1.0


def wasserstein(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the distance of the distributions of values over y and x, in the fields' unit.

    The Wasserstein distance of order one of equally many values: the mean distance of the sorted ones. Infinite where
    a prediction is not finite.
    """
    ours, real = (np.sort(field.reshape(*field.shape[:-2], -1), axis=-1) for field in (prediction, truth))
    finite = _finite(prediction)
    difference = np.abs(np.where(finite[..., None], ours, 0.0).astype("float64") - real)
    return np.where(finite, difference.mean(axis=-1), np.inf)


def quantile(field: np.ndarray, share: float) -> np.ndarray:
    """Return the value below which a share of the cells lies, of shape (...); infinite where one is not finite."""
    finite = _finite(field)
    kept = np.where(finite[..., None, None], field, 0.0).astype("float64")
    return np.where(finite, np.quantile(kept, share, axis=(-2, -1)), np.inf)


def hotspot_mask(temperature: np.ndarray, threshold: float) -> np.ndarray:
    """Return where the temperature [K] is above the threshold [K]; the threshold itself is not hot."""
    return np.asarray(temperature) > threshold


def hotspot_area(temperature: np.ndarray, threshold: float, cell_area: float) -> np.ndarray:
    """Return the area above the threshold [m2]; infinite where a temperature is not finite.

    Parameters
    ----------
    temperature
        [K], shape (..., y, x).
    threshold
        Lowest temperature that is not hot enough [K].
    cell_area
        Area of one cell [m2].
    """
    count = hotspot_mask(temperature, threshold).sum(axis=(-2, -1))
    return np.where(_finite(temperature), count * cell_area, np.inf)


def hotspot_temperature(temperature: np.ndarray, threshold: float, empty: Empty = "undefined") -> np.ndarray:
    """Return the mean temperature of the hotspot [K].

    Parameters
    ----------
    temperature
        [K], shape (..., y, x).
    threshold
        Lowest temperature that is not hot enough [K].
    empty
        What it is where there is no hotspot: `undefined` is `nan`, `zero` is 0 K, as several papers have it.

    Returns
    -------
    Array of the leading shape; infinite where a temperature is not finite.
    """
    hot = hotspot_mask(temperature, threshold)
    count = hot.sum(axis=(-2, -1))
    total = np.where(hot, np.asarray(temperature, dtype="float64"), 0.0).sum(axis=(-2, -1))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan if empty == "undefined" else 0.0)
    return np.where(_finite(temperature), mean, np.inf)


def pore_area(microstructure: np.ndarray, cell_area: float) -> np.ndarray:
    """Return the area of the pores [m2], the sum of (1 - solid fraction) cell_area over y and x."""
    finite = _finite(microstructure)
    solid = np.where(finite[..., None, None], microstructure, 1.0).astype("float64")
    return np.where(finite, (1.0 - solid).sum(axis=(-2, -1)) * cell_area, np.inf)


def rate(quantity: np.ndarray, interval: float) -> np.ndarray:
    """Return the forward difference of a quantity along its last axis, per second.

    Parameters
    ----------
    quantity
        Values at equal steps of time, shape (..., time).
    interval
        Time between two snapshots [s].

    Returns
    -------
    Array of shape (..., time - 1), one rate per interval and at its start: `nan` (undefined) where
    either end is undefined, infinite where an end is infinite.
    """
    first, second = quantity[..., :-1], quantity[..., 1:]
    lost = np.isinf(first) | np.isinf(second)
    change = (np.where(lost, 0.0, second) - np.where(lost, 0.0, first)) / interval
    return np.where(lost, np.inf, change)


def intersection_over_union(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the overlap of two masks over the last two axes [1], `nan` (undefined) where both are empty."""
    both = np.logical_and(prediction, truth).sum(axis=(-2, -1))
    either = np.logical_or(prediction, truth).sum(axis=(-2, -1))
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def mean_defined(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the mean of the defined values along an axis, `nan` where none is defined."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=axis)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def spread(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the standard deviation (n - 1) of the defined and finite values, `nan` with fewer than two."""
    values = np.where(np.isinf(values), np.nan, values)
    defined = ~np.isnan(values)
    count = defined.sum(axis=axis)
    centred = np.where(defined, values - np.expand_dims(mean_defined(values, axis), axis), 0.0)
    variance = np.square(centred).sum(axis=axis) / np.maximum(count - 1, 1)
    return np.where(count > 1, np.sqrt(variance), np.nan)


class Sums(NamedTuple):
    """What is kept of many values of one quantity: exact sums, so that parts add up in any order.

    Attributes
    ----------
    defined
        Number of defined and finite values.
    total, squares
        Their sum and the sum of their squares, as exact fractions.
    infinite, undefined
        Numbers of infinite and of undefined values.
    """

    defined: int
    total: Fraction
    squares: Fraction
    infinite: int
    undefined: int

    @property
    def mean(self) -> float:
        """Mean of the defined values: `nan` without one, infinite where one is infinite."""
        return self._of(lambda: float(self.total / self.defined))

    @property
    def root_mean_square(self) -> float:
        """Square root of the mean square of the defined values: `nan` without one, infinite where one is."""
        return self._of(lambda: math.sqrt(self.squares / self.defined))

    @property
    def std(self) -> float:
        """Standard deviation (n - 1) of the defined values, `nan` with fewer than two or an infinite one."""
        if self.defined < 2 or self.infinite:
            return math.nan
        return math.sqrt((self.squares - self.total**2 / self.defined) / (self.defined - 1))

    def _of(self, finite: Callable[[], float]) -> float:
        if self.infinite:
            return math.inf
        return finite() if self.defined else math.nan


def gather(values: Iterable[float]) -> Sums:
    """Return the sums of values; they are the same in any order, to the last bit."""
    numbers = [float(value) for value in values]
    exact = [Fraction(number) for number in numbers if math.isfinite(number)]
    undefined = sum(map(math.isnan, numbers))
    infinite = len(numbers) - len(exact) - undefined
    return Sums(len(exact), sum(exact, Fraction()), sum((n * n for n in exact), Fraction()), infinite, undefined)


def combine(parts: Iterable[Sums]) -> Sums:
    """Return the sums of all parts together, in any order."""
    defined, total, squares, infinite, undefined = 0, Fraction(), Fraction(), 0, 0
    for part in parts:
        defined, total, squares = defined + part.defined, total + part.total, squares + part.squares
        infinite, undefined = infinite + part.infinite, undefined + part.undefined
    return Sums(defined, total, squares, infinite, undefined)


def _finite(field: np.ndarray) -> np.ndarray:
    return np.isfinite(field).all(axis=(-2, -1))
