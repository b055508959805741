"""Differences in space and rates over a step in time that networks build on, in torch, so that gradients pass.

Differences are "central", of second order, and beyond the border fields go straight on; or "forward", of first
order, and beyond the border lies the last cell again: those of the published PARCv2 (arXiv:2402.12503), where
the Laplacian is the difference of differences and so is that of a cell further on.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from tessera.errors import ConfigError, DataError

Rate = Callable[[Tensor], Tensor]


def check_differences(differences: str) -> str:
    """Return the name of differences.

    Raises
    ------
    ConfigError
        The name is none of `DIFFERENCES`.
    """
    if differences not in DIFFERENCES:
        raise ConfigError(f"differences: expected one of {', '.join(DIFFERENCES)}, got {differences!r}")
    return differences


def gradient(fields: Tensor, spacing: float, differences: str = "central") -> tuple[Tensor, Tensor]:
    """Return the derivatives along y and x.

    Central ones are exact for quadratic fields inside and for linear ones up to the border.

    Parameters
    ----------
    fields
        Values at cell centres, of shape (..., y, x).
    spacing
        Length of a cell.
    differences
        One of `DIFFERENCES`.
    """
    return DIFFERENCES[check_differences(differences)](fields, spacing)


def advection(
    fields: Tensor, velocity_y: Tensor, velocity_x: Tensor, spacing: float, differences: str = "central"
) -> Tensor:
    """Return (u . grad) of each field.

    Parameters
    ----------
    fields
        Of shape (batch, field, y, x).
    velocity_y, velocity_x
        Of shape (batch, 1, y, x) [spacing's unit per step's unit].
    spacing
        Length of a cell.
    differences
        One of `DIFFERENCES`.
    """
    down, right = gradient(fields, spacing, differences)
    return velocity_y * down + velocity_x * right


def laplacian(fields: Tensor, spacing: float, differences: str = "central") -> Tensor:
    """Return the Laplacian of each field (..., y, x)."""
    if check_differences(differences) == "forward":
        down, right = _forward(fields, spacing)
        return _forward(down, spacing)[0] + _forward(right, spacing)[1]
    high, wide = _extended(fields, -2), _extended(fields, -1)
    around = high[..., 2:, :] + high[..., :-2, :] + wide[..., 2:] + wide[..., :-2]
    return (around - 4.0 * fields) / spacing**2


def euler(rate: Rate, state: Tensor, _step: float) -> Tensor:
    """Return the mean rate over a step, of first order."""
    return rate(state)


def heun(rate: Rate, state: Tensor, step: float) -> Tensor:
    """Return the mean rate over a step, of second order: the trapezoidal rule, predicted by Euler's."""
    first = rate(state)
    return 0.5 * (first + rate(state + step * first))


def rk4(rate: Rate, state: Tensor, step: float) -> Tensor:
    """Return the mean rate over a step, of fourth order: the classical Runge-Kutta scheme."""
    first = rate(state)
    second = rate(state + 0.5 * step * first)
    third = rate(state + 0.5 * step * second)
    fourth = rate(state + step * third)
    return (first + 2.0 * second + 2.0 * third + fourth) / 6.0


def _central(fields: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
    high, wide = _extended(fields, -2), _extended(fields, -1)
    down = (high[..., 2:, :] - high[..., :-2, :]) / (2.0 * spacing)
    return down, (wide[..., 2:] - wide[..., :-2]) / (2.0 * spacing)


def _forward(fields: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
    return _onward(fields, -2) / spacing, _onward(fields, -1) / spacing


def _onward(fields: Tensor, axis: int) -> Tensor:
    """Return the differences to the next cell along an axis; that of the last cell is zero."""
    last = fields.narrow(axis, fields.shape[axis] - 1, 1)
    return torch.diff(fields, dim=axis, append=last)


def _extended(fields: Tensor, axis: int) -> Tensor:
    """Return fields with a cell more on both sides of an axis, by linear extrapolation."""
    size = fields.shape[axis]
    if size < 2:
        raise DataError(f"fields: expected at least two cells along each axis, got {tuple(fields.shape)}")
    first, last = fields.narrow(axis, 0, 2), fields.narrow(axis, size - 2, 2)
    before = 2.0 * first.narrow(axis, 0, 1) - first.narrow(axis, 1, 1)
    after = 2.0 * last.narrow(axis, 1, 1) - last.narrow(axis, 0, 1)
    return torch.cat([before, fields, after], dim=axis)


DIFFERENCES = {"central": _central, "forward": _forward}
INTEGRATORS = {"euler": euler, "heun": heun, "rk4": rk4}
