"""Audit what is installed: versions as pinned, files as their authors packed them, licences known.

`make audit` ends with what the service of known vulnerabilities says, where one can be reached; without one it says so
and the rest holds alone. A licence that asks its users to publish their own sources must be named here with a reason.
"""

import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
OWN = {"tessera", "pip"}  # the project itself, and what brought the rest
COPYLEFT = re.compile(r"\b(A?GPL|GNU (Affero )?General|MPL|Mozilla|LGPL|GNU Lesser|EUPL|CeCILL|SSPL)", re.IGNORECASE)
NAMED = {  # licences that are copyleft or not said, which we live with, and why
    "certifi": "MPL 2.0 of its one file, unchanged: the list of authorities that Snakemake asks",
    "conda-inject": "says none in its files; a part of Snakemake, by its author",
    "docutils": "GPL of a helper of an editor that is not installed; the rest is public domain and BSD",
}
SERVICE = ["pip-audit", "--requirement", "hashes.txt", "--no-deps", "--disable-pip", "--progress-spinner", "off"]


def pinned() -> dict[str, str]:
    """Return the versions of constraints.txt."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def installed() -> dict[str, metadata.Distribution]:
    """Return what is installed, by the names of the package index."""
    return {canonicalize_name(each.metadata["Name"]): each for each in metadata.distributions()}


def strangers(found: dict[str, metadata.Distribution]) -> Iterator[str]:
    """Yield what is installed and not pinned, or pinned to another version; a build is no version."""
    known, torch_s = pinned(), wanted(found, ["torch"], {"torch"})
    for name, one in sorted(found.items()):
        version = known.get(name)
        if name in OWN or (version is None and name in torch_s):  # libraries of the CUDA build, which torch pins
            continue
        if version is None:
            yield f"{name} {one.version}: expected a line of constraints.txt, found none"
        elif one.version.partition("+")[0] != version:
            yield f"{name}: expected version {version}, got {one.version}"


def altered(one: metadata.Distribution) -> Iterator[str]:
    """Yield the files of a distribution that are not as its author packed them."""
    for file in one.files or []:
        path = Path(str(one.locate_file(file)))
        if file.hash is None or "__pycache__" in file.parts or path.parent.name == "bin":  # made by the installation
            continue
        if not path.is_file():
            yield f"{one.name}: expected the file {file}, found none"
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, file.hash.mode).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value.rstrip("="):
            yield f"{one.name}: expected the file {file} as packed, got another"


def wanted(found: dict[str, metadata.Distribution], roots: list[str], seen: set[str]) -> set[str]:
    """Return the names of what some packages need, and what that needs, without extras."""
    for root in roots:
        for line in (found[root].requires or []) if root in found else []:
            one = Requirement(line)
            name = canonicalize_name(one.name)
            if name not in seen and (one.marker is None or one.marker.evaluate({"extra": ""})):
                seen.add(name)
                wanted(found, [name], seen)
    return seen


def licence(one: metadata.Distribution) -> str:
    """Return what a distribution says of its licence, in one short line; empty if it says nothing."""
    said = one.metadata
    kinds = [line.split(" :: ")[-1] for line in said.get_all("Classifier") or [] if line.startswith("License ::")]
    listed = [file for file in one.files or [] if file.name.upper().startswith("LICEN")]
    files = [file.read_text() for file in listed if Path(str(file.locate())).is_file()]
    text = said.get("License-Expression") or ", ".join(kinds) or said.get("License") or "".join(files[:1])
    return " ".join(text.split())[:60]


def doubtful(found: dict[str, metadata.Distribution]) -> Iterator[str]:
    """Yield what runs with tessera under no known licence, or under one that must be named."""
    for name in sorted(wanted(found, ["tessera"], set())):
        said = licence(found[name]) if name in found else "not installed"
        if name in NAMED:
            continue
        if not said or said == "UNKNOWN":
            yield f"{name}: expected a licence, found none"
        elif COPYLEFT.search(said):
            yield f"{name}: expected a licence without copyleft or a reason, got {said}"


def main() -> int:
    """Print what is wrong; return how much."""
    found = installed()
    wrong = [*strangers(found), *doubtful(found)]
    wrong += [line for name, one in sorted(found.items()) if name not in OWN for line in altered(one)]
    lines = [f"  {name} {one.version}: {licence(one) or NAMED.get(name, '')}" for name, one in sorted(found.items())]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.write("".join(f"audit: {line}\n" for line in wrong))
    sys.stdout.write(f"audit: {len(found)} packages, {len(wrong)} faults\n")
    try:
        subprocess.run(SERVICE, cwd=REPOSITORY, check=False)
    except FileNotFoundError:
        sys.stdout.write("audit: known vulnerabilities: not asked, for pip-audit is not on the PATH\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
