"""The hot kernels are vectors: a loop that LLVM leaves scalar costs three to six times as much, and says nothing.

Each row kernel is compiled anew for the arguments that a small flow gives it; between them the flow runs as plain
Python. A loop is a block of the machine code that jumps to itself, and counts if it computes with packed numbers, and
reads them in rows: to gather them one by one takes several times as long.
"""

import ast
import inspect
import platform
import re
import textwrap

import numba
import numpy as np
import pytest
from llvmlite import binding
from numba.core.dispatcher import Dispatcher

from tessera.physics import eos
from tessera.physics.strength import Strength
from tessera.simulation import chemistry, conduction, faces, flow, grid, primitives, riemann, run, scheme
from tests.physics.materials import BIRCH, LINEAR
from tests.simulation.flows import HMX, INERT, OPEN, TARVER, WALL

MODULES = (chemistry, conduction, faces, flow, grid, primitives, riemann, scheme)
ARITHMETIC = r"\bv(?:add|sub|mul|div|sqrt|fn?m(?:add|sub)\d+)"
PACKED, SCALAR = re.compile(ARITHMETIC + r"p[sd]\b.*%[yz]mm"), re.compile(ARITHMETIC + r"s[sd]\b|\bvp?gather")
LABEL, JUMP = re.compile(r"^(\.?L?\w+):"), re.compile(r"\bj\w+\s+(\.?L?\w+)")
LAWS = {"ideal-gas": eos.LAWS["ideal-gas"](1.4), "birch-murnaghan": BIRCH, "linear-hugoniot": LINEAR}

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not binding.get_host_cpu_features().get("avx2"),
    reason="counts the vector instructions of x86 with AVX2",
)


class Watched:
    """A row kernel that compiles itself, and keeps what came of it."""

    def __init__(self, kernel):
        self.kernel = type(kernel)(kernel.py_func, targetoptions=kernel.targetoptions)

    def __call__(self, *arguments):
        return self.kernel(*arguments)

    def scalar_loops(self):
        """Return the signatures of which fewer loops are vectors than are written.

        A vector loop has a scalar twin for its last few cells, at times unrolled, and may have a shorter vector one.
        """
        written = loops(self.kernel.py_func)
        return [str(one) for one, asm in self.kernel.inspect_asm().items() if vector_loops(asm) < written]


def loops(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return sum(isinstance(node, ast.For) for node in ast.walk(tree))


def vector_loops(asm):
    """Return how many blocks compute with packed numbers of 256 bits or more alone, and jump to themselves.

    A block that gathers is none.
    """
    label, packed, scalar, found = None, False, False, 0
    for line in asm.splitlines():
        begun, jump = LABEL.match(line), JUMP.search(line)
        if begun:
            label, packed, scalar = begun[1], False, False
        elif PACKED.search(line):
            packed = True
        elif SCALAR.search(line):
            scalar = True
        elif jump and jump[1] == label and packed and not scalar:
            found += 1
    return found


def watched(monkeypatch, *, of_law):
    """Let row kernels be watched, only those of a law if asked, and all else be plain Python; return them by name."""
    rows, known = {}, {}
    for module in MODULES:
        for name, value in [*vars(module).items()]:
            if not isinstance(value, Dispatcher):
                continue
            row = name.endswith(("_row", "_faces"))
            if row and of_law and "law" not in inspect.signature(value.py_func).parameters:
                continue
            kernel = known.setdefault(value, Watched(value) if row else value.py_func)
            monkeypatch.setattr(module, name, kernel)
            if row:
                rows[name] = kernel
    return rows


def stepped(monkeypatch, law, kinetics, precision, *, of_law, **more):
    """Return the signatures that are not vectors, by row kernel, after a step of matter of 100 kJ/kg."""
    rows = watched(monkeypatch, of_law=of_law)
    state = grid.at_rest(np.ones((3, 8)), law, precision, strong="strength" in more)
    state[0] = state[4] = max(float(eos.solid_density(law, 0.0)), 1.0)
    state[3] = 1e5 * state[0]
    viscosity = 0.0 if of_law else 0.05
    sides = (OPEN, OPEN, WALL)
    what = run.Flow(state, law, kinetics, viscosity=viscosity, cell_size=1e-7, cfl=0.7, sides=sides, **more)
    what._species = 3
    what.advance(1e-12)
    called = {name: row.scalar_loops() for name, row in rows.items() if row.kernel.signatures}
    return called.keys(), {name: lost for name, lost in called.items() if lost}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_loop_over_a_row_is_a_vector(monkeypatch, precision):
    called, lost = stepped(monkeypatch, HMX, TARVER, precision, of_law=False)
    hot = {
        "hllc_row",
        "motion_row",
        "pressure_row",
        "slope_row",
        "density_faces",
        "energy_faces",
        "carried_faces",
        "add_row",
    }
    assert called >= hot | {"upwind_row", "viscous_row", "share_row", "survey_row"}
    assert lost == {}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_loop_over_a_row_is_a_vector_with_strength_and_tension(monkeypatch, precision):
    more = {"strength": Strength(), "spall": 1e8, "conductivity": 1.0}
    called, lost = stepped(monkeypatch, LINEAR, TARVER, precision, of_law=False, **more)
    hot = {"tension_row", "stress_row", "strain_row", "shear_row", "shear_faces", "yield_row"}
    assert called >= hot | {"heat_row", "spread_row"}
    assert lost == {}


@pytest.mark.parametrize("law", LAWS.values(), ids=[*LAWS])
def test_every_law_in_use_is_a_vector(monkeypatch, law):
    called, lost = stepped(monkeypatch, law, INERT, "float32", of_law=True, conductivity=1e-3)
    assert called >= {"pressure_row", "survey_row", "heat_row"}
    assert lost == {}


def test_the_count_tells_scalar_and_gathering_loops_from_a_vector():
    @numba.njit(error_model="numpy")
    def vector(a, b):
        for i in range(a.size):
            a[i] = a[i] * b[i]

    @numba.njit(error_model="numpy")
    def scalar(a, b):
        for i in range(1, a.size):
            a[i] = a[i - 1] * b[i]

    @numba.njit(error_model="numpy")
    def gather(a, b, c, d):
        for i in range(a.size):
            a[i] = d[i] * (b[i] if d[i] > 0.0 else c[i])

    row = np.ones(8)
    for kernel, expected in ((vector, True), (scalar, False), (gather, False)):
        kernel(*[row] * kernel.py_func.__code__.co_argcount)
        assert [vector_loops(asm) >= 1 for asm in kernel.inspect_asm().values()] == [expected]
        assert loops(kernel.py_func) == 1
