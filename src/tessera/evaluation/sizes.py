"""How many parameters a checkpoint holds, read from the header of its file alone, without the weights or torch."""

import json
import math
from pathlib import Path

from tessera.data.files import short
from tessera.errors import DataError

STATISTICS = ("latent_mean", "latent_std")  # what a network carries along without training it


def parameters(path: Path) -> int:
    """Return the number of trained numbers in a safetensors file.

    Statistics that are stored among the weights do not count.

    Raises
    ------
    DataError
        The file is missing or is not a safetensors file.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError(f"a header of {size} bytes")
            header = json.loads(file.read(size))
        shapes = {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
        return sum(math.prod(shape) for name, shape in shapes.items() if name.split(".")[-1] not in STATISTICS)
    except (OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected a checkpoint, got {short(error)}") from None
