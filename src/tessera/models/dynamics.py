"""How tokens evolve: each field alone, then all fields together.

Source: arXiv:2506.12996, z' = F_coupled(F_decoupled(z)), with maps of their own for means and log-variances.
A map is the paper's U-Net, or a local residual network whose reach is a few tokens; both are convolutions, so
a map that learned on a small mosaic steps a large one.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tessera.errors import ConfigError, DataError
from tessera.models.layers import (
    ChannelNorm,
    ConvNeXtBlock,
    Dropout,
    channels_last,
    check_initialisation,
    conv,
    crop_to,
    double,
    glorot_,
    he_,
    pad_to,
    unit,
    zero_,
)
from tessera.models.state import Latents, Token


class ConvNeXtMap(nn.Module):
    """A local map: blocks of depthwise kernels at one resolution, replicating at the border.

    Parameters
    ----------
    in_channels, out_channels
        Channels; the first `out_channels` of the input are what a residual map changes.
    width, blocks, kernel
        Channels inside, number of blocks, width of the depthwise kernels [tokens].
    residual
        Answer the input plus a change that starts at zero.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, width: int, blocks: int, kernel: int, residual: bool
    ) -> None:
        super().__init__()
        self.out_channels, self.residual = out_channels, residual
        self.stem = conv(in_channels, width, 1, padding="replicate")
        self.blocks = nn.Sequential(*(ConvNeXtBlock(width, kernel, padding="replicate") for _ in range(blocks)))
        self.norm = ChannelNorm(width)
        self.head = conv(width, out_channels, 1, padding="replicate")
        if residual:
            zero_(self.head)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of a tensor (batch, in_channels, token_y, token_x)."""
        x = channels_last(x)
        change = self.head(self.norm(self.blocks(self.stem(x))))
        return x[:, : self.out_channels] + change if self.residual else change


class UNetMap(nn.Module):
    """The paper's map: a U-Net of three levels, three units each, and three units of single cells.

    Sizes that are no multiples of four are padded by replication inside.

    Parameters
    ----------
    in_channels, out_channels
        Channels.
    base
        Channels of the finest level; they double per level.
    last
        "leaky" as in the paper, where negative latents pass a slope of 0.2 each step, or "linear".
    padding
        What lies beyond the border.
    residual
        Answer the input plus a change that starts at zero; the paper does not.
    dropout
        Part of the input that is left out while learning. The paper's code speaks of a tenth, but builds the
        network without that layer.
    initialisation
        How convolutions start: "he" keeps the size of leaky activations, "glorot" as the paper's code has it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        base: int,
        last: Literal["leaky", "linear"],
        padding: str,
        residual: bool,
        dropout: float = 0.0,
        initialisation: str = "he",
    ) -> None:
        super().__init__()
        if last not in ("leaky", "linear"):
            raise ConfigError(f"last: expected leaky or linear, got {last!r}")
        self.out_channels, self.residual = out_channels, residual
        self.dropout = Dropout(dropout)
        self.fine = _units(in_channels, base, padding)
        self.middle = _units(base, 2 * base, padding)
        self.coarse = _units(2 * base, 4 * base, padding)
        self.middle_up = _units(4 * base + 2 * base, 2 * base, padding)
        self.fine_up = _units(2 * base + base, base, padding)
        self.out = _units(base, out_channels, padding, kernel=1)
        (he_ if check_initialisation(initialisation) == "he" else glorot_)(self)
        final = self.out[-1]
        assert isinstance(final, nn.Sequential)
        if last == "linear":
            del final[-1]
        if residual:
            layer = final[2]
            assert isinstance(layer, nn.Conv2d)
            zero_(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of a tensor (batch, in_channels, token_y, token_x)."""
        fine = self.fine(pad_to(channels_last(self.dropout(x)), 4))
        middle = self.middle(nn.functional.max_pool2d(fine, 2))
        coarse = self.coarse(nn.functional.max_pool2d(middle, 2))
        middle = self.middle_up(torch.cat([double(coarse), middle], dim=1))
        fine = self.fine_up(torch.cat([double(middle), fine], dim=1))
        change = crop_to(self.out(fine), x)
        return x[:, : self.out_channels] + change if self.residual else change


MAPS: dict[str, type[nn.Module]] = {"convnext": ConvNeXtMap, "unet": UNetMap}


def latent_map(*, kind: str, in_channels: int, out_channels: int, **arguments: Any) -> nn.Module:
    """Return a map of latents.

    Parameters
    ----------
    kind
        "convnext" or "unet".
    in_channels, out_channels
        Channels.
    arguments
        Those of `ConvNeXtMap` or `UNetMap`.

    Raises
    ------
    ConfigError
        The kind is unknown.
    """
    if kind not in MAPS:
        raise ConfigError(f"map: kind: expected one of {', '.join(MAPS)}, got {kind!r}")
    return MAPS[kind](in_channels, out_channels, **arguments)


class Evolve(nn.Module):
    """Advance tokens by one step: the mean by itself, the log-variance knowing the mean.

    Parameters
    ----------
    channels
        Channels of the tokens.
    map
        Kind and arguments of the maps.
    log_variance
        Whether log-variances evolve, by a map of their own; else none come out.
    """

    def __init__(self, *, channels: int, map: dict[str, Any], log_variance: bool) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "channels": channels,
            "map": dict(map),
            "log_variance": log_variance,
        }
        self.mean = latent_map(in_channels=channels, out_channels=channels, **map)
        self.log_var = latent_map(in_channels=2 * channels, out_channels=channels, **map) if log_variance else None

    def forward(self, token: Token) -> Token:
        """Return the token one step later.

        Raises
        ------
        DataError
            Log-variances evolve and the token has none.
        """
        if self.log_var is None:
            return Token(self.mean(token.mean), None)
        if token.log_var is None:
            raise DataError("token: expected a log-variance, got none")
        return Token(self.mean(token.mean), self.log_var(torch.cat([token.log_var, token.mean], dim=1)))


class LatentStep(nn.Module):
    """Advance the tokens of all fields by one snapshot: each alone, then all together.

    Parameters
    ----------
    fields
        Names of the fields.
    channels
        Channels of a field's tokens.
    log_variance
        Whether log-variances evolve.
    decoupled_map, coupled_map
        Kind and arguments of the maps of a field alone and of all fields stacked.
    substeps
        How often the maps are applied per snapshot.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        channels: int,
        log_variance: bool,
        decoupled_map: dict[str, Any],
        coupled_map: dict[str, Any],
        substeps: int = 1,
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "channels": channels,
            "log_variance": log_variance,
            "decoupled_map": dict(decoupled_map),
            "coupled_map": dict(coupled_map),
            "substeps": substeps,
        }
        self.fields, self.channels, self.substeps = tuple(fields), channels, substeps
        self.log_variance, self._frozen = log_variance, False
        self.decoupled = nn.ModuleDict(
            {field: Evolve(channels=channels, map=decoupled_map, log_variance=log_variance) for field in self.fields}
        )
        self.coupled = Evolve(channels=channels * len(self.fields), map=coupled_map, log_variance=log_variance)

    def forward(self, latents: Latents) -> Latents:
        """Return the tokens of all fields one snapshot later.

        Parameters
        ----------
        latents
            Token of each field, (batch, channel, token_y, token_x); others are left out.

        Raises
        ------
        DataError
            A field is missing.
        """
        missing = [field for field in self.fields if field not in latents]
        if missing:
            raise DataError(f"tokens: expected fields {list(self.fields)}, got {sorted(latents)}")
        for _ in range(self.substeps):
            alone = [self.decoupled[field](latents[field]) for field in self.fields]
            latents = self._split(self.coupled(_stack(alone)))
        return latents

    def freeze_decoupled(self) -> None:
        """Let the maps of each field alone stay as they are, and in evaluation mode."""
        self._frozen = True
        self.decoupled.requires_grad_(False)
        self.decoupled.eval()

    def train(self, mode: bool = True) -> "LatentStep":
        """Switch between training and evaluation, frozen maps aside."""
        super().train(mode)
        if self._frozen:
            self.decoupled.eval()
        return self

    def _split(self, token: Token) -> Latents:
        means = token.mean.split(self.channels, dim=1)
        variances: Sequence[Tensor | None] = [None] * len(self.fields)
        if token.log_var is not None:
            variances = token.log_var.split(self.channels, dim=1)
        return {field: Token(mean, log_var) for field, mean, log_var in zip(self.fields, means, variances, strict=True)}


def _units(inputs: int, outputs: int, padding: str, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(*(unit(inputs if n == 0 else outputs, outputs, kernel, padding=padding) for n in range(3)))


def _stack(tokens: Sequence[Token]) -> Token:
    """Return the tokens of all fields as one, channels of a field side by side."""
    variances = [token.log_var for token in tokens if token.log_var is not None]
    mean = torch.cat([token.mean for token in tokens], dim=1)
    return Token(mean, torch.cat(variances, dim=1) if variances else None)


__all__ = ["MAPS", "ConvNeXtMap", "Evolve", "LatentStep", "UNetMap", "latent_map"]
