"""The shock front: where it is, row by row, how fast it runs, how thick it is, and how far it overshoots."""

import numpy as np

SHARE = 0.5  # of the plateau, at which the front is read
EDGES = (0.1, 0.9)  # of the plateau, between which lies its thickness
REACH = 8  # cells behind the front in which an overshoot belongs to it


def positions(pressure: np.ndarray, plateau: float, x: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Return the position of the front in every row [m], `nan` (undefined) where there is none or it has left.

    It is the last crossing of a share of the plateau's pressure, between two cell centres by a straight line.

    Parameters
    ----------
    pressure
        [Pa], zero ahead of the front, shape (..., y, x).
    plateau
        Pressure behind the front [Pa].
    x
        Cell centres [m].
    share
        Part of the plateau [1].

    Returns
    -------
    Array (..., y).
    """
    above = pressure > share * plateau
    last = pressure.shape[-1] - 1 - np.argmax(above[..., ::-1], axis=-1)
    inside = above.any(axis=-1) & (last < pressure.shape[-1] - 1)
    here = np.minimum(last, pressure.shape[-1] - 2)[..., None]
    before, after = (np.take_along_axis(pressure, here + shift, axis=-1)[..., 0] for shift in (0, 1))
    fall = np.where(inside, before - after, 1.0)
    part = (before - share * plateau) / fall
    return np.where(inside, x[here[..., 0]] + part * (x[1] - x[0]), np.nan)


def bounded(position: np.ndarray, pressure: np.ndarray, plateau: float, x: np.ndarray) -> np.ndarray:
    """Return positions without gaps: the last cell where the front has left, the first where there is none."""
    behind = pressure[..., -1] > SHARE * plateau
    return np.where(np.isnan(position), np.where(behind, x[-1], x[0]), position)


def steepest(pressure: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return where the pressure falls most from one cell to the next, in every row [m], shape (..., y)."""
    drop = -np.diff(pressure, axis=-1)
    return x[np.argmax(drop, axis=-1)] + 0.5 * (x[1] - x[0])


def thickness(pressure: np.ndarray, plateau: float, x: np.ndarray) -> np.ndarray:
    """Return the thickness of the front, from 90 to 10 % of the plateau, the median over rows [m], shape (...).

    Rows whose front is not inside, or that stay below 90 % of the plateau, do not count; `nan` without any row.
    """
    ahead, behind = (positions(pressure, plateau, x, share) for share in EDGES)
    return _median(ahead - behind)


def overshoot(pressure: np.ndarray, plateau: float, x: np.ndarray) -> np.ndarray:
    """Return by what part of the plateau the pressure passes it just behind the front, the median over rows [1].

    Parameters
    ----------
    pressure, plateau, x
        As in `positions`.

    Returns
    -------
    Array (...), negative where the plateau is not reached within `REACH` cells, `nan` without a front inside.
    """
    place = positions(pressure, plateau, x)
    inside = ~np.isnan(place)
    cells = np.arange(pressure.shape[-1])
    last = np.where(inside, np.floor((np.where(inside, place, x[0]) - x[0]) / (x[1] - x[0]) + 1e-9), 0)[..., None]
    near = (cells <= last) & (cells > last - REACH)
    peak = np.where(near, pressure, -np.inf).max(axis=-1)
    return _median(np.where(inside, peak / plateau - 1.0, np.nan))


def plateau(pressure: np.ndarray) -> float:
    """Return the pressure behind the front of a case, the largest median over y of its snapshots (time, y, x)."""
    return float(np.median(pressure, axis=-2).max())


def speeds(position: np.ndarray, interval: float) -> np.ndarray:
    """Return the speed of the mean front between snapshots [m/s], shape (..., time - 1), from rows (..., time, y).

    Undefined where the front of a row is undefined at either end.
    """
    return np.diff(position.mean(axis=-1), axis=-1) / interval


def _median(values: np.ndarray) -> np.ndarray:
    """Return the median of the defined values along the last axis, `nan` where none is."""
    ordered = np.sort(values, axis=-1)  # undefined last
    count = (~np.isnan(values)).sum(axis=-1)
    places = [np.maximum(place, 0)[..., None] for place in ((count - 1) // 2, count // 2)]
    places[1] = np.minimum(places[1], values.shape[-1] - 1)
    low, high = (np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in places)
    return np.where(count > 0, 0.5 * (low + high), np.nan)
