"""PARCv2: physics-aware recurrent convolutions for advection, diffusion and reaction.

P. C. H. Nguyen et al., PARCv2, ICML 2024, arXiv:2402.12503. A differentiator says how fast fields change,
from features of the whole state (a U-Net) that are modulated by finite differences of advection and
diffusion; a Runge-Kutta scheme steps on, and a learned correction may take its answer further.

The published codes differ; `variants` says how, and that of the paper and its successor in PyTorch are here
number for number. What may be chosen besides: SPADE normalises over batch and cells in both of them, in inference
too, so that a prediction changes with its batch-mates; over a sample's cells or a cell's channels it does not.
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
from tessera.models.variants import CENTRAL, Variant, glorot_, variant_of

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
        Length of a snapshot's interval and of a cell, in the units that scaled velocities have. Published are 1/15,
        one over the number of steps, and 1.
    variant
        Which code's network it is, one of `VARIANTS`. The published ones want all fields, velocities too, scaled to
        [0, 1], for they clip.

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
        variant: str = "central",
    ) -> None:
        super().__init__()
        which = variant_of(variant)
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
            "variant": variant,
        }
        self.fields, self.step, self.spacing = tuple(fields), step, spacing
        self.stride = 2 ** (len(widths) - 1)
        self.scalars = tuple(field for field in fields if field not in VELOCITY)
        self._mean_rate, self._variant = INTEGRATORS[integrator], which
        self.differentiator = Differentiator(
            self.fields, features, widths, mapping_width, padding, statistics, spacing, which
        )
        self.correction: nn.ModuleDict | None = None
        if correction:
            self.correction = nn.ModuleDict(
                {
                    name: Correction(count, mapping_width, padding, statistics, which)
                    for name, count in _variables(self.fields).items()
                }
            )
        self.with_correction = correction
        if which.start == "glorot":
            glorot_(self)

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
        now, rate = self._integrate(state)
        later = now + self.step * rate
        if self.correction is None or not self.with_correction:
            return split(later, self.fields)
        update = rate if self._variant.as_rate else later - now
        corrected = {}
        for name, module in self.correction.items():
            channels = _channels(self.fields, name)
            corrected[name] = module(update[:, channels], later[:, channels])
        return split(_assemble(corrected, self.fields), self.fields)

    def numerical(self, state: State) -> State:
        """Return what the numerical integrator alone makes of a state."""
        now, rate = self._integrate(state)
        return split(now + self.step * rate, self.fields)

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

    def _integrate(self, state: State) -> tuple[Tensor, Tensor]:
        """Return the state that a step begins with, as a tensor, and its mean rate of change over the step."""
        now = join(state, self.fields)
        if self._variant.clipped:
            now = now.clamp(0.0, 1.0)
        return now, self._mean_rate(self.differentiator, now, self.step)


class Differentiator(nn.Module):
    """The rate of change of all fields, from the state alone.

    Parameters
    ----------
    fields, features, widths, mapping_width, padding, statistics, spacing
        As for `PARCv2`.
    variant
        What the code does.
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
        variant: Variant = CENTRAL,
    ) -> None:
        super().__init__()
        self.fields, self.spacing, self._variant = tuple(fields), spacing, variant
        self.features = FeatureUNet(len(self.fields), features, widths, padding, variant)
        self.mapping = nn.ModuleDict()
        for name, count in _variables(self.fields).items():
            masks = 2 * count if name in DIFFUSED else count
            self.mapping[name] = Mapping(masks, features, count, mapping_width, padding, statistics, variant)

    def forward(self, state: Tensor) -> Tensor:
        """Return the rate of a state (batch, field, y, x) [1 / unit of `step`], of the same shape."""
        known = self.features(state)
        down, right = (state[:, [self.fields.index(name)]] for name in VELOCITY)
        if self._variant.crossed:
            down, right = right, down
        differences = self._variant.differences
        advected = advection(state, down, right, self.spacing, differences)
        rates = {}
        for name, module in self.mapping.items():
            channels = _channels(self.fields, name)
            mask = advected[:, channels]
            if name in DIFFUSED:
                mask = torch.cat([mask, laplacian(state[:, channels], self.spacing, differences)], dim=1)
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
    variant
        What the code does.
    """

    def __init__(
        self, inputs: int, features: int, widths: Sequence[int], padding: str, variant: Variant = CENTRAL
    ) -> None:
        super().__init__()
        self._variant = variant
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
        if variant.start == "still":
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
            if _skips(level):
                x = torch.cat([kept[level], x] if self._variant.skip_first else [x, kept[level]], dim=1)
            x = part(x)
        return crop_to(self.out(x), state)


class Residuals(nn.Module):
    """Convolutions of single cells: two, then two residual pairs, each rectified before it is added if told."""

    def __init__(self, width: int, padding: str, rectified: bool) -> None:
        super().__init__()
        self.rectified = rectified
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
            branch = pair(x)
            x = F.relu(x + (F.relu(branch) if self.rectified else branch))
        return x


class Mapping(nn.Module):
    """Mapping and reconstruction: features modulated by advection and diffusion, read as a rate.

    Parameters
    ----------
    masks, features, outputs
        Channels of the mask, of the features, and of the variable.
    width, padding, statistics
        As for `SpadeUnit`.
    variant
        What the code does.
    """

    def __init__(
        self,
        masks: int,
        features: int,
        outputs: int,
        width: int,
        padding: str,
        statistics: str,
        variant: Variant = CENTRAL,
    ) -> None:
        super().__init__()
        self.modulate = SpadeUnit(masks, features, width, padding, statistics, variant.always_noisy)
        self.residuals = Residuals(width, padding, variant.rectified)
        self.out = conv(width, outputs, 1, padding=padding)
        if variant.start == "still":
            zero_(self.out)

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
    variant
        What the code does.
    """

    def __init__(self, count: int, width: int, padding: str, statistics: str, variant: Variant = CENTRAL) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            conv(count, width, 1, padding=padding),
            nn.ReLU(inplace=True),
            conv(width, width, 1, padding=padding),
            nn.ReLU(inplace=True),
        )
        self.modulate = SpadeUnit(count, width, width, padding, statistics, variant.always_noisy)
        self.residuals = Residuals(width, padding, variant.rectified)
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
