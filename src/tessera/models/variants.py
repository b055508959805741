"""What codes that are all called PARCv2 do differently, by name.

Three codes go by that name and are not the same network: with the weights of one, another answers something
else. `icml2024` is the code of the paper (P. C. H. Nguyen et al., ICML 2024, arXiv:2402.12503; github.com/
hphong1990/PARCv2), `parctorch` its successor in PyTorch (github.com/baeklab/PARCtorch, version 0.3.0), and
`central` is ours: terms of second order over the physical spacing, and a start that changes nothing.
"""

import math
from typing import Literal, NamedTuple

from torch import nn

from tessera.errors import ConfigError
from tessera.models.spade import Spade


class Variant(NamedTuple):
    """Where the codes differ.

    Attributes
    ----------
    differences
        Of advection and diffusion, one of `operators.DIFFERENCES`.
    crossed
        Whether advection multiplies the derivative along y with the velocity along x, and the other way round:
        the code takes derivatives as (y, x) and, as its data are said to be ordered, velocities as (x, y).
    skip_first
        Whether the feature extractor puts the channels of a skip before those from below.
    rectified
        Whether a residual branch ends in a rectifier of its own, before what it is added to.
    clipped
        Whether a state is clipped to [0, 1] before a step; within a step it is not.
    always_noisy
        Whether SPADE adds its noise in inference, too.
    as_rate
        Whether a correction sees the mean rate of change over a step, not the change.
    start
        Weights before training. "still": an untrained step changes nothing. "glorot": uniform as in Keras, without
        biases. "torch": as PyTorch has it.
    """

    differences: Literal["central", "forward"]
    crossed: bool
    skip_first: bool
    rectified: bool
    clipped: bool
    always_noisy: bool
    as_rate: bool
    start: Literal["still", "glorot", "torch"]


CENTRAL = Variant(
    differences="central",
    crossed=False,
    skip_first=False,
    rectified=False,
    clipped=False,
    always_noisy=False,
    as_rate=False,
    start="still",
)
VARIANTS = {
    "central": CENTRAL,
    "icml2024": CENTRAL._replace(differences="forward", crossed=True, clipped=True, as_rate=True, start="glorot"),
    "parctorch": CENTRAL._replace(
        differences="forward",
        skip_first=True,
        rectified=True,
        clipped=True,
        always_noisy=True,
        as_rate=True,
        start="torch",
    ),
}


def variant_of(name: str) -> Variant:
    """Return a variant by name.

    Raises
    ------
    ConfigError
        The name is none of `VARIANTS`.
    """
    if name not in VARIANTS:
        raise ConfigError(f"variant: expected one of {', '.join(VARIANTS)}, got {name!r}")
    return VARIANTS[name]


def glorot_(module: nn.Module) -> None:
    """Start all convolutions of a module uniformly, as Keras does, without biases.

    X. Glorot and Y. Bengio, AISTATS 2010, eq. 16; the convolution of `Spade` for scale and shift is two of theirs.
    """
    pairs = {part.scale_shift for part in module.modules() if isinstance(part, Spade)}
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            outputs, inputs, *kernel = part.weight.shape
            apart = outputs // 2 if part in pairs else outputs
            bound = math.sqrt(6.0 / (math.prod(kernel) * (inputs + apart)))
            nn.init.uniform_(part.weight, -bound, bound)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


__all__ = ["CENTRAL", "VARIANTS", "Variant", "glorot_", "variant_of"]
