"""A copy of the repository in which Snakemake runs as a user runs it, and which a test may edit."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "envs", "workflow")
SMOKE = "config/smoke.yaml"


class Checkout:
    """A copy of everything that a run reads.

    Parameters
    ----------
    folder
        Where the copy lies; it must not exist.
    sources
        Whether the copy has a `tessera` of its own, which a test may edit. Without, jobs share the
        repository's, and the kernels that are compiled beside it.
    """

    def __init__(self, folder: Path, *, sources: bool) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for part in (*PARTS, "src") if sources else PARTS:
            source, target = REPOSITORY / part, folder / part
            if source.is_file():
                shutil.copy2(source, target)
            else:
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        binaries = Path(sys.executable).parent
        self.environment = os.environ | {
            "PYTHONPATH": str((folder if sources else REPOSITORY) / "src"),
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        }

    def command(self, *arguments: str, overlay: str | Sequence[str] | None = SMOKE, cores: int = 2) -> list[str]:
        """Return the command line of Snakemake, with `arguments` first, targets among them."""
        overlays = [overlay] if isinstance(overlay, str) else overlay or []
        study = ["--configfile", *overlays] if overlays else []
        return [sys.executable, "-m", "snakemake", *arguments, *study, "--cores", str(cores)]

    def run(self, command: Sequence[str], timeout: float = 600.0) -> subprocess.CompletedProcess:
        """Run a command in the copy; both its streams are in `stdout`."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def snakemake(self, *arguments: str, overlay: str | Sequence[str] | None = SMOKE, timeout: float = 600.0):
        """Run Snakemake, as `run` does."""
        return self.run(self.command(*arguments, overlay=overlay), timeout)

    def tessera(self, *arguments: str | Path):
        """Run one command of `tessera` by hand, as `run` does."""
        return self.run([sys.executable, "-m", "tessera", *map(str, arguments)])

    @contextlib.contextmanager
    def started(self, *arguments: str, command: Sequence[str] | None = None) -> Iterator[subprocess.Popen]:
        """Run Snakemake meanwhile, or another command, its words in `said.log`; kill it at the end."""
        with (self.folder / "said.log").open("w") as log:
            process = subprocess.Popen(
                command or self.command(*arguments), cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self) -> str:
        """Return what was said by the run that was started last."""
        return (self.folder / "said.log").read_text()

    def interrupted(
        self, *arguments: str, when: str, by: signal.Signals, overlay: str | Sequence[str] | None = SMOKE
    ) -> int:
        """Run Snakemake, signal it and its jobs once a file like `when` exists; return the exit code."""
        process = subprocess.Popen(
            self.command(*arguments, overlay=overlay),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with process:
            end = time.monotonic() + 300.0
            while not any(self.folder.glob(when)):
                assert process.poll() is None, f"{when}: expected it before Snakemake ended"
                assert time.monotonic() < end, f"{when}: expected it within 300 s"
                time.sleep(0.02)
            os.killpg(process.pid, by)
            return process.wait(120.0)

    def planned(self, *arguments: str, overlay: str | Sequence[str] | None = SMOKE) -> dict[str, int]:
        """Return the number of jobs per rule that a dry run announces, without the target `all`."""
        result = self.snakemake("-n", *arguments, overlay=overlay)
        assert result.returncode == 0, result.stdout
        if "Nothing to be done" in result.stdout:
            return {}
        table = result.stdout.split("Job stats:")[1].split("\n\n")[0]
        jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        assert jobs.pop("total") == sum(jobs.values()), table
        jobs.pop("all", None)
        return jobs

    def pretend(self, overlay: str | Sequence[str] | None = SMOKE) -> None:
        """Let Snakemake take a study for finished: an empty file for every output, and its records."""
        summary = self.snakemake("--summary", overlay=overlay).stdout
        outputs = re.findall(r"^(results/\S+)\t\S+\t(\w+)", summary, re.MULTILINE)
        for output, _ in outputs:
            path = self.folder / output
            if path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(path.name)
            else:
                path.mkdir(parents=True)
        touched = self.snakemake("--touch", "--forceall", overlay=overlay)
        assert touched.returncode == 0, touched.stdout

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands once in a file of the copy; an empty `old` appends."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        if old:
            assert text.count(old) == 1, f"{path}: expected {old!r} once, got {text.count(old)} times"
        file.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
