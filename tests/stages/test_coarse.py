"""The coarse solver: exact where it must be, a prediction like every other, and dearer grids are nearer the truth."""

import numpy as np
import pytest

from tessera.data import ledger, schema, store
from tessera.errors import DataError
from tessera.stages import ensembles
from tessera.stages.coarse import averaged, predict_coarse, resampled
from tessera.study import load, merge
from tessera.study.reading import read
from tessera.study.study import validate
from tests.stages.tiny import CONFIG, SMALL

SCALE = "micro"


@pytest.fixture(scope="module")
def study():
    several = {"evaluation": {"coarsening": [2, 8]}, "ensembles": {SCALE: {"cells": [32, 64], "cell_size": 9e-8}}}
    whole = merge(merge(read(CONFIG / "config.yaml"), read(CONFIG / "smoke.yaml")), SMALL)
    return validate(merge(whole, several), "coarse")


@pytest.fixture(scope="module")
def made(study, tmp_path_factory):
    r = tmp_path_factory.mktemp("coarse")
    ensembles.draw_design(study, SCALE, r / "design.nc")
    ensembles.simulate_shard(study, SCALE, r / "design.nc", 0, r / "shard_0000.json")
    ensembles.assemble(study, SCALE, r / "design.nc", [r / "shard_0000.json"], r / "truth.json")
    for times in study.evaluation.coarsening:
        predict_coarse(study, SCALE, times, r / "design.nc", r / "truth.json", "test", r / f"coarse{times}.json")
    return r


def test_a_coarser_grid_keeps_the_solid():
    solid = np.random.default_rng(0).random((12, 8))
    assert averaged(solid, 4).shape == (3, 2)
    assert averaged(solid, 4).mean() == pytest.approx(solid.mean(), rel=1e-14)


def test_linear_fields_are_resampled_exactly_inside():
    def plane(ny, nx):
        y, x = (np.arange(ny) + 0.5) / ny, (np.arange(nx) + 0.5) / nx
        return (3.0 * y[:, None] - 2.0 * x)[None]

    inside = np.s_[:, 2:-2, 2:-2]
    np.testing.assert_allclose(resampled(plane(6, 8), (24, 32))[inside], plane(24, 32)[inside], rtol=1e-12)
    field = np.random.default_rng(0).random((2, 6, 8))
    np.testing.assert_array_equal(resampled(field, (6, 8)), field)


def test_a_coarse_solution_is_a_prediction_that_begins_with_the_truth(made):
    found, truth = (store.open_zarr(made / name).load() for name in ("coarse2.json", "truth.json"))
    truth = truth.isel(case=np.flatnonzero(truth["split"].values == "test"))
    schema.check(found, "coarse")
    assert found.attrs["model"] == "coarse2" and "n_meso" not in found.attrs
    start = found.attrs["start_frame"]
    for field in schema.SIMULATED:
        np.testing.assert_array_equal(found[field][:, : start + 1], truth[field][:, : start + 1])
        assert not found[field].equals(truth[field])


def test_a_finer_grid_costs_more_and_is_nearer_the_truth(made):
    truth = store.open_zarr(made / "truth.json").load()
    truth = truth.isel(case=np.flatnonzero(truth["split"].values == "test"))
    errors, costs = [], []
    for times in (8, 2):
        found = store.open_zarr(made / f"coarse{times}.json").load()
        errors.append(float(np.abs(found["pressure"] - truth["pressure"]).mean()))
        costs.append(ledger.read(made / f"coarse{times}.json")["core_seconds"])
    assert errors[1] < 0.7 * errors[0], errors
    assert costs[1] > costs[0], costs


def test_what_the_study_does_not_ask_for_is_refused(study, made, tmp_path):
    with pytest.raises(DataError, match=r"--coarsening: expected one of 2, 8, .*got 3"):
        predict_coarse(study, SCALE, 3, made / "design.nc", made / "truth.json", "test", tmp_path / "out.json")
    assert load([CONFIG / "config.yaml"]).solvers("meso") == {"coarse4": 4}
