"""What every section of a study shares: strict types, no unknown keys, frozen values."""

from typing import Annotated

from annotated_types import Gt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Gt(0.0)]


class Section(BaseModel):
    """A part of the study; its keys are its attributes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Range(Section):
    """A range from which a number is drawn, both ends included."""

    low: float = Field(description="Smallest value.")
    high: float = Field(description="Largest value.")

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.high < self.low:
            raise ValueError(f"expected low <= high, got {self.low:g} and {self.high:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends, smallest first."""
        return self.low, self.high


__all__ = ["Fraction", "NonNegativeFloat", "Positive", "PositiveFloat", "PositiveInt", "Range", "Section"]
