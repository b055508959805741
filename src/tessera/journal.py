"""The journal of a command: how it began, went on and ended, as text for people and as JSON for machines.

Text goes to standard error. One JSON line per event goes to standard output unless that is a terminal; a rule sends
both to the log of its job, where `events` finds the lines again. Light on purpose (standard library only).

Events are `start` (host, pid, out), `progress` (what, part, done) and `end` or `failed` (seconds, core_seconds,
peak_memory [byte], out; of a failure the exit code and the one line of error). All say event, stage and time.
"""

import contextlib
import json
import logging
import os
import resource
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

EVENTS: dict[str, tuple[str, ...]] = {
    "start": ("time", "host", "pid"),
    "progress": ("what", "part", "done"),
    "end": ("time", "seconds", "core_seconds"),
    "failed": ("time", "seconds", "core_seconds", "code", "error"),
}
RANKS = ("LOCAL_RANK", "NODE_RANK", "RANK", "SLURM_PROCID")  # of a process among others; the first one tells
HEARTBEAT = 30.0  # between two signs of life in the time of the log [s]
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of the largest memory as the system counts it
log = logging.getLogger("tessera")


class Journal:
    """The journal of one command from its start on.

    Parameters
    ----------
    stage
        Words of the command, such as `fit tokenizer`.
    out
        Where its outputs land.
    """

    def __init__(self, stage: str, out: Sequence[str]) -> None:
        self.stage, self.out, self.began, self.clock = stage, list(out), time.time(), time.monotonic()
        job = os.environ.get("SLURM_JOB_ID")
        threading.Thread(target=_beat, daemon=True).start()
        self.tell("start", host=socket.gethostname(), pid=os.getpid(), out=self.out, **({"slurm": job} if job else {}))

    def tell(self, event: str, **content: Any) -> None:
        """Write one JSON line, in one piece; whoever reads no more, or has a full disk, stops no stage."""
        if os.isatty(1):
            return
        said = {"event": event, "stage": self.stage, "time": round(time.time(), 3), **content}
        with contextlib.suppress(OSError):
            os.write(1, f"{json.dumps(said)}\n".encode())

    def close(self, code: int, error: str) -> None:
        """Tell how the command ended, and what it took."""
        seconds = round(time.monotonic() - self.clock, 3)
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        core_seconds = round(sum(one.ru_utime + one.ru_stime for one in spent), 3)
        memory = max(_own_peak(), UNIT * spent[1].ru_maxrss)
        took = {"seconds": seconds, "core_seconds": core_seconds, "peak_memory": memory, "out": self.out}
        if code:
            self.tell("failed", **took, code=code, error=error)
        else:
            log.info("%s: done in %.1f s, %.1f core-seconds, %.2f GB", self.stage, seconds, core_seconds, memory / 1e9)
            self.tell("end", **took)


def _own_peak() -> int:
    """Return the largest memory of this process [byte]; what it was before it became a command does not count."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _beat() -> None:
    """Renew the time of the log again and again, by which other hosts know that this process lives."""
    while stat.S_ISREG(os.fstat(1).st_mode):
        time.sleep(HEARTBEAT)
        with contextlib.suppress(OSError):
            os.utime(1)


_open: list[Journal] = []  # of this process, at most one


def begin(stage: str, arguments: Sequence[str]) -> None:
    """Open the journal of this process for a stage that was called with arguments.

    The text of its start comes before the first other, so that a command that is refused says one line alone.
    """
    if any(os.environ.get(name, "0") != "0" for name in RANKS):
        return
    out, handler = _outs(arguments), logging.getLogger().handlers[0]
    journal = Journal(stage, out)
    _open[:] = [journal]
    start = log.makeRecord(log.name, logging.INFO, "", 0, "%s: begins %s", (stage, ", ".join(out)), None)
    start.created = journal.began

    def first(_record: logging.LogRecord) -> bool:
        handler.removeFilter(first)
        handler.handle(start)
        return True

    handler.addFilter(first)


def progress(what: str, part: float, done: str) -> None:
    """Tell machines which part of the work is done, and how much that is; people are told by the stage."""
    for journal in _open:
        journal.tell("progress", what=what, part=round(min(part, 1.0), 4), done=done)


def end(code: int, error: str) -> None:
    """Close the journal of this process, if it has one."""
    for journal in _open:
        journal.close(code, error)
    _open.clear()


def events(path: Path) -> list[dict[str, Any]]:
    """Return the events that a log holds, of its last start on; none where there is no log."""
    return [*_events(path)]


def _outs(arguments: Sequence[str]) -> list[str]:
    """Return the files that a command line asks for."""
    split = [part for word in arguments for part in (word.split("=", 1) if word.startswith("--") else [word])]
    return [value for option, value in pairwise(split) if option in {"--out", "--history", "--summary"}]


def _events(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    starts = [number for number, line in enumerate(lines) if line.startswith('{"event": "start"')]
    for line in lines[starts[-1] :] if starts else ():
        if line.startswith('{"event": '):
            with contextlib.suppress(ValueError):  # half a line, of a process that was killed
                said = json.loads(line)
                if all(name in said for name in EVENTS.get(said["event"], ("",))):
                    yield said
