"""What a training runs on: device, precision and processes, by Lightning Fabric.

Each process has a part of every batch and all of the network. Gradients are averaged here, not by a wrapped
network, for a roll-out calls its network many times per update and by more ways than `forward`. Nothing
that travels between processes is ever unpickled.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, Literal, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, distributed

from tessera.errors import LostError, TrainingError
from tessera.learning import processes
from tessera.models.parts import Part

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
MEETING = timedelta(minutes=10)
Value = TypeVar("Value")


class Engine:
    """Device, precision and processes of a training.

    Parameters
    ----------
    device
        Where the network lives.
    precision
        Of what precision its arithmetic is while it learns; weights are kept, and validated, in float32.
    """

    def __init__(self, device: str, precision: str) -> None:
        here = processes.rank()
        self.place, self.total = here.place, here.total
        kind, _, number = device.partition(":")
        if self.total > 1:
            self._together(lambda: _meet(here, kind))
        # To Fabric each process is a node with one device, so that it need not know how Slurm dealt them out.
        self.fabric = Fabric(
            accelerator=kind,
            devices=[int(number or 0)] if kind == "cuda" else 1,
            num_nodes=self.total,
            strategy=DDPStrategy() if self.total > 1 else "auto",
            precision=PRECISIONS[precision],
            plugins=[LightningEnvironment()],
        )
        self.fabric.launch()

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.place == 0

    @property
    def part(self) -> Part:
        """The part of each batch that this process has."""
        return Part(self.place, self.total, self.tell)

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Return the context in which the network computes while it learns."""
        return self.fabric.autocast()

    def gather(self, value: float) -> list[float]:
        """Return the value of each process."""
        if self.total == 1:
            return [value]
        own = torch.tensor([value], dtype=torch.float64, device=self.fabric.device)
        found = [torch.zeros_like(own) for _ in range(self.total)]
        self._together(lambda: distributed.all_gather(found, own))
        return torch.cat(found).tolist()

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all processes."""
        if self.total == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        mean: Any = self._together(lambda: self.fabric.all_reduce(flat, reduce_op="mean"))
        for tensor, values in zip(tensors, mean.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(values.view_as(tensor))

    def tell(self, value: Value, source: int = 0) -> Value:
        """Return in all processes what one has: plain values."""
        if self.total == 1:
            return value
        text = json.dumps(value).encode() if self.place == source else b""
        size = int(self.gather(len(text))[source])
        content = torch.zeros(size, dtype=torch.uint8)
        if text:
            content = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        content = content.to(self.fabric.device)
        self._together(lambda: distributed.broadcast(content, source))
        return json.loads(bytes(content.tolist()))

    def wait(self) -> None:
        """Wait for all processes."""
        self.gather(0.0)

    @contextmanager
    def as_one(self, where: str, batch: int | None = None) -> Iterator[None]:
        """Let what goes wrong in one process go wrong in all, with the same words.

        Parameters
        ----------
        where
            What is done.
        batch
            Samples in a batch, of all processes together.
        """
        said = ""
        try:
            yield
        except LostError:
            raise
        except TrainingError as error:
            said = str(error)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            said = f"{where}: memory: expected room {_room(batch, self.total)}, got none; {REMEDY}"
        failed = [index for index, value in enumerate(self.gather(float(bool(said)))) if value]
        if failed:
            raise TrainingError(self.tell(said, failed[0]))

    def _together(self, collective: Callable[[], Value]) -> Value:
        try:
            return collective()
        except RuntimeError as error:
            got = str(error).splitlines()[0][:160]
            raise LostError(f"expected {self.total} processes to go on together, got: {got}") from None


REMEDY = "lower batch, window or horizons, or ask for more memory"


def _room(batch: int | None, count: int) -> str:
    shared = f" in {count} processes" if count > 1 else ""
    return "for it" if batch is None else f"for a batch of {batch}{shared}"


def _out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Return whether an error says that memory has run out; that of a processor has no class of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


def _meet(here: processes.Rank, kind: str) -> None:
    """Join the other processes, once in the life of this one."""
    if distributed.is_initialized():
        return
    os.environ |= {"NODE_RANK": str(here.place), "LOCAL_RANK": "0"}
    address, listener = "127.0.0.1", None
    if here.nodes:
        address = SLURMEnvironment.resolve_root_node_address(here.nodes)
    elif processes.LISTENER in os.environ and here.place == 0:
        listener = int(os.environ[processes.LISTENER])
    store = distributed.TCPStore(
        address, here.port, here.total, here.place == 0, timeout=MEETING, master_listen_fd=listener
    )
    backend = "nccl" if kind == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=here.place, world_size=here.total)


__all__ = ["Engine"]
