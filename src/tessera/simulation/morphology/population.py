"""A population of pores: sizes, shapes and directions from distributions, placed at random, never nearer than a gap.

Sizes are drawn until their areas add up to the porosity. Pores are placed largest first, each at the first of many
random places that is free (random sequential addition, Feder, J. Theor. Biol. 87 (1980) 237). Only so many are tried: a
box that is full is noticed in bounded time.
"""

import math
from typing import NamedTuple

import numpy as np

from tessera.errors import ValidityError
from tessera.simulation.morphology.distributions import Direction, Distribution
from tessera.simulation.morphology.gaps import Bins
from tessera.simulation.morphology.outlines import RoughPore, outline
from tessera.simulation.morphology.raster import coverage

TRIES, BATCH = 8192, 256  # places tried for one pore, places drawn at a time
BUDGET = 200  # places tried for all pores, per pore, beyond those of one
LAST = 64  # sizes drawn for the last pore
MOST = 100_000  # pores


class Population(NamedTuple):
    """Pores of given statistics.

    Attributes
    ----------
    porosity
        Range of the share of pores in `part` [1], one value drawn per case.
    tolerance
        By how much the porosity may be missed [1].
    diameter, aspect, roughness
        Distributions by number: of the diameter of the disc of equal area [m], of length over width [1], of the
        root mean square of the logarithm of the radius [1].
    orientation
        Distribution of the direction of the length [rad].
    correlation
        Angle over which the radius is correlated [rad].
    gap
        Least distance between two outlines, and twice that between an outline and the border [m].
    inlet
        Length free of pores at the left [m].
    refuse
        Whether a case that misses its porosity is an error; else it stays as it is.
    part
        Where pores are, ((x0, x1), (y0, y1)), as shares of the box [1]: a porous piece in a solid block.
    """

    porosity: tuple[float, float]
    tolerance: float
    diameter: Distribution
    aspect: Distribution
    orientation: Direction
    roughness: Distribution
    correlation: float
    gap: float
    inlet: float
    refuse: bool = True
    part: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))

    def draw(self, rng: np.random.Generator, cells: tuple[int, int], cell_size: float) -> tuple[list[RoughPore], float]:
        """Return the pores of a case, largest first, and the porosity [1] that was asked of the whole box.

        Raises
        ------
        ValidityError
            The pores found no room, or no sizes add up to the porosity; says what was reached and what is missing.
        """
        (left, right), (bottom, top) = self.part
        size = np.array([cells[1], cells[0]]) * cell_size
        start, stop = size * [left, bottom], size * [right, top]
        area, whole = float(np.prod(stop - start)), float(np.prod(size))
        porosity = rng.uniform(*self.porosity)
        sizes = self._sizes(rng, porosity * area)
        pores = [
            RoughPore._make([int(seed), *map(float, values), self.correlation, 0.0, 0.0])
            for seed, *values in zip(
                rng.integers(2**31, size=len(sizes)),
                sizes,
                self.aspect.draw(rng, len(sizes)),
                self.orientation.draw(rng, len(sizes)),
                self.roughness.draw(rng, len(sizes)),
                strict=True,
            )
        ]
        placed = self._placed(rng, pores, start, stop)
        reached = sum(math.pi / 4.0 * pore.diameter**2 for pore in placed) / area
        if self.refuse and abs(reached - porosity) > self.tolerance:
            without = len(pores) - len(placed)
            raise ValidityError(
                f"population: expected porosity {porosity:.4f} within {self.tolerance:g}, got {reached:.4f}: "
                f"{abs(porosity - reached):.4f} {'short' if reached < porosity else 'over'}, "
                f"{without} of {len(pores)} pores without room"
            )
        return placed, porosity * (area / whole)

    def _sizes(self, rng: np.random.Generator, area: float) -> np.ndarray:
        """Return diameters [m], largest first, whose discs add up to an area [m2] as nearly as the last ones can.

        They follow the distribution up to the first that is too large. Of the rest each is that of several that comes
        nearest, as long as one comes nearer than none.
        """
        sizes: list[float] = []
        while len(sizes) < MOST:
            for size in self.diameter.draw(rng, LAST):
                left = area - math.pi / 4.0 * size**2
                if left < 0.0:
                    break
                sizes.append(float(size))
                area = left
            else:
                continue
            while area > 0.0:
                last = self.diameter.draw(rng, LAST)
                missing = area - math.pi / 4.0 * last**2
                best = int(np.abs(missing).argmin())
                if abs(missing[best]) >= area:
                    break
                sizes.append(float(last[best]))
                area = missing[best]
            return np.sort(sizes)[::-1]
        raise ValidityError(f"population: expected at most {MOST} pores, got more; ask for larger ones")

    def _placed(
        self, rng: np.random.Generator, pores: list[RoughPore], start: np.ndarray, stop: np.ndarray
    ) -> list[RoughPore]:
        """Return the pores that found room between two corners (x, y) [m], with their centres."""
        if not pores:
            return []
        shapes = np.array([outline(pore) for pore in pores])
        reach = np.hypot(shapes[..., 0], shapes[..., 1]).max(axis=1)
        box = (float(stop[0]), float(stop[1]))
        bins = Bins(box, 2.0 * float(reach.mean()) + self.gap, np.zeros_like(shapes), self.gap)
        first = np.array([max(self.inlet, start[0] + 0.5 * self.gap), start[1] + 0.5 * self.gap])
        end = stop - 0.5 * self.gap
        placed: list[RoughPore] = []
        left = TRIES + BUDGET * len(pores)
        for pore, shape in zip(pores, shapes, strict=True):
            low, high = first - shape.min(axis=0), end - shape.max(axis=0)
            tries = min(TRIES, left) if (low <= high).all() else 0
            while tries > 0:
                centres = rng.uniform(low, high, (BATCH, 2))
                free = bins.first_free(shape, centres)
                spent = BATCH if free < 0 else free + 1
                tries, left = tries - spent, left - spent
                if free >= 0:
                    bins.place(len(placed), shape, centres[free])
                    x, y = centres[free]
                    placed.append(pore._replace(centre_x=float(x), centre_y=float(y)))
                    break
            else:
                if self.refuse:
                    break
        return placed


def share(pores: list[RoughPore], cells: tuple[int, int], cell_size: float) -> np.ndarray:
    """Return the share of pore in each cell (y, x) [1]."""
    return coverage([outline(pore) for pore in pores], cells, cell_size)
