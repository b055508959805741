"""Heat conduction between dense cells, explicit and conservative."""

from tessera.physics.eos import at_burnt, temperature
from tessera.physics.law import ZERO, kernel, point, row_kernel
from tessera.physics.reaction import burnt
from tessera.simulation.grid import ENERGY, PERIODIC, RHO
from tessera.simulation.primitives import primitives


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
        Temperatures (y, x) to write to [K]; 0 where matter is too thin to conduct.
    """
    rows = state.shape[1]
    for j in range(rows):
        primitives(law, medium, state, j, columns, 1, 2, 0, False, line, 0)
        for i in range(columns):
            rho, e = line[RHO, i], line[ENERGY, i]
            here = at_burnt(law, burnt(rho, state[4, j, i], state[5, j, i], state[6, j, i]))
            heat[j, i] = temperature(here, rho, e) if rho > medium.solid else ZERO * rho
    for j in range(rows):
        below, above = j - 1, j + 1
        if kinds[2] == PERIODIC:
            below, above = below % rows, above % rows
        spread_row(
            share,
            heat[max(below, 0), :columns],
            heat[j, :columns],
            heat[min(above, rows - 1), :columns],
            kinds[0] == PERIODIC,
            state[3, j, :columns],
        )


@row_kernel
def spread_row(share, below, here, above, ring, energy):
    """Add to the energy of a row of cells what flows in from their neighbours; sums are ordered to keep mirrors."""
    last = here.size - 1
    for i in range(here.size):
        before = here[i - 1] if i > 0 else (here[last] if ring else here[i])
        behind = here[i + 1] if i < last else (here[0] if ring else here[i])
        across = step(here[i], below[i]) + step(here[i], above[i])
        energy[i] += share * ((step(here[i], before) + step(here[i], behind)) + across)


@point
def step(here, there):
    """Return the difference of two temperatures [K], none where one of the cells is too thin."""
    return there - here if min(here, there) > ZERO else ZERO * here


__all__ = ["conduct"]
