"""What is stored of a state: fields by name, each stored cell a conservative mean of computed ones."""

from typing import Any, NamedTuple

import numpy as np

from tessera.physics import eos
from tessera.physics.law import kernel, of_precision
from tessera.physics.reaction import burnt

THIN, BLURRED = 0.02, 0.05  # shares of the solid's density


class Fields(NamedTuple):
    """What is stored of a state, by the names of the dataset contract; each (y, x)."""

    temperature: np.ndarray
    pressure: np.ndarray
    microstructure: np.ndarray
    velocity_x: np.ndarray
    velocity_y: np.ndarray


def fields(
    state: np.ndarray,
    law: Any,
    refine: int = 1,
    *,
    spall: float = 0.0,
    cold: float | None = None,
    coldest: float = 0.0,
) -> Fields:
    """Return the fields of a state (7 or 11, y, x), single precision.

    Each stored cell averages `refine` x `refine` computed ones: pressure and solid share over its area, temperature
    and velocities over its mass.

    Parameters
    ----------
    spall
        Tension that opens a void [Pa].
    cold
        Temperature of voids [K]; that of the solid at rest by default.
    coldest
        Least specific internal energy [J/kg].
    """
    values = np.zeros((5, *state.shape[1:]))
    density = float(eos.solid_density(law, 0.0))
    if cold is None:
        cold = float(eos.temperature(law, density, 0.0)) if density > 0.0 else 0.0
    observe(state, of_precision(law, np.float64), THIN * density, BLURRED * density, spall, cold, coldest, values)
    if refine == 1:
        return Fields(*values.astype(np.float32))
    mass = _mean(state[0].astype(np.float64), refine)
    heavy = [_mean(state[0] * values[k], refine) / mass for k in (0, 3, 4)]
    light = [_mean(values[k], refine) for k in (1, 2)]
    return Fields(*(each.astype(np.float32) for each in (heavy[0], *light, *heavy[1:])))


def _mean(values: np.ndarray, refine: int) -> np.ndarray:
    """Return means over blocks of cells (y, x)."""
    ny, nx = values.shape[0] // refine, values.shape[1] // refine
    return values.reshape(ny, refine, nx, refine).mean(axis=(1, 3))


@kernel
def observe(state, law, thin, blurred, spall, cold, coldest, values):
    """Write temperature, pressure, solid share and velocities of each cell; less than half solid, it is a cold void."""
    for j in range(state.shape[1]):
        for i in range(state.shape[2]):
            rho = np.float64(state[0, j, i])
            u, v = state[1, j, i] / rho, state[2, j, i] / rho
            e = max(state[3, j, i] / rho - 0.5 * (u * u + v * v), coldest)
            here = eos.at_burnt(law, burnt(rho, state[4, j, i], state[5, j, i], state[6, j, i]))
            moved = 1.0 if blurred == 0.0 else min(rho / blurred, 1.0)
            stretched = eos.tension(here, rho, e)
            values[1, j, i] = stretched if stretched >= -spall else 0.0
            share = eos.solid_fraction(here, rho, e)
            values[0, j, i] = eos.temperature(here, rho, e) if (rho >= thin) & (share >= 0.5) else cold
            values[2, j, i] = share
            values[3, j, i] = u * moved
            values[4, j, i] = v * moved


__all__ = ["Fields", "fields"]
