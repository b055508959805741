"""The latent model: tokenizers of all fields around a step of their tokens."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from tessera.errors import ConfigError, DataError
from tessera.models import parts
from tessera.models.dynamics import LatentStep
from tessera.models.state import Latents, State, Token
from tessera.models.tokenizer import Tokenizer


class Tokenizers(nn.Module):
    """Say fields in tokens and tokens in fields, each field by a tokenizer of its own.

    Parameters
    ----------
    fields
        Names of the fields.
    tokenizer
        Arguments of each field's `Tokenizer`.
    """

    def __init__(self, fields: Sequence[str], tokenizer: dict[str, Any]) -> None:
        super().__init__()
        self.fields, self.downsampling = tuple(fields), int(tokenizer["downsampling"])
        self.tokenizers = nn.ModuleDict({field: Tokenizer(**tokenizer) for field in self.fields})

    def encode(self, state: State) -> Latents:
        """Return the white tokens of scaled fields (batch, y, x), sizes multiples of `downsampling`.

        Raises
        ------
        DataError
            A field is missing or of a wrong size.
        """
        missing = [field for field in self.fields if field not in state]
        if missing:
            raise DataError(f"state: expected fields {list(self.fields)}, got {sorted(state)}")
        return {field: self._tokenizer(field).encode(state[field]) for field in self.fields}

    def decode(self, latents: Latents, fields: Sequence[str] | None = None) -> State:
        """Return the scaled fields (batch, y, x) that the means of tokens say; those named, or all."""
        wanted = self.fields if fields is None else fields
        return {field: self._tokenizer(field).decode(latents[field].mean) for field in wanted}

    def sample(self, latents: Latents, generator: Generator | None = None) -> Latents:
        """Draw each token's mean from its distribution, N(mean, exp(log_var)).

        Parameters
        ----------
        latents
            Tokens; one without log-variance stays as it is.
        generator
            Where chance comes from; None: torch, each process for its own samples of the batch.
        """
        return {field: _drawn(latents[field], generator) for field in self.fields}

    def _tokenizer(self, field: str) -> Tokenizer:
        found = self.tokenizers[field]
        assert isinstance(found, Tokenizer)
        return found


class Tessera(Tokenizers):
    """Say fields in tokens, advance the tokens, say them in fields again.

    It has no `forward`: a roll-out encodes once, steps many times and decodes what is looked at.

    Parameters
    ----------
    fields
        Names of the fields.
    tokenizer
        Arguments of each field's `Tokenizer`.
    step
        Arguments of the `LatentStep`.
    hold_inlet
        Whether a roll-out keeps the tokens beside the inlet, where the inflow does not change, as they were at
        its start; the paper's evolve as all others do.

    Raises
    ------
    ConfigError
        Tokenizer and step disagree on fields or channels.
    """

    def __init__(
        self, *, fields: Sequence[str], tokenizer: dict[str, Any], step: dict[str, Any], hold_inlet: bool = True
    ) -> None:
        if sorted(fields) != sorted(step["fields"]):
            raise ConfigError(f"step: expected fields {list(fields)}, got {list(step['fields'])}")
        if tokenizer["latent_channels"] != step["channels"]:
            raise ConfigError(
                f"step: expected {tokenizer['latent_channels']} channels as tokenizers have, got {step['channels']}"
            )
        super().__init__(fields, tokenizer)
        self.step = LatentStep(**step)
        self.hold_inlet = hold_inlet
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "tokenizer": self._tokenizer(self.fields[0]).arguments,
            "step": self.step.arguments,
            "hold_inlet": hold_inlet,
        }

    @property
    def probabilistic(self) -> bool:
        """Whether log-variances evolve with the means, so that forecasts can be drawn."""
        return self.step.log_variance


def _drawn(token: Token, generator: Generator | None) -> Token:
    if token.log_var is None:
        return token
    chance: Tensor
    if generator is None:
        chance = parts.normal_like(token.mean)
    else:
        chance = torch.randn(token.mean.shape, generator=generator, device=generator.device)
    return token._replace(mean=token.mean + torch.exp(0.5 * token.log_var) * chance.to(token.mean))


__all__ = ["Tessera", "Tokenizers"]
