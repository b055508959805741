"""Outlines of pores: ellipses with a rough edge, kept as a few numbers, and polygons as measured or drawn.

A circle of radius exp(f(φ)) is scaled to its area, stretched along one direction and turned. f is a random Fourier
series; the spectrum decays as exp(-(n c)²/2), which is that of a Gaussian correlation of angle c. It starts at mode 3:
modes 1 and 2 would shift the pore and change its aspect ratio. Its root mean square is the roughness, exactly.
A polygon is an array (vertex, 2) of x and y [m], anticlockwise.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

VERTICES = 160
MODES = np.arange(3, 21)  # the shortest wave has eight vertices


class RoughPore(NamedTuple):
    """A pore.

    Attributes
    ----------
    shape_seed
        Seed of its roughness.
    diameter
        Of the disc of equal area [m].
    aspect, angle
        Length over width [1], direction of its length [rad].
    roughness, correlation
        Root mean square of the logarithm of the radius before it is stretched [1]; angle over which that is
        correlated [rad].
    centre_x, centre_y
        Centroid [m].
    """

    shape_seed: int
    diameter: float
    aspect: float
    angle: float
    roughness: float
    correlation: float
    centre_x: float = 0.0
    centre_y: float = 0.0


class Moments(NamedTuple):
    """Of a polygon: area [m2], centroid (x, y) [m], covariance of its points (2, 2) [m2]."""

    area: float
    centroid: np.ndarray
    covariance: np.ndarray


def outline(pore: RoughPore) -> np.ndarray:
    """Return the polygon (vertex, 2) [m] of a pore, which has its area and its centroid to round-off."""
    angle = 2.0 * math.pi * np.arange(VERTICES) / VERTICES
    radius = np.exp(pore.roughness * _series(pore, angle))
    stretch = math.sqrt(pore.aspect)
    points = np.stack([radius * np.cos(angle) * stretch, radius * np.sin(angle) / stretch], axis=1)
    found = moments(points)
    points = (points - found.centroid) * (0.5 * pore.diameter * math.sqrt(math.pi / found.area))
    cosine, sine = math.cos(pore.angle), math.sin(pore.angle)
    turned = points @ np.array([[cosine, sine], [-sine, cosine]])
    return turned + np.array([pore.centre_x, pore.centre_y])


def moments(points: np.ndarray) -> Moments:
    """Return area, centroid and covariance of a polygon, by Green's theorem; a clockwise one has a negative area."""
    origin = points.mean(axis=0)
    here = points - origin
    there = np.roll(here, -1, axis=0)
    cross = here[:, 0] * there[:, 1] - there[:, 0] * here[:, 1]
    area = 0.5 * cross.sum()
    centroid = ((here + there) * cross[:, None]).sum(axis=0) / (6.0 * area)
    second = np.empty((2, 2))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        products = 2.0 * (here[:, i] * here[:, j] + there[:, i] * there[:, j])
        products += here[:, i] * there[:, j] + there[:, i] * here[:, j]
        second[i, j] = (products * cross).sum() / (24.0 * area)
    return Moments(float(area), origin + centroid, second - np.outer(centroid, centroid))


def joined(outlines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return all vertices (vertex, 2) one after another, and where each outline begins and the last one ends."""
    starts = np.cumsum([0, *map(len, outlines)])
    return np.concatenate([np.zeros((0, 2)), *outlines]), starts


def _series(pore: RoughPore, angle: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(pore.shape_seed)
    decay = np.exp(-((MODES**2 - MODES[0] ** 2) * pore.correlation**2) / 4.0)
    cosines, sines = rng.normal(size=(2, MODES.size)) * decay
    strength = math.sqrt(0.5 * float((cosines**2 + sines**2).sum()))
    waves = MODES * angle[:, None]
    return (np.cos(waves) @ cosines + np.sin(waves) @ sines) / strength
