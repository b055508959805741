"""The numbers of a study's outputs as digests, to compare two runs bit for bit.

Attributes are left aside: some hold the seconds that a job took.
"""

import hashlib
import struct
from pathlib import Path


def digests(results: Path, *patterns: str) -> dict[str, str]:
    """Return the digest of every file of numbers below `results` that a pattern matches, by its path."""
    patterns = patterns or ("design/*.nc", "ensembles/*.zarr/**/*", "models/**/*.safetensors", "predictions/**/*")
    files = sorted({file for pattern in patterns for file in results.glob(pattern) if file.is_file()})
    numbers = [file for file in files if not file.name.startswith(".")]
    return {str(file.relative_to(results)): hashlib.sha256(_numbers(file)).hexdigest() for file in numbers}


def _numbers(file: Path) -> bytes:
    content = file.read_bytes()
    if file.suffix == ".safetensors":  # eight bytes of length, a header of that length, the tensors
        (length,) = struct.unpack("<Q", content[:8])
        return content[8 + length :]
    return content
