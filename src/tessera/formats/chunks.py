"""Variables of Zarr stores, versions 2 and 3, one region at a time: metadata in JSON, values in files of chunks.

The files are read here, not by the Zarr library, so that nothing of a store is trusted: no codec but those below (the
library knows one that unpickles), no links, no file outside of the store, no chunk that unpacks to more than it says.
What xarray writes is understood, shards included. https://zarr-specs.readthedocs.io
"""

import base64
import json
import math
import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numcodecs
import numpy as np
import pyarrow

from tessera.errors import DataError
from tessera.formats.shards import Shards, shards
from tessera.formats.variables import MOST_CHUNKS, Variable, affordable, shown, told

METADATA = 2**20  # bytes that a file of metadata may have
TEXTS = 2**26  # bytes that a chunk of texts may unpack to
LONGEST_NAME = 255  # bytes, of a folder
MOST_DIMS = 8
UNPACKED = ("blosc", "bz2", "gzip", "lz4", "zlib", "zstd")  # bytes to bytes
UNDONE = ("bitround", "shuffle", "vlen-utf8")  # further ones of version 2, called filters there
_V2_NUMBERS = re.compile(r"[<>|][fiu][1248]")
_V2_TEXT = re.compile(r"[<>|][US]([1-9]\d{0,4})")
_V3_NUMBERS = re.compile(r"float(16|32|64)|u?int(8|16|32|64)")


class Layout(NamedTuple):
    """How the values of a variable lie in its chunks.

    Attributes
    ----------
    chunk
        Shape of every chunk; those at the far ends are filled up.
    dtype
        Of the stored values, with their order of bytes; objects stand for texts of any length.
    axes
        Axes of the variable in the order in which a chunk holds them, slowest first.
    codecs
        What made bytes of them, the last one first: name and configuration.
    fill
        Value of the chunks that are not there; None: they must be there.
    prefix, separator
        Of the names of chunks, or of the shards that hold them.
    shards
        How chunks lie in shards; None where each has its file.
    """

    chunk: tuple[int, ...]
    dtype: np.dtype
    axes: tuple[int, ...]
    codecs: tuple[tuple[str, Mapping[str, Any]], ...]
    fill: Any
    prefix: tuple[str, ...]
    separator: str
    shards: Shards | None = None


def names(folder: Path) -> list[str]:
    """Return the names of the variables of a store."""
    return sorted(each.name for each in folder.iterdir() if _version(each) is not None)


def headers(folder: Path, wanted: Iterable[str]) -> dict[str, Variable]:
    """Return what a store says of those of some variables that it has.

    Raises
    ------
    DataError
        It is no Zarr store, its metadata are broken or absurd, or ask for a codec that is not known to be safe.
    """
    marks = (".zgroup", ".zmetadata", "zarr.json")
    if not folder.is_dir() or not any((folder / mark).is_file() for mark in marks):
        raise DataError(f"{folder}: expected a Zarr store, a folder with one of {', '.join(marks)}, got none")
    return {name: _array(folder, name)[0] for name in wanted if _plain(name) and _version(folder / name) is not None}


def values(folder: Path, name: str, region: tuple[slice, ...]) -> np.ndarray:
    """Return a region of a variable as it is stored, text as text.

    Parameters
    ----------
    folder
        A store whose `headers` were read.
    name
        Of the variable.
    region
        A slice with start and stop for each of its dimensions.

    Raises
    ------
    DataError
        A chunk is broken, or is a link out of the store.
    """
    variable, layout = _array(folder, name)
    place, where = folder / name, f"{folder}: {shown(name)}"
    shape = tuple(each.stop - each.start for each in region)
    for wanted, what in ((shape, where), (layout.chunk, f"{where}: chunk")):
        affordable(wanted, variable.dtype.itemsize, lambda: _stored(place), what)
    steps = [
        range(each.start // width, -(-each.stop // width)) for each, width in zip(region, layout.chunk, strict=True)
    ]
    if math.prod(map(len, steps)) > MOST_CHUNKS:
        raise DataError(f"{where}: expected at most {MOST_CHUNKS} chunks, got {math.prod(map(len, steps)):.3g}")
    found = np.empty(shape, layout.dtype)
    for index in product(*steps):
        ours, theirs = _overlap(region, index, layout.chunk)
        found[ours] = _chunk(place, index, layout, where)[theirs]
    return found if found.dtype.kind in "fiu" else _text(found, where)


def _overlap(
    region: tuple[slice, ...], index: tuple[int, ...], chunk: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the part of a region that a chunk holds, as places in the region and in the chunk."""
    ours, theirs = [], []
    for each, number, width in zip(region, index, chunk, strict=True):
        start, stop = max(each.start, number * width), min(each.stop, (number + 1) * width)
        ours.append(slice(start - each.start, stop - each.start))
        theirs.append(slice(start - number * width, stop - number * width))
    return tuple(ours), tuple(theirs)


def _chunk(place: Path, index: tuple[int, ...], layout: Layout, where: str) -> np.ndarray:
    """Return the values of a chunk, or its fill value where there is none."""
    number, within = (index, ()) if layout.shards is None else layout.shards.split(index)
    key = layout.separator.join((*layout.prefix, *map(str, number))) or "0"
    path = _inside(place, key)
    texts = layout.dtype.kind == "O"
    size = TEXTS if texts else math.prod(layout.chunk) * layout.dtype.itemsize
    most = 2 * size + METADATA  # of what is packed once more, which may grow
    whole = layout.shards is None
    if path.exists() and (not path.is_file() or (whole and path.stat().st_size > most)):
        raise DataError(f"{where}: chunk {key}: expected a file of at most {most} bytes, got something else")
    with told(path, "a whole chunk"):
        content = None
        if path.exists():
            content = path.read_bytes() if layout.shards is None else layout.shards.read(path, within, most)
        if content is None and layout.fill is None:
            raise DataError(f"{where}: chunk {key}: expected a file, for it has no fill value, found none")
        if content is None:
            return np.broadcast_to(np.array(layout.fill, layout.dtype), layout.chunk)
        for codec, said in layout.codecs:
            content = _decoded(content, codec, said, most)
        if not texts and len(content) != size:
            raise DataError(f"{path}: expected a chunk of {size} bytes, got {len(content)}")
        flat = _texts(content, math.prod(layout.chunk)) if texts else np.frombuffer(content, layout.dtype)
        return flat.reshape([layout.chunk[axis] for axis in layout.axes]).transpose(np.argsort(layout.axes))


def _decoded(content: bytes, codec: str, said: Mapping[str, Any], most: int) -> bytes:
    """Undo one codec, and never unpack more than one byte beyond `most`."""
    if codec in ("zlib", "gzip"):
        stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        unpacked = stream.decompress(content, most + 1)
        if not stream.eof:
            raise ValueError("a chunk that is cut off, or unpacks to more than it says")
        return unpacked
    if codec in ("zstd", "bz2"):
        return pyarrow.CompressedInputStream(pyarrow.BufferReader(content), codec).read(most + 1)
    if codec == "shuffle":
        width = int(said.get("elementsize", 4))
        return np.frombuffer(content, "u1").reshape(width, -1).T.tobytes()
    if codec == "lz4":
        if int.from_bytes(content[:4], "little") > most:
            raise ValueError("a chunk that unpacks to more than it says")
        return numcodecs.LZ4().decode(content)
    if codec == "blosc":
        whole, packed = (int.from_bytes(content[start : start + 4], "little") for start in (4, 12))
        if len(content) < 16 or packed != len(content) or whole > most:
            raise ValueError("a chunk of another length than its header says")
        return numcodecs.Blosc().decode(content)
    return content  # bitround and vlen-utf8 leave nothing to undo here


def _texts(content: bytes, count: int) -> np.ndarray:
    """Return texts that are stored as their number and then, of each, its length and its bytes in UTF-8."""
    (said,) = struct.unpack_from("<I", content)
    if said != count:
        raise ValueError(f"{said} texts instead of {count}")
    found, start = np.empty(count, object), 4
    for number in range(count):
        (length,) = struct.unpack_from("<I", content, start)
        text = content[start + 4 : start + 4 + length]
        if len(text) != length:
            raise ValueError("a text that is cut off")
        found[number], start = text.decode(), start + 4 + length
    return found


def _text(found: np.ndarray, where: str) -> np.ndarray:
    with told(where, "text in UTF-8"):
        return np.char.decode(found, "utf-8") if found.dtype.kind == "S" else found.astype("U")


def _array(folder: Path, name: str) -> tuple[Variable, Layout]:
    where = f"{folder}: {shown(name)}"
    place = folder / name
    with told(where, "metadata of a Zarr array"):
        found, layout = _of_version_2(place, where) if _version(place) == 2 else _of_version_3(place, where)
    if len(layout.chunk) != len(found.shape) or not len(found.dims) == len(found.shape) <= MOST_DIMS:
        raise DataError(
            f"{where}: expected a shape, chunks and names of dimensions that agree, got {len(found.shape)}, "
            f"{len(layout.chunk)} and {len(found.dims)} of them; xarray writes such stores"
        )
    return found, layout


def _of_version_2(place: Path, where: str) -> tuple[Variable, Layout]:
    said = _json(place, ".zarray")
    attrs = _json(place, ".zattrs") if (place / ".zattrs").exists() else {}
    filters = said.get("filters") or []
    packed = [said["compressor"]] if said.get("compressor") else []
    codecs = [(each.pop("id", None), each) for each in [*packed, *reversed(filters)]]
    strange = [name for name, _ in codecs if name not in (*UNPACKED, *UNDONE)]
    texts = said["dtype"] == "|O" and [name for name, _ in codecs[len(packed) :]] == ["vlen-utf8"]
    if strange:
        raise DataError(f"{where}: expected codecs {', '.join((*UNPACKED, *UNDONE))}, got {shown(strange[0])}")
    if not texts and not any(form.fullmatch(str(said["dtype"])) for form in (_V2_NUMBERS, _V2_TEXT)):
        raise DataError(f"{where}: expected plain numbers or text, got type {shown(said['dtype'])}")
    dtype = np.dtype(object) if texts else np.dtype(said["dtype"])
    shape, chunk = _sizes(said["shape"], 0, where), _sizes(said["chunks"], 1, where)
    axes = tuple(range(len(shape)))[:: -1 if said.get("order", "C") == "F" else 1]
    fill = _fill(said.get("fill_value"), dtype)
    if dtype.kind in "fiu" and fill:  # zero says nothing, for Zarr fills with it by itself
        attrs.setdefault("_FillValue", fill)
    separator = _one_of(said.get("dimension_separator", "."), "./", where)
    dims = _dims(attrs.pop("_ARRAY_DIMENSIONS", None), where)
    layout = Layout(chunk, dtype, axes, tuple(codecs), fill, (), separator)
    return Variable(dims, shape, _described(dtype), attrs), layout


def _of_version_3(place: Path, where: str) -> tuple[Variable, Layout]:
    said = _json(place, "zarr.json")
    attrs = dict(said.get("attributes") or {})
    if isinstance(attrs.get("_FillValue"), str) and attrs["_FillValue"] not in _NOT_FINITE:  # as xarray writes it
        (attrs["_FillValue"],) = struct.unpack("<d", base64.b64decode(attrs["_FillValue"], validate=True))
    codecs = [(each["name"], each.get("configuration") or {}) for each in said["codecs"]]
    shape = _sizes(said["shape"], 0, where)
    chunk = _sizes(said["chunk_grid"]["configuration"]["chunk_shape"], 1, where)
    sharding = None
    if len(codecs) == 1 and codecs[0][0] == "sharding_indexed":
        inside = codecs[0][1]
        codecs = [(each["name"], each.get("configuration") or {}) for each in inside["codecs"]]
        outer, chunk = chunk, _sizes(inside["chunk_shape"], 1, where)
        sharding = shards(inside, outer, chunk, where)
    axes: tuple[int, ...] = tuple(range(len(shape)))
    if codecs and codecs[0][0] == "transpose":
        axes = _sizes(codecs.pop(0)[1]["order"], 0, where)
    serial, packed = codecs[0] if codecs else (None, {}), codecs[1:]
    strange = [name for name, _ in packed if name not in UNPACKED]
    strange += [] if serial[0] in ("bytes", "vlen-utf8") else [serial[0]]
    if strange or said.get("storage_transformers"):
        known = ", ".join(("transpose", "bytes", "vlen-utf8", *UNPACKED))
        raise DataError(f"{where}: expected codecs {known}, got {shown((strange or ['transformers'])[0])}")
    dtype = _dtype_of_version_3(said["data_type"], serial, where)
    keys = said["chunk_key_encoding"]
    kind = _one_of(keys["name"], ("default", "v2"), where)
    usual = "/" if kind == "default" else "."
    separator = _one_of((keys.get("configuration") or {}).get("separator", usual), "./", where)
    if said.get("node_type") != "array" or sorted(axes) != list(range(len(shape))):
        raise DataError(f"{where}: expected an array, got metadata of something else")
    prefix = ("c",) if kind == "default" else ()
    dims = _dims(said.get("dimension_names"), where)
    fill = _fill(said["fill_value"], dtype)
    layout = Layout(chunk, dtype, axes, tuple(reversed(packed)), fill, prefix, separator, sharding)
    return Variable(dims, shape, _described(dtype), attrs), layout


def _dtype_of_version_3(said: Any, serial: tuple[Any, Mapping[str, Any]], where: str) -> np.dtype:
    kind = said["name"] if isinstance(said, dict) else said
    if kind == "string" and serial[0] == "vlen-utf8":
        return np.dtype(object)
    endian = {"little": "<", "big": ">"}[serial[1].get("endian", "little")]
    if kind == "fixed_length_utf32" and serial[0] == "bytes":
        (length,) = _sizes([said["configuration"]["length_bytes"]], 4, where)
        return np.dtype(f"{endian}U{min(length, METADATA) // 4}")
    if not isinstance(kind, str) or not _V3_NUMBERS.fullmatch(kind) or serial[0] != "bytes":
        raise DataError(f"{where}: expected plain numbers or text, got type {shown(kind)}")
    return np.dtype(endian + np.dtype(kind).str[1:])


def _described(dtype: np.dtype) -> np.dtype:
    """Return the dtype of the values that come out: native numbers, or text."""
    if dtype.kind in "fiu":
        return dtype.newbyteorder("=")
    return np.dtype("U16") if dtype.kind == "O" else np.dtype(f"U{dtype.itemsize // (4 if dtype.kind == 'U' else 1)}")


_NOT_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def _fill(said: Any, dtype: np.dtype) -> Any:
    if said is None:
        return None
    if dtype.kind not in "fiu":
        return b"" if dtype.kind == "S" else ""
    if isinstance(said, str) and said.startswith("0x"):
        return np.frombuffer(bytes.fromhex(said[2:]), dtype.newbyteorder(">"))[0].item()
    with np.errstate(all="raise"):
        return np.array(_NOT_FINITE.get(said, said) if isinstance(said, str) else said).astype(dtype)[()].item()


def _sizes(said: Any, least: int, where: str) -> tuple[int, ...]:
    if not isinstance(said, list) or any(type(size) is not int or not least <= size < 2**62 for size in said):
        raise DataError(f"{where}: expected whole numbers from {least}, got {shown(said)}")
    return tuple(said)


def _dims(said: Any, where: str) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(name, str) for name in said):
        hint = "_ARRAY_DIMENSIONS or dimension_names, as xarray writes them"
        raise DataError(f"{where}: expected names of its dimensions ({hint}), got {shown(said)}")
    return tuple(said)


def _one_of(said: Any, known: Iterable[str], where: str) -> str:
    if said not in list(known):
        raise DataError(f"{where}: expected one of {', '.join(known)}, got {shown(said)}")
    return str(said)


def _json(place: Path, name: str) -> dict[str, Any]:
    path = _inside(place, name)
    if not path.is_file() or path.stat().st_size > METADATA:
        raise DataError(f"{path}: expected metadata of at most {METADATA} bytes, got none or more")
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def _version(place: Path) -> int | None:
    if (place / ".zarray").exists():
        return 2
    return 3 if (place / "zarr.json").exists() else None


def _plain(name: str) -> bool:
    return not name.startswith(".") and not set(name) & set("/\\\0") and len(name.encode()) <= LONGEST_NAME


def _inside(place: Path, key: str) -> Path:
    """Return the path of a key, and refuse one that any link leads to."""
    path = place / key
    if path.resolve() != place.parent.resolve() / place.name / key:
        raise DataError(f"{place.parent}: expected no links, got one at {shown(f'{place.name}/{key}')}")
    return path


def _stored(place: Path) -> int:
    return sum(path.lstat().st_size for path in place.rglob("*"))
