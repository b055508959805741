"""Integrals, roots and non-negative fits, against exact ones and those of scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from tessera.physics import eos
from tessera.physics.numerics import cumulative, nonnegative, root

numbers = st.floats(-3.0, 3.0)


def test_integrals_of_a_smooth_function_are_exact_to_the_last_digits():
    x = np.linspace(0.0, 4.0, 41)[1:]
    assert cumulative(np.exp, x) == pytest.approx(np.expm1(x), rel=1e-14)


@given(where=st.floats(0.01, 0.99), steep=st.floats(0.1, 300.0))
def test_a_root_is_found_to_the_last_digits(where, steep):
    assert root(lambda x: math.tanh(steep * (x - where)), 0.0, 1.0) == pytest.approx(where, rel=1e-14)


@given(power=st.integers(1, 9), where=st.floats(0.05, 0.95))
def test_a_root_is_where_scipy_finds_it(power, where):
    def function(x):
        return x**power - where

    found = optimize.brentq(function, 0.0, 1.0, xtol=1e-14)
    assert root(function, 0.0, 1.0, 1e-14) == pytest.approx(found, rel=0.0, abs=1e-13)


def test_a_root_costs_few_evaluations():
    calls = []

    def function(x):
        calls.append(x)
        return math.exp(x) - 3.0

    assert root(function, -20.0, 20.0) == pytest.approx(math.log(3.0), rel=1e-15)
    assert len(calls) < 25  # 57 by halving


@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, 3.0), (1.0, 1.0)])
def test_a_root_at_an_end_is_found(ends):
    assert root(lambda x: x - 1.0, *ends) == 1.0


def test_a_function_of_one_sign_has_no_root():
    with pytest.raises(ValueError, match="two signs at 0 and 1, got 1 and 2"):
        root(lambda x: x + 1.0, 0.0, 1.0)


terms_or_none = numbers.map(lambda x: x if abs(x) > 1e-100 else 0.0)  # coefficients of less are no numbers


@given(
    terms=st.lists(st.lists(terms_or_none, min_size=4, max_size=4), min_size=8, max_size=8), seed=st.integers(0, 2**16)
)
def test_a_non_negative_fit_is_as_near_as_that_of_scipy(terms, seed):
    terms, values = np.array(terms), np.random.default_rng(seed).normal(size=8)
    found = nonnegative(terms, values)
    _, distance = optimize.nnls(terms, values)
    assert (found >= 0.0).all()
    assert np.linalg.norm(terms @ found - values) == pytest.approx(distance, rel=1e-9, abs=1e-9)


def test_an_exact_non_negative_fit_is_found():
    terms = np.vander(np.linspace(0.1, 1.0, 30), 5)
    exact = np.array([0.0, 2.0, 0.0, 0.5, 3.0])
    assert nonnegative(terms, terms @ exact) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("slope", [1.3, 1.8, 2.058, 2.6])
def test_the_isentrope_of_a_linear_hugoniot_is_that_of_its_differential_equation(slope):
    """The fit itself follows the exact pressure to 0.1 %; by how much depends on the slope alone."""
    from scipy.integrate import solve_ivp

    density, speed, gruneisen = 1900.0, 2901.0, 1.1
    law = eos.linear_hugoniot(density, speed, slope, gruneisen, 300.0, 1650.0, 70.0)

    def shocked(x):
        return speed**2 * x / (1.0 - slope * x) ** 2

    def rise(x, e):
        return shocked(x) + gruneisen * (e - 0.5 * shocked(x) * x)

    x = np.linspace(0.0, 0.72 / slope, 50)[1:]
    e = solve_ivp(rise, (0.0, x[-1]), [0.0], t_eval=x, rtol=1e-11, atol=1e-6).y[0]
    assert eos.pressure(law, density / (1.0 - x), e) == pytest.approx(density * rise(x, e), rel=2e-3)
