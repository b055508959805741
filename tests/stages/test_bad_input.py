"""Every command, given what is missing, broken or of another study: one line, and nothing left."""

import json

import pytest

from tests.stages.tiny import NAMES, commands, inputs, left, refused

READERS = [name for name in NAMES if not name.startswith("design")]


@pytest.mark.parametrize("name", READERS)
def test_an_input_that_is_missing_or_cut_is_named(call, copy, tmp_path, name):
    words, out = commands(copy, tmp_path / "out")[name], tmp_path / "out"
    for path in (copy / part for part in inputs(name)):
        whole = path.read_bytes()
        path.unlink()
        refused(call(words), path.name)
        for content in (whole[: len(whole) // 2], b"", b"[]"):
            path.write_bytes(content)
            refused(call(words), path.name)
        path.write_bytes(whole)
    assert left(out) == []


@pytest.mark.parametrize(
    "name", [name for name in READERS if any((p[:3] in {"ens", "lat", "pre"}) for p in inputs(name))]
)
def test_a_store_that_lost_a_part_is_named(call, copy, tmp_path, name):
    words, out = commands(copy, tmp_path / "out")[name], tmp_path / "out"
    for store in (
        copy / part for part in inputs(name) if part.split("/")[0] in {"ensembles", "latents", "predictions"}
    ):
        folder = store.with_suffix(".zarr")
        files = (path for path in folder.rglob("*") if path.is_file())
        for file in (max(files, key=lambda path: path.stat().st_size), folder / "zarr.json"):
            whole = file.read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
            refused(call(words), folder.name, "expected checksum")
            file.unlink()
            refused(call(words), folder.name, "expected checksum")
            file.write_bytes(whole)
    assert left(out) == []


@pytest.mark.parametrize("name", READERS)
def test_inputs_of_another_study_are_refused(call, copy, tmp_path, name):
    content = json.loads((copy / "study.json").read_text())
    del content["digest"]  # as whoever edits it is told
    (copy / "study.json").write_text(json.dumps({**content, "name": "other"}))
    refused(call(commands(copy, tmp_path / "out")[name]), "study 'other'", "'tiny'")
    assert left(tmp_path / "out") == []


def test_a_shard_of_another_study_is_refused_beside_a_design_of_this(call, copy, tmp_path):
    shard = copy / "cases/micro/shard_0000.json"
    shard.write_text(json.dumps({**json.loads(shard.read_text()), "study": "other"}))
    refused(
        call(commands(copy, tmp_path / "out")["assemble micro"]), "shard_0000.json: expected a file of study 'tiny'"
    )


def test_the_other_scale_is_refused(call, finished, tmp_path):
    words = commands(finished, tmp_path / "out")["scales micro"]
    refused(
        call([word.replace("ensembles/micro", "ensembles/meso") for word in words]),
        "of the micro scale, got one of 'meso'",
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_cannot_be_written_is_named(call, finished, tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    refused(call(commands(finished, tmp_path / "file")[name]), "expected to read or write, got Not a directory")
