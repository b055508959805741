"""A checkpoint opens alone, is whole or not there, and is refused when it is not what was asked for."""

import copy

import pytest
import torch
from safetensors.torch import save_file

from tessera.data.scaling import Scale, Statistics
from tessera.errors import DataError
from tessera.learning.checkpoint import Checkpoint, load, save
from tessera.models import build

ARGUMENTS = {"fields": ["temperature", "pressure"], "unshuffle": 2, "widths": [8, 8], "blocks": [1, 1, 1]}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    names = ARGUMENTS["fields"]
    checkpoint = Checkpoint(
        "cnext",
        build("cnext", ARGUMENTS).eval(),
        {name: Statistics(1.0, 2.0, 0.0, 3.0) for name in names},
        {name: Scale(1.0, 2.0) for name in names},
        {"study": "demo", "model": "cnext", "n_meso": 2, "seed": 0},
        {"error": 1.5, "updates": 3},
    )
    save(checkpoint, tmp_path / "cnext.safetensors")
    return checkpoint, tmp_path / "cnext.safetensors"


def test_a_checkpoint_read_back_predicts_the_same(saved):
    checkpoint, path = saved
    again = load(path, kind="cnext", study="demo")
    state = {name: torch.randn(2, 8, 12) for name in ARGUMENTS["fields"]}
    with torch.no_grad():
        one, two = checkpoint.module(state), again.module(state)
    assert all(torch.equal(one[name], two[name]) for name in state)
    assert again[2:] == checkpoint[2:]


def test_equal_checkpoints_are_equal_files(saved, tmp_path):
    checkpoint, path = saved
    for number in range(5):  # the library orders its header at random
        save(checkpoint, tmp_path / f"{number}.safetensors")
        assert (tmp_path / f"{number}.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "parcv2"}, "of kind 'parcv2', got 'cnext'"),
        ({"study": "other"}, "of study 'other', got 'demo'"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(saved, asked, message):
    with pytest.raises(DataError, match=message):
        load(saved[1], **asked)


@pytest.mark.parametrize("length", [0, 4, 100, -50])
def test_a_truncated_checkpoint_is_refused_in_one_line(saved, length):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match="expected a whole checkpoint") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors: expected a checkpoint, found none"):
        load(tmp_path / "none.safetensors")


def test_weights_of_another_shape_are_refused(saved, tmp_path):
    module = copy.deepcopy(saved[0].module)
    module.arguments = module.arguments | {"widths": [16, 8]}
    other = tmp_path / "other.safetensors"
    save(saved[0]._replace(module=module), other)
    with pytest.raises(DataError, match="expected weights of cnext"):
        load(other)


def test_foreign_weights_are_refused(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="expected format tessera-checkpoint-1, got None"):
        load(tmp_path / "a.safetensors")


def test_a_pickle_is_refused(tmp_path):
    torch.save({"a": 1}, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="expected a whole checkpoint"):
        load(tmp_path / "a.safetensors")
