"""What networks speak of: fields by name in pixel space, tokens by name in latent space.

Inside a network fields are stacked along the channel axis, in the order that the network was built with;
outside they go by name alone, so the order of a dictionary means nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tessera.errors import DataError

State = dict[str, Tensor]


class Token(NamedTuple):
    """The latents of one field.

    Attributes
    ----------
    mean
        Means, of shape (batch, channel, token_y, token_x).
    log_var
        Logarithms of the variances, likewise; None where variances are not evolved.
    """

    mean: Tensor
    log_var: Tensor | None


Latents = dict[str, Token]


def join(state: State, fields: Sequence[str]) -> Tensor:
    """Stack fields along a new channel axis, channels last in memory.

    Parameters
    ----------
    state
        Fields of shape (batch, y, x) [scaled], in any order.
    fields
        Names in the order wanted.

    Returns
    -------
    A tensor of shape (batch, field, y, x).

    Raises
    ------
    DataError
        A field is missing.
    """
    missing = [name for name in fields if name not in state]
    if missing:
        raise DataError(f"state: expected fields {list(fields)}, got {sorted(state)}")
    return torch.stack([state[name] for name in fields], dim=-1).movedim(-1, 1)


def split(tensor: Tensor, fields: Sequence[str]) -> State:
    """Return the channels of a tensor of shape (batch, field, y, x) by name, each (batch, y, x)."""
    return {name: tensor[:, channel].contiguous() for channel, name in enumerate(fields)}


__all__ = ["Latents", "State", "Token", "join", "split"]
