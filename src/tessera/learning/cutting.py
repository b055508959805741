"""What windows show, cut out of cases wherever those are kept, and how long that has taken.

States are cut, mirrored and stacked here alone, so that cases in memory and cases on disk give the same bits.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from tessera.data.scaling import Scale
from tessera.learning.sampling import Window
from tessera.models.state import State

_waited = [0.0]


def waited() -> float:
    """Return for how long this process has waited for windows so far [s]; read it before and after."""
    return _waited[0]


def cut(
    windows: Sequence[Window],
    snapshots: Callable[[], Sequence[State]],
    unit: int,
    scales: Mapping[str, Scale] | None,
    device: str | torch.device | None = None,
) -> State:
    """Return what windows show, stacked as a batch.

    Parameters
    ----------
    windows
        Windows of equal width that begin and end at multiples of `unit`.
    snapshots
        Gets the whole frame that each window lies in; what it waits for is counted.
    unit
        Cells per column of the frames.
    scales
        Scales of the fields; needed where a window is mirrored.
    device
        Where the batch is wanted, if not where the frames are.
    """
    begin = time.perf_counter()
    cuts = []
    for window, frame in zip(windows, snapshots(), strict=True):
        columns = slice(window.left // unit, (window.left + window.width) // unit)
        state = {name: field[..., columns] for name, field in frame.items()}
        cuts.append(mirror(state, scales or {}) if window.mirrored else state)
    batch = stack(cuts)
    if device is not None:
        batch = {name: field.to(device) for name, field in batch.items()}
    _waited[0] += time.perf_counter() - begin
    return batch


def mirror(state: State, scales: Mapping[str, Scale]) -> State:
    """Return the state reflected in y; the velocity along y changes its sign."""
    turned = {name: field.flip(-2) for name, field in state.items()}
    if "velocity_y" in turned:
        scale = scales["velocity_y"]
        turned["velocity_y"] = -turned["velocity_y"] - 2.0 * scale.offset / scale.factor
    return turned


def stack(states: Sequence[State]) -> State:
    """Return states stacked along a new first dimension."""
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}


__all__ = ["cut", "mirror", "stack", "waited"]
