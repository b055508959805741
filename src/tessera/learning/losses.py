"""What is descended: scaled fields with hot and void cells weighted, latents, distributions.

A cell is active where the temperature is high or a pore is open, in the truth or in the prediction,
whichever is more: weighting the truth's hot cells alone would reward hotspots that are too large.

Terms are means over cells, channels and samples; where the paper's code sums, whoever adds the terms up says so.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from tessera.data.scaling import Scale, Statistics
from tessera.models.state import State

HOT = 875.0
SOLID = 0.5
SQUARE = 0.1
EPSILON = 1e-6
FLAT = 1e-5
Error = Literal["absolute", "squared"]
Edges = Literal["relative", "normalised"]
Reduction = Literal["mean", "sum"]


class Weights(NamedTuple):
    """How cells and fields are weighted.

    Attributes
    ----------
    units
        Per field, what turns a difference in scaled units into standard deviations, so that the loss of a
        model does not depend on how its fields are scaled; 1 where errors are squared in scaled units.
    fields
        Per field that counts, its weight; they sum to one where the mean over fields is wanted.
    hot
        Extra weight of active cells.
    hot_above, void_below
        Thresholds of temperature and microstructure [scaled]; None where the field is not there.
    error
        "absolute", |d| + 0.1 d² of a difference d in standard deviations, or "squared", d² of a scaled one.
    """

    units: dict[str, float]
    fields: dict[str, float]
    hot: float
    hot_above: float | None
    void_below: float | None
    error: Error = "absolute"

    def size(self, difference: Tensor) -> Tensor:
        """Return how large an error a difference is, cell by cell."""
        if self.error == "squared":
            return difference.square()
        return difference.abs() + SQUARE * difference.square()


def weights(
    statistics: Mapping[str, Statistics],
    scales: Mapping[str, Scale],
    hot: float,
    temperature: float,
    *,
    error: Error = "absolute",
    over_fields: Reduction = "mean",
    counting: Sequence[str] | None = None,
) -> Weights:
    """Return the weights of the fields that have a scale.

    Parameters
    ----------
    statistics, scales
        Statistics of the training split [SI] and the scales in use.
    hot
        Extra weight of active cells.
    temperature
        Weight of temperature against each other field.
    error
        How large an error a difference is.
    over_fields
        Whether fields are averaged or summed.
    counting
        Fields that count; None for all.
    """
    share = {name: temperature if name == "temperature" else 1.0 for name in counting or scales}
    total = sum(share.values()) if over_fields == "mean" else 1.0
    return Weights(
        units={
            name: scale.factor / statistics[name].std if error == "absolute" else 1.0 for name, scale in scales.items()
        },
        fields={name: value / total for name, value in share.items()},
        hot=hot,
        hot_above=scales["temperature"].apply(HOT) if "temperature" in scales else None,
        void_below=scales["microstructure"].apply(SOLID) if "microstructure" in scales else None,
        error=error,
    )


def active(weights: Weights, *states: State) -> Tensor | None:
    """Return where any of the states is hot or void, as 0 and 1; None where no field tells.

    Parameters
    ----------
    weights
        Its thresholds.
    states
        States of equal shape, such as the truth and a prediction.
    """
    found: Tensor | None = None
    with torch.no_grad():
        for state in states:
            for name, above in (("temperature", weights.hot_above), ("microstructure", weights.void_below)):
                if name in state and above is not None:
                    now = state[name] > above if name == "temperature" else state[name] < above
                    found = now if found is None else found | now
    return None if found is None else found.to(next(iter(states[0].values())).dtype)


def field_losses(
    prediction: State,
    truth: State,
    weights: Weights,
    counts: Tensor | None = None,
    guide: State | None = None,
) -> dict[str, Tensor]:
    """Return per field the weighted mean of the errors.

    Parameters
    ----------
    prediction, truth
        States of equal shape (..., y, x).
    weights
        Weights of fields and cells.
    counts
        Which cells count, 0 or 1, broadcast to the fields; None for all.
    guide
        The state that tells hot and void cells, where it is more than the truth.
    """
    hot = active(weights, truth if guide is None else guide, prediction)
    first = next(iter(prediction.values()))
    counts = first.new_ones(()) if counts is None else counts.to(first)
    cell = counts if hot is None else counts * (1.0 + weights.hot * hot)
    cell = cell / counts.expand_as(first).sum().clamp_min(1.0)
    losses = {}
    for name, predicted in prediction.items():
        difference = (predicted - truth[name]) * weights.units[name]
        losses[name] = weights.fields[name] * (cell * weights.size(difference)).sum()
    return losses


def edge_loss(prediction: Tensor, truth: Tensor, unit: float, edges: Edges = "relative") -> Tensor:
    """Return the mean absolute error weighted by how steep the truth is.

    Parameters
    ----------
    prediction, truth
        Fields of shape (batch, y, x) [scaled].
    unit
        Turns a difference into standard deviations, or 1.
    edges
        "relative" weighs by the steepness over its mean in the frame, ten at most; "normalised" by the norm of
        the gradient to the next cells, 0 where it is least and 1 where it is largest in the batch: the paper's,
        and, as a batch is normalised at once, the same for one process and several only with a frame in each.
    """
    along_y = truth[..., 1:, :] - truth[..., :-1, :]
    along_x = truth[..., 1:] - truth[..., :-1]
    steep = torch.zeros_like(truth)
    if edges == "relative":
        steep[..., 1:, :] += along_y.abs()
        steep[..., 1:] += along_x.abs()
        steep = steep / steep.mean(dim=(-2, -1), keepdim=True).clamp_min(EPSILON)
        steep = steep.clamp_max(10.0)
    else:
        steep[..., :-1, :] += along_y.square()
        steep[..., :-1] += along_x.square()
        steep = steep.sqrt()
        steep = (steep - steep.min()) / (steep.max() - steep.min() + FLAT)
    return unit * (steep * (prediction - truth).abs()).mean()


def kl_divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return the mean Kullback-Leibler divergence of N(mean, exp(log_var)) from N(0, 1) per latent number."""
    return 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).mean()


def latent_norm(truth: Tensor) -> Tensor:
    """Return the mean over tokens of the norm over channels: (batch, c, y, x) to (batch, 1, 1, 1)."""
    return truth.norm(dim=-3, keepdim=True).mean(dim=(-2, -1), keepdim=True) + EPSILON


def latent_loss(prediction: Tensor, truth: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the mean square, over channels and tokens, of the latent difference relative to the norm of the truth.

    Source: arXiv:2506.12996, code of the consistency losses; the same for means and log-variances.

    Parameters
    ----------
    prediction, truth
        Latents of shape (batch, channel, y, x).
    counts
        Which tokens count, broadcast to (batch, 1, y, x).
    """
    difference = ((prediction - truth) / latent_norm(truth)).square().mean(dim=-3, keepdim=True)
    return _mean(difference, counts)


def absolute_loss(prediction: Tensor, truth: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the mean of |d| + 0.1 d² over channels and tokens, for latents of unit deviation per channel."""
    difference = prediction - truth
    return _mean((difference.abs() + SQUARE * difference.square()).mean(dim=-3, keepdim=True), counts)


def _mean(value: Tensor, counts: Tensor | None) -> Tensor:
    if counts is None:
        return value.mean()
    return (value * counts).sum() / counts.expand_as(value).sum().clamp_min(1.0)
