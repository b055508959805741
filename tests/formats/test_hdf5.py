"""An HDF5 file is read for the numbers that lie in it: nothing else is followed, loaded, believed or allocated."""

import os
import resource
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest

from tessera.errors import DataError
from tessera.formats import axes, hdf5, mapping
from tests.formats.watch import watched

VALUES = np.arange(60.0).reshape(3, 4, 5)
MIB = 2**20


def read(path, name="a"):
    """Return an array of a file."""
    with hdf5.opened(path) as file:
        found = hdf5.dataset(file, name)
        return hdf5.part(found, *[slice(None)] * found.ndim)


def refused(path, said, name="a"):
    """Assert that an array is refused in one printable line with the path of its file first."""
    with pytest.raises(DataError) as caught:
        read(path, name)
    assert caught.value.args[0].startswith(f"{path}: ")
    assert caught.value.args[0].isprintable()
    assert said in str(caught.value)


def zeros(size):
    """Return a gzip stream of zeros without writing all of them: one part of it, again and again."""
    packer = zlib.compressobj(9)
    start = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + again * (size // MIB - 1) + packer.flush()


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "<i2", "|u1", ">u8"])
@pytest.mark.parametrize(
    "packed",
    [
        {},
        {"chunks": (2, 3, 2)},
        {"chunks": (2, 3, 2), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (3, 1, 5), "compression": "lzf", "shuffle": True},
        {"chunks": (1, 4, 5), "maxshape": (None, 4, 5), "compression": "gzip"},
    ],
    ids=["plain", "chunks", "gzip", "lzf", "growing"],
)
def test_honest_numbers_are_read_however_they_are_packed(tmp_path, packed, dtype):
    with h5py.File(tmp_path / "ä.h5", "w") as file:
        file.create_dataset("deep/a", data=VALUES.astype(dtype), **packed)
    np.testing.assert_array_equal(read(tmp_path / "ä.h5", "deep/a"), VALUES)
    with hdf5.opened(tmp_path / "ä.h5") as file:
        found = hdf5.part(hdf5.dataset(file, "deep/a"), 2, slice(1, 3), slice(None))
    np.testing.assert_array_equal(found, VALUES[2, 1:3])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda _: b"", "expected a whole HDF5 file, got no bytes after 0"),
        (lambda whole: b"\x93NUMPY" + whole, "file signature not found"),
        (lambda whole: whole[:-8], "truncated file"),
        (lambda whole: whole[:40], "expected a whole HDF5 file"),
        (lambda whole: whole[:96] + bytes(len(whole) - 96), "expected"),
    ],
    ids=["empty", "magic", "short", "stub", "blank"],
)
def test_a_broken_file_is_one_line(tmp_path, content, said):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = VALUES
    path.write_bytes(content(path.read_bytes()))
    refused(path, said)


def test_a_folder_in_place_of_a_file_is_one_line(tmp_path):
    refused(tmp_path, "expected a whole HDF5 file, got [Errno 21]")


def _link(link):
    def write(file, _):
        file["b"] = VALUES
        file["a"] = link

    return write


def _virtual(file, folder):
    layout = h5py.VirtualLayout((3, 4, 5), "f8")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "a", (3, 4, 5))
    file.create_virtual_dataset("a", layout)


def _outside(file, folder):
    (folder / "raw").write_bytes(VALUES.tobytes())
    file.create_dataset("a", (3, 4, 5), "f8", external=[(folder / "raw", 0, h5py.h5f.UNLIMITED)])


def _hole(file, _):
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((2, 2))
    settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((2, 2)), settings)
    file["a"][:] = 1.0


def _twice(file, _):
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((2, 2))
    settings.set_deflate(9)
    settings.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((2, 2)), settings)
    file["a"][:] = 1.0


def _text(file, _):
    file["a"] = ["one", "two"]


def _pointers(file, _):
    file["b"] = VALUES
    file.create_dataset("a", data=[file["b"].ref] * 2, dtype=h5py.ref_dtype)


def _lists(file, _):
    file.create_dataset("a", (2,), h5py.vlen_dtype("f8"))[0] = [1.0, 2.0]


def _records(file, _):
    file["a"] = np.zeros(3, [("x", "f4"), ("y", "f4")])


WRONG = [
    (_link(h5py.ExternalLink("/etc/passwd", "/a")), "expected data in the file itself, got a link to elsewhere"),
    (_link(h5py.ExternalLink("pipe", "/a")), "got a link to elsewhere"),
    (_link(h5py.SoftLink("/b")), "got a link to elsewhere"),
    (_link(h5py.SoftLink("/nowhere")), "got a link to elsewhere"),
    (_virtual, "expected values in the file itself, got virtual ones"),
    (_outside, "expected values in the file itself, got ones in other files"),
    (_text, "expected numbers of at most 8 bytes, got object"),
    (_pointers, "expected numbers of at most 8 bytes, got object"),
    (_lists, "expected numbers of at most 8 bytes, got object"),
    (_records, "expected numbers of at most 8 bytes, got [('x'"),
    (lambda file, _: file.create_dataset("a", data=VALUES * 1j), "got complex128"),
    (lambda file, _: file.create_dataset("a", data=np.zeros(3, "S9")), "got |S9"),
    (lambda file, _: file.create_dataset("a", data=np.zeros(3, np.longdouble)), "got float128"),
    (lambda file, _: file.create_dataset("a", data=h5py.Empty("f4")), "expected values, got shape None"),
    (lambda file, _: file.create_dataset("a", (0, 3), "f4"), "expected values, got shape (0, 3)"),
    (lambda file, _: file.create_group("a"), "/: expected an array 'a', got a group"),
    (lambda file, _: file.create_group("b"), "/: expected 'a', found b"),
    (lambda file, _: file.create_dataset("a", data=VALUES, scaleoffset=2), "expected no filters but gzip, lzf"),
    (_hole, "got the HDF5 filter 32015; repack the file"),
    (_twice, "expected values packed once, after shuffling, got filters gzip, lzf"),
]


@pytest.mark.parametrize(("write", "said"), WRONG)
def test_what_is_no_plain_number_in_the_file_is_refused(tmp_path, write, said):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = VALUES
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write(file, tmp_path)
    refused(tmp_path / "a.h5", said)


def test_groups_are_not_reached_through_links_either(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["g/a"] = VALUES
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g"] = h5py.ExternalLink("other.h5", "/g")
        file["here/a"] = VALUES
    refused(tmp_path / "a.h5", "got a link to elsewhere", "g/a")
    refused(tmp_path / "a.h5", "expected 'here/../g/a'", "here/../g/a")
    with hdf5.opened(tmp_path / "a.h5") as file, pytest.raises(DataError, match="a link to elsewhere"):
        hdf5.group(file, "g")


@pytest.mark.parametrize(
    ("shape", "chunks"), [((2**40,), None), ((2**20, 2**20), (64, 64)), ((2**62,), (8,)), ((7, 5), None)]
)
def test_what_was_never_written_is_refused_whatever_it_promises(tmp_path, shape, chunks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", shape, "f4", chunks=chunks)
    refused(tmp_path / "a.h5", "expected at most 1100 bytes of values for a stored one (DENSEST)")


def test_a_promise_beyond_what_packing_can_hold_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (2**15, 2**15), "f4", chunks=(64, 64), compression="gzip")
        file["a"][:64, :64] = 1.0
    refused(tmp_path / "a.h5", "(32768, 32768) in ")


def test_more_than_a_case_can_be_is_refused_before_it_is_unpacked(tmp_path):
    stream = zeros(64 * MIB)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        found = file.create_dataset("a", (65, 2**24), "f4", chunks=(1, 2**24), compression="gzip")
        for row in range(65):
            found.id.write_direct_chunk((row, 0), stream)
    assert (tmp_path / "a.h5").stat().st_size < 8 * MIB
    refused(tmp_path / "a.h5", f"/a: expected at most {hdf5.LARGEST} bytes in a field of a case (LARGEST), got 4362")


def test_a_chunk_that_swells_beyond_its_size_is_refused_before_it_is_unpacked(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        found = file.create_dataset("a", (512, 512), "f4", chunks=(512, 512), compression="gzip")
        found.id.write_direct_chunk((0, 0), zeros(1024 * MIB))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path / "a.h5", "expected a chunk of 1048576 bytes, got one that unpacks to more")
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert taken < 200 * 1024, f"expected less than 200 MiB for a file of 1 MiB, took {taken // 1024}"


def test_a_large_honest_chunk_is_read(tmp_path):
    values = np.random.default_rng(0).random((3, 512, 900), "f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=values, chunks=(2, 512, 700), compression="gzip", compression_opts=1)
    with hdf5.opened(tmp_path / "a.h5") as file:
        assert file["a"].id.get_chunk_info(0).size * 1033 > hdf5.SWELLING
    np.testing.assert_array_equal(read(tmp_path / "a.h5"), values)


def test_a_heap_in_which_the_library_would_run_in_circles_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["kind"] = "cartesian"
    content = bytearray((tmp_path / "a.h5").read_bytes())
    place = content.find(hdf5.HEAP) + 16
    content[place : place + 16] = bytes(16)
    (tmp_path / "a.h5").write_bytes(content)
    broken = pytest.raises(DataError, match="got a broken heap of 4096 bytes")
    with watched(20.0), broken, hdf5.opened(tmp_path / "a.h5") as file:
        hdf5.text(file, "kind")


def test_attributes_are_texts_numbers_and_flags_of_a_possible_size(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["b"] = VALUES
        file.attrs.update({"text": "K", "fixed": np.bytes_("m s-1"), "words": ["x", "y"], "none": [], "number": 2})
        file.attrs.update({"yes": True, "both": [True, False], "bits": np.array([1, 0], "i1"), "bad": [1, 2]})
        file.attrs.update({"nan": np.nan, "long": "x" * 201, "odd": "a\nb", "records": np.zeros(2, [("x", "f4")])})
        file.attrs.update({"table": np.zeros((2, 2)), "pointer": file["b"].ref, "null": h5py.Empty("f4")})
    with hdf5.opened(tmp_path / "a.h5") as file:
        assert (hdf5.text(file, "text"), hdf5.text(file, "fixed"), hdf5.text(file, "number")) == ("K", "m s-1", None)
        assert (hdf5.words(file, "words"), hdf5.words(file, "none")) == (["x", "y"], [])
        assert (hdf5.number(file, "number"), hdf5.number(file, "nan"), hdf5.number(file, "other")) == (2.0, None, None)
        assert (hdf5.flags(file, "yes", 1), hdf5.flags(file, "other", 2, default=True)) == ([True], [True, True])
        assert hdf5.flags(file, "both", 2) == hdf5.flags(file, "bits", 2) == [True, False]
        for ask, said in (
            (lambda: hdf5.flags(file, "bad", 2), "/: @bad: expected 2 times true or false, got [1 2]"),
            (lambda: hdf5.flags(file, "other", 1), "/: @other: expected true or false, got none"),
            (lambda: hdf5.flags(file, "both", 3), "/: @both: expected 3 times true or false, got [ True False]"),
            (lambda: hdf5.words(file, "other"), "/: @other: expected a list of words, got none"),
            (lambda: hdf5.words(file, "both"), "/: @both: expected a list of words, got [ True False]"),
            (lambda: hdf5.text(file, "long"), "/: @long: expected a text of at most 200 characters, got xxx"),
            (lambda: hdf5.text(file, "odd"), "/: @odd: expected a text of at most 200 characters, got 'a\\nb'"),
            (lambda: hdf5.text(file, "records"), "/: @records: expected numbers or text, got [('x'"),
            (lambda: hdf5.text(file, "pointer"), "/: @pointer: expected numbers or text, got object"),
            (lambda: hdf5.text(file, "table"), "/: @table: expected a value or a list, got shape (2, 2)"),
            (lambda: hdf5.text(file, "null"), "/: @null: expected a value or a list, got shape None"),
        ):
            with pytest.raises(DataError) as caught:
                ask()
            assert str(caught.value).startswith(said)


def coordinate(path, values, **attrs):
    """Return the axis that coordinates of a file make."""
    with h5py.File(path, "w") as file:
        file["x"] = values
        file["x"].attrs.update(attrs)
    with hdf5.opened(path) as file:
        return axes.axis(hdf5.dataset(file, "x"))


def test_an_even_coordinate_is_its_start_and_step(tmp_path):
    path, points = tmp_path / "a.h5", 3.0 + 0.1 * np.arange(1000)
    found = coordinate(path, points.astype("f4"))
    assert found == (3.0, pytest.approx(0.1, rel=1e-6), 1000, None)
    assert coordinate(path, points.astype("f4"), start=3.0, step=0.1, units="nm") == (3.0, 0.1, 1000, "nm")
    assert coordinate(path, points[::-1]).step == pytest.approx(-0.1, rel=1e-12)
    assert coordinate(path, [points, points]).size == 1000


@pytest.mark.parametrize(
    ("values", "attrs", "said"),
    [
        ([0.0, 1.0, 2.1, 3.0], {}, "expected equal steps, got steps from 0.9 to 1.1"),
        ([0.0, 0.0, 0.0], {}, "expected equal steps, got steps from 0 to 0"),
        ([0.0, np.nan, 2.0], {}, "expected finite values, got nan"),
        ([-1e308, 0.0, 1e308], {}, "expected equal steps"),
        ([0.0], {}, "expected 2 to 1048576 values along an axis (LONGEST), got shape (1,)"),
        (np.zeros(2**20 + 1), {}, "got shape (1048577,)"),
        (np.zeros((2, 2, 2)), {}, "got shape (2, 2, 2)"),
        ([[0.0, 1.0], [0.0, 2.0]], {}, "expected the same values for every trajectory, got different ones"),
        ([0.0, 1.0, 2.0], {"start": 0.0, "step": -1.0}, "@step: expected 1 from 0, got -1 from 0"),
        ([0.0, 1.0, 2.0], {"start": 5.0, "step": 1.0}, "@step: expected 1 from 0, got 1 from 5"),
    ],
)
def test_a_coordinate_that_is_not_even_is_refused(tmp_path, values, attrs, said):
    with pytest.raises(DataError) as caught:
        coordinate(tmp_path / "a.h5", values, **attrs)
    assert str(caught.value).startswith(f"{tmp_path / 'a.h5'}: /x: ")
    assert said in str(caught.value)


def known(**steps):
    """Return axes of 4 snapshots and 3 x 5 cells, evenly and without units, but for what is said otherwise."""
    plain = {"time": axes.Axis(0.0, 1.0, 4, None), "y": axes.Axis(0.0, 1.0, 3, None), "x": axes.Axis(0.0, 1.0, 5, None)}
    return plain | steps


def asked(**more):
    """Return a mapping."""
    said = {"format": "well", "shock": "none", "fields": {"pressure": {"variable": "p"}}}
    return mapping.parse({**said, "cell_size": "1 m", "interval": "1 s", **more}, "mapping.yaml")


def test_units_of_coordinates_become_si_and_those_without_are_not_taken_for_si():
    metres, times = (lambda size: axes.Axis(2.0, -52.0, size, "nm")), axes.Axis(0.34, 0.17, 4, "ns")
    found = axes.grid([("a", known(time=times, x=metres(5), y=metres(3)))], asked())
    assert found.cells == (3, 5)
    assert (found.interval, found.start) == (pytest.approx(1.7e-10), pytest.approx(3.4e-10))
    assert found.cell_size == pytest.approx(5.2e-8)
    assert found.rising == {"y": False, "x": False}
    bare = axes.grid([("a", known(time=axes.Axis(2.0, 0.5, 4, None)))], asked(interval="3 ns"))
    assert (bare.interval, bare.cell_size) == (None, None)
    assert bare.start == pytest.approx(12e-9)


@pytest.mark.parametrize(
    ("one", "more", "said"),
    [
        (
            known(),
            {"cell_size": None},
            "a: cell_size: expected it in the mapping, for the files say steps of 1 without",
        ),
        (known(), {"interval": None}, "a: interval: expected it in the mapping, for the files say steps of 1 without"),
        (known(x=axes.Axis(0.0, 1.1, 5, None)), {}, "a: expected square cells, got steps of 1.1 along x and 1 along y"),
        (known(x=axes.Axis(0.0, 1.0, 5, "s")), {}, "a: expected a unit of the kind of 'm', got 's'"),
        (known(time=axes.Axis(0.0, -1.0, 4, None)), {}, "a: time: expected rising values, got steps of -1"),
        (known(x=axes.Axis(0.0, 1.0, 2**20, None), y=axes.Axis(0.0, 1.0, 2**20, None)), {}, "(LARGEST), got 17592"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(one, more, said):
    with pytest.raises(DataError) as caught:
        axes.grid([("a", one)], asked(**more))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (known(x=axes.Axis(0.0, 1.0, 6, None)), "b: x: expected 5 cells, as in a, got 6"),
        (
            known(x=axes.Axis(0.0, 1.1, 5, None)),
            "b: x: expected steps of 1 from 0 (no unit), as in a, got steps of 1.1",
        ),
        (
            known(y=axes.Axis(0.0, -1.0, 3, None)),
            "b: y: expected steps of 1 from 0 (no unit), as in a, got steps of -1",
        ),
        (known(time=axes.Axis(0.5, 1.0, 4, None)), "b: time: expected steps of 1 from 0 (no unit), as in a, got"),
        (
            known(y=axes.Axis(0.0, 1.0, 3, "m")),
            "b: y: expected steps of 1 from 0 (no unit), as in a, got steps of 1 from 0 (m)",
        ),
        (
            known(time=axes.Axis(0.0, 1.0, 9, None)),
            "b: time: expected 4 snapshots, as in a; say snapshots to keep the first",
        ),
    ],
)
def test_parts_of_a_set_that_differ_are_refused(other, said):
    with pytest.raises(DataError) as caught:
        axes.grid([("a", known()), ("b", other)], asked())
    assert said in str(caught.value)


def test_of_cases_of_different_lengths_the_first_snapshots_are_kept():
    parts = [("a", known()), ("b", known(time=axes.Axis(0.0, 1.0, 9, None)))]
    assert axes.grid(parts, asked(snapshots=3)).snapshots == 3
    assert axes.grid(parts, asked(snapshots=8)).snapshots == 4  # the importer says that there are no eight


def test_a_full_disk_is_one_line(tmp_path):
    code = "import resource, signal, sys, numpy as np; from pathlib import Path; from tessera.formats import hdf5\n"
    code += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999))\n"
    code += f"path = Path({str(tmp_path / 'a.h5')!r})\n"
    code += "try:\n    with hdf5.created(path) as file:\n        file['a'] = np.zeros(9999)\n"
    code += "except OSError as error:\n    print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"[Errno 27] File too large: '{tmp_path / 'a.h5'}'\n", done.stderr
    assert done.stderr == ""
