"""Models as programs of torch.export: they run with torch alone, on any number of samples and any size of the domain.

A program takes fields in SI units by name, (batch, y, x), and answers them one snapshot later; scales, bounds, what
never changes and the inflow are inside, so that feeding it its own answer is a roll-out. Of a model of tokens there
are programs for its parts as well, which encode once, step many times and decode what is looked at. Programs take the
means of tokens: they draw nothing. A program may also be one of a single grid, and of an FNO it has to be: the waves
that it keeps are chosen by the size.
"""

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from tessera.data.fields import FIELDS, HELD
from tessera.errors import ConfigError
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import bounds
from tessera.learning.rollout import LOG_VARIANCE, Tokens, emulator, inflow, roll
from tessera.models.dynamics import UNetMap
from tessera.models.fno import FNO
from tessera.models.tessera import Tessera

FORMAT = "tessera-program-1"
FACTS = "tessera.json"  # of the extra files of a program
PARTS = ("advance", "encode", "step", "decode")
LEAST = 3  # multiples along an axis: a graph takes a single cell of the coarsest level for a special case
Named = dict[str, Tensor]


class Part(nn.Module):
    """What a checkpoint does with fields in SI units, or with tokens.

    Parameters
    ----------
    checkpoint
        The model and its scales.
    part
        One of `PARTS`; those but "advance" need a model of tokens.

    Raises
    ------
    ConfigError
        The model has no such part.
    """

    def __init__(self, checkpoint: Checkpoint, part: str) -> None:
        super().__init__()
        known = PARTS if isinstance(checkpoint.module, Tessera) else PARTS[:1]
        if part not in known:
            raise ConfigError(
                f"--part: expected {' or '.join(known)} of a model of kind {checkpoint.kind}, got {part!r}"
            )
        self.model, self.part, self._scales = checkpoint.module, part, checkpoint.scales
        self._limits = bounds(checkpoint.statistics, checkpoint.scales)
        self._rolled = emulator(self.model, self._limits)

    def forward(self, given: Named) -> Named:
        """Return fields, or tokens by field and those of log-variances, of fields or tokens."""
        if self.part in ("advance", "encode"):
            state = {name: scale.apply(given[name]) for name, scale in self._scales.items()}
            carried = self._rolled.begin(state)
        else:
            carried = given
        if self.part in ("advance", "step"):
            carried = next(roll(self._rolled, carried, 1, inflow(self._rolled, carried)))
        if self.part in ("encode", "step"):
            return carried
        shown = self._limits.clamp(self._rolled.show(carried))
        answer = {name: scale.invert(shown[name]) for name, scale in self._scales.items()}
        return answer | ({name: given[name] for name in HELD if name in answer} if self.part == "advance" else {})


def program(checkpoint: Checkpoint, part: str, cells: tuple[int, int] | None = None) -> ExportedProgram:
    """Return a part of a model as a program, of any batch and of sizes of `LEAST` or more multiples of `multiple`.

    Parameters
    ----------
    checkpoint, part
        As for `Part`.
    cells
        Size (y, x) of the domain of a program of one state on one grid.

    Raises
    ------
    ConfigError
        The model has no such part, is one of a single grid and none is named, or its tokens do not divide it.
    """
    module = Part(checkpoint, part).eval().requires_grad_(False)
    if cells is not None:
        with torch.no_grad():
            return torch.export.export(module, (_like(module, 1, _divided(module, cells)),))
    if isinstance(module.model, FNO):
        raise ConfigError(f"--cells: expected the grid of the program of a model of kind {checkpoint.kind}, got none")
    example = _example(module)
    step, batch = _step(module), Dim("batch")
    rows, columns = (step * Dim(axis, min=LEAST) if step > 1 else Dim(axis, min=LEAST) for axis in ("rows", "columns"))
    sizes = {name: {0: batch, one.dim() - 2: rows, one.dim() - 1: columns} for name, one in example.items()}
    with torch.no_grad():
        return torch.export.export(module, (example,), dynamic_shapes=(sizes,))


def multiple(model: nn.Module) -> int:
    """Return what the sizes of a domain have to be multiples of for the programs of a model [cells]."""
    if isinstance(model, Tessera):
        return model.downsampling * (4 if any(isinstance(part, UNetMap) for part in model.modules()) else 1)
    return int(getattr(model, "stride", 1))


def saved(checkpoint: Checkpoint, part: str, cells: tuple[int, int] | None = None) -> bytes:
    """Return the file of a program, a zip archive of weights as plain bytes and a graph as JSON; as for `program`.

    Its extra file `FACTS` says in JSON what goes in and out, in which units, on which grid, and where it comes from.
    """
    content = io.BytesIO()
    said = json.dumps(facts(checkpoint, part, cells), indent=1, sort_keys=True)
    torch.export.save(program(checkpoint, part, cells), content, extra_files={FACTS: said})
    return content.getvalue()


def facts(checkpoint: Checkpoint, part: str, cells: tuple[int, int] | None = None) -> dict[str, Any]:
    """Return what a user of a program must know."""
    unit = multiple(checkpoint.module)
    sizes = {"multiple": unit, "least": LEAST * unit} if cells is None else {"cells": list(cells)}
    units = {name: FIELDS[name].units for name in checkpoint.scales}
    tokens = {name: "1" for name in _tokens(checkpoint.module)}
    return {
        "format": FORMAT,
        "part": part,
        "takes": tokens if part in ("step", "decode") else units,
        "answers": tokens if part in ("encode", "step") else units,
        **sizes,
        "checkpoint": _plain(checkpoint.facts),
        "statistics": {name: one._asdict() for name, one in checkpoint.statistics.items()},
    }


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _tokens(model: nn.Module) -> tuple[str, ...]:
    if not isinstance(model, Tessera):
        return ()
    return (*model.fields, *(f"{name}{LOG_VARIANCE}" for name in model.fields if model.probabilistic))


def _step(module: Part) -> int:
    """Return what sizes of the input of a part are multiples of."""
    if module.part in ("step", "decode"):
        assert isinstance(module.model, Tessera)
        return multiple(module.model) // module.model.downsampling
    return multiple(module.model)


def _example(module: Part) -> Named:
    """Return an input of a part, of a size at which nothing is special."""
    step = _step(module)
    enough = max(LEAST, -(-8 // step))
    return _like(module, 2, (enough * step, (enough + 1) * step))


def _like(module: Part, batch: int, size: tuple[int, int]) -> Named:
    """Return an input of a part, of a size in cells or in tokens."""
    if module.part in ("advance", "encode"):
        return {name: torch.full((batch, *size), scale.offset) for name, scale in module._scales.items()}
    assert isinstance(module._rolled, Tokens) and isinstance(module.model, Tessera)
    channels = module.model.step.channels
    return {name: torch.zeros(batch, channels, *size) for name in _tokens(module.model)}


def _divided(module: Part, cells: tuple[int, int]) -> tuple[int, int]:
    """Return a size in cells as one of what a part takes."""
    if not isinstance(module.model, Tessera):
        return cells
    unit = module.model.downsampling
    if any(size < unit or size % unit for size in cells):
        raise ConfigError(f"--cells: expected multiples of {unit}, got {cells[0]} and {cells[1]}")
    return cells if module.part in ("advance", "encode") else (cells[0] // unit, cells[1] // unit)


__all__ = ["FACTS", "PARTS", "Part", "facts", "multiple", "program", "saved"]
