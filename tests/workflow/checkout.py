"""A copy of the repository in which Snakemake runs as a user runs it, and which a test may edit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "envs", "src", "workflow")
SMOKE = "config/smoke.yaml"


class Checkout:
    """A copy of everything that a run reads; `tessera` is the copy's, too.

    Parameters
    ----------
    folder
        Where the copy lies; it must not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for part in PARTS:
            source, target = REPOSITORY / part, folder / part
            if source.is_file():
                shutil.copy2(source, target)
            else:
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        binaries = Path(sys.executable).parent
        self.environment = os.environ | {
            "PYTHONPATH": str(folder / "src"),
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        }

    def command(self, *arguments: str, overlay: str | None = SMOKE, cores: int = 2) -> list[str]:
        """Return the command line of Snakemake, with `arguments` at its end."""
        study = [] if overlay is None else ["--configfile", overlay]
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), *study, *arguments]

    def snakemake(self, *arguments: str, overlay: str | None = SMOKE, timeout: float = 600.0):
        """Run Snakemake; both its streams are in `stdout`."""
        return subprocess.run(
            self.command(*arguments, overlay=overlay),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def planned(self, *arguments: str, overlay: str | None = SMOKE) -> dict[str, int]:
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

    def pretend(self, overlay: str | None = SMOKE) -> None:
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
