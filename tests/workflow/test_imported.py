"""A study of data from elsewhere, from the files of others to the report: nothing is simulated."""

import json

import numpy as np
import pytest
import yaml

from tessera.data import schema, store
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked
from tests.workflow.checkout import SMOKE, Checkout

pytestmark = pytest.mark.slow
SEEN = ("temperature", "pressure", "initial_microstructure")
OVERLAY = {
    "name": "own",
    "models": ["parcv2", "cnext"],
    "ensembles": {scale: {"import": f"data/{scale}.json"} for scale in ("micro", "meso")},
    "evaluation": {"snapshots": {"micro": [1, 4], "meso": [1, 4]}},
}
SAID = {"shock": "left", "cell_size": f"{CELL_SIZE} m", "interval": f"{INTERVAL} s"}


def sets(folder):
    """Write a PARCtorch folder of micro cases with all fields, and a netCDF file of meso cases without velocities."""
    micro, meso = shocked(cases=4, snapshots=6, ny=64, nx=96), shocked(cases=4, snapshots=6, ny=64, nx=128, fields=SEEN)
    (folder / "micro").mkdir()
    for case in range(4):
        stacked = np.stack([micro[name].values[case] for name in schema.SIMULATED], axis=1)
        np.save(folder / "micro" / f"run_{case}.npy", stacked)
    places = {
        name: {"channel": number, "units": schema.FIELDS[name].units} for number, name in enumerate(schema.SIMULATED)
    }
    how = {"format": "parctorch", "fields": places, "orientation": {"y": "rising", "x": "rising"}, **SAID}
    (folder / "micro.yaml").write_text(yaml.safe_dump(how | {"split": {"train": 2, "validation": 1, "test": 1}}))
    first = meso.assign(initial_microstructure=meso["initial_microstructure"].isel(time=0, drop=True))
    first.drop_vars(["name", "porosity", "particle_velocity"]).to_netcdf(folder / "meso.nc", engine="netcdf4")
    how = {"format": "netcdf", "fields": {name: {"variable": name} for name in SEEN}, "dims": {"case": "case"}, **SAID}
    (folder / "meso.yaml").write_text(yaml.safe_dump(how | {"particle_velocity": "0.95 km/s"}))
    return {"micro": micro, "meso": meso}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the repository in which two sets were imported and a study of them was run."""
    copy = Checkout(tmp_path_factory.mktemp("imported") / "tessera", sources=False)
    truth = sets(copy.folder)
    for scale, source in (("micro", "micro"), ("meso", "meso.nc")):
        made = copy.tessera("import", source, "--mapping", f"{scale}.yaml", "--out", f"data/{scale}.json")
        assert made.returncode == 0, made.stdout
    (copy.folder / "own.yaml").write_text(yaml.safe_dump(OVERLAY))
    result = copy.snakemake("--show-failed-logs", overlay=[SMOKE, "own.yaml"])
    assert result.returncode == 0, result.stdout
    return copy, truth, result.stdout


@pytest.mark.parametrize("scale", ["micro", "meso"])
def test_the_ensembles_of_the_study_hold_the_values_of_the_files(finished, scale):
    copy, truth, _ = finished
    found = store.open_zarr(copy.folder / "results" / "own" / "ensembles" / f"{scale}.json").load()
    assert (found.attrs["study"], found.attrs["scale"]) == ("own", scale)
    for name in schema.fields_of(truth[scale]):
        np.testing.assert_array_equal(found[name], truth[scale][name])
    np.testing.assert_allclose(found["x"], truth[scale]["x"])
    np.testing.assert_allclose(found["time"], truth[scale]["time"], atol=1e-20)
    assert found["split"].values.tolist() == truth[scale]["split"].values.tolist()


def test_nothing_is_simulated_and_a_second_run_has_nothing_to_do(finished):
    copy, _, said = finished
    assert "rule cases:" not in said and "rule design:" not in said
    assert copy.planned(overlay=[SMOKE, "own.yaml"]) == {}


def test_a_model_that_lacks_a_field_is_left_out_with_a_line_that_says_why(finished):
    copy, _, said = finished
    line = "parcv2 is left out: it needs velocity_x, velocity_y, which ensembles.meso has not"
    assert line in said
    checked = copy.tessera("check", "config/config.yaml", SMOKE, "own.yaml")
    assert checked.returncode == 0 and line in checked.stdout
    results = copy.folder / "results" / "own"
    assert sorted(path.name for path in (results / "models").iterdir()) == ["cnext"]
    page = (results / "report" / "index.html").read_text(encoding="utf-8")
    assert "PARCv2 is left out: it needs velocity_x, velocity_y" in page


def test_a_changed_import_is_taken_anew(finished):
    copy, _, _ = finished
    said = copy.folder / "data" / "meso.json"
    before = said.read_text()
    again = copy.tessera("import", "meso.nc", "--mapping", "meso.yaml", "--out", "data/meso.json")
    assert again.returncode == 0, again.stdout
    assert json.loads(said.read_text())["sha256"] == json.loads(before)["sha256"], "expected an equal import"
    text = (copy.folder / "meso.yaml").read_text().replace("0.95 km/s", "0.9 km/s")
    (copy.folder / "meso.yaml").write_text(text)
    assert copy.tessera("import", "meso.nc", "--mapping", "meso.yaml", "--out", "data/meso.json").returncode == 0
    planned = copy.planned(overlay=[SMOKE, "own.yaml"])
    assert planned["adopted"] == 1 and planned["rival"] == 1
