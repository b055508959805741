"""Zarr of others: what the library writes comes back bit by bit, hostile stores are refused in one line."""

import json
import os
import shutil
import tracemalloc
import warnings

import google_crc32c
import numcodecs
import numpy as np
import pytest
import zarr

from tessera.data import schema, store
from tessera.errors import DataError
from tessera.formats import mapping, registry
from tests.formats.grids import is_same, refused, said, saved
from tests.formats.mutations import battered, imported
from tests.formats.shock import shocked

CODECS = {
    "none": (2, {"compressor": None}),
    "blosc": (2, {"compressor": numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE)}),
    "zstd": (2, {"compressor": numcodecs.Zstd(3)}),
    "gzip": (2, {"compressor": numcodecs.GZip(1)}),
    "zlib": (2, {"compressor": numcodecs.Zlib(1), "filters": [numcodecs.Shuffle(4)]}),
    "bz2": (2, {"compressor": numcodecs.BZ2(1)}),
    "lz4": (2, {"compressor": numcodecs.LZ4()}),
    "fortran": (2, {"order": "F"}),
    "slashes": (2, {"chunk_key_encoding": {"name": "v2", "separator": "/"}}),
    "3": (3, {}),
    "3 gzip": (3, {"compressors": zarr.codecs.GzipCodec()}),
    "3 twice": (3, {"compressors": (zarr.codecs.GzipCodec(), zarr.codecs.ZstdCodec())}),
    "3 blosc": (3, {"compressors": zarr.codecs.BloscCodec(cname="lz4")}),
    "3 transposed": (3, {"filters": zarr.codecs.TransposeCodec(order=(3, 0, 2, 1))}),
    "3 big endian": (3, {"serializer": zarr.codecs.BytesCodec(endian="big")}),
    "3 shards": (3, {"shards": (2, 18, 30, 28), "compressors": zarr.codecs.ZstdCodec(level=1, checksum=True)}),
    "3 shards, unpacked": (3, {"shards": (2, 18, 30, 28), "compressors": None}),
    "3 dots": (3, {"chunk_key_encoding": {"name": "v2", "separator": "."}}),
}


@pytest.mark.parametrize("chunks", [(1, 2, 5, 7), (2, 9, 30, 4)])
@pytest.mark.parametrize("name", CODECS)
def test_zarr_as_the_library_writes_it_comes_back_bit_by_bit(tmp_path, name, chunks):
    version, options = CODECS[name]
    expected = shocked(fields=["pressure"])
    path = saved(expected.drop_vars("pressure"), tmp_path / "a", "zarr", zarr_format=version)
    values = expected["pressure"].values
    with warnings.catch_warnings(action="ignore"):
        group = zarr.open_group(path, mode="a")
        array = group.create_array(
            "pressure", shape=values.shape, chunks=chunks, dtype="f4", fill_value=0.0, attributes={"units": "Pa"},
            **({"dimension_names": schema.DIMS} if version == 3 else {}), **options,
        )  # fmt: skip
        array[:] = values
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = list(schema.DIMS)
    is_same(imported(path, said("zarr", ["pressure"])), expected, coordinates=("split", "name"))


def test_texts_of_any_length_and_numbers_of_either_order_are_read(tmp_path):
    expected = shocked()
    other = expected.assign_coords(name=("case", np.array(["é", "much longer", "c"], object)))
    for version in (2, 3):
        path = saved(other, tmp_path / f"{version}", "zarr", zarr_format=version)
        is_same(imported(path, said("zarr")), other, coordinates=("name",))
    swapped = expected.assign(
        pressure=expected["pressure"].astype(">f4"), velocity_y=expected["velocity_y"].astype(">f8")
    )
    is_same(imported(saved(swapped, tmp_path / "big", "zarr"), said("zarr")), expected)


def test_chunks_that_are_not_there_hold_the_fill_value(tmp_path):
    path = saved(shocked().chunk({"case": 1}), tmp_path / "a", "zarr")
    place = path / "velocity_y"
    (place / "0.0.0.0").unlink()
    refused(path, said("zarr"), "velocity_y: expected finite values, got nan")
    edited(place / ".zarray", fill_value=0.0)
    assert not imported(path, said("zarr"))[0]["velocity_y"].values.any()
    edited(place / ".zarray", fill_value=None)
    refused(path, said("zarr"), "chunk 0.0.0.0: expected a file")


@pytest.mark.parametrize("version", [2, 3])
def test_values_that_are_said_to_be_missing_are_refused(tmp_path, version):
    dataset = shocked(fields=["velocity_x", "velocity_y"])
    dataset["velocity_y"][1, 3, 2, 5] = -999.0
    path = saved(dataset, tmp_path / "a", "zarr", zarr_format=version)
    asked = said("zarr", ["velocity_x", "velocity_y"])
    assert imported(path, asked)[1]["velocity_y"].values[0, 3, 2, 5] == -999.0
    encoding = {"velocity_y": {"_FillValue": np.float32(-999.0)}}
    refused(saved(dataset, tmp_path / "b", "zarr", zarr_format=version, encoding=encoding), asked, "(3, 2, 5)")


def test_zeros_are_not_missing_where_zarr_fills_with_zero(tmp_path):
    dataset = shocked(fields=["velocity_y"])
    assert (dataset["velocity_y"] == 0.0).any()
    path = saved(dataset, tmp_path / "a", "zarr")
    edited(path / "velocity_y" / ".zarray", fill_value=0)
    is_same(imported(path, said("zarr", ["velocity_y"])), dataset)


def edited(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


PICKLED = [{"id": "pickle", "protocol": 5}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [3, 10**4, 10**4, 10**4], "chunks": [1, 10**4, 10**4, 10**4]}, ("a size that fits", "B")),
        ({"chunks": [1, 10**5, 10**5, 10**5]}, ("chunk: expected a size that fits",)),
        ({"filters": PICKLED}, ("expected codecs", "'pickle'")),
        ({"dtype": "|O"}, ("plain numbers or text", "'|O'")),
        ({"dtype": "|O", "filters": PICKLED}, ("expected codecs",)),
        ({"dtype": [["a", "<f4"]]}, ("plain numbers",)),
        ({"dtype": "<M8[ns]"}, ("plain numbers",)),
        ({"compressor": {"id": "os.system"}}, ("expected codecs",)),
        ({"filters": [{"id": "fixedscaleoffset"}]}, ("expected codecs", "fixedscaleoffset")),
        ({"shape": [3, -5, 12, 20]}, ("whole numbers",)),
        ({"shape": [3, 5.0, 12, 20]}, ("whole numbers",)),
        ({"shape": [3] * 40, "chunks": [1] * 40}, ("agree",)),
        ({"dimension_separator": "/../"}, ("one of",)),
        ({"chunks": [1, 5, 12, 0]}, ("whole numbers",)),
    ],
)
def test_hostile_metadata_of_zarr_are_refused_before_anything_is_read(tmp_path, changes, words):
    path = saved(shocked(fields=["temperature"]).chunk({"case": 1}), tmp_path / "a", "zarr")
    edited(path / "temperature" / ".zarray", **changes)
    refused(path, said("zarr", ["temperature"]), *words)


def test_a_zarr_array_of_endless_chunks_is_refused(tmp_path):
    path = saved(shocked().drop_vars(["time", "y", "x"]), tmp_path / "a", "zarr")
    edited(path / "temperature" / ".zarray", shape=[3, 400, 800, 600], chunks=[1, 1, 1, 1])
    asked = mapping.parse(said("zarr", ["temperature"]), "m")
    with pytest.raises(DataError, match="at most 1000000 chunks"):
        registry.open_set(path, asked).read(0)


def test_metadata_of_zarr_that_never_end_are_refused(tmp_path):
    path = saved(shocked(), tmp_path / "a", "zarr")
    for content in ("[" * 100_000, '{"a":' * 50_000, "[]", "9" * 5000, '{"shape": [1' + "0" * 5000 + "]}", " " * 2**21):
        (path / "x" / ".zarray").write_text(content)
        refused(path, said("zarr"), "a.zarr")
    (path / "x" / ".zarray").write_text((path / "y" / ".zarray").read_text().replace("12", "20") + " " * 2**21)
    refused(path, said("zarr"), "metadata of at most 1048576 bytes")


def test_unknown_codecs_of_version_3_are_refused(tmp_path):
    path = saved(shocked(), tmp_path / "a", "zarr", zarr_format=3)
    plain = {"name": "bytes", "configuration": {"endian": "little"}}
    edited(path / "pressure" / "zarr.json", codecs=[plain, {"name": "numcodecs.pickle"}])
    refused(path, said("zarr"), "expected codecs", "'numcodecs.pickle'")
    edited(path / "pressure" / "zarr.json", codecs=[plain], data_type="r128")
    refused(path, said("zarr"), "plain numbers")
    edited(path / "pressure" / "zarr.json", data_type="float32", storage_transformers=[{"name": "x"}])
    refused(path, said("zarr"), "expected codecs", "'transformers'")


def test_strange_shards_are_refused(tmp_path):
    sharded = {"pressure": {"chunks": (1, 5, 12, 20), "shards": (3, 5, 12, 20)}}
    path = saved(shocked(), tmp_path / "a", "zarr", zarr_format=3, encoding=sharded)
    file = path / "pressure" / "zarr.json"
    (codec,) = json.loads(file.read_text())["codecs"]
    said_ = codec["configuration"]
    for change, words in {
        "chunk_shape": ([2, 5, 12, 20], "expected shards of whole chunks"),
        "codecs": ([codec], "'sharding_indexed'"),
        "index_codecs": ([{"name": "numcodecs.pickle"}], "expected a table of bytes"),
        "index_location": ("middle", "at the start or the end"),
    }.items():
        edited(file, codecs=[{**codec, "configuration": {**said_, change: words[0]}}])
        refused(path, said("zarr"), words[1])
    edited(file, codecs=[codec])
    shard = next(each for each in (path / "pressure" / "c").rglob("*") if each.is_file())
    whole = shard.read_bytes()
    table = np.frombuffer(whole[-52:-4], "<u8").copy()
    for content, words in (
        (whole[:40], "a table of 52 bytes"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "the checksum of its table"),
        (_told(whole, table + np.uint64(10**9)), "in it, got"),
        (_told(whole, np.array([0, 2**62] * 3, "<u8")), "in it, got"),
    ):
        shard.write_bytes(content)
        refused(path, said("zarr"), words)


def _told(shard, table):
    """Return a shard with another table, and its checksum."""
    return shard[:-52] + table.tobytes() + google_crc32c.value(table.tobytes()).to_bytes(4, "little")


PACKERS = (
    numcodecs.Zlib(1),
    numcodecs.GZip(1),
    numcodecs.Zstd(1),
    numcodecs.BZ2(1),
    numcodecs.LZ4(),
    numcodecs.Blosc(),
)


@pytest.mark.parametrize("codec", PACKERS, ids=lambda codec: codec.codec_id)
def test_chunks_of_zarr_that_unpack_to_another_size_are_refused(tmp_path, codec):
    dataset = shocked(fields=["pressure"]).chunk({"case": 1})
    path = saved(dataset, tmp_path / "a", "zarr", encoding={"pressure": {"compressors": codec}})
    chunk, content = path / "pressure" / "1.0.0.0", said("zarr", ["pressure"])
    whole, most = chunk.read_bytes(), 2**25
    bomb = codec.encode(bytes(most))
    for broken in (whole[: len(whole) // 2], whole[:-3], b"", b"x"):
        chunk.write_bytes(broken)
        refused(path, content, "1.0.0.0: expected")
    chunk.write_bytes(codec.encode(bytes(40)))
    refused(path, content, "1.0.0.0: expected a chunk of 4800 bytes, got 40")
    chunk.write_bytes(bomb)
    tracemalloc.start()
    refused(path, content, "1.0.0.0: expected")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < most / 8


def test_links_out_of_a_zarr_store_are_refused(tmp_path):
    path = saved(shocked().chunk({"case": 1}), tmp_path / "a", "zarr")
    chunk, place = path / "pressure" / "0.0.0.0", path / "velocity_x"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    refused(path, said("zarr"), "expected no links, got one at 'pressure/0.0.0.0'")
    chunk.unlink()
    os.mkfifo(chunk)
    refused(path, said("zarr"), "chunk 0.0.0.0: expected a file")
    chunk.unlink()
    (tmp_path / "elsewhere").rename(chunk)
    place.rename(tmp_path / "there")
    place.symlink_to(tmp_path / "there")
    refused(path, said("zarr"), "expected no links", "velocity_x")
    content = said("zarr")
    content["fields"]["velocity_x"] = {"variable": "../there"}
    refused(path, content, "expected variable '../there'")


def test_what_is_no_zarr_store_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    refused(tmp_path / "a.zarr", said("zarr"), "expected a Zarr store")
    (tmp_path / "a.json").write_text("[" * 100_000)
    refused(tmp_path / "a.json", said("zarr"), "expected a JSON object")
    path = saved(shocked(), tmp_path / "b", "zarr")
    (path / "pressure" / ".zattrs").write_text('{"units": "Pa"}')
    refused(path, said("zarr"), "names of its dimensions", "_ARRAY_DIMENSIONS")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_stores_survive_any_damage(tmp_path, version):
    encoding = {"pressure": {"chunks": (3, 4, 6, 10)}}
    path = saved(shocked(3, 4, 6, 10), tmp_path / "a", "zarr", zarr_format=version, encoding=encoding)
    files = sorted(each for name in ("pressure", "name", "x") for each in (path / name).rglob("*") if each.is_file())
    assert len(files) == (9 if version == 2 else 6)
    refusals = [battered(each, lambda: imported(path, said("zarr")), seed=n, count=20) for n, each in enumerate(files)]
    assert sum(refusals) > 10 * len(files)


def test_own_stores_survive_any_damage(tmp_path):
    store.save_zarr(shocked(3, 4, 6, 10), tmp_path / "own.json")
    manifest = tmp_path / "own.json"
    for number, each in enumerate(("own.json", "own.zarr/pressure/zarr.json", "own.zarr/pressure/c/0/0/0/0")):
        refusals = battered(tmp_path / each, lambda: imported(manifest, said("zarr")), seed=number, count=35)
        assert refusals == 35 or each == "own.json"
    shutil.rmtree(tmp_path / "own.zarr" / "x")
    refused(manifest, said("zarr"), "expected checksum")
