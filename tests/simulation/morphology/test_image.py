"""Images: every format gives the same pores, areas are kept, and what is no segmented image is refused in one line."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tessera.errors import DataError, ValidityError
from tessera.simulation.morphology import image
from tessera.simulation.morphology.image import Images, Picture, Window, read

RNG = np.random.default_rng(0)
SOLID = RNG.random((24, 40)) > 0.3  # first row at the top
GREY = np.where(SOLID, 255, 0).astype(np.uint8)


def written(folder, name, values=GREY, **how):
    Image.fromarray(values).save(folder / name, **how)
    return folder / name


def images(pore, fit="crop", offset=None, pixel_size=1.0):
    return Images((Picture("a.png", pore, ""),), pixel_size, fit, offset)


def plain_pgm(folder):
    rows = "\n".join(" ".join(map(str, row)) for row in GREY)
    (folder / "plain.pgm").write_text(f"P2\n# a comment\n40 24\n255\n{rows}\n")
    return folder / "plain.pgm"


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: written(folder, "a.pgm"),
        plain_pgm,
        lambda folder: written(folder, "a.png"),
        lambda folder: written(folder, "bits.png", SOLID),
        lambda folder: written(folder, "a.tif"),
        lambda folder: written(folder, "packed.tiff", compression="tiff_lzw"),
        lambda folder: written(folder, "bits.tif", SOLID),
        lambda folder: written(folder, "deep.png", np.where(SOLID, 40000, 7).astype(np.uint16)),
        lambda folder: written(folder, "deep.tif", np.where(SOLID, 40000, 7).astype(np.uint16)),
        lambda folder: written(folder, "labels.png", np.where(SOLID, 1, 0).astype(np.uint8)),
    ],
    ids=["pgm", "plain-pgm", "png", "png-bits", "tiff", "tiff-lzw", "tiff-bits", "png-16", "tiff-16", "labels"],
)
def test_every_format_gives_the_same_pores(write, tmp_path):
    found = read(write(tmp_path), "dark")
    np.testing.assert_array_equal(found.pore, ~SOLID[::-1])  # y rises, the first row of a picture is its top
    assert len(found.sha256) == 64


def test_bright_pores_are_the_other_pixels(tmp_path):
    np.testing.assert_array_equal(read(written(tmp_path, "a.png"), "bright").pore, SOLID[::-1])


def pages(folder):
    first, second = Image.fromarray(GREY), Image.fromarray(255 - GREY)
    first.save(folder / "pages.tif", save_all=True, append_images=[second])
    return folder / "pages.tif"


def film(folder):
    first, second = Image.fromarray(GREY), Image.fromarray(255 - GREY)
    first.save(folder / "film.png", save_all=True, append_images=[second])
    return folder / "film.png"


def palette(folder):
    Image.fromarray(GREY).convert("P").save(folder / "palette.png")
    return folder / "palette.png"


def smooth(folder):
    picture = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(picture).ellipse((10, 10, 50, 50), fill=0)
    picture.resize((48, 48), Image.Resampling.BICUBIC).save(folder / "smooth.png")
    return folder / "smooth.png"


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(folder, width, height):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    (folder / "bomb.png").write_bytes(content)
    return folder / "bomb.png"


def text(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def cut(folder):
    path = written(folder, "cut.png")
    path.write_bytes(path.read_bytes()[:-60])
    return path


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (lambda folder: folder / "none.png", "expected a readable image, got No such file or directory"),
        (lambda folder: folder, "expected a readable image, got Is a directory"),
        (lambda folder: text(folder, "a.png", b""), "expected a PGM, PNG, TIFF image, got another file"),
        (
            lambda folder: text(folder, "a.png", b"GIF89a" + bytes(99)),
            "expected a PGM, PNG, TIFF image, got another file",
        ),
        (lambda folder: written(folder, "a.jpg"), "expected a PGM, PNG, TIFF image, got another file"),
        (cut, "expected a whole image, got "),
        (lambda folder: text(folder, "a.pgm", b"P5\n9 9\n255\n" + bytes(20)), "expected a whole image, got "),
        (pages, "expected one page, got 2; save each as a file of its own"),
        (film, "expected one page, got 2; save each as a file of its own"),
        (palette, "expected grey values, got a palette; convert it to greyscale"),
        (
            lambda folder: written(folder, "a.png", np.stack([GREY] * 3, -1)),
            "expected one grey value per pixel, got RGB;",
        ),
        (lambda folder: written(folder, "a.png", np.stack([GREY] * 4, -1)), "expected grey values, got transparency;"),
        (lambda folder: written(folder, "a.png", np.stack([GREY] * 2, -1)), "expected grey values, got transparency;"),
        (lambda folder: written(folder, "a.png", transparency=0), "expected grey values, got transparency;"),
        (smooth, "expected two grey values, of pore and of solid, got "),
        (
            lambda folder: written(folder, "a.png", GREY * 0 + 9),
            "expected two grey values, of pore and of solid, got one, 9",
        ),
        (lambda folder: bomb(folder, 40_000, 40_000), f"expected at most {image.MOST} pixels, got more; crop it"),
        (lambda folder: bomb(folder, 9_000, 9_000), f"expected at most {image.MOST} pixels, got 9000 x 9000; crop it"),
        (
            lambda folder: written(folder, "a.tif", np.where(SOLID, np.nan, 0.0).astype(np.float32)),
            "expected finite values",
        ),
    ],
)
def test_what_is_no_segmented_image_is_refused_in_one_line(write, line, tmp_path):
    path = write(tmp_path)
    with pytest.raises(DataError) as caught:
        read(path, "dark")
    assert str(caught.value).startswith(f"{path}: {line}")
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["a.pgm", "a.png", "a.tif"]), st.data())
def test_any_damage_is_refused_or_still_two_values(tmp_path_factory, name, data):
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(written(folder, name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content) - 1, 300)))] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        assert read(folder / name, "dark").pore.dtype == bool
    except DataError as error:
        assert str(error).startswith(f"{folder / name}: expected ")


masks = st.builds(
    lambda seed, rows, columns: np.random.default_rng(seed).random((rows, columns)) > 0.5,
    st.integers(0, 99),
    st.integers(2, 30),
    st.integers(2, 30),
)


@settings(max_examples=80, deadline=None)
@given(
    masks, st.integers(1, 12), st.integers(1, 12), st.floats(0.3, 5.0), st.sampled_from(["tile", "mirror"]), st.data()
)
def test_areas_are_kept_exactly(pore, rows, columns, width, fit, data):
    """The mean over all cells is that of the pixels that the box covers, by the parts that it covers."""
    row, column = (data.draw(st.integers(0, size - 1)) for size in pore.shape)
    share = images(pore, fit).share(Window(0, row, column), (rows, columns), width)
    assert ((share >= 0.0) & (share <= 1.0)).all()
    parts = []
    for start, count, size in zip((row, column), (rows, columns), pore.shape, strict=True):
        end = start + count * width
        pixels = np.arange(start, int(np.ceil(end)) + 1)
        covered = np.clip(end - pixels, 0.0, 1.0)
        places = pixels % size if fit == "tile" else np.where(pixels % (2 * size) < size, pixels, -1 - pixels) % size
        parts.append((places, covered / covered.sum()))
    (ys, across), (xs, along) = parts
    assert share.mean() == pytest.approx(across @ pore[np.ix_(ys, xs)] @ along, abs=1e-12)


def test_pixels_as_wide_as_cells_are_kept_as_they_are():
    share = images(~SOLID).share(Window(0, 3, 5), (10, 20), 1.0)
    np.testing.assert_array_equal(share, ~SOLID[3:13, 5:25])


def test_a_cell_of_four_pixels_has_their_mean():
    share = images(~SOLID).share(Window(0, 0, 0), (12, 20), 2.0)
    np.testing.assert_allclose(share, (~SOLID).reshape(12, 2, 20, 2).mean(axis=(1, 3)))


def test_an_image_may_be_turned_before_or_after():
    shown = images(~SOLID, "mirror").share(Window(0, 0, 0), (30, 30), 1.7)
    turned = images(~SOLID.T, "mirror").share(Window(0, 0, 0), (30, 30), 1.7)
    np.testing.assert_allclose(shown, turned.T, atol=1e-12)


def test_tiles_repeat_and_mirrors_have_no_seam():
    tiled = images(~SOLID, "tile").share(Window(0, 0, 0), (48, 80), 1.0)
    np.testing.assert_array_equal(tiled, np.tile(~SOLID, (2, 2)))
    mirrored = images(~SOLID, "mirror").share(Window(0, 0, 0), (48, 80), 1.0)
    np.testing.assert_array_equal(mirrored, mirrored[::-1, ::-1])
    np.testing.assert_array_equal(mirrored[:24, :40], ~SOLID)


def test_a_crop_is_drawn_inside_the_image_and_a_place_that_is_given_is_kept():
    windows = {images(SOLID).draw(np.random.default_rng(seed), 0, (20, 30), 1.0) for seed in range(60)}
    assert len(windows) > 20
    assert {window.row for window in windows} == set(range(5))
    assert {window.column for window in windows} == set(range(11))
    assert images(SOLID, offset=(4.0, 10.0)).draw(np.random.default_rng(0), 0, (20, 30), 1.0) == Window(0, 4, 10)


def test_cases_take_the_images_in_turn():
    both = Images((Picture("a", SOLID, ""), Picture("b", ~SOLID, "")), 1.0, "crop", None)
    rng = np.random.default_rng(0)
    assert [both.draw(rng, case, (2, 2), 1.0).picture for case in range(5)] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("what", "cells", "line"),
    [
        (images(SOLID), (25, 30), "expected at least 25 pixels along y for a box of 25 m, got 24; tile it or take a"),
        (images(SOLID, pixel_size=0.5), (12, 21), "expected at least 42 pixels along x for a box of 21 m, got 40;"),
        (
            images(SOLID, offset=(0.0, 11.0)),
            (20, 30),
            "expected at least 41 pixels along x for a box of 30 m from 11 on,",
        ),
        (images(SOLID, "tile", pixel_size=0.04), (5, 5), "expected at least a cell, 1 m, along y, got 0.96 m"),
    ],
)
def test_an_image_that_is_too_small_is_refused_in_one_line(what, cells, line):
    with pytest.raises(ValidityError) as caught:
        what.draw(np.random.default_rng(0), 0, cells, 1.0)
    assert str(caught.value).startswith(f"a.png: {line}")


def test_a_box_of_exactly_the_size_of_the_image_fits_in_spite_of_round_off():
    what = images(SOLID, pixel_size=0.1 / 3.0)
    assert what.draw(np.random.default_rng(0), 0, (8, 10), 0.1) == Window(
        0, 0, what.draw(np.random.default_rng(0), 0, (8, 10), 0.1).column
    )
