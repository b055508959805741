"""A cell that burns: against an exact integration, by time step, and within what it holds."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tessera.physics import eos, reaction
from tessera.simulation.chemistry import burn
from tests.physics.materials import HMX, LINEAR, MIXTURE
from tests.simulation.flows import INERT, TARVER

HENSON, ONE_STEP = reaction.henson_smilowitz(), reaction.OneStep()
RHO = 2370.0  # behind a shock of 9.4 GPa [kg/m3]
STEP = 5e-12  # of the flow at 35 nm per cell [s]


def start(T, law=HMX):
    return float(eos.energy_of_temperature(law, RHO, T)), 1.0, 0.0, 0.0


def burnt(T, duration, steps, kinetics=TARVER, law=HMX):
    """Return energy and shares after so many equal steps of the flow, in which nothing flows."""
    values = start(T, law)
    for _ in range(steps):
        values = burn(law, kinetics, RHO, *values, duration / steps)
    return np.array(values)


def exact(T, duration, at=None, kinetics=TARVER, law=HMX):
    """Return energy and shares by an implicit integration of the rates, to eight digits."""

    def rates(_, values):
        e, a, b, c = values
        T = eos.temperature(eos.at_burnt(law, 1.0 - a - b - c), RHO, e)
        if isinstance(kinetics, reaction.OneStep):
            heat = float(reaction.heating(kinetics, T, a, b, c))
            return heat, -heat / kinetics.heat, 0.0, 0.0
        k1, k2, k3 = (
            np.exp(z - activation / (reaction.GAS_CONSTANT * T))
            for z, activation in zip(TARVER[:3], TARVER[3:6], strict=True)
        )
        heat = TARVER.heat1 * k1 * a + TARVER.heat2 * k2 * b + TARVER.heat3 * k3 * c * c
        return heat, -k1 * a, k1 * a - k2 * b, k2 * b - k3 * c * c

    path = solve_ivp(
        rates, (0.0, duration), start(T, law), method="LSODA", rtol=1e-9, atol=[1e-3, 1e-12, 1e-12, 1e-12], t_eval=at
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


CONSTANT = eos.IdealGas(specific_heat=1700.0)


@pytest.mark.parametrize(
    ("T", "expected"),
    [(1000.0, 13.7e-6), (1100.0, 0.62e-6), (1200.0, 55e-9), (1400.0, 2.1e-9), (1600.0, 0.48e-9), (2000.0, 0.14e-9)],
)
def test_adiabatic_explosions_take_as_long_as_computed_elsewhere(T, expected):
    """Time to 50 % of final gases at a heat capacity of 1700 J/kg/K, published to two digits."""
    step, spent, values = expected / 2000, 0.0, start(T, CONSTANT)
    while 1.0 - sum(values[1:]) < 0.5:
        values = burn(CONSTANT, TARVER, RHO, *values, step)
        spent += step
        assert spent < 2 * expected
    assert spent == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("kinetics", "T"), [(HENSON, 1500.0), (HENSON, 2000.0), (ONE_STEP, 1600.0), (ONE_STEP, 2200.0)]
)
def test_an_adiabatic_explosion_of_one_step_follows_its_integral(kinetics, T):
    """The time to half the heat is an integral over the share, dA / dt = -k(T(A)) A with e = e0 + heat (1 - A)."""
    a = np.linspace(1.0, 0.5, 20001)
    rate = reaction.heating(kinetics, T + kinetics.heat / 1700.0 * (1.0 - a), a, 0.0, 0.0) / kinetics.heat
    expected = np.trapezoid(1.0 / rate, 1.0 - a)
    step, spent, values = expected / 4000, 0.0, start(T, CONSTANT)
    while values[1] > 0.5:
        values = burn(CONSTANT, kinetics, RHO, *values, step)
        spent += step
        assert spent < 2 * expected
    assert spent == pytest.approx(expected, rel=0.01)


BURNING = {
    "tarver": (TARVER, HMX, 1900.0, 2e-10),
    "henson-smilowitz": (HENSON, HMX, 2200.0, 8e-11),
    "one-step": (ONE_STEP, HMX, 2200.0, 2e-10),
    "tarver to products": (TARVER, MIXTURE, 1900.0, 2e-10),
    "henson-smilowitz to products": (HENSON, MIXTURE, 2200.0, 1.1e-10),
}


@pytest.mark.parametrize(("kinetics", "law", "T", "duration"), BURNING.values(), ids=BURNING)
def test_finer_steps_converge_to_the_exact_burn(kinetics, law, T, duration):
    """The substeps freeze the temperature: first order in the step of the flow."""
    reference = exact(T, duration, kinetics=kinetics, law=law)[:, -1]
    errors = [abs(burnt(T, duration, steps, kinetics, law)[0] - reference[0]) for steps in (250, 500, 1000, 2000)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert errors[0] < 0.02 * abs(reference[0] - start(T, law)[0]), errors
    assert (orders > 0.85).all(), f"expected order 1, observed {orders} from {errors}"


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
@pytest.mark.parametrize(
    ("kinetics", "law"), [(TARVER, HMX), (HENSON, HMX), (ONE_STEP, LINEAR), (TARVER, MIXTURE), (HENSON, MIXTURE)]
)
def test_the_energy_of_a_cell_is_its_heat_of_reaction_at_any_step(T, duration, kinetics, law):
    e, a, b, c = burnt(T, duration, 1, kinetics, law)
    heat = float(reaction.released(kinetics, a, b, c))
    assert e - start(T, law)[0] == pytest.approx(heat, rel=1e-9, abs=1e-3)
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
