"""From outlines to shares of cells and back: exact areas one way, contours at a half the other way."""

import math

import contourpy
import numpy as np

from tessera.physics.law import routine
from tessera.simulation.morphology.outlines import joined

ROUND_OFF = 1e-12  # of a share


def coverage(outlines: list[np.ndarray], cells: tuple[int, int], cell_size: float) -> np.ndarray:
    """Return the share of each cell (y, x) [1] that outlines cover, exact to round-off.

    The outlines [m] lie inside the box and do not overlap. Each edge adds, in every row that it crosses, its height
    to the cells on its right; sums along the rows are the covered areas.
    """
    accumulated = np.zeros((cells[0] + 1, cells[1] + 2))
    points, starts = joined(outlines)
    _accumulate(points / cell_size, starts, accumulated)
    share = np.cumsum(accumulated, axis=1)[: cells[0], : cells[1]]
    share[share < ROUND_OFF] = 0.0
    share[share > 1.0 - ROUND_OFF] = 1.0
    return share


def trace(share: np.ndarray, cell_size: float) -> list[np.ndarray]:
    """Return the outlines [m] of the pores in shares of cells (y, x), without the islands inside of them.

    They pass where linear interpolation between centres of cells gives a half; the border of the box cuts.
    """
    contours = contourpy.contour_generator(z=np.pad(share, 1), name="serial", fill_type=contourpy.FillType.OuterOffset)
    pores: list[np.ndarray]
    pores, starts = contours.filled(0.5, np.inf)  # type: ignore[misc,assignment]
    outer = (pore[: of_each[1] - 1] for pore, of_each in zip(pores, starts, strict=True))  # the last is the first
    return [(points - 0.5) * cell_size for points in outer]


@routine
def _accumulate(points, starts, accumulated):
    """Add the edges of outlines, in units of cells, to `accumulated` (y, x)."""
    for pore in range(starts.size - 1):
        first, last = starts[pore], starts[pore + 1]
        for vertex in range(first, last):
            following = vertex + 1 if vertex + 1 < last else first
            x0, y0 = points[vertex, 0], points[vertex, 1]
            x1, y1 = points[following, 0], points[following, 1]
            sign = -1.0  # an anticlockwise outline goes down on its left
            if y1 < y0:
                x0, y0, x1, y1, sign = x1, y1, x0, y0, 1.0
            if y1 == y0:
                continue
            slope = (x1 - x0) / (y1 - y0)
            row = math.floor(y0)
            low, at = y0, x0
            while low < y1:
                high = min(y1, row + 1.0)
                to = x1 if high == y1 else x0 + (high - y0) * slope
                _add_in_row(accumulated[row], at, to, sign * (high - low))
                low, at = high, to
                row += 1


@routine
def _add_in_row(line, x0, x1, height):
    """Add an edge that crosses a part `height` of a row between x0 and x1."""
    left, right = min(x0, x1), max(x0, x1)
    column = math.floor(left)
    if right <= column + 1.0:
        share = 0.5 * (left + right) - column
        line[column] += height * (1.0 - share)
        line[column + 1] += height * share
        return
    steep = height / (right - left)
    while left < right:
        end = min(right, column + 1.0)
        part = steep * (end - left)
        share = 0.5 * (left + end) - column
        line[column] += part * (1.0 - share)
        line[column + 1] += part * share
        left = end
        column += 1
