"""Values at the faces of cells, half a time step later: MUSCL-Hancock in primitive variables.

Every pass is a loop over contiguous rows that LLVM vectorises. Pressure is reconstructed beside density and energy:
where voids floor it, no other variable could tell it. With strength the pressure is the normal stress and the sound
speed the longitudinal one, and the same formulas hold.

References
----------
Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, chapter 14 (MUSCL-Hancock, here in primitive
variables); van Leer, J. Comput. Phys. 23 (1977) 276 (monotonised central limiter).
"""

import numpy as np

from tessera.physics.law import HALF, TWO, ZERO, kernel, point, row_kernel
from tessera.simulation.grid import ENERGY, MODULUS, RHO, SNN, SNT, SOUND, STT, A, P, U, V

ACROSS = np.int64(V)  # of a type, see `scheme`
THINNEST = np.float32(0.3)  # least density of a face, as a share of its cell's


@point
def limited(whole, left, right):
    """Return the central slope, no steeper than twice either side's: none at an extremum, nor unless `whole`."""
    steep = min(TWO * min(abs(left), abs(right)), HALF * abs(left + right))
    slope = steep if left > ZERO else ZERO - steep
    return slope if (left * right > ZERO) & whole else ZERO * steep


@row_kernel
def slope_row(thin, r, low, mid, high, slope):
    """Write the slope of a row of cells, none where the cell is void."""
    for i in range(slope.size):
        slope[i] = limited(r[i] > thin, mid[i] - low[i], high[i] - mid[i])


@row_kernel
def density_faces(thin, h, low, r, high, u, du, before, behind):
    """Write the density at both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        dr = limited(r[i] > thin, r[i] - low[i], high[i] - r[i])
        middle = r[i] - h * (u[i] * dr + r[i] * du[i])
        before[i] = max(middle - HALF * dr, THINNEST * r[i])
        behind[i] = max(middle + HALF * dr, THINNEST * r[i])


@row_kernel
def velocity_faces(h, r, u, du, dp, before, behind):
    """Write the velocity through both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        middle = u[i] - h * (u[i] * du[i] + dp[i] / r[i])
        before[i] = middle - HALF * du[i]
        behind[i] = middle + HALF * du[i]


@row_kernel
def pressure_faces(least, h, r, u, p, c, du, dp, before, behind):
    """Write the pressure at both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        middle = p[i] - h * (u[i] * dp[i] + r[i] * c[i] * c[i] * du[i])
        before[i] = max(middle - HALF * dp[i], least)
        behind[i] = max(middle + HALF * dp[i], least)


@row_kernel
def energy_faces(thin, h, r, u, p, low, e, high, du, before, behind):
    """Write the internal energy at both faces of each cell of a row, half a time step later."""
    for i in range(before.size):
        de = limited(r[i] > thin, e[i] - low[i], high[i] - e[i])
        middle = e[i] - h * (u[i] * de + p[i] / r[i] * du[i])
        before[i] = max(middle - HALF * de, ZERO)
        behind[i] = max(middle + HALF * de, ZERO)


@row_kernel
def carried_faces(thin, h, r, u, low, q, high, before, behind):
    """Write a quantity that the flow merely carries at both faces of each cell, half a time step later."""
    for i in range(before.size):
        dq = limited(r[i] > thin, q[i] - low[i], high[i] - q[i])
        middle = q[i] - h * u[i] * dq
        before[i] = middle - HALF * dq
        behind[i] = middle + HALF * dq


@row_kernel
def sheared_faces(h, r, u, v, dv, ds, before, behind):
    """Write the velocity along both faces of each cell, half a time step later, where shear stress acts on it."""
    for i in range(before.size):
        middle = v[i] - h * (u[i] * dv[i] - ds[i] / r[i])
        before[i] = middle - HALF * dv[i]
        behind[i] = middle + HALF * dv[i]


@row_kernel
def shear_faces(h, modulus, u, stress, dv, ds, before, behind):
    """Write the shear stress at both faces of each cell, half a time step later."""
    for i in range(before.size):
        middle = stress[i] - h * (u[i] * ds[i] - modulus[i] * dv[i])
        before[i] = middle - HALF * ds[i]
        behind[i] = middle + HALF * ds[i]


@kernel
def reconstruct(medium, h, low, mid, high, a, b, c, n, species, strong, jumps, before, behind):
    """Write the values at both faces of `n` cells, half a time step later.

    Parameters
    ----------
    low, mid, high, a, b, c
        Lines (13, ...) of the cells before, at and behind, and where each starts.
    species, strong
        How many species are carried, and whether there is strength.
    """
    thin = medium.thin
    r, u, p = mid[RHO, b : b + n], mid[U, b : b + n], mid[P, b : b + n]
    du, dp = jumps[0, :n], jumps[1, :n]
    slope_row(thin, r, low[U, a : a + n], u, high[U, c : c + n], du)
    slope_row(thin, r, low[P, a : a + n], p, high[P, c : c + n], dp)
    density_faces(thin, h, low[RHO, a : a + n], r, high[RHO, c : c + n], u, du, before[RHO, :n], behind[RHO, :n])
    velocity_faces(h, r, u, du, dp, before[U, :n], behind[U, :n])
    pressure_faces(medium.least, h, r, u, p, mid[SOUND, b : b + n], du, dp, before[P, :n], behind[P, :n])
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
    for k in range(A, A + species):
        carry(thin, h, r, u, low, mid, high, a, b, c, n, k, before, behind)
    if strong:
        for k in (SNN, STT):
            carry(thin, h, r, u, low, mid, high, a, b, c, n, k, before, behind)
        slope_row(thin, r, low[V, a : a + n], mid[V, b : b + n], high[V, c : c + n], du)
        slope_row(thin, r, low[SNT, a : a + n], mid[SNT, b : b + n], high[SNT, c : c + n], dp)
        sheared_faces(h, r, u, mid[V, b : b + n], du, dp, before[V, :n], behind[V, :n])
        shear_faces(h, mid[MODULUS, b : b + n], u, mid[SNT, b : b + n], du, dp, before[SNT, :n], behind[SNT, :n])
    else:
        carry(thin, h, r, u, low, mid, high, a, b, c, n, ACROSS, before, behind)


@kernel
def carry(thin, h, r, u, low, mid, high, a, b, c, n, k, before, behind):
    """Write row `k` of the faces, a quantity that the flow merely carries."""
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


__all__ = ["reconstruct"]
