"""Designs of populations and of images by the command, and what an edited image simulates again."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tessera.data import cases, schema, store
from tessera.errors import DataError, ValidityError
from tessera.simulation import design as designs
from tessera.simulation import run
from tessera.stages import ensembles
from tessera.study import load
from tests.study.test_microstructures import POPULATION

CONFIG = Path(__file__).parents[2] / "config"
CELLS, CELL = [48, 64], 9e-8
SMALL = {
    "cases": 3,
    "split": {"train": 1, "validation": 1, "test": 1},
    "cells": CELLS,
    "cell_size": CELL,
    "snapshots": 10,
    "shard": 3,
}
FEW = POPULATION | {
    "porosity": {"low": 0.05, "high": 0.05},
    "diameter": {"kind": "uniform", "low": 4e-7, "high": 7e-7},
    "gap": 1e-7,
    "inlet": 3e-7,
}


def study(folder, microstructure, **more):
    path = folder / "own.yaml"
    section = SMALL | {"microstructure": microstructure} | more
    path.write_text(yaml.safe_dump({"name": "own", "ensembles": {"micro": section}}))
    return load([CONFIG / "config.yaml", CONFIG / "smoke.yaml", path])


def drawn(study, folder):
    ensembles.draw_design(study, "micro", folder / "design.nc")
    return store.open_netcdf(folder / "design.nc")


@pytest.fixture
def sem(tmp_path):
    """Write two images of the size of the box, with a disc and a square of pore, and return their study section."""
    y, x = np.mgrid[:48, :64]
    shapes = {"disc": (y - 20) ** 2 + (x - 24) ** 2 < 8**2, "square": (abs(y - 30) < 6) & (abs(x - 30) < 6)}
    for name, pore in shapes.items():
        Image.fromarray(np.where(pore, 0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    return {"kind": "image", "images": ["disc.png", "square.png"], "pixel_size": CELL, "pore": "dark"}


def test_a_design_of_a_population_says_what_was_realised(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tessera")
    found = drawn(study(tmp_path, FEW), tmp_path)
    assert "micro: 3 cases, porosity 0.0" in caplog.text
    for name, what in schema.STATISTICS.items():
        assert found[name].dims == ("case",)
        assert found[name].attrs == {"long_name": what.long_name, "units": what.units}
        assert np.isfinite(found[name]).all()
    np.testing.assert_allclose(found["porosity"], 0.05, atol=0.005)
    np.testing.assert_array_equal(found["pores"], found["traced_pores"])
    assert (found["gap_least"] >= 1e-7).all()
    for case in range(3):
        solid = designs.solid_fraction(found.sel(case=case))
        assert 1.0 - solid.mean() == pytest.approx(float(found["porosity"][case]), rel=1e-12)
        assert len(designs.pores(found.sel(case=case))) == int(found["pores"][case])


def test_more_cases_leave_those_before_them_alone(tmp_path):
    few = drawn(study(tmp_path, FEW), tmp_path)
    more = drawn(study(tmp_path, FEW, cases=7), tmp_path)
    for case in range(3):
        assert designs.pores(more.sel(case=case)) == designs.pores(few.sel(case=case))


def test_a_population_without_pores_is_a_design(tmp_path):
    found = drawn(study(tmp_path, FEW | {"porosity": {"low": 0.0, "high": 0.0}}), tmp_path)
    assert found["pores"].values.tolist() == [0, 0, 0]
    assert (designs.solid_fraction(found.sel(case=1)) == 1.0).all()


def test_a_population_that_is_full_is_refused_by_its_case_or_kept_with_a_warning(tmp_path, caplog):
    full = FEW | {"porosity": {"low": 0.7, "high": 0.7}}
    with pytest.raises(
        ValidityError, match=r"^micro case 0: population: expected porosity 0\.7000 within 0\.005, got 0"
    ):
        drawn(study(tmp_path, full), tmp_path)
    found = drawn(study(tmp_path, full | {"shortfall": "warn"}), tmp_path)
    missing = 0.7 - float(found["porosity"][2])
    assert f"{missing:.4f} short; kept" in caplog.text
    assert caplog.text.count("expected porosity 0.7000 within 0.005, got 0.") == 3


def test_a_design_of_images_holds_them_and_where_they_are_from(tmp_path, sem):
    found = drawn(study(tmp_path, sem), tmp_path)
    assert found["image"].values.tolist() == ["disc.png", "square.png", "disc.png"]
    np.testing.assert_allclose(found["porosity"][:2], [193 / 3072, 121 / 3072], atol=2e-3)
    assert found["pores"].values.tolist() == [1, 1, 1]
    assert found["diameter_mean"][0] == pytest.approx(16 * CELL, rel=0.03)
    assert json.loads(found.attrs["images"]).keys() == {"disc.png", "square.png"}
    solid = designs.solid_fraction(found.sel(case=1))
    assert solid.shape == (48, 64)
    assert set(np.unique(solid)) == {0.0, 1.0}
    assert solid[:11].all() and not solid[17, 30]  # rows of a picture fall, y rises


def test_an_image_is_refused_by_its_name(tmp_path, sem):
    Image.new("RGB", (64, 48)).save(tmp_path / "square.png")
    with pytest.raises(DataError, match=r"square\.png: expected one grey value per pixel, got RGB; convert it"):
        drawn(study(tmp_path, sem), tmp_path)
    Image.fromarray(np.eye(40, 60, dtype=bool)).save(tmp_path / "disc.png")
    with pytest.raises(ValidityError, match=r"^micro case 0: disc\.png: expected at least 48 pixels along y for a box"):
        drawn(study(tmp_path, sem | {"images": ["disc.png"]}), tmp_path)


def test_cases_of_an_edited_image_are_simulated_again_and_no_others(tmp_path, sem, monkeypatch):
    simulated, simulate = [], run.simulate

    def noted(*arguments, case, **more):
        simulated.append(case)
        return simulate(*arguments, case=case, **more)

    monkeypatch.setattr(run, "simulate", noted)
    asked, shard = study(tmp_path, sem), tmp_path / "cases" / "shard_0000.json"

    def make():
        drawn(asked, tmp_path)
        ensembles.simulate_shard(asked, "micro", tmp_path / "design.nc", 0, shard)

    make()
    make()
    assert simulated == [0, 1, 2]
    values = np.asarray(Image.open(tmp_path / "square.png"))
    Image.fromarray(np.roll(values, 3, axis=1)).save(tmp_path / "square.png")  # of the same porosity
    make()
    assert simulated == [0, 1, 2, 1]
    ensembles.assemble(asked, "micro", tmp_path / "design.nc", [shard], tmp_path / "micro.json")
    found, design = store.open_zarr(tmp_path / "micro.json"), store.open_netcdf(tmp_path / "design.nc")
    schema.check(found, "micro")
    assert found.attrs["images"] == design.attrs["images"]
    for name in schema.STATISTICS:
        np.testing.assert_array_equal(found[name], design[name])
        assert found[name].attrs["units"] == schema.STATISTICS[name].units
    assert cases.joined(shard).is_file()
    first = found["microstructure"].isel(case=1, time=0).values
    expected = designs.solid_fraction(design.sel(case=1))
    np.testing.assert_allclose(first, expected, atol=0.01)
