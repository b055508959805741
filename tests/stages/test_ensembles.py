"""Ensembles of a real, small study: whole, of the schema, and resumed after any interruption."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from tessera.data import ledger, outputs, scaling, schema, store
from tessera.errors import DataError, ValidityError
from tessera.simulation import run
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
    found = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != ledger.FOLDER)
    return sorted(path.name for path in found)


def test_the_ensemble_keeps_the_schema_and_says_where_it_is_from(study, made):
    dataset = store.open_zarr(made / "micro.json")
    schema.check(dataset, "micro")
    what = study.ensembles.micro
    assert dict(dataset.sizes) == {
        "case": what.cases,
        "time": what.snapshots,
        "y": what.cells[0],
        "x": what.cells[1],
    }
    assert schema.interval(dataset) == pytest.approx(what.interval)
    assert schema.cell_size(dataset) == pytest.approx(what.cell_size)
    assert {"study", "section_digest", "source_digest", "version", "git_revision", "versions"} <= set(dataset.attrs)
    counts = dict(zip(*np.unique(dataset.split.values, return_counts=True), strict=True))
    assert counts == what.split.model_dump()


def test_the_ensemble_keeps_the_coordinates_of_the_design(made):
    dataset, design = store.open_zarr(made / "micro.json"), store.open_netcdf(made / "design.nc")
    for name in schema.DESIGNED:
        assert dataset[name].values.tolist() == design[name].values.tolist()


def test_the_ensemble_says_the_extremes_of_its_fields(made):
    dataset = store.open_zarr(made / "micro.json")
    for name in schema.SIMULATED:
        found = dataset[name].attrs["actual_range"]
        assert list(found) == [dataset[name].values.min(), dataset[name].values.max()]


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
    assert {"design.nc", "cases/shard_0000.nc", "cases/shard_0000.json", "micro.json", "micro.zarr"} <= set(first)
    shards = [ledger.read(path) for path in sorted((made / "cases").glob("shard_*.json"))]
    assert [list(one["cases"]) for one in shards] == [
        ["case_0000", "case_0001"],
        ["case_0002", "case_0003"],
    ]
    seconds = sum(value for one in shards for value in one["cases"].values())
    assert ledger.read(made / "micro.json") == {"core_seconds": pytest.approx(seconds)} and seconds > 0.0


@pytest.fixture
def simulated(monkeypatch):
    """The cases that are simulated, not kept, in their order."""
    found, simulate = [], run.simulate

    def noted(*arguments, case, **more):
        found.append(case)
        return simulate(*arguments, case=case, **more)

    monkeypatch.setattr(run, "simulate", noted)
    return found


def test_a_whole_shard_is_one_file_beside_its_manifest(made):
    names = ["shard_0000.json", "shard_0000.nc", "shard_0001.json", "shard_0001.nc"]
    assert files(made / "cases") == names


def test_a_store_has_one_file_per_field_for_many_cases(study, made):
    for name in schema.SIMULATED:
        assert len(files(made / "micro.zarr" / name / "c")) == 1 < study.ensembles.micro.cases


def shard_of(study, folder, harm=None):
    """Simulate the first shard, let something happen to it, and simulate it again; return its files."""
    ensembles.draw_design(study, "micro", folder / "design.nc")
    out = folder / "cases" / "shard_0000.json"
    ensembles.simulate_shard(study, "micro", folder / "design.nc", 0, out)
    if harm:
        harm(out)
        ensembles.simulate_shard(study, "micro", folder / "design.nc", 0, out)
    return {path.name: path.read_bytes() for path in out.parent.iterdir() if path.is_file()}


def alone(out):
    """Give the cases of a joined shard their own files back, as a kill leaves them before they go."""
    for case in (0, 1):
        with xr.open_dataset(out.with_suffix(".nc"), decode_timedelta=False) as joined:
            one = joined.isel(case=case).load()
        said = {name: one[name].item() for name in ("key", "steps")}
        store.save_netcdf(one.drop_vars([*said]).assign_attrs(said), out.with_name(f"case_{case:04d}.nc"))
    out.unlink()


def never_joined(out):
    """Leave one finished case alone, as a kill in the middle does."""
    alone(out)
    out.with_suffix(".nc").unlink()
    out.with_name("case_0001.nc").unlink()


def broken_alone(out):
    """Leave one finished case whole and one cut off, and no joined file."""
    alone(out)
    out.with_suffix(".nc").unlink()
    case = out.with_name("case_0001.nc")
    case.write_bytes(case.read_bytes()[:3000])


def truncated(out):
    """Cut a joined file off."""
    path = out.with_suffix(".nc")
    path.write_bytes(path.read_bytes()[:-1000])


def flipped(out):
    """Flip one bit in the values of the second case of a joined file."""
    path, content = out.with_suffix(".nc"), bytearray(out.with_suffix(".nc").read_bytes())
    with h5py.File(path) as file:
        place = file["pressure"].id.get_chunk_info_by_coord((1, 0, 0, 0))
    content[place.byte_offset + place.size // 2] ^= 1
    path.write_bytes(content)


HARMS = {
    "joined, its cases not removed": (alone, []),
    "without its manifest": (Path.unlink, []),
    "a case missing": (never_joined, [1]),
    "a case cut off": (broken_alone, [1]),
    "joined and cut off": (truncated, [0, 1]),
    "a bit of a joined case flipped": (flipped, [1]),
}


@pytest.mark.parametrize(("harm", "again"), HARMS.values(), ids=HARMS)
def test_a_shard_has_the_same_bytes_whatever_happened_to_it(study, simulated, tmp_path, harm, again):
    expected = shard_of(study, tmp_path / "undisturbed")
    simulated.clear()
    found = shard_of(study, tmp_path / "disturbed", harm)
    assert simulated == [0, 1, *again]
    assert found == expected


def test_more_cases_in_a_shard_keep_those_that_are_there(study, simulated, tmp_path):
    shard_of(study, tmp_path)
    simulated.clear()
    micro = study.ensembles.micro.model_copy(update={"shard": 3})
    larger = study.model_copy(update={"ensembles": study.ensembles.model_copy(update={"micro": micro})})
    assert "shard_0000.nc" in shard_of(larger, tmp_path)
    assert simulated == [2]


def test_kept_cases_keep_their_costs_and_lost_ones_are_unknown(study, tmp_path):
    shards = make(study, tmp_path)
    seconds = ledger.read(tmp_path / "micro.json")["core_seconds"]
    again = make(study, tmp_path)
    assert again == shards and ledger.read(tmp_path / "micro.json")["core_seconds"] == seconds
    for number, text in enumerate(("{", '{"cases": ["case_0003"]}')):
        ledger.place(shards[number]).write_text(text)
    make(study, tmp_path)
    assert ledger.read(tmp_path / "micro.json") == {}


@pytest.mark.parametrize("harm", ["truncated", "gone"])
def test_a_shard_harmed_after_it_was_whole_is_refused(study, tmp_path, harm):
    shards = make(study, tmp_path)
    joined = shards[0].with_suffix(".nc")
    if harm == "gone":
        joined.unlink()
    else:
        joined.write_bytes(joined.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"shard_0000\.nc: expected"):
        ensembles.assemble(study, "micro", tmp_path / "design.nc", shards, tmp_path / "again.json")
    assert not (tmp_path / "again.json").exists()


def test_a_manifest_that_lacks_the_extremes_of_a_field_is_refused(study, made, tmp_path):
    shutil.copytree(made, tmp_path / "copy")
    shards = sorted((tmp_path / "copy" / "cases").glob("shard_*.json"))
    said = json.loads(shards[1].read_text())
    del said["extremes"]["pressure"]
    shards[1].write_text(json.dumps(said))
    with pytest.raises(DataError, match=r"shard_0001\.json: extremes: expected those of .*pressure"):
        ensembles.assemble(study, "micro", made / "design.nc", shards, tmp_path / "micro.json")


def test_a_shard_that_is_missing_is_noticed(study, made, tmp_path):
    shards = sorted((made / "cases").glob("shard_*.json"))
    with pytest.raises(DataError, match="cases as in"):
        ensembles.assemble(study, "micro", made / "design.nc", shards[:-1], tmp_path / "micro.json")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_simulation_leaves_whole_cases_and_carries_on(tmp_path, number, code):
    finer = "ensembles: {meso: {cells: [96, 128], cell_size: 1.608e-7, refine: 2}}"  # seconds a case
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


def test_the_file_of_a_shard_opens_alone(study, made):
    with xr.open_dataset(made / "cases" / "shard_0000.nc", decode_timedelta=False) as cases:
        assert cases.temperature.dims == schema.DIMS
        assert cases.temperature.attrs["units"] == "K"
        assert (cases.steps > 0).all() and "core_seconds" not in cases
        assert cases.attrs["study"] == study.name
