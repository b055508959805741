"""Files that a stranger made, with checksums that are right: one line, nothing run, nothing read elsewhere."""

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile

import numcodecs
import numpy as np
import pytest
import torch
import xarray as xr

from tessera.data import files, store
from tests.stages.tiny import commands, left, refused


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.fixture
def trace(tmp_path):
    """Return what an attack that succeeds leaves; one that runs is seen to leave it."""
    path = tmp_path / "run"
    pickle.loads(pickle.dumps(Evil(path)))
    path.rmdir()
    yield path
    assert not path.exists()


def forge(manifest):
    """Give a store that was changed the checksum of its manifest."""
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"sha256": files.tree_digest(manifest.parent / said["store"])}))


def plain(manifest):
    """Write a store anew as plainly as the library can: version 2, one file for each chunk."""
    dataset = store.open_zarr(manifest).load()
    place = manifest.with_suffix(".zarr")
    shutil.rmtree(place)
    for variable in dataset.variables.values():
        variable.encoding = {}
    dataset.to_zarr(place, zarr_format=2, consolidated=False)
    forge(manifest)
    return place


def say(place, name, **changed):
    """Change what the metadata of an array say."""
    file = place / name / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def fill(place, name, content):
    """Write something else to every chunk of an array."""
    for chunk in (place / name).iterdir():
        if not chunk.name.startswith("."):
            chunk.write_bytes(content)


PICKLED = {"id": "pickle", "protocol": 5}
FORGERIES = {
    "a codec that unpickles": lambda place, evil: (
        say(place, "pressure", filters=None, compressor=PICKLED),
        fill(place, "pressure", evil),
    ),
    "one behind a harmless one": lambda place, evil: (
        say(place, "split", dtype="|O", filters=[numcodecs.VLenUTF8().get_config()], compressor=PICKLED, fill_value=""),
        fill(place, "split", evil),
    ),
    "cells without end": lambda place, _: say(place, "pressure", shape=[3, 8, 10**9, 10**9]),
    "time without end": lambda place, _: say(place, "time", shape=[10**15], chunks=[10**15]),
    "chunks without end": lambda place, _: say(place, "pressure", chunks=[1, 8, 10**9, 10**9]),
    "chunks of nothing": lambda place, _: say(place, "pressure", chunks=[0, 8, 48, 64]),
    "a codec of no name": lambda place, _: say(place, "pressure", compressor={"id": "no such"}),
    "objects": lambda place, _: say(place, "pressure", dtype="|O", filters=None),
    "chunks that are none": lambda place, _: fill(place, "pressure", b"none" * 9),
    "a chunk that grows": lambda place, _: fill(
        place, "pressure", struct.pack("<BBBBIII", 2, 1, 1, 4, 2**31 - 1, 8, 16)
    ),
    "a list": lambda place, _: (place / "pressure" / ".zarray").write_text("[]"),
    "no array": lambda place, _: (place / "pressure" / ".zarray").write_text("{}"),
    "a link": lambda place, _: (place / "pressure" / "9.0.0.0").symlink_to("/etc/passwd"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_store_is_refused_in_one_line(call, copy, tmp_path, trace, what):
    manifest = copy / "ensembles/micro.json"
    place = plain(manifest)
    FORGERIES[what](place, pickle.dumps(Evil(trace)))
    if what != "a link":
        forge(manifest)
    for name in ("scales micro", "reconstruct"):
        refused(call(commands(copy, tmp_path / "out")[name]), "micro")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("name", ["..", ".", "../elsewhere.zarr", "/etc", "micro.zarr/../../x"])
def test_a_manifest_names_no_folder_but_one_beside_it(call, copy, tmp_path, name):
    manifest = copy / "ensembles/micro.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"store": name}))
    refused(call(commands(copy, tmp_path / "out")["scales micro"]), "micro.json: store: expected the name of a folder")


@pytest.mark.parametrize("case", ["../case_0000", 0.5, [0]])
def test_a_shard_names_its_cases_by_number(call, copy, tmp_path, case):
    shard = copy / "cases/micro/shard_0000.json"
    said = json.loads(shard.read_text())
    said["cases"][0] = case
    shard.write_text(json.dumps(said))
    refused(call(commands(copy, tmp_path / "out")["assemble micro"]), "shard_0000.json: cases.0: expected")


@pytest.mark.parametrize("cases", [["../../a", "b", "c"], [0, 0, 1], [0.5, 1.5, 2.5]])
def test_a_design_names_cases_by_number(call, copy, tmp_path, cases):
    path = copy / "design/micro.nc"
    drawn = store.open_netcdf(path).load()
    attrs = drawn["case"].attrs
    store.save_netcdf(drawn.assign_coords(case=xr.DataArray(np.array(cases), dims="case", attrs=attrs)), path)
    refused(call(commands(copy, tmp_path / "out")["simulate micro"]), "micro.nc: expected cases by number")
    assert left(tmp_path / "out") == []


def test_a_pickle_in_place_of_a_checkpoint_is_not_run(call, copy, tmp_path, trace):
    path = copy / "models/cnext/n1_s0.safetensors"
    evil = pickle.dumps(Evil(trace))
    torch.save({"weights": Evil(trace)}, tmp_path / "zip")
    header = b'{"__metadata__": {"format": "tessera-checkpoint-1"}}'
    lengths = (2**63, 2**40, len(header) + 2**20)
    for content in (evil, (tmp_path / "zip").read_bytes(), *(struct.pack("<Q", one) + header for one in lengths)):
        path.write_bytes(content)
        refused(call(commands(copy, tmp_path / "out")["predict cnext meso"]), "expected a whole checkpoint")


def test_a_training_state_that_would_run_code_is_refused(call, copy, trace):
    state = next((copy / "training/cnext").rglob("training.pt"))
    torch.save({"updates": Evil(trace)}, state)
    with zipfile.ZipFile(state) as file:
        assert file.testzip() is None
    refused(call(commands(copy, copy)["fit cnext"]), "training.pt: expected a whole training state", "delete it")


LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
STUDIES = {
    "tag": "name: !!python/object/apply:os.mkdir [{trace}]\n",
    "module": "name: !!python/module:os\n",
    "laughs": "a0: &a0 [lol, lol]\n" + LAUGHS + "\n",
    "itself": "a: &a [*a]\n",
    "itself, named": "a: &a {{b: *a}}\n",
    "deep": "a: " + "[" * 3000 + "]" * 3000,
}


@pytest.mark.parametrize("what", STUDIES)
def test_a_study_file_that_attacks_is_refused(call, tmp_path, trace, what):
    path = tmp_path / "study.yaml"
    path.write_text(STUDIES[what].replace("{trace}", str(trace)).replace("{{", "{").replace("}}", "}"))
    refused(call(["check", path]), "study.yaml")
    code, line = call(["import", tmp_path, "--mapping", path, "--out", tmp_path / "x.json"])
    assert code == 2
    assert "\n" not in line


def test_an_image_bomb_is_refused(call, tmp_path):
    for name in ("microstructures", "temperatures/data_01", "pressures/data_01"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "microstructures/data_01.pgm").write_bytes(b"P5\n999999999 999999999\n255\n" + bytes(64))
    (tmp_path / "temperatures/data_01/Temp_01.txt").write_text("300\n")
    (tmp_path / "pressures/data_01/pres_01.txt").write_text("0\n")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(PARC)
    refused(call(["import", tmp_path, "--mapping", mapping, "--out", tmp_path / "x.json"]), "data_01.pgm: expected")


PARC = """\
format: parc
cell_size: 10 nm
interval: 0.1 ns
orientation: {y: rising, x: rising}
shock: left
split: {train: 1, validation: 1, test: 1}
fields: {temperature: {units: K}, pressure: {units: Pa}, initial_microstructure: {units: "1"}}
"""


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_files_have_the_modes_that_the_user_asks_for(call, finished, tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        for name in ("design micro", "scales micro", "encode micro", "predict cnext meso", "score micro", "fit cnext"):
            assert call(commands(finished, tmp_path / "out")[name]) == (0, "")
    finally:
        os.umask(before)
    paths = [*(tmp_path / "out").rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_file()} == {oct(mode)}
    assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_dir()} == {oct(0o777 & ~mask)}


@pytest.mark.slow
def test_commands_write_to_their_outputs_and_to_caches_that_are_named_alone(finished, tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    known = {"HOME": str(home), "TMPDIR": str(temporary), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    for name in ("simulate micro", "fit cnext", "report"):
        words = [sys.executable, "-m", "tessera", *commands(finished, tmp_path / "out")[name]]
        done = subprocess.run(words, env=kept | known, cwd=finished, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert [*home.rglob("*")] == []
    assert [*temporary.rglob("*")] == []
