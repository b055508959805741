"""Files that are whole or not there: JSON, text, bytes, and whatever a writer puts beside its place.

Everything is written beside its place and renamed. A file has one writer at a time; what a killed one left beside it
is swept away by the next. Light on purpose (standard library only): a study that names a store asks its manifest, and
every job of a workflow reads the study.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tessera.errors import DataError, TesseraError
from tessera.provenance import file_digest

HOST = platform.node().split(".")[0] or "localhost"
LOST = 24 * 3600.0  # age from which a half-written file of another machine is nobody's [s]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to `path` when the block ends well.

    The temporary file or folder lies beside `path` and is removed when the block fails; so is one that a process
    left there which is no more.
    """
    beside = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield beside
        if path.is_dir():
            remove(path)
        beside.replace(path)
    except Exception as error:
        behind = _behind(error)
        if behind is None:
            raise
        told = str(behind.filename or "")
        if beside.name in told or str(path).startswith(told):  # else another file is at fault
            behind.filename = str(path)
        raise behind from None
    finally:
        remove(beside)


def goal(beside: Path) -> Path:
    """Return what a path that `whole` gives will be renamed to; other paths are their own goal."""
    part = f".{HOST}.{os.getpid()}.part"
    return beside.with_name(beside.name[1:].removesuffix(part)) if beside.name.endswith(part) else beside


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with whole(path) as beside, beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DataError
        The file is missing or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: expected a file, found none") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a JSON object, got {short(error)}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def check_study(path: Path, found: object, study: str) -> None:
    """Refuse a file of another study."""
    if found != study:
        raise DataError(f"{path}: expected a file of study {study!r}, got one of {found!r}")


def tree_digest(folder: Path) -> str:
    """Return the SHA-256 of all files in a folder, their names and contents, as 64 hexadecimal digits.

    Raises
    ------
    DataError
        The folder holds a link: what that leads to is no part of it.
    """
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file()):
        if file.is_symlink():
            raise DataError(f"{file}: expected no links inside of a store, got one")
        total.update(file.relative_to(folder).as_posix().encode())
        total.update(bytes.fromhex(file_digest(file)))
    return total.hexdigest()


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what writers of a path left half-written that are no more; this process has one at a time."""
    part = re.compile(rf"\.{re.escape(path.name)}\.([^.]+)\.(\d+)\.part")
    for entry in [*path.parent.iterdir()]:
        if (found := part.fullmatch(entry.name)) and not _written(entry, found[1], int(found[2])):
            remove(entry)


def _written(part: Path, host: str, writer: int) -> bool:
    """Return whether another process may still write; of another machine only the age is known."""
    try:
        if host != HOST:
            return time.time() - part.stat().st_mtime < LOST
        os.kill(writer, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return writer != os.getpid()


def _behind(error: BaseException | None) -> OSError | None:
    """Return the error of the system that a library met, and answered with one of its own; None if it is our word."""
    while error is not None and not isinstance(error, OSError):
        error = None if isinstance(error, TesseraError) else error.__cause__ or error.__context__
    return error


def short(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
