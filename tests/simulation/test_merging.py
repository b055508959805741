"""Cells without mass become thin matter of a neighbour, and nothing is lost; a flow that is nonsense stays nonsense."""

from pathlib import Path

import numpy as np
import pytest

from tessera.errors import ValidityError
from tessera.physics import eos, reaction
from tessera.simulation import grid
from tessera.simulation.design import solid_fraction
from tessera.simulation.flow import Flow
from tessera.simulation.merging import REACH, merge
from tessera.stages import ensembles
from tessera.study import load

CONFIG = Path(__file__).parents[2] / "config"
FLOOR = 0.1


def state(dtype=np.float64, rows=11):
    made = np.random.default_rng(5).uniform(0.5, 1.5, (rows, 12, 14)).astype(dtype)
    made[0] *= 1000.0
    return made


@pytest.mark.parametrize(("dtype", "within"), [(np.float32, 1e-6), (np.float64, 1e-15)])
@pytest.mark.parametrize("rows", [7, 11])
def test_a_cell_without_mass_copies_its_densest_neighbour_and_sums_stay(dtype, within, rows):
    before = state(dtype, rows)
    before[0, 6, 6], before[0, 5, 7] = -0.002, 3000.0
    after = before.copy()
    merge(after, 14, FLOOR)
    assert after[0, 6, 6] == pytest.approx(FLOOR, rel=1e-6)
    np.testing.assert_allclose(after[1:, 6, 6] / after[0, 6, 6], before[1:, 5, 7] / before[0, 5, 7], rtol=1e-6)
    np.testing.assert_allclose(after.sum(axis=(1, 2)), before.sum(axis=(1, 2)), rtol=10 * within)
    changed = np.argwhere((after != before).any(axis=0)).tolist()
    assert changed == [[5, 7], [6, 6]]


def test_in_a_wide_void_the_neighbour_is_sought_farther_away():
    before = state()
    before[:, 2:, :] = 0.0
    before[0, 2:, :] = 1e-4
    before[0, 2 + REACH - 1, 4] = -0.01
    after = before.copy()
    merge(after, 14, FLOOR)
    assert after[0].min() > 0.0
    np.testing.assert_allclose(after.sum(axis=(1, 2)), before.sum(axis=(1, 2)), rtol=1e-15)


def test_mirrored_cells_become_mirrored_ones():
    before = state()
    before[0, [3, 4], [2, 9]] = -0.001, 0.0
    mirrored = before[:, ::-1].copy()
    merge(before, 14, FLOOR)
    merge(mirrored, 14, FLOOR)
    np.testing.assert_array_equal(mirrored[:, ::-1], before)


@pytest.mark.parametrize(("value", "column"), [(-400.0, 6), (np.nan, 6), (-0.001, 13)], ids=["owes", "nan", "resting"])
def test_what_owes_too_much_or_is_no_number_or_rests_stays_as_it_is(value, column):
    before = state()
    before[0, 6, column] = value
    after = before.copy()
    merge(after, 13, FLOOR)
    np.testing.assert_array_equal(after, before)


def test_a_flow_whose_matter_is_gone_still_says_so():
    law = eos.mie_gruneisen(1900.0, 2901.0, 2.058, 1.1, 300.0)
    flow = Flow(
        grid.at_rest(np.ones((8, 16)), law, np.float64), law, reaction.Inert(), cell_size=1e-7, cfl=0.5, viscosity=0.0
    )
    flow.state[0, 3, 3] = -1900.0
    with pytest.raises(ValidityError, match="a positive density"):
        for _ in range(3):
            flow.advance(1e-9)


@pytest.mark.slow
def test_a_pore_whose_jet_empties_cells_runs_to_its_end(tmp_path):
    """Out of a collapse of this pore a cell is left with less than no mass after 1.3 ns."""
    study = load(
        [CONFIG / "config.yaml", CONFIG / "validation.yaml"], {"seed": 3, "material": {"reaction": {"kind": "inert"}}}
    )
    ensembles.draw_design(study, "micro", tmp_path / "design.nc")
    drawn = ensembles.open_design(study, "micro", tmp_path / "design.nc").sel(case=13)
    what = ensembles.simulated(study, "micro").model_copy(update={"snapshots": 9})
    short = study.model_copy(update={"ensembles": study.ensembles.model_copy(update={"micro": what})})
    case = ensembles.solved(short, "micro", drawn, solid_fraction(drawn), what.computed_cell_size, 1)
    assert float(case.time[-1]) > 1.31e-9
    assert np.isfinite(case.temperature.values).all()
