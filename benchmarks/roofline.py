"""Measure what this machine allows one core: memory by level of cache, multiply-adds, divisions, square roots.

Small compiled loops, as the solver's are, on rows that fit the first cache, then the next, then none. A step of the
solver is set against them by benchmarks/solver.py and docs/performance.md. The least of several runs counts.

Writes build/benchmarks/roofline.json.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from rich.console import Console

from tessera.data import files
from tessera.provenance import git_revision, versions

OUT = Path(__file__).parents[1] / "build" / "benchmarks" / "roofline.json"
LEVELS = {"L1": 12_000, "L2": 500_000, "L3": 12_000_000, "memory": 960_000_000}  # bytes of the three rows together
ROW = 1024  # elements of a row that computes
CHAINS = 8  # independent multiply-adds of each element, so that none waits for another


@numba.njit(fastmath={"contract"})
def triad(a, b, c, times):
    """Write a = b + s c, so many times."""
    for k in range(times):
        s = b.dtype.type(k)
        for i in range(a.size):
            a[i] = b[i] + s * c[i]


@numba.njit(fastmath={"contract"})  # no more: LLVM would find fewer operations
def multiply_add(a, b, c, times):
    """Run eight chains of multiply-adds on each element."""
    for _ in range(times):
        for i in range(a.size):
            x = b[i]
            p, q, r, s, t, u, v, w = x, x + c[0], x + c[1], x + c[2], x + c[3], x + c[4], x + c[5], x + c[6]
            for _ in range(16):
                p, q, r, s = p * x + c[0], q * x + c[1], r * x + c[2], s * x + c[3]
                t, u, v, w = t * x + c[4], u * x + c[5], v * x + c[6], w * x + c[7]
            a[i] = (p + q) + (r + s) + (t + u) + (v + w)


@numba.njit(error_model="numpy")
def divide(a, b, c, times):
    """Write a = b / c, so many times."""
    for k in range(times):
        s = b.dtype.type(k)
        for i in range(a.size):
            a[i] = (b[i] + s) / c[i]


@numba.njit(error_model="numpy")
def root(a, b, c, times):
    """Write a = sqrt(b c), so many times."""
    for k in range(times):
        s = b.dtype.type(k)
        for i in range(a.size):
            a[i] = np.sqrt(b[i] * c[i] + s)


def seconds(loop: Callable, size: int, precision: str, times: int) -> float:
    """Return the least processor time [s] of one pass of a loop over rows."""
    a, b, c = (np.full(size, value, precision) for value in (0.0, 0.75, 0.5))
    loop(a, b, c, 1)
    best = np.inf
    for _ in range(7):
        began = time.thread_time()
        loop(a, b, c, times)
        best = min(best, time.thread_time() - began)
    return best / times


def measured(precision: str) -> dict[str, Any]:
    """Return gigabytes per second by level, gigaflops, and nanoseconds per division and per square root."""
    width = np.dtype(precision).itemsize
    found: dict[str, Any] = {"triad_gb_per_s": {}}
    for level, total in LEVELS.items():
        size = total // (3 * width)
        found["triad_gb_per_s"][level] = 3 * size * width / seconds(triad, size, precision, 10**9 // total) / 1e9
    found["gigaflops"] = 2 * 16 * CHAINS * ROW / seconds(multiply_add, ROW, precision, 2000) / 1e9
    found["ns_per_division"] = seconds(divide, ROW, precision, 20_000) / ROW * 1e9
    found["ns_per_root"] = seconds(root, ROW, precision, 20_000) / ROW * 1e9
    return found


def main() -> int:
    """Measure both precisions."""
    found = {precision: measured(precision) for precision in ("float32", "float64")}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), "machine": found})
    console = Console()
    for precision, row in found.items():
        rates = ", ".join(f"{level} {rate:.0f}" for level, rate in row["triad_gb_per_s"].items())
        console.print(
            f"{precision}: triad [GB/s] {rates}; {row['gigaflops']:.0f} GF/s;"
            f" {row['ns_per_division']:.2f} ns a division, {row['ns_per_root']:.2f} ns a root",
            highlight=False,
        )
    console.print("written to build/benchmarks/roofline.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
