"""PARCv2: physics-aware recurrent convolutions for advection, diffusion and reaction.

P. C. H. Nguyen et al., PARCv2, ICML 2024, arXiv:2402.12503. A differentiator says how fast fields change,
from features of the whole state (a U-Net) that are modulated by finite differences of advection and
diffusion; a Runge-Kutta scheme steps on, and a learned correction may take its answer further.

Where this differs: differences are central, of second order and over the physical spacing, where the
published ones are forward; what SPADE normalises over may be a cell or a sample, so that a prediction knows
nothing of its batch-mates; the differentiator starts at zero, so that an untrained step changes nothing.
Keeping states in range before each step is left to the roll-out.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError, DataError
from tessera.models.layers import SLOPE, channels_last, conv, crop_to, double, he_, pad_to, unit, zero_
from tessera.models.state import State, join, split

VELOCITY = ("velocity_y", "velocity_x")
DIFFUSED = ("temperature",)
STATISTICS = {"batch": (0, 2, 3), "instance": (2, 3), "pixel": (1,)}
STAGES = ("differentiator", "correction")
NOISE = 0.05
EPSILON = 1e-5


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
        self.differentiator = Differentiator(
            self.fields, features, widths, mapping_width, padding, statistics, spacing
        )
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
    """Two modulated convolutions of single cells beside one; noise is added to the input in training.

    Parameters
    ----------
    masks, channels, width, padding
        As for `Spade`; `width` channels come out.
    statistics
        What is normalised over.
    """

    def __init__(self, masks: int, channels: int, width: int, padding: str, statistics: str) -> None:
        super().__init__()
        self.statistics = statistics
        self.first = Spade(masks, channels, width, padding)
        self.first_conv = conv(channels, width, 1, padding=padding)
        self.second = Spade(masks, width, width, padding)
        self.second_conv = conv(width, width, 1, padding=padding)
        self.beside = Spade(masks, channels, width, padding)
        self.beside_conv = conv(channels, width, 1, padding=padding)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return features (batch, width, y, x) of features (batch, channel, y, x) and a mask."""
        if self.training:
            x = x + NOISE * torch.randn_like(x)
        normal = normalise(x, self.statistics)
        main = self.first_conv(F.leaky_relu(self.first(normal, mask), SLOPE))
        main = self.second(normalise(main, self.statistics), mask)
        main = self.second_conv(F.leaky_relu(main, SLOPE))
        return main + self.beside_conv(F.leaky_relu(self.beside(normal, mask), SLOPE))


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

    def __init__(
        self, masks: int, features: int, outputs: int, width: int, padding: str, statistics: str
    ) -> None:
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


def normalise(x: Tensor, statistics: str) -> Tensor:
    """Return features with zero mean and unit deviation over what `STATISTICS` says."""
    over = STATISTICS[statistics]
    if over == (1,):
        return F.layer_norm(x.movedim(1, -1), (x.shape[1],), eps=EPSILON).movedim(-1, 1)
    variance, mean = torch.var_mean(x, dim=over, keepdim=True, correction=0)
    return (x - mean) * torch.rsqrt(variance + EPSILON)


def gradient(fields: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
    """Return the derivatives along y and x, by central differences.

    Exact for quadratic fields inside and for linear ones up to the border, beyond which fields go on
    linearly.

    Parameters
    ----------
    fields
        Values at cell centres, of shape (..., y, x).
    spacing
        Length of a cell.
    """
    high, wide = _extended(fields, -2), _extended(fields, -1)
    down = (high[..., 2:, :] - high[..., :-2, :]) / (2.0 * spacing)
    return down, (wide[..., 2:] - wide[..., :-2]) / (2.0 * spacing)


def advection(fields: Tensor, velocity_y: Tensor, velocity_x: Tensor, spacing: float) -> Tensor:
    """Return (u . grad) of each field, by central differences.

    Parameters
    ----------
    fields
        Of shape (batch, field, y, x).
    velocity_y, velocity_x
        Of shape (batch, 1, y, x) [spacing's unit per step's unit].
    spacing
        Length of a cell.
    """
    down, right = gradient(fields, spacing)
    return velocity_y * down + velocity_x * right


def laplacian(fields: Tensor, spacing: float) -> Tensor:
    """Return the Laplacian of each field (..., y, x), by central differences; no curvature across the border."""
    high, wide = _extended(fields, -2), _extended(fields, -1)
    around = high[..., 2:, :] + high[..., :-2, :] + wide[..., 2:] + wide[..., :-2]
    return (around - 4.0 * fields) / spacing**2


Rate = Callable[[Tensor], Tensor]


def euler(rate: Rate, state: Tensor, step: float) -> Tensor:
    """Return the state a step later, of first order."""
    return state + step * rate(state)


def heun(rate: Rate, state: Tensor, step: float) -> Tensor:
    """Return the state a step later, of second order: the trapezoidal rule, predicted by Euler's."""
    first = rate(state)
    return state + 0.5 * step * (first + rate(state + step * first))


def rk4(rate: Rate, state: Tensor, step: float) -> Tensor:
    """Return the state a step later, of fourth order: the classical Runge-Kutta scheme."""
    first = rate(state)
    second = rate(state + 0.5 * step * first)
    third = rate(state + 0.5 * step * second)
    fourth = rate(state + step * third)
    return state + step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)


INTEGRATORS = {"euler": euler, "heun": heun, "rk4": rk4}


def _extended(fields: Tensor, axis: int) -> Tensor:
    """Return fields with a cell more on both sides of an axis, by linear extrapolation."""
    size = fields.shape[axis]
    if size < 2:
        raise DataError(f"fields: expected at least two cells along each axis, got {tuple(fields.shape)}")
    first, last = fields.narrow(axis, 0, 2), fields.narrow(axis, size - 2, 2)
    before = 2.0 * first.narrow(axis, 0, 1) - first.narrow(axis, 1, 1)
    after = 2.0 * last.narrow(axis, 1, 1) - last.narrow(axis, 0, 1)
    return torch.cat([before, fields, after], dim=axis)


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
