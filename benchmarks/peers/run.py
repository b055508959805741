"""Run one peer on the quadrants, in the environment of the peers: `run.py pyclaw 200 FOLDER`.

Writes the density (y, x) at the end to density.npy, and prints processor time [s] without start-up and compilation,
and steps. Each runs as its authors recommend: PyClaw's classic solver split by direction with MC limiter at 0.9 of
the stability limit; pyro's corner-transport-upwind solver with its own limiter and HLLC at 0.8.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from quadrants import CORNER, END, GAMMA, STATES, start


def pyclaw(cells: int) -> tuple[np.ndarray, float, int]:
    """Return the density at the end, the processor time [s] and the steps of PyClaw."""
    from clawpack import pyclaw, riemann

    solver = pyclaw.ClawSolver2D(riemann.euler_4wave_2D)
    solver.dimensional_split, solver.order = True, 2
    solver.limiters = pyclaw.limiters.tvd.MC
    solver.cfl_desired, solver.cfl_max = 0.9, 1.0
    solver.dt_initial, solver.max_steps = 0.1 / cells, 100_000
    solver.all_bcs = pyclaw.BC.extrap
    solution = pyclaw.Solution(4, pyclaw.Domain([0.0, 0.0], [1.0, 1.0], [cells, cells]))
    solution.problem_data["gamma"] = GAMMA
    solution.q[...] = start(cells).transpose(0, 2, 1)
    solver.setup(solution)
    began = time.thread_time()
    solver.evolve_to_time(solution, END)
    took = time.thread_time() - began
    return solution.q[0].T, took, solver.status["numsteps"]


def pyro(cells: int) -> tuple[np.ndarray, float, int]:
    """Return the density at the end, the processor time [s] and the steps of pyro."""
    _pyro(16, 1e-2)  # compiles
    return _pyro(cells, END)


def _pyro(cells: int, end: float) -> tuple[np.ndarray, float, int]:
    from pyro import Pyro

    words = {"mesh.nx": cells, "mesh.ny": cells, "driver.tmax": end, "driver.max_steps": 100_000, "driver.cfl": 0.8}
    words |= {"eos.gamma": GAMMA, "quadrant.cx": CORNER, "quadrant.cy": CORNER}
    for number, place in enumerate(((True, True), (False, True), (False, False), (True, False)), 1):
        for name, value in zip(("rho", "u", "v", "p"), STATES[place], strict=True):
            words[f"quadrant.{name}{number}"] = value
    what = Pyro("compressible")
    what.initialize_problem("quad", inputs_dict=words)
    began = time.thread_time()
    what.run_sim()
    took = time.thread_time() - began
    return np.array(what.get_var("density").v()).T, took, what.get_sim().n


def main(name: str, cells: int, folder: Path) -> None:
    """Run a peer inside a folder, for it may write beside itself."""
    os.chdir(folder)
    density, seconds, steps = {"pyclaw": pyclaw, "pyro": pyro}[name](cells)
    np.save("density.npy", density)
    sys.stdout.write(json.dumps({"seconds": seconds, "steps": int(steps)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
