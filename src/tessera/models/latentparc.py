"""LatentPARC: a narrow autoencoder of all fields together, and a learned rate of change of its latents.

J. Gray et al., LatentPARC, arXiv:2509.12401, and its code (github.com/baeklab/LatentPARC). A state is encoded once,
its latents are stepped by a Runge-Kutta scheme and decoded where they are looked at.

The decoder ends in a rectifier, so what it says is never negative: scaled fields have to lie above zero. Published
are temperature, pressure and microstructure, scaled to [0, 1]; velocities are left out there.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from tessera.errors import ConfigError
from tessera.models.layers import Double, channels_last, check_padding, conv, crop_to, pad_to
from tessera.models.operators import INTEGRATORS
from tessera.models.parc1 import ResidualNetwork
from tessera.models.state import State, join, split

STRIDE = 4
SLOPE = 0.01
STAGES = {
    "autoencoder": ("encoder", "decoder"),
    "dynamics": ("differentiator",),
    "fine-tuning": ("encoder", "decoder", "differentiator"),
}


class LatentPARC(nn.Module):
    """Say fields in latents, advance the latents, say them in fields again.

    Parameters
    ----------
    fields
        Names of the fields.
    hidden, latent_channels
        Channels between fields and latents, and of the latents; published are 8 and 8.
    width
        Channels of the differentiator, a multiple of four; published is 128.
    padding
        What lies beyond the border of a convolution: "zeros", as published, or "replicate".
    integrator
        One of `INTEGRATORS`; published is "rk4".
    step
        Length of a snapshot's interval in the time of the latents; published is 0.1, whatever it lasts.

    Raises
    ------
    ConfigError
        A choice is unknown, or the width is not a multiple of four.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        hidden: int,
        latent_channels: int,
        width: int,
        padding: str,
        integrator: str = "rk4",
        step: float = 0.1,
    ) -> None:
        super().__init__()
        if integrator not in INTEGRATORS:
            raise ConfigError(f"integrator: expected one of {', '.join(INTEGRATORS)}, got {integrator!r}")
        if width < 4 or width % 4:
            raise ConfigError(f"width: expected a multiple of 4, got {width}")
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "hidden": hidden,
            "latent_channels": latent_channels,
            "width": width,
            "padding": padding,
            "integrator": integrator,
            "step": step,
        }
        self.fields, self.length, self._mean_rate = tuple(fields), step, INTEGRATORS[integrator]
        self.stride = STRIDE
        count = len(self.fields)
        self.encoder = nn.Sequential(
            _halve(count, hidden, padding), nn.ReLU(inplace=True), _halve(hidden, latent_channels, padding)
        )
        self.decoder = nn.Sequential(
            Double(),
            conv(latent_channels, hidden, padding=padding),
            nn.ReLU(inplace=True),
            Double(),
            conv(hidden, count, padding=padding),
            nn.ReLU(inplace=True),
        )
        self.differentiator = ResidualNetwork(latent_channels, latent_channels, width, padding, SLOPE)

    def encode(self, state: State) -> Tensor:
        """Return the latents (batch, latent_channels, y / 4, x / 4) of a state.

        Parameters
        ----------
        state
            Scaled fields of shape (batch, y, x) of any size; to a multiple of four, the last cells are repeated.

        Raises
        ------
        DataError
            A field is missing.
        """
        return self.encoder(channels_last(pad_to(join(state, self.fields), STRIDE)))

    def step(self, latent: Tensor) -> Tensor:
        """Return latents one snapshot later; in training, dropout differs between the stages of a step."""
        return latent + self.length * self._mean_rate(self.differentiator, latent, self.length)

    def decode(self, latent: Tensor) -> State:
        """Return the fields (batch, 4 y, 4 x) of latents; whoever padded them crops them."""
        return split(self.decoder(channels_last(latent)), self.fields)

    def reconstruct(self, state: State) -> State:
        """Return what a state is after it was encoded and decoded, of its size."""
        return self._cropped(self.encode(state), state)

    def forward(self, state: State) -> State:
        """Return the state one snapshot later: encoded, stepped and decoded, of its size."""
        return self._cropped(self.step(self.encode(state)), state)

    def learn(self, stage: str) -> None:
        """Let the parts of a stage learn: the "autoencoder", then the "dynamics" alone, then all in "fine-tuning".

        Raises
        ------
        ConfigError
            The stage is unknown.
        """
        if stage not in STAGES:
            raise ConfigError(f"stage: expected one of {', '.join(STAGES)}, got {stage!r}")
        for name, part in self.named_children():
            part.requires_grad_(name in STAGES[stage])

    def _cropped(self, latent: Tensor, like: State) -> State:
        return {name: crop_to(value, like[name]) for name, value in self.decode(latent).items()}


def _halve(inputs: int, outputs: int, padding: str) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, padding_mode=check_padding(padding))


__all__ = ["STAGES", "LatentPARC"]
