"""A simulation starts soon: kernels are kept between processes, never older than their sources, and imports are few."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tessera

PACKAGE = Path(tessera.__file__).parent
SLOW = {"bokeh", "dask.array", "distributed", "matplotlib", "scipy.signal", "scipy.stats", "snakemake", "torch"}
PRESSURE = "return (law.gamma - ONE) * rho * e"
ROW = """
import numpy as np
from tessera.physics import eos
from tessera.physics.law import of_precision
from tessera.simulation import primitives
rows = [np.ones(2) for _ in range(4)]
primitives.pressure_row(of_precision(eos.IdealGas(1.4), float), np.ones((3, 2)), *rows)
assert eos.__file__.startswith(WHERE), eos.__file__
print(rows[2][0], sum(primitives.pressure_row.stats.cache_hits.values()))
"""


def row(folder, kept):
    """Return the pressure of a row of gas by the package in a folder, and how many kernels had been kept."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | kept
    script = ROW.replace("WHERE", repr(str(folder)))
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pressure, hits = done.stdout.split()
    return float(pressure), int(hits)


@pytest.mark.parametrize("named", [False, True], ids=["beside the package", "where NUMBA_CACHE_DIR says"])
def test_kernels_are_kept_until_a_law_in_another_module_is_edited(tmp_path, named):
    shutil.copytree(PACKAGE, tmp_path / "tessera", ignore=shutil.ignore_patterns("__pycache__"))
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")} if named else {}
    assert row(tmp_path, kept) == (pytest.approx(0.4), 0)
    if not named:
        assert row(tmp_path, kept) == (pytest.approx(0.4), 1)
    gas = tmp_path / "tessera" / "physics" / "eos" / "gas.py"
    text = gas.read_text(encoding="utf-8")
    edited = text.replace(PRESSURE, PRESSURE.replace("return ", "return law.gamma * "), 1)
    assert edited != text
    gas.write_text(edited, encoding="utf-8")
    assert row(tmp_path, kept) == (pytest.approx(1.4 * 0.4), 0)


def test_a_simulation_imports_nothing_that_other_stages_alone_need():
    script = "import sys; from tessera import cli; from tessera.stages import ensembles; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert SLOW & set(done.stdout.split()) == set()
