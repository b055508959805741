"""Where a file comes from: digests of configuration and sources, versions, git revision.

Light on purpose (standard library only): the Snakefile asks for `source_digest` at every job.
"""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tessera import __version__

PACKAGE = Path(__file__).parent
REPORTED = ("numpy", "numba", "xarray", "zarr", "netCDF4", "dask", "torch", "snakemake", "matplotlib")


def digest(content: Any) -> str:
    """Return 16 hexadecimal digits that name a JSON-able value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


@cache
def source_digest(*parts: str) -> str:
    """Return 16 hexadecimal digits that name the sources of modules or sub-packages of `tessera`.

    Parameters
    ----------
    parts
        Paths inside the package without suffix, such as `"physics"` or `"learning/train"`.

    Raises
    ------
    FileNotFoundError
        A part is neither a module nor a package.
    """
    total = hashlib.sha256()
    for part in sorted(parts):
        folder, module = PACKAGE / part, PACKAGE / f"{part}.py"
        if not folder.is_dir() and not module.is_file():
            raise FileNotFoundError(f"source_digest: expected a part of tessera, got {part!r}")
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [module]:
            total.update(file.relative_to(PACKAGE).as_posix().encode())
            total.update(file.read_bytes())
    return total.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def git_revision() -> str:
    """Return the commit of the sources, with `+` when they were edited since, or `unknown`."""
    try:
        described = subprocess.run(
            ["git", "-C", str(PACKAGE), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()


@cache
def revision_of(*parts: str) -> str:
    """Return the last commit that touched parts of `tessera`, with `+` when they were edited since, or `unknown`.

    Unlike `git_revision` it stays as it is while other files change.
    """
    paths = [str(path) for part in parts for path in (PACKAGE / part, PACKAGE / f"{part}.py") if path.exists()]
    git = ["git", "-C", str(PACKAGE)]
    try:
        said = [
            subprocess.run(
                [*git, *command, "--", *paths], capture_output=True, text=True, check=True, timeout=10
            ).stdout
            for command in (["log", "-1", "--abbrev=12", "--format=%h"], ["status", "--porcelain"])
        ]
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said[0].strip() + ("+" if said[1].strip() else "") if said[0].strip() else "unknown"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide numbers."""
    found = {"python": platform.python_version()}
    for name in REPORTED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def provenance(study: str, section: Any, sources: tuple[str, ...]) -> dict[str, str]:
    """Return the attributes that every file of a study carries.

    Parameters
    ----------
    study
        Name of the study.
    section
        The part of the configuration that decided the file's content.
    sources
        The parts of the package that made it, as for `source_digest`.
    """
    return {
        "study": study,
        "section_digest": digest(section),
        "source_digest": source_digest(*sources),
        "version": __version__,
        "git_revision": git_revision(),
        "versions": json.dumps(versions(), sort_keys=True),
    }


def describe(attrs: Mapping[str, Any]) -> str:
    """Return one readable line of who made a file, for messages."""
    return f"study {attrs.get('study', '?')!r}, revision {attrs.get('git_revision', '?')}"
