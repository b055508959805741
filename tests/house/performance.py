"""The tables of docs/performance.md, predicting.md and models.md: what `make bench` measured when it was last recorded.

They are made from docs/performance.json; `make record` runs this module, which gathers the files of build/benchmarks.
"""

import json
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
MEASURED, RECORD = REPOSITORY / "build" / "benchmarks", REPOSITORY / "docs" / "performance.json"
BENCHMARKS = ("solver", "peers", "roofline", "precision", "prediction", "training")


def tables() -> dict[str, str]:
    """Return the generated parts of docs/performance.md by name."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    solver, peers = found["solver"], found["peers"]
    return {
        "steps": _steps(solver["steps"]),
        "parts": _parts(solver["parts"]),
        "whole": _whole(solver),
        "machine": _machine(found["roofline"]["machine"]),
        "peers": _peers(peers),
        "known": _known(peers["known"]),
        "precision": _precision(found["precision"]["cases"]),
        "record": _record(found),
    }


def predicting() -> dict[str, str]:
    """Return the generated parts of docs/predicting.md by name."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))["prediction"]
    return {
        "frames": _frames(found),
        "operations": _operations(found["operations"]),
        "tiles": _tiles(found["memory"]["rows"]),
    }


def training() -> dict[str, str]:
    """Return the generated parts of docs/models.md by name."""
    return {"training": _training(json.loads(RECORD.read_text(encoding="utf-8"))["training"])}


def _training(found: dict[str, Any]) -> str:
    head = ["Training", "Updates per second", "Waiting", "cases on disk, updates per second", "Waiting"]
    rows = []
    for name, row in found["memory"].items():
        disk = found["disk"].get(name)
        rows.append([name, *_rate(row), *(["-", "-"] if disk is None else _rate(disk))])
    return _table(head, rows)


def _rate(row: dict[str, float]) -> list[str]:
    return [f"{row['updates_per_second']:.3g}", f"{100.0 * row['waiting']:.1f} %"]


def _frames(found: dict[str, Any]) -> str:
    head = ["Model", "Parameters", "GFLOP per frame", "Frames per second, one core", "two cores, by the clock", "GPU"]
    rows = []
    for row in found["models"]:
        spent = (row[name] for name in ("core_seconds", "seconds_on_two_cores", "seconds_on_gpu"))
        rates = ["not measured" if one is None else f"{1.0 / one:.3g}" for one in spent]
        rates[1] += f" at a load of {row['load']:.1f}"
        flops = f"{row['operations'] / 1e9:.2f}"
        rows.append([row["model"], f"{row['parameters']:,}", flops, *rates, f"{row['times_solver']:.1f}"])
    solver = found["solver"]
    rate = f"{1.0 / solver['core_seconds_per_frame']:.2f}"
    rows.append([f"solver, {_grid(solver['cells'])} computed", "-", "-", rate, "-", "-", "1"])
    return _table([*head, "Times the solver, one core"], rows)


def _operations(rows: list[dict[str, Any]]) -> str:
    head = ["Model", "Part", "Cells", "GFLOP", "Published", "Counted from"]
    return _table(
        head,
        [
            [
                row["model"],
                row["part"],
                _grid(row["cells"]),
                f"{row['operations'] / 1e9:.2f}",
                f"{row['published'] / 1e9:g}",
                row["source"],
            ]
            for row in rows
        ],
    )


def _tiles(rows: list[dict[str, Any]]) -> str:
    head = ["Side of the mosaic [cells]", "Tiles", "Largest memory [MiB]", "of which field and tokens [MiB]"]
    return _table(
        head,
        [
            [
                str(row["side"]),
                f"{row['tile']} cells" if row["tile"] else "none",
                f"{row['bytes'] / 2**20:.0f}",
                f"{row['data'] / 2**20:.0f}",
            ]
            for row in rows
        ],
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _steps(rows: list[dict[str, Any]]) -> str:
    head = ["Step", "Cells", "Precision", "ns per cell and step", "at most", "CFL", "ns per cell and unit of CFL time"]
    return _table(
        head,
        [
            [
                row["kind"],
                _grid(row["cells"]),
                row["precision"],
                f"{row['ns']:.1f}",
                f"{row['limit_ns']:g}",
                f"{row['courant']:.2f}",
                f"{row['ns_per_cfl']:.1f}",
            ]
            for row in rows
        ],
    )


def _parts(parts: dict[str, dict[str, float]]) -> str:
    head = ["Part", *(f"{precision} [ns]" for precision in parts)]
    names = next(iter(parts.values()))
    return _table(head, [[name, *(f"{one[name]:.1f}" for one in parts.values())] for name in names])


def _whole(solver: dict[str, Any]) -> str:
    growth, rate, start, memory = (solver[name] for name in ("growth", "two_cores", "start", "memory"))
    costs = ", ".join(f"{_grid(cells)}: {ns:.1f}" for cells, ns in zip(growth["cells"], growth["ns"], strict=True))
    rows = [
        [f"Exponent of cost by cells x steps ({costs} ns)", f"{growth['exponent']:.2f}", f"{growth['limit']:g}"],
        [
            "Two members on two cores, times the rate of one, by processor time",
            f"{rate['by_core']:.2f}",
            f"at least {rate['limit']:g}",
        ],
        [f"the same by the clock, at a load of the machine of {rate['load']:.1f}", f"{rate['by_clock']:.2f}", "-"],
        [
            "Start-up and a tiny case, second process on, by the clock [s]",
            f"{start['by_clock']:.2f}",
            f"{start['limit']:g}",
        ],
        ["the same, processor time [s]", f"{start['by_core']:.2f}", "-"],
        [
            "Memory of a 320x480 case, 38 snapshots [MiB]",
            f"{memory['bytes'] / 2**20:.0f}",
            f"{memory['limit'] / 2**20:g}",
        ],
    ]
    rows += [
        [
            f"A full {name} case, {row['pores']} pores, {row['steps']} steps [s]",
            f"{row['core_seconds']:.1f}",
            f"{row['limit']:g}",
        ]
        for name, row in solver["cases"].items()
    ]
    return _table(["What", "Measured", "Limit"], rows)


def _machine(machine: dict[str, dict[str, Any]]) -> str:
    head = ["One core", *machine]
    levels = next(iter(machine.values()))["triad_gb_per_s"]
    rows = [
        [f"triad, rows in {level} [GB/s]", *(f"{one['triad_gb_per_s'][level]:.0f}" for one in machine.values())]
        for level in levels
    ]
    rows += [
        ["multiply-adds [GF/s]", *(f"{one['gigaflops']:.0f}" for one in machine.values())],
        ["a division [ns]", *(f"{one['ns_per_division']:.2f}" for one in machine.values())],
        ["a square root [ns]", *(f"{one['ns_per_root']:.2f}" for one in machine.values())],
    ]
    return _table(head, rows)


def _peers(peers: dict[str, Any]) -> str:
    head = ["Solver", "Cells", "Steps", "Core-seconds", "ns per cell and step", "Error to PyClaw", "to tessera"]
    solvers, rows = peers["solvers"], []
    for name, row in solvers.items():
        cells = round((row["seconds"] / row["steps"] / row["ns_per_cell_step"] * 1e9) ** 0.5)
        rows.append(
            [
                name.partition(", 1")[0],
                f"{cells}x{cells}",
                str(row["steps"]),
                f"{row['seconds']:.3f}",
                f"{row['ns_per_cell_step']:.1f}",
                *(f"{row['error'][of]:.5f}" for of in ("pyclaw", "tessera")),
            ]
        )
    ours = [*solvers["pyclaw"]["times"]]
    asked = {
        "PyClaw, same cells (at least 4)": solvers["pyclaw"]["times"],
        "pyro, same cells (at least 100)": solvers["pyro"]["times"],
        "PyClaw, cells for the same error": solvers["pyclaw"]["times_at_equal_error"],
    }
    ratios = [[name, *(f"{times[one]:.1f}" for one in ours)] for name, times in asked.items()]
    return _table(head, rows) + "\n" + _table(["Core-seconds, times those of", *ours], ratios)


def _known(known: dict[str, dict[str, Any]]) -> str:
    head = ["Code", "ns per cell, right-hand side and equation", "ns per cell and unit of CFL time", "Source"]
    return _table(
        head, [[name, f"{row['ns']:g}", f"{row['ns_per_cfl']:g}", row["source"]] for name, row in known.items()]
    )


def _precision(cases: dict[str, dict[str, Any]]) -> str:
    head = ["Case", "Time [ns]", "Area above 875 K [um2]", "Mean T there [K]", "Largest T [K]"]
    head += ["Asymmetry [K]", "Largest difference [K]"]
    rows = []
    for name, what in cases.items():
        for row in what["rows"]:
            asymmetry = "-" if row["asymmetry"][0] is None else _pair(row["asymmetry"], "g")
            area = _pair([value * 1e12 for value in row["area"]], ".4f")
            rows.append(
                [
                    name,
                    f"{row['time'] * 1e9:.2f}",
                    area,
                    _pair(row["mean"], ".3f"),
                    _pair(row["largest"], ".2f"),
                    asymmetry,
                    f"{row['difference']:.3f}",
                ]
            )
    return _table(head, rows)


def _record(found: dict[str, Any]) -> str:
    of = found["solver"]["versions"] | found["peers"]["versions"]
    known = ", ".join(
        f"{name} {of[name]}" for name in ("python", "numpy", "numba", "clawpack", "pyro-hydro") if name in of
    )
    return f"Measured at revision {found['solver']['revision']}, with {known}.\n"


def _grid(cells: list[int]) -> str:
    return "x".join(map(str, cells))


def _pair(values: list[float], form: str) -> str:
    return " / ".join(format(value, form) for value in values)


def main() -> None:
    """Gather what was measured last."""
    found = {name: json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8")) for name in BENCHMARKS}
    RECORD.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
