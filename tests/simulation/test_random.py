"""Random designs end valid, or with one line that names case, time and cell; none hangs, none writes a bad file.

`STORM=320 pytest tests/simulation/test_random.py` draws as many, over all laws; by default a few, of few laws, for each
law has to be compiled.
"""

import os
import re
import signal
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tessera.data import schema, store
from tessera.errors import ValidityError
from tessera.physics.strength import CURVES, Strength
from tessera.simulation import run
from tessera.simulation.design import design, solid_fraction
from tessera.simulation.loading import Flyer, Inflow, Piston, PressureHistory
from tessera.simulation.microstructure import Packing, SinglePore
from tessera.simulation.morphology import distributions, population
from tests.physics.materials import BIRCH, HMX, LINEAR, MIXTURE
from tests.simulation.flows import INERT, TARVER
from tests.simulation.test_laws import HENSON

STORM = int(os.environ.get("STORM", "0"))
LIMIT = 120  # seconds; a run takes one
CELLS = (32, 48)
SCALES = {"micro": 3.5e-8, "meso": 8.04e-8}
LAWS = (HMX, LINEAR, BIRCH, MIXTURE) if STORM else (HMX,)
KINETICS = (TARVER, HENSON, INERT) if STORM else (TARVER,)
MELTING = [make() for make in CURVES.values()] if STORM else [CURVES["kraut-kennedy"]()]
INVALID = re.compile(r"^case \d+: time [-+.\de]+ s, cell \(y, x\) = \(\d+, \d+\): expected .+")


def pores(draw, cell):
    """Return pores of any kind that a box of `CELLS` holds."""
    height = CELLS[0] * cell
    match draw(st.sampled_from(["single", "packing", "population"])):
        case "single":
            low = draw(st.floats(0.15, 0.3)) * height
            return SinglePore((low, low * draw(st.floats(1.0, 2.0))), (0.3, 0.6), (0.4, 0.6))
        case "packing":
            return Packing((0.02, 0.08), (6 * cell, 8 * cell), (8 * cell, 12 * cell), gap=4 * cell, inlet=4 * cell)
        case _:
            size = draw(st.floats(4.0, 9.0)) * cell
            return population.Population(
                porosity=(0.01, 0.08),
                tolerance=1.0,
                diameter=distributions.Uniform(low=size, high=1.5 * size),
                aspect=distributions.Uniform(low=1.0, high=draw(st.floats(1.0, 3.0))),
                orientation=distributions.AnyDirection(),
                roughness=distributions.Uniform(low=0.0, high=draw(st.floats(0.01, 0.3))),
                correlation=0.4,
                gap=cell,
                inlet=4 * cell,
                refuse=False,
            )


@st.composite
def cases(draw):
    """Return a design of one case and what `run.simulate` is told beside it."""
    cell = SCALES[draw(st.sampled_from([*SCALES]))]
    velocity = draw(st.floats(300.0, 3000.0))
    history = PressureHistory((0.0, 1e-10, 3e-10), tuple(draw(st.floats(0.0, 4e10)) + 1e6 for _ in range(3)))
    what = [Piston(velocity), Flyer(2.0 * velocity, 12 * cell), Inflow(velocity), history]
    law, kinetics = draw(st.sampled_from([*product(LAWS, KINETICS)]))
    if law is MIXTURE and kinetics is INERT:
        kinetics = TARVER
    strong = draw(st.booleans())
    more = {
        "law": law,
        "reaction": kinetics,
        "loading": draw(st.sampled_from(what)),
        "cell_size": cell,
        "interval": draw(st.floats(3e-11, 1.2e-10)) * cell / 3.5e-8,
        "refine": draw(st.sampled_from([1, 2])),
        "viscosity": draw(st.sampled_from([0.0, 0.02, 0.05])),
        "conductivity": draw(st.sampled_from([0.0, 0.5])),
        "strength": Strength(draw(st.floats(1e7, 1e9)), 10e9, draw(st.sampled_from(MELTING))) if strong else None,
        "spall": draw(st.sampled_from([0.0, 0.1e9, 1.0e9])),
        "sides": draw(st.sampled_from(["symmetric", "periodic", "open"])),
        "temperature": draw(st.sampled_from([None, 330.0])),
        "precision": draw(st.sampled_from(["float32", "float64"] if STORM else ["float32"])),
        "cfl": draw(st.sampled_from([0.4, 0.7, 0.9])),
    }
    return draw(st.integers(0, 2**31)), pores(draw, cell), more


@pytest.fixture
def clock():
    """Make a run that hangs an error."""

    def late(*_):
        raise TimeoutError(f"expected a run to end within {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    yield lambda: signal.alarm(LIMIT)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@settings(
    max_examples=STORM or 30,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(drawn=cases())
def test_a_random_design_ends_valid_or_in_one_line(drawn, clock, tmp_path_factory):
    seed, microstructure, more = drawn
    refine, cell = more["refine"], more["cell_size"]
    try:
        made = design(
            name="storm",
            seed=seed,
            cases=1,
            split={"train": 1, "validation": 0, "test": 0},
            cells=CELLS,
            cell_size=cell,
            snapshots=5,
            interval=more["interval"],
            refine=refine,
            particle_velocity=(1000.0, 1000.0),
            microstructure=microstructure,
        )
    except ValidityError as error:
        assert str(error).startswith("storm case 0: ")
        event("no place for its pores")
        return
    run.simulate(np.ones(CELLS), snapshots=2, **more | {"interval": 1e-15})  # compiled before the clock starts
    clock()
    path = tmp_path_factory.mktemp("storm") / "case.nc"
    try:
        found = run.simulate(solid_fraction(made.isel(case=0)), snapshots=5, **more)
    except ValidityError as error:
        assert INVALID.match(str(error)), str(error)
        assert "\n" not in str(error)
        event("one line")
        return
    finally:
        signal.alarm(0)
    store.save_netcdf(schema.describe(found), path)
    again = store.open_netcdf(path)
    for name in run.Fields._fields:
        values = again[name].values
        assert np.isfinite(values).all(), name
        assert values.shape == (5, CELLS[0] // refine, CELLS[1] // refine)
    assert again.temperature.min() >= 200.0
    assert again.pressure.min() >= -more["spall"] * 1.001
    assert again.microstructure.min() >= 0.0
    assert again.microstructure.max() <= 1.0
    total = again.total_energy[0] + again.inflow_energy + again.released_energy
    tolerance = 1e-11 if more["precision"] == "float64" else 2e-4
    np.testing.assert_allclose(again.total_energy, total, rtol=tolerance, atol=tolerance * float(total.max()))
    event(f"valid, {'strong' if more['strength'] else 'fluid'}")
