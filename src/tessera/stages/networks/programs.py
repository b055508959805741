"""From a checkpoint to a program that runs with torch alone."""

import logging
from pathlib import Path

from tessera.data import files
from tessera.errors import ConfigError
from tessera.learning import export
from tessera.stages.networks.forecasts import predictor

SUFFIX = ".pt2"
log = logging.getLogger("tessera")


def export_model(path: Path, part: str, out: Path, cells: tuple[int, int] | None = None) -> None:
    """Write a checkpoint, or a part of one, as a program of torch.export.

    Parameters
    ----------
    path
        A checkpoint that predicts.
    part
        One of `tessera.learning.export.PARTS`.
    out
        The program, a file that ends in `.pt2`.
    cells
        Size (y, x) of the domain of a program of one grid; none: it takes sizes of any multiple.

    Raises
    ------
    ConfigError
        The model has no such part or needs a grid, or the path ends in something else.
    DataError
        The checkpoint is broken, or of a network that does not predict.
    """
    if out.suffix != SUFFIX:
        raise ConfigError(f"--out: expected a path that ends in {SUFFIX}, got {str(out)!r}")
    checkpoint = predictor(path)
    files.write_bytes(out, export.saved(checkpoint, part, cells))
    sizes = f"multiples of {export.multiple(checkpoint.module)}" if cells is None else "{} x {} cells".format(*cells)
    log.info("%s: %s of %s, sizes: %s", out, part, path, sizes)
