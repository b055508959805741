"""The kinds of microstructure: one pore, packings, populations of given statistics, images."""

import math
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from tessera.study.section import Fraction, PositiveRange, Section, Several, Share

MOST = 100_000  # pores of a case
PIXELS = 1e9  # along a box


class SinglePore(Section):
    """One pore in each case, the building block."""

    kind: Literal["single-pore"] = Field(description="Kind of microstructure.")
    diameter: PositiveRange = Field(description="Equivalent diameter, drawn log-uniformly [m].")
    centre_x: Share = Field(description="Centre along x, as a fraction of the length [1].")
    centre_y: Share = Field(description="Centre along y, as a fraction of the height [1].")

    def check(self, height: float, length: float, cell_size: float) -> None:
        """Refuse pores that a box of this size [m] does not hold, or its cells do not show."""
        _shown("diameter", self.diameter, cell_size)
        for axis, size, centre in (("y", height, self.centre_y), ("x", length, self.centre_x)):
            middle = min(max(0.5, centre.low), centre.high)
            room = 2.0 * size * min(middle, 1.0 - middle)
            if self.diameter.high > room:
                raise ValueError(
                    f"diameter.high: expected at most {room:.3g} m, for which there is room along {axis}, "
                    f"got {self.diameter.high:.3g}"
                )


class Packing(Section):
    """A random packing of pores that do not touch."""

    kind: Literal["packing"] = Field(description="Kind of microstructure.")
    porosity: Share = Field(description="Area fraction of the pores [1].")
    smallest_diameter: PositiveRange = Field(description="Smallest equivalent diameter of a case [m].")
    largest_diameter: PositiveRange = Field(description="Largest equivalent diameter of a case [m].")
    gap: NonNegativeFloat = Field(description="Least solid between two pores [m].")
    inlet: NonNegativeFloat = Field(description="Length free of pores behind the inlet [m].")

    def check(self, height: float, length: float, cell_size: float) -> None:
        """Refuse pores that a box of this size [m] does not hold, or its cells do not show."""
        _shown("smallest_diameter", self.smallest_diameter, cell_size)
        largest, least = self.largest_diameter.high, self.smallest_diameter.low
        if largest < least:
            raise ValueError(f"largest_diameter.high: expected at least the smallest, {least:.3g} m, got {largest:.3g}")
        for name, value, most in (
            ("inlet", self.inlet, length),
            ("gap", self.gap, height),
            ("largest_diameter.high", largest, min(height, length - self.inlet)),
        ):
            if value >= most:
                raise ValueError(f"{name}: expected less than {most:.3g} m, for which there is room, got {value:.3g}")


def _shown(name: str, diameter: PositiveRange, cell_size: float) -> None:
    if diameter.low < cell_size:
        raise ValueError(f"{name}.low: expected at least a cell, {cell_size:.3g} m, got {diameter.low:.3g}")


class Uniform(Section):
    """Every value between two alike."""

    kind: Literal["uniform"] = Field(description="Name of the distribution.")
    low: float = Field(description="Smallest value.", ge=0.0)
    high: float = Field(description="Largest value; may equal the smallest.", ge=0.0)

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.high < self.low:
            raise ValueError(f"expected low <= high, got {self.low:g} and {self.high:g}")
        return self


class Lognormal(Section):
    """Lognormal, cut off at both ends."""

    kind: Literal["lognormal"] = Field(description="Name of the distribution.")
    median: PositiveFloat = Field(description="Median before it is cut off.")
    spread: float = Field(description="Standard deviation of the natural logarithm [1].", gt=0.0, le=5.0)
    low: PositiveFloat = Field(description="Smallest value, at most the median.")
    high: PositiveFloat = Field(description="Largest value, at least the median.")

    @model_validator(mode="after")
    def _ordered(self) -> "Lognormal":
        if not self.low <= self.median <= self.high or self.low == self.high:
            raise ValueError(
                f"expected low <= median <= high and low < high, got {self.low:g}, {self.median:g} and {self.high:g}"
            )
        return self


class Quantiles(Section):
    """As measured: what share of all lies below each of some values, linear between them."""

    kind: Literal["quantiles"] = Field(description="Name of the distribution.")
    shares: tuple[Fraction, ...] = Field(
        description="Rising shares of all by number, from 0 to 1.", min_length=2, max_length=1000
    )
    values: tuple[NonNegativeFloat, ...] = Field(
        description="The value below which each share lies.", min_length=2, max_length=1000
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Quantiles":
        rising = all(one < other for one, other in zip(self.shares, self.shares[1:], strict=False))
        if not rising or (self.shares[0], self.shares[-1]) != (0.0, 1.0):
            raise ValueError(f"shares: expected rising numbers from 0 to 1, got {list(self.shares)}")
        if len(self.values) != len(self.shares):
            raise ValueError(f"values: expected one for each of {len(self.shares)} shares, got {len(self.values)}")
        if any(one > other for one, other in zip(self.values, self.values[1:], strict=False)):
            raise ValueError(f"values: expected none below the one before, got {list(self.values)}")
        return self

    @property
    def low(self) -> float:
        """Smallest value."""
        return self.values[0]

    @property
    def high(self) -> float:
        """Largest value."""
        return self.values[-1]


Distribution = Annotated[Uniform | Lognormal | Quantiles, Field(discriminator="kind")]


class AnyDirection(Section):
    """Every direction alike."""

    kind: Literal["any"] = Field(description="Name of the distribution.")


class VonMises(Section):
    """Directions about an axis: twice the angle to it follows von Mises."""

    kind: Literal["von-mises"] = Field(description="Name of the distribution.")
    axis: float = Field(description="Angle of the axis from x [rad].", ge=-2.0 * math.pi, le=2.0 * math.pi)
    concentration: float = Field(description="Kappa of von Mises: 0 any direction, 10 nearly one [1].", ge=0.0, le=1e4)


class Part(Section):
    """A part of the box."""

    x: Share = Field(description="Where it begins and ends along x, as fractions of the length [1].")
    y: Share = Field(description="Where it begins and ends along y, as fractions of the height [1].")

    @model_validator(mode="after")
    def _open(self) -> "Part":
        for axis in ("x", "y"):
            if getattr(self, axis).low == getattr(self, axis).high:
                raise ValueError(f"{axis}: expected low < high, got {getattr(self, axis).low:g} twice")
        return self


WHOLE = Share(low=0.0, high=1.0)


class Population(Section):
    """Pores of given statistics, placed at random with a gap between their outlines."""

    kind: Literal["population"] = Field(description="Kind of microstructure.")
    porosity: Share = Field(description="Area fraction of the pores in their part, drawn uniformly for each case [1].")
    part: Part = Field(
        Part(x=WHOLE, y=WHOLE),
        description="Part of the box that has pores, a porous piece in a block; default all.",
    )
    tolerance: float = Field(0.005, description="By how much a case may miss its porosity [1].", gt=0.0, le=1.0)
    shortfall: Literal["refuse", "warn"] = Field(
        "refuse", description="What is done of a case that misses its porosity: end in an error, or keep it and say so."
    )
    diameter: Distribution = Field(description="Diameter of the disc of equal area, by number [m].")
    aspect: Distribution = Field(description="Length over width, from 1 to 10 [1].")
    orientation: Annotated[AnyDirection | VonMises, Field(discriminator="kind")] = Field(
        description="Direction of the length."
    )
    roughness: Distribution = Field(
        description="Root mean square of the logarithm of the radius, 0 an ellipse, at most 0.5 [1]."
    )
    correlation: float = Field(
        0.4, description="Angle along the outline over which its roughness is correlated [rad].", ge=0.15, le=1.5
    )
    gap: NonNegativeFloat = Field(description="Least distance between two outlines, half of it to the border [m].")
    inlet: NonNegativeFloat = Field(description="Length free of pores behind the inlet [m].")

    def check(self, height: float, length: float, cell_size: float) -> None:
        """Refuse pores that a box of this size [m] does not hold, or its cells do not show."""
        if self.diameter.low < cell_size:
            raise ValueError(
                f"diameter: expected at least a cell, {cell_size:.3g} m, of the smallest, got {self.diameter.low:.3g}"
            )
        for name, found, low, high in (
            ("aspect", self.aspect, 1.0, 10.0),
            ("roughness", self.roughness, 0.0, 0.5),
        ):
            if found.low < low or found.high > high:
                raise ValueError(f"{name}: expected {low:g} to {high:g}, got {found.low:g} to {found.high:g}")
        high, wide = (size * (span.high - span.low) for size, span in ((height, self.part.y), (length, self.part.x)))
        room = min(high, wide, length * self.part.x.high - self.inlet) - self.gap
        for name, value in (("inlet", self.inlet), ("gap", self.gap)):
            if room <= 0.0:
                raise ValueError(
                    f"{name}: expected to leave room in a box of {height:.3g} x {length:.3g} m, got {value:.3g}"
                )
        if self.diameter.high >= room:
            raise ValueError(
                f"diameter: expected less than {room:.3g} m, for which there is room, of the largest, "
                f"got {self.diameter.high:.3g}"
            )
        if self.porosity.high * height * length / self.diameter.low**2 > MOST:
            raise ValueError(f"diameter: expected sizes of at most {MOST} pores in a case, got smaller ones")


class Image(Section):
    """Segmented images, such as of a microscope, taken in turn by the cases."""

    kind: Literal["image"] = Field(description="Kind of microstructure.")
    images: Several[str] = Field(
        description="PGM, PNG or TIFF files of two grey values; paths are relative to the study file.",
        max_length=100_000,
    )
    pixel_size: PositiveFloat = Field(description="Width of a pixel [m].")
    pore: Literal["dark", "bright"] = Field(description="Which of the two grey values is pore.")
    fit: Literal["crop", "tile", "mirror"] = Field(
        "crop", description="How the box is filled: cut out of the image, or the image repeated, or mirrored as well."
    )
    offset: tuple[NonNegativeFloat, NonNegativeFloat] | None = Field(
        None,
        description="Where in the image (y, x) the box begins, from its lower left [m]; null draws it for each case.",
    )

    def check(self, height: float, length: float, cell_size: float) -> None:  # noqa: ARG002
        """Refuse a box or an offset of more pixels than can be counted."""
        for name, longest in (("pixel_size", max(height, length)), ("offset", max(self.offset or (0.0, 0.0)))):
            if longest > PIXELS * self.pixel_size:
                raise ValueError(f"{name}: expected at most {PIXELS:g} pixels along the box, got more")


Microstructure = Annotated[SinglePore | Packing | Population | Image, Field(discriminator="kind")]

__all__ = [
    "Distribution",
    "Image",
    "Lognormal",
    "Microstructure",
    "Packing",
    "Population",
    "Quantiles",
    "SinglePore",
    "Uniform",
    "VonMises",
]
