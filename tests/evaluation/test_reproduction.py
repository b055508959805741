"""Two folders of results compared: equal, close, different, missing, extra, wherever they lie."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import xarray as xr

from tessera.data import outputs
from tessera.evaluation.reproduction import Finding, against_record, against_results

WEIGHTS = {"a": np.array([1.0, 2.0, -4.0], dtype="float32"), "b": np.array([3], dtype="int64")}


def dataset(first=1.0):
    values = np.array([[first, 2.0], [np.nan, 100.0]], dtype="float32")
    return xr.Dataset({"pressure": (("y", "x"), values)}, coords={"split": ("y", ["train", "test"])})


def write(folder, *, first=1.0, last=-4.0, score=0.5, loss=0.25, name="study"):
    for part in ("cases", "models", "scores", "logs", "report/figures"):
        (folder / part).mkdir(parents=True)
    dataset(first).to_netcdf(folder / "cases/case_0000.nc")
    dataset(first).to_zarr(folder / "ensemble.zarr", zarr_format=2)
    weights = WEIGHTS | {"a": np.array([1.0, 2.0, last], dtype="float32")}
    safetensors.numpy.save_file(weights, folder / "models/a.safetensors")
    table = pd.DataFrame(
        {"model": ["tessera", "truth"], "n": pd.array([1, None], dtype="Int64"), "value": [score, 2.0]}
    )
    table.to_parquet(folder / "scores/a.parquet")
    table.to_csv(folder / "scores/a.csv")
    (folder / "models/a.jsonl").write_text(json.dumps({"stage": "only", "loss": loss, "error": math.inf}) + "\n")
    (folder / "study.json").write_text(json.dumps({"name": name, "seed": 1}))
    (folder / "report/index.html").write_text(f"<p>{score}</p>")
    (folder / "logs/a.log").write_text(str(folder))
    return folder


@pytest.fixture
def one(tmp_path):
    return write(tmp_path / "here" / "one")


def states(found):
    return {name: finding.state for name, finding in found.items() if finding.state != "equal"}


def test_equal_folders_are_equal_bit_for_bit_and_logs_play_no_role(one, tmp_path):
    found = against_results(write(tmp_path / "moved" / "two"), one, 0.0)
    assert len(found) == 8 and set(found.values()) == {Finding("equal", 0.0)}


@pytest.mark.parametrize(
    ("change", "outputs", "difference"),
    [
        ({"first": 1.0 + 2**-10}, ("cases/case_0000.nc", "ensemble.zarr"), 2**-10 / 100.0),
        ({"last": -4.0 - 2**-8}, ("models/a.safetensors",), 2**-8 / 4.0),
        ({"loss": 0.25 + 2**-10}, ("models/a.jsonl",), 2**-10 / 0.25),
        ({"score": 0.5 + 2**-9}, ("scores/a.parquet", "scores/a.csv"), 2**-9 / 2.0),
    ],
)
def test_other_bytes_are_compared_by_value_relative_to_the_largest(one, tmp_path, change, outputs, difference):
    other = write(tmp_path / "other", **change)
    drawn = {"report/index.html": "drawn"} if "score" in change else {}
    assert states(against_results(other, one, 1.01 * difference)) == dict.fromkeys(outputs, "close") | drawn
    found = against_results(other, one, 0.99 * difference)
    assert states(found) == dict.fromkeys(outputs, "different") | drawn
    assert [found[name].difference for name in outputs] == pytest.approx([difference] * len(outputs))


def test_what_is_not_finite_is_equal_to_its_kind_alone(one, tmp_path):
    assert states(against_results(write(tmp_path / "other", first=np.nan), one, 1e9)) == {
        "cases/case_0000.nc": "different",
        "ensemble.zarr": "different",
    }
    assert states(against_results(write(tmp_path / "none", loss=math.nan), one, 1e9)) == {"models/a.jsonl": "different"}


def harm_text(folder):
    (folder / "study.json").write_text(json.dumps({"name": "another", "seed": 1}))


def harm_shape(folder):
    safetensors.numpy.save_file(WEIGHTS | {"a": np.zeros((1, 3), "float32")}, folder / "models/a.safetensors")


def harm_names(folder):
    dataset().rename(pressure="density").to_netcdf(folder / "cases/case_0000.nc")


def harm_bytes(folder):
    path = folder / "scores/a.parquet"
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("harm", "name", "why"),
    [
        (harm_text, "study.json", "study.json.name: other texts"),
        (harm_shape, "models/a.safetensors", "a: expected float32 (3,), got float32 (1, 3)"),
        (harm_names, "cases/case_0000.nc", "density: expected in both, found in one"),
        (harm_bytes, "scores/a.parquet", "cannot be read: "),
    ],
)
def test_what_has_no_difference_in_numbers_says_why(one, tmp_path, harm, name, why):
    other = shutil.copytree(one, tmp_path / "other")
    harm(other)
    found = against_results(other, one, 1e9)
    assert states(found) == {name: "different"}
    assert found[name].why.startswith(why)


def test_checksums_and_versions_within_are_no_values(one, tmp_path):
    for folder in (one, other := shutil.copytree(one, tmp_path / "other")):
        said = {"study": "a", "sha256": folder.name, "git_revision": folder.name, "cases": {"c": "0" * 64}, "shard": 1}
        (folder / "manifest.json").write_text(json.dumps(said | {"d": ("a" if folder == one else "b") * 64}))
    assert states(against_results(other, one, 0.0)) == {"manifest.json": "close"}


def test_missing_and_extra_outputs_are_told(one, tmp_path):
    other = shutil.copytree(one, tmp_path / "other")
    (other / "scores/a.csv").unlink()
    (other / "scores/b.csv").touch()
    assert states(against_results(other, one, 0.0)) == {"scores/a.csv": "missing", "scores/b.csv": "extra"}


def test_against_a_record_only_equal_bytes_are_the_same(one, tmp_path):
    outputs.record(tmp_path / "outputs.json", "study", outputs.digests(one))
    expected = outputs.recorded(tmp_path / "outputs.json")
    assert states(against_record(one, expected)) == {}
    other = write(tmp_path / "other", loss=0.25 + 2**-50)
    (other / "scores/a.csv").unlink()
    assert states(against_record(other, expected)) == {"models/a.jsonl": "different", "scores/a.csv": "missing"}


def test_a_figure_of_costs_a_leftover_and_a_measured_section(one):
    before = outputs.digests(one)
    for name in ("report/figures/costs.pdf", "models/costs/a.json", "report/outputs.json", "training/x/training.pt"):
        (one / name).parent.mkdir(parents=True, exist_ok=True)
        (one / name).write_text("measured")
    page = one / "report/index.html"
    page.write_text(page.read_text() + outputs.MEASURED[0] + "9 s\n" + outputs.MEASURED[1])
    assert outputs.digests(one) == before
    (one / "models" / ".a.safetensors.77.part").touch()
    page.write_text(page.read_text() + ".")
    assert {name for name, _ in outputs.digests(one).items() ^ before.items()} == {
        "report/index.html",
        "models/.a.safetensors.77.part",
    }
