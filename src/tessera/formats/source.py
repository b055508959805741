"""What an opened set of others is, whatever its format: named cases that are read one at a time."""

from typing import NamedTuple, Protocol

import numpy as np


class Entry(NamedTuple):
    """One case of a set.

    Attributes
    ----------
    name
        What the set calls it: a file, a group, a number.
    split
        train, validation or test, where the set says it.
    particle_velocity
        Particle velocity behind the shock at the inlet [m/s], where the set says it.
    """

    name: str
    split: str | None = None
    particle_velocity: float | None = None


class Source(Protocol):
    """An opened set. Its headers were read and found possible, its values were not read yet.

    Attributes
    ----------
    entries
        The cases, in a fixed order.
    snapshots
        Number of snapshots, the same for every case.
    cells
        Cells along y and x.
    interval, cell_size
        Time between snapshots [s] and width of a cell [m]; None where the format does not say.
    start
        Time of the first snapshot [s]; 0 where the format does not say.
    units
        Fields that are read, by our name, and the unit that the files say; None where they do not.
    rising
        Whether y and x rise with their index; None where the format does not say.
    """

    entries: tuple[Entry, ...]
    snapshots: int
    cells: tuple[int, int]
    interval: float | None
    cell_size: float | None
    start: float
    units: dict[str, str | None]
    rising: dict[str, bool] | None

    def read(self, number: int) -> dict[str, np.ndarray]:
        """Return the fields of a case as the files hold them: (time, y, x), or (y, x) for what does not change."""
        ...
