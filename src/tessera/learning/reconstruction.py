"""What a tokenizer learns: to say one field in tokens and back.

The errors of a decoded field, and the divergence of its latents from a standard normal, as in
arXiv:2506.12996; which errors, and how they are added up, is the study's to say.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Generator, Tensor

from tessera.data.scaling import Scale
from tessera.learning import losses as loss
from tessera.learning.frames import Cases, State, sampler
from tessera.learning.losses import Edges, Reduction, Weights
from tessera.learning.perception import Perception
from tessera.learning.sampling import VALIDATED, Recipe, Window
from tessera.learning.stored import Stored
from tessera.models import parts
from tessera.models.latentparc import LatentPARC
from tessera.models.tokenizer import Tokenizer


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


class Pictures(NamedTuple):
    """What a tokenizer's errors are besides those cell by cell, and how all are added up.

    Attributes
    ----------
    edge
        Weight of the error where the truth is steep.
    edges
        How steepness weighs.
    perceptual
        Weight of the difference of features.
    over_cells
        Whether errors are averaged over cells and the divergence over latent numbers, or both summed.
    over_batch
        Whether errors are averaged over a batch of B samples as the divergence is; or summed, and then counted
        B times, as in the paper's code: it adds the sum of all errors to each sample's divergence, and descends
        the sum of what comes out. For one sample that is the same.
    """

    edge: float
    edges: Edges = "relative"
    perceptual: float = 0.0
    over_cells: Reduction = "mean"
    over_batch: Reduction = "mean"


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
    pictures
        What else is compared, and how errors add up.
    divergence
        How latents are drawn to a standard normal.
    scales
        Scales of the fields.
    mirrored
        Whether half of the windows are reflected in y.
    """

    def __init__(
        self,
        field: str,
        module: Tokenizer,
        frames: Sequence[Cases],
        validation: Sequence[Cases],
        recipe: Recipe,
        weights: Weights,
        pictures: Pictures,
        divergence: Divergence,
        scales: Mapping[str, Scale],
        *,
        mirrored: bool = True,
    ) -> None:
        self.name, self.field, self.module = f"tokenizer {field}", field, module
        self.frames, self.validation, self.scales = frames, validation, scales
        self.recipe, self.pictures, self.divergence = recipe, pictures, divergence
        self.perception = Perception() if pictures.perceptual else None
        self.weights = weights._replace(fields=dict.fromkeys(weights.fields, 1.0))
        self.samplers = [sampler(recipe, f, first=0, unit=module.downsampling, mirrored=mirrored) for f in frames]

    def batch(self, progress: float, generator: Generator) -> tuple[float, State]:
        """Return the progress and windows of a random ensemble."""
        frames, windows = self._draw(generator)
        state = frames.cut(windows, 0, self.scales)
        if any(isinstance(one, Stored) for one in self.frames):
            frames, windows = self._draw(generator.clone_state())
            frames.expect(windows, [0])
        return progress, state

    def losses(self, batch: tuple[float, State]) -> dict[str, Tensor]:
        """Return the weighted errors, cell by cell, at edges and of features, and the divergence once it counts."""
        progress, state = batch
        mean, log_var = cast("tuple[Tensor, Tensor]", self.module.encode(state[self.field]))
        if self.divergence.weight == 0.0 or progress < self.divergence.since:
            return self._added(self._errors(self.module.decode(mean), state), state)
        drawn = mean + torch.exp(0.5 * log_var) * parts.normal_like(mean)
        terms = self._added(self._errors(self.module.decode(drawn), state), state)
        numbers = mean[0].numel() if self.pictures.over_cells == "sum" else 1
        if self.pictures.over_batch == "sum":
            numbers *= len(mean) * parts.part().total
        terms["divergence"] = numbers * self.divergence.weight * loss.kl_divergence(mean, log_var)
        return terms

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the mean error of whole frames, of every second snapshot, reconstructed from latent means."""
        total, count = 0.0, 0
        for frames in self.validation:
            chosen = frames.first(VALIDATED)
            for frame in range(0, chosen.snapshots, 2):
                state = chosen.at(frame)
                decoded = self.module.decode(self.module.encode(state[self.field]).mean)
                total += sum(float(term) for term in self._errors(decoded, state).values())
                count += 1
        return total / count, {}

    def state(self) -> dict[str, Any]:
        """Return nothing: the weights are all."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back nothing."""

    def _draw(self, generator: Generator) -> tuple[Cases, list[Window]]:
        """Return a random ensemble and this process's windows in it."""
        which = int(torch.randint(len(self.frames), (1,), generator=generator))
        return self.frames[which], parts.part().of(self.samplers[which].draw(0, generator))

    def _errors(self, decoded: Tensor, state: State) -> dict[str, Tensor]:
        field = {self.field: decoded}
        terms = {"field": loss.field_losses(field, state, self.weights, guide=state)[self.field]}
        if self.pictures.edge:
            unit = self.weights.units[self.field]
            edge = loss.edge_loss(decoded, state[self.field], unit, self.pictures.edges)
            terms["edge"] = self.pictures.edge * edge
        if self.perception is not None:
            seen = self.perception.to(decoded.device).distance(decoded, state[self.field])
            terms["perceptual"] = self.pictures.perceptual * seen
        return terms

    def _added(self, terms: dict[str, Tensor], state: State) -> dict[str, Tensor]:
        """Return mean errors as sums, if sums are what is wanted."""
        field, times = state[self.field], 1
        if self.pictures.over_cells == "sum":
            times *= field[0].numel()
        if self.pictures.over_batch == "sum":
            times *= (len(field) * parts.part().total) ** 2
        return {name: times * term for name, term in terms.items()}


class Autoencode:
    """Encode and decode all fields together.

    Parameters
    ----------
    name, module
        What to call it, and the autoencoder, which has `reconstruct`.
    frames, validation
        Training and validation cases.
    recipe, weights
        What is drawn and how cells and fields are weighted.
    scales
        Scales of the fields.
    unit
        Windows begin and end at multiples of it [cells].
    """

    def __init__(
        self,
        name: str,
        module: LatentPARC,
        frames: Cases,
        validation: Cases,
        recipe: Recipe,
        weights: Weights,
        scales: Mapping[str, Scale],
        unit: int,
    ) -> None:
        self.name, self.module = name, module
        self.frames, self.validation, self.scales, self.weights = frames, validation, scales, weights
        self.sampler = sampler(recipe, frames, first=0, unit=unit)

    def batch(self, progress: float, generator: Generator) -> State:  # noqa: ARG002
        """Return windows of random snapshots."""
        return self.frames.cut(parts.part().of(self.sampler.draw(0, generator)), 0, self.scales)

    def losses(self, batch: State) -> dict[str, Tensor]:
        """Return the weighted error of each field."""
        return loss.field_losses(self.module.reconstruct(batch), batch, self.weights)

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float]]:
        """Return the mean error of whole frames, of every second snapshot, and its parts."""
        chosen, sums = self.validation.first(VALIDATED), dict[str, float]()
        frames = range(0, chosen.snapshots, 2)
        for frame in frames:
            for name, term in self.losses(chosen.at(frame)).items():
                sums[name] = sums.get(name, 0.0) + float(term) / len(frames)
        return sum(sums.values()), sums

    def state(self) -> dict[str, Any]:
        """Return nothing: the weights are all."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back nothing."""


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


__all__ = ["Autoencode", "Divergence", "Pictures", "Reconstruct", "whiten"]
