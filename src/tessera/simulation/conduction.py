"""Heat conduction between dense cells, explicit and conservative."""

from tessera.physics.eos import at_burnt, near_temperature
from tessera.physics.law import ZERO, kernel, point, row_kernel
from tessera.physics.reaction import burnt
from tessera.simulation.grid import ENERGY, PERIODIC, RHO, U, V
from tessera.simulation.primitives import motion_row


@kernel
def conduct(state, law, medium, share, columns, kinds, line, heat):
    """Let heat flow for a time step; sides of the box that are not periodic insulate.

    Parameters
    ----------
    share
        Conductivity x time step / cell size squared [J/m3/K].
    kinds
        What lies on the left, on the right, and below and above.
    line
        Row (14, x) to write to.
    heat
        Temperatures (y, x + 2) to write to [K], a column more at either end; 0 where matter is too thin to conduct.
    """
    rows = state.shape[1]
    for j in range(rows):
        rho, e = line[RHO, :columns], line[ENERGY, :columns]
        motion_row(
            medium,
            state[0, j, :columns],
            state[1, j, :columns],
            state[2, j, :columns],
            state[3, j, :columns],
            rho,
            line[U, :columns],
            line[V, :columns],
            e,
        )
        inside = heat[j, 1 : columns + 1]
        heat_row(law, medium.solid, state[4:7, j, :columns], rho, e, inside)
        ring = kinds[0] == PERIODIC
        heat[j, 0] = inside[columns - 1] if ring else inside[0]
        heat[j, columns + 1] = inside[0] if ring else inside[columns - 1]
    for j in range(rows):
        below, above = j - 1, j + 1
        if kinds[2] == PERIODIC:
            below, above = below % rows, above % rows
        spread_row(
            share,
            heat[max(below, 0), 1 : columns + 1],
            heat[j, : columns + 2],
            heat[min(above, rows - 1), 1 : columns + 1],
            state[3, j, :columns],
        )


@row_kernel
def heat_row(law, solid, reacting, rho, e, heat):
    """Write the temperature of a row of cells, none where matter is thinner than `solid`."""
    for i in range(heat.size):
        here = at_burnt(law, burnt(rho[i], reacting[0, i], reacting[1, i], reacting[2, i]))
        T = near_temperature(here, rho[i], e[i])
        heat[i] = T if rho[i] > solid else ZERO * T


@row_kernel
def spread_row(share, below, here, above, energy):
    """Add to the energy of a row of cells what flows in from their neighbours; sums are ordered to keep mirrors.

    `here` has a cell more at either end.
    """
    for i in range(energy.size):
        along = step(here[i + 1], here[i]) + step(here[i + 1], here[i + 2])
        across = step(here[i + 1], below[i]) + step(here[i + 1], above[i])
        energy[i] += share * (along + across)


@point
def step(here, there):
    """Return the difference of two temperatures [K], none where one of the cells is too thin."""
    return there - here if min(here, there) > ZERO else ZERO * here


__all__ = ["conduct"]
