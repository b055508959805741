"""Integrals, roots and non-negative fits of which laws are made, to the last digits.

scipy has all of them, and takes a third of a second to import, a sixth of the start of a process that simulates.

References
----------
Chandrupatla, Advances in Engineering Software 28 (1997) 145, for the root; Lawson and Hanson, Solving Least Squares
Problems (1974), chapter 23, for the fit.
"""

from collections.abc import Callable

import numpy as np

POINTS = 8  # of Gauss and Legendre in each interval: exact for polynomials of degree 15
EPSILON = float(np.finfo(np.float64).eps)


def cumulative(integrand: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the integrals from zero to each of the points `x` (n,), which rise from above zero.

    Parameters
    ----------
    integrand
        Values of the shape of its argument, smooth on the scale of the distance between points.
    """
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    half = 0.5 * np.diff(x, prepend=0.0)
    inside = (x - half)[:, None] + half[:, None] * nodes
    return np.cumsum(half * (integrand(inside) @ weights))


def root(function: Callable[[float], float], low: float, high: float, tolerance: float = 0.0) -> float:
    """Return where a function of one variable crosses zero between two ends, to a tolerance or the last digits.

    Each step is one of inverse quadratic interpolation where that is known to shorten the interval, else it halves it.

    Raises
    ------
    ValueError
        The function has the same sign at both ends.
    """
    a, b = float(high), float(low)
    at_a, at_b = float(function(a)), float(function(b))
    if at_a * at_b > 0.0:
        raise ValueError(f"expected a function of two signs at {low:g} and {high:g}, got {at_b:g} and {at_a:g}")
    step = 0.5
    while at_a != 0.0 and at_b != 0.0:
        x = a + step * (b - a)
        at_x = float(function(x))
        if (at_x > 0.0) == (at_a > 0.0):
            c, at_c = a, at_a
        else:
            c, at_c, b, at_b = b, at_b, a, at_a
        a, at_a = x, at_x
        near = tolerance + 4.0 * EPSILON * max(abs(a), abs(b))
        if at_a == 0.0 or abs(b - a) <= 2.0 * near:
            break
        along, across = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
        if across**2 < along and (1.0 - across) ** 2 < 1.0 - along:
            step = at_a / (at_b - at_a) * at_c / (at_b - at_c)
            step += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        else:
            step = 0.5
        closest = near / abs(b - a)
        step = min(1.0 - closest, max(closest, step))
    return a if abs(at_a) <= abs(at_b) else b


def nonnegative(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the coefficients (k,), none below zero, whose sum of `terms` (n, k) is the nearest to `values` (n,)."""
    count = terms.shape[1]
    found, free = np.zeros(count), np.zeros(count, bool)
    least = 10.0 * EPSILON * count * np.abs(terms).sum(axis=0).max() * max(np.abs(values).max(), 1.0)
    for _ in range(3 * count):
        downhill = np.where(free, -np.inf, terms.T @ (values - terms @ found))
        if downhill.max() <= least:
            break
        free[downhill.argmax()] = True
        while True:
            best = np.zeros(count)
            best[free] = np.linalg.lstsq(terms[:, free], values, rcond=None)[0]
            below = free & (best <= 0.0)
            if not below.any():
                break
            share = (found[below] / (found[below] - best[below])).min()
            found = found + share * (best - found)
            free &= found > EPSILON * found.max()
            found[~free] = 0.0
        found = best
    return found


__all__ = ["cumulative", "nonnegative", "root"]
