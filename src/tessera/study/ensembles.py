"""The sections that decide the ensembles: solver, and one section per scale."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationError,
    model_validator,
)

from tessera.data import files
from tessera.data.fields import SIMULATED
from tessera.errors import DataError
from tessera.study.loading import Flyer, Inflow, Loading, PressureHistory
from tessera.study.microstructures import Microstructure
from tessera.study.section import Fraction, PositiveRange, Section


class Solver(Section):
    """How the equations are solved."""

    cfl: float = Field(description="Courant number of a time step [1].", gt=0.0, le=0.9)
    precision: Literal["float32", "float64"] = Field(description="Floating-point type of the kernels.")


class Split(Section):
    """How many cases serve for what; a case serves for one thing only."""

    train: PositiveInt = Field(description="Cases that networks learn from.")
    validation: PositiveInt = Field(description="Cases that choose the best epoch.")
    test: PositiveInt = Field(description="Cases that are scored.")

    @property
    def total(self) -> int:
        """Number of cases that the split speaks of."""
        return self.train + self.validation + self.test


class Simulated(Section):
    """One ensemble of simulations by our own solver."""

    cases: PositiveInt = Field(description="Number of simulations.")
    split: Split = Field(description="Cases per split; together no more than `cases`.")
    cells: tuple[PositiveInt, PositiveInt] = Field(description="Stored cells along y and x.")
    cell_size: PositiveFloat = Field(description="Width of a stored cell [m].")
    refine: PositiveInt = Field(
        1, description="Computed cells per stored one along y and x; stored values are conservative means."
    )
    snapshots: int = Field(description="Stored snapshots, the first at time 0.", ge=3)
    interval: PositiveFloat = Field(description="Time between two snapshots [s].")
    shard: PositiveInt = Field(description="Simulations that one job runs.")
    particle_velocity: PositiveRange | None = Field(
        None, description="Particle velocity behind the shock at the inlet, drawn uniformly for each case [m/s]."
    )
    loading: Loading | None = Field(None, description="What drives the shock, in place of `particle_velocity`.")
    sides: Literal["symmetric", "periodic", "open"] = Field("symmetric", description="What lies below and above.")
    temperature: PositiveFloat | None = Field(
        None, description="Temperature of the solid at the start [K]; null: that of its equation of state."
    )
    microstructure: Microstructure = Field(description="Pores.")

    @model_validator(mode="after")
    def _possible(self) -> "Simulated":
        if self.split.total > self.cases:
            raise ValueError(f"split: expected at most {self.cases} cases together, got {self.split.total}")
        if (self.particle_velocity is None) == (self.loading is None):
            got = "neither" if self.loading is None else "both"
            raise ValueError(f"particle_velocity: expected either it or loading, got {got}")
        height, length = (cells * self.cell_size for cells in self.cells)
        try:
            self.microstructure.check(height, length, self.computed_cell_size)
        except ValueError as error:
            raise ValueError(f"microstructure.{error}") from None
        return self

    @property
    def computed_cells(self) -> tuple[int, int]:
        """Computed cells along y and x."""
        return self.cells[0] * self.refine, self.cells[1] * self.refine

    @property
    def computed_cell_size(self) -> float:
        """Width of a computed cell [m]."""
        return self.cell_size / self.refine

    def velocities(self, density: float, shock_speed: Callable[[float], float]) -> tuple[float, float]:
        """Return the range of the particle velocity [m/s] behind the strongest shock at the inlet.

        Parameters
        ----------
        density
            Of the solid at rest [kg/m3].
        shock_speed
            Gives the speed [m/s] of a shock of a particle velocity [m/s].
        """
        if self.particle_velocity is not None:
            return self.particle_velocity.bounds
        if isinstance(self.loading, Inflow):
            return self.loading.velocity.bounds
        if isinstance(self.loading, Flyer):
            low, high = self.loading.velocity.bounds
            return 0.5 * low, 0.5 * high
        assert isinstance(self.loading, PressureHistory)
        low, high, peak = 0.0, 1e5, max(self.loading.pressures)
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if density * shock_speed(middle) * middle < peak else (low, middle)
        return high, high

    @property
    def shards(self) -> int:
        """Number of jobs that simulate the ensemble."""
        return -(-self.cases // self.shard)

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that are stored."""
        return SIMULATED


class Facts(BaseModel):
    """What the manifest of a store says about it; `tessera import` writes it."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    cases: PositiveInt
    cells: tuple[PositiveInt, PositiveInt]
    cell_size: PositiveFloat
    fields: tuple[str, ...]
    interval: PositiveFloat
    snapshots: int = Field(ge=3)
    split: Split


class Imported(Section):
    """One ensemble of data from elsewhere, as `tessera import` wrote it."""

    store: str = Field(alias="import", description="Manifest of the store, as `tessera import` wrote it.", min_length=1)

    @model_validator(mode="after")
    def _readable(self) -> "Imported":
        try:
            _ = self.facts
        except DataError as error:
            raise ValueError(f"import: {error}") from None
        return self

    @cached_property
    def facts(self) -> Facts:
        """What the manifest says."""
        content = files.read_json(Path(self.store))
        try:
            return Facts.model_validate_json(json.dumps(content))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            got = "none" if first["type"] == "missing" else repr(first["input"])
            raise DataError(f"{self.store}: {key}: expected the manifest of an ensemble to say it, got {got}") from None

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that the store has."""
        return self.facts.fields

    @property
    def split(self) -> Split:
        """Cases per split."""
        return self.facts.split

    @property
    def snapshots(self) -> int:
        """Stored snapshots."""
        return self.facts.snapshots

    @property
    def interval(self) -> float:
        """Time between two snapshots [s]."""
        return self.facts.interval

    @property
    def cells(self) -> tuple[int, int]:
        """Stored cells along y and x."""
        return self.facts.cells

    @property
    def cell_size(self) -> float:
        """Width of a stored cell [m]."""
        return self.facts.cell_size


def _kind(value: Any) -> str:
    imported = "import" in value if isinstance(value, Mapping) else isinstance(value, Imported)
    return "imported" if imported else "simulated"


Ensemble = Annotated[
    Annotated[Simulated, Tag("simulated")] | Annotated[Imported, Tag("imported")], Discriminator(_kind)
]


class Ensembles(Section):
    """Both scales."""

    micro: Ensemble = Field(description="Cheap simulations of one pore each.")
    meso: Ensemble = Field(description="Costly simulations of many pores each.")

    def __getitem__(self, scale: str) -> Ensemble:
        return {"micro": self.micro, "meso": self.meso}[scale]


__all__ = [
    "Ensemble",
    "Ensembles",
    "Fraction",
    "Imported",
    "Simulated",
    "Solver",
]
