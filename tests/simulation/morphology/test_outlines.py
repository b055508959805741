"""Outlines have the area, centroid and roughness that are asked; shares of cells are exact, and traced back."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessera.simulation.morphology.outlines import RoughPore, joined, moments, outline
from tessera.simulation.morphology.raster import coverage, trace

CELLS, CELL = (60, 80), 1.0e-7
pores = st.builds(
    RoughPore,
    shape_seed=st.integers(0, 2**31 - 1),
    diameter=st.floats(2e-7, 1.2e-6),
    aspect=st.floats(1.0, 4.0),
    angle=st.floats(0.0, math.pi),
    roughness=st.floats(0.0, 0.4),
    correlation=st.floats(0.15, 1.5),
    centre_x=st.floats(3e-6, 5e-6),
    centre_y=st.floats(2.7e-6, 3.3e-6),
)
SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def covariance(first, second, angle):
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return turn @ np.diag([first, second]) @ turn.T


def test_moments_of_a_rectangle():
    """Of sides 4 and 2: area 8, variances 16/12 and 4/12."""
    found = moments(SQUARE * [2.0, 1.0] + 100.0)
    assert found.area == pytest.approx(8.0)
    np.testing.assert_allclose(found.centroid, [102.0, 101.0])
    np.testing.assert_allclose(found.covariance, np.diag([16.0 / 12.0, 4.0 / 12.0]), atol=1e-9)
    assert moments(SQUARE[::-1]).area == pytest.approx(-4.0)


@settings(max_examples=60, deadline=None)
@given(pores)
def test_an_outline_has_its_area_and_centroid(pore):
    found = moments(outline(pore))
    assert found.area == pytest.approx(math.pi / 4.0 * pore.diameter**2, rel=1e-10, abs=0.0)
    np.testing.assert_allclose(found.centroid, [pore.centre_x, pore.centre_y], atol=1e-14)


@settings(max_examples=30, deadline=None)
@given(pores)
def test_a_smooth_outline_is_the_ellipse_of_its_aspect_and_angle(pore):
    found = moments(outline(pore._replace(roughness=0.0)))
    length, width = 0.5 * pore.diameter * math.sqrt(pore.aspect), 0.5 * pore.diameter / math.sqrt(pore.aspect)
    expected = covariance(length**2 / 4.0, width**2 / 4.0, pore.angle)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-3 * pore.diameter**2)


@settings(max_examples=30, deadline=None)
@given(pores, st.floats(0.0, 3.0))
def test_a_pore_that_is_turned_has_its_outline_turned(pore, angle):
    here = pore._replace(centre_x=0.0, centre_y=0.0)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = outline(here._replace(angle=here.angle + angle))
    np.testing.assert_allclose(turned, outline(here) @ turn, atol=1e-12 * pore.diameter)


def test_the_radius_has_the_roughness_and_correlation_that_are_asked():
    for correlation in (0.2, 0.6):
        pore = RoughPore(5, 2.0, 1.0, 0.0, 0.01, correlation)
        radius = np.log(np.hypot(*outline(pore).T))
        assert radius.std() == pytest.approx(0.01, rel=0.02)
    seeds = [RoughPore(seed, 2.0, 1.0, 0.0, 0.01, 0.2) for seed in range(300)]
    waves = np.mean([np.abs(np.fft.rfft(np.log(np.hypot(*outline(pore).T)))) ** 2 for pore in seeds], axis=0)
    assert waves[8] / waves[4] == pytest.approx(math.exp(-(64 - 16) * 0.2**2 / 2.0), rel=0.25)
    assert max(waves[1], waves[2]) < 1e-2 * waves[3]


def test_a_square_covers_the_parts_of_cells_that_it_covers():
    """From 1.25 to 3.25 along x and from 0.5 to 2.5 along y."""
    share = coverage([SQUARE + np.array([1.25, 0.5])], (4, 5), 1.0)
    rows, columns = [0.5, 1.0, 0.5, 0.0], [0.0, 0.75, 1.0, 0.25, 0.0]
    np.testing.assert_allclose(share, np.outer(rows, columns), atol=1e-12)


def test_a_triangle_covers_the_parts_of_cells_that_it_covers():
    """Below the line y = 2 - x / 2: of the second row, the first half of its two left cells' rectangle."""
    share = coverage([np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]])], (3, 5), 1.0)
    np.testing.assert_allclose(share[0], [1.0, 1.0, 0.75, 0.25, 0.0], atol=1e-12)
    np.testing.assert_allclose(share[1], [0.75, 0.25, 0.0, 0.0, 0.0], atol=1e-12)
    assert not share[2].any()


@settings(max_examples=60, deadline=None)
@given(pores)
def test_shares_of_cells_add_up_to_the_area(pore):
    share = coverage([outline(pore)], CELLS, CELL)
    assert share.sum() * CELL**2 == pytest.approx(math.pi / 4.0 * pore.diameter**2, rel=1e-9, abs=0.0)
    assert ((share >= 0.0) & (share <= 1.0)).all()


@settings(max_examples=40, deadline=None)
@given(pores, st.sampled_from(["x", "y", "both"]))
def test_a_mirrored_outline_covers_mirrored_cells(pore, axis):
    points, box = outline(pore), np.array([CELLS[1], CELLS[0]]) * CELL
    share = coverage([points], CELLS, CELL)
    if axis == "both":  # turned by half a turn
        mirrored, expected = box - points, share[::-1, ::-1]
    else:
        column = "xy".index(axis)
        mirrored = points[::-1].copy()
        mirrored[:, column] = box[column] - mirrored[:, column]
        expected = np.flip(share, 1 - column)
    np.testing.assert_allclose(coverage([mirrored], CELLS, CELL), expected, atol=1e-10)


def test_no_outline_covers_nothing():
    assert not coverage([], CELLS, CELL).any()
    assert trace(np.zeros(CELLS), CELL) == []
    assert joined([])[1].tolist() == [0]


@settings(max_examples=30, deadline=None)
@given(pores, st.floats(1.0e-6, 1.2e-6), st.floats(1.0, 2.0), st.floats(0.0, 0.2))
def test_a_pore_is_traced_from_its_shares_of_cells(pore, diameter, aspect, roughness):
    pore = pore._replace(diameter=diameter, aspect=aspect, roughness=roughness, correlation=0.5)
    (found,) = trace(coverage([outline(pore)], CELLS, CELL), CELL)
    measured, true = moments(found), moments(outline(pore))
    assert measured.area == pytest.approx(true.area, rel=0.05, abs=0.0)
    np.testing.assert_allclose(measured.centroid, true.centroid, atol=0.05 * CELL)


def test_islands_and_pores_at_the_border_are_traced_as_one_outline_each():
    share = np.zeros((12, 20))
    share[2:9, 2:9] = 1.0
    share[4:7, 4:7] = 0.0  # an island of solid
    share[:3, 15:] = 1.0  # a corner
    found = sorted((moments(each).area for each in trace(share, 1.0)), reverse=True)
    assert found == pytest.approx([49.0, 15.0], abs=1.0)
