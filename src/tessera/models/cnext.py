"""A residual ConvNeXt U-Net in pixel space: the strong simple rival.

The CNextU-Net of The Well (R. Ohana et al., NeurIPS 2024, arXiv:2412.00568; package the-well 1.2.0), in small or
as published: ConvNeXt blocks on every level, norms over channels alone. In both layouts the answer is a change
that is added to the state and starts at zero, and the border is replicated; theirs predicts the state itself
between zeros. Their norm between levels divides by the length of the vector of channels and leaves the mean in
it; ours is that of J. L. Ba et al. everywhere, with as many parameters.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tessera.errors import ConfigError
from tessera.models.layers import EXPANSION, ChannelNorm, ConvNeXtBlock, conv, crop_to, pad_to, zero_
from tessera.models.state import State, join, split

PADDING = "replicate"
LAYOUTS = ("light", "published")


class CNextUNet(nn.Module):
    """Advance a state by one snapshot.

    The published size of five fields, 18,571,565 parameters, is that of unshuffle 1, widths 42, 84, 168, 336, 672,
    blocks 2, 2, 2, 2, 3, 2, 2, 2, 0, expansion 4 and the layout "published".

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
    expansion
        Channels inside a block over channels of its level.
    layer_scale
        Start of the weights of what a block adds; 1e-6 in The Well, with which a short training barely begins.
    layout
        "light": ends of single cells, a norm before the head, a skip on every level, behind its blocks. "published":
        ends of three by three cells, a norm before each change of resolution, no skip on the finest level, and
        others before the blocks of theirs.

    Raises
    ------
    ConfigError
        Widths and blocks disagree, or there is no such layout.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        unshuffle: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        expansion: int = EXPANSION,
        layer_scale: float = 1.0,
        layout: Literal["light", "published"] = "light",
    ) -> None:
        super().__init__()
        levels, published = len(widths), layout == "published"
        if len(blocks) != 2 * levels - 1:
            raise ConfigError(f"blocks: expected {2 * levels - 1} numbers, got {list(blocks)}")
        if layout not in LAYOUTS:
            raise ConfigError(f"layout: expected {' or '.join(LAYOUTS)}, got {layout!r}")
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "unshuffle": unshuffle,
            "widths": list(widths),
            "blocks": list(blocks),
            "expansion": expansion,
            "layer_scale": layer_scale,
            "layout": layout,
        }
        self.fields = tuple(fields)
        self.stride = unshuffle * 2 ** (levels - 1)
        self.skips, self.early = range(1 if published else 0, levels - 1), published
        folded, ends = len(self.fields) * unshuffle**2, 3 if published else 1

        def stage(width: int, count: int) -> nn.Sequential:
            blocks = (
                ConvNeXtBlock(width, padding=PADDING, layer_scale=layer_scale, expansion=expansion)
                for _ in range(count)
            )
            return nn.Sequential(*blocks)

        self.fold, self.unfold = nn.PixelUnshuffle(unshuffle), nn.PixelShuffle(unshuffle)
        self.stem = conv(folded, widths[0], ends, padding=PADDING)
        self.down_blocks = nn.ModuleList(stage(width, count) for width, count in zip(widths, blocks, strict=False))
        self.down = nn.ModuleList(
            nn.Sequential(ChannelNorm(fine), nn.Conv2d(fine, coarse, 2, stride=2)) for fine, coarse in pairwise(widths)
        )
        self.up_norm = nn.ModuleList(ChannelNorm(width) if published else nn.Identity() for width in widths[1:])
        self.up = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths))
        self.merge = nn.ModuleList(
            conv(2 * fine, fine, 1, padding=PADDING) if level in self.skips else nn.Identity()
            for level, fine in enumerate(widths[:-1])
        )
        self.up_blocks = nn.ModuleList(
            stage(width, count) for width, count in zip(widths[:-1], reversed(blocks), strict=False)
        )
        self.norm = nn.Identity() if published else ChannelNorm(widths[0])
        self.head = zero_(conv(widths[0], folded, ends, padding=PADDING))

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
            before, x = x, self.down_blocks[level](x)
            kept.append(before if self.early else x)
            x = down(x)
        x = self.down_blocks[-1](x)
        for level in range(len(kept) - 1, -1, -1):
            x = self.up[level](self.up_norm[level](x))
            if level in self.skips:
                x = self.merge[level](torch.cat([x, kept[level]], dim=1))
            x = self.up_blocks[level](x)
        return self.unfold(self.head(self.norm(x)))
