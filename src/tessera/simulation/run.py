"""One case: from the share of solid in each cell to fields at equal intervals of time.

A shock enters from the left, the right is open. A case that was stopped goes on from its checkpoint to the same
result, bit for bit.
"""

import gc
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import xarray as xr

from tessera.data import files
from tessera.data.fields import ACCOUNT
from tessera.errors import ConfigError, ValidityError
from tessera.physics import eos
from tessera.physics.strength import Strength
from tessera.simulation import grid
from tessera.simulation.flow import Flow
from tessera.simulation.loading import Loading, start
from tessera.simulation.snapshot import Fields, fields

SIDES = {"symmetric": grid.WALL, "periodic": grid.PERIODIC, "open": grid.OPEN}
log = logging.getLogger("tessera")


class Keeper:
    """Where a running case is kept, so that a stop loses little.

    Parameters
    ----------
    path
        The checkpoint; gone when the case is whole.
    key
        Of the case: a checkpoint of another one is not taken.
    every
        Seconds between two checkpoints.
    """

    def __init__(self, path: Path, key: str, every: float = 60.0) -> None:
        self.path, self.key, self.every = path, key, every
        self._last = time.monotonic()

    def keep(self, flow: Flow, stored: list[Fields], budgets: list[np.ndarray], spent: float) -> None:
        """Write a checkpoint if the last is old enough."""
        if time.monotonic() - self._last < self.every:
            return
        done = {f"stored/{name}": np.stack([each[k] for each in stored]) for k, name in enumerate(Fields._fields)}
        said = {"key": self.key, "spent": json.dumps(spent)}
        arrays = flow.memory() | done | {"budgets": np.stack(budgets)}
        with files.whole(self.path) as beside:
            safetensors.numpy.save_file(
                {name: np.ascontiguousarray(each) for name, each in arrays.items()}, beside, said
            )
        self._last = time.monotonic()

    def recall(self, flow: Flow) -> tuple[list[Fields], list[np.ndarray], float] | None:
        """Let a flow go on from its checkpoint; None where there is none of its key."""
        try:
            with safetensors.safe_open(self.path, framework="numpy") as file:
                said = file.metadata() or {}
                if said.get("key") != self.key:
                    return None
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            flow.recall(found)
        except FileNotFoundError:
            return None
        except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
            log.warning("%s: expected a whole checkpoint, got %s; begun anew", self.path, files.short(error))
            return None
        stored = [Fields(*each) for each in zip(*(found[f"stored/{name}"] for name in Fields._fields), strict=True)]
        log.info("%s: goes on at %.4g s", self.path, flow.time)
        return stored, list(found["budgets"]), json.loads(said["spent"])

    def forget(self) -> None:
        """Remove the checkpoint of a case that is whole."""
        self.path.unlink(missing_ok=True)


def simulate(
    solid: np.ndarray,
    *,
    law: Any,
    reaction: Any,
    loading: Loading,
    cell_size: float,
    snapshots: int,
    interval: float,
    refine: int = 1,
    viscosity: float = 0.0,
    conductivity: float = 0.0,
    strength: Strength | None = None,
    spall: float = 0.0,
    sides: str = "symmetric",
    temperature: float | None = None,
    case: int = 0,
    progress: Callable[[], Any] | None = None,
    keeper: Keeper | None = None,
    cfl: float = 0.7,
    precision: str = "float32",
) -> xr.Dataset:
    """Simulate one case.

    Parameters
    ----------
    solid
        Share of solid in each computed cell (y, x) [1].
    law, reaction
        A law of `eos.LAWS` with voids and a reaction of `reaction.REACTIONS`, made.
    loading
        What drives the shock.
    cell_size
        Of a computed cell [m].
    snapshots, interval
        How many snapshots to store, the first at time 0, and the time between two [s].
    refine
        Computed cells per stored one, along each direction.
    viscosity, conductivity
        [Pa s], [W/m/K].
    strength, spall
        A `Strength` or none; tension that opens a void [Pa].
    sides
        What lies below and above: one of `SIDES`.
    temperature
        Of the solid at the start [K]; that of its law by default.
    case
        Its number, for the coordinate and for errors.
    progress
        Called after each snapshot but the first.
    keeper
        Keeps checkpoints, and takes up the case where the last one was written.
    cfl, precision
        Courant number [1], type of the kernels.

    Returns
    -------
    The fields of the dataset contract (time, y, x), and the account of the box (time,), see `flow.Budget`, with
    attributes `core_seconds` (processor time without compilation) and `steps`.

    Raises
    ------
    ConfigError
        The solid is not a share per cell.
    ValidityError
        The simulation left its validity; names case, time [s] and cell (y, x).
    """
    if solid.ndim != 2 or not np.all((solid >= 0.0) & (solid <= 1.0)):
        raise ConfigError(f"solid: expected shares from 0 to 1 of shape (y, x), got shape {solid.shape}")
    lead = 0

    def flow_of(solid: np.ndarray) -> Flow:
        nonlocal lead
        begun = start(loading, solid, law, precision, cell_size, strength, temperature)
        lead = begun.lead
        return Flow(
            begun.state,
            law,
            reaction,
            cell_size=cell_size,
            cfl=cfl,
            viscosity=viscosity,
            conductivity=conductivity,
            strength=strength,
            spall=spall,
            sides=(begun.left, grid.OPEN, SIDES[sides]),
            inlet=begun.inlet,
            resting=begun.resting,
            case=case,
        )

    rest, coldest = eos.unloaded(law, temperature)
    cold = float(eos.temperature(law, rest, coldest))

    def observed(flow: Flow) -> Fields:
        return fields(flow.state[:, :, lead:], law, refine, spall=spall, cold=cold, coldest=min(coldest, 0.0))

    _compile(flow_of, observed)
    began = time.thread_time()
    flow = flow_of(solid)
    kept = None if keeper is None else keeper.recall(flow)
    stored, budgets, before = kept if kept is not None else ([observed(flow)], [_account(flow)], 0.0)
    for number in range(len(stored), snapshots):
        while flow.time < number * interval:
            flow.advance(number * interval)
            if keeper is not None:
                keeper.keep(flow, stored, budgets, before + time.thread_time() - began)
        stored.append(observed(flow))
        budgets.append(_account(flow))
        if progress is not None:
            progress()
    spent = before + time.thread_time() - began
    ny, nx = solid.shape[0] // refine, solid.shape[1] // refine
    return xr.Dataset(
        {name: (("time", "y", "x"), np.stack([getattr(each, name) for each in stored])) for name in Fields._fields},
        coords={
            "case": case,
            "time": np.arange(snapshots) * interval,
            "y": (np.arange(ny) + 0.5) * cell_size * refine,
            "x": (np.arange(nx) + 0.5) * cell_size * refine,
        }
        | {name: ("time", values) for name, values in zip(ACCOUNT, np.stack(budgets).T, strict=True)},
        attrs={"core_seconds": spent, "steps": flow.steps},
    )


def _account(flow: Flow) -> np.ndarray:
    """Return the values of `ACCOUNT`."""
    held = flow.budget()
    return np.array([*held.total, *held.inflow, held.released])


def _compile(flow_of: Callable[[np.ndarray], Flow], observed: Callable[[Flow], Fields]) -> None:
    """Compile or load every kernel, so that a clock started afterwards shows work alone.

    Meanwhile no garbage is sought, nor later among what a first time has made, for a compiler keeps it all and to look
    through it takes a sixth of the start.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        small = flow_of(np.ones((4, 8)))
        observed(small)
        small.advance(1e-15)
    finally:
        if gc.get_freeze_count() == 0:
            gc.freeze()
        if collecting:
            gc.enable()


__all__ = ["SIDES", "Fields", "Flow", "Keeper", "ValidityError", "fields", "simulate"]
