"""Cases that stay on disk: read as windows ask for them, kept while there is room, fetched before they are wanted.

Values are read in pieces, the snapshots of a case that lie together in the store, by threads beside the loop.
Whoever knows what it will cut next says so with `expect`: a hint, on which no result depends. The same windows
show the same bits as in memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from tessera.data.scaling import Scale
from tessera.learning.cutting import cut
from tessera.learning.sampling import Window
from tessera.models.state import State

THREADS = 2


class Piece(NamedTuple):
    """Snapshots of a field that are read together: its name, the case, the first and the one behind the last."""

    name: str
    case: int
    first: int
    end: int


class Source(NamedTuple):
    """Where cases come from.

    Attributes
    ----------
    read
        Returns the scaled float32 values of a piece, (time, ...).
    shapes
        By field, the shape of a case, time first.
    together
        By field, how many snapshots lie together and cost as much to read as one of them.
    front
        Returns the last column behind the shock front [cells] of a case, int64 of shape (time,).
    cases
        Numbers of the cases.
    unit
        Cells per column of the values; 1, or those of a token.
    """

    read: Callable[[Piece], np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    together: dict[str, int]
    front: Callable[[int], np.ndarray]
    cases: tuple[int, ...]
    unit: int = 1

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return 4 * len(self.cases) * sum(int(np.prod(shape)) for shape in self.shapes.values())

    @property
    def snapshots(self) -> int:
        """Number of snapshots of each case."""
        return next(iter(self.shapes.values()))[0]

    def piece(self, name: str, case: int, frame: int) -> Piece:
        """Return the piece that a snapshot lies in."""
        length = self.together[name]
        first = frame // length * length
        return Piece(name, case, first, min(first + length, self.snapshots))


def together(variable: xr.Variable) -> int:
    """Return how many snapshots of a case lie together in the store that a variable was opened from."""
    chunks = variable.encoding.get("chunks")
    return 1 if chunks is None else int(chunks[variable.dims.index("time")])


class Shelf:
    """The pieces that were used last, up to a limit of memory; those being read count as well.

    Parameters
    ----------
    source
        Where pieces come from.
    room
        Bytes; what is asked for at once is kept however large it is.
    """

    def __init__(self, source: Source, room: float) -> None:
        self._source, self._room, self._held = source, room, 0
        self._pieces: OrderedDict[Piece, Future[Tensor]] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, "tessera-reading")

    def ask(self, pieces: Iterable[Piece]) -> dict[Piece, "Future[Tensor]"]:
        """Return pieces, of which some may still be on their way."""
        wanted = dict.fromkeys(pieces)
        for piece in wanted:
            if piece in self._pieces:
                self._pieces.move_to_end(piece)
        for piece in wanted:
            if piece not in self._pieces:
                self._pieces[piece] = self._threads.submit(self._read, piece)
                self._held += self._bytes(piece)
        while self._held > self._room and next(iter(self._pieces)) not in wanted:
            oldest, future = self._pieces.popitem(last=False)
            future.cancel()
            self._held -= self._bytes(oldest)
        return {piece: self._pieces[piece] for piece in wanted}

    def each(self, function: Callable[[int], np.ndarray], count: int) -> Iterator[np.ndarray]:
        """Yield what a function says of 0, 1, ..., called by the threads that read."""
        return self._threads.map(function, range(count))

    @property
    def held(self) -> int:
        """Bytes of the pieces that are kept."""
        return self._held

    def _read(self, piece: Piece) -> Tensor:
        return torch.from_numpy(self._source.read(piece))

    def _bytes(self, piece: Piece) -> int:
        return 4 * (piece.end - piece.first) * int(np.prod(self._source.shapes[piece.name][1:]))


class Stored:
    """Cases on disk, used as those of `Frames` are.

    Parameters
    ----------
    source
        Where they come from.
    device
        Where what is cut out of them shall live.
    room
        Bytes of pieces that may be kept.
    """

    def __init__(self, source: Source, device: str, room: float) -> None:
        self.source, self.device, self.shelf = source, device, Shelf(source, room)
        self.cases, self.unit, self.snapshots = source.cases, source.unit, source.snapshots
        self._front: Tensor | None = None

    @property
    def columns(self) -> int:
        """Width of a frame [cells]."""
        return next(iter(self.source.shapes.values()))[-1] * self.unit

    @property
    def front(self) -> Tensor:
        """Last column behind the shock front [cells], (case, time); read from all cases when first asked for."""
        if self._front is None:
            found = self.shelf.each(self.source.front, len(self.cases))
            self._front = torch.from_numpy(np.stack([*found]))
        return self._front

    def at(self, frame: int) -> State:
        """Return a snapshot of all cases."""
        return self.cut([Window(case, frame, 0, self.columns, False) for case in range(len(self.cases))], 0)

    def case(self, name: str, number: int) -> Tensor:
        """Return all snapshots of a field of a case, (time, ...); they are not kept."""
        whole = Piece(name, number, 0, self.snapshots)
        return torch.from_numpy(self.source.read(whole)).to(self.device)

    def first(self, count: int) -> "Stored":
        """Return the first cases; what is kept of them is shared."""
        few = Stored.__new__(Stored)
        few.__dict__ |= self.__dict__ | {"cases": self.cases[:count], "_front": None}
        return few

    def cut(self, windows: Sequence[Window], later: int, scales: Mapping[str, Scale] | None = None) -> State:
        """Return what windows show, some snapshots after their first, stacked as a batch, as `Frames.cut` does."""
        return cut(windows, lambda: self._whole(windows, later), self.unit, scales, self.device)

    def expect(self, windows: Sequence[Window], steps: Iterable[int]) -> None:
        """Begin to read what windows show, some numbers of snapshots after their first, in the order of the steps."""
        for later in steps:
            self.shelf.ask(self._pieces(windows, later))

    def _pieces(self, windows: Sequence[Window], later: int) -> list[Piece]:
        return [self.source.piece(name, w.case, w.frame + later) for w in windows for name in self.source.shapes]

    def _whole(self, windows: Sequence[Window], later: int) -> list[State]:
        known = self.shelf.ask(self._pieces(windows, later))
        states = []
        for window in windows:
            frame, state = window.frame + later, {}
            for name in self.source.shapes:
                piece = self.source.piece(name, window.case, frame)
                state[name] = known[piece].result()[frame - piece.first]
            states.append(state)
        return states


__all__ = ["Piece", "Shelf", "Source", "Stored", "together"]
