"""The shock front: where it is, row by row, and how fast it runs."""

import numpy as np

SHARE = 0.5  # of the plateau, at which the front is read


def positions(pressure: np.ndarray, plateau: float, x: np.ndarray) -> np.ndarray:
    """Return the position of the front in every row [m], `nan` (undefined) where there is none or it has left.

    It is the last crossing of half the plateau's pressure, between two cell centres by a straight line.

    Parameters
    ----------
    pressure
        [Pa], zero ahead of the front, shape (..., y, x).
    plateau
        Pressure behind the front [Pa].
    x
        Cell centres [m].

    Returns
    -------
    Array (..., y).
    """
    above = pressure > SHARE * plateau
    last = pressure.shape[-1] - 1 - np.argmax(above[..., ::-1], axis=-1)
    inside = above.any(axis=-1) & (last < pressure.shape[-1] - 1)
    here = np.minimum(last, pressure.shape[-1] - 2)[..., None]
    before, after = (np.take_along_axis(pressure, here + shift, axis=-1)[..., 0] for shift in (0, 1))
    fall = np.where(inside, before - after, 1.0)
    share = (before - SHARE * plateau) / fall
    return np.where(inside, x[here[..., 0]] + share * (x[1] - x[0]), np.nan)


def bounded(position: np.ndarray, pressure: np.ndarray, plateau: float, x: np.ndarray) -> np.ndarray:
    """Return positions without gaps: the last cell where the front has left, the first where there is none."""
    behind = pressure[..., -1] > SHARE * plateau
    return np.where(np.isnan(position), np.where(behind, x[-1], x[0]), position)


def plateau(pressure: np.ndarray) -> float:
    """Return the pressure behind the front of a case, the largest median over y of its snapshots (time, y, x)."""
    return float(np.median(pressure, axis=-2).max())


def speeds(position: np.ndarray, interval: float) -> np.ndarray:
    """Return the speed of the mean front between snapshots [m/s], shape (..., time - 1), from rows (..., time, y).

    Undefined where the front of a row is undefined at either end.
    """
    return np.diff(position.mean(axis=-1), axis=-1) / interval
