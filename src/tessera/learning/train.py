"""The one training loop, for every task; killed and resumed, it equals itself never stopped.

A task says what is learned: a batch, its named losses, a validation. The loop says how: optimiser,
schedule, averaged weights, budget, checkpoints. With a budget of updates a resumed training is equal
to the last bit; with a budget of processor time it goes on with what is left of it.

Several processes share each batch and have the same weights, random numbers and decisions; the first alone
writes. What one learns in an update all learn: a training may be resumed by another number of them.

State folder: `<state>/<key>/{training.pt, history.jsonl}`; the key is the digest of configuration, data
and sources, so that nothing of another study is ever continued.
"""

import json
import logging
import math
import os
import signal
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from rich.console import Console
from torch import Tensor, nn

from tessera import journal
from tessera.data.files import whole, write_text
from tessera.errors import DataError, TrainingError
from tessera.learning.compiling import compiled
from tessera.learning.cutting import waited
from tessera.learning.engine import Engine
from tessera.learning.loop import Loop, rate
from tessera.learning.processes import signals
from tessera.learning.progress import bar, summary
from tessera.models.parts import shared

log = logging.getLogger("tessera")

VALIDATION_SHARE = 0.1


class Task(Protocol):
    """What is learned: everything that the loop needs to know of it."""

    name: str

    @property
    def module(self) -> nn.Module:
        """Return what is trained."""

    def batch(self, progress: float, generator: torch.Generator) -> Any:
        """Return the next batch, given which part of the budget is spent."""

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Return the named, weighted terms whose sum is descended."""

    def validate(self) -> tuple[float, dict[str, float]]:
        """Return what decides the best epoch, lower is better, and named numbers for the history."""

    def state(self) -> dict[str, Any]:
        """Return what beside the weights must survive: tensors and plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""


class Result(NamedTuple):
    """What a training did."""

    updates: int
    core_seconds: float
    validation_seconds: float
    best: float
    best_updates: int
    numbers: dict[str, float]

    def facts(self) -> dict[str, Any]:
        """Return the facts as plain values for a checkpoint's metadata."""
        return self._asdict()


def train(task: Task, loop: Loop, *, state: Path, key: str) -> Result:
    """Train a task to the end of its budget and leave the best weights in its module.

    Parameters
    ----------
    task, loop
        What is learned, and how; parameters that require no gradient stay as they are.
    state
        Folder of the training state; what it holds under `key` is resumed.
    key
        Digest of all that decides the training.

    Raises
    ------
    TrainingError
        A loss or a gradient is not finite, memory runs out, another process has ended, or there is no compiler where
        one is needed; the last checkpoint stays as it is.
    DataError
        The checkpoint of this key cannot be read.
    KeyboardInterrupt
        The process was asked to stop; the state is saved. SIGTERM goes to its former handler first.
    """
    run = _Run(task, loop, state / key)
    run.resume()
    networks = compiled(task.module, loop.compile)
    with shared(run.engine.part), networks, signals() as asked, bar(task.name) as show:
        stop = run.asked(asked)
        while not (run.over or stop):
            run.update()
            show(run.progress)
            if run.updates % loop.epoch == 0 or run.progress >= 1.0:
                run.end_epoch()
            stop = run.asked(asked)
        if stop:
            run.save()
    if stop:
        log.info("%s: stopped at update %d, state saved", task.name, run.updates)
        signal.raise_signal(stop)
        raise KeyboardInterrupt
    return run.finish()


class _Run:
    """A training under way: everything of it that a checkpoint holds."""

    def __init__(self, task: Task, loop: Loop, folder: Path) -> None:
        self.task, self.loop, self.folder = task, loop, folder
        self.engine = Engine(loop.device, loop.precision)
        if loop.batch is not None and loop.batch % self.engine.total:
            raise TrainingError(f"{task.name}: batch: expected a multiple of {self.engine.total}, got {loop.batch}")
        task.module.to(loop.device)
        self.weights = {name: p for name, p in task.module.named_parameters() if p.requires_grad}
        if not self.weights:
            raise TrainingError(f"{task.name}: expected weights to learn, got none")
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[loop.optimizer]
        self.optimizer = kind(
            list(self.weights.values()),
            lr=loop.learning_rate,
            betas=loop.betas,
            weight_decay=loop.weight_decay,
            fused=True,
        )
        self.average = _copy(self.weights) if loop.average else {}
        self.generator = torch.Generator().manual_seed(loop.seed)
        torch.manual_seed(loop.seed)
        self.updates, self.core_seconds, self.validation_seconds = 0, 0.0, 0.0
        self.seconds = self.waiting_seconds = 0.0
        self.sums: dict[str, float] = {}
        self.since = self.stale = 0
        self.history: list[str] = []
        self.best: dict[str, Any] = {}

    @property
    def progress(self) -> float:
        """Part of the budget that is spent."""
        if self.loop.updates is not None:
            return self.updates / self.loop.updates
        assert self.loop.core_seconds is not None
        return self.core_seconds / self.loop.core_seconds

    @property
    def over(self) -> bool:
        """Whether the budget is spent, or the patience."""
        return self.progress >= 1.0 or 0 < self.loop.patience <= self.stale

    def asked(self, numbers: list[int]) -> int:
        """Return the signal that any of the processes was sent, 0 for none."""
        return int(max(self.engine.gather(numbers[0] if numbers else 0)))

    def update(self) -> None:
        begin, progress = time.process_time(), self.progress
        clock, before = time.perf_counter(), waited()
        self.task.module.train()
        where = f"{self.task.name}: update {self.updates + 1}"
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.loop, progress)
        with self.engine.as_one(where, self.loop.batch):
            batch = self.task.batch(progress, self.generator)
            with self.engine.arithmetic():
                terms = self.task.losses(batch)
            total = torch.stack(list(terms.values())).sum()
            if not torch.isfinite(total):
                bad = next((name for name, term in terms.items() if not torch.isfinite(term)), "sum")
                raise TrainingError(f"{where}: {bad}: expected a finite loss, got {total.item()}")
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
        terms = {name: term.detach() for name, term in terms.items()}
        self.engine.average([*terms.values(), *(p.grad for p in self.weights.values() if p.grad is not None)])
        norm = nn.utils.clip_grad_norm_(self.weights.values(), self.loop.clip or math.inf)
        if not torch.isfinite(norm):
            raise TrainingError(f"{where}: gradient: expected a finite norm, got {float(norm)}")
        self.optimizer.step()
        self.updates += 1
        self._follow()
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(term)
        self.since += 1
        self.core_seconds += sum(self.engine.gather(time.process_time() - begin))
        self.seconds += time.perf_counter() - clock
        self.waiting_seconds += waited() - before

    def end_epoch(self) -> None:
        line: dict[str, Any] = {
            "epoch": -(-self.updates // self.loop.epoch),
            "updates": self.updates,
            "core_seconds": round(self.core_seconds, 3),
            "seconds": round(self.seconds, 3),
            "waiting_seconds": round(self.waiting_seconds, 4),
            "learning_rate": rate(self.loop, self.progress),
        }
        line |= {f"loss_{name}": value / self.since for name, value in self.sums.items()}
        if self._affordable():
            line |= self._validate()
        self.sums, self.since = {}, 0
        self.history.append(json.dumps(line) + "\n")
        self.save()
        self._tell()
        journal.progress(self.task.name, self.progress, f"{self.updates} updates")
        if not Console(stderr=True).is_terminal:
            log.info("%s: %s", self.task.name, summary(line))

    def save(self) -> None:
        if self.engine.first:
            self._save()
        self.engine.wait()

    def _save(self) -> None:
        content = {
            "updates": self.updates,
            "core_seconds": self.core_seconds,
            "validation_seconds": self.validation_seconds,
            "seconds": self.seconds,
            "waiting_seconds": self.waiting_seconds,
            "sums": self.sums,
            "since": self.since,
            "stale": self.stale,
            "history": self.history,
            "weights": _copy(self.weights),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "task": self.task.state(),
            "generator": self.generator.get_state(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.loop.device) if self.loop.device != "cpu" else None,
        }
        with whole(self.folder / "training.pt") as beside, beside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())

    def resume(self) -> None:
        """Go on from the state in the folder, all processes from the same one."""
        path = self.folder / "training.pt"
        if path.is_file():
            try:
                with zipfile.ZipFile(path) as file:  # torch does not look at the checksums that it writes
                    if file.testzip():
                        raise ValueError("a part without the checksum that it says")
                content = torch.load(path, map_location=self.loop.device, weights_only=True)
                self._restore(content)
            except Exception as error:
                raise DataError(
                    f"{path}: expected a whole training state, got {type(error).__name__}; delete it"
                ) from error
            log.info("%s: resumed at update %d", self.task.name, self.updates)
        found = {int(updates) for updates in self.engine.gather(self.updates)}
        if len(found) > 1:
            raise TrainingError(f"{path}: expected one state for all processes, got updates {sorted(found)}")

    def finish(self) -> Result:
        _assign(self.weights, self.best["weights"])
        self.task.module.eval()
        self._tell()
        self.engine.wait()
        return Result(
            self.updates,
            self.core_seconds,
            self.validation_seconds,
            self.best["error"],
            self.best["updates"],
            dict(self.best["numbers"]),
        )

    def _restore(self, content: Mapping[str, Any]) -> None:
        _assign(self.weights, content["weights"])
        _assign(self.average, content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.task.restore(content["task"])
        self.generator.set_state(content["generator"].cpu())
        torch.set_rng_state(content["random"].cpu())
        if content["random_cuda"] is not None and self.loop.device != "cpu":
            torch.cuda.set_rng_state(content["random_cuda"].cpu(), self.loop.device)
        for name in (
            "updates",
            "core_seconds",
            "validation_seconds",
            "seconds",
            "waiting_seconds",
            "sums",
            "since",
            "stale",
            "history",
            "best",
        ):
            setattr(self, name, content[name])

    def _tell(self) -> None:
        if self.engine.first:
            write_text(self.folder / "history.jsonl", "".join(self.history))

    def _follow(self) -> None:
        """Let the averaged weights follow; early on they follow closely."""
        if self.average:
            decay = min(self.loop.average, (1 + self.updates) / (10 + self.updates))
            followed = [weight.detach() for weight in self.weights.values()]
            torch._foreach_lerp_(list(self.average.values()), followed, 1.0 - decay)

    def _affordable(self) -> bool:
        """Return whether to validate now: always, but with a budget of time at most about a tenth of it."""
        if self.loop.core_seconds is None or self.progress >= 1.0:
            return True
        return self.validation_seconds <= VALIDATION_SHARE * self.core_seconds

    def _validate(self) -> dict[str, Any]:
        begin, own = time.process_time(), _copy(self.weights)
        _assign(self.weights, self.average)
        self.task.module.eval()
        found: Any = None
        with self.engine.as_one(f"{self.task.name}: validation after update {self.updates}"), torch.no_grad():
            found = self.task.validate() if self.engine.first else None
        error, numbers = self.engine.tell(found)
        if not math.isfinite(error):
            error = math.inf
        self.stale += 1
        if not self.best or error < self.best["error"]:
            self.stale = 0
            self.best = {
                "error": error,
                "updates": self.updates,
                "numbers": numbers,
                "weights": _copy(self.weights),
            }
        _assign(self.weights, own)
        self.validation_seconds += sum(self.engine.gather(time.process_time() - begin))
        seconds = round(self.validation_seconds, 3)
        return {"validation_seconds": seconds, "error": error} | {f"validation_{k}": v for k, v in numbers.items()}


def _copy(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in weights.items()}


@torch.no_grad()
def _assign(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into weights of the same names; no values leave them as they are."""
    if values and values.keys() != weights.keys():
        raise KeyError(f"weights: expected {sorted(weights)}, got {sorted(values)}")
    for name, value in values.items():
        weights[name].copy_(value)


__all__ = ["Loop", "Result", "Task", "rate", "train"]
