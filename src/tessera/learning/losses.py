"""What is descended: scaled fields with hot and void cells weighted, latents, distributions.

A cell is active where the temperature is high or a pore is open, in the truth or in the prediction,
whichever is more: weighting the truth's hot cells alone would reward hotspots that are too large.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from tessera.data.scaling import Scale, Statistics
from tessera.models.state import State

HOT = 875.0
SOLID = 0.5
SQUARE = 0.1
EPSILON = 1e-6


class Weights(NamedTuple):
    """How cells and fields are weighted.

    Attributes
    ----------
    units
        Per field, what turns a difference in scaled units into standard deviations, so that the loss of a
        model does not depend on how its fields are scaled.
    fields
        Per field, its weight; they sum to one.
    hot
        Extra weight of active cells.
    hot_above, void_below
        Thresholds of temperature and microstructure [scaled]; None where the field is not there.
    """

    units: dict[str, float]
    fields: dict[str, float]
    hot: float
    hot_above: float | None
    void_below: float | None


def weights(
    statistics: Mapping[str, Statistics], scales: Mapping[str, Scale], hot: float, temperature: float
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
    """
    share = {name: temperature if name == "temperature" else 1.0 for name in scales}
    total = sum(share.values())
    return Weights(
        units={name: scale.factor / statistics[name].std for name, scale in scales.items()},
        fields={name: value / total for name, value in share.items()},
        hot=hot,
        hot_above=scales["temperature"].apply(HOT) if "temperature" in scales else None,
        void_below=scales["microstructure"].apply(SOLID) if "microstructure" in scales else None,
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
    """Return per field the weighted mean of |d| + 0.1 d², d in standard deviations.

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
        size = difference.abs() + SQUARE * difference.square()
        losses[name] = weights.fields[name] * (cell * size).sum()
    return losses


def edge_loss(prediction: Tensor, truth: Tensor, unit: float) -> Tensor:
    """Return the mean absolute error weighted by how steep the truth is, relative to its mean steepness.

    Parameters
    ----------
    prediction, truth
        Fields of shape (batch, y, x) [scaled].
    unit
        Turns a difference into standard deviations.
    """
    along_y = (truth[..., 1:, :] - truth[..., :-1, :]).abs()
    along_x = (truth[..., 1:] - truth[..., :-1]).abs()
    steep = torch.zeros_like(truth)
    steep[..., 1:, :] += along_y
    steep[..., 1:] += along_x
    steep = steep / steep.mean(dim=(-2, -1), keepdim=True).clamp_min(EPSILON)
    return unit * (steep.clamp_max(10.0) * (prediction - truth).abs()).mean()


def kl_divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return the mean Kullback-Leibler divergence of N(mean, exp(log_var)) from N(0, 1) per latent number."""
    return 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).mean()


def latent_norm(truth: Tensor) -> Tensor:
    """Return the mean over tokens of the norm over channels: (batch, c, y, x) to (batch, 1, 1, 1)."""
    return truth.norm(dim=-3, keepdim=True).mean(dim=(-2, -1), keepdim=True) + EPSILON


def latent_loss(prediction: Tensor, truth: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the squared latent difference over its norm, summed over channels, averaged over tokens.

    Parameters
    ----------
    prediction, truth
        Latents of shape (batch, channel, y, x).
    counts
        Which tokens count, broadcast to (batch, 1, y, x).
    """
    difference = ((prediction - truth) / latent_norm(truth)).square().sum(dim=-3, keepdim=True)
    return _mean(difference, counts)


def absolute_loss(prediction: Tensor, truth: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the mean of |d| + 0.1 d² over channels and tokens, for latents of unit deviation per channel."""
    difference = prediction - truth
    return _mean((difference.abs() + SQUARE * difference.square()).mean(dim=-3, keepdim=True), counts)


def _mean(value: Tensor, counts: Tensor | None) -> Tensor:
    if counts is None:
        return value.mean()
    return (value * counts).sum() / counts.expand_as(value).sum().clamp_min(1.0)
