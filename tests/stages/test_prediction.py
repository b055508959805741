"""Prediction from a state of the user's own: as from an ensemble, on any domain; what does not fit is refused."""

import json
import logging

import netCDF4
import numpy as np
import pytest
import torch
import xarray as xr

from tessera.data import ledger, schema, store
from tessera.learning import checkpoint as checkpoints
from tessera.models import build
from tests.stages.tiny import commands, refused

START, SNAPSHOTS = 1, 4  # of the smoke study; how far is predicted


@pytest.fixture(scope="module")
def truth(finished):
    dataset = store.open_zarr(finished / "ensembles/meso.json").load()
    return dataset.isel(case=np.flatnonzero(dataset["split"].values == "test")[:1])


@pytest.fixture
def mine(truth, tmp_path):
    """Return a function that writes a state, changed as a test likes, and gives its path."""

    def write(change=lambda state: state):
        state = truth[list(schema.SIMULATED)].isel(case=0, time=START).copy(deep=True)
        state = state.drop_vars(list(schema.CASE_COORDINATES), errors="ignore").assign_attrs({})
        path = tmp_path / "mine.nc"
        change(state).to_netcdf(path)
        return path

    return write


def words(finished, model, state, out, *more):
    checkpoint = finished / f"models/{model}.safetensors"
    return ["predict", "--checkpoint", checkpoint, "--state", state, "--out", out, "--snapshots", SNAPSHOTS, *more]


def opened(path):
    return store.open_netcdf(path) if path.suffix == ".nc" else store.open_zarr(path).load()


@pytest.mark.parametrize("suffix", [".nc", ".json"])
@pytest.mark.parametrize("model", ["cnext", "parcv2"])
def test_a_state_of_an_ensemble_is_predicted_as_the_ensemble_is(call, finished, mine, tmp_path, model, suffix):
    out = tmp_path / f"own{suffix}"
    assert call(words(finished, f"{model}/n1_s0", mine(), out)) == (0, "")
    own = opened(out)
    schema.check(own, "own")
    which = ["--study", finished / "study.json", "--ensemble", finished / "ensembles/meso.json"]
    which += ["--checkpoint", finished / f"models/{model}/n1_s0.safetensors", "--out", tmp_path / "theirs.json"]
    assert call(["predict", *which]) == (0, "")
    theirs = opened(tmp_path / "theirs.json").isel(case=[0], time=slice(START, START + SNAPSHOTS + 1))
    for name in schema.SIMULATED:
        np.testing.assert_array_equal(own[name], theirs[name])
    assert float((own["temperature"].isel(time=-1) != own["temperature"].isel(time=0)).mean()) > 0.5
    for axis in ("time", "y", "x"):
        np.testing.assert_allclose(own[axis], theirs[axis], rtol=1e-12)
    assert own.attrs["model"] == model
    assert own["name"].values.tolist() == ["mine"]
    assert ledger.read(out)["core_seconds"] > 0.0


def test_members_repeat_with_their_seed_and_differ_from_each_other(call, finished, mine, tmp_path):
    state, found = mine(), {}
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        more = ("--members", 2, "--seed", seed)
        assert call(words(finished, "tessera/n1_s0", state, tmp_path / f"{name}.nc", *more)) == (0, "")
        found[name] = opened(tmp_path / f"{name}.nc")["pressure"]
    assert found["one"].dims == ("sample", *schema.DIMS)
    np.testing.assert_array_equal(found["one"], found["again"])
    assert not np.array_equal(found["one"], found["other"])
    assert not np.array_equal(found["one"][0], found["one"][1])
    np.testing.assert_array_equal(found["one"][0, :, 0], found["one"][1, :, 0])


def test_a_domain_of_twice_the_size_is_predicted_in_tiles_as_at_once(call, finished, mine, tmp_path):
    def twice(state):
        wide = xr.concat([state, state.isel(x=slice(None, None, -1))], "x", coords="minimal", compat="override")
        tall = xr.concat([wide, wide.isel(y=slice(None, None, -1))], "y", coords="minimal", compat="override")
        size = schema.cell_size(state)
        axes = {axis: (axis, size * (np.arange(tall.sizes[axis]) + 0.5), state[axis].attrs) for axis in "yx"}
        return tall.assign_coords(axes)

    state, found = mine(twice), {}
    for tile in (16, 4096):
        out = tmp_path / f"{tile}.nc"
        assert call(words(finished, "tessera/n1_s0", state, out, "--tile", tile)) == (0, "")
        found[tile] = opened(out)["pressure"].values
    assert found[16].shape[-2:] == (64, 64)
    scale = checkpoints.load(finished / "models/tessera/n1_s0.safetensors").scales["pressure"].factor
    np.testing.assert_allclose(found[16], found[4096], rtol=0.0, atol=1e-5 * scale)


def test_only_every_so_many_th_snapshot_is_kept(call, finished, mine, tmp_path):
    state = mine()
    for every in (1, 2):
        assert call(words(finished, "cnext/n1_s0", state, tmp_path / f"{every}.nc", "--every", every)) == (0, "")
    all_, few = (opened(tmp_path / f"{every}.nc") for every in (1, 2))
    assert few.sizes["time"] == SNAPSHOTS // 2 + 1
    for name in ("time", "temperature"):
        np.testing.assert_array_equal(few[name], all_[name].isel(time=slice(None, None, 2)))


def test_units_are_converted_and_axes_may_be_turned(call, finished, mine, tmp_path):
    def other(state):
        pressure = (state["pressure"].astype("float64") * 1e-9).assign_attrs(units="GPa").T
        x = (state["x"] * 1e6).astype("float32").assign_attrs(units="um")
        return state.assign(pressure=pressure).assign_coords(x=x)

    assert call(words(finished, "cnext/n1_s0", mine(), tmp_path / "si.nc")) == (0, "")
    assert call(words(finished, "cnext/n1_s0", mine(other), tmp_path / "other.nc")) == (0, "")
    one, two = opened(tmp_path / "si.nc"), opened(tmp_path / "other.nc")
    np.testing.assert_allclose(two["pressure"], one["pressure"], rtol=1e-3, atol=1e4)
    np.testing.assert_allclose(two["x"], one["x"], rtol=1e-5)


def holed(state):
    state["temperature"][3, 4:6] = np.nan
    return state


def bare(state):
    del state["pressure"].attrs["units"]
    return state


def coarse(state):
    return state.assign_coords({axis: (axis, 2.0 * state[axis].values, {"units": "m"}) for axis in "yx"})


MISFITS = {
    "name": (lambda s: s.rename(pressure="p"), "expected a variable 'pressure', got '"),
    "no unit": (bare, "pressure: expected an attribute units, such as 'Pa', got none"),
    "unit": (
        lambda s: s.assign(pressure=s["pressure"].assign_attrs(units="K")),
        "pressure: units: expected a unit of the kind",
    ),
    "nan": (holed, "temperature: expected finite values, got 2 that are not"),
    "cells": (coarse, "x: expected cells of 4e-07 m as the model was trained on, got 8e-07 m"),
    "flat": (lambda s: s.isel(y=slice(0, 1)), "y: expected at least 2 cell centres"),
    "uneven": (lambda s: s.isel(x=[0, 1, 3, 4]), "x: expected equal rising steps"),
    "falling": (lambda s: s.isel(x=slice(None, None, -1)), "x: expected equal rising steps"),
    "several": (
        lambda s: xr.concat([s, s], "time"),
        "expected one snapshot of dimensions (y, x), got (time 2, y 32, x 32)",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_state_that_does_not_fit_is_refused_in_one_line(call, finished, mine, tmp_path, misfit):
    change, line = MISFITS[misfit]
    state = mine(change)
    refused(call(words(finished, "cnext/n1_s0", state, tmp_path / "out/p.nc")), str(state), line)
    assert not (tmp_path / "out").exists()


def test_a_size_that_tokens_cannot_say_is_refused(call, finished, mine, tmp_path):
    state = mine(lambda s: s.isel(x=slice(0, 30)))
    line = "x: expected a multiple of 8 cells, which make a token, got 30"
    refused(call(words(finished, "tessera/n1_s0", state, tmp_path / "p.nc")), str(state), line)
    assert call(words(finished, "cnext/n1_s0", state, tmp_path / "p.nc")) == (0, "")


def test_a_size_that_latents_of_a_rival_cannot_say_is_refused(call, finished, mine, tmp_path):
    old = checkpoints.load(finished / "models/cnext/n1_s0.safetensors")
    fields = ["temperature", "pressure", "microstructure"]
    torch.manual_seed(0)
    module = build(
        "latentparc", {"fields": fields, "hidden": 4, "latent_channels": 4, "width": 8, "padding": "replicate"}
    )
    scales, known = ({name: having[name] for name in fields} for having in (old.scales, old.statistics))
    new = old._replace(kind="latentparc", module=module, scales=scales, statistics=known)
    checkpoints.save(new, tmp_path / "models/latent.safetensors")
    state = mine(lambda s: s.isel(x=slice(0, 30)))
    line = "x: expected a multiple of 4 cells, which make a token, got 30"
    refused(call(words(tmp_path, "latent", state, tmp_path / "p.nc")), str(state), line)
    assert call(words(tmp_path, "latent", mine(), tmp_path / "p.nc")) == (0, "")


def test_a_file_that_is_no_netcdf_is_refused(call, finished, tmp_path):
    (tmp_path / "mine.nc").write_text("temperature")
    call_of = words(finished, "cnext/n1_s0", tmp_path / "mine.nc", tmp_path / "p.nc")
    refused(call(call_of), "mine.nc: expected a netCDF file")
    (tmp_path / "mine.nc").unlink()
    refused(call(call_of), "mine.nc: expected a netCDF file, found none")


def test_values_far_from_the_training_are_warned_of(call, finished, mine, tmp_path, caplog):
    state = mine(lambda s: s.assign(temperature=(s["temperature"] + 1e5).assign_attrs(units="K")))
    with caplog.at_level(logging.WARNING, logger="tessera"):
        assert call(words(finished, "cnext/n1_s0", state, tmp_path / "p.nc")) == (0, "")
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "mine.nc: temperature: from 1.003e+05" in said


@pytest.mark.parametrize(
    ("model", "more", "line"),
    [
        ("cnext/n1_s0", ["--members", 2], "--members: expected 1 of"),
        ("cnext/n1_s0", ["--every", 3], "--every: expected a divisor of the 4 snapshots, got 3"),
        ("tessera/n1_s0", ["--tile", 7], "tile: expected at least a token of 8 cells, got 7"),
        ("tokenizer/pressure", [], "expected a checkpoint that predicts, got one of kind 'tokenizer'"),
        ("cnext/n1_s0", ["--study", "s.json"], "--state: expected neither --study nor --ensemble beside it"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(call, finished, mine, tmp_path, model, more, line):
    refused(call(words(finished, model, mine(), tmp_path / "p.nc", *more)), line)


def test_a_result_of_unknown_format_and_a_prediction_from_nothing_are_refused(call, finished, mine, tmp_path):
    refused(
        call(words(finished, "cnext/n1_s0", mine(), tmp_path / "p.png")),
        "--out: expected a path that ends in .json or .nc",
    )
    which = ["--checkpoint", finished / "models/cnext/n1_s0.safetensors", "--out", tmp_path / "p.json"]
    refused(call(["predict", *which]), "expected --study and --ensemble, or --state, got neither")
    refused(call(["predict", *which, "--state", mine()]), "--snapshots: expected how many follow --state, got none")
    theirs = commands(finished, tmp_path)["predict cnext meso"]
    refused(call([*theirs, "--snapshots", "3"]), "expected --state beside them")


def test_a_checkpoint_that_does_not_say_its_cells_is_refused(call, copy, mine, tmp_path):
    path = copy / "models/cnext/n1_s0.safetensors"
    old = checkpoints.load(path)
    assert old.facts["cell_size"] == pytest.approx(4e-7) and old.facts["interval"] > 0.0
    checkpoints.save(old._replace(facts={n: v for n, v in old.facts.items() if n != "cell_size"}), path)
    refused(
        call(words(copy, "cnext/n1_s0", mine(), tmp_path / "p.nc")), "expected a checkpoint that says its cell_size"
    )


def test_a_held_field_is_asked_for_by_name(call, finished, mine, tmp_path):
    old = checkpoints.load(finished / "models/cnext/n1_s0.safetensors")
    held = {**old.scales, "initial_microstructure": old.scales["microstructure"]}
    known = {**old.statistics, "initial_microstructure": old.statistics["microstructure"]}
    path = tmp_path / "models/held.safetensors"
    checkpoints.save(old._replace(scales=held, statistics=known), path)
    line = "expected a variable 'initial_microstructure', got"
    refused(call(words(tmp_path, "held", mine(), tmp_path / "p.nc")), line, "the solid fraction before the shock")


def test_a_classic_netcdf_file_serves_as_well(call, finished, mine, tmp_path):
    with xr.open_dataset(mine()) as state:
        state.load().to_netcdf(tmp_path / "classic.nc", format="NETCDF3_64BIT")
    with netCDF4.Dataset(tmp_path / "classic.nc") as file:
        assert file.data_model.startswith("NETCDF3")
    assert call(words(finished, "cnext/n1_s0", tmp_path / "classic.nc", tmp_path / "p.json")) == (0, "")
    said = json.loads((tmp_path / "p.json").read_text())
    assert said["snapshots"] == SNAPSHOTS + 1


@pytest.mark.parametrize("more", [[], ["--cells", 32, 32]])
def test_a_checkpoint_becomes_a_program_that_predicts_the_next_snapshot(call, finished, mine, tmp_path, more):
    checkpoint, out = finished / "models/cnext/n1_s0.safetensors", tmp_path / "cnext.pt2"
    assert call(["export-model", "--checkpoint", checkpoint, "--out", out, *more]) == (0, "")
    assert call(words(finished, "cnext/n1_s0", mine(), tmp_path / "own.nc")) == (0, "")
    own = opened(tmp_path / "own.nc")
    program, scales = torch.export.load(out).module(), checkpoints.load(checkpoint).scales
    now = program({name: torch.from_numpy(own[name].values[:, 0]) for name in schema.SIMULATED})
    for name in schema.SIMULATED:
        np.testing.assert_allclose(now[name], own[name][:, 1], rtol=0.0, atol=1e-5 * scales[name].factor)


def test_a_program_of_a_tokenizer_or_of_another_format_is_refused(call, finished, tmp_path):
    def export(model, name, *more):
        path = finished / f"models/{model}.safetensors"
        return call(["export-model", "--checkpoint", path, "--out", tmp_path / name, *more])

    refused(export("cnext/n1_s0", "m.onnx"), "--out: expected a path that ends in .pt2, got")
    refused(export("tokenizer/pressure", "m.pt2"), "expected a checkpoint that predicts")
    refused(export("cnext/n1_s0", "m.pt2", "--part", "step"), "--part: expected advance of a model of kind cnext")
    assert not list(tmp_path.iterdir())
