"""PARCv2: physics-aware recurrent convolutions for advection, diffusion and reaction.

P. C. H. Nguyen et al., PARCv2, ICML 2024, arXiv:2402.12503. A differentiator says how fast fields change,
from features of the whole state (a U-Net) that are modulated by finite differences of advection and
diffusion; a Runge-Kutta scheme steps on, and a learned correction may take its answer further.

Where this differs: differences are central, of second order and over the physical spacing, where the
published ones are forward; what SPADE normalises over may be a cell or a sample, so that a prediction knows
nothing of its batch-mates; the differentiator starts at zero, so that an untrained step changes nothing.
Keeping states in range before each step is left to the roll-out.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError
from tessera.models.layers import SLOPE, channels_last, conv, crop_to, double, he_, pad_to, unit, zero_
from tessera.models.operators import INTEGRATORS, advection, laplacian
from tessera.models.spade import STATISTICS, SpadeUnit
from tessera.models.state import State, join, split

VELOCITY = ("velocity_y", "velocity_x")
DIFFUSED = ("temperature",)
STAGES = ("differentiator", "correction")


class PARCv2(nn.Module):
    """Advance a state by one snapshot.

    Parameters
    ----------
    fields
        Names of the fields, velocities among them.
    features
        Channels of the feature extractor's output.
    widths
        Channels per level of the feature extractor, finest first.
    mapping_width
        Channels of mapping and reconstruction.
    integrator
        One of `INTEGRATORS`.
    padding
        What lies beyond the border of a convolution: "zeros" or "replicate".
    statistics
        What SPADE normalises over, one of `STATISTICS`.
    correction
        Whether a data-driven integrator follows the numerical one.
    step, spacing
        Length of a snapshot's interval and of a cell, in the units that scaled velocities have.

    Attributes
    ----------
    with_correction
        Whether `forward` uses the correction.

    Raises
    ------
    ConfigError
        A choice is unknown, or a velocity is missing.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        features: int,
        widths: Sequence[int],
        mapping_width: int,
        integrator: str,
        padding: str,
        statistics: str,
        correction: bool,
        step: float = 1.0,
        spacing: float = 1.0,
    ) -> None:
        super().__init__()
        if not set(VELOCITY) <= set(fields):
            raise ConfigError(f"fields: expected {' and '.join(VELOCITY)} among them, got {list(fields)}")
        if integrator not in INTEGRATORS:
            raise ConfigError(f"integrator: expected one of {', '.join(INTEGRATORS)}, got {integrator!r}")
        if statistics not in STATISTICS:
            raise ConfigError(f"statistics: expected one of {', '.join(STATISTICS)}, got {statistics!r}")
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "features": features,
            "widths": list(widths),
            "mapping_width": mapping_width,
            "integrator": integrator,
            "padding": padding,
            "statistics": statistics,
            "correction": correction,
            "step": step,
            "spacing": spacing,
        }
        self.fields, self.step, self.spacing = tuple(fields), step, spacing
        self.scalars = tuple(field for field in fields if field not in VELOCITY)
        self._integrate = INTEGRATORS[integrator]
        self.differentiator = Differentiator(self.fields, features, widths, mapping_width, padding, statistics, spacing)
        self.correction: nn.ModuleDict | None = None
        if correction:
            self.correction = nn.ModuleDict(
                {
                    name: Correction(count, mapping_width, padding, statistics)
                    for name, count in _variables(self.fields).items()
                }
            )
        self.with_correction = correction

    def forward(self, state: State) -> State:
        """Return the state one snapshot later.

        Parameters
        ----------
        state
            Scaled fields of shape (batch, y, x) of any size; where the feature extractor's stride does not
            divide it, the last cells are repeated inside.

        Raises
        ------
        DataError
            A field is missing.
        """
        now = join(state, self.fields)
        later = self._numerical(now)
        if self.correction is None or not self.with_correction:
            return split(later, self.fields)
        corrected = {}
        for name, module in self.correction.items():
            channels = _channels(self.fields, name)
            corrected[name] = module((later - now)[:, channels], later[:, channels])
        return split(_assemble(corrected, self.fields), self.fields)

    def numerical(self, state: State) -> State:
        """Return what the numerical integrator alone makes of a state."""
        return split(self._numerical(join(state, self.fields)), self.fields)

    def on_grid(self, step: float, spacing: float) -> None:
        """Work on a grid of another step and spacing; what `arguments` say stays as it was."""
        self.step = step
        self.spacing = self.differentiator.spacing = spacing

    def learn(self, stage: str) -> None:
        """Let one part learn, as the published training does: the "differentiator", then the "correction".

        The differentiator learns with the numerical integrator alone; the correction learns behind a
        differentiator that stays as it is.

        Raises
        ------
        ConfigError
            The stage is unknown or there is no correction.
        """
        if stage not in STAGES or (stage == "correction" and self.correction is None):
            known = STAGES if self.correction is not None else STAGES[:1]
            raise ConfigError(f"stage: expected one of {', '.join(known)}, got {stage!r}")
        self.with_correction = stage == "correction"
        self.differentiator.requires_grad_(not self.with_correction)
        if self.correction is not None:
            self.correction.requires_grad_(self.with_correction)

    def _numerical(self, now: Tensor) -> Tensor:
        return self._integrate(self.differentiator, now, self.step)


class Differentiator(nn.Module):
    """The rate of change of all fields, from the state alone.

    Parameters
    ----------
    fields, features, widths, mapping_width, padding, statistics, spacing
        As for `PARCv2`.
    """

    def __init__(
        self,
        fields: Sequence[str],
        features: int,
        widths: Sequence[int],
        mapping_width: int,
        padding: str,
        statistics: str,
        spacing: float,
    ) -> None:
        super().__init__()
        self.fields, self.spacing = tuple(fields), spacing
        self.features = FeatureUNet(len(self.fields), features, widths, padding)
        self.mapping = nn.ModuleDict()
        for name, count in _variables(self.fields).items():
            masks = 2 * count if name in DIFFUSED else count
            self.mapping[name] = Mapping(masks, features, count, mapping_width, padding, statistics)

    def forward(self, state: Tensor) -> Tensor:
        """Return the rate of a state (batch, field, y, x) [1 / unit of `step`], of the same shape."""
        known = self.features(state)
        down, right = (state[:, [self.fields.index(name)]] for name in VELOCITY)
        advected = advection(state, down, right, self.spacing)
        rates = {}
        for name, module in self.mapping.items():
            channels = _channels(self.fields, name)
            mask = advected[:, channels]
            if name in DIFFUSED:
                mask = torch.cat([mask, laplacian(state[:, channels], self.spacing)], dim=1)
            rates[name] = module(known, mask)
        return _assemble(rates, self.fields)


class FeatureUNet(nn.Module):
    """The feature extractor: a U-Net with skips at every second level.

    Parameters
    ----------
    inputs, features
        Channels in and out.
    widths
        Channels per level, finest first.
    padding
        What lies beyond the border.
    """

    def __init__(self, inputs: int, features: int, widths: Sequence[int], padding: str) -> None:
        super().__init__()
        before = (inputs, *widths[:-1])
        self.down = nn.ModuleList(unit(i, o, padding=padding) for i, o in zip(before, widths, strict=True))
        self.up = nn.ModuleList()
        below = widths[-1]
        for level in range(len(widths) - 2, -1, -1):
            above = widths[level] if level else features
            self.up.append(unit(below + (widths[level] if _skips(level) else 0), above, padding=padding))
            below = above
        self.out = nn.Sequential(
            conv(below, features, 1, padding=padding),
            nn.LeakyReLU(SLOPE, inplace=True),
            conv(features, features, 1, padding=padding),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        he_(self)

    def forward(self, state: Tensor) -> Tensor:
        """Return features (batch, features, y, x) of a state (batch, field, y, x)."""
        x = self.down[0](channels_last(pad_to(state, 2 ** len(self.up))))
        kept = [x]
        for part in list(self.down)[1:]:
            x = part(F.max_pool2d(x, 2))
            kept.append(x)
        for part, level in zip(self.up, range(len(self.up) - 1, -1, -1), strict=True):
            x = double(x)
            x = part(torch.cat([x, kept[level]], dim=1) if _skips(level) else x)
        return crop_to(self.out(x), state)


class Residuals(nn.Module):
    """Convolutions of single cells: two, then two residual pairs."""

    def __init__(self, width: int, padding: str) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            conv(width, width, 1, padding=padding),
            nn.ReLU(inplace=True),
            conv(width, width, 1, padding=padding),
            nn.ReLU(inplace=True),
        )
        self.pairs = nn.ModuleList(
            nn.Sequential(
                conv(width, width, 1, padding=padding),
                nn.ReLU(inplace=True),
                conv(width, width, 1, padding=padding),
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape (batch, width, y, x)."""
        x = self.enter(x)
        for pair in self.pairs:
            x = F.relu(x + pair(x))
        return x


class Mapping(nn.Module):
    """Mapping and reconstruction: features modulated by advection and diffusion, read as a rate.

    Parameters
    ----------
    masks, features, outputs
        Channels of the mask, of the features, and of the variable.
    width, padding, statistics
        As for `SpadeUnit`.
    """

    def __init__(self, masks: int, features: int, outputs: int, width: int, padding: str, statistics: str) -> None:
        super().__init__()
        self.modulate = SpadeUnit(masks, features, width, padding, statistics)
        self.residuals = Residuals(width, padding)
        self.out = zero_(conv(width, outputs, 1, padding=padding))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return the rate of a variable (batch, outputs, y, x)."""
        return self.out(self.residuals(self.modulate(features, channels_last(mask))))


class Correction(nn.Module):
    """The data-driven integrator: features of the update, modulated by the state that it led to.

    Parameters
    ----------
    count
        Channels of the variable.
    width, padding, statistics
        As for `SpadeUnit`.
    """

    def __init__(self, count: int, width: int, padding: str, statistics: str) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            conv(count, width, 1, padding=padding),
            nn.ReLU(inplace=True),
            conv(width, width, 1, padding=padding),
            nn.ReLU(inplace=True),
        )
        self.modulate = SpadeUnit(count, width, width, padding, statistics)
        self.residuals = Residuals(width, padding)
        self.out = conv(width, count, 1, padding=padding)

    def forward(self, update: Tensor, state: Tensor) -> Tensor:
        """Return the corrected variable, in place of the integrated one (batch, count, y, x)."""
        known = self.modulate(self.enter(channels_last(update)), channels_last(state))
        return self.out(self.residuals(known))


def _skips(level: int) -> bool:
    return level % 2 == 0


def _variables(fields: Sequence[str]) -> dict[str, int]:
    """Return what is mapped by itself and its channels: every scalar, and velocity as one."""
    return {field: 1 for field in fields if field not in VELOCITY} | {"velocity": len(VELOCITY)}


def _channels(fields: Sequence[str], name: str) -> list[int]:
    return [fields.index(field) for field in (VELOCITY if name == "velocity" else (name,))]


def _assemble(variables: dict[str, Tensor], fields: Sequence[str]) -> Tensor:
    """Return the variables as channels in the order of the fields."""
    by_field = {name: value for name, value in variables.items() if name != "velocity"}
    by_field |= dict(zip(VELOCITY, variables["velocity"].split(1, dim=1), strict=True))
    return torch.cat([by_field[field] for field in fields], dim=1)
