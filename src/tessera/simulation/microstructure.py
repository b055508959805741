"""Pores of any shape, alone or packed: drawn from a seed, kept as a few numbers, rebuilt as solid fractions.

A shape is a level set of unit area scale: half of them ellipses whose radius is perturbed by Fourier modes,
half of them blobs, a disc's distance plus smoothed noise. `Pore` holds all that a shape needs.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tessera.errors import ValidityError

ELLIPSE, BLOB = 0, 1
SUPERSAMPLING = 4  # points per cell and direction that decide its share of pore
TRIES = 200  # shapes drawn before a range of diameters and centres is called impossible
ASPECT_SPREAD, LARGEST_ASPECT = 0.45, 4.0
ROUGHNESS = (0.05, 0.45)
MODES, DECAY = np.arange(2, 9), 1.3
NOISE_LENGTH = 0.35  # of a blob's noise, in radii
CANVAS, POINTS = 4.0, 193  # width of a level set in diameters, its points per direction


class Pore(NamedTuple):
    """A pore.

    Attributes
    ----------
    kind
        `ELLIPSE` or `BLOB`.
    shape_seed
        Seed of its perturbation.
    diameter
        Of the disc of equal area [m].
    aspect, angle, roughness
        Length over width [1], direction of its length [rad], strength of the perturbation [1].
    centre_x, centre_y
        [m].
    """

    kind: int
    shape_seed: int
    diameter: float
    aspect: float
    angle: float
    roughness: float
    centre_x: float = 0.0
    centre_y: float = 0.0


class SinglePore(NamedTuple):
    """One pore: ranges of its diameter [m], drawn log-uniformly, and of its centre as shares of the box [1]."""

    diameter: tuple[float, float]
    centre_x: tuple[float, float]
    centre_y: tuple[float, float]

    def draw(self, rng: np.random.Generator, cells: tuple[int, int], cell_size: float) -> list[Pore]:
        """Return the pore of a case.

        Raises
        ------
        ValidityError
            No pore of these ranges fits into the box.
        """
        ny, nx = cells
        for _ in range(TRIES):
            pore = _shape(rng, *self.diameter)._replace(
                centre_x=rng.uniform(*self.centre_x) * nx * cell_size,
                centre_y=rng.uniform(*self.centre_y) * ny * cell_size,
            )
            rows, columns, _ = patch(pore, cell_size)
            if rows.start > 0 and columns.start > 0 and rows.stop < ny and columns.stop < nx:
                return [pore]
        raise ValidityError(
            f"single-pore: expected a pore of {self.diameter[0]:g} to {self.diameter[1]:g} m inside a box of"
            f" {ny * cell_size:g} x {nx * cell_size:g} m, got none in {TRIES} draws"
        )


class Packing(NamedTuple):
    """Pores that do not touch, by random sequential addition, the largest first.

    Attributes
    ----------
    porosity
        Range of the share of pores [1], met to within half the smallest pore.
    smallest_diameter, largest_diameter
        Ranges of the least and largest diameter of a case [m]; diameters between are log-uniform.
    gap
        Least solid between two pores [m].
    inlet
        Length free of pores at the left [m].
    """

    porosity: tuple[float, float]
    smallest_diameter: tuple[float, float]
    largest_diameter: tuple[float, float]
    gap: float
    inlet: float

    def draw(self, rng: np.random.Generator, cells: tuple[int, int], cell_size: float) -> list[Pore]:
        """Return the pores of a case.

        Raises
        ------
        ValidityError
            The packing is full before it reaches its porosity; says by how much.
        """
        ny, nx = cells
        porosity = rng.uniform(*self.porosity)
        smallest = rng.uniform(*self.smallest_diameter)
        largest = max(rng.uniform(*self.largest_diameter), smallest)
        box = ny * nx * cell_size**2
        shapes = _fill(rng, porosity * box, smallest, largest)
        taken = np.zeros(cells, bool)
        taken[:, : math.ceil(self.inlet / cell_size)] = True
        placed: list[Pore] = []
        for pore in shapes:
            here = _place(rng, pore, taken, self.gap, cell_size)
            if here is None:
                got = sum(math.pi / 4.0 * done.diameter**2 for done in placed) / box
                raise ValidityError(
                    f"packing: expected porosity {porosity:.4f}, got {got:.4f}: no room for pore"
                    f" {len(placed) + 1} of {len(shapes)}, {porosity - got:.4f} short"
                )
            placed.append(here)
        return placed


def pore_fraction(pores: list[Pore], cells: tuple[int, int], cell_size: float) -> np.ndarray:
    """Return the share of pore in each cell (y, x) [1]."""
    share = np.zeros(cells)
    for pore in pores:
        rows, columns, covered = patch(pore, cell_size)
        inside = (
            slice(max(rows.start, 0), min(rows.stop, cells[0])),
            slice(max(columns.start, 0), min(columns.stop, cells[1])),
        )
        part = tuple(
            slice(kept.start - whole.start, kept.stop - whole.start)
            for kept, whole in zip(inside, (rows, columns), strict=True)
        )
        share[inside] += covered[part]
    return np.minimum(share, 1.0)


def patch(pore: Pore, cell_size: float) -> tuple[slice, slice, np.ndarray]:
    """Return the rows and columns of a grid that a pore touches, and its share of each cell [1].

    The cells may lie outside any box; none of them is empty on all of a side.
    """
    reach = 0.5 * CANVAS * pore.diameter
    bounds = []
    for centre in (pore.centre_y, pore.centre_x):
        bounds.append((math.floor((centre - reach) / cell_size), math.ceil((centre + reach) / cell_size)))
    (top, bottom), (first, last) = bounds
    y, x = (
        (start + (np.arange((stop - start) * SUPERSAMPLING) + 0.5) / SUPERSAMPLING) * cell_size
        for start, stop in bounds
    )
    spacing = CANVAS * pore.diameter / (POINTS - 1)
    at = np.meshgrid((y - pore.centre_y + reach) / spacing, (x - pore.centre_x + reach) / spacing, indexing="ij")
    inside = _ndimage().map_coordinates(_level_set(pore), at, order=1, mode="nearest") > 0.0
    shape = (bottom - top, SUPERSAMPLING, last - first, SUPERSAMPLING)
    share = inside.reshape(shape).mean(axis=(1, 3))
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    if rows.size == 0:
        return slice(top, top), slice(first, first), np.zeros((0, 0))
    kept = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return (
        slice(top + int(rows[0]), top + int(rows[-1]) + 1),
        slice(first + int(columns[0]), first + int(columns[-1]) + 1),
        share[kept],
    )


def _shape(rng: np.random.Generator, smallest: float, largest: float) -> Pore:
    """Draw a pore without a place."""
    return Pore(
        kind=int(rng.integers(2)),
        shape_seed=int(rng.integers(2**31)),
        diameter=float(math.exp(rng.uniform(math.log(smallest), math.log(largest)))),
        aspect=min(math.exp(abs(rng.normal(0.0, ASPECT_SPREAD))), LARGEST_ASPECT),
        angle=float(rng.uniform(0.0, math.pi)),
        roughness=float(rng.uniform(*ROUGHNESS)),
    )


def _fill(rng: np.random.Generator, area: float, smallest: float, largest: float) -> list[Pore]:
    """Draw pores until their areas [m2] add up, to within half the smallest; the largest first."""
    shapes: list[Pore] = []
    while area > 0.5 * math.pi / 4.0 * smallest**2:
        rest = max(math.sqrt(area * 4.0 / math.pi), smallest)
        shapes.append(_shape(rng, smallest, min(largest, rest)))
        area -= math.pi / 4.0 * shapes[-1].diameter ** 2
    return sorted(shapes, key=lambda pore: -pore.diameter)


def _place(rng: np.random.Generator, pore: Pore, taken: np.ndarray, gap: float, cell_size: float) -> Pore | None:
    """Return the pore at a place drawn from all that are free, and mark it with its gap; None if none is."""
    pore = pore._replace(centre_x=rng.uniform(0.0, cell_size), centre_y=rng.uniform(0.0, cell_size))
    rows, columns, share = patch(pore, cell_size)
    margin = math.ceil(gap / cell_size) + 1
    height, width = share.shape
    if height + 2 > taken.shape[0] or width + 2 > taken.shape[1]:
        return None
    from scipy.signal import fftconvolve  # a quarter of a second, which no simulation needs

    mask = (share > 0.0).astype(float)
    blocked = np.ones((taken.shape[0], taken.shape[1]), bool)
    blocked[1:-1, 1:-1] = taken[1:-1, 1:-1]
    clash = fftconvolve(blocked.astype(float), mask[::-1, ::-1], mode="valid")
    free = np.argwhere(clash < 0.5)
    if len(free) == 0:
        return None
    j, i = map(int, free[rng.integers(len(free))])
    around = np.pad(mask, margin) == 0.0
    near = _ndimage().distance_transform_edt(around) * cell_size <= gap + cell_size
    for row, column in np.argwhere(near):
        y, x = j + row - margin, i + column - margin
        if 0 <= y < taken.shape[0] and 0 <= x < taken.shape[1]:
            taken[y, x] = True
    return pore._replace(
        centre_x=pore.centre_x + (i - columns.start) * cell_size,
        centre_y=pore.centre_y + (j - rows.start) * cell_size,
    )


def _level_set(pore: Pore) -> np.ndarray:
    """Return values (y, x) that are positive inside the pore, one connected piece of the right area.

    The points span `CANVAS` diameters around the centre.
    """
    values = _raw_level_set(pore, 1.0)
    pieces, count = _ndimage().label(values > 0.0)
    sizes = np.bincount(pieces.ravel())[1:]
    if count == 0:
        return values
    area = sizes.max() * (CANVAS / (POINTS - 1)) ** 2
    values = _raw_level_set(pore, math.sqrt(area / (math.pi / 4.0)))
    pieces, count = _ndimage().label(values > 0.0)
    largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return np.where((pieces == largest) | (values <= 0.0), values, -values)


def _raw_level_set(pore: Pore, zoom: float) -> np.ndarray:
    """Return the shape's values with all lengths divided by `zoom`."""
    rng: Any = np.random.default_rng(pore.shape_seed)
    line = np.linspace(-0.5 * CANVAS, 0.5 * CANVAS, POINTS) * zoom
    y, x = np.meshgrid(line, line, indexing="ij")
    along = x * math.cos(pore.angle) + y * math.sin(pore.angle)
    across = y * math.cos(pore.angle) - x * math.sin(pore.angle)
    stretch = math.sqrt(pore.aspect)
    distance = 2.0 * np.hypot(along / stretch, across * stretch)
    if pore.kind == ELLIPSE:
        phases, sizes = rng.uniform(0.0, 2.0 * math.pi, MODES.size), rng.normal(0.0, 1.0, MODES.size)
        direction = np.arctan2(across * stretch, along / stretch)
        waves = sizes * MODES**-DECAY * np.cos(direction[..., None] * MODES + phases)
        return np.exp(pore.roughness * waves.sum(axis=-1)) - distance
    coarse = np.linspace(-0.5 * CANVAS, 0.5 * CANVAS, POINTS)
    width = 0.5 * NOISE_LENGTH / (coarse[1] - coarse[0])
    noise = _ndimage().gaussian_filter(rng.normal(0.0, 1.0, (POINTS, POINTS)), width, mode="wrap")
    noise /= noise.std()
    at = (np.stack([y, x]) / (coarse[1] - coarse[0])) + 0.5 * (POINTS - 1)
    return 1.0 + pore.roughness * _ndimage().map_coordinates(noise, at, order=1, mode="nearest") - distance


def _ndimage() -> Any:
    """Return the image module of scipy: a quarter of a second, for which other microstructures need not wait."""
    from scipy import ndimage

    return ndimage
