"""Open functions of a law, chosen by its type: at compile time in a kernel, at call time in Python.

A law is a `NamedTuple` of floats. Its bodies take scalars, and all their constants are single precision:
`np.float32(0.5) * x` has the precision of `x`, where the literal `0.5` would make every kernel a
double-precision one. Hence Python calls convert to `np.float64` first, which keeps all digits.
"""

import os
from collections.abc import Callable
from functools import cache, singledispatch, wraps
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba.core import config, types
from numba.extending import intrinsic, overload, register_jitable

from tessera.provenance import PACKAGE, source_digest

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}
UNCOUNTED = COMPILED | {"_nrt": False}
ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
THREE = np.float32(3.0)
FOUR = np.float32(4.0)


def open_function(stub: Callable, *, serves: bool = False) -> Any:
    """Turn a stub into a function with one body per type of its first argument.

    Bodies join by `@name.register`, as for `functools.singledispatch`; where a stub `serves`, it is the body of all
    other types. From Python the arguments broadcast and are of double precision; in a kernel they are scalars of the
    kernel's precision.
    """
    bodies = singledispatch(stub)

    @wraps(stub)
    def function(law, *arguments):
        body = bodies.dispatch(type(law))
        exact = of_precision(law, np.float64)
        elements = np.broadcast(*(np.asarray(value, float) for value in arguments))
        values = [body(exact, *map(np.float64, element)) for element in elements]
        return np.array(values, float).reshape(elements.shape)[()]

    function.register = bodies.register  # type: ignore[attr-defined]

    @overload(function, strict=False, jit_options={"error_model": "numpy", "forceinline": True})
    def choose(law, *arguments):  # noqa: ARG001
        if isinstance(law, (types.NamedTuple, types.NamedUniTuple)):
            body = bodies.dispatch(law.instance_class)
            return None if body is stub and not serves else body
        return None

    return function


def of_precision(law: Any, dtype: Any) -> Any:
    """Return the law with all parameters, those of its parts too, in a floating-point type, for kernels of it."""
    real = np.dtype(dtype).type
    return type(law)(*(of_precision(value, dtype) if isinstance(value, tuple) else real(value) for value in law))


def kernel(function: Callable) -> Any:
    """Compile a function once per set of argument types, without fast-math, so that mirrors stay exact.

    Compiled code is kept between processes in a folder that is named by the sources of all kernels:
    numba itself would not notice an edited law in another module. Kernels allocate nothing: without numba's counting of
    references, atomic for every row that one kernel hands to another, a step takes a third less time.
    """
    _keep_by_sources()
    return numba.njit(**UNCOUNTED)(function)


def row_kernel(function: Callable) -> Any:
    """Compile a loop over rows as a kernel that is copied into those that call it, a vector already.

    To hand over a dozen rows otherwise takes as long as a dozen cells do: a sixth of a step on 256 columns.
    """
    _keep_by_sources()
    return numba.njit(**UNCOUNTED, forceinline=True)(function)


def routine(function: Callable) -> Any:
    """Compile a function as a kernel that may allocate arrays, and use numpy's functions that do."""
    _keep_by_sources()
    return numba.njit(**COMPILED)(function)


def point(function: Callable) -> Any:
    """Let every kernel inline a function of scalars; from Python it is called as it stands."""
    return register_jitable(error_model="numpy", forceinline=True)(function)


def _chosen(context, condition, this, that):  # noqa: ARG001
    """Return `this` where a condition holds, else `that`, of one type; in kernels only.

    Unlike `this if condition else that` it is one instruction. Of a branch LLVM makes a choice of what to read where
    each value is used nowhere else, and of a row of those a gather, several times as slow as to read both.
    """

    def build(context, builder, signature, arguments):  # noqa: ARG001
        return builder.select(*arguments)

    return this(condition, this, that), build


chosen: Any = intrinsic(_chosen)


@cache
def _keep_by_sources() -> None:
    """Choose the folder of compiled code, and let LLVM vectorise loops over many rows."""
    binding.set_option("tessera", "--runtime-memory-check-threshold=2000")
    beside = PACKAGE / "__pycache__"
    writable = os.access(beside if beside.is_dir() else PACKAGE, os.W_OK)
    root = os.environ.get("NUMBA_CACHE_DIR") or (beside if writable else Path.home() / ".cache" / "tessera")
    config.CACHE_DIR = str(Path(root) / f"kernels-{source_digest('physics', 'simulation')}")  # type: ignore[attr-defined]
