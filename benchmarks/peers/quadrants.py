"""The problem that tessera and its peers solve: four states of an ideal gas that meet in a corner.

Configuration 3 of Lax and Liu: four shocks, which collide and roll up a jet. Open sides, a unit square.

References
----------
Lax and Liu, SIAM J. Sci. Comput. 19 (1998) 319.
"""

import numpy as np

GAMMA, END, CORNER = 1.4, 0.3, 0.5
# By position (right, top): density, velocities along x and y, pressure.
STATES = {
    (True, True): (1.5, 0.0, 0.0, 1.5),
    (False, True): (0.532258064516129, 1.206045378311055, 0.0, 0.3),
    (False, False): (0.137992831541219, 1.206045378311055, 1.206045378311055, 0.029032258064516),
    (True, False): (0.532258064516129, 0.0, 1.206045378311055, 0.3),
}


def start(cells: int) -> np.ndarray:
    """Return density, momenta along x and y and total energy (4, y, x) on a square of `cells` x `cells`."""
    centre = (np.arange(cells) + 0.5) / cells
    right, top = np.meshgrid(centre >= CORNER, centre >= CORNER)
    state = np.zeros((4, cells, cells))
    for (on_right, on_top), (rho, u, v, p) in STATES.items():
        values = rho, rho * u, rho * v, p / (GAMMA - 1.0) + 0.5 * rho * (u * u + v * v)
        state[:, (right == on_right) & (top == on_top)] = np.array(values)[:, None]
    return state
