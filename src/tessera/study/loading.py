"""The sections that say what drives a shock in, beside the default, a piston at a particle velocity."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from tessera.study.section import PositiveRange, Section


class Flyer(Section):
    """A plate of the same solid that hits the box at the start."""

    kind: Literal["flyer"] = Field(description="Name of the loading.")
    velocity: PositiveRange = Field(description="Velocity of the plate, drawn uniformly for each case [m/s].")
    thickness: PositiveFloat = Field(description="Thickness of the plate [m].")


class PressureHistory(Section):
    """A pressure at the left that changes in time, the same in all cases."""

    kind: Literal["pressure-history"] = Field(description="Name of the loading.")
    times: tuple[NonNegativeFloat, ...] = Field(description="Times, rising [s].", min_length=1, max_length=10_000)
    pressures: tuple[NonNegativeFloat, ...] = Field(
        description="Normal stress at these times, linear between them, constant before and after [Pa]."
    )

    @model_validator(mode="after")
    def _matching(self) -> "PressureHistory":
        if len(self.pressures) != len(self.times):
            raise ValueError(f"pressures: expected one for each of {len(self.times)} times, got {len(self.pressures)}")
        if any(later <= earlier for earlier, later in pairwise(self.times)):
            raise ValueError(f"times: expected rising times, got {list(self.times)[:10]}")
        if max(self.pressures) <= 0.0:
            raise ValueError("pressures: expected one above 0, got none")
        return self


class Inflow(Section):
    """Matter in the state of the first cell is fed at a velocity: an inlet that prescribes nothing else."""

    kind: Literal["inflow"] = Field(description="Name of the loading.")
    velocity: PositiveRange = Field(description="Velocity of the inflow, drawn uniformly for each case [m/s].")


Loading = Annotated[Flyer | Inflow | PressureHistory, Field(discriminator="kind")]

__all__ = ["Flyer", "Inflow", "Loading", "PressureHistory"]
