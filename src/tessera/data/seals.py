"""Checksums that a file carries inside itself: what was written is what is read, or one line says which file is not.

A store has the checksum in its manifest; a file that stands alone has it among what it says of itself, by the name
`digest`. Light on purpose, as `files` is. It tells damage, not malice: who can write the file can write its checksum.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tessera.errors import DataError
from tessera.provenance import digest

KEY = "digest"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with its checksum."""
    return {**content, KEY: digest(content)}


def opened(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object without its checksum; refuse one that does not have it."""
    rest = {key: value for key, value in content.items() if key != KEY}
    check(path, content.get(KEY), digest(rest))
    return rest


def check(path: Path, said: object, found: str) -> None:
    """Refuse a file whose content has another checksum than it says.

    Raises
    ------
    DataError
        Names the file, and that deleting it lets it be made again.
    """
    if said != found:
        got = f"content of checksum {found}" if said else "none"
        raise DataError(f"{path}: expected checksum {said or 'inside'}, got {got}; delete it to make it again")


def of_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines of JSON of which the last carries the checksum of all."""
    return [*lines[:-1], {**lines[-1], KEY: digest(lines)}] if lines else []


def opened_lines(path: Path, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines of JSON without the checksum in the last; refuse those that do not have it."""
    *before, last = lines or [{}]
    rest = [*before, {key: value for key, value in last.items() if key != KEY}]
    check(path, last.get(KEY), digest(rest))
    return rest
