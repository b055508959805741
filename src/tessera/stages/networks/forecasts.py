"""A model that is ready to predict: from a checkpoint to the snapshots that follow a state, in SI units."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch.utils.flop_counter import FlopCounterMode

from tessera.data import schema
from tessera.errors import DataError
from tessera.learning import checkpoint as checkpoints
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import Bounds, State, bounds
from tessera.learning.rollout import Carry, Emulator, Tokens, emulator, inflow, roll
from tessera.models import PARTS


class Forecast(NamedTuple):
    """A model that is ready to predict.

    Attributes
    ----------
    rolled
        What rolls out, on its device.
    checkpoint, limits
        Where it comes from, and what it keeps fields inside.
    generator
        Where chance comes from.
    device
        Where it runs.
    """

    rolled: Emulator
    checkpoint: Checkpoint
    limits: Bounds
    generator: torch.Generator
    device: str

    @property
    def sampled(self) -> bool:
        """Whether it draws: every model of tokens does."""
        return isinstance(self.rolled, Tokens)


def predictor(path: Path, study: str | None = None) -> Checkpoint:
    """Return a checkpoint that predicts.

    Raises
    ------
    DataError
        It is broken, of another study, or of a network that does not predict.
    """
    checkpoint = checkpoints.load(path, study=study)
    if checkpoint.kind in PARTS:
        raise DataError(f"{path}: expected a checkpoint that predicts, got one of kind {checkpoint.kind!r}")
    return checkpoint


def ready(checkpoint: Checkpoint, device: str, seed: int, cells: tuple[int, int], tile: int | None) -> Forecast:
    """Return what rolls a checkpoint out on a domain of (y, x) cells."""
    model, limits = checkpoint.module.to(device), bounds(checkpoint.statistics, checkpoint.scales)
    rolled = emulator(model, limits, tile=tile, cells=cells)
    return Forecast(rolled, checkpoint, limits, torch.Generator().manual_seed(seed), device)


@torch.no_grad()
def later(forecast: Forecast, first: State, steps: int, every: int = 1) -> Iterator[dict[str, np.ndarray]]:
    """Yield every so many-th of the snapshots that follow a state, SI, each (y, x); the others are not decoded.

    A model of tokens begins with tokens drawn from what its encoder says about the state. Where it evolves
    variances it takes the means on and draws each snapshot anew when decoding, as the paper does.
    """
    carried: Carry
    rolled, scales = forecast.rolled, forecast.checkpoint.scales
    if isinstance(rolled, Tokens) and not rolled.variances:
        carried = rolled.draw(first, forecast.generator)
    else:
        carried = rolled.begin(first)
    known = {name: value for name, value in first.items() if name in schema.HELD}
    for number, now in enumerate(roll(rolled, carried, steps, inflow(rolled, carried)), start=1):
        if number % every:
            continue
        if isinstance(rolled, Tokens) and rolled.variances:
            shown = rolled.show_drawn(now, forecast.generator)
        else:
            shown = rolled.show(now)
        yield {
            name: scales[name].invert(value[0].cpu().numpy()).astype(np.float32)
            for name, value in (forecast.limits.clamp(shown) | known).items()
        }


def operations(forecast: Forecast, first: State) -> float:
    """Return the floating-point operations of one predicted snapshot, as torch counts them: products and their sums.

    Fourier transforms are not among them, so that those of an FNO are fewer than it takes.
    """
    apart = forecast._replace(generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:  # the first snapshot counts what begins a roll-out, too
        one, two = (float(counter.get_total_flops()) for _ in later(apart, first, 2))
    return two - one


def dataset(values: dict[str, np.ndarray], coordinates: dict[str, Any], sampled: bool) -> xr.Dataset:
    """Return predictions (sample, case, time, y, x), without sample for a model that does not draw."""
    dims = ("sample", *schema.DIMS)
    fields = {name: (dims, value) if sampled else (schema.DIMS, value[0]) for name, value in values.items()}
    return schema.describe(xr.Dataset(fields, coords=coordinates))
