"""Kinetics: rates of the source, shares that stay shares, heat that adds up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessera.physics import reaction
from tessera.physics.reaction import explosive, fragments, heating, intermediates, released

TARVER, HENSON, ONE_STEP = reaction.Tarver(), reaction.henson_smilowitz(), reaction.OneStep()
shares = st.floats(0.0, 1.0)


@pytest.mark.parametrize(
    ("T", "first", "second", "third"),
    [(1000.0, 4.3e9, 3.6e6, 5.6e4), (1500.0, 3.0e13, 5.9e9, 1.7e7), (2500.0, 3.5e16, 2.2e12, 1.7e9)],
)
def test_the_rates_are_those_of_the_source(T, first, second, third):
    dt = 1e-3
    assert -np.log(explosive(TARVER, T, 1.0, 0.0, 0.0, dt / first)) / (dt / first) == pytest.approx(first, rel=0.06)
    assert -np.log(fragments(TARVER, T, 0.0, 1.0, 0.0, dt / second)) / (dt / second) == pytest.approx(second, rel=0.06)
    left = intermediates(TARVER, T, 0.0, 0.0, 1.0, dt / third)
    assert (1.0 / left - 1.0) / (dt / third) == pytest.approx(third, rel=0.06)


@pytest.mark.parametrize("kinetics", [make() for make in reaction.REACTIONS.values()], ids=reaction.REACTIONS)
@settings(max_examples=80, deadline=None)
@given(T=st.floats(600.0, 6000.0), parts=st.tuples(shares, shares, shares, shares), log_dt=st.floats(-16, -6))
def test_shares_stay_shares(kinetics, T, parts, log_dt):
    a, b, c = (part / max(sum(parts), 1e-3) for part in parts[:3])
    dt = 10.0**log_dt
    after = [float(function(kinetics, T, a, b, c, dt)) for function in (explosive, fragments, intermediates)]
    assert min(after) >= 0.0
    assert sum(after) <= a + b + c + 1e-12
    assert after[0] <= a


def test_intermediates_converge_at_second_order():
    """The first two steps are solved exactly; the third is 1 / (1 + k t) without supply."""
    k = np.exp(TARVER.ln_z3 - TARVER.activation3 / (reaction.GAS_CONSTANT * 2500.0))
    errors = []
    for steps in (4, 8, 16):
        c = 1.0
        for _ in range(steps):
            c = float(intermediates(TARVER, 2500.0, 0.0, 0.0, c, 1.0 / k / steps))
        errors.append(abs(c - 0.5))
    assert np.log2(errors[1] / errors[2]) > 1.9, errors


def test_burning_everything_releases_the_heat_of_all_steps():
    assert released(TARVER, 0.0, 0.0, 0.0) == pytest.approx(5.86e6, rel=0.002)
    assert released(TARVER, 1.0, 0.0, 0.0) == 0.0
    assert released(TARVER, 0.0, 1.0, 0.0) < 0.0


def test_the_heating_is_the_rate_of_the_released_heat():
    T, a, b, c, dt = 1800.0, 0.3, 0.3, 0.3, 1e-18
    after = [function(TARVER, T, a, b, c, dt) for function in (explosive, fragments, intermediates)]
    rate = (released(TARVER, *after) - released(TARVER, a, b, c)) / dt
    assert heating(TARVER, T, a, b, c) == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize(
    ("T", "time"), [(1000.0, 10.9e-6), (1200.0, 549e-9), (1500.0, 27.7e-9), (2000.0, 1.4e-9), (2500.0, 0.23e-9)]
)
def test_the_global_rate_is_that_of_henson_and_smilowitz(T, time):
    assert explosive(HENSON, T, 1.0, 0.0, 0.0, time) == pytest.approx(np.exp(-1.0), rel=0.03)


@pytest.mark.parametrize(("T", "rate"), [(1000.0, 5.6e4), (1500.0, 1.7e7), (2500.0, 1.7e9)])
def test_the_one_step_is_as_fast_as_the_last_of_three(T, rate):
    assert heating(ONE_STEP, T, 1.0, 0.0, 0.0) == pytest.approx(5.86e6 * rate, rel=0.06)


@pytest.mark.parametrize("kinetics", [TARVER, HENSON, ONE_STEP], ids=["tarver", "henson-smilowitz", "one-step"])
def test_the_heating_is_the_rate_of_the_heat_and_all_heat_is_that_of_three_steps(kinetics):
    dt = 1e-6 * 5.86e6 / abs(heating(kinetics, 1500.0, 1.0, 0.0, 0.0))
    after = [function(kinetics, 1500.0, 1.0, 0.0, 0.0, dt) for function in (explosive, fragments, intermediates)]
    assert heating(kinetics, 1500.0, 1.0, 0.0, 0.0) == pytest.approx(released(kinetics, *after) / dt, rel=1e-2)
    assert released(kinetics, 0.0, 0.0, 0.0) == pytest.approx(5.86e6, rel=0.002)


def test_what_is_inert_does_nothing():
    inert = reaction.REACTIONS["inert"]()
    assert explosive(inert, 4000.0, 0.7, 0.2, 0.1, 1.0) == 0.7
    assert heating(inert, 4000.0, 0.7, 0.2, 0.1) == 0.0
