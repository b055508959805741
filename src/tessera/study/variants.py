"""Changes of a study, one at a time: what is assumed, and which cases tell whether it matters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt

from tessera.study.reading import read, validated
from tessera.study.section import Section, Several


class Group(Section):
    """Changes that the same cases judge."""

    scale: Literal["micro", "meso"] = Field(description="Scale of the cases.")
    cases: Several[NonNegativeInt] = Field(description="Numbers of the cases.")
    snapshots: Several[NonNegativeInt] = Field(description="Numbers of the snapshots.")
    changes: Mapping[str, dict[str, Any]] = Field(
        description="Overlay of the study, by what is said of it.", min_length=1
    )


class Variants(Section):
    """Groups of changes."""

    groups: tuple[Group, ...] = Field(description="In the order of their tables.", min_length=1)


def load(path: Path) -> Variants:
    """Read changes from a file.

    Raises
    ------
    ConfigError
        The file cannot be read, or does not say changes.
    """
    return validated(Variants, read(path), str(path))
