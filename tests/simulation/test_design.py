"""Designs: every case of its own seed, rebuilt from a few numbers, named where it fails."""

import numpy as np
import pytest

from tessera.data import store
from tessera.errors import ConfigError, ValidityError
from tessera.simulation import design as designs
from tessera.simulation.microstructure import Packing, pore_fraction

PACKING = Packing((0.03, 0.06), (7.2e-7, 9e-7), (1.5e-6, 2.0e-6), gap=2.0e-7, inlet=5.0e-7)
ASKED = {
    "name": "meso",
    "seed": 20,
    "cases": 6,
    "split": {"train": 2, "validation": 1, "test": 1},
    "cells": (80, 120),
    "cell_size": 1e-7,
    "snapshots": 5,
    "interval": 1e-10,
    "refine": 2,
    "particle_velocity": (800.0, 1200.0),
    "microstructure": PACKING,
}


@pytest.fixture(scope="module")
def drawn():
    return designs.design(**ASKED)


def test_each_case_has_its_own_pores_seed_and_velocity(drawn):
    assert dict(drawn.sizes)["case"] == 6
    assert len(set(drawn.seed.values.tolist())) == 6
    assert len(set(drawn.particle_velocity.values.tolist())) == 6
    assert ((drawn.particle_velocity >= 800.0) & (drawn.particle_velocity <= 1200.0)).all()


def test_cases_that_the_split_does_not_name_train(drawn):
    assert drawn.split.values.tolist() == ["train"] * 4 + ["validation", "test"]


def test_more_cases_leave_those_before_them_alone(drawn):
    more = designs.design(**ASKED | {"cases": 9})
    for case in range(6):
        assert designs.pores(more.sel(case=case)) == designs.pores(drawn.sel(case=case))
    assert more.seed.values[:6].tolist() == drawn.seed.values.tolist()
    np.testing.assert_array_equal(more.particle_velocity[:6], drawn.particle_velocity)


def test_a_packing_is_what_it_always_was(drawn):
    """Numbers of the first version: a study of then has the same pores now."""
    first = designs.pores(drawn.sel(case=0))[0]
    assert (len(designs.pores(drawn.sel(case=0))), first.kind, first.shape_seed) == (3, 0, 602058185)
    assert first[2:] == pytest.approx(
        (
            1.573404823807134e-06,
            1.5941226659576213,
            1.2098038424459554,
            0.40866119830331465,
            8.57625763160291e-06,
            3.4319528644223743e-06,
        ),
        rel=1e-12,
    )


@pytest.mark.parametrize("change", [{"seed": 21}, {"name": "micro"}])
def test_another_seed_or_name_draws_other_pores(drawn, change):
    other = designs.design(**ASKED | {"cases": 4} | change)
    assert designs.pores(other.sel(case=0)) != designs.pores(drawn.sel(case=0))


def test_a_stored_design_gives_the_very_pores_that_were_drawn(drawn, tmp_path):
    store.save_netcdf(drawn, tmp_path / "design.nc")
    stored = store.open_netcdf(tmp_path / "design.nc")
    for case in range(6):
        one = drawn.sel(case=case)
        solid = designs.solid_fraction(stored.sel(case=case))
        np.testing.assert_array_equal(solid, 1.0 - pore_fraction(designs.pores(one), (80, 120), 1e-7))
        assert 1.0 - solid.mean() == pytest.approx(float(one.porosity), rel=1e-12)
        assert len(designs.pores(one)) == int(one.pores) > 0


def test_a_full_packing_names_the_ensemble_and_the_case():
    full = PACKING._replace(porosity=(0.7, 0.7))
    with pytest.raises(ValidityError, match=r"^meso case 0: packing: expected porosity 0\.7000, got 0\.\d+: .* short$"):
        designs.design(**ASKED | {"microstructure": full})


@pytest.mark.parametrize("split", [{"train": 4, "validation": 2, "test": 1}, {"train": 2, "test": 1}])
def test_a_split_that_asks_for_too_much_or_too_little_is_refused(split):
    with pytest.raises(ConfigError, match="split: expected train, validation, test of at most 6 cases"):
        designs.design(**ASKED | {"split": split})
