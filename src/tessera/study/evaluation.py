"""The section that decides predictions, scores and the report."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from tessera.study.section import Section, Several


class Shown(Section):
    """Snapshots that the figures show."""

    micro: Several[NonNegativeInt] = Field(description="Snapshots of micro cases.")
    meso: Several[NonNegativeInt] = Field(description="Snapshots of meso cases.")

    def __getitem__(self, scale: str) -> tuple[int, ...]:
        return {"micro": self.micro, "meso": self.meso}[scale]


class Evaluation(Section):
    """How predictions are made, scored and shown."""

    start: PositiveInt = Field(description="Snapshot that a prediction starts from; the shock is inside.")
    samples: PositiveInt = Field(description="Members that a probabilistic model predicts.")
    hotspot_temperature: PositiveFloat = Field(description="Temperature above which a cell belongs to a hotspot [K].")
    coarsening: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (), description="The solver on grids of so many computed cells each, as rivals of equal cost; empty: none."
    )
    snapshots: Shown = Field(description="Snapshots that the figures show, per scale.")
