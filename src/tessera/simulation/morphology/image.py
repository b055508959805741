"""Segmented images as microstructures: read strictly, cut or tiled to the box, averaged over cells.

The first row of a picture is its top and becomes the largest y. Areas are kept: the share of pore of a cell is the mean
of the pixels that it covers, each by the part that it covers.
"""

import hashlib
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from tessera.errors import DataError, ValidityError

FORMATS = {"PPM": "PGM", "PNG": "PNG", "TIFF": "TIFF"}  # as pillow calls them, as people do
GREY = {"1", "L", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}  # modes of pillow with one value per pixel
MOST = 80_000_000  # pixels; less than where pillow warns
BROKEN = (
    ArithmeticError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)  # what decoders raise at damaged files


class Picture(NamedTuple):
    """A segmented image: its name, whether each pixel (y, x) is pore, y rising, and the SHA-256 of its file."""

    name: str
    pore: np.ndarray
    sha256: str


class Window(NamedTuple):
    """What of an image a case shows: its number, and the pixels (y, x) of it where the box begins."""

    picture: int
    row: int
    column: int


class Images(NamedTuple):
    """Images, taken in turn by the cases.

    Attributes
    ----------
    pictures
        At least one.
    pixel_size
        Width of a pixel [m].
    fit
        `crop`: the box lies inside the image; `tile`: the image is repeated; `mirror`: repeated and mirrored, so that
        no pore is cut at a seam.
    offset
        Where the box begins in the image (y, x) [m], from its lower left corner; None draws it for each case, in whole
        pixels.
    """

    pictures: tuple[Picture, ...]
    pixel_size: float
    fit: str
    offset: tuple[float, float] | None

    def draw(self, rng: np.random.Generator, case: int, cells: tuple[int, int], cell_size: float) -> Window:
        """Return what a case shows.

        Raises
        ------
        ValidityError
            The image is too small for the box, or for one cell.
        """
        number = case % len(self.pictures)
        picture = self.pictures[number]
        begins: list[int] = []
        for axis, pixels, count in zip("yx", picture.pore.shape, cells, strict=True):
            needed = _ceil(count * cell_size / self.pixel_size)
            start = None if self.offset is None else round(self.offset[len(begins)] / self.pixel_size)
            if self.fit == "crop":
                last = pixels - needed
                if last < (start or 0):
                    where = "" if not start else f" from {start} on"
                    raise ValidityError(
                        f"{picture.name}: expected at least {needed + (start or 0)} pixels along {axis} for a box of "
                        f"{count * cell_size:.4g} m{where}, got {pixels}; tile it or take a smaller box"
                    )
            else:
                last = pixels - 1
                if pixels * self.pixel_size < cell_size:
                    raise ValidityError(
                        f"{picture.name}: expected at least a cell, {cell_size:.4g} m, along {axis}, "
                        f"got {pixels * self.pixel_size:.4g} m"
                    )
            begins.append(int(rng.integers(last + 1)) if start is None else start)
        return Window(number, *begins)

    def share(self, window: Window, cells: tuple[int, int], cell_size: float) -> np.ndarray:
        """Return the share of pore in each cell (y, x) [1] of what a case shows."""
        share = self.pictures[window.picture].pore
        for axis, (start, count) in enumerate(zip(window[1:], cells, strict=True)):
            if self.fit == "mirror":
                share = np.concatenate([share, np.flip(share, axis)], axis)
            share = _means(share, axis, start + np.arange(count + 1) * cell_size / self.pixel_size)
        return np.clip(share, 0.0, 1.0)


def read(path: Path, pore: str) -> Picture:
    """Read a segmented image.

    Parameters
    ----------
    path
        A PGM (or PBM), PNG or TIFF file with one grey value per pixel, two values in all.
    pore
        Which of them is pore, `dark` or `bright`.

    Raises
    ------
    DataError
        It is none, or is damaged, too large, coloured, transparent, of several pages, or not binary.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected a readable image, got {error.strerror or error}") from None
    values = _values(content, path)
    found = np.unique(values)
    if found.size != 2:
        what = f"one, {found[0]}" if found.size == 1 else f"{found.size}; segment it first"
        raise DataError(f"{path}: expected two grey values, of pore and of solid, got {what}")
    wanted = found[0] if pore == "dark" else found[1]
    return Picture(path.name, np.ascontiguousarray((values == wanted)[::-1]), hashlib.sha256(content).hexdigest())


def _values(content: bytes, path: Path) -> np.ndarray:
    """Return the grey values (row, column) of an image file, first row at the top."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata of microscopes
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as image:
                _check_kind(image, path)
                values = np.asarray(image)
    except DataError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{path}: expected at most {MOST} pixels, got more; crop it") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: expected a {', '.join(FORMATS.values())} image, got another file") from None
    except BROKEN as error:
        what = " ".join(str(error).split()) or error.__class__.__name__
        raise DataError(f"{path}: expected a whole image, got {what[:100]}") from None
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise DataError(f"{path}: expected finite values (y, x), got shape {values.shape}")
    return values


def _check_kind(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MOST:
        raise DataError(f"{path}: expected at most {MOST} pixels, got {width} x {height}; crop it")
    pages = getattr(image, "n_frames", 1)
    if pages != 1:
        raise DataError(f"{path}: expected one page, got {pages}; save each as a file of its own")
    if image.mode in {"P", "PA"}:
        raise DataError(f"{path}: expected grey values, got a palette; convert it to greyscale")
    if image.mode in {"LA", "La", "RGBA", "RGBa", "RGBX"} or "transparency" in image.info:
        raise DataError(f"{path}: expected grey values, got transparency; save it without an alpha channel")
    if image.mode not in GREY:
        raise DataError(f"{path}: expected one grey value per pixel, got {image.mode}; convert it to greyscale")


def _means(values: np.ndarray, axis: int, edges: np.ndarray) -> np.ndarray:
    """Return the means between edges, in pixels, along an axis on which values repeat without end."""
    values = np.moveaxis(values, axis, -1)
    length = values.shape[-1]
    total = np.zeros((*values.shape[:-1], length + 1), np.int32 if values.dtype == bool else float)
    np.cumsum(values, axis=-1, out=total[..., 1:])
    rounds, within = np.divmod(edges, length)
    before = np.minimum(within.astype(int), length - 1)
    at = rounds * total[..., -1:] + total[..., before] + (within - before) * values[..., before]
    return np.moveaxis(np.diff(at, axis=-1) / np.diff(edges), -1, axis)


def _ceil(pixels: float) -> int:
    """Return how many pixels hold a length in pixels, not one more for round-off."""
    return max(int(np.ceil(pixels * (1.0 - 1e-9))), 1)
