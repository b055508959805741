"""Files of a finished study, damaged by a seeded fuzzer: refused in one line, made again, or of no consequence.

A command that reads a damaged file may end in two ways: with one line and exit code 2, or with the very outputs that it
makes of the whole file. Another number is the one thing that must not come of it.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tessera.errors import DataError
from tessera.stages import evaluation
from tessera.study import load
from tests.formats.mutations import mutations
from tests.stages.tiny import FIELD, commands, left, outputs, refused

pytestmark = pytest.mark.slow
COUNT = 18  # mutations of each file
ENSEMBLE = ("scales micro", "encode micro", "reconstruct", "fit tokenizer", "fit coupled", "score micro")
LATENTS = ("fit decoupled", "fit coupled")
TOKENIZER = ("encode micro", "reconstruct", "fit coupled")
READERS = {  # which commands read a file; `*` stands for some file inside of a store
    "study.json": ("design micro", "scales micro", "fit cnext"),
    "design/micro.nc": ("simulate micro", "assemble micro"),
    "cases/micro/shard_0000.nc": ("assemble micro",),
    "cases/micro/shard_0000.json": ("assemble micro",),
    "ensembles/micro.json": ENSEMBLE,
    "ensembles/micro.zarr/*": ENSEMBLE,
    "scales/micro.json": ("fit tokenizer",),
    "scales/meso.json": ("fit cnext", "fit parcv2"),
    f"models/tokenizer/{FIELD}.safetensors": TOKENIZER,
    f"models/decoupled/{FIELD}.safetensors": ("fit coupled",),
    "models/coupled.safetensors": ("fit transfer", "predict tessera micro"),
    "models/cnext/n1_s0.safetensors": ("predict cnext micro", "predict cnext meso"),
    "latents/micro.json": LATENTS,
    "latents/micro.zarr/*": LATENTS,
    "predictions/micro/cnext/n1_s0_test.json": ("score micro",),
    "predictions/micro/cnext/n1_s0_test.zarr/*": ("score micro",),
}


def damages(content, seed):
    """Yield damaged copies of a file, None for a file that is gone."""
    rng = np.random.default_rng(seed)
    yield None
    yield b""
    yield content + rng.bytes(int(rng.integers(1, 100)))
    start = int(rng.integers(len(content)))
    yield content[:start] + bytes(min(4096, len(content) - start)) + content[start + 4096 :]
    for _ in range(3):
        one = bytearray(content)
        one[int(rng.integers(len(one)))] ^= 1 << int(rng.integers(8))
        yield bytes(one)
    yield from mutations(content, seed, COUNT - 7)


def damaged(path, seed, others=()):
    """Damage a file again and again, and others in its stead in turn; yield what was done, and mend it in the end."""
    for number, _ in enumerate(damages(path.read_bytes(), seed)):
        chosen = others[number % len(others)] if others else path
        whole = chosen.read_bytes()
        damage = [*damages(whole, seed)][number]
        if damage == whole:
            continue
        chosen.unlink()
        if damage is not None:
            chosen.write_bytes(damage)
        try:
            yield f"{chosen}, damage {number}"
        finally:
            chosen.write_bytes(whole)


@pytest.fixture(scope="module")
def harmed(finished, tmp_path_factory):
    """Return a copy of the results that is harmed, and mended after each harm."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("harmed") / "results"))


@pytest.mark.parametrize("target", READERS)
def test_damage_is_noticed_or_of_no_consequence(call, finished, harmed, tmp_path, target):
    path, inside = harmed / target, []
    if target.endswith("*"):
        inside = sorted(part for part in path.parent.rglob("*") if part.is_file())
        path = inside[0]
    noticed = 0
    for number, what in enumerate(damaged(path, 5, inside)):
        name, out = READERS[target][number % len(READERS[target])], tmp_path / str(number)
        code, line = call(commands(harmed, out)[name])
        if code:
            refused((code, line), harmed.name)
            assert left(out) == [], what
            noticed += 1
        else:
            assert outputs(name, out) == outputs(name, finished), what
    assert noticed > COUNT / 2


@pytest.mark.parametrize("target", ["cases/micro/shard_0000.nc", "design/micro.nc"])
def test_a_damaged_case_is_simulated_again(call, finished, harmed, target):
    name, made = "simulate micro", harmed / "cases/micro/shard_0000.nc"
    for what in [*zip(range(8), damaged(harmed / target, 7), strict=False)]:
        code, line = call(commands(harmed, harmed)[name])
        if code:
            refused((code, line), target)
        else:
            assert outputs(name, harmed) == outputs(name, finished), what
    assert made.is_file()


def test_a_damaged_training_state_is_refused_or_resumed_alike(call, finished, tmp_path):
    name, known = "fit cnext", Path(shutil.copytree(finished, tmp_path / "results"))
    state = next((known / "training/cnext").rglob("training.pt"))
    refusals = 0
    for what in damaged(state, 3):
        code, line = call(commands(known, known)[name])
        if code:
            refused((code, line), "training.pt", "delete it")
            refusals += 1
        else:
            assert outputs(name, known) == outputs(name, finished), what
    assert refusals > COUNT / 2


def test_a_damaged_table_or_history_never_changes_the_report(finished, harmed):
    study = load([finished / "study.json"])
    tables, noticed = {}, 0
    for target, read in {
        "scores/micro.parquet": lambda path: evaluation._table(study, "micro", path).to_csv(),
        "models/cnext/n1_s0.jsonl": lambda path: evaluation._history(path).to_csv(),
    }.items():
        tables[target] = read(finished / target)
        for what in damaged(harmed / target, 9):
            try:
                assert read(harmed / target) == tables[target], what
            except DataError as error:
                assert target in str(error)
                noticed += 1
    assert noticed > COUNT


def test_files_that_are_swapped_are_noticed(call, copy, tmp_path):
    chunks = sorted(path for path in (copy / "ensembles/micro.zarr").rglob("*") if path.is_file())
    chunks = [path for path in chunks if path.suffix != ".json" and not path.name.startswith(".")]
    first, second = next((a, b) for a in chunks for b in chunks if a.read_bytes() != b.read_bytes())
    swap(first, second)
    refused(call(commands(copy, tmp_path / "out")["scales micro"]), "micro.zarr", "expected checksum")
    swap(copy / "cases/micro/shard_0000.nc", copy / "cases/meso/shard_0000.nc")
    refused(call(commands(copy, tmp_path / "out")["assemble micro"]), "shard_0000.nc", "expected checksum")
    swap(copy / "scales/micro.json", copy / "scales/meso.json")
    swap(copy / "models/coupled.safetensors", copy / "models/cnext/n1_s0.safetensors")
    refused(call(commands(copy, tmp_path / "out")["fit transfer"]), "expected a checkpoint of kind 'tessera'")
    assert left(tmp_path / "out") == []


def test_a_line_too_few_of_a_history_is_noticed(copy):
    path = copy / "models/cnext/n1_s0.jsonl"
    line = path.read_text().splitlines()[-1]
    path.write_text(json.dumps({"stage": "pixels", "epoch": 0, "core_seconds": 0.0}) + "\n" + line + "\n")
    with pytest.raises(DataError, match="expected checksum"):
        evaluation._history(path)


def test_a_flipped_weight_of_a_training_state_is_noticed(call, copy):
    state = next((copy / "training/cnext").rglob("training.pt"))
    weight = next(iter(torch.load(state, weights_only=True)["weights"].values())).numpy().tobytes()
    content = bytearray(state.read_bytes())
    content[content.index(weight) + 2] ^= 4
    state.write_bytes(content)
    refused(call(commands(copy, copy)["fit cnext"]), "training.pt: expected a whole training state", "delete it")


def swap(one, other):
    """Exchange the content of two files."""
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
