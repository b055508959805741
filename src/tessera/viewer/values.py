"""The values behind the page, in SI units: snapshots, the ends of colour scales, hotspots over time.

Only what is shown is read. A field of a case is decompressed whole to read one of its snapshots, so the last ones
are kept, up to a fixed number of bytes; the next step of the slider then reads nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tessera.data import schema
from tessera.data.files import short
from tessera.errors import DataError
from tessera.evaluation import figures, metrics
from tessera.viewer.stores import Store

KEPT = 256 * 2**20  # bytes
SAMPLED = 8  # snapshots that decide a colour scale


class UnreadableError(DataError):
    """A store that was opened cannot be read; `store` says which."""

    def __init__(self, store: Store, message: str) -> None:
        super().__init__(message)
        self.store = store


class Hotspots(NamedTuple):
    """Hotspots over time: area [m2] and mean temperature [K], `nan` where there is none; shape (time,)."""

    area: np.ndarray
    temperature: np.ndarray


class Reader:
    """What reads stores, and keeps what it read last.

    Parameters
    ----------
    kept
        Most bytes to keep; a field of a case that is larger is kept alone.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._blocks = kept, OrderedDict[tuple, np.ndarray]()

    def snapshot(self, store: Store, case: int, field: str, time: int, member: int | None = None) -> np.ndarray:
        """Return one snapshot of a field [SI], shape (y, x); of members the chosen one, or their mean for None.

        Raises
        ------
        UnreadableError
            The store has been broken or removed since it was opened.
        """
        if not store.members:
            return self._snapshot(store, case, field, time, None)
        if member is not None:
            return self._snapshot(store, case, field, time, min(member, store.members - 1))
        members = [self._snapshot(store, case, field, time, n) for n in range(store.members)]
        return np.mean(members, axis=0, dtype="float64").astype("float32")

    def limits(self, store: Store, case: int, field: str) -> tuple[float, float]:
        """Return the ends of the colour scale of a field in a case [SI], of some of its snapshots."""
        return figures.limits(field, np.stack([self.snapshot(store, case, field, n) for n in _sample(store)]))

    def largest(self, truth: Store, made: Iterable[Store], case: int, field: str, member: int | None) -> float:
        """Return the end of the symmetric scale of predictions minus truth in a case [SI]."""
        pairs = [(one, n) for one in made for n in _sample(truth)]
        differences = [
            self.snapshot(one, case, field, n, member) - self.snapshot(truth, case, field, n) for one, n in pairs
        ]
        return figures.largest(np.stack(differences)) if differences else 1.0

    def hotspots(self, store: Store, case: int, threshold: float, member: int | None = None) -> Hotspots:
        """Return the hotspots of a case over time, of members the mean of theirs for None.

        Parameters
        ----------
        store
            Has a temperature.
        case, member
            Which case, and which of its members.
        threshold
            Temperature above which a cell is hot [K].
        """
        members = range(store.members) if store.members and member is None else [member]
        cell_area, times = schema.cell_size(store.dataset) ** 2, range(store.dataset.sizes["time"])
        areas, temperatures = [], []
        for one in members:
            area, mean = np.empty(len(times)), np.empty(len(times))
            for n in times:
                snapshot = self.snapshot(store, case, "temperature", n, one)
                area[n] = metrics.hotspot_area(snapshot, threshold, cell_area)
                mean[n] = metrics.hotspot_temperature(snapshot, threshold)
            areas.append(area)
            temperatures.append(mean)
        return Hotspots(metrics.mean_defined(np.stack(areas)), metrics.mean_defined(np.stack(temperatures)))

    def _snapshot(self, store: Store, case: int, field: str, time: int, member: int | None) -> np.ndarray:
        key = (store.path, case, field, member)
        if key not in self._blocks:
            place = {"case": store.cases.index(case)}
            chosen = store.dataset[field].isel(place if member is None else {**place, "sample": member})
            try:
                self._keep(key, chosen.values)
            except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
                message = f"{store.path}: expected to read the {field} of case {case}, got {short(error)}"
                raise UnreadableError(store, message) from None
        self._blocks.move_to_end(key)
        return self._blocks[key][time]

    def _keep(self, key: tuple, block: np.ndarray) -> None:
        self._blocks[key] = block
        while len(self._blocks) > 1 and sum(one.nbytes for one in self._blocks.values()) > self._kept:
            self._blocks.popitem(last=False)


def _sample(store: Store) -> list[int]:
    last = store.dataset.sizes["time"] - 1
    return sorted({round(n) for n in np.linspace(0, last, SAMPLED)})
