"""What is learned: to say a field in tokens, and to roll out.

`Reconstruct` teaches a tokenizer, `RollOut` everything that predicts: maps of cached latents, models in
pixel space, and a latent model end to end, from pixels through tokens to pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Generator, Tensor, nn

from tessera.data.scaling import Scale
from tessera.learning import losses as loss
from tessera.learning.cutting import stack
from tessera.learning.frames import Cases, Frames, State
from tessera.learning.losses import Weights
from tessera.learning.rollout import Carry, Emulator, Inflow, Tokens, inflow, roll
from tessera.learning.sampling import Halo, Memory, Recipe, Replay, Sampler, Window, mask, noise
from tessera.learning.stored import Stored
from tessera.models import parts
from tessera.models.tokenizer import Tokenizer

VALIDATED = 2


class Divergence(NamedTuple):
    """How strongly a tokenizer's latents are drawn to a standard normal, and since when.

    Attributes
    ----------
    weight
        Weight of the Kullback-Leibler divergence.
    since
        Part of the budget before it counts and before latents are drawn instead of taken at their mean; from
        the start it would teach the encoder to say nothing.
    """

    weight: float
    since: float


class Reconstruct:
    """Encode and decode one field.

    Parameters
    ----------
    field
        Its name.
    module
        The tokenizer.
    frames
        Training cases, one for each ensemble, with the field and those that tell hot and void cells.
    validation
        Validation cases, likewise.
    recipe, weights
        What is drawn and how cells are weighted; of the weights' fields this one counts alone.
    edge
        Weight of the error where the truth is steep.
    divergence
        How latents are drawn to a standard normal.
    scales
        Scales of the fields.
    """

    def __init__(
        self,
        field: str,
        module: Tokenizer,
        frames: Sequence[Cases],
        validation: Sequence[Cases],
        recipe: Recipe,
        weights: Weights,
        edge: float,
        divergence: Divergence,
        scales: Mapping[str, Scale],
    ) -> None:
        self.name, self.field, self.module = f"tokenizer {field}", field, module
        self.frames, self.validation, self.scales = frames, validation, scales
        self.recipe, self.edge, self.divergence = recipe, edge, divergence
        self.weights = weights._replace(fields=dict.fromkeys(weights.fields, 1.0))
        self.samplers = [_sampler(recipe, f, first=0, unit=module.downsampling) for f in frames]

    def batch(self, progress: float, generator: Generator) -> tuple[float, State]:
        """Return the progress and windows of a random ensemble."""
        frames, windows = self._draw(generator)
        state = frames.cut(windows, 0, self.scales)
        if any(isinstance(one, Stored) for one in self.frames):
            frames, windows = self._draw(generator.clone_state())
            frames.expect(windows, [0])
        return progress, state

    def losses(self, batch: tuple[float, State]) -> dict[str, Tensor]:
        """Return the weighted error, the error at edges, and the divergence once it counts."""
        progress, state = batch
        mean, log_var = cast("tuple[Tensor, Tensor]", self.module.encode(state[self.field]))
        if self.divergence.weight == 0.0 or progress < self.divergence.since:
            return self._errors(self.module.decode(mean), state)
        drawn = mean + torch.exp(0.5 * log_var) * parts.normal_like(mean)
        terms = self._errors(self.module.decode(drawn), state)
        terms["divergence"] = self.divergence.weight * loss.kl_divergence(mean, log_var)
        return terms

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the error of whole frames, of every second snapshot, reconstructed from latent means."""
        total, count = 0.0, 0
        for frames in self.validation:
            chosen = frames.first(VALIDATED)
            for frame in range(0, chosen.snapshots, 2):
                state = chosen.at(frame)
                decoded = self.module.decode(self.module.encode(state[self.field]).mean)
                total += sum(float(term) for term in self._errors(decoded, state).values())
                count += 1
        return total / count, {}

    def _draw(self, generator: Generator) -> tuple[Cases, list[Window]]:
        """Return a random ensemble and this process's windows in it."""
        which = int(torch.randint(len(self.frames), (1,), generator=generator))
        return self.frames[which], parts.part().of(self.samplers[which].draw(0, generator))

    def state(self) -> dict[str, Any]:
        """Return nothing: the weights are all."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back nothing."""

    def _errors(self, decoded: Tensor, state: State) -> dict[str, Tensor]:
        field = {self.field: decoded}
        terms = {"field": loss.field_losses(field, state, self.weights, guide=state)[self.field]}
        if self.edge:
            unit = self.weights.units[self.field]
            terms["edge"] = self.edge * loss.edge_loss(decoded, state[self.field], unit)
        return terms


@torch.no_grad()
def whiten(module: Tokenizer, frames: Sequence[Cases], field: str) -> None:
    """Give a tokenizer the mean and deviation of its latents over training cases, per channel."""
    module.eval()
    total = square = torch.zeros((), dtype=torch.float64)
    count = 0
    for part in frames:
        for case in range(len(part.cases)):
            latent = module.encode(part.case(field, case)).mean.double()
            total = total + latent.sum(dim=(0, 2, 3))
            square = square + latent.square().sum(dim=(0, 2, 3))
            count += latent.numel() // latent.shape[1]
    mean = total / count
    std = (square / count - mean.square()).clamp_min(1e-12).sqrt()
    module.whiten(mean.float(), std.float())


class Batch(NamedTuple):
    """Roll-outs to learn from: their start, what follows, and which cells count, here and in all processes."""

    start: Carry
    fed: Inflow
    windows: Sequence[Window]
    horizon: int
    counts: Tensor
    everyone: Tensor


class Teaching(NamedTuple):
    """What a roll-out is compared with.

    Attributes
    ----------
    latent, decoded
        Weights of the error in latent space and of the decoded fields; either may be 0.
    relative
        Whether latent errors are relative to the latents' norm, as for latents that are not white.
    """

    latent: float
    decoded: float
    relative: bool = False


class RollOut:
    """Predict some snapshots from one.

    Parameters
    ----------
    name, module
        What to call it, and what learns; the emulator uses it.
    emulator
        Rolls out.
    frames, validation
        Training and validation cases in pixel space; None where latents alone are compared.
    latents, validation_latents
        The same in cached latents; None where roll-outs begin in pixel space.
    recipe, weights, teaching
        What is drawn, how cells are weighted, what is compared.
    scales
        Scales of the fields.
    halo
        Cells beside a cut side that are left out.
    first
        First snapshot to start from.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        emulator: Emulator,
        recipe: Recipe,
        *,
        frames: Cases | None,
        validation: Cases | None,
        latents: Cases | None = None,
        validation_latents: Cases | None = None,
        weights: Weights | None,
        teaching: Teaching,
        scales: Mapping[str, Scale],
        halo: Halo,
        first: int = 1,
    ) -> None:
        self.name, self.module, self.emulator, self.recipe = name, module, emulator, recipe
        self.frames, self.latents, self.weights, self.teaching = frames, latents, weights, teaching
        self.validation, self.validation_latents = validation, validation_latents
        self.scales, self.halo, self.first = scales, halo, first
        known = latents or frames
        assert known is not None
        self.columns, cases, snapshots = known.columns, len(known.cases), known.snapshots
        self.sampler = _sampler(recipe, known, first=first, unit=emulator.unit, mirrored=latents is None)
        self.replay = Replay(recipe.replay, cases, snapshots, first)

    def batch(self, progress: float, generator: Generator) -> Batch:
        """Return windows of true states, or of the model's own, with noise."""
        here = parts.part()
        horizon = self.sampler.horizon(progress, generator)
        memories: list[Memory] = []
        if self.replay.wanted(progress, generator):
            memories = self.replay.take(self.recipe.batch, horizon, self._remember, generator)
        windows = self._placed(horizon, memories, generator)
        own = here.of(windows)
        start = self._cut_memories(here.of(memories), own) if memories else self._start(own)
        everyone = mask(windows, self.columns, horizon, self.halo)
        device = next(iter(start.values())).device
        inlet = torch.tensor([window.left == 0 for window in own], device=device)
        fed = inflow(self.emulator, start, inlet)
        everyone = everyone.to(device)
        start = noise(start, self.recipe.noise, generator)
        self._expect(progress, generator)
        return Batch(start, fed, own, horizon, here.of(everyone), everyone)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean over the steps of each field's error."""
        terms: dict[str, Tensor] = {}
        carried = roll(self.emulator, batch.start, batch.horizon, batch.fed)
        for step, now in enumerate(carried, start=1):
            truths = self._truths(self.frames, self.latents, batch.windows, step)
            counts, everyone = batch.counts[:, step - 1], batch.everyone[:, step - 1]
            for name, term in self._errors(now, *truths, counts, everyone).items():
                terms[name] = terms.get(name, 0.0) + term / batch.horizon
        return terms

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the mean error of free roll-outs from the first snapshot to the last, and their parts."""
        known = self.validation_latents or self.validation
        assert known is not None
        count = min(VALIDATED, len(known.cases))
        windows = [Window(case, self.first, 0, known.columns, False) for case in range(count)]
        start = self._begin(self.validation, self.validation_latents, windows)
        steps = known.snapshots - 1 - self.first
        sums: dict[str, float] = {}
        for step, now in enumerate(roll(self.emulator, start, steps, inflow(self.emulator, start)), start=1):
            truths = self._truths(self.validation, self.validation_latents, windows, step)
            for name, term in self._errors(now, *truths, None).items():
                sums[name] = sums.get(name, 0.0) + float(term) / steps
        return sum(sums.values()), sums

    def state(self) -> dict[str, Any]:
        """Return the model's own states that are kept for replay."""
        return self.replay.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.replay.restore(dict(state))

    def _errors(
        self,
        now: Carry,
        truth: State | None,
        latents: Carry | None,
        counts: Tensor | None,
        everyone: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms of a step; their mean over all processes is what one would find for the whole batch."""
        terms: dict[str, Tensor] = {}
        if latents is not None and self.teaching.latent:
            compare = loss.latent_loss if self.teaching.relative else loss.absolute_loss
            tokens = None if counts is None else _pooled(counts, self.emulator.unit)[:, None]
            all_tokens = None if everyone is None else _pooled(everyone, self.emulator.unit)[:, None]
            share = _share(tokens, all_tokens)
            for name, value in now.items():
                weight = self.teaching.latent / len(now) * share
                terms[f"latent_{name}"] = weight * compare(value, latents[name], tokens)
        if truth is not None and self.teaching.decoded:
            assert self.weights is not None
            shown = self.emulator.show(now)
            weight = self.teaching.decoded * _share(counts, everyone)
            for name, term in loss.field_losses(shown, truth, self.weights, counts).items():
                terms[name] = weight * term
        return terms

    def _truths(
        self, frames: Cases | None, latents: Cases | None, windows: Sequence[Window], step: int
    ) -> tuple[State | None, Carry | None]:
        truth = frames.cut(windows, step, self.scales) if frames is not None and self.teaching.decoded else None
        return truth, latents.cut(windows, step) if latents is not None else None

    def _placed(self, horizon: int, memories: Sequence[Memory], generator: Generator) -> list[Window]:
        """Return the windows of a whole batch, around the model's own states if it starts from such."""
        if not memories:
            return self.sampler.draw(horizon, generator)
        windows = [self.sampler.around(m.case, m.frame, horizon, generator) for m in memories]
        if self.emulator.unit > 1:
            windows = [window._replace(mirrored=False) for window in windows]
        return windows

    def _expect(self, progress: float, generator: Generator) -> None:
        """Let what the next batch will show be read from disk, as far as that can be known by now."""
        if not any(isinstance(cases, Stored) for cases in (self.frames, self.latents)):
            return
        ahead = generator.clone_state()
        horizon = self.sampler.horizon(progress, ahead)
        memories: list[Memory] = []
        if self.replay.wanted(progress, ahead):
            if self.replay.due:
                return
            memories = self.replay.choose(self.recipe.batch, horizon, ahead)
        windows = parts.part().of(self._placed(horizon, memories, ahead))
        begin, compared = range(not memories), range(1, horizon + 1)
        if self.latents is not None:
            self.latents.expect(windows, [*begin, *compared])
        if self.frames is not None and self.teaching.decoded:
            self.frames.expect(windows, [*begin, *compared] if self.latents is None else compared)

    def _start(self, windows: Sequence[Window]) -> Carry:
        return self._begin(self.frames, self.latents, windows)

    def _begin(self, frames: Cases | None, latents: Cases | None, windows: Sequence[Window]) -> Carry:
        if latents is not None:
            return latents.cut(windows, 0)
        assert frames is not None
        return self.emulator.begin(frames.cut(windows, 0, self.scales))

    def _cut_memories(self, memories: Sequence[Memory], windows: Sequence[Window]) -> Carry:
        unit = self.emulator.unit
        cuts = []
        for memory, window in zip(memories, windows, strict=True):
            fields = {name: value[None, None] for name, value in memory.state.items()}
            kept = Frames(fields, torch.zeros(1, 1, dtype=torch.int64), (memory.case,), unit)
            cuts.append(kept.cut([window._replace(case=0, frame=0)], 0, self.scales))
        return {name: torch.cat([cut[name] for cut in cuts]) for name in cuts[0]}

    @torch.no_grad()
    def _remember(self, case: int, frame: int, steps: int) -> list[tuple[State, float]]:
        """Return the model's own states after 1, 2, ... steps, whole frames, with their errors."""
        self.module.eval()
        window = [Window(case, frame, 0, self.columns, False)]
        start = self._start(window)
        found = []
        for step, now in enumerate(roll(self.emulator, start, steps, inflow(self.emulator, start)), start=1):
            truths = self._truths(self.frames, self.latents, window, step)
            error = sum(float(term) for term in self._errors(now, *truths, None).values())
            found.append(({name: value[0] for name, value in now.items()}, error))
        self.module.train()
        errors = parts.part().same([error for _, error in found])
        return [(state, error) for (state, _), error in zip(found, errors, strict=True)]


def _sampler(recipe: Recipe, cases: Cases, **options: Any) -> Sampler:
    """Return what draws windows; where none shall be at the front it need not be known, which takes a look at all."""
    nowhere = torch.zeros(len(cases.cases), cases.snapshots, dtype=torch.int64)
    return Sampler(recipe, cases.front if recipe.front else nowhere, cases.columns, **options)


def _share(counts: Tensor | None, everyone: Tensor | None) -> float:
    """Return how many cells count here, relative to the mean over all processes."""
    if counts is None or everyone is None or len(everyone) == len(counts):
        return 1.0
    return float(counts.sum() / everyone.sum().clamp_min(1.0)) * len(everyone) / len(counts)


def _pooled(counts: Tensor, unit: int) -> Tensor:
    """Return which tokens count: those all of whose columns do."""
    if unit == 1:
        return counts
    return counts.unflatten(-1, (-1, unit)).amin(dim=-1)


__all__ = ["Batch", "Divergence", "Reconstruct", "RollOut", "Teaching", "Tokens", "stack", "whiten"]
