"""Hotspots one by one: connected regions of hot cells, how many there are, and which of two fields belong together."""

import numpy as np
from scipy import ndimage

DIAGONAL = np.ones((3, 3), dtype=bool)  # cells that touch at a corner belong together


def count(mask: np.ndarray) -> np.ndarray:
    """Return the number of connected regions of a mask, shape (..., y, x), as an array of the leading shape."""
    flat = mask.reshape(-1, *mask.shape[-2:])
    return np.array([_regions(one)[1] for one in flat], dtype="float64").reshape(mask.shape[:-2])


def matched_area_error(prediction: np.ndarray, truth: np.ndarray, cell_area: float) -> np.ndarray:
    """Return how much area of hotspots is wrong when they are compared one by one [m2].

    Regions of both masks that overlap, directly or by way of others, are one group. The error is the sum over the
    groups of the difference in area; a region without a partner counts whole.

    Parameters
    ----------
    prediction, truth
        Masks of equal shape (..., y, x).
    cell_area
        Area of one cell [m2].
    """
    ours, real = (mask.reshape(-1, *mask.shape[-2:]) for mask in (prediction, truth))
    cells = [_difference(one, other) for one, other in zip(ours, real, strict=True)]
    return np.array(cells, dtype="float64").reshape(prediction.shape[:-2]) * cell_area


def onset(area: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the time of the first snapshot with a hotspot [s], `nan` (undefined) where there is none.

    Parameters
    ----------
    area
        Hotspot area, shape (..., time).
    time
        Times of the snapshots [s].
    """
    hot = area > 0.0
    return np.where(hot.any(axis=-1), time[np.argmax(hot, axis=-1)], np.nan)


def _regions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    labels, number = ndimage.label(mask, structure=DIAGONAL)
    return labels, int(number)


def _difference(prediction: np.ndarray, truth: np.ndarray) -> int:
    """Return the sum over groups of the difference in cells; a group is a region of the union of both masks."""
    labels, number = _regions(prediction | truth)
    ours, real = (np.bincount(labels[mask], minlength=number + 1) for mask in (prediction, truth))
    return int(np.abs(ours - real).sum())
