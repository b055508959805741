"""Differences in space and steps in time that networks build on, in torch, so that gradients pass through them."""

from collections.abc import Callable

import torch
from torch import Tensor

from tessera.errors import DataError

Rate = Callable[[Tensor], Tensor]


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
    """Return the Laplacian of each field (..., y, x), by central differences; straight across the border."""
    high, wide = _extended(fields, -2), _extended(fields, -1)
    around = high[..., 2:, :] + high[..., :-2, :] + wide[..., 2:] + wide[..., :-2]
    return (around - 4.0 * fields) / spacing**2


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
