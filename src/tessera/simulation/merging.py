"""What becomes of cells that a step leaves without mass.

The scheme does not keep densities positive by itself: out of a cell of a void more can flow in a step than it holds,
for the division by its density is floored. What it owes, some millionth of the density of the solid, comes from the
densest cell nearby.
"""

import numpy as np

REACH = 8  # how far away what a cell owes is sought [cells]


def merge(state: np.ndarray, columns: int, floor: float) -> None:
    """Make cells without mass thin copies of a dense cell nearby, which takes on all else that they held.

    Sums over the box stay as they are. So do cells that owe more than a quarter of what any cell within `REACH` holds:
    that is no matter of a void, and whoever checks the state says so.

    Parameters
    ----------
    state
        Conserved values (7 or 11, y, x); changed in place.
    columns
        How many columns, from the left, are at work.
    floor
        Density of the copies [kg/m3]; less where the neighbour is as thin.
    """
    density = state[0, :, :columns]
    if not density.min() <= 0.0:  # nor where one is not a number
        return
    for y, x in np.argwhere(density <= 0.0).tolist():
        owes = -float(density[y, x])
        for reach in range(1, REACH + 1):
            low, left = max(y - reach, 0), max(x - reach, 0)
            near = density[low : y + reach + 1, left : x + reach + 1]
            down, along = np.unravel_index(np.argmax(near), near.shape)
            dense, holds = (slice(None), low + down, left + along), float(near.max())
            if owes < 0.25 * holds:
                both = state[:, y, x] + state[dense]
                state[:, y, x] = state[dense] * state.dtype.type(min(floor / holds, 0.25))
                state[dense] = both - state[:, y, x]
                break


__all__ = ["merge"]
