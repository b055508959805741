"""Normalisation that a mask undoes cell by cell: how PARCv2 lets the terms that it knows shape those that it learns."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tessera.models.layers import SLOPE, conv
from tessera.models.parts import normal_like

STATISTICS = {"batch": (0, 2, 3), "instance": (2, 3), "pixel": (1,)}
NOISE = 0.05
EPSILON = 1e-5


class Spade(nn.Module):
    """Normalise features, then scale and shift each cell as a mask says.

    T. Park et al., Semantic image synthesis with spatially-adaptive normalization, CVPR 2019, eq. 1.

    Parameters
    ----------
    masks, channels
        Channels of the mask and of the features.
    width
        Channels between mask and scale.
    padding
        What lies beyond the border.
    """

    def __init__(self, masks: int, channels: int, width: int, padding: str) -> None:
        super().__init__()
        self.mask = conv(masks, width, padding=padding)
        self.scale_shift = conv(width, 2 * channels, padding=padding)

    def forward(self, normal: Tensor, mask: Tensor) -> Tensor:
        """Return modulated features, of the shape of the normalised ones (batch, channel, y, x)."""
        scale, shift = self.scale_shift(F.relu(self.mask(mask))).chunk(2, dim=1)
        return torch.addcmul(shift, scale, normal)


class SpadeUnit(nn.Module):
    """Two modulated convolutions of single cells beside one; noise is added to the input.

    Parameters
    ----------
    masks, channels, width, padding
        As for `Spade`; `width` channels come out.
    statistics
        What is normalised over.
    always_noisy
        Whether noise is of inference, too, not of training alone.

    Attributes
    ----------
    noise
        Standard deviation of the noise.
    """

    def __init__(
        self, masks: int, channels: int, width: int, padding: str, statistics: str, always_noisy: bool = False
    ) -> None:
        super().__init__()
        self.statistics, self.always_noisy, self.noise = statistics, always_noisy, NOISE
        self.first = Spade(masks, channels, width, padding)
        self.first_conv = conv(channels, width, 1, padding=padding)
        self.second = Spade(masks, width, width, padding)
        self.second_conv = conv(width, width, 1, padding=padding)
        self.beside = Spade(masks, channels, width, padding)
        self.beside_conv = conv(channels, width, 1, padding=padding)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return features (batch, width, y, x) of features (batch, channel, y, x) and a mask."""
        if self.training or self.always_noisy:
            x = x + self.noise * normal_like(x)
        normal = normalise(x, self.statistics)
        main = self.first_conv(F.leaky_relu(self.first(normal, mask), SLOPE))
        main = self.second(normalise(main, self.statistics), mask)
        main = self.second_conv(F.leaky_relu(main, SLOPE))
        return main + self.beside_conv(F.leaky_relu(self.beside(normal, mask), SLOPE))


def normalise(x: Tensor, statistics: str) -> Tensor:
    """Return features with zero mean and unit deviation over what `STATISTICS` says."""
    over = STATISTICS[statistics]
    if over == (1,):
        return F.layer_norm(x.movedim(1, -1), (x.shape[1],), eps=EPSILON).movedim(-1, 1)
    variance, mean = torch.var_mean(x, dim=over, keepdim=True, correction=0)
    return (x - mean) * torch.rsqrt(variance + EPSILON)
