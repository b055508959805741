"""What all networks are laid of: convolutions that know their border, blocks, and changes of resolution.

All work on tensors of shape (batch, channel, y, x), channels last in memory: on a processor that is faster,
and a norm or a product over channels then touches neighbouring numbers.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError
from tessera.models import parts

Padding = Literal["zeros", "replicate"]
PADDINGS = ("zeros", "replicate")
INITIALISATIONS = ("he", "glorot")
SLOPE = 0.2
EXPANSION = 3


def check_padding(padding: str) -> Padding:
    """Return a padding by name.

    Raises
    ------
    ConfigError
        The name is none of `PADDINGS`.
    """
    if padding not in PADDINGS:
        raise ConfigError(f"padding: expected one of {', '.join(PADDINGS)}, got {padding!r}")
    return "zeros" if padding == "zeros" else "replicate"


def conv(inputs: int, outputs: int, kernel: int = 3, *, padding: str, groups: int = 1) -> nn.Conv2d:
    """Return a convolution of odd kernel that keeps the resolution.

    Parameters
    ----------
    inputs, outputs
        Channels.
    kernel
        Width of the kernel [cells].
    padding
        What lies beyond the border: "zeros", or "replicate" the last cell.
    groups
        Groups of channels that do not see each other.
    """
    mode = check_padding(padding)
    if kernel == 1 and groups == 1:
        return PointConv(inputs, outputs)
    kind = EdgeConv if mode == "replicate" else nn.Conv2d
    return kind(inputs, outputs, kernel, padding=kernel // 2, groups=groups, padding_mode=mode)


class EdgeConv(nn.Conv2d):
    """A convolution beyond whose border the last cells are repeated.

    The compiler of torch 2.13 takes the gradient of that padding for laid out otherwise than it is where channels are
    last, and stops; so what it compiles lays the cells side by side.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, y, x) of (batch, inputs, y, x)."""
        if not torch.compiler.is_compiling():
            return super().forward(x)
        for dim, reach in ((-2, self.kernel_size[0] // 2), (-1, self.kernel_size[1] // 2)):
            first, last = x.narrow(dim, 0, 1), x.narrow(dim, x.shape[dim] - 1, 1)
            x = torch.cat([*[first] * reach, x, *[last] * reach], dim)
        return F.conv2d(x, self.weight, self.bias, groups=self.groups)


class PointConv(nn.Conv2d):
    """A convolution of single cells: the same product over channels everywhere.

    A dilation means nothing to it, but on one thread of a processor it makes torch choose oneDNN's kernels,
    which use all of AVX-512 on any make, over a product of matrices at half their speed. Of few numbers torch never
    lets oneDNN have them, and a dilation would only make their product four times as slow. A program that is exported
    does without, for it would be one for many numbers or one for few.
    """

    FEW = 20480  # numbers, `use_mkldnn` in torch's Convolution.cpp

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, y, x) of (batch, inputs, y, x)."""
        dilated = x.device.type == "cpu" and not torch.compiler.is_exporting() and x.numel() > self.FEW
        return F.conv2d(x, self.weight, self.bias, dilation=2 if dilated else 1)


def he_(module: nn.Module, slope: float = SLOPE) -> None:
    """Start all convolutions of a module so that leaky activations keep their size, without biases.

    K. He et al., Delving deep into rectifiers, ICCV 2015, eq. 15.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, a=slope)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def glorot_(module: nn.Module) -> None:
    """Start all convolutions of a module uniformly, so that sums keep their size, without biases; Keras' default.

    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010, eq. 16.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def check_initialisation(name: str) -> str:
    """Return the name of a way to start convolutions.

    Raises
    ------
    ConfigError
        The name is none of `INITIALISATIONS`.
    """
    if name not in INITIALISATIONS:
        raise ConfigError(f"initialisation: expected one of {', '.join(INITIALISATIONS)}, got {name!r}")
    return name


def zero_(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution that starts by answering zero, so that what it is added to stays itself."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def unit(inputs: int, outputs: int, kernel: int = 3, *, padding: str) -> nn.Sequential:
    """Return the unit of the published U-Nets: a convolution and one of a single cell, both leaky.

    Source: arXiv:2506.12996, code of the encoder and of the latent maps.
    """
    return nn.Sequential(
        conv(inputs, outputs, kernel, padding=padding),
        nn.LeakyReLU(SLOPE, inplace=True),
        conv(outputs, outputs, 1, padding=padding),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def double(x: Tensor) -> Tensor:
    """Return twice the resolution, bilinear between cell centres and flat beyond the border."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Double(nn.Module):
    """`double` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channel, 2 y, 2 x)."""
        return double(x)


class Dropout(nn.Module):
    """Leave out a part of the numbers while learning, and enlarge the others so that their mean stays.

    Of several processes that share a batch, each leaves out what the whole batch would leave out of its samples.
    N. Srivastava et al., Dropout, J. Mach. Learn. Res. 15 (2014) 1929.

    Parameters
    ----------
    rate
        Part of the numbers that is left out, from 0 to less than 1.

    Raises
    ------
    ConfigError
        The rate is another.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ConfigError(f"dropout: expected a rate from 0 to less than 1, got {rate}")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape; while evaluating, the same tensor."""
        if not self.training or self.rate == 0.0:
            return x
        return x * (parts.uniform_like(x) >= self.rate) / (1.0 - self.rate)


class ChannelNorm(nn.LayerNorm):
    """Normalise each cell over its channels; no cell knows of another, so domains of any size agree.

    J. L. Ba et al., Layer normalization, arXiv:1607.06450, over channels as in ConvNeXt.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised tensor, of the same shape (batch, channel, y, x)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ConvNeXtBlock(nn.Module):
    """Mix neighbours per channel, then channels per cell, and add that to the input.

    Depthwise convolution, `ChannelNorm`, expansion, GELU, contraction. Z. Liu et al., A ConvNet for the 2020s,
    CVPR 2022, figure 4, where the expansion is four.

    Parameters
    ----------
    channels
        Channels in and out.
    kernel
        Width of the depthwise kernel [cells], odd.
    padding
        What lies beyond the border.
    layer_scale
        Start of a learned weight per channel of what is added; None: no such weight.
    expansion
        Channels inside over channels in and out.
    """

    def __init__(
        self,
        channels: int,
        kernel: int = 7,
        *,
        padding: str,
        layer_scale: float | None = None,
        expansion: int = EXPANSION,
    ) -> None:
        super().__init__()
        self.depthwise = conv(channels, channels, kernel, padding=padding, groups=channels)
        self.norm = ChannelNorm(channels)
        self.expand = PointConv(channels, expansion * channels)
        self.contract = PointConv(expansion * channels, channels)
        self.layer_scale = None if layer_scale is None else nn.Parameter(torch.full((channels, 1, 1), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape (batch, channel, y, x)."""
        mixed = self.contract(F.gelu(self.expand(self.norm(self.depthwise(x)))))
        return x + (mixed if self.layer_scale is None else self.layer_scale * mixed)


def channels_last(x: Tensor) -> Tensor:
    """Return (batch, channel, y, x) with channels last in memory, which convolutions of the processor like.

    A single channel lies first and last; its strides are made to say last, for by them torch lays what comes of it.
    """
    if x.shape[1] == 1:
        return x.contiguous()[:, 0, ..., None].movedim(-1, 1)
    return x.contiguous(memory_format=torch.channels_last)


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sizes are multiples of a number."""
    below, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x


def crop_to(x: Tensor, like: Tensor) -> Tensor:
    """Undo `pad_to`: return the part with the sizes (y, x) of another tensor."""
    return x[..., : like.shape[-2], : like.shape[-1]]


__all__ = [
    "ChannelNorm",
    "ConvNeXtBlock",
    "Double",
    "Dropout",
    "channels_last",
    "check_initialisation",
    "check_padding",
    "conv",
    "crop_to",
    "double",
    "glorot_",
    "he_",
    "pad_to",
    "unit",
    "zero_",
]
