"""A `.npy` file is read for its numbers alone: nothing else of it is believed, run or allocated."""

import math
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tessera.errors import DataError
from tessera.formats import arrays

AXES = ("y", "x")
SHAPED = "{'descr': '<f4', 'fortran_order': False, 'shape': SHAPE, }"


class Evil:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def npy(path, header, payload=b"", version=1, length=None):
    """Write a file with a header of our choice."""
    text = header.encode("latin-1")
    size = len(text) if length is None else length
    path.write_bytes(
        b"\x93NUMPY" + bytes([version, 0]) + size.to_bytes(2 if version == 1 else 4, "little") + text + payload
    )
    return path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "<i2", "|u1", ">u8"])
def test_plain_numbers_of_either_order_are_a_read_only_map(tmp_path, order, dtype):
    values = np.asarray(np.arange(15).reshape(3, 5), dtype, order)
    np.save(tmp_path / "a.npy", values)
    found = arrays.open_npy(tmp_path / "a.npy", AXES)
    np.testing.assert_array_equal(found, values)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    assert arrays.header(tmp_path / "a.npy", AXES).fortran == (order == "F")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_the_header_is_read(tmp_path, version):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(6.0).reshape(2, 3), (version, 0))
    np.testing.assert_array_equal(arrays.open_npy(tmp_path / "a.npy", AXES), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("(1000000000000, 3)", "expected 12000000000000 bytes of values"),
        ("(281474976710655, 281474976710655)", "bytes of values for shape (281474976710655, 281474976710655)"),
        ("(4294967296, 4294967296)", "bytes of values"),  # 0 in 64 bits
        ("(99999999999999999999, 3)", "each size above zero"),
        ("(0x" + "f" * 6000 + ", 3)", "each size above zero"),
        ("(-2, -3)", "each size above zero"),
        ("(0, 3)", "each size above zero"),
        ("(True, 6)", "each size above zero"),
        ("(2.0, 3)", "each size above zero"),
        ("(nan, 3)", "expected a header"),
        ("[2, 3]", "each size above zero"),
        ("6", "each size above zero"),
        ("(2, 3, 1)", "got one of 3 axes"),
        ("()", "got one of 0 axes"),
        ("(2, 4)", "expected 32 bytes of values for shape (2, 4) of float32, got 24"),
        ("(2, 2)", "expected 16 bytes of values for shape (2, 2) of float32, got 24"),
    ],
)
def test_a_shape_that_the_file_does_not_hold_is_refused_without_memory(tmp_path, shape, said):
    path = npy(tmp_path / "a.npy", SHAPED.replace("SHAPE", shape), bytes(24))
    refused(path, said)


@pytest.mark.parametrize(
    "descr",
    [
        "'|O'",
        "'<c8'",
        "'<U4'",
        "'|S4'",
        "'|V4'",
        "'|b1'",
        "'<M8[s]'",
        "'<f16'",
        "'<f3'",
        "'f4,f4'",
        "[('a', '<f4')]",
        "None",
        "7",
        "'<f4'*9",
        "0x" + "f" * 6000,
    ],
)
def test_only_real_numbers_are_read(tmp_path, descr):
    path = npy(tmp_path / "a.npy", SHAPED.replace("'<f4'", descr).replace("SHAPE", "(2, 3)"), bytes(24))
    refused(path, "expected")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "(" * 9000,
        "[" * 9000,
        "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} and exit()",
        "__import__('os').abort()",
        "{['a']: 1}",
        "'\\z' 1('a')",
        "\x00\xff\n\x1b[31m",
    ],
)
def test_a_header_is_a_dictionary_of_three_or_refused(tmp_path, header):
    refused(npy(tmp_path / "a.npy", header, bytes(24)), "expected")


def test_headers_of_absurd_length_or_version_are_refused(tmp_path):
    header = SHAPED.replace("SHAPE", "(2, 3)")
    refused(npy(tmp_path / "a.npy", header, bytes(24), 2, 4_000_000_000), "at most 10000 bytes, got 4000000000")
    refused(npy(tmp_path / "b.npy", header + " " * 20_000, bytes(24)), "at most 10000 bytes")
    refused(npy(tmp_path / "c.npy", header, bytes(24), 9), "expected a .npy file")
    refused(npy(tmp_path / "d.npy", header, bytes(24), length=len(header) + 24), "expected")


def test_a_pickle_is_refused_and_never_run(tmp_path):
    trace = tmp_path / "trace"
    np.save(tmp_path / "a.npy", np.array([[Evil(trace), 1.0]], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Evil(trace)))
    refused(tmp_path / "a.npy", "expected plain real numbers")
    refused(tmp_path / "b.npy", "expected a .npy file")
    assert not trace.exists()
    pickle.loads((tmp_path / "b.npy").read_bytes())
    assert trace.exists(), "the payload does nothing, so that the test says nothing"


def test_archives_in_place_of_an_array_are_refused_unopened(tmp_path):
    np.savez(tmp_path / "a.npz", np.zeros((2, 3)))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "b.npy", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.npy", bytes(20_000_000))
    for name in ("a.npy", "b.npy"):
        refused(tmp_path / name, "expected a .npy file, got one that begins with b'PK")


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "dangling.npy").symlink_to(tmp_path / "nowhere")
    (tmp_path / "empty.npy").touch()
    for name in ("folder.npy", "dangling.npy", "none.npy"):
        refused(tmp_path / name, "expected a .npy file, found none")
    refused(tmp_path / "empty.npy", "got one that begins with b''")


def test_a_large_file_costs_no_memory_to_open(tmp_path):
    shape = (1000, 1000, 1000)
    path = npy(tmp_path / "a.npy", SHAPED.replace("SHAPE", str(shape)))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 4 * math.prod(shape))
    tracemalloc.start()
    found = arrays.open_npy(path, ("time", "y", "x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == shape
    assert peak < 1e6


def refused(path, said):
    """Assert that a file is refused in one line, in which its name stands, and at no cost."""
    tracemalloc.start()
    with pytest.raises(DataError) as error:
        arrays.open_npy(path, AXES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    line = error.value.args[0]
    assert said in line
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    assert peak < 5e6, f"{peak} bytes to refuse a file"
