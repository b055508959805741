"""One time step of the flow: MUSCL-Hancock, split by direction, one Riemann problem per face and direction.

Both directions share the kernels: a line of cells along x is a shifted copy of itself, a line along y is
three rows of the box, and every pass is a loop over contiguous rows that LLVM vectorises. Pressure is
reconstructed beside density and energy: where voids floor it, no other variable could tell it.

References
----------
Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, chapter 14 (MUSCL-Hancock, here in primitive
variables); van Leer, J. Comput. Phys. 14 (1974) 361 (limiter).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tessera.physics.eos import at_burnt, pressure, sound_speed
from tessera.physics.law import HALF, ONE, TWO, ZERO, kernel
from tessera.physics.reaction import burnt
from tessera.simulation.grid import ENERGY, GHOSTS, RHO, SOUND, WALL, WIDTH, A, P, U, V, fill_ends
from tessera.simulation.riemann import hllc_row, upwind_row, viscous_row

STILL = np.float32(1e-7)  # velocities below are rest [m/s]: denormal numbers are slow
COLD = np.float32(1e-6)  # internal energies below are none [J/kg]
PURE = np.float32(1e-9)  # shares below are none [1]
THINNEST = np.float32(0.3)  # least density of a face, as a share of its cell's
EQUATIONS, MASS, NORMAL, ACROSS, TOTAL, FIRST_SPECIES = 7, 0, 1, 2, 3, 4


class Medium(NamedTuple):
    """Densities [kg/m3] that tell solid from void.

    Attributes
    ----------
    floor
        Least divisor.
    thin
        Below, cells are void and the reconstruction is constant.
    solid
        Above, cells transmit viscous stress.
    """

    floor: float
    thin: float
    solid: float


class Work(NamedTuple):
    """Rows that the sweeps write to, allocated once; `n` cells along x.

    Attributes
    ----------
    ring, before, behind
        Primitive values (3, 9, n + 4) of three lines, and of the faces (2, 9, n + 4) of two.
    jumps
        Slopes (2, n + 4) of velocity and pressure.
    flux
        Fluxes (2, 7, n + 4) through two rows of faces.
    """

    ring: np.ndarray
    before: np.ndarray
    behind: np.ndarray
    jumps: np.ndarray
    flux: np.ndarray


def workspace(columns: int, dtype: npt.DTypeLike) -> Work:
    """Return the rows that sweeps over `columns` cells along x need."""
    n = columns + 2 * GHOSTS
    return Work(*(np.zeros(shape, dtype) for shape in ((3, 9, n), (2, 9, n), (2, 9, n), (2, n), (2, 7, n))))


@kernel
def primitive_row(law, floor, rho, normal, across, total, reacting, r, u, v, e, p, c):
    """Write density, velocities, internal energy, pressure and sound speed of a row of cells."""
    for i in range(r.size):
        inverse = ONE / max(rho[i], floor)
        un, ut = normal[i] * inverse, across[i] * inverse
        un = un if abs(un) > STILL else ZERO * floor
        ut = ut if abs(ut) > STILL else ZERO * floor
        inner = total[i] * inverse - HALF * (un * un + ut * ut)
        r[i], u[i], v[i] = max(rho[i], floor), un, ut
        e[i] = inner if inner > COLD else ZERO * floor
    for i in range(r.size):
        here = at_burnt(law, burnt(r[i], reacting[0, i], reacting[1, i], reacting[2, i]))
        p[i] = pressure(here, r[i], e[i])
        c[i] = sound_speed(here, r[i], e[i])


@kernel
def share_row(r, amount, share):
    """Write the shares of a species in a row of cells."""
    for i in range(share.size):
        part = amount[i] / r[i]
        share[i] = min(part, ONE) if part > PURE else ZERO * part


@kernel
def primitives(law, floor, state, j, cells, normal, across, species, line, start):
    """Write the primitive values of the first cells of row `j` to a line, from `start` on."""
    end = start + cells
    primitive_row(
        law,
        floor,
        state[0, j, :cells],
        state[normal, j, :cells],
        state[across, j, :cells],
        state[3, j, :cells],
        state[4:7, j, :cells],
        line[RHO, start:end],
        line[U, start:end],
        line[V, start:end],
        line[ENERGY, start:end],
        line[P, start:end],
        line[SOUND, start:end],
    )
    for k in range(species):
        share_row(line[RHO, start:end], state[4 + k, j, :cells], line[A + k, start:end])


@kernel
def slope_row(thin, r, low, mid, high, slope):
    """Write van Leer's slope of a row of cells, none where the cell is void."""
    for i in range(slope.size):
        left, right = mid[i] - low[i], high[i] - mid[i]
        product = left * right
        rising = (product > ZERO) & (r[i] > thin)
        slope[i] = TWO * product / (left + right) if rising else ZERO * thin


@kernel
def density_faces(thin, h, low, r, high, u, du, before, behind):
    """Write the density at both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        left, right = r[i] - low[i], high[i] - r[i]
        product = left * right
        dr = TWO * product / (left + right) if (product > ZERO) & (r[i] > thin) else ZERO * thin
        middle = r[i] - h * (u[i] * dr + r[i] * du[i])
        before[i] = max(middle - HALF * dr, THINNEST * r[i])
        behind[i] = max(middle + HALF * dr, THINNEST * r[i])


@kernel
def velocity_faces(h, r, u, du, dp, before, behind):
    """Write the velocity through both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        middle = u[i] - h * (u[i] * du[i] + dp[i] / r[i])
        before[i] = middle - HALF * du[i]
        behind[i] = middle + HALF * du[i]


@kernel
def pressure_faces(h, r, u, p, c, du, dp, before, behind):
    """Write the pressure at both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        middle = p[i] - h * (u[i] * dp[i] + r[i] * c[i] * c[i] * du[i])
        before[i] = max(middle - HALF * dp[i], ZERO)
        behind[i] = max(middle + HALF * dp[i], ZERO)


@kernel
def energy_faces(thin, h, r, u, p, low, e, high, du, before, behind):
    """Write the internal energy at both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        left, right = e[i] - low[i], high[i] - e[i]
        product = left * right
        de = TWO * product / (left + right) if (product > ZERO) & (r[i] > thin) else ZERO * thin
        middle = e[i] - h * (u[i] * de + p[i] / r[i] * du[i])
        before[i] = max(middle - HALF * de, ZERO)
        behind[i] = max(middle + HALF * de, ZERO)


@kernel
def carried_faces(thin, h, r, u, low, q, high, before, behind):
    """Write a quantity that the flow merely carries at both faces of each cell, half a time step later."""
    for i in range(before.size):
        left, right = q[i] - low[i], high[i] - q[i]
        product = left * right
        dq = TWO * product / (left + right) if (product > ZERO) & (r[i] > thin) else ZERO * thin
        middle = q[i] - h * u[i] * dq
        before[i] = middle - HALF * dq
        behind[i] = middle + HALF * dq


@kernel
def reconstruct(thin, h, low, mid, high, a, b, c, n, species, jumps, before, behind):
    """Write the values at both faces of `n` cells, half a time step later.

    Parameters
    ----------
    low, mid, high, a, b, c
        Lines (9, ...) of the cells before, at and behind, and where each starts.
    """
    r, u, p = mid[RHO, b : b + n], mid[U, b : b + n], mid[P, b : b + n]
    du, dp = jumps[0, :n], jumps[1, :n]
    slope_row(thin, r, low[U, a : a + n], u, high[U, c : c + n], du)
    slope_row(thin, r, low[P, a : a + n], p, high[P, c : c + n], dp)
    density_faces(thin, h, low[RHO, a : a + n], r, high[RHO, c : c + n], u, du, before[RHO, :n], behind[RHO, :n])
    velocity_faces(h, r, u, du, dp, before[U, :n], behind[U, :n])
    pressure_faces(h, r, u, p, mid[SOUND, b : b + n], du, dp, before[P, :n], behind[P, :n])
    e = mid[ENERGY, b : b + n]
    energy_faces(
        thin,
        h,
        r,
        u,
        p,
        low[ENERGY, a : a + n],
        e,
        high[ENERGY, c : c + n],
        du,
        before[ENERGY, :n],
        behind[ENERGY, :n],
    )
    carried_faces(
        thin,
        h,
        r,
        u,
        low[V, a : a + n],
        mid[V, b : b + n],
        high[V, c : c + n],
        before[V, :n],
        behind[V, :n],
    )
    for k in range(A, A + species):
        carried_faces(
            thin,
            h,
            r,
            u,
            low[k, a : a + n],
            mid[k, b : b + n],
            high[k, c : c + n],
            before[k, :n],
            behind[k, :n],
        )


@kernel
def fluxes(medium, thick, shear, left, i, cells_left, a, right, k, cells_right, b, n, species, flux):
    """Write the fluxes through `n` faces, from the faces and the cells on either side and where each starts."""
    hllc_row(
        left[RHO, i : i + n],
        left[U, i : i + n],
        left[V, i : i + n],
        left[ENERGY, i : i + n],
        left[P, i : i + n],
        cells_left[SOUND, a : a + n],
        right[RHO, k : k + n],
        right[U, k : k + n],
        right[V, k : k + n],
        right[ENERGY, k : k + n],
        right[P, k : k + n],
        cells_right[SOUND, b : b + n],
        flux[MASS, :n],
        flux[NORMAL, :n],
        flux[ACROSS, :n],
        flux[TOTAL, :n],
    )
    for s in range(species):
        upwind_row(flux[MASS, :n], left[A + s, i : i + n], right[A + s, k : k + n], flux[FIRST_SPECIES + s, :n])
    if thick > ZERO:
        viscous_row(
            medium.solid,
            thick,
            shear,
            cells_left[RHO, a : a + n],
            cells_left[U, a : a + n],
            cells_left[V, a : a + n],
            cells_right[RHO, b : b + n],
            cells_right[U, b : b + n],
            cells_right[V, b : b + n],
            flux[NORMAL, :n],
            flux[ACROSS, :n],
            flux[TOTAL, :n],
        )


@kernel
def add_row(values, ratio, before, behind):
    """Add to a row of cells what flows in, less what flows out."""
    for i in range(values.size):
        values[i] -= ratio * (behind[i] - before[i])


@kernel
def sweep_x(state, law, medium, ratio, thick, shear, columns, species, left, right, inlet, work):
    """Advance the first `columns` columns by one step of `ratio` = time step / cell size along x."""
    cells, n = min(columns + GHOSTS, state.shape[2]), columns + 1
    line, before, behind, flux = work.ring[0], work.before[0], work.behind[0], work.flux[0]
    for j in range(state.shape[1]):
        primitives(law, medium.floor, state, j, cells, 1, 2, species, line, GHOSTS)
        fill_ends(line, cells, left, right, inlet)
        reconstruct(
            medium.thin,
            HALF * ratio,
            line,
            line,
            line,
            0,
            1,
            2,
            columns + 2,
            species,
            work.jumps,
            before,
            behind,
        )
        fluxes(medium, thick, shear, behind, 0, line, 1, before, 1, line, 2, n, species, flux)
        for k in range(FIRST_SPECIES + species):
            add_row(state[k, j, :columns], ratio, flux[k, :columns], flux[k, 1:n])


@kernel
def row_beyond(law, medium, state, j, columns, species, side, line):
    """Write the primitive values of row `j` to a line; beyond the box, of the row behind its wall."""
    rows = state.shape[1]
    inside = j
    if j < 0:
        inside = -1 - j if side == WALL else 0
    elif j >= rows:
        inside = 2 * rows - 1 - j if side == WALL else rows - 1
    primitives(law, medium.floor, state, inside, columns, 2, 1, species, line, 0)
    if inside != j and side == WALL:
        for i in range(columns):
            line[U, i] = ZERO - line[U, i]


@kernel
def sweep_y(state, law, medium, ratio, thick, shear, columns, species, side, work, saved):
    """Advance the first `columns` columns by one step of `ratio` = time step / cell size along y.

    The box is read row by row and written two rows behind; `saved` (2, 9, ...) keeps the rows
    beyond the last, which mirror rows that are written before they are needed.
    """
    rows, n = state.shape[1], columns
    ring, before, behind, flux = work.ring, work.before, work.behind, work.flux
    row_beyond(law, medium, state, rows, columns, species, side, saved[0])
    row_beyond(law, medium, state, rows + 1, columns, species, side, saved[1])
    for ahead in range(-2, rows + 2):
        line = ring[(ahead + 3) % 3]
        if ahead < rows:
            row_beyond(law, medium, state, ahead, columns, species, side, line)
        else:
            for k in range(WIDTH):
                line[k, :n] = saved[ahead - rows, k, :n]
        j = ahead - 1
        if j < -1:
            continue
        now, past = (j + 2) % 2, (j + 1) % 2
        low, mid = ring[(ahead + 1) % 3], ring[(ahead + 2) % 3]
        reconstruct(
            medium.thin,
            HALF * ratio,
            low,
            mid,
            line,
            0,
            0,
            0,
            n,
            species,
            work.jumps,
            before[now],
            behind[now],
        )
        if j < 0:
            continue
        fluxes(medium, thick, shear, behind[past], 0, low, 0, before[now], 0, mid, 0, n, species, flux[now])
        if j < 1:
            continue
        add_row(state[0, j - 1, :n], ratio, flux[past, MASS, :n], flux[now, MASS, :n])
        add_row(state[2, j - 1, :n], ratio, flux[past, NORMAL, :n], flux[now, NORMAL, :n])
        add_row(state[1, j - 1, :n], ratio, flux[past, ACROSS, :n], flux[now, ACROSS, :n])
        for k in range(TOTAL, FIRST_SPECIES + species):
            add_row(state[k, j - 1, :n], ratio, flux[past, k, :n], flux[now, k, :n])


@kernel
def flow(state, law, medium, ratio, thick, shear, columns, species, sides, inlet, along, work, saved):
    """Advance the first `columns` columns by a time step, along x first if `along`.

    Parameters
    ----------
    sides
        What lies on the left, on the right, and below and above: values of `grid.Side`.
    """
    if along:
        sweep_x(state, law, medium, ratio, thick, shear, columns, species, sides[0], sides[1], inlet, work)
    sweep_y(state, law, medium, ratio, thick, shear, columns, species, sides[2], work, saved)
    if not along:
        sweep_x(state, law, medium, ratio, thick, shear, columns, species, sides[0], sides[1], inlet, work)
    if species == 0:
        state[4, :, :columns] = state[0, :, :columns]


__all__ = ["Medium", "Work", "flow", "primitives", "workspace"]
