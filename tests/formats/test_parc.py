"""PARC: an image of each microstructure, and text files of temperature and pressure, one value in a line."""

import numpy as np
import pytest

from tessera.errors import DataError
from tests.formats import lab
from tests.formats.mutations import battered, imported
from tests.formats.shock import shocked

NAMES = ("temperature", "pressure", "initial_microstructure")
FIELDS = {"temperature": {"units": "K"}, "pressure": {"units": "GPa"}, "initial_microstructure": {}}
SAID = lab.SAYS_ALL | {"format": "parc", "fields": FIELDS}
FILES = {"temperature": ("temperatures", "Temp"), "pressure": ("pressures", "pres")}


@pytest.fixture(scope="module")
def truth():
    return shocked(fields=NAMES)


@pytest.fixture
def raw(truth, tmp_path):
    return written(truth, tmp_path / "set")


def pgm(grey, brightest=255, *, plain=True):
    """Return an image as MATLAB writes plain ones, padded, one value in a line; or a raw one."""
    header = f"P{2 if plain else 5}\n# Created by MATLAB 2018\n{grey.shape[1]} {grey.shape[0]}\n{brightest}\n"
    if plain:
        return (header + "".join(f"{value:3d}\n" for value in grey.ravel())).encode()
    return header.encode() + grey.astype("u1" if brightest < 256 else ">u2").tobytes()


def written(dataset, folder, numbers=(2, 10, 31)):
    (folder / "microstructures").mkdir(parents=True)
    for number, case in zip(numbers, dataset.case.values, strict=True):
        one = dataset.isel(case=[int(case)])
        grey = np.rint(255.0 * one.initial_microstructure.values[0, 0]).astype(int)
        (folder / "microstructures" / f"data_{number:02d}.pgm").write_bytes(pgm(grey))
        for name, (place, prefix) in FILES.items():
            texts = folder / place / f"data_{number:02d}"
            texts.mkdir(parents=True)
            for snapshot, values in enumerate(lab.in_units(one, name)[0]):
                lines = "".join(f"{value:.8g}\n" for value in values.ravel())
                (texts / f"{prefix}_{snapshot + 1:02d}.txt").write_text(lines)
    return folder


def refused(path, said, **changes):
    with pytest.raises(DataError) as error:
        imported(path, SAID | changes)
    assert said in error.value.args[0], error.value.args[0]
    assert error.value.args[0].isprintable()


def test_the_folders_are_read_in_the_order_of_numbers(truth, raw):
    cases = imported(raw, SAID)
    lab.same_fields([one.drop_vars("initial_microstructure") for one in cases], truth[["temperature", "pressure"]])
    assert [one["name"].item() for one in cases] == ["data_02", "data_10", "data_31"]
    assert cases[0].time.values[0] == 0.0


@pytest.mark.parametrize(("brightest", "plain"), [(255, True), (255, False), (1000, True), (65535, False), (1, False)])
def test_grey_becomes_solid_by_the_brightest(truth, raw, brightest, plain):
    solid = truth.initial_microstructure.values[:, 0]
    for file, one in zip(sorted((raw / "microstructures").iterdir()), solid, strict=True):
        file.write_bytes(pgm(np.rint(brightest * one).astype(int), brightest, plain=plain))
    for case, one in zip(imported(raw, SAID), solid, strict=True):
        expected = np.rint(brightest * one) / brightest
        np.testing.assert_allclose(case.initial_microstructure.values[0], [expected] * 5, rtol=1e-6)


def test_black_solid_is_turned_by_the_range(truth, raw):
    for file, one in zip(sorted((raw / "microstructures").iterdir()), truth.initial_microstructure.values, strict=True):
        file.write_bytes(pgm(255 - np.rint(255 * one[0]).astype(int)))
    refused(raw, "initial_microstructure: expected mostly solid (1) at the start, got a mean of 0.09")
    fields = FIELDS | {"initial_microstructure": {"range": [1, 0]}}
    for case, one in zip(imported(raw, SAID | {"fields": fields}), truth.initial_microstructure.values, strict=True):
        np.testing.assert_allclose(case.initial_microstructure.values[0], one, atol=0.002)


def test_comments_and_long_lines_of_an_image_are_read(truth, raw):
    grey = np.rint(255 * truth.initial_microstructure.values[0, 0]).astype(int)
    text = "P2 # a\n#b\n 20#c\n12\t255\n" + " ".join(map(str, grey.ravel()))
    (raw / "microstructures" / "data_02.pgm").write_bytes(text.encode())
    found = imported(raw, SAID)[0].initial_microstructure.values[0, 0]
    np.testing.assert_allclose(found, grey / 255.0, rtol=1e-6)


def test_a_variable_names_another_folder(truth, raw):
    (raw / "temperatures").rename(raw / "T_clean")
    refused(raw, "temperatures: expected a folder of temperature, got none")
    fields = {"temperature": {"units": "K", "variable": "T_clean"}}
    lab.same_fields(imported(raw, SAID | {"fields": fields}), truth[["temperature"]])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"temperature": {"units": "K", "variable": "../set/temperatures"}},
            "expected the name of a folder in the set",
        ),
        ({"temperature": {"units": "K", "variable": ".."}}, "expected the name of a folder in the set"),
        ({"temperature": {"units": "K", "channel": 0}}, "fields.temperature: expected no more than a variable"),
        ({"temperature": {"units": "K", "component": 0}}, "got a component"),
        ({"density": {"units": "1"}}, "fields: expected initial_microstructure, temperature, pressure or some of them"),
        ({"initial_microstructure": {}}, "expected temperature or pressure, got the image alone, which has no time"),
        ({"temperature": {}}, "fields.temperature.units: expected it in the mapping"),
        ({"temperature": {"units": "K"}, "initial_microstructure": {"units": "K"}}, "expected '1', as the files say"),
    ],
)
def test_places_are_folders_in_the_set(raw, fields, said):
    refused(raw, said, fields=fields)


@pytest.mark.parametrize("key", ["cell_size", "interval", "orientation", "split"])
def test_what_the_folders_do_not_say_must_be_said(raw, key):
    refused(raw, f"{key}: expected it in the mapping", **{key: None})


def test_a_missing_snapshot_is_refused(raw):
    (raw / "pressures" / "data_10" / "pres_03.txt").unlink()
    refused(raw, "pressures/data_10: expected pres_NUMBER.txt from 1 without a gap, got none for 3")


def test_cases_of_different_lengths_need_a_number_of_snapshots(truth, raw):
    (raw / "pressures" / "data_10" / "pres_05.txt").unlink()
    refused(raw, "cases have 4 (pressure of data_10) to 5 (temperature of data_02), got none")
    found = imported(raw, SAID | {"snapshots": 4})
    np.testing.assert_allclose(found[1].pressure.values[0], truth.pressure.values[1, :4], rtol=1e-6)


@pytest.mark.parametrize("name", ["temperatures/data_31", "microstructures/data_31.pgm"])
def test_a_case_must_be_in_every_folder(raw, name):
    (raw / name).rename(raw / "away")
    refused(raw, "expected the cases of the images, got data_31 in one of them alone")


def test_an_empty_folder_is_refused(raw):
    for file in (raw / "microstructures").iterdir():
        file.unlink()
    refused(raw, "microstructures: expected data_NUMBER.pgm, found none")


@pytest.mark.parametrize("name", ["data_x", "data_002", "notes"])
def test_other_names_are_refused(raw, name):
    (raw / "microstructures" / f"{name}.pgm").write_bytes((raw / "microstructures" / "data_02.pgm").read_bytes())
    refused(raw, f"expected data_NUMBER, each number once, got '{name if name != 'data_002' else 'data_02'}.pgm'")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "expected 240 values, one in a line, got 239"),
        (lambda lines: [*lines, "300"], "expected 240 values, one in a line, got more"),
        (lambda lines: [*lines[:120], "300 301", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [f"{one} {one}" for one in lines], "expected 240 values, one in a line, got 2 in a line"),
        (lambda lines: [*lines[:120], "", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [*lines[:120], "# 300", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [*lines[:120], "300 # K", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [f"{one} {one}" for one in lines[:120]], "expected 240 values, one in a line, got 2 in a line"),
        (lambda lines: [*lines[:120], "3OO", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [*lines[:120], "3\x000", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [*lines[:120], "300\xe9", *lines[121:]], "expected one number in a line, got"),
        (lambda lines: [*lines[:120], "nan", *lines[121:]], "temperature: expected finite values, got nan at"),
        (lambda lines: [*lines[:120], "1e999", *lines[121:]], "temperature: expected finite values, got inf at"),
        (lambda _: [], "expected 240 values, one in a line, got 0 bytes"),
        (lambda _: [" " * 1000], "expected one number in a line, got"),
        (lambda lines: [lines[0] + " " * 10_000, *lines[1:]], "expected 240 values, one in a line, got 1"),
    ],
)
def test_text_that_is_not_one_number_for_each_cell_is_refused(raw, change, said):
    file = raw / "temperatures" / "data_10" / "Temp_02.txt"
    lines = file.read_text().splitlines()
    file.write_bytes("".join(f"{line}\n" for line in change(lines)).encode("latin-1"))
    refused(raw, said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a PGM image (P2 or P5), got one that begins with b''"),
        (b"P6\n20 12\n255\n" + bytes(720), "expected a PGM image (P2 or P5)"),
        (b"P5\n20 12\n255", "expected a PGM image (P2 or P5)"),
        (b"P5\n#" + b"x" * 5000 + b"\n20 12\n255\n" + bytes(240), "expected a PGM image (P2 or P5)"),
        (b"P5\n0 12\n255\n", "expected an image with cells and grey values, got 0 x 12 of 255"),
        (b"P5\n20 12\n0\n" + bytes(240), "expected an image with cells and grey values"),
        (b"P5\n20 12\n65536\n" + bytes(480), "expected an image with cells and grey values"),
        (b"P5\n999999999 999999999\n255\n" + bytes(240), "expected 999999998000000001 bytes"),
        (b"P2\n999999999 999999999\n255\n" + b"0\n" * 240, "expected 1999999996000000001 bytes"),
        (b"P5\n20 12\n255\n" + bytes(239), "expected 240 bytes"),
        (b"P5\n20 12\n255\n" + bytes(241), "expected 240 bytes"),
        (b"P5\n20 12\n256\n" + bytes(240), "expected 480 bytes"),
        (b"P5\n20 12\n100\n" + bytes([101]) * 240, "expected 240 grey values up to 100, got 240 up to 101"),
        (b"P2\n20 12\n255\n" + b"255\n" * 239 + b"256\n", "expected 240 grey values up to 255, got 240 up to 256"),
        (b"P2\n20 12\n255\n" + b"255\n" * 239, "expected 240 grey values up to 255, got 239"),
        (b"P2\n20 12\n255\n" + b"255\n" * 241, "expected 240 grey values up to 255, got 241"),
        (b"P2\n20 12\n255\n" + b" -1\n" * 240, "expected grey values as numbers"),
        (b"P2\n20 12\n255\n" + b"1" * 960, "expected 240 grey values up to 255, got 1 up to 9223372036854775807"),
        (b"P2\n20 12\n255\n" + b" " * 960, "expected 240 grey values up to 255, got"),
        (b"P5\n12 20\n255\n" + bytes(240), "data_10: expected cells (y, x) of (12, 20), as in data_02, got (20, 12)"),
    ],
)
def test_what_is_no_image_of_the_cells_is_refused(raw, content, said):
    (raw / "microstructures" / "data_10.pgm").write_bytes(content)
    refused(raw, said)


def test_links_to_nowhere_are_refused(raw):
    for name in ("microstructures/data_10.pgm", "temperatures/data_10/Temp_02.txt"):
        file = raw / name
        content = file.read_bytes()
        file.unlink()
        file.symlink_to(raw / "nowhere")
        refused(raw, f"{file}: expected a")
        file.unlink()
        file.write_bytes(content)


def test_swapped_axes_are_refused(truth, tmp_path):
    folder = written(truth.transpose("case", "time", "x", "y"), tmp_path / "set")
    refused(folder, "check whether H and W are swapped")


@pytest.mark.parametrize("name", ["microstructures/data_10.pgm", "pressures/data_10/pres_02.txt"])
def test_damaged_files_are_refused_in_one_line(raw, name):
    assert battered(raw / name, lambda: imported(raw, SAID), seed=5) > 50


def test_a_damaged_raw_image_is_refused_in_one_line(truth, raw):
    grey = np.rint(255 * truth.initial_microstructure.values[1, 0]).astype(int)
    (raw / "microstructures" / "data_10.pgm").write_bytes(pgm(grey, plain=False))
    assert battered(raw / "microstructures" / "data_10.pgm", lambda: imported(raw, SAID), seed=6) > 30
