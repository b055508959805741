"""What is learned by all that predicts: to roll out.

`RollOut` teaches maps of cached latents, models in pixel space, and a latent model end to end, from pixels
through tokens to pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from tessera.data.scaling import Scale
from tessera.learning import losses as loss
from tessera.learning.cutting import stack
from tessera.learning.frames import Cases, Frames, State, sampler
from tessera.learning.losses import Reduction, Weights
from tessera.learning.rollout import Carry, Emulator, Inflow, Tokens, inflow, roll
from tessera.learning.sampling import VALIDATED, Halo, Memory, Recipe, Replay, Window, mask, noise
from tessera.learning.stored import Stored
from tessera.models import parts


class Batch(NamedTuple):
    """Roll-outs to learn from: their start, what follows, and which cells count, here and in all processes.

    Of the steps, from 1, those in `decoded` are compared in pixel space.
    """

    start: Carry
    fed: Inflow
    windows: Sequence[Window]
    horizon: int
    counts: Tensor
    everyone: Tensor
    decoded: Sequence[int]


class Teaching(NamedTuple):
    """What a roll-out is compared with.

    Attributes
    ----------
    latent, decoded
        Weights of the error in latent space and of the decoded fields; either may be 0. Where no latents are cached
        those of the truth are encoded as they are needed.
    relative
        Whether latent errors are squared and relative to the latents' norm, as for latents that are not white.
    over_steps, over_fields
        Whether errors are averaged over the steps of a roll-out, and latent ones over fields, or summed.
    drawn
        Whether latents are drawn from their distribution to be decoded, anew at each step; means go on.
    fields
        Fields that are decoded to be compared; None for all.
    frames
        Random steps of a roll-out that are decoded, to stand for all; None for all.
    """

    latent: float
    decoded: float
    relative: bool = False
    over_steps: Reduction = "mean"
    over_fields: Reduction = "mean"
    drawn: bool = False
    fields: Sequence[str] | None = None
    frames: int | None = None


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
        self.sampler = sampler(recipe, known, first=first, unit=emulator.unit, mirrored=latents is None)
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
        decoded: Sequence[int] = range(1, horizon + 1)
        if self.teaching.frames is not None and self.teaching.frames < horizon:
            chosen = torch.randperm(horizon, generator=generator)[: self.teaching.frames]
            decoded = [1 + int(step) for step in chosen.sort().values]
        self._expect(progress, generator)
        return Batch(start, fed, own, horizon, here.of(everyone), everyone, decoded)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return each field's error, the mean over the steps or their sum."""
        terms: dict[str, Tensor] = {}
        carried = roll(self.emulator, batch.start, batch.horizon, batch.fed)
        of_all = batch.horizon if self.teaching.over_steps == "mean" else 1
        for step, now in enumerate(carried, start=1):
            frames = self.frames if step in batch.decoded else None
            truth, latents = self._truths(frames, self.latents, batch.windows, step)
            counts, everyone = batch.counts[:, step - 1], batch.everyone[:, step - 1]
            found = self._latent_errors(now, latents, counts, everyone)
            seen = self._decoded_errors(now, truth, counts, everyone, self.teaching.drawn)
            found |= {name: term * (batch.horizon / len(batch.decoded)) for name, term in seen.items()}
            for name, term in found.items():
                terms[name] = terms.get(name, 0.0) + term / of_all
        return terms

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the mean error of free roll-outs of means from the first snapshot to the last, and their parts."""
        known = self.validation_latents or self.validation
        assert known is not None
        count = min(VALIDATED, len(known.cases))
        windows = [Window(case, self.first, 0, known.columns, False) for case in range(count)]
        start = self._begin(self.validation, self.validation_latents, windows)
        steps = known.snapshots - 1 - self.first
        sums: dict[str, float] = {}
        for step, now in enumerate(roll(self.emulator, start, steps, inflow(self.emulator, start)), start=1):
            truths = self._truths(self.validation, self.validation_latents, windows, step)
            for name, term in self._errors(now, *truths).items():
                sums[name] = sums.get(name, 0.0) + float(term) / steps
        return sum(sums.values()), sums

    def state(self) -> dict[str, Any]:
        """Return the model's own states that are kept for replay."""
        return self.replay.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.replay.restore(dict(state))

    def _errors(self, now: Carry, truth: State | None, latents: Carry | None) -> dict[str, Tensor]:
        """Return the terms of a step of whole frames, decoded from means."""
        return self._latent_errors(now, latents, None, None) | self._decoded_errors(now, truth, None, None, False)

    def _latent_errors(
        self, now: Carry, latents: Carry | None, counts: Tensor | None, everyone: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the latent terms of a step; over all processes their mean is that of the whole batch."""
        if latents is None or not self.teaching.latent:
            return {}
        compare = loss.latent_loss if self.teaching.relative else loss.absolute_loss
        tokens = None if counts is None else _pooled(counts, self.emulator.unit)[:, None]
        all_tokens = None if everyone is None else _pooled(everyone, self.emulator.unit)[:, None]
        share = _share(tokens, all_tokens)
        weight = self.teaching.latent * share / (len(now) if self.teaching.over_fields == "mean" else 1)
        return {f"latent_{name}": weight * compare(value, latents[name], tokens) for name, value in now.items()}

    def _decoded_errors(
        self, now: Carry, truth: State | None, counts: Tensor | None, everyone: Tensor | None, drawn: bool
    ) -> dict[str, Tensor]:
        """Return the terms of a step in pixel space, likewise."""
        if truth is None or not self.teaching.decoded:
            return {}
        assert self.weights is not None
        if not isinstance(self.emulator, Tokens):
            shown = self.emulator.show(now)
        elif drawn:
            shown = self.emulator.show_drawn(now, fields=self.teaching.fields)
        else:
            shown = self.emulator.show(now, self.teaching.fields)
        weight = self.teaching.decoded * _share(counts, everyone)
        return {name: weight * term for name, term in loss.field_losses(shown, truth, self.weights, counts).items()}

    def _truths(
        self, frames: Cases | None, latents: Cases | None, windows: Sequence[Window], step: int
    ) -> tuple[State | None, Carry | None]:
        truth = frames.cut(windows, step, self.scales) if frames is not None and self.teaching.decoded else None
        if latents is not None:
            return truth, latents.cut(windows, step)
        if truth is None or not self.teaching.latent:
            return truth, None
        with torch.no_grad():
            return truth, self.emulator.begin(truth)

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
            error = sum(float(term) for term in self._errors(now, *truths).values())
            found.append(({name: value[0] for name, value in now.items()}, error))
        self.module.train()
        errors = parts.part().same([error for _, error in found])
        return [(state, error) for (state, _), error in zip(found, errors, strict=True)]


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


__all__ = ["Batch", "RollOut", "Teaching", "Tokens", "stack"]
