"""Distributions: their bounds, and the moments that they are known for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from tessera.simulation.morphology.distributions import KINDS, AnyDirection, Lognormal, Quantiles, Uniform, VonMises

MANY = 40_000
EXAMPLES = {
    "uniform": Uniform(2.0, 5.0),
    "lognormal": Lognormal(1.0e-6, 0.4, 5.0e-7, 3.0e-6),
    "quantiles": Quantiles((0.0, 0.25, 1.0), (1.0, 2.0, 8.0)),
    "any": AnyDirection(),
    "von-mises": VonMises(0.4, 3.0),
}


def drawn(what, count=MANY, seed=0):
    return what.draw(np.random.default_rng(seed), count)


def test_every_kind_has_an_example():
    assert {name: type(what) for name, what in EXAMPLES.items()} == KINDS


@pytest.mark.parametrize("what", EXAMPLES.values(), ids=EXAMPLES)
def test_the_same_seed_draws_the_same_values(what):
    np.testing.assert_array_equal(drawn(what, 9), drawn(what, 9))
    assert (drawn(what, 9) != drawn(what, 9, seed=1)).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-9, 1e3), st.floats(0.01, 5.0), st.floats(1e-4, 1.0), st.floats(1.0, 1e4))
def test_a_lognormal_keeps_its_bounds_wherever_they_are(median, spread, low, high):
    values = drawn(Lognormal(median, spread, low * median, high * median), 200)
    assert (values >= low * median).all()
    assert (values <= high * median).all()


def test_a_lognormal_has_its_median_and_spread():
    values = np.log(drawn(Lognormal(2.0, 0.5, 1e-9, 1e9)))
    assert np.median(values) == pytest.approx(math.log(2.0), abs=0.01)
    assert values.std() == pytest.approx(0.5, rel=0.02)


def test_quantiles_are_those_that_were_given():
    values = drawn(EXAMPLES["quantiles"])
    assert (values < 2.0).mean() == pytest.approx(0.25, abs=0.01)
    assert (values < 5.0).mean() == pytest.approx(0.25 + 0.75 / 2.0, abs=0.01)
    assert values.min() >= 1.0
    assert values.max() <= 8.0


def test_directions_about_an_axis_have_the_known_alignment():
    """The mean of cos 2(angle - axis) is I1(κ) / I0(κ)."""
    angles = drawn(EXAMPLES["von-mises"])
    assert ((angles >= 0.0) & (angles <= math.pi)).all()
    assert np.cos(2.0 * (angles - 0.4)).mean() == pytest.approx(ive(1, 3.0) / ive(0, 3.0), abs=0.01)
    assert np.sin(2.0 * (angles - 0.4)).mean() == pytest.approx(0.0, abs=0.01)


def test_any_direction_has_none():
    assert abs(np.exp(2j * drawn(EXAMPLES["any"])).mean()) < 0.015
