"""What needs no network: the start state held, carried by its own velocity, or travelling with the front.

They are floors for every model. Forecasters of rain call the second one Lagrangian persistence: a pattern that is
carried along fixed stream lines and does not change on its way (U. Germann and I. Zawadzki, Mon. Wea. Rev. 130,
2859-2873, 2002). A shock outruns the matter that it moves, so a third one moves the pattern behind the front as the
front moved last. None makes a hotspot.

Left of the frame lies the inflow of its first column, which enters as it is; on the other sides the last cells go on.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from scipy import ndimage

from tessera.errors import DataError
from tessera.evaluation import front

FLOORS = ("persistence", "advected", "travelling")
VELOCITY = ("velocity_y", "velocity_x")


def floors(
    fields: Mapping[str, np.ndarray], start: int, *, interval: float, x: np.ndarray
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield name and fields of every floor that can be made of a case.

    Advection needs both velocities, travelling the pressure and a snapshot before the start.

    Parameters
    ----------
    fields
        The truth by name, shape (time, y, x) [SI], of which nothing after the start is read.
    start
        Snapshot that predictions start from.
    interval
        Time between snapshots [s].
    x
        Cell centres [m].

    Yields
    ------
    Name of the model, and its fields, shape (time, y, x), up to the start those of the truth.
    """
    known = {name: field[None, : start + 1] for name, field in fields.items()}
    begin = {name: field[:, -1] for name, field in known.items()}
    snapshots = next(iter(fields.values())).shape[0] - start - 1
    hold, advect, travel = FLOORS
    made = {hold: held(begin, snapshots)}
    if fields.keys() >= {*VELOCITY}:
        made[advect] = advected(begin, interval=interval, cell_size=float(x[1] - x[0]), snapshots=snapshots)
    if "pressure" in fields and start > 0:
        made[travel] = travelling(known, interval=interval, x=x, snapshots=snapshots)
    for model, later in made.items():
        yield model, {name: np.concatenate([known[name][0], later[name][0]]) for name in fields}


def held(start: Mapping[str, np.ndarray], snapshots: int) -> dict[str, np.ndarray]:
    """Return fields that do not change.

    Parameters
    ----------
    start
        By name, shape (case, y, x).
    snapshots
        How many follow.

    Returns
    -------
    By name, shape (case, snapshots, y, x), views.
    """
    return {
        name: np.broadcast_to(field[:, None], (field.shape[0], snapshots, *field.shape[1:]))
        for name, field in start.items()
    }


def advected(
    start: Mapping[str, np.ndarray], *, interval: float, cell_size: float, snapshots: int
) -> dict[str, np.ndarray]:
    """Return fields that the velocity of the start carries.

    Semi-Lagrangian: where matter that arrives at a cell came from is followed backwards along the stream lines of the
    start, by the midpoint rule and at most one cell per step; there the start is read, once, between four cells.
    Where the start is at rest, as ahead of a shock, nothing ever arrives.

    Parameters
    ----------
    start
        By name, shape (case, y, x) [SI], velocities among them.
    interval
        Time between snapshots [s].
    cell_size
        [m].
    snapshots
        How many follow.

    Returns
    -------
    By name, shape (case, snapshots, y, x), of the type of the start.

    Raises
    ------
    DataError
        A velocity is missing.
    """
    missing = [name for name in VELOCITY if name not in start]
    if missing:
        raise DataError(f"start: expected fields {' and '.join(VELOCITY)}, got {sorted(start)}")
    found = {name: np.empty(of.shape, of.dtype) for name, of in held(start, snapshots).items()}
    for case in range(len(start["velocity_x"])):
        velocity = np.stack([start[name][case].astype("float64") for name in VELOCITY]) * interval / cell_size
        steps = max(1, math.ceil(np.abs(velocity).max(initial=0.0)))
        places = np.indices(velocity.shape[1:], dtype="float64")
        for snapshot in range(snapshots):
            for _ in range(steps):
                middle = places - 0.5 * _between(velocity, places) / steps
                places = places - _between(velocity, middle) / steps
            for name, field in start.items():
                found[name][case, snapshot] = _between(field[None, case], places)[0]
    return found


def travelling(
    known: Mapping[str, np.ndarray], *, interval: float, x: np.ndarray, snapshots: int
) -> dict[str, np.ndarray]:
    """Return fields whose part behind the shock front moves on with the front, while all ahead of it stays.

    The front goes on at the speed, the same in all rows, at which it came from the snapshot before the start; where
    none was inside yet, it came from the left side.

    Parameters
    ----------
    known
        By name, shape (case, time, y, x) [SI], pressure among them; the last snapshot is the start.
    interval
        Time between snapshots [s].
    x
        Cell centres [m].
    snapshots
        How many follow.

    Returns
    -------
    By name, shape (case, snapshots, y, x), of the type of what is known.

    Raises
    ------
    DataError
        The pressure is missing, or there is no snapshot before the start.
    """
    if "pressure" not in known or known["pressure"].shape[1] < 2:
        got = f"{known['pressure'].shape[1]} snapshots" if "pressure" in known else f"fields {sorted(known)}"
        raise DataError(f"known: expected the pressure at the start and before it, got {got}")
    start, cell_size = {name: field[:, -1] for name, field in known.items()}, float(x[1] - x[0])
    found = {name: np.empty(of.shape, of.dtype) for name, of in held(start, snapshots).items()}
    for case, pressure in enumerate(known["pressure"]):
        before, now = _fronts(pressure[-2:], front.plateau(pressure), x)
        speed = max(0.0, float((now - before).mean()) / interval)
        rows, columns = np.indices(pressure.shape[1:], dtype="float64")
        for snapshot in range(snapshots):
            way = speed * (snapshot + 1) * interval
            behind = x <= now[:, None] + way
            for name, field in start.items():
                moved = _between(field[None, case], np.stack([rows, columns - way / cell_size]))[0]
                found[name][case, snapshot] = np.where(behind, moved, field[case])
    return found


def _fronts(pressure: np.ndarray, plateau: float, x: np.ndarray) -> np.ndarray:
    """Return the front in every row [m]; the side that it comes from or went to, where it is not inside."""
    places, half = front.positions(pressure, plateau, x), 0.5 * (x[1] - x[0])
    left = pressure[..., -1] > front.SHARE * plateau
    return np.where(np.isnan(places), np.where(left, x[-1] + half, x[0] - half), places)


def _between(fields: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return fields (field, y, x) at places (2, y, x) [cells], bilinear, the last cells beyond the border."""
    return np.stack([ndimage.map_coordinates(field, places, order=1, mode="nearest") for field in fields])


__all__ = ["FLOORS", "advected", "floors", "held", "travelling"]
