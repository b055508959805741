"""Import and export as commands: whole or not at all, one line for what is wrong, nothing lost of what was there."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from tessera import invocation
from tessera.data import schema, store
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked

SAID = {
    "format": "parctorch",
    "shock": "left",
    "title": "Shocks of a test",
    "licence": "CC0-1.0",
    "fields": {name: {"channel": n, "units": schema.FIELDS[name].units} for n, name in enumerate(schema.SIMULATED)},
    "cell_size": f"{CELL_SIZE} m",
    "interval": f"{INTERVAL} s",
    "orientation": {"y": "rising", "x": "rising"},
    "split": {"train": 1, "validation": 1, "test": 1},
}


@pytest.fixture
def call(monkeypatch):
    """Return a function that runs a command in this process; it returns exit code and line."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["tessera", *map(str, words)])
        return invocation.call()

    return run


@pytest.fixture
def given(tmp_path):
    """A folder with a set of PARCtorch arrays and its mapping."""
    truth = shocked()
    (tmp_path / "set").mkdir()
    for case in range(truth.sizes["case"]):
        stacked = np.stack([truth[name].values[case] for name in schema.SIMULATED], axis=1)
        np.save(tmp_path / "set" / f"run_{case}.npy", stacked)
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(SAID))
    return tmp_path


def bring(call, given, out="data/meso.json", **said):
    (given / "map.yaml").write_text(yaml.safe_dump(SAID | said))
    return call("import", given / "set", "--mapping", given / "map.yaml", "--out", given / out)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_import_keeps_the_schema_and_says_where_it_comes_from(call, given):
    assert bring(call, given) == (0, "")
    found = store.open_zarr(given / "data" / "meso.json")
    schema.check(found, "meso", fields=schema.SIMULATED)
    truth = shocked()
    for name in schema.SIMULATED:
        np.testing.assert_array_equal(found[name], truth[name])
    assert found.attrs["title"] == "Shocks of a test" and found.attrs["license"] == "CC0-1.0"
    assert found.attrs["imported_from"] == "parctorch"
    assert json.loads(found.attrs["mapping"])["cell_size"] == SAID["cell_size"]
    for attribute in ("mapping_digest", "source_digest", "version", "git_revision"):
        assert found.attrs[attribute], attribute
    said = json.loads((given / "data" / "meso.json").read_text())
    assert (said["cases"], said["snapshots"], said["cells"]) == (3, 5, [12, 20])
    assert said["split"] == {"train": 1, "validation": 1, "test": 1}


def test_the_same_set_gives_the_same_store(call, given):
    assert bring(call, given) == (0, "") and bring(call, given, out="again/meso.json") == (0, "")
    first, second = (json.loads((given / part / "meso.json").read_text())["sha256"] for part in ("data", "again"))
    assert first == second


def test_a_failing_import_leaves_what_was_there(call, given):
    assert bring(call, given) == (0, "")
    before = store.open_zarr(given / "data" / "meso.json").load()
    last = np.load(given / "set" / "run_2.npy")
    last[-1, 0, 3, 4] = np.nan
    np.save(given / "set" / "run_2.npy", last)
    code, line = bring(call, given)
    assert code == 2 and "case run_2: temperature: expected finite values, got nan at (time, y, x) = (4, 3, 4)" in line
    assert names(given / "data") == ["meso.json", "meso.zarr"]
    assert store.open_zarr(given / "data" / "meso.json").load().identical(before)
    code, _ = bring(call, given, out="new/meso.json")
    assert code == 2 and names(given / "new") == []


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"format": "well"}, "variable: expected the name of a field"),
        ({"fields": {"temperature": {"channel": 9, "units": "K"}}}, "channel"),
        ({"split": {"train": 9, "validation": 1, "test": 1}}, "split: expected 3 cases together, got 11"),
        ({"cell_size": None}, "cell_size: expected"),
        ({"colour": "blue"}, "colour: expected a known key, got 'colour'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_one_line(call, given, said, line):
    code, got = bring(call, given, **said)
    assert code == 2 and line in got and "\n" not in got.strip() and names(given / "data") == []


def test_missing_files_are_named(call, given):
    code, line = call("import", given / "none", "--mapping", given / "map.yaml", "--out", given / "a.json")
    assert code == 2 and "none: expected a set of format parctorch, found none" in line
    code, line = call("import", given / "set", "--mapping", given / "none.yaml", "--out", given / "a.json")
    assert code == 2 and "none.yaml: expected a readable file" in line
    code, line = call("export", given / "none.json", "--format", "well", "--out", given / "out")
    assert code == 2 and "none.json: expected a file, found none" in line and not (given / "out").exists()


@pytest.mark.parametrize("kind", ["netcdf", "parctorch", "vtk", "well"])
def test_an_export_is_a_new_folder_whole_or_not_at_all(call, given, kind):
    assert bring(call, given) == (0, "")
    assert call("export", given / "data/meso.json", "--format", kind, "--out", given / "out") == (0, "")
    first = {path.relative_to(given / "out"): path.stat().st_mtime_ns for path in (given / "out").rglob("*")}
    assert first
    code, line = call("export", given / "data/meso.json", "--format", kind, "--out", given / "out")
    assert code == 2 and "out: expected a folder that does not exist yet, found one" in line
    assert {path.relative_to(given / "out"): path.stat().st_mtime_ns for path in (given / "out").rglob("*")} == first
    chunk = next(path for path in (given / "data/meso.zarr/pressure/c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    code, line = call("export", given / "data/meso.json", "--format", kind, "--out", given / "other")
    assert code == 2 and "expected checksum" in line and not (given / "other").exists()


def test_an_unknown_format_is_named(call, given):
    assert bring(call, given) == (0, "")
    code, line = call("export", given / "data/meso.json", "--format", "matlab", "--out", given / "out")
    assert code == 2 and "--format: expected one of netcdf, parctorch, vtk, well, got 'matlab'" in line
    assert not (given / "out").exists()


def test_a_full_disk_leaves_no_export(call, given, tmp_path):
    assert bring(call, given) == (0, "")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "none", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("needs to mount a small disk")
    try:
        for kind in ("netcdf", "parctorch", "vtk", "well"):
            code, line = call("export", given / "data/meso.json", "--format", kind, "--out", disk / "out")
            assert code == 2 and line.count("\n") <= 1, (kind, line)
            assert names(disk) == [], kind
        code, line = bring(call, given, out="disk/meso.json")
        assert code == 2 and names(disk) == [], line
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_import_leaves_nothing(given, sign, code):
    for case in range(3, 60):  # some seconds of work
        shutil.copy(given / "set" / "run_0.npy", given / "set" / f"run_{case}.npy")
    (given / "map.yaml").write_text(yaml.safe_dump(SAID | {"split": {"train": 58, "validation": 1, "test": 1}}))
    words = ["import", given / "set", "--mapping", given / "map.yaml", "--out", given / "data" / "meso.json"]
    command = [sys.executable, "-m", "tessera", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        end = time.monotonic() + 60.0
        while not list(given.glob("data/.meso.zarr.*.part/temperature/*")) and time.monotonic() < end:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.005)
        process.send_signal(sign)
        said, _ = process.communicate(timeout=30.0)
    assert process.returncode == code, said
    assert "Traceback" not in said and names(given / "data") == []
