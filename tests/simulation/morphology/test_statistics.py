"""Every statistic against shapes of which the answer is known."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from tessera.data.fields import STATISTICS
from tessera.simulation.morphology.outlines import RoughPore, outline
from tessera.simulation.morphology.raster import coverage, trace
from tessera.simulation.morphology.statistics import measure, roughness

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def ellipse(diameter, aspect, angle, x, y):
    return outline(RoughPore(0, diameter, aspect, angle, 0.0, 0.4, x, y))


def dense(points, count=200):
    return np.concatenate(
        [a + np.arange(count)[:, None] / count * (b - a) for a, b in zip(points, np.roll(points, -1, 0), strict=True)]
    )


def test_two_ellipses_have_the_statistics_of_two_ellipses():
    """Diameters 2 and 4, aspect ratios 1.5 and 2.5, directions 20 and 40 degrees."""
    found = measure([ellipse(2.0, 1.5, math.radians(20.0), 0.0, 0.0), ellipse(4.0, 2.5, math.radians(40.0), 9.0, 0.0)])
    assert found.keys() == STATISTICS.keys()
    assert found["traced_pores"] == 2
    assert (found["diameter_mean"], found["diameter_deviation"]) == pytest.approx((3.0, 1.0), rel=1e-9)
    assert (found["aspect_ratio_mean"], found["aspect_ratio_deviation"]) == pytest.approx((2.0, 0.5), rel=1e-3)
    assert found["orientation"] == pytest.approx(math.radians(30.0), abs=1e-6)
    assert found["alignment"] == pytest.approx(math.cos(math.radians(20.0)), abs=1e-6)
    assert (found["roughness_mean"], found["roughness_deviation"]) == pytest.approx((0.0, 0.0), abs=1e-3)


def test_directions_without_a_sign_are_averaged_across_zero():
    found = measure([ellipse(1.0, 2.0, math.radians(angle), 0.0, 4.0 * angle) for angle in (170.0, 10.0)])
    assert min(found["orientation"], math.pi - found["orientation"]) == pytest.approx(0.0, abs=1e-6)
    assert found["alignment"] == pytest.approx(math.cos(math.radians(20.0)), abs=1e-6)


def test_gaps_are_those_of_the_nearest_neighbours():
    """Unit discs on a line at 0, 3 and 7: nearest gaps 1, 1 and 2."""
    found = measure([ellipse(2.0, 1.0, 0.0, x, 0.0) for x in (0.0, 3.0, 7.0)])
    assert found["gap_least"] == pytest.approx(1.0, abs=2e-3)
    assert found["gap_mean"] == pytest.approx(4.0 / 3.0, abs=2e-3)


def test_gaps_are_not_those_of_circles():
    """Upright needles, 0.4 wide and 1.6 long, side by side."""
    found = measure([ellipse(0.8, 4.0, 0.5 * math.pi, x, 0.0) for x in (0.0, 0.6)])
    assert found["gap_least"] == pytest.approx(0.2, abs=2e-3)


def test_discs_have_no_direction_and_one_pore_has_no_gap():
    found = measure([ellipse(2.0, 1.0, 0.0, 0.0, 0.0)])
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "orientation",
        "alignment",
        "gap_mean",
        "gap_least",
    }


def test_no_pore_has_nothing():
    found = measure([])
    assert found.pop("traced_pores") == 0
    assert all(map(math.isnan, found.values()))


def test_the_roughness_of_a_square_is_known():
    """On the ellipse of equal moments, a circle, ln radius is -ln cos φ and a constant, for |φ| up to π / 4."""
    first, second = (quad(lambda angle, n=n: (-math.log(math.cos(angle))) ** n, 0.0, math.pi / 4.0)[0] for n in (1, 2))
    first, second = (each / (math.pi / 4.0) for each in (first, second))
    assert roughness(dense(SQUARE)) == pytest.approx(math.sqrt(second - first**2), rel=1e-3)
    slanted = dense(SQUARE * [3.0, 1.0]) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    assert roughness(slanted) == pytest.approx(math.sqrt(second - first**2), rel=0.02)


@pytest.mark.parametrize("asked", [0.05, 0.1, 0.2])
def test_the_roughness_that_is_measured_is_that_of_the_outline(asked):
    found = [roughness(outline(RoughPore(seed, 2.0, 2.5, 0.4, asked, 0.3))) for seed in range(40)]
    assert np.mean(found) == pytest.approx(asked, rel=0.1)


def test_what_is_traced_from_cells_has_the_statistics_of_the_outlines():
    shapes = [
        outline(RoughPore(seed, 3.0, 2.0, 0.5, 0.1, 0.6, 5.0 + 7.0 * seed, 5.0 + 4.0 * (seed % 2))) for seed in range(4)
    ]
    measured = measure(trace(coverage(shapes, (140, 320), 0.1), 0.1))
    for name, true in measure(shapes).items():
        assert measured[name] == pytest.approx(true, rel=0.02, abs=0.01), name
