"""Ensembles to learn from: scaled tensors by field name, and what their sampling needs to know.

A state maps field names to tensors (batch, y, x) in scaled units, a carry to whatever a model advances,
such as tokens (batch, channel, token_y, token_x). Frames hold either for whole cases, with case and time
first, and the column of the shock front for every snapshot. Cases that are larger than the memory that they may
take stay on disk, see `tessera.learning.stored`; a training is the same to the last bit.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from tessera.data.scaling import Scale, Statistics
from tessera.errors import DataError
from tessera.learning.cutting import cut
from tessera.learning.sampling import Recipe, Sampler, Window
from tessera.learning.stored import Piece, Source, Stored, together
from tessera.models.state import State


class Frames(NamedTuple):
    """Cases in memory.

    Attributes
    ----------
    fields
        Float32 values, each of shape (case, time, y, x), or (case, time, channel, token_y, token_x).
    front
        Last column behind the shock front [cells], shape (case, time), int64; the last of all once it left.
    cases
        Numbers of the cases.
    unit
        Cells per column of the values; 1, or those of a token.
    """

    fields: dict[str, Tensor]
    front: Tensor
    cases: tuple[int, ...]
    unit: int = 1

    @property
    def snapshots(self) -> int:
        """Number of snapshots of each case."""
        return self.front.shape[1]

    @property
    def columns(self) -> int:
        """Width of a frame [cells]."""
        return next(iter(self.fields.values())).shape[-1] * self.unit

    def at(self, frame: int) -> State:
        """Return a snapshot of all cases."""
        return {name: field[:, frame] for name, field in self.fields.items()}

    def case(self, name: str, number: int) -> Tensor:
        """Return all snapshots of a field of a case, (time, ...)."""
        return self.fields[name][number]

    def first(self, count: int) -> "Frames":
        """Return the first cases."""
        fields = {name: field[:count] for name, field in self.fields.items()}
        return self._replace(fields=fields, front=self.front[:count], cases=self.cases[:count])

    def cut(self, windows: Sequence[Window], later: int, scales: Mapping[str, Scale] | None = None) -> State:
        """Return what windows show, some snapshots after their first, stacked as a batch.

        Parameters
        ----------
        windows
            Windows of equal width that begin and end at multiples of `unit`.
        later
            Number of snapshots after the first of each window.
        scales
            Scales of the fields; needed where a window is mirrored.
        """

        def snapshots() -> list[State]:
            return [{n: f[w.case, w.frame + later] for n, f in self.fields.items()} for w in windows]

        return cut(windows, snapshots, self.unit, scales)

    def expect(self, windows: Sequence[Window], steps: Iterable[int]) -> None:
        """Do nothing: what is in memory need not be fetched."""


Cases = Frames | Stored


def frames(dataset: xr.Dataset, scales: Mapping[str, Scale], device: str = "cpu", memory: float = math.inf) -> Cases:
    """Open cases of an ensemble, scaled: in memory if they fit, else on disk.

    Parameters
    ----------
    dataset
        Cases in SI units that keep the schema.
    scales
        The fields to read and their scales.
    device
        Where the tensors live.
    memory
        Bytes that the cases may take.
    """

    def read(piece: Piece) -> np.ndarray:
        values = dataset.variables[piece.name].isel(case=piece.case, time=slice(piece.first, piece.end)).values
        return scales[piece.name].apply(values).astype(np.float32)

    def front(case: int) -> np.ndarray:
        return front_columns(dataset.variables["pressure"].isel(case=[case]).values)[0]

    fields = {name: dataset.variables[name] for name in scales}
    shapes = {name: field.shape[1:] for name, field in fields.items()}
    lying = {name: together(field) for name, field in fields.items()}
    numbers = tuple(int(case) for case in dataset["case"].values)
    return opened(Source(read, shapes, lying, front, numbers), device, memory)


def opened(source: Source, device: str, memory: float) -> Cases:
    """Return cases in memory if they fit, else on disk.

    Parameters
    ----------
    source
        Where they come from.
    device
        Where the tensors live.
    memory
        Bytes that the cases may take.
    """
    if source.size > memory:
        return Stored(source, device, memory)
    count, fields = len(source.cases), {}
    for name, shape in source.shapes.items():
        values = np.empty((count, *shape), np.float32)
        for case in range(count):
            values[case] = source.read(Piece(name, case, 0, source.snapshots))
        fields[name] = torch.from_numpy(values).to(device)
    front = torch.from_numpy(np.stack([source.front(case) for case in range(count)]))
    return Frames(fields, front, source.cases, source.unit)


def sampler(recipe: Recipe, cases: Cases, **options: Any) -> Sampler:
    """Return what draws windows; where none shall be at the front it need not be known, which takes a look at all."""
    nowhere = torch.zeros(len(cases.cases), cases.snapshots, dtype=torch.int64)
    return Sampler(recipe, cases.front if recipe.front else nowhere, cases.columns, **options)


def select(dataset: xr.Dataset, split: str, where: str, count: int | None = None) -> xr.Dataset:
    """Return the cases of a split, or its first `count`: a smaller choice is part of every larger one.

    Raises
    ------
    DataError
        The split has fewer cases than asked for, or none.
    """
    found = np.flatnonzero(dataset["split"].values == split)
    if found.size < (count or 1):
        raise DataError(f"{where}: expected at least {count or 1} {split} cases, got {found.size}")
    return dataset.isel(case=found[:count])


def front_columns(pressure: np.ndarray) -> np.ndarray:
    """Return the last column behind the front, by half of the highest median pressure of a case.

    Parameters
    ----------
    pressure
        Pressure in any unit with zero ahead of the shock, shape (case, time, y, x).

    Returns
    -------
    Columns of shape (case, time), int64; 0 where no column is shocked.
    """
    profile = np.median(pressure, axis=2)
    shocked = profile > 0.5 * profile.max(axis=(1, 2), keepdims=True)
    last = pressure.shape[-1] - 1 - np.argmax(shocked[..., ::-1], axis=-1)
    return np.where(shocked.any(axis=-1), last, 0).astype(np.int64)


class Bounds(NamedTuple):
    """What a state may be, in scaled units: the training range of each field and a margin."""

    low: dict[str, float]
    high: dict[str, float]

    def clamp(self, state: State) -> State:
        """Return the state kept inside the bounds."""
        return {name: field.clamp(self.low[name], self.high[name]) for name, field in state.items()}


def bounds(statistics: Mapping[str, Statistics], scales: Mapping[str, Scale], margin: float = 0.1) -> Bounds:
    """Return the training range of each field, wider by a part of it on both sides."""
    low, high = {}, {}
    for name, scale in scales.items():
        known = statistics[name]
        slack = margin * (known.maximum - known.minimum)
        low[name], high[name] = scale.apply(known.minimum - slack), scale.apply(known.maximum + slack)
    return Bounds(low, high)
