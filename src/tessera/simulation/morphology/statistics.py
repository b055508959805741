"""What the pores of a case are like, measured on their outlines; nothing is copied from what was asked.

An outline that the border cuts counts as what is seen of it.
"""

import math
from collections.abc import Sequence

import numpy as np

from tessera.data.fields import STATISTICS
from tessera.simulation.morphology.gaps import nearest
from tessera.simulation.morphology.outlines import joined, moments

ROUND = 1.01  # aspect ratio below which an outline has no direction


def measure(outlines: Sequence[np.ndarray]) -> dict[str, float | int]:
    """Return the statistics of outlines (vertex, 2) [m], by the names of `STATISTICS`.

    Standard deviations are those of the pores themselves, not estimates for others. What no pore, or no second one,
    decides is undefined; outlines as round as `ROUND` have no direction.
    """
    found: dict[str, float | int] = dict.fromkeys(STATISTICS, math.nan) | {"traced_pores": len(outlines)}
    if not outlines:
        return found
    each = [moments(outline) for outline in outlines]
    diameters = np.sqrt([4.0 / math.pi * abs(one.area) for one in each])
    spectra = [np.linalg.eigh(one.covariance) for one in each]  # rising variances, directions as columns
    aspects = np.sqrt([variances[1] / variances[0] for variances, _ in spectra])
    axes = np.array([math.atan2(directions[1, 1], directions[0, 1]) for _, directions in spectra])
    roughnesses = np.array([roughness(outline) for outline in outlines])
    said: dict[str, np.floating] = {
        "diameter_mean": diameters.mean(),
        "diameter_deviation": diameters.std(),
        "aspect_ratio_mean": aspects.mean(),
        "aspect_ratio_deviation": aspects.std(),
        "roughness_mean": roughnesses.mean(),
        "roughness_deviation": roughnesses.std(),
    }
    if np.any(aspects >= ROUND):
        resultant = np.exp(2j * axes[aspects >= ROUND]).mean()
        said |= {"orientation": 0.5 * np.angle(resultant) % math.pi, "alignment": np.abs(resultant)}
    if len(outlines) > 1:
        gaps = neighbours(outlines)
        said |= {"gap_mean": gaps.mean(), "gap_least": gaps.min()}
    return found | {name: float(value) for name, value in said.items()}


def roughness(outline: np.ndarray) -> float:
    """Return the roughness of an outline [1]: 0 of an ellipse, whatever its length, width and direction.

    The ellipse of equal second moments is made a unit circle; of the outline's radius there, the standard deviation
    of the logarithm over the angle.
    """
    found = moments(outline)
    variances, directions = np.linalg.eigh(found.covariance)
    x, y = ((outline - found.centroid) @ directions / (2.0 * np.sqrt(variances))).T
    radius = np.log(np.hypot(x, y))
    angle = np.arctan2(y, x)
    turn = np.roll(angle, -1) - angle
    steps = np.abs((turn + math.pi) % (2.0 * math.pi) - math.pi)
    weights = 0.5 * (steps + np.roll(steps, 1))
    mean = np.average(radius, weights=weights)
    return math.sqrt(np.average((radius - mean) ** 2, weights=weights))


def neighbours(outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Return the distance of each outline to its nearest neighbour [m]; infinite where there is no other."""
    points, starts = joined(outlines)
    centres = np.array([outline.mean(axis=0) for outline in outlines])
    radii = [np.hypot(*(outline - centre).T).max() for outline, centre in zip(outlines, centres, strict=True)]
    return nearest(points, starts, centres, np.array(radii))
