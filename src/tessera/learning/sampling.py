"""What a batch is: windows in space and time, placed where something happens.

At a small budget sampling decides more than architecture: narrow windows of full height, most of them
around the shock front, give many updates in little time. A window is cut from the domain, so near a cut
side the truth is fed by cells that the network cannot see; a halo there, as wide as waves travel, is
left out of the loss.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from tessera.models.parts import part
from tessera.models.state import State

NOISY_SAMPLES = 0.7
OCTAVES = 5
VALIDATED = 2  # cases that a validation looks at


class Halo(NamedTuple):
    """Cells beside a cut side that are left out of the loss: at first, and more per further step.

    Upstream is the side of lower x, from where flow and sound come together.
    """

    upstream: int = 14
    upstream_step: int = 6
    downstream: int = 11
    downstream_step: int = 5

    def width(self, horizon: int) -> tuple[int, int]:
        """Return the cells left out upstream and downstream after so many steps."""
        more = horizon - 1
        return self.upstream + more * self.upstream_step, self.downstream + more * self.downstream_step


def halo(interval: float, cell_size: float) -> Halo:
    """Return the halo of a grid.

    Behind a strong shock of a porous solid, sound with and against the flow bring 5.7 and 4.5 km/s across
    a cut side in the first step; errors that have entered spread by 2.4 and 2.0 km/s in each further one.

    Parameters
    ----------
    interval, cell_size
        Time between snapshots [s] and width of a cell [m].
    """
    return Halo(*(math.ceil(speed * interval / cell_size) for speed in (5690.0, 2430.0, 4470.0, 2030.0)))


class Recipe(NamedTuple):
    """Which batches are drawn; the keys of a study's training section.

    Attributes
    ----------
    batch
        Windows in a batch.
    window, window_rollout
        Width of a window for one step and for more [cells]; None for whole frames.
    front
        Part of the windows around the shock front.
    horizons
        Pairs of the part of the budget up to which, and the horizons that are drawn with equal chance.
    noise
        Standard deviation of the input noise [scaled].
    replay
        Part of the batches that start from the model's own predictions.
    hot_weight, temperature_weight
        Extra weight of hot and void cells, and weight of temperature against the other fields.
    """

    batch: int
    window: int | None = None
    window_rollout: int | None = None
    front: float = 0.65
    horizons: tuple[tuple[float, tuple[int, ...]], ...] = ((1.0, (1,)),)
    noise: float = 0.0
    replay: float = 0.0
    hot_weight: float = 4.0
    temperature_weight: float = 2.0

    def choices(self, progress: float) -> tuple[int, ...]:
        """Return the horizons that are drawn when a part of the budget is spent."""
        return next((steps for until, steps in self.horizons if progress < until), self.horizons[-1][1])

    @property
    def longest(self) -> int:
        """Longest horizon [snapshots]."""
        return max(step for _, steps in self.horizons for step in steps)


class Window(NamedTuple):
    """Where a sample lies: case, first snapshot, columns [left, left + width), reflected in y or not."""

    case: int
    frame: int
    left: int
    width: int
    mirrored: bool

    @property
    def columns(self) -> slice:
        """The columns of the window."""
        return slice(self.left, self.left + self.width)


class Sampler:
    """Draw windows.

    Parameters
    ----------
    recipe
        What is drawn.
    front
        Column of the shock front [cells], shape (case, time).
    columns
        Width of a frame [cells].
    first
        First snapshot that a window may start from.
    unit
        Windows begin and end at multiples of it [cells].
    mirrored
        Whether half of the windows are reflected in y.
    """

    def __init__(
        self,
        recipe: Recipe,
        front: Tensor,
        columns: int,
        *,
        first: int = 1,
        unit: int = 1,
        mirrored: bool = True,
    ) -> None:
        self.recipe, self.columns, self.first, self.unit, self.mirrored = (
            recipe,
            columns,
            first,
            unit,
            mirrored,
        )
        self.front: list[list[int]] = front.tolist()

    def horizon(self, progress: float, generator: Generator) -> int:
        """Draw a horizon of the curriculum."""
        choices = self.recipe.choices(progress)
        return choices[int(torch.randint(len(choices), (1,), generator=generator))]

    def draw(self, horizon: int, generator: Generator) -> list[Window]:
        """Draw a batch of windows whose last snapshot is `horizon` after their first."""
        return [self._place(horizon, None, generator) for _ in range(self.recipe.batch)]

    def around(self, case: int, frame: int, horizon: int, generator: Generator) -> Window:
        """Draw a window of a given case and snapshot."""
        return self._place(horizon, (case, frame), generator)

    def width(self, horizon: int) -> int:
        """Return the width of windows for a horizon [cells]."""
        wanted = self.recipe.window if horizon <= 1 else self.recipe.window_rollout
        if wanted is None or wanted >= self.columns:
            return self.columns
        return max(self.unit, wanted // self.unit * self.unit)

    def _place(self, horizon: int, at: tuple[int, int] | None, generator: Generator) -> Window:
        chance = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
        last = len(self.front[0]) - 1 - horizon
        if last < self.first:
            raise ValueError(f"horizon: expected at most {len(self.front[0]) - 1 - self.first}, got {horizon}")
        case, frame = at or (
            int(chance[0] * len(self.front)), self.first + int(chance[1] * (last - self.first + 1))
        )  # fmt: skip
        width = self.width(horizon)
        low, high = 0, self.columns - width
        column = self.front[case][frame + horizon // 2]
        if chance[2] < self.recipe.front and column < self.columns - 1:
            low, high = (min(max(column - part * width // 8, 0), high) for part in (6, 3))
        left = (low + int(chance[3] * (high - low + 1))) // self.unit * self.unit
        return Window(case, frame, left, width, self.mirrored and chance[4] < 0.5)


def mask(windows: Sequence[Window], columns: int, horizon: int, halo: Halo, unit: int = 1) -> Tensor:
    """Return which columns count: 1 inside, 0 in the halo of a cut side.

    Parameters
    ----------
    windows, columns
        The windows, of equal width, and the width of a frame [cells].
    horizon
        Number of steps.
    halo
        Width of the halo [cells], rounded up to a multiple of `unit`; at most three eighths of a window.
    unit
        Columns that belong together, as those of a token do [cells].

    Returns
    -------
    Tensor of shape (batch, horizon, 1, width / unit).
    """
    counts = torch.ones(len(windows), horizon, 1, windows[0].width // unit)
    limit = windows[0].width * 3 // 8 // unit
    for sample, window in enumerate(windows):
        for step in range(horizon):
            upstream, downstream = (min(-(-cells // unit), limit) for cells in halo.width(step + 1))
            if window.left > 0:
                counts[sample, step, :, :upstream] = 0.0
            if window.left + window.width < columns and downstream:
                counts[sample, step, :, -downstream:] = 0.0
    return counts


def noise(state: State, level: float, generator: Generator) -> State:
    """Return the state with noise, correlated over a random number of cells, in most of the samples.

    Of several processes that share a batch, each draws the noise of all and takes its own.

    Parameters
    ----------
    state
        Tensors whose last two dimensions are y and x.
    level
        Standard deviation of the noise [scaled].
    """
    if level == 0.0:
        return state
    here, first = part(), next(iter(state.values()))
    samples = here.total * first.shape[0]
    wide = 2 ** int(torch.randint(OCTAVES, (1,), generator=generator))
    noisy = (torch.rand(samples, generator=generator) < NOISY_SAMPLES).to(first.dtype)
    result = {}
    for name, field in state.items():
        y, x = field.shape[-2:]
        coarse = torch.randn(samples, field[0].numel() // (y * x), -(-y // wide), -(-x // wide), generator=generator)
        if wide > 1:
            fine = nn.functional.interpolate(coarse, scale_factor=float(wide), mode="bilinear")[..., :y, :x]
            coarse = fine * (fine.numel() ** 0.5 / fine.norm().clamp_min(1e-6))
        drawn = here.of(coarse * (level * noisy[:, None, None, None])).reshape(field.shape)
        result[name] = field + drawn.to(field.device)
    return result


class Memory(NamedTuple):
    """A state of the model's own making, without batch dimension, and which snapshot it predicts."""

    state: State
    case: int
    frame: int


class Replay:
    """The model's own states, from which part of the batches start.

    Roll-outs of `LONGEST` snapshots are made every `EVERY` replayed batches, on whole frames and without
    gradient; states of `SHORTEST` steps and more whose error is small are kept, the newest `CAPACITY`.

    Parameters
    ----------
    part
        Part of the batches that are replayed once `FROM` of the budget is spent.
    snapshots, cases, first
        Number of snapshots and cases, and the first snapshot to start from.
    """

    FROM, EVERY, CAPACITY, SHORTEST, LONGEST, TOLERATED = 0.35, 12, 14, 2, 8, 0.8

    def __init__(self, part: float, cases: int, snapshots: int, first: int = 1) -> None:
        self.part, self.cases, self.snapshots, self.first = part, cases, snapshots, first
        self.kept: list[Memory] = []
        self.used = 0

    def wanted(self, progress: float, generator: Generator) -> bool:
        """Draw whether the next batch is to be replayed."""
        return progress >= self.FROM and float(torch.rand(1, generator=generator)) < self.part

    def take(
        self, count: int, horizon: int, predict: Callable[[int, int, int], Sequence[tuple[State, float]]],
        generator: Generator,
    ) -> list[Memory]:  # fmt: skip
        """Return kept states that leave room for a horizon, or fewer where there are none.

        Parameters
        ----------
        count, horizon
            How many states, and how many snapshots must follow them.
        predict
            Returns the states of a case after 1, 2, ... steps from a snapshot, with their errors [scaled].
        """
        if self.due:
            self._refresh(predict, generator)
        self.used += 1
        return self.choose(count, horizon, generator)

    @property
    def due(self) -> bool:
        """Whether the next replayed batch begins with new roll-outs."""
        return self.used % self.EVERY == 0

    def choose(self, count: int, horizon: int, generator: Generator) -> list[Memory]:
        """Draw kept states that leave room for a horizon; none where there are none."""
        able = [memory for memory in self.kept if memory.frame + horizon < self.snapshots]
        if not able:
            return []
        return [able[int(n)] for n in torch.randint(len(able), (count,), generator=generator)]

    def _refresh(self, predict: Callable[..., Sequence[tuple[State, float]]], generator: Generator) -> None:
        steps = min(self.LONGEST, self.snapshots - 2 - self.first)
        if steps < self.SHORTEST:
            return
        chance = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        case = int(chance[0] * self.cases)
        frame = self.first + int(chance[1] * (self.snapshots - 1 - steps - self.first))
        for step, (state, error) in enumerate(predict(case, frame, steps), start=1):
            if step >= self.SHORTEST and error < self.TOLERATED:
                self.kept.append(Memory(state, case, frame + step))
        self.kept = self.kept[-self.CAPACITY :]

    def state(self) -> dict[str, Any]:
        """Return what must survive a restart."""
        return {"used": self.used, "kept": [tuple(memory) for memory in self.kept]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        self.used = state["used"]
        self.kept = [Memory(*memory) for memory in state["kept"]]
