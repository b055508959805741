"""The real `tessera view` in a process of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")


class Serving(NamedTuple):
    """A process that serves a page, and where."""

    process: subprocess.Popen
    port: int

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def stop(self, signal: int) -> tuple[int, str]:
        """Send a signal and return the exit code and what was written to the end."""
        self.process.send_signal(signal)
        _, said = self.process.communicate(timeout=10)
        return self.process.returncode, said


@contextmanager
def serving(results: Path, *arguments: str) -> Iterator[Serving]:
    """Give the process once it has said where its page is."""
    command = [sys.executable, "-m", "tessera", "view", str(results), "--no-open", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            said, found = "", None
            while found is None:
                line = process.stderr.readline()
                said += line
                found = ADDRESS.search(line)
                assert line, f"expected an address, got {said}"
            yield Serving(process, int(found[1]))
        finally:
            process.kill()
