"""Compiled networks: the weights by their names, the numbers but for rounding, and the network itself afterwards."""

import pytest
import torch
from torch import nn

from tessera.errors import TrainingError
from tessera.learning.compiling import called, compiled
from tessera.learning.sampling import Recipe
from tessera.learning.train import Loop, train
from tessera.models import build
from tests.learning.front import learned
from tests.learning.test_tasks import FIELDS, STEP, TOKENIZER, cnext, stop_after
from tests.learning.test_train import LOOP, Line

RECIPE = Recipe(1, window=24, window_rollout=24, noise=0.02)


def small(known):
    """Return the task of a network of two blocks: compiling takes a while."""
    task = cnext(known, RECIPE)
    torch.manual_seed(0)
    task.module = build("cnext", {"fields": FIELDS, "unshuffle": 2, "widths": [8], "blocks": [1]})
    task.emulator._advance = task.module
    return task


def test_what_is_called_is_compiled_and_nothing_twice():
    model = build("tessera", {"fields": FIELDS, "tokenizer": TOKENIZER, "step": STEP})
    found = [*called(model)]
    expected = [model.step, *(part for t in model.tokenizers.values() for part in (t.encoder, t.decoder))]
    assert {id(part) for part in found} == {id(part) for part in expected}
    assert len(found) == len(expected)
    module = build("cnext", {"fields": FIELDS, "unshuffle": 2, "widths": [8], "blocks": [1]})
    assert [*called(module)] == [module]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.* is deprecated:DeprecationWarning")  # of torch itself
def test_a_compiled_training_learns_the_same_and_is_resumed_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    known, loop = learned(ny=8, nx=24), Loop(epoch=5, updates=15)
    plain, whole, part, rest = (small(known) for _ in range(4))
    train(plain, loop, state=tmp_path / "plain", key="k")
    fast = loop._replace(compile=True)
    train(whole, fast, state=tmp_path / "whole", key="k")
    assert [*(tmp_path / "kernels").rglob("*.so")]
    stop_after(part, 8)
    with pytest.raises(KeyboardInterrupt):
        train(part, fast, state=tmp_path / "part", key="k")
    train(rest, fast, state=tmp_path / "part", key="k")
    assert plain.module.state_dict().keys() == whole.module.state_dict().keys()
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, rest.module.state_dict()[name]), name
        torch.testing.assert_close(value, plain.module.state_dict()[name], rtol=1e-3, atol=1e-4)
    assert "forward" not in whole.module.__dict__


def test_every_part_is_compiled_for_every_shape():
    """Of parts of one class the compiler would else count the shapes of all together, and give up."""
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList(nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU()) for _ in range(12))

    module = Bare()
    with pytest.MonkeyPatch.context() as patch:
        real = torch.compile
        patch.setattr(torch, "compile", lambda call, **options: real(call, backend=backend, **options))
        with compiled(module):
            for part in module.parts:
                for width in (8, 9):
                    part(torch.ones(1, 1, 8, width))
    assert len(graphs) == 24


def test_without_a_compiler_it_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(TrainingError, match=r"compile: expected g\+\+ or clang\+\+ on the PATH, .* got none"):
        train(Line(), LOOP._replace(compile=True), state=tmp_path, key="k")
    assert train(Line(), LOOP._replace(updates=20), state=tmp_path, key="k").updates == 20
