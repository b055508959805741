"""Write hashes.txt: every line of constraints.txt with the checksums of all files of that version.

`make lock` asks the package index by uv, once for all Pythons and machines. What is already known of a version stays,
and files from elsewhere, such as a build of torch for processors alone, are added when they are named.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PINS, HASHES = REPOSITORY / "constraints.txt", REPOSITORY / "hashes.txt"
HEADER = "# The checksums of constraints.txt, for `pip install --require-hashes`; written by `make lock`.\n"


def read(text: str) -> dict[str, set[str]]:
    """Return the hashes of each pin, such as `numpy==2.4.6`."""
    found: dict[str, set[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            pin, *words = line.split()
            found[pin] = {word.removeprefix("--hash=") for word in words}
    return found


def written(hashes: dict[str, set[str]]) -> str:
    """Return the text of a file of hashes, in the order of its pins."""
    blocks = [" \\\n".join([pin, *(f"    --hash={one}" for one in sorted(known))]) for pin, known in hashes.items()]
    return HEADER + "\n".join(blocks) + "\n"


def pins() -> list[str]:
    """Return the lines of constraints.txt that pin a version."""
    return [line for line in PINS.read_text(encoding="utf-8").splitlines() if "==" in line and line[0] != "#"]


def asked() -> dict[str, set[str]]:
    """Return what the package index says of every pin."""
    words = ["uv", "pip", "compile", "--no-config", "--no-deps", "--no-header", "--no-annotate", "--quiet"]
    words += ["--generate-hashes", "--python-version", "3.11", str(PINS)]
    return read(subprocess.run(words, check=True, capture_output=True, text=True, cwd=REPOSITORY).stdout)


def of_files(paths: Sequence[Path]) -> dict[str, set[str]]:
    """Return the hashes of wheels by name and version, without the part of a version that names a build."""
    found: dict[str, set[str]] = {}
    for path in paths:
        name, version = path.name.split("-")[:2]
        pin = f"{name.lower()}=={version.partition('+')[0]}"
        found.setdefault(pin, set()).add(f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")
    return found


def main() -> None:
    """Write the file anew."""
    known = read(HASHES.read_text(encoding="utf-8")) if HASHES.is_file() else {}
    fresh = {normal(pin): hashes for pin, hashes in asked().items()}
    extra = of_files([Path(argument) for argument in sys.argv[1:]])
    merged = {
        pin: fresh.get(normal(pin), set()) | known.get(pin, set()) | extra.get(normal(pin), set()) for pin in pins()
    }
    missing = [pin for pin, hashes in merged.items() if not hashes]
    if missing:
        sys.exit(f"hashes.txt: expected files of {', '.join(missing)} in the package index, found none")
    HASHES.write_text(written(merged), encoding="utf-8")


def normal(pin: str) -> str:
    """Return a pin with its name as package indexes spell it."""
    name, version = pin.split("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


if __name__ == "__main__":
    main()
