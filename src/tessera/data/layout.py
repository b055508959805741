"""What the metadata of a Zarr store may say before anything of it is read.

The library knows a codec that unpickles, which runs what it reads, and makes room for any shape that it is told. So the
metadata that it will believe are looked through first, versions 2 and 3. https://zarr-specs.readthedocs.io
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tessera.data.files import read_json, short
from tessera.errors import DataError

METADATA = (".zarray", "zarr.json")
NUMBERS = ("blosc", "bytes", "bz2", "crc32c", "gzip", "lz4", "shuffle", "transpose", "zlib", "zstd")
CODECS = (*NUMBERS, "sharding_indexed", "vlen-utf8")
SMALL, DENSEST = 2**28, 10**5  # values that any array may have, and that may be packed into a byte


def check(place: Path) -> None:
    """Refuse a store that says what none of ours does.

    Raises
    ------
    DataError
        It has a codec that is not known, chunks that are none, far more values than its bytes can hold, or links.
    """
    try:
        for name, array in _arrays(place):
            strange = sorted(set(map(str, _codecs(array))) - {*CODECS})
            if strange:
                raise DataError(f"{place}: {name}: expected codecs {', '.join(CODECS)}, got {strange[0]!r}")
            _check_sizes(place, name, array)
    except DataError:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place}: expected metadata of arrays, got {short(error)}") from None


def _arrays(place: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the arrays of a store by name, from their own metadata: consolidated ones are not believed."""
    for path in sorted(path for name in METADATA for path in place.glob(f"*/{name}")):
        yield path.parent.name, read_json(path)


def _codecs(array: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the name of each codec of an array, those inside of shards included."""
    version_2 = [*(array.get("filters") or []), *([array["compressor"]] if array.get("compressor") else [])]
    yield from (codec["id"] for codec in version_2)
    for codec in array.get("codecs") or []:
        yield codec["name"]
        inside = codec.get("configuration") or {}
        yield from _codecs({"codecs": [*inside.get("codecs", []), *inside.get("index_codecs", [])]})


def _check_sizes(place: Path, name: str, array: Mapping[str, Any]) -> None:
    shape = [int(size) for size in array["shape"]]
    chunk = array["chunks"] if "chunks" in array else array["chunk_grid"]["configuration"]["chunk_shape"]
    if len(chunk) != len(shape) or any(
        not 1 <= int(one) <= max(all_, 1) for one, all_ in zip(chunk, shape, strict=True)
    ):
        raise DataError(f"{place}: {name}: expected chunks of an array of shape {shape}, got {chunk}")
    count = math.prod(shape)
    if count > SMALL and count > DENSEST * (stored := sum(path.lstat().st_size for path in place.rglob("*"))):
        raise DataError(f"{place}: {name}: expected values that {stored} bytes can hold, got shape {shape}")
