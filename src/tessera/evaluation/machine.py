"""The machine that the numbers were made on, from what the system says of itself."""

import os
import platform
from pathlib import Path
from typing import NamedTuple


class Machine(NamedTuple):
    """Processor name, cores that this process may use, memory [byte] (0 where unsaid), system."""

    processor: str
    cores: int
    memory: int
    system: str


def describe() -> Machine:
    """Return what the system says; on systems without /proc less is known."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processor = _line(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine()
    memory = _line(Path("/proc/meminfo"), "MemTotal").split()
    return Machine(
        processor=processor,
        cores=cores,
        memory=1024 * int(memory[0]) if memory else 0,
        system=f"{platform.system()} {platform.machine()}",
    )


def _line(path: Path, key: str) -> str:
    if not path.is_file():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return ""
