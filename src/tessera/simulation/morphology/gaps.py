"""Distances between outlines, not between circles around them, and places that keep them.

Circles only save work: outlines are farther apart than the circles around them, and nearer than those inside.
"""

import math

import numpy as np

from tessera.physics.law import routine

MARGIN = 1e-3  # of a radius: how much farther than the gap is looked, so that outlines never touch


@routine
def distance(one, other, limit):
    """Return the least distance between two outlines (vertex, 2), 0 where they overlap, at most `limit`.

    It is attained at a vertex of one and an edge of the other, unless edges cross or one outline holds the other.
    """
    near_one, near_other = _near(one, other, limit), _near(other, one, limit)
    best = limit * limit
    for i in near_one:
        a, b = one[i], one[i + 1 if i + 1 < len(one) else 0]
        for j in near_other:
            c, d = other[j], other[j + 1 if j + 1 < len(other) else 0]
            if _side(a, b, c) * _side(a, b, d) < 0.0 and _side(c, d, a) * _side(c, d, b) < 0.0:
                return 0.0
            best = min(best, _squared(a, c, d), _squared(c, a, b))
    if _holds(one, other[0]) or _holds(other, one[0]):
        return 0.0
    return math.sqrt(best)


@routine
def nearest(points, starts, centres, radii):
    """Return the distance of each outline to its nearest neighbour; infinite where there is none.

    Parameters
    ----------
    points, starts
        Outlines, as `outlines.joined` puts them one after another.
    centres, radii
        (outline, 2), (outline): of circles around them.
    """
    count = starts.size - 1
    found = np.full(count, np.inf)
    apart = np.empty(count)
    for i in range(count):
        for j in range(count):
            gap = math.hypot(centres[i, 0] - centres[j, 0], centres[i, 1] - centres[j, 1]) - radii[i] - radii[j]
            apart[j] = np.inf if i == j else gap
        here = points[starts[i] : starts[i + 1]]
        while True:
            j = int(np.argmin(apart))
            if not apart[j] < found[i]:
                break
            largest = apart[j] + 2.0 * (radii[i] + radii[j])
            gap = distance(here, points[starts[j] : starts[j + 1]], min(found[i], largest))
            found[i] = min(found[i], gap)
            apart[j] = np.inf
    return found


class Bins:
    """Outlines that were placed in a box, and quick answers to which of them are close.

    Parameters
    ----------
    box
        Size (x, y) [m].
    width
        Of a bin [m]; each bin lists the outlines whose circle reaches into it.
    outlines
        (outline, vertex, 2): as they lie once placed; rows that are not placed yet are ignored.
    gap
        Least distance between two [m].
    """

    def __init__(self, box: tuple[float, float], width: float, outlines: np.ndarray, gap: float) -> None:
        self.outlines, self.gap, self.width = outlines, gap, width
        count = len(outlines)
        self._centres, self._radii = np.zeros((count, 2)), np.zeros((count, 2))
        self._heads = np.full((math.ceil(box[1] / width) + 1, math.ceil(box[0] / width) + 1), -1)
        self._links = np.zeros((16, 2), np.int64)  # (outline, next link of the bin)
        self._used = 0

    def first_free(self, outline: np.ndarray, centres: np.ndarray) -> int:
        """Return which centre (candidate, 2) [m] is the first where an outline around 0 is far from all; -1: none."""
        radii = circles(outline, np.zeros(2))
        return int(
            _first_free(
                outline,
                radii,
                centres,
                self.gap,
                self.outlines,
                self._centres,
                self._radii,
                self._heads,
                self._links,
                self.width,
            )
        )

    def place(self, number: int, outline: np.ndarray, centre: np.ndarray) -> None:
        """Put an outline around 0 at a centre (2) [m], as the row `number`."""
        self.outlines[number] = outline + centre
        self._centres[number], self._radii[number] = centre, circles(outline, np.zeros(2))
        rows, columns = _reached(centre, self._radii[number, 0], self.width, self._heads.shape)
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                if self._used == len(self._links):
                    self._links = np.concatenate([self._links, np.zeros_like(self._links)])
                self._links[self._used] = number, self._heads[row, column]
                self._heads[row, column] = self._used
                self._used += 1


def circles(outline: np.ndarray, centre: np.ndarray) -> tuple[float, float]:
    """Return the radii [m] about a point (2) of the circle around an outline and of the one inside it, or 0."""
    around = float(np.hypot(*(outline - centre).T).max())
    return around, float(_inside(outline, centre))


@routine
def _first_free(outline, radii, candidates, gap, placed, centres, circles_of, heads, links, width):
    around, inside = radii
    moved = np.empty_like(outline)
    for number in range(len(candidates)):
        x, y = candidates[number]
        moved[:, 0], moved[:, 1] = outline[:, 0] + x, outline[:, 1] + y
        rows, columns = _reached(candidates[number], around + gap, width, heads.shape)
        free = True
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                link = heads[row, column]
                while free and link >= 0:
                    other, link = links[link]
                    apart = math.hypot(centres[other, 0] - x, centres[other, 1] - y)
                    if apart < circles_of[other, 1] + inside + gap:
                        free = False
                    elif apart < circles_of[other, 0] + around + gap:
                        free = distance(moved, placed[other], gap + MARGIN * around) > gap
        if free:
            return number
    return -1


@routine
def _reached(centre, radius, width, shape):
    """Return the first and the end of the rows and of the columns of bins that a circle reaches."""
    rows = max(math.floor((centre[1] - radius) / width), 0), min(math.floor((centre[1] + radius) / width) + 1, shape[0])
    columns = (
        max(math.floor((centre[0] - radius) / width), 0),
        min(math.floor((centre[0] + radius) / width) + 1, shape[1]),
    )
    return rows, columns


@routine
def _near(one, other, limit):
    """Return which edges of an outline come as near as `limit` to a box around another, and perhaps a few more."""
    left, right = other[:, 0].min() - limit, other[:, 0].max() + limit
    low, high = other[:, 1].min() - limit, other[:, 1].max() + limit
    found, count = np.empty(len(one), np.int64), 0
    for i in range(len(one)):
        a, b = one[i], one[i + 1 if i + 1 < len(one) else 0]
        if max(a[0], b[0]) >= left and min(a[0], b[0]) <= right and max(a[1], b[1]) >= low and min(a[1], b[1]) <= high:
            found[count] = i
            count += 1
    return found[:count]


@routine
def _squared(point, start, end):
    """Return the squared distance of a point to an edge."""
    ex, ey = end[0] - start[0], end[1] - start[1]
    px, py = point[0] - start[0], point[1] - start[1]
    length = ex * ex + ey * ey
    along = min(max((px * ex + py * ey) / length, 0.0), 1.0) if length > 0.0 else 0.0
    dx, dy = px - along * ex, py - along * ey
    return dx * dx + dy * dy


@routine
def _side(start, end, point):
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


@routine
def _holds(outline, point):
    """Return whether a point lies inside an outline: a ray to the right crosses it an odd number of times."""
    inside = False
    for i in range(len(outline)):
        a, b = outline[i], outline[i + 1 if i + 1 < len(outline) else 0]
        crosses = (a[1] > point[1]) != (b[1] > point[1])
        if crosses and point[0] < a[0] + (point[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0]):
            inside = not inside
    return inside


@routine
def _inside(outline, centre):
    """Return the radius of the largest circle about a point inside an outline, 0 where the point is not."""
    if not _holds(outline, centre):
        return 0.0
    least = np.inf
    for i in range(len(outline)):
        least = min(least, _squared(centre, outline[i], outline[i + 1 if i + 1 < len(outline) else 0]))
    return math.sqrt(least)
