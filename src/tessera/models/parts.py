"""The part of a batch that a process has: all of it, or one of several that learn together.

Every process draws the random numbers of the whole batch and takes those of its own samples, so that what
a sample meets depends on its place in the batch, not on how many processes share it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

Items = TypeVar("Items", bound=Sequence[Any] | Tensor)


def _itself(value: Any) -> Any:
    return value


class Part(NamedTuple):
    """Which part of a batch a process has.

    Attributes
    ----------
    place, total
        Which of how many equal parts.
    same
        Returns the value of the first process in all of them, where rounding might differ.
    """

    place: int = 0
    total: int = 1
    same: Callable[[Any], Any] = _itself

    def of(self, items: Items) -> Items:
        """Return the samples of this part; `items` are those of the whole batch, a number that `total` divides."""
        size = len(items) // self.total
        return items[self.place * size : (self.place + 1) * size]  # type: ignore[return-value]


_here = [Part()]


def part() -> Part:
    """Return the part that this process has."""
    return _here[-1]


@contextmanager
def shared(part: Part) -> Iterator[None]:
    """Let this process have a part of each batch."""
    _here.append(part)
    try:
        yield
    finally:
        _here.pop()


def normal_like(x: Tensor) -> Tensor:
    """Return standard normal numbers for the samples of this process, of the shape (batch, ...) of a tensor."""
    here = part()
    if here.total == 1:
        return torch.randn_like(x)
    return here.of(torch.randn_like(torch.cat([x.detach()] * here.total)))  # in memory as the whole batch would lie


def uniform_like(x: Tensor) -> Tensor:
    """Return numbers between 0 and 1 for the samples of this process, of the shape (batch, ...) of a tensor."""
    here = part()
    if here.total == 1:
        return torch.rand_like(x)
    return here.of(torch.rand_like(torch.cat([x.detach()] * here.total)))


__all__ = ["Part", "normal_like", "part", "shared", "uniform_like"]
