"""What every section of a study shares: strict types, no unknown keys, frozen values."""

from collections.abc import Hashable
from typing import Annotated, TypeVar

from annotated_types import Gt
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

Item = TypeVar("Item", bound=Hashable)


def _once(values: tuple[Item, ...]) -> tuple[Item, ...]:
    if not values or len(set(values)) != len(values):
        raise ValueError(f"expected at least one, and each once, got {list(values)}")
    return values


Several = Annotated[tuple[Item, ...], AfterValidator(_once)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Gt(0.0)]


class Section(BaseModel):
    """A part of the study; its keys are its attributes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, serialize_by_alias=True)


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


class PositiveRange(Range):
    """A range of positive numbers."""

    low: PositiveFloat = Field(description="Smallest value.")
    high: PositiveFloat = Field(description="Largest value.")


class Share(Range):
    """A range of shares of a whole."""

    low: Fraction = Field(description="Smallest value.")
    high: Fraction = Field(description="Largest value.")


__all__ = [
    "Fraction",
    "NonNegativeFloat",
    "Positive",
    "PositiveFloat",
    "PositiveInt",
    "PositiveRange",
    "Range",
    "Section",
    "Several",
    "Share",
]
