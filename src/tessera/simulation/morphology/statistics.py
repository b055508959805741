"""What the pores of a case are like, measured on their outlines; nothing is copied from what was asked.

An outline that the border cuts counts as what is seen of it.
"""

import math
from collections.abc import Sequence

import numpy as np

from tessera.data.fields import Field
from tessera.simulation.morphology.gaps import nearest
from tessera.simulation.morphology.outlines import joined, moments

STATISTICS = {
    "traced_pores": Field("number of outlines that were measured", "1"),
    "diameter_mean": Field("mean diameter of the disc of equal area", "m"),
    "diameter_deviation": Field("standard deviation of the diameter of the disc of equal area", "m"),
    "aspect_ratio_mean": Field("mean length over width of the ellipse of equal second moments", "1"),
    "aspect_ratio_deviation": Field("standard deviation of the aspect ratio", "1"),
    "orientation": Field("mean direction of the length, an axis without sign, from x", "rad"),
    "alignment": Field("mean of cos 2(direction - orientation): 0 any direction, 1 all the same", "1"),
    "roughness_mean": Field("mean root mean square of the logarithm of the radius over that of the ellipse", "1"),
    "roughness_deviation": Field("standard deviation of the roughness", "1"),
    "gap_mean": Field("mean distance between an outline and its nearest neighbour", "m"),
    "gap_least": Field("least distance between two outlines", "m"),
}


def measure(outlines: Sequence[np.ndarray]) -> dict[str, float]:
    """Return the statistics of outlines (vertex, 2) [m], by the names of `STATISTICS`.

    Standard deviations are those of the pores themselves, not estimates for others. What no pore, or no second one,
    decides is undefined.
    """
    found = dict.fromkeys(STATISTICS, math.nan) | {"traced_pores": float(len(outlines))}
    if not outlines:
        return found
    each = [moments(outline) for outline in outlines]
    diameters = np.sqrt([4.0 / math.pi * abs(one.area) for one in each])
    spectra = [np.linalg.eigh(one.covariance) for one in each]  # rising variances, directions as columns
    aspects = np.sqrt([variances[1] / variances[0] for variances, _ in spectra])
    axes = np.array([math.atan2(directions[1, 1], directions[0, 1]) for _, directions in spectra])
    roughnesses = np.array([roughness(outline) for outline in outlines])
    resultant = np.exp(2j * axes).mean()
    found |= {
        "diameter_mean": diameters.mean(),
        "diameter_deviation": diameters.std(),
        "aspect_ratio_mean": aspects.mean(),
        "aspect_ratio_deviation": aspects.std(),
        "orientation": 0.5 * float(np.angle(resultant)) % math.pi,
        "alignment": abs(resultant),
        "roughness_mean": roughnesses.mean(),
        "roughness_deviation": roughnesses.std(),
    }
    if len(outlines) > 1:
        gaps = neighbours(outlines)
        found |= {"gap_mean": gaps.mean(), "gap_least": gaps.min()}
    return {name: float(value) for name, value in found.items()}


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
