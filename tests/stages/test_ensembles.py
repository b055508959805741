"""Ensembles of a real, small study: whole, of the schema, and resumed after any interruption."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tessera.data import ledger, outputs, scaling, schema, store
from tessera.errors import DataError, ValidityError
from tessera.stages import ensembles, write_study
from tessera.study import load

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def study():
    return load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"])


@pytest.fixture(scope="module")
def made(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make(study, folder)
    return folder


def make(study, folder):
    ensembles.draw_design(study, "micro", folder / "design.nc")
    shards = []
    for shard in range(study.ensembles.micro.shards):
        shards.append(folder / "cases" / f"shard_{shard:04d}.json")
        ensembles.simulate_shard(study, "micro", folder / "design.nc", shard, shards[-1])
    ensembles.assemble(study, "micro", folder / "design.nc", shards, folder / "micro.json")
    return shards


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_ensemble_keeps_the_schema_and_says_where_it_is_from(study, made):
    dataset = store.open_zarr(made / "micro.json")
    schema.check(dataset, "micro")
    what = study.ensembles.micro
    assert dict(dataset.sizes) == {
        "case": what.cases,
        "time": what.snapshots,
        "y": what.stored_cells[0],
        "x": what.stored_cells[1],
    }
    assert schema.interval(dataset) == pytest.approx(what.interval)
    assert schema.cell_size(dataset) == pytest.approx(what.stored_cell_size)
    assert {"study", "section_digest", "source_digest", "version", "git_revision", "versions"} <= set(dataset.attrs)
    counts = dict(zip(*np.unique(dataset.split.values, return_counts=True), strict=True))
    assert counts == what.split.model_dump()


def test_the_ensemble_keeps_the_coordinates_of_the_design(made):
    dataset, design = store.open_zarr(made / "micro.json"), store.open_netcdf(made / "design.nc")
    for name in schema.DESIGNED:
        assert dataset[name].values.tolist() == design[name].values.tolist()


def test_a_shock_crosses_and_the_pore_collapses(made):
    dataset = store.open_zarr(made / "micro.json").load()
    pore = (1 - dataset.microstructure).sum(("y", "x"))
    assert (pore.isel(time=-1) < 0.2 * pore.isel(time=0)).all()
    assert (dataset.pressure.isel(time=-1, x=-2).mean("y") > 5e9).all()
    assert (dataset.temperature.isel(time=-1).max(("y", "x")) > 900.0).all()


def test_equal_studies_give_equal_files_and_each_its_costs(study, made, tmp_path):
    make(study, tmp_path)
    first, second = outputs.digests(made), outputs.digests(tmp_path)
    assert first == second
    assert {"design.nc", "cases/case_0000.nc", "cases/shard_0000.json", "micro.json", "micro.zarr"} <= set(first)
    shards = [ledger.read(path) for path in sorted((made / "cases").glob("shard_*.json"))]
    assert [list(one["cases"]) for one in shards] == [
        ["case_0000.nc", "case_0001.nc"],
        ["case_0002.nc", "case_0003.nc"],
    ]
    seconds = sum(value for one in shards for value in one["cases"].values())
    assert ledger.read(made / "micro.json") == {"core_seconds": pytest.approx(seconds)} and seconds > 0.0


def test_whole_cases_are_kept_and_broken_ones_made_again(study, tmp_path):
    shards = make(study, tmp_path)
    cases = sorted(shards[0].parent.glob("case_*.nc"))
    stamps = {path: path.stat().st_mtime_ns for path in cases}
    spent = ledger.read(shards[0])["cases"]
    cases[0].write_bytes(cases[0].read_bytes()[:3000])
    ensembles.simulate_shard(study, "micro", tmp_path / "design.nc", 0, shards[0])
    assert cases[0].stat().st_mtime_ns != stamps[cases[0]]
    assert all(path.stat().st_mtime_ns == stamps[path] for path in cases[1:])
    again = ledger.read(shards[0])["cases"]
    assert again["case_0001.nc"] == spent["case_0001.nc"] and again["case_0000.nc"] != spent["case_0000.nc"]


def test_kept_cases_keep_their_costs_in_shards_of_another_size_and_lost_ones_are_unknown(study, tmp_path):
    shards = make(study, tmp_path)
    seconds = ledger.read(tmp_path / "micro.json")["core_seconds"]
    micro = study.ensembles.micro.model_copy(update={"shard": 3})
    wider = study.model_copy(update={"ensembles": study.ensembles.model_copy(update={"micro": micro})})
    for number in range(2):
        ensembles.simulate_shard(wider, "micro", tmp_path / "design.nc", number, shards[number])
    ensembles.assemble(wider, "micro", tmp_path / "design.nc", shards, tmp_path / "micro.json")
    assert ledger.read(tmp_path / "micro.json")["core_seconds"] == pytest.approx(seconds)
    for number, text in enumerate(("{", '{"cases": ["case_0003.nc"]}')):
        ledger.place(shards[number]).write_text(text)
        ensembles.simulate_shard(wider, "micro", tmp_path / "design.nc", number, shards[number])
    ensembles.assemble(wider, "micro", tmp_path / "design.nc", shards, tmp_path / "micro.json")
    assert ledger.read(tmp_path / "micro.json") == {}


@pytest.mark.parametrize("harm", ["truncated", "gone"])
def test_a_case_harmed_after_its_shard_is_refused(study, tmp_path, harm):
    shards = make(study, tmp_path)
    case = next(iter(sorted(shards[0].parent.glob("case_*.nc"))))
    if harm == "gone":
        case.unlink()
    else:
        case.write_bytes(case.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"case_0000\.nc: expected"):
        ensembles.assemble(study, "micro", tmp_path / "design.nc", shards, tmp_path / "again.json")
    assert not (tmp_path / "again.json").exists()


def test_a_shard_that_is_missing_is_noticed(study, made, tmp_path):
    shards = sorted((made / "cases").glob("shard_*.json"))
    with pytest.raises(DataError, match="cases as in"):
        ensembles.assemble(study, "micro", made / "design.nc", shards[:-1], tmp_path / "micro.json")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_simulation_leaves_whole_cases_and_carries_on(tmp_path, number, code):
    finer = "ensembles: {meso: {cells: [192, 256], cell_size: 8.04e-8, average: 2}}"  # seconds a case
    (tmp_path / "finer.yaml").write_text(finer)
    study = load([CONFIG / "config.yaml", CONFIG / "smoke.yaml", tmp_path / "finer.yaml"])
    write_study(study, tmp_path / "study.json")
    ensembles.draw_design(study, "meso", tmp_path / "design.nc")
    out = tmp_path / "cases" / "shard_0000.json"
    call = [sys.executable, "-m", "tessera", "simulate", "--scale", "meso"]
    call += ["--study", tmp_path / "study.json"]
    call += ["--design", tmp_path / "design.nc", "--shard", "0", "--out", out]
    run = subprocess.Popen(list(map(str, call)), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("cases/case_*.nc")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code, said
    assert said.strip().splitlines()[-1].startswith("tessera simulate")
    assert "Traceback" not in said
    left = sorted(path.name for path in (tmp_path / "cases").iterdir() if path.name != ledger.FOLDER)
    assert left and all(name.startswith("case_") for name in left)
    for name in left:
        store.open_netcdf(tmp_path / "cases" / name)
    ensembles.simulate_shard(study, "meso", tmp_path / "design.nc", 0, out)
    assert out.is_file()


def test_a_simulation_that_leaves_its_validity_names_case_time_and_cell(study, tmp_path):
    runny = study.model_copy(update={"material": study.material.model_copy(update={"viscosity": 1.0e6})})
    ensembles.draw_design(runny, "micro", tmp_path / "design.nc")
    with pytest.raises(ValidityError, match=r"case 0.*cell"):
        ensembles.simulate_shard(runny, "micro", tmp_path / "design.nc", 0, tmp_path / "shard_0000.json")
    assert files(tmp_path) == ["design.nc"]


def test_scales_are_fitted_and_read_back(study, made, tmp_path):
    ensembles.fit_scales(study, "micro", made / "micro.json", tmp_path / "scales.json")
    statistics, attrs = scaling.load(tmp_path / "scales.json")
    assert set(statistics) == set(schema.SIMULATED)
    assert attrs["study"] == study.name
    assert statistics["microstructure"].minimum >= 0.0
    assert statistics["microstructure"].maximum == 1.0


def test_a_case_file_opens_alone(made):
    with xr.open_dataset(made / "cases" / "case_0000.nc", decode_timedelta=False) as case:
        assert case.temperature.dims == ("time", "y", "x")
        assert case.temperature.attrs["units"] == "K"
        assert case.attrs["steps"] > 0 and "core_seconds" not in case.attrs
