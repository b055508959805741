"""Distances between outlines: exact where the answer is known, and as dense samples of the outlines say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tessera.simulation.morphology.gaps import Bins, circles, distance, nearest
from tessera.simulation.morphology.outlines import RoughPore, joined, outline

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
PLUS = np.array([[-3, -1], [3, -1], [3, 1], [-3, 1]]) * 1.0


def moved(x, y):
    return SQUARE + np.array([x, y])


def between(one, other, limit=np.inf):
    return distance(one.astype(float), other.astype(float), limit)


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (moved(3.0, 0.0), 2.0),
        (moved(4.0, 5.0), 5.0),  # corner to corner, 3 and 4
        (moved(0.5, 0.5), 0.0),  # across
        (SQUARE * 0.2 + 0.4, 0.0),  # inside
        (SQUARE * 5.0 - 2.0, 0.0),  # around
    ],
)
def test_distances_between_squares_are_known(other, apart):
    assert between(SQUARE, other) == pytest.approx(apart)
    assert between(other, SQUARE) == pytest.approx(apart)
    assert between(SQUARE, other, 1.5) == pytest.approx(min(apart, 1.5))


def test_a_vertex_may_be_nearest_to_the_middle_of_an_edge():
    spike = np.array([[0.5, 1.25], [2.0, 4.0], [-1.0, 4.0]])
    assert between(SQUARE, spike) == pytest.approx(0.25)


def test_outlines_that_cross_without_a_vertex_inside_overlap():
    assert between(PLUS, PLUS[:, ::-1][::-1]) == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.0, 0.4), st.floats(1.0, 4.0), st.floats(0.0, 6.3), st.floats(1.0, 4.0))
def test_rough_outlines_are_as_far_apart_as_their_points(seed, roughness, aspect, angle, far):
    one = outline(RoughPore(seed, 2.0, aspect, angle, roughness, 0.3))
    other = outline(RoughPore(seed + 1, 1.5, 2.0, 0.3, roughness, 0.3, far * math.cos(angle), far * math.sin(angle)))
    found = between(one, other)
    dense = [np.concatenate([p + t * (np.roll(p, -1, 0) - p) for t in np.arange(8) / 8.0]) for p in (one, other)]
    sampled = cdist(*dense).min()
    assert found <= sampled + 1e-12
    assert found == 0.0 or found >= sampled - 0.05
    assert between(one, other, 0.7) == pytest.approx(min(found, 0.7))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_nearest_neighbour_is_that_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    pores = [
        RoughPore(int(rng.integers(99)), rng.uniform(0.1, 1.0), rng.uniform(1.0, 4.0), rng.uniform(0.0, 3.0), 0.2, 0.4)
        for _ in range(12)
    ]
    outlines = [outline(pore) + rng.uniform(0.0, 8.0, 2) for pore in pores]
    centres = np.array([each.mean(axis=0) for each in outlines])
    radii = np.array([circles(each, centre)[0] for each, centre in zip(outlines, centres, strict=True)])
    found = nearest(*joined(outlines), centres, radii)
    pairs = [[np.inf if i == j else between(a, b) for j, b in enumerate(outlines)] for i, a in enumerate(outlines)]
    np.testing.assert_allclose(found, np.min(pairs, axis=1), atol=1e-12)


def test_one_outline_has_no_neighbour():
    assert nearest(*joined([SQUARE]), np.array([[0.5, 0.5]]), np.array([0.8])).tolist() == [np.inf]


def test_circles_hold_the_outline_and_are_held_by_it():
    assert circles(SQUARE, np.array([0.5, 0.5])) == pytest.approx((math.sqrt(0.5), 0.5))
    assert circles(SQUARE, np.array([2.0, 0.5]))[1] == 0.0


@settings(max_examples=20, deadline=None)
@given(st.floats(0.02, 2.0), st.integers(0, 2**31 - 1))
def test_bins_of_any_width_find_the_place_that_all_pairs_find(width, seed):
    rng = np.random.default_rng(seed)
    placed = [outline(RoughPore(k, rng.uniform(0.2, 1.5), 2.0, rng.uniform(0.0, 3.0), 0.2, 0.4)) for k in range(10)]
    bins = Bins((6.0, 5.0), width, np.zeros((10, *placed[0].shape)), gap=0.15)
    centres = rng.uniform([1.0, 1.0], [5.0, 4.0], (10, 2))
    for number, (each, centre) in enumerate(zip(placed, centres, strict=True)):
        bins.place(number, each, centre)
    new, tried = outline(RoughPore(77, 0.6, 1.5, 1.0, 0.2, 0.4)), rng.uniform([0.5, 0.5], [5.5, 4.5], (60, 2))
    free = [
        all(between(new + place, each + centre) > 0.15 for each, centre in zip(placed, centres, strict=True))
        for place in tried
    ]
    assert bins.first_free(new, tried) == (free.index(True) if any(free) else -1)
