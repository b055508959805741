"""How alike two fields look: features of a few fixed, random convolutions on three resolutions, nothing downloaded.

The paper compares features of Inception-V3, whose weights are photographs' and have to be fetched. What makes
such a loss work is the architecture, not what it learned: D. Amir and Y. Weiss, Understanding and simplifying
perceptual distances, CVPR 2021, and Y. Liu et al., Generic perceptual loss for modeling structured output
dependencies, CVPR 2021, arXiv:2103.10571, find random filters as good; the former show that their distance
compares the patches that two images are made of.
"""

import math

import torch
from torch import Tensor, nn

CHANNELS = (16, 32, 64)
SEED = 20160


class Perception(nn.Module):
    """Features of fields: convolution and rectifier, seen; halved by averaging, and again.

    The filters are normal and never learn; their variance 2 / (9 channels) keeps the size of what passes (K. He
    et al., ICCV 2015, eq. 10). Without biases, features scale as the field does. All processes and studies
    have the same ones.
    """

    def __init__(self) -> None:
        super().__init__()
        source, before = torch.Generator().manual_seed(SEED), 1
        self.filters = nn.ParameterList()
        for channels in CHANNELS:
            filters = torch.randn(channels, before, 3, 3, generator=source) * math.sqrt(2.0 / (9 * before))
            self.filters.append(nn.Parameter(filters, requires_grad=False))
            before = channels

    def forward(self, field: Tensor) -> list[Tensor]:
        """Return the features (batch, channel, y / 2^n, x / 2^n) of a field (batch, y, x) on levels n = 0, 1, 2."""
        seen: list[Tensor] = []
        now = field[:, None]
        for filters in self.filters:
            if seen:
                now = nn.functional.avg_pool2d(now, 2)
            now = nn.functional.pad(now, (1, 1, 1, 1), mode="replicate")
            now = nn.functional.conv2d(now, filters).relu()
            seen.append(now)
        return seen

    def distance(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """Return the squared difference of features, mean over channels, summed over levels and their cells.

        Parameters
        ----------
        prediction, truth
            Fields of shape (batch, y, x) [scaled], of four cells or more along each axis.

        Returns
        -------
        Its mean over the batch, per cell of the field.
        """
        pairs = zip(self(prediction), self(truth), strict=True)
        sums = [(one - other).square().mean(dim=1).sum(dim=(-2, -1)).mean() for one, other in pairs]
        return torch.stack(sums).sum() / truth[0].numel()


__all__ = ["Perception"]
