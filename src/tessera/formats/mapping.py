"""The mapping file: what the files of others do not say, so that nothing has to be guessed.

It names the format, our fields and where the files hold them, units, spacing, orientation and split. Its keys
are documented in docs/formats.md.
"""

from collections.abc import Mapping as Content
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, StringConstraints, field_validator, model_validator

from tessera.data.fields import FieldName
from tessera.errors import DataError
from tessera.formats import units
from tessera.study.ensembles import Split
from tessera.study.reading import read, validated
from tessera.study.section import Section, Several

Format = Literal["netcdf", "zarr", "parctorch", "parcv2", "mld", "parc", "well", "pdebench"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Place(Section):
    """Where the files hold a field, and what its values mean."""

    channel: NonNegativeInt | None = Field(None, description="Place in the axis of channels, for arrays without names.")
    variable: Text | None = Field(None, description="Name of the variable, dataset or folder, for files with names.")
    component: NonNegativeInt | None = Field(None, description="Component of a vector variable.")
    units: Text | None = Field(None, description="Unit of the values; needed where the files do not say it.")
    range: tuple[float, float] | None = Field(
        None, description="What the values 0 and 1 mean in this unit, for normalised values."
    )

    @model_validator(mode="after")
    def _one_place(self) -> "Place":
        if self.channel is not None and self.variable is not None:
            raise ValueError("expected either channel or variable, got both")
        if self.range is not None and self.range[0] == self.range[1]:
            raise ValueError(f"range: expected two different values, got {self.range[0]:g} twice")
        return self


class Dims(Section):
    """What the files call the dimensions."""

    case: Text | None = Field(None, description="Dimension of the cases; null: one case in each file.")
    time: Text = Field("time", description="Dimension of the snapshots.")
    y: Text = Field("y", description="Dimension across the shock.")
    x: Text = Field("x", description="Dimension along the shock.")


class Orientation(Section):
    """Whether the coordinates rise with the index of the arrays; velocities are along rising coordinates."""

    y: Literal["rising", "falling"] = Field(description="Of the rows of an image, falling: y points up.")
    x: Literal["rising", "falling"] = Field(description="Of the columns of an image, usually rising.")


class Names(Section):
    """The cases of each split by their names in the set."""

    train: Several[Text] = Field(description="Cases that networks learn from.")
    validation: Several[Text] = Field(description="Cases that choose the best epoch.")
    test: Several[Text] = Field(description="Cases that are scored.")


class Mapping(Section):
    """What a set of others is."""

    format: Format = Field(description="How the files are laid out.")
    title: Text | None = Field(None, description="What the set is, kept in the attributes of the store.")
    licence: Text | None = Field(None, description="Licence of the data, kept in the attributes of the store.")
    source: Text | None = Field(None, description="Where the data come from, kept in the attributes of the store.")
    fields: dict[FieldName, Place] = Field(description="Our name of each field, and where the files hold it.")
    cell_size: Text | None = Field(None, description="Width of a cell with its unit, such as `52 nm`.")
    interval: Text | None = Field(None, description="Time between snapshots with its unit, such as `0.17 ns`.")
    particle_velocity: Text | None = Field(None, description="Particle velocity at the inlet of all cases, `1000 m/s`.")
    shock: Literal["left", "right", "none"] = Field(
        description="Where the shock enters; from the right the set is mirrored; none: no shock, and no check of one."
    )
    orientation: Orientation | None = Field(None, description="Needed where the files have no coordinates.")
    dims: Dims = Field(Dims(), description="Names of the dimensions, for netCDF and Zarr.")
    split: Split | Names | None = Field(None, description="Split of the cases; needed where the files have none.")
    snapshots: int | None = Field(
        None, description="Keep the first snapshots, for example of cases of different lengths.", ge=3
    )
    cells: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="Keep the first cells along y and x, the inlet among them, for example to fit a tokenizer."
    )

    @field_validator("fields")
    @classmethod
    def _some(cls, fields: dict[str, Place]) -> dict[str, Place]:
        if not fields:
            raise ValueError("expected at least one field, got none")
        if {"microstructure", "initial_microstructure"} <= set(fields):
            raise ValueError("expected microstructure or initial_microstructure, got both")
        return fields

    @model_validator(mode="after")
    def _quantities(self) -> "Mapping":
        for name, target in (("cell_size", "m"), ("interval", "s"), ("particle_velocity", "m s-1")):
            self.quantity(name, target)
        return self

    def quantity(self, name: str, target: str) -> float | None:
        """Return a number of the mapping in SI, or None where it says none."""
        text = getattr(self, name)
        if text is None:
            return None
        found = units.quantity(text, target, name)
        if found <= 0.0:
            raise DataError(f"{name}: expected more than zero, got {text!r}")
        return found


def load(path: Path) -> Mapping:
    """Read a mapping file.

    Raises
    ------
    ConfigError
        The file is missing, is not YAML, or a key is unknown, missing or impossible.
    """
    return parse(read(path), str(path))


def parse(content: Content[str, Any], where: str) -> Mapping:
    """Return the mapping that a YAML mapping describes; errors as `load`."""
    return validated(Mapping, content, where)
