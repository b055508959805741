"""Networks compiled by torch while they learn: the same weights by the same names, other kernels.

What is compiled is the `forward` of the outermost parts that are called. A network such as `Tessera` or `Tokenizer`
has none of its own; its encoders, decoders and steps have. Shapes are compiled one by one: kernels for any shape would
depend on which came first, and a resumed training would not be the one never stopped.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from tessera.errors import TrainingError

# Each part counts its shapes, with and without gradients, for itself; with more than these it is not compiled.
OPTIONS: dict[str, Any] = {"dynamic": False, "isolate_recompiles": True, "recompile_limit": 64}
COMPILERS = ("g++", "clang++")


@contextmanager
def compiled(module: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Let torch compile what of a module is called inside of the block, when it first is.

    Raises
    ------
    TrainingError
        There is no C++ compiler.
    """
    parts = [*called(module)] if wanted else []
    if parts and not any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS)):
        raise TrainingError(f"compile: expected {' or '.join(COMPILERS)} on the PATH, or CXX to name one, got none")
    for part in parts:
        part.forward = torch.compile(part.forward, **OPTIONS)
    try:
        yield
    finally:
        for part in parts:
            del part.forward


def called(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the outermost parts of a module that have a `forward`."""
    if type(module).forward is not nn.Module.forward:
        yield module
        return
    for part in module.children():
        yield from called(part)


__all__ = ["called", "compiled"]
