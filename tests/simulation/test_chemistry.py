"""A cell that burns: against an exact integration, by time step, and within what it holds."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tessera.physics import eos, reaction
from tessera.simulation.chemistry import burn
from tests.simulation.flows import HMX, INERT, TARVER

RHO = 2370.0  # behind a shock of 9.4 GPa [kg/m3]
STEP = 5e-12  # of the flow at 35 nm per cell [s]


def start(T):
    return float(eos.energy_of_temperature(HMX, RHO, T)), 1.0, 0.0, 0.0


def burnt(T, duration, steps, kinetics=TARVER):
    """Return energy and shares after so many equal steps of the flow, in which nothing flows."""
    values = start(T)
    for _ in range(steps):
        values = burn(HMX, kinetics, RHO, *values, duration / steps)
    return np.array(values)


def exact(T, duration, at=None):
    """Return energy and shares by an implicit integration of the rates, to eight digits."""

    def rates(_, values):
        e, a, b, c = values
        T = eos.temperature(HMX, RHO, e)
        k1, k2, k3 = (
            np.exp(z - activation / (reaction.GAS_CONSTANT * T))
            for z, activation in zip(TARVER[:3], TARVER[3:6], strict=True)
        )
        heat = TARVER.heat1 * k1 * a + TARVER.heat2 * k2 * b + TARVER.heat3 * k3 * c * c
        return heat, -k1 * a, k1 * a - k2 * b, k2 * b - k3 * c * c

    path = solve_ivp(
        rates, (0.0, duration), start(T), method="LSODA", rtol=1e-9, atol=[1e-3, 1e-12, 1e-12, 1e-12], t_eval=at
    )
    assert path.success
    return path.y


@pytest.mark.parametrize("T", [1400.0, 1700.0, 2200.0])
def test_a_hot_cell_ignites_when_the_rates_say(T):
    """The time at which half of the heat is released, in steps of the flow, to five percent or one step."""
    times = np.geomspace(1e-12, 1e-6, 4000)
    energies = exact(T, times[-1], times)[0]
    half = 0.5 * (energies.min() + energies[-1])
    expected = times[np.argmax(energies > half)]
    step = min(STEP, expected / 50)
    values, spent = start(T), 0.0
    while values[0] < half:
        values = burn(HMX, TARVER, RHO, *values, step)
        spent += step
        assert spent < 2 * expected
    assert spent == pytest.approx(expected, rel=0.05, abs=step)


def test_finer_steps_converge_to_the_exact_burn():
    """The substeps freeze the temperature: first order in the step of the flow."""
    duration = 2e-10
    reference = exact(1900.0, duration)[:, -1]
    errors = [abs(burnt(1900.0, duration, steps)[0] - reference[0]) for steps in (250, 500, 1000, 2000)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert errors[0] < 0.02 * abs(reference[0] - start(1900.0)[0]), errors
    assert (orders > 0.9).all(), f"expected order 1, observed {orders} from {errors}"


@pytest.mark.parametrize(("T", "duration"), [(1700.0, 1e-10), (2000.0, 2e-10), (2500.0, 1e-10), (2500.0, 5e-10)])
def test_one_step_through_an_explosion_releases_what_many_do(T, duration):
    """To 4 % of the heat of reaction in the middle of the fastest burn, over twenty and more steps of a flow."""
    reference = exact(T, duration)[0, -1]
    assert burnt(T, duration, 1)[0] == pytest.approx(reference, abs=0.04 * 5.86e6)


def test_substeps_follow_an_explosion_within_one_step_of_the_flow():
    """In one call of a microsecond a cell burns to the end, and is as hot as its heat of reaction makes it."""
    before, after = start(1600.0), burnt(1600.0, 1e-6, 1)
    assert after[1:].sum() < 0.02
    assert after[0] - before[0] == pytest.approx(5.86e6, rel=0.02)
    assert 4000.0 < eos.temperature(HMX, RHO, after[0]) < 6000.0


@pytest.mark.parametrize("duration", [1e-13, 1e-11, 1e-9, 1e-6])
@pytest.mark.parametrize("T", [700.0, 1200.0, 2500.0, 5000.0])
def test_the_energy_of_a_cell_is_its_heat_of_reaction_at_any_step(T, duration):
    e, a, b, c = burnt(T, duration, 1)
    assert e - start(T)[0] == pytest.approx(float(reaction.released(TARVER, a, b, c)), rel=1e-9, abs=1e-3)
    assert min(a, b, c) >= 0.0
    assert a + b + c <= 1.0 + 1e-12


def test_the_decomposition_cools_before_it_heats():
    energies = exact(1400.0, 1e-6, np.geomspace(1e-12, 1e-6, 200))[0]
    assert energies.min() < start(1400.0)[0] < energies[-1]
    cooled = burnt(1400.0, 1e-11, 10)
    assert cooled[0] < start(1400.0)[0]


@pytest.mark.parametrize(("T", "kinetics"), [(599.0, TARVER), (4000.0, INERT)])
def test_cold_or_inert_matter_does_not_burn(T, kinetics):
    np.testing.assert_array_equal(burnt(T, 1e-6, 3, kinetics), start(T))
