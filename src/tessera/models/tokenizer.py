"""A variational autoencoder of one field: cells to tokens and back.

The encoder and decoder of arXiv:2506.12996 at its widths, without its norms of pictures: units of a 3x3 and a
1x1 convolution, pooling by the maximum on the way down, bilinear doubling on the way up. A light kind for
a processor first folds as many cells into channels as its widths leave over, and works on coarser levels alone.

Latents are *white*: the mean that `encode` returns is the head's, less `latent_mean`, over `latent_std`, both
buffers that `whiten` sets after training and that travel with the weights.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tessera.errors import ConfigError, DataError
from tessera.models.layers import (
    SLOPE,
    ConvNeXtBlock,
    Double,
    channels_last,
    check_initialisation,
    conv,
    glorot_,
    he_,
    unit,
)
from tessera.models.state import Token

KINDS = ("published", "light")
LOG_VAR = (-12.0, 6.0)
KERNEL = 5  # of the light kind; 7 cells take 1.3 times as long on a processor


class Tokenizer(nn.Module):
    """Say a field in tokens.

    Parameters
    ----------
    downsampling
        Cells per token along each axis, a power of two.
    widths
        Channels per level, finest first; each halves the resolution of the one before. The published kind has
        a level for each resolution, log2(downsampling) + 1; the light kind as many or fewer.
    latent_channels
        Channels of a token.
    padding
        What lies beyond the border of a convolution: "zeros" or "replicate".
    kind
        "published" as in the paper, or "light".
    log_variance_bounds
        Least and largest log-variance that the encoder says; None: any, as in the paper's code.
    initialisation
        How convolutions start: "he" keeps the size of activations, "glorot" as the paper's code has it.

    Raises
    ------
    ConfigError
        Widths and downsampling disagree, or the kind, padding or initialisation is unknown.

    Attributes
    ----------
    patch
        Cells per pixel of the finest level along each axis; 1 for the published kind.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(
        self,
        *,
        downsampling: int,
        widths: Sequence[int],
        latent_channels: int,
        padding: str,
        kind: str = "published",
        log_variance_bounds: Sequence[float] | None = LOG_VAR,
        initialisation: str = "he",
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ConfigError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
        check_widths(kind, downsampling, widths)
        self.arguments: dict[str, Any] = {
            "downsampling": downsampling,
            "widths": list(widths),
            "latent_channels": latent_channels,
            "padding": padding,
            "kind": kind,
            "log_variance_bounds": None if log_variance_bounds is None else list(log_variance_bounds),
            "initialisation": check_initialisation(initialisation),
        }
        self.downsampling, self.latent_channels = downsampling, latent_channels
        self.patch = downsampling // 2 ** (len(widths) - 1)
        if kind == "published":
            trunk, decoder = _published(widths, latent_channels, padding)
        else:
            trunk, decoder = _light(widths, latent_channels, padding, self.patch)
        self.encoder = Encoder(trunk, widths[-1], latent_channels, padding, log_variance_bounds)
        self.decoder = decoder
        if initialisation == "glorot":
            glorot_(self)
        self.register_buffer("latent_mean", torch.zeros(latent_channels))
        self.register_buffer("latent_std", torch.ones(latent_channels))

    def encode(self, field: Tensor) -> Token:
        """Return the white tokens of a field.

        Parameters
        ----------
        field
            Scaled values of shape (batch, y, x), both sizes multiples of `downsampling`.

        Returns
        -------
        Mean and logarithm of the variance, each (batch, latent_channels, y / downsampling, x / downsampling).

        Raises
        ------
        DataError
            A size is no multiple of `downsampling`.
        """
        if field.dim() != 3 or any(size % self.downsampling for size in field.shape[-2:]):
            raise DataError(
                f"field: expected shape (batch, y, x) with y and x multiples of {self.downsampling}, "
                f"got {tuple(field.shape)}"
            )
        mean, log_var = self.encoder(channels_last(field[:, None]))
        centre, spread = self._white()
        return Token((mean - centre) / spread, log_var - 2.0 * spread.log())

    def decode(self, latent: Tensor) -> Tensor:
        """Return the scaled field (batch, y, x) that white latents (batch, channel, token_y, token_x) say."""
        centre, spread = self._white()
        return self.decoder(channels_last(latent * spread + centre))[:, 0]

    def whiten(self, mean: Tensor, std: Tensor) -> None:
        """Give latents zero mean and unit deviation per channel; what is decoded stays the same.

        Parameters
        ----------
        mean, std
            Statistics of the latents as `encode` returns them now, of shape (latent_channels,).

        Raises
        ------
        DataError
            A shape is another, or a deviation is not positive.
        """
        shape = (self.latent_channels,)
        if mean.shape != shape or std.shape != shape or not bool((std > 0.0).all()):
            raise DataError(
                f"latents: expected means and positive deviations of shape {shape}, "
                f"got {tuple(mean.shape)} and {tuple(std.shape)} from {float(std.min()):.3g}"
            )
        self.latent_mean += self.latent_std * mean.to(self.latent_mean)
        self.latent_std *= std.to(self.latent_std)

    def _white(self) -> tuple[Tensor, Tensor]:
        return self.latent_mean[:, None, None], self.latent_std[:, None, None]


def check_widths(kind: str, downsampling: int, widths: Sequence[int]) -> None:
    """Refuse widths that a kind of tokenizer cannot have.

    Raises
    ------
    ConfigError
        Levels and downsampling do not fit.
    """
    levels, published = downsampling.bit_length(), kind == "published"
    if downsampling < 1 or downsampling != 2 ** (levels - 1):
        raise ConfigError(f"downsampling: expected a power of two, got {downsampling}")
    if not (levels if published else 1) <= len(widths) <= levels:
        raise ConfigError(f"widths: expected {levels}{'' if published else ' or fewer'} numbers, got {len(widths)}")


class Encoder(nn.Module):
    """From cells to the mean and log-variance of latents, the latter in its bounds.

    The head of the mean starts with activations of the trunk's size: a head that starts small lets the
    Kullback-Leibler term empty the latents before they say anything.
    """

    def __init__(
        self, trunk: nn.Module, width: int, channels: int, padding: str, bounds: Sequence[float] | None
    ) -> None:
        super().__init__()
        self.trunk, self.bounds = trunk, bounds
        self.mean = conv(width, channels, padding=padding)
        self.log_var = conv(width, channels, padding=padding)
        for head, gain in ((self.mean, 1.0), (self.log_var, 0.05)):
            nn.init.normal_(head.weight, std=gain / math.sqrt(9 * width))
            assert head.bias is not None
            nn.init.zeros_(head.bias)

    def forward(self, field: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of a field (batch, 1, y, x)."""
        known = self.trunk(field)
        log_var = self.log_var(known)
        return self.mean(known), log_var if self.bounds is None else log_var.clamp(*self.bounds)


class Fold(nn.PixelUnshuffle):
    """Fold cells into channels, which lie last in memory: of one channel torch would lay them first."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channel, y / factor, x / factor)."""
        return channels_last(super().forward(x))


def _published(widths: Sequence[int], latent: int, padding: str) -> tuple[nn.Module, nn.Module]:
    """Return trunk and decoder of the paper; one unit on the two finest levels, two on coarser ones."""
    down: list[nn.Module] = []
    before = 1
    for level, width in enumerate(widths):
        if level:
            down.append(nn.MaxPool2d(2))
        for _ in range(1 if level < 2 else 2):
            down.append(unit(before, width, padding=padding))
            before = width
    up: list[nn.Module] = [conv(latent, widths[-1], padding=padding), nn.LeakyReLU(SLOPE, inplace=True)]
    before = widths[-1]
    for level in range(len(widths) - 1, 0, -1):
        up.append(Double())
        for _ in range(2 if level == len(widths) - 1 else 1):
            up.append(unit(before, widths[level], padding=padding))
            before = widths[level]
    up += [unit(before, widths[0], padding=padding), conv(widths[0], 1, padding=padding)]
    trunk, decoder = nn.Sequential(*down), nn.Sequential(*up)
    he_(trunk)
    he_(decoder)
    return trunk, decoder


def _light(widths: Sequence[int], latent: int, padding: str, patch: int) -> tuple[nn.Module, nn.Module]:
    """Return a trunk that folds cells and a decoder that unfolds; two blocks per level, one on the finest."""
    down: list[nn.Module] = [Fold(patch), conv(patch**2, widths[0], padding=padding)]
    down.append(_block(widths[0], padding))
    for fine, coarse in pairwise(widths):
        down += [Fold(2), conv(4 * fine, coarse, 1, padding=padding)]
        down += [_block(coarse, padding), _block(coarse, padding)]
    up: list[nn.Module] = [conv(latent, widths[-1], padding=padding)]
    for coarse, fine in pairwise(reversed(widths)):
        up += [_block(coarse, padding), _block(coarse, padding)]
        up += [conv(coarse, 4 * fine, 1, padding=padding), nn.PixelShuffle(2)]
    up += [_block(widths[0], padding), conv(widths[0], patch**2, padding=padding), nn.PixelShuffle(patch)]
    return nn.Sequential(*down), nn.Sequential(*up)


def _block(width: int, padding: str) -> nn.Module:
    return ConvNeXtBlock(width, KERNEL, padding=padding)
