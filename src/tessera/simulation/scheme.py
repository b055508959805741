"""One time step of the flow: MUSCL-Hancock, split by direction, one Riemann problem per face and direction.

Both directions share the kernels: a line of cells along x is a shifted copy of itself, a line along y is
three rows of the box, and every pass is a loop over contiguous rows that LLVM vectorises. What passes the sides
of the box is summed, so that every total can be accounted for.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tessera.physics.law import HALF, THREE, TWO, ZERO, kernel, row_kernel
from tessera.simulation.faces import reconstruct
from tessera.simulation.grid import (
    ENERGY,
    GHOSTS,
    IMPEDANCE,
    MODULUS,
    PERIODIC,
    RHO,
    SNN,
    SNT,
    SOUND,
    STT,
    WALL,
    WIDTH,
    A,
    Conserved,
    P,
    U,
    V,
    fill_ends,
)
from tessera.simulation.primitives import primitives
from tessera.simulation.riemann import hllc_row, shear_row, upwind_row, viscous_row

TINY = np.float32(1e-3)  # added to impedances, so that two fluids share no stress [kg/m2/s]
MASS, NORMAL, ACROSS, TOTAL, FIRST_SPECIES, FIRST_STRESS, THROUGH, ALONG, ROWS = 0, 1, 2, 3, 4, 7, 10, 11, 12
LEFT, RIGHT, BELOW, ABOVE = 0, 1, 2, 3
# Of a type, for numba would compile each kernel anew for each literal number that it is called with.
MX, MY = np.int64(Conserved.MX), np.int64(Conserved.MY)
START, NEXT, AFTER = (np.int64(cells) for cells in (0, 1, GHOSTS))  # where a line begins


class Work(NamedTuple):
    """Rows that the sweeps write to, allocated once; `n` cells along x.

    Attributes
    ----------
    ring, before, behind
        Primitive values (3, 14, n + 4) of three lines, and of the faces (2, 14, n + 4) of two.
    jumps
        Slopes (2, n + 4) of velocity and pressure.
    flux
        Fluxes and velocities (2, 12, n + 4) through two rows of faces.
    saved
        Primitive values (2, 14, n + 4) of the two rows beyond the last.
    """

    ring: np.ndarray
    before: np.ndarray
    behind: np.ndarray
    jumps: np.ndarray
    flux: np.ndarray
    saved: np.ndarray


def workspace(columns: int, dtype: npt.DTypeLike) -> Work:
    """Return the rows that sweeps over `columns` cells along x need."""
    n = columns + 2 * GHOSTS
    shapes = ((3, WIDTH, n), (2, WIDTH, n), (2, WIDTH, n), (2, n), (2, ROWS, n), (2, WIDTH, n))
    return Work(*(np.zeros(shape, dtype) for shape in shapes))


@kernel
def fluxes(medium, thick, shear, left, i, cells_left, a, right, k, cells_right, b, n, species, strong, flux):
    """Write the fluxes through `n` faces, from the faces and the cells on either side and where each starts."""
    hllc_row(
        medium.least,
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
        flux[THROUGH, :n],
    )
    for s in range(species):
        upwind_row(flux[MASS, :n], left[A + s, i : i + n], right[A + s, k : k + n], flux[FIRST_SPECIES + s, :n])
    if strong:
        for s in range(3):
            upwind_row(flux[MASS, :n], left[SNN + s, i : i + n], right[SNN + s, k : k + n], flux[FIRST_STRESS + s, :n])
        shear_row(
            TINY,
            cells_left[IMPEDANCE, a : a + n],
            left[V, i : i + n],
            left[SNT, i : i + n],
            cells_right[IMPEDANCE, b : b + n],
            right[V, k : k + n],
            right[SNT, k : k + n],
            flux[ACROSS, :n],
            flux[TOTAL, :n],
            flux[ALONG, :n],
        )
    if thick > ZERO:
        viscous_row(
            medium.viscous,
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


@row_kernel
def add_row(values, ratio, before, behind):
    """Add to a row of cells what flows in, less what flows out."""
    for i in range(values.size):
        values[i] -= ratio * (behind[i] - before[i])


@row_kernel
def strain_row(ratio, r, modulus, normal, across, shear, u0, u1, v0, v1, carried_normal, carried_across, carried_shear):
    """Add to the stress of a row of cells what strain and rotation in one direction change.

    Parameters
    ----------
    normal, across, shear
        Stress before [Pa].
    u0, u1, v0, v1
        Velocity through and along the faces before and behind each cell.
    carried_normal, carried_across, carried_shear
        Density x stress, changed.
    """
    for i in range(r.size):
        pull, turn = ratio * (u1[i] - u0[i]), ratio * (v1[i] - v0[i])
        stretch = TWO / THREE * modulus[i] * pull
        carried_normal[i] += r[i] * (TWO * stretch - turn * shear[i])
        carried_across[i] += r[i] * (turn * shear[i] - stretch)
        carried_shear[i] += r[i] * turn * (modulus[i] + HALF * (normal[i] - across[i]))


@kernel
def strained(state, j, n, ratio, normal, across, line, start, before, behind):
    """Add to the stress of row `j` what its faces strain, whose rows of fluxes are given from the first cell on."""
    end = start + n
    strain_row(
        ratio,
        line[RHO, start:end],
        line[MODULUS, start:end],
        line[SNN, start:end],
        line[STT, start:end],
        line[SNT, start:end],
        before[0],
        behind[0],
        before[1],
        behind[1],
        state[6 + normal, j, :n],
        state[6 + across, j, :n],
        state[9, j, :n],
    )


@kernel
def copy_line(values, to):
    """Copy a row of values."""
    for i in range(to.size):
        to[i] = values[i]


@kernel
def passed(flux, i, ratio, normal, across, total):
    """Add to a side's total (4,) what passes face `i`, in time step / cell size."""
    total[0] += np.float64(ratio) * np.float64(flux[MASS, i])
    total[normal] += np.float64(ratio) * np.float64(flux[NORMAL, i])
    total[across] += np.float64(ratio) * np.float64(flux[ACROSS, i])
    total[3] += np.float64(ratio) * np.float64(flux[TOTAL, i])


@kernel
def sweep_x(state, law, medium, ratio, thick, shear, columns, species, strong, left, right, inlet, work, sides):
    """Advance the first `columns` columns by one step of `ratio` = time step / cell size along x."""
    rows, width = state.shape[1], state.shape[2]
    cells = min(columns + GHOSTS, width)
    line, before, behind, flux = work.ring[0], work.before[0], work.behind[0], work.flux[0]
    n = columns + 1
    for j in range(rows):
        primitives(law, medium, state, j, cells, MX, MY, species, strong, line, AFTER)
        fill_ends(line, cells, left, right, inlet)
        reconstruct(
            medium,
            HALF * ratio,
            line,
            line,
            line,
            START,
            NEXT,
            AFTER,
            columns + 2,
            species,
            strong,
            work.jumps,
            before,
            behind,
        )
        fluxes(medium, thick, shear, behind, START, line, NEXT, before, NEXT, line, AFTER, n, species, strong, flux)
        for k in range(FIRST_SPECIES + species):
            add_row(state[k, j, :columns], ratio, flux[k, :columns], flux[k, 1:n])
        if strong:
            for k in range(FIRST_STRESS, FIRST_STRESS + 3):
                add_row(state[k, j, :columns], ratio, flux[k, :columns], flux[k, 1:n])
            strained(state, j, columns, ratio, MX, MY, line, AFTER, flux[THROUGH:, :columns], flux[THROUGH:, 1:n])
        passed(flux, 0, ratio, 1, 2, sides[LEFT])
        passed(flux, columns, ratio, 1, 2, sides[RIGHT])


@kernel
def row_beyond(law, medium, state, j, columns, species, strong, side, line):
    """Write the primitive values of row `j` to a line; beyond the box, of the row that its side puts there."""
    rows = state.shape[1]
    inside = min(max(j, 0), rows - 1)
    if inside != j and side == WALL:
        inside = -1 - j if j < 0 else 2 * rows - 1 - j
    elif inside != j and side == PERIODIC:
        inside = j + rows if j < 0 else j - rows
    primitives(law, medium, state, inside, columns, MY, MX, species, strong, line, START)
    if inside != j and side == WALL:
        for i in range(columns):
            line[U, i] = ZERO - line[U, i]
            line[SNT, i] = ZERO - line[SNT, i]


@kernel
def sweep_y(state, law, medium, ratio, thick, shear, columns, species, strong, side, work, sides):
    """Advance the first `columns` columns by one step of `ratio` = time step / cell size along y.

    The box is read row by row and written two rows behind; rows beyond the last are kept from the start, for they
    mirror rows that are written before they are needed.
    """
    rows, n = state.shape[1], columns
    ring, before, behind, flux, saved = work.ring, work.before, work.behind, work.flux, work.saved
    row_beyond(law, medium, state, rows, columns, species, strong, side, saved[0])
    row_beyond(law, medium, state, rows + 1, columns, species, strong, side, saved[1])
    for ahead in range(-2, rows + 2):
        line = ring[(ahead + 3) % 3]
        if ahead < rows:
            row_beyond(law, medium, state, ahead, columns, species, strong, side, line)
        else:
            for k in range(WIDTH):
                copy_line(saved[ahead - rows, k, :n], line[k, :n])
        j = ahead - 1
        if j < -1:
            continue
        now, past = (j + 2) % 2, (j + 1) % 2
        low, mid = ring[(ahead + 1) % 3], ring[(ahead + 2) % 3]
        reconstruct(
            medium,
            HALF * ratio,
            low,
            mid,
            line,
            START,
            START,
            START,
            n,
            species,
            strong,
            work.jumps,
            before[now],
            behind[now],
        )
        if j < 0:
            continue
        under, over = behind[past], before[now]
        fluxes(medium, thick, shear, under, START, low, START, over, START, mid, START, n, species, strong, flux[now])
        if j == 0 or j == rows:
            for i in range(n):
                passed(flux[now], i, ratio, 2, 1, sides[BELOW if j == 0 else ABOVE])
        if j < 1:
            continue
        add_row(state[0, j - 1, :n], ratio, flux[past, MASS, :n], flux[now, MASS, :n])
        add_row(state[2, j - 1, :n], ratio, flux[past, NORMAL, :n], flux[now, NORMAL, :n])
        add_row(state[1, j - 1, :n], ratio, flux[past, ACROSS, :n], flux[now, ACROSS, :n])
        for k in range(TOTAL, FIRST_SPECIES + species):
            add_row(state[k, j - 1, :n], ratio, flux[past, k, :n], flux[now, k, :n])
        if strong:
            add_row(state[8, j - 1, :n], ratio, flux[past, 7, :n], flux[now, 7, :n])
            add_row(state[7, j - 1, :n], ratio, flux[past, 8, :n], flux[now, 8, :n])
            add_row(state[9, j - 1, :n], ratio, flux[past, 9, :n], flux[now, 9, :n])
            strained(state, j - 1, n, ratio, MY, MX, low, START, flux[past, THROUGH:, :n], flux[now, THROUGH:, :n])


@kernel
def flow(state, law, medium, ratio, thick, shear, columns, species, strong, kinds, inlet, along, work, sides):
    """Advance the first `columns` columns by a time step, along x first if `along`.

    Parameters
    ----------
    kinds
        What lies on the left, on the right, and below and above: values of `grid.Side`.
    sides
        What has passed the sides, (4, 4): from the left to the right at left and right, upwards below and above; mass,
        momenta and energy, per volume of a cell. Added to.
    """
    if along:
        sweep_x(
            state, law, medium, ratio, thick, shear, columns, species, strong, kinds[0], kinds[1], inlet, work, sides
        )
    sweep_y(state, law, medium, ratio, thick, shear, columns, species, strong, kinds[2], work, sides)
    if not along:
        sweep_x(
            state, law, medium, ratio, thick, shear, columns, species, strong, kinds[0], kinds[1], inlet, work, sides
        )
    if species == 0:
        for j in range(state.shape[1]):
            copy_line(state[0, j, :columns], state[4, j, :columns])


__all__ = ["Work", "flow", "workspace"]
