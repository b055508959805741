"""A seeded fuzzer of files, and what an importer may answer to what it made: one line, or a sound data set."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from tessera.errors import ConfigError, DataError
from tessera.formats import importing, mapping, registry

HEADER = 160  # bytes at the start of a file, where half of the damage is done


def mutations(content: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yield damaged copies of a file, each different from it, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        damage = _DAMAGES[number % len(_DAMAGES)]
        found = damage(content, rng)
        yield found if found != content else _insert(content, rng)


def battered(path: Path, read: Callable[[], Iterable[xr.Dataset]], *, seed: int = 0, count: int = 100) -> int:
    """Read a set once for every mutation of one of its files; return how many were refused.

    Any answer fails but one line of `DataError` or `ConfigError`, and finite values of the same fields and shape.
    """
    content = path.read_bytes()
    like = list(read())
    try:
        refused = 0
        for number, damaged in enumerate(mutations(content, seed, count)):
            path.unlink()  # an open map of the old file stays whole
            path.write_bytes(damaged)
            refused += not survives(read, like, f"{path.name}, mutation {number} of seed {seed}")
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    return refused


def survives(read: Callable[[], Iterable[xr.Dataset]], like: list[xr.Dataset], what: str) -> bool:
    """Return whether a damaged set was read, after a look at the data sets; False if it was refused in one line."""
    try:
        cases = list(read())
    except (DataError, ConfigError) as error:
        said = str(error.args[0])
        assert "expected" in said, f"{what}: a message without what was expected: {said!r}"
        assert len(said) < 800, f"{what}: a message of {len(said)} characters"
        assert said.isprintable(), f"{what}: a message that is not one printable line: {said!r}"
        return False
    assert len(cases) == len(like), f"{what}: read as {len(cases)} cases instead of {len(like)}"
    for one, other in zip(cases, like, strict=True):
        assert one.sizes == other.sizes, f"{what}: read as {dict(one.sizes)} instead of {dict(other.sizes)}"
        assert set(one.data_vars) == set(other.data_vars), f"{what}: read as {sorted(map(str, one.data_vars))}"
        for name, values in one.variables.items():
            if values.dtype.kind == "f":
                assert np.isfinite(values.values).all(), f"{what}: {name} is not finite"
    return True


def imported(path: Path, said: dict) -> list[xr.Dataset]:
    """Import a set by the content of a mapping file; one data set for each case."""
    asked = mapping.parse(said, "mapping.yaml")
    return list(importing.read(registry.open_set(path, asked), asked, str(path)))


def _place(content: bytes, rng: np.random.Generator) -> int:
    end = min(HEADER, len(content)) if rng.random() < 0.5 else len(content)
    return int(rng.integers(max(end, 1)))


def _range(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = _place(content, rng)
    return start, start + int(rng.integers(1, 33))


def _truncate(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: _place(content, rng)]


def _flip(content: bytes, rng: np.random.Generator) -> bytes:
    found = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        found[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(found)


def _overwrite(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _range(content[:HEADER], rng)
    fill = rng.choice([b"\x00", b"\xff", b"9", b"-", b"(", b"\n"]) if rng.random() < 0.5 else None
    return content[:start] + (rng.bytes(stop - start) if fill is None else fill * (stop - start)) + content[stop:]


def _insert(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _range(content, rng)
    return content[:start] + rng.bytes(stop - start) + content[start:]


def _duplicate(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _range(content, rng)
    return content[:stop] + content[start:]


def _zero(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = _range(content, rng)
    return content[:start] + bytes(min(stop, len(content)) - start) + content[stop:]


def _swap(content: bytes, rng: np.random.Generator) -> bytes:
    first, second = sorted((_place(content, rng), _place(content, rng)))
    length = min(second - first, len(content) - second, int(rng.integers(1, 33)))
    one, other = content[first : first + length], content[second : second + length]
    return content[:first] + other + content[first + length : second] + one + content[second + length :]


_DAMAGES = (_truncate, _flip, _overwrite, _insert, _duplicate, _zero, _swap)
