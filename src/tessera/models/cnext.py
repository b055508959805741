"""A residual ConvNeXt U-Net in pixel space: the strong simple rival.

The CNextU-Net of The Well (R. Ohana et al., NeurIPS 2024, arXiv:2412.00568) in small: cells folded into
channels, ConvNeXt blocks on every level, norms over channels alone, and a change that is added to the state.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tessera.errors import ConfigError
from tessera.models.layers import ChannelNorm, ConvNeXtBlock, conv, crop_to, pad_to, zero_
from tessera.models.state import State, join, split

PADDING = "replicate"


class CNextUNet(nn.Module):
    """Advance a state by one snapshot.

    Parameters
    ----------
    fields
        Names of the fields.
    unshuffle
        Cells folded into channels at the entrance, along each axis.
    widths
        Channels per level, finest first; each level has half the resolution of the one before.
    blocks
        Blocks per level, on the way down, at the bottom and on the way up: 2 len(widths) - 1 numbers.

    Raises
    ------
    ConfigError
        Widths and blocks disagree.
    """

    def __init__(self, *, fields: Sequence[str], unshuffle: int, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        levels = len(widths)
        if len(blocks) != 2 * levels - 1:
            raise ConfigError(f"blocks: expected {2 * levels - 1} numbers, got {list(blocks)}")
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "unshuffle": unshuffle,
            "widths": list(widths),
            "blocks": list(blocks),
        }
        self.fields = tuple(fields)
        self.stride = unshuffle * 2 ** (levels - 1)
        folded = len(self.fields) * unshuffle**2
        self.fold, self.unfold = nn.PixelUnshuffle(unshuffle), nn.PixelShuffle(unshuffle)
        self.stem = conv(folded, widths[0], 1, padding=PADDING)
        self.down_blocks = nn.ModuleList(_blocks(width, count) for width, count in zip(widths, blocks, strict=False))
        self.down = nn.ModuleList(
            nn.Sequential(ChannelNorm(fine), nn.Conv2d(fine, coarse, 2, stride=2)) for fine, coarse in pairwise(widths)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths))
        self.merge = nn.ModuleList(conv(2 * fine, fine, 1, padding=PADDING) for fine in widths[:-1])
        self.up_blocks = nn.ModuleList(
            _blocks(width, count) for width, count in zip(widths[:-1], reversed(blocks), strict=False)
        )
        self.norm = ChannelNorm(widths[0])
        self.head = zero_(conv(widths[0], folded, 1, padding=PADDING))

    def forward(self, state: State) -> State:
        """Return the state one snapshot later.

        Parameters
        ----------
        state
            Scaled fields of shape (batch, y, x) of any size; where the stride does not divide it, the last
            cells are repeated inside.

        Raises
        ------
        DataError
            A field is missing.
        """
        now = join(state, self.fields)
        change = self._change(pad_to(now, self.stride))
        return split(now + crop_to(change, now), self.fields)

    def _change(self, x: Tensor) -> Tensor:
        x = self.stem(self.fold(x).contiguous(memory_format=torch.channels_last))
        kept = []
        for level, down in enumerate(self.down):
            x = self.down_blocks[level](x)
            kept.append(x)
            x = down(x)
        x = self.down_blocks[-1](x)
        for level in range(len(kept) - 1, -1, -1):
            x = self.merge[level](torch.cat([self.up[level](x), kept[level]], dim=1))
            x = self.up_blocks[level](x)
        return self.unfold(self.head(self.norm(x)))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ConvNeXtBlock(width, padding=PADDING, layer_scale=1.0) for _ in range(count)))
