"""The processes of one training: who each is, and one more that starts them and answers for them.

`tessera fit --devices 2 ...` starts itself twice, and watches: when one dies the others are ended soon, and
one line is said. Under `srun -n 2` Slurm has started both, and watches. Light on purpose, for whoever only
starts processes never imports torch.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, NamedTuple

from tessera.errors import ConfigError, TrainingError

LISTENER = "TESSERA_LISTENER"  # set for the processes that `run` has started, known to `tessera.__main__` too
LOST = 75  # their exit code when another one has ended; that one has said why
GRACE, SAVING, OFTEN = 10.0, 600.0, 0.05  # for the others to end; to save when asked; between two looks [s]
FIRST_PORT, PORTS = 20000, 12000


class Rank(NamedTuple):
    """Which process of a training this is.

    Attributes
    ----------
    place, total
        Which of how many.
    local
        Which on this node.
    nodes
        The nodes as Slurm writes them; empty for this one alone.
    port
        Port on the first node where they meet.
    """

    place: int = 0
    total: int = 1
    local: int = 0
    nodes: str = ""
    port: int = 0


def rank(environment: Mapping[str, str] = os.environ) -> Rank:
    """Return which process this is, as the one that started it says."""
    known = environment.get
    if LISTENER in environment:
        index, count = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        return Rank(index, count, index, "", int(environment["MASTER_PORT"]))
    if int(known("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in environment:
        step = int(known("SLURM_JOB_ID", "0")) * 31 + int(known("SLURM_STEP_ID", "0"))
        port = int(known("MASTER_PORT", FIRST_PORT + step % PORTS))
        nodes = environment["SLURM_STEP_NODELIST"] if known("SLURM_STEP_NUM_NODES") != "1" else ""
        index, count = int(environment["SLURM_PROCID"]), int(environment["SLURM_STEP_NUM_TASKS"])
        return Rank(index, count, int(known("SLURM_LOCALID", "0")), nodes, port)
    return Rank()


def start(devices: int | None) -> int | None:
    """Make this process the one, or one of several, that train; or train in others and return their exit code.

    Parameters
    ----------
    devices
        How many processes; None for as many as there are.

    Raises
    ------
    ConfigError
        Slurm has started another number of them.
    TrainingError
        One of them was killed.
    """
    here = rank()
    if here.total == 1:
        return None if devices in {None, 1} else run([sys.executable, "-P", "-m", "tessera", *sys.argv[1:]], devices)
    if devices not in {None, here.total}:
        raise ConfigError(f"--devices: expected {here.total}, the tasks of this job step, got {devices}")
    logging.getLogger("tessera").setLevel(logging.ERROR if here.place else logging.INFO)
    if LISTENER in os.environ:
        threading.Thread(target=_outlive, daemon=True).start()
    return None


def run(command: Sequence[str], count: int) -> int:
    """Run a command in several processes that meet; return their exit code once all have ended.

    A signal to this one asks all to save and stop; a signal that one of them answered is answered here too.
    """
    children: list[_Child] = []
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for index in range(count):
                children.append(_Child(command, index, count, listener))
        _wait(children, None)
    except BaseException:  # asked to stop
        for child in children:
            child.process.terminate()
        _wait(children, SAVING)
        raise
    finally:
        for child in children:
            child.end()
    return _judge(children)


class _Child:
    """One of the processes that were started; the first speaks, of the others the last line is kept."""

    def __init__(self, command: Sequence[str], index: int, count: int, listener: socket.socket) -> None:
        self.index, self.ended, self.last = index, 0.0, b""
        self.said: IO[bytes] | None = tempfile.TemporaryFile() if index else None  # noqa: SIM115 (`end` closes it)
        settings = {
            "RANK": index,
            "WORLD_SIZE": count,
            "MASTER_PORT": listener.getsockname()[1],
            LISTENER: listener.fileno(),
            "OMP_NUM_THREADS": max(1, _threads() // count),
        }
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # never written to: it closes when this process is gone
            stdout=subprocess.DEVNULL if index else None,
            stderr=self.said,
            env=os.environ | {name: str(value) for name, value in settings.items()},
            pass_fds=() if index else (listener.fileno(),),
        )

    def poll(self) -> int | None:
        code = self.process.poll()
        if code is not None and not self.ended:
            self.ended = time.monotonic()
        return code

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.said is not None and not self.said.closed:
            self.said.seek(0)
            self.last = b"".join(self.said.read().strip().splitlines()[-1:])
            self.said.close()


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() else len(os.sched_getaffinity(0))


def _wait(children: Sequence[_Child], most: float | None) -> None:
    """Wait until all have ended; no longer than some seconds, and than a moment once one has failed."""
    until = None if most is None else time.monotonic() + most
    while None in (codes := [child.poll() for child in children]):
        if any(codes) and until is None:
            until = time.monotonic() + GRACE
        if until is not None and time.monotonic() > until:
            return
        time.sleep(OFTEN)


def _judge(children: Sequence[_Child]) -> int:
    """Return the exit code of all; say why, if the first has not."""
    failed = [child for child in children if child.process.returncode not in {0, LOST} and child.ended]
    if not failed:
        return 0
    first = min(failed, key=lambda child: child.ended)
    code = first.process.returncode
    if code - 128 in {signal.SIGINT, signal.SIGTERM}:
        signal.raise_signal(code - 128)
    if code < 0:
        name = signal.Signals(-code).name
        raise TrainingError(
            f"process {first.index} of {len(children)}: expected it to go on, got {name}; "
            "the state of the last epoch is kept, run it again to carry on"
        )
    if not any(child.index == 0 for child in failed):
        sys.stderr.buffer.write(first.last + b"\n")
    return code


def _outlive() -> None:
    """Ask this process to stop when the one that started it is gone."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def signals() -> Iterator[list[int]]:
    """Yield a list that receives SIGINT and SIGTERM instead of their handlers."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda number, _frame: asked.append(number)) for kind in kinds}
    try:
        yield asked
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


__all__ = ["LISTENER", "LOST", "Rank", "rank", "run", "signals", "start"]
