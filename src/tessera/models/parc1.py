"""PARC, the first version: a shape descriptor of the microstructure, a derivative and an integral, all of them learned.

P. C. H. Nguyen et al., PARC, Science Advances 9 (2023) eadd6868, and its code (github.com/baeklab/parc). A U-Net sees
the microstructure and how far along the way of the shock a cell lies, once; a network says the rate of change of the
fields from them and its features, another what that rate becomes over a snapshot, and that is added.

Fields are published scaled to [-1, 1], and both networks end in a tanh: no field changes by more than 1 in a snapshot.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError, DataError
from tessera.models.layers import Dropout, channels_last, conv, crop_to, pad_to
from tessera.models.parts import normal_like
from tessera.models.state import State, join, split

IMAGES = ("initial_microstructure", "microstructure")
WAVE_MAP = "wave_map"
NOISE = 0.01
DROPOUT = 0.2
STRIDE = 8
_NORMAL_CUT = 0.8796256610342398  # standard deviation of a standard normal that is cut at two of them


class PARCv1(nn.Module):
    """Advance the fields by one snapshot, for a microstructure that is held.

    Parameters
    ----------
    fields
        Names of the fields. One of `IMAGES`, the first that is there, is the microstructure: an input that the model
        hands on as it is. All others evolve; published are temperature and pressure. A model that is told the
        microstructure of the moment instead of the initial one sees the first snapshot's in a roll-out alone, so
        `initial_microstructure` is what the published model learns from.
    width
        Feature maps, a multiple of four; published is 128.
    padding
        What lies beyond the border of a convolution: "zeros", as published, or "replicate".

    Raises
    ------
    ConfigError
        No field is a microstructure, none evolves, or the width is not a multiple of four.
    """

    def __init__(self, *, fields: Sequence[str], width: int, padding: str) -> None:
        super().__init__()
        images = [name for name in IMAGES if name in fields]
        if not images or len(fields) < 2:
            raise ConfigError(f"fields: expected {' or '.join(IMAGES)} and what evolves, got {list(fields)}")
        if width < 4 or width % 4:
            raise ConfigError(f"width: expected a multiple of 4, got {width}")
        self.arguments: dict[str, Any] = {"fields": list(fields), "width": width, "padding": padding}
        self.fields, self.image, self.stride = tuple(fields), images[0], STRIDE
        self.evolved = tuple(name for name in fields if name != self.image)
        self.shape = ShapeUNet(2, width, padding)
        count = len(self.evolved)
        self.rate = ResidualNetwork(count + width, count, width, padding)
        self.integral = ResidualNetwork(count, count, width, padding, dropout_inside=True)
        he_cut_(self)

    def forward(self, state: State) -> State:
        """Return the state one snapshot later.

        Parameters
        ----------
        state
            Scaled fields of shape (batch, y, x) of any size; where the feature extractor's stride does not divide it,
            the last cells are repeated inside. An entry `wave_map` says where cells lie along the domain that a state
            was cut from; without one the state is the whole domain. It is handed on, like the microstructure.

        Raises
        ------
        DataError
            A field is missing.
        """
        later, _ = next(self.unroll(state, 1))
        return later

    def unroll(self, state: State, steps: int) -> Iterator[tuple[State, State]]:
        """Yield the state after 1, 2, ... snapshots, and the rate of change that led to it.

        The published training compares all of both. Features, and with them what dropout leaves of them, are
        extracted once, as there; `forward` extracts them for each step.

        Parameters
        ----------
        state
            As for `forward`.
        steps
            Number of snapshots.
        """
        known = self.features(state)
        now = join(state, self.evolved)
        held = {name: state[name] for name in (self.image, WAVE_MAP) if name in state}
        for _ in range(steps):
            rate = self._rate(now, known)
            now = now + torch.tanh(self.integral(rate))
            yield split(now, self.evolved) | held, split(rate, self.evolved)

    def derivative(self, state: State) -> State:
        """Return the rate of change of what evolves [1 / snapshot, in a scale of its own], between -1 and 1."""
        return split(self._rate(join(state, self.evolved), self.features(state)), self.evolved)

    def features(self, state: State) -> Tensor:
        """Return the features (batch, width, y, x) of the microstructure and the wave map of a state."""
        if self.image not in state:
            raise DataError(f"state: expected fields {list(self.fields)}, got {sorted(state)}")
        image = state[self.image]
        wave = state[WAVE_MAP] if WAVE_MAP in state else wave_map(image.shape[-1]).to(image)
        return self.shape(torch.stack([image, wave.expand_as(image)], dim=1))

    def _rate(self, now: Tensor, known: Tensor) -> Tensor:
        return torch.tanh(self.rate(torch.cat([now, known], dim=1)))


class ShapeUNet(nn.Module):
    """The shape descriptor: a U-Net of wide kernels with skips at the first and third level.

    Parameters
    ----------
    inputs, width
        Channels in and out.
    padding
        What lies beyond the border.
    """

    def __init__(self, inputs: int, width: int, padding: str) -> None:
        super().__init__()

        def level(*channels: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for before, after in pairwise(channels):
                layers += [conv(before, after, 5, padding=padding), nn.ReLU(inplace=True)]
            return nn.Sequential(*layers)

        half, double, quadruple = width // 2, 2 * width, 4 * width
        self.down = nn.ModuleList([level(inputs, half, half), level(half, width, width), level(width, double, double)])
        self.bottom = level(double, quadruple)
        self.up = nn.ModuleList(
            [
                level(double + quadruple, double, double),
                level(double, width, width),
                level(half + width, width, width),
            ]
        )
        self.dropout = Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (batch, width, y, x) of an image (batch, inputs, y, x); in training it is noisy."""
        image = x
        if self.training:
            x = x + NOISE * normal_like(x)
        x = channels_last(pad_to(x, STRIDE))
        kept = []
        for part in self.down:
            x = part(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.dropout(self.bottom(x))
        for part, skip in zip(self.up, (kept[2], None, kept[0]), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = part(x if skip is None else torch.cat([skip, x], dim=1))
        return crop_to(self.dropout(x), image)


class ResidualNetwork(nn.Module):
    """Two residual blocks, a wide kernel and two convolutions of single cells, read out linearly.

    Parameters
    ----------
    inputs, outputs
        Channels in and out.
    width
        Channels of the second block; the first has half of them, the last layers have half and a quarter.
    padding
        What lies beyond the border.
    slope
        Of the activations below zero; the sums of the blocks are rectified.
    dropout_inside
        Whether dropout follows the second block, too; it always precedes the read-out.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int, padding: str, slope: float = 0.0, dropout_inside: bool = False
    ) -> None:
        super().__init__()
        self.first = Block(inputs, width // 2, padding, slope)
        self.second = Block(width // 2, width, padding, slope)
        self.inside = Dropout(DROPOUT if dropout_inside else 0.0)
        self.wide = nn.Sequential(
            conv(width, width, 7, padding=padding),
            nn.LeakyReLU(slope, inplace=True),
            conv(width, width // 2, 1, padding=padding),
            nn.LeakyReLU(slope, inplace=True),
            conv(width // 2, width // 4, 1, padding=padding),
            nn.LeakyReLU(slope, inplace=True),
        )
        self.dropout = Dropout(DROPOUT)
        self.out = conv(width // 4, outputs, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, y, x) of (batch, inputs, y, x)."""
        x = self.inside(self.second(self.first(channels_last(x))))
        return self.out(self.dropout(self.wide(x)))


class Block(nn.Module):
    """A convolution, and two more that are added to it and rectified."""

    def __init__(self, inputs: int, width: int, padding: str, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.enter = conv(inputs, width, padding=padding)
        self.middle = conv(width, width, padding=padding)
        self.out = conv(width, width, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (batch, width, y, x)."""
        x = F.leaky_relu(self.enter(x), self.slope)
        return F.relu(x + self.out(F.leaky_relu(self.middle(x), self.slope)))


def wave_map(columns: int) -> Tensor:
    """Return how far along the domain each of its columns lies, from -1 at the inlet to 1, of shape (columns,).

    A window's part of it is what the window's columns are given, so it is made for the domain and cut with the fields.
    """
    return 2.0 * torch.arange(columns) / (columns - 1) - 1.0


def he_cut_(module: nn.Module) -> None:
    """Start all convolutions of a module as Keras' `he_normal` does: normal, cut at two deviations, without biases.

    K. He et al., Delving deep into rectifiers, ICCV 2015, eq. 10.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            deviation = math.sqrt(2.0 / part.weight[0].numel()) / _NORMAL_CUT
            nn.init.trunc_normal_(part.weight, std=deviation, a=-2.0 * deviation, b=2.0 * deviation)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


__all__ = ["IMAGES", "WAVE_MAP", "PARCv1", "ResidualNetwork", "ShapeUNet", "he_cut_", "wave_map"]
