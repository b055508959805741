"""The section that says what the solid is: laws by name, each with the parameters that it has.

Defaults are those of HMX; docs/physics.md gives formulas, sources and ranges.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from tessera.study.section import Section

KIND = "Name of the law."
REST = "Temperature of the unshocked solid [K]."
HEAT_LIMIT = "Heat capacity at constant volume of the hot solid [J/kg/K]."
HALF_HEAT = "Temperature at which the heat capacity is half of that [K]; 0.001 makes it constant."


class MieGruneisen(Section):
    """Mie-Grueneisen solid on its reference isentrope, with void closure."""

    kind: Literal["mie-gruneisen"] = Field(description=KIND)
    density: PositiveFloat = Field(1891.0, description="Density of the unshocked solid [kg/m3].")
    sound_speed: PositiveFloat = Field(2901.0, description="Bulk sound speed c0 of the unshocked solid [m/s].")
    slope: PositiveFloat = Field(2.058, description="Slope s of the shock speed, Us = c0 + s up [1].")
    gruneisen: PositiveFloat = Field(1.1, description="Grueneisen coefficient, constant [1].")
    temperature: PositiveFloat = Field(300.0, description=REST)

    @property
    def rest_density(self) -> float:
        """Density of the unshocked solid [kg/m3]."""
        return self.density

    def shock_speed(self, particle_velocity: float) -> float:
        """Return the speed [m/s] of a shock of a particle velocity [m/s]."""
        return self.sound_speed + self.slope * particle_velocity


class LinearHugoniot(Section):
    """Complete solid on a linear Hugoniot, with a Debye-like heat capacity and void closure."""

    kind: Literal["linear-hugoniot"] = Field(description=KIND)
    density: PositiveFloat = Field(1900.0, description="Density of the unshocked solid [kg/m3].")
    sound_speed: PositiveFloat = Field(2901.0, description="Bulk sound speed c0 of the unshocked solid [m/s].")
    slope: PositiveFloat = Field(2.058, description="Slope s of the shock speed, Us = c0 + s up [1].")
    gruneisen: float = Field(
        1.1, description="Grueneisen coefficient at rest; it falls with the density's inverse [1].", gt=0.0, le=2.0
    )
    temperature: PositiveFloat = Field(300.0, description=REST)
    heat_limit: PositiveFloat = Field(2384.36, description=HEAT_LIMIT)
    half_heat: PositiveFloat = Field(436.576, description=HALF_HEAT)

    @property
    def rest_density(self) -> float:
        """Density of the unshocked solid [kg/m3]."""
        return self.density

    def shock_speed(self, particle_velocity: float) -> float:
        """Return the speed [m/s] of a shock of a particle velocity [m/s]."""
        return self.sound_speed + self.slope * particle_velocity


class BirchMurnaghan(Section):
    """Complete solid on a third-order Birch-Murnaghan cold curve, with a Debye-like heat capacity and void closure."""

    kind: Literal["birch-murnaghan"] = Field(description=KIND)
    cold_density: PositiveFloat = Field(1939.59, description="Density at no temperature and no pressure [kg/m3].")
    bulk_modulus: PositiveFloat = Field(16.5e9, description="Bulk modulus of the cold solid [Pa].")
    bulk_modulus_slope: float = Field(8.7, description="Its slope over pressure [1].", ge=4.0)
    gruneisen_constant: float = Field(
        0.0, description="Part of the Grueneisen coefficient that is constant [1].", ge=0.0, le=2.0
    )
    gruneisen_linear: float = Field(0.9, description="Part that falls with the density's inverse [1].")
    temperature: PositiveFloat = Field(300.0, description=REST)
    heat_limit: PositiveFloat = Field(2384.36, description=HEAT_LIMIT)
    half_heat: PositiveFloat = Field(436.576, description=HALF_HEAT)

    @model_validator(mode="after")
    def _possible(self) -> "BirchMurnaghan":
        together = self.gruneisen_constant + self.gruneisen_linear
        if not 0.0 < together <= 2.0:
            raise ValueError(
                f"gruneisen_linear: expected a sum with gruneisen_constant above 0 and at most 2, got {together:g}"
            )
        return self

    @property
    def rest_density(self) -> float:
        """Density of the unshocked solid [kg/m3], a few percent too high."""
        return self.cold_density

    def shock_speed(self, particle_velocity: float) -> float:
        """Return the speed [m/s] of a shock of a particle velocity [m/s] on the cold curve: a few percent too slow."""
        low, high = 0.0, 0.9
        for _ in range(40):
            x = 0.5 * (low + high)
            stretch = (1.0 - x) ** (-2.0 / 3.0)
            over = stretch - 1.0
            stiff = 1.5 * self.bulk_modulus / self.cold_density * (1.0 + 0.75 * (self.bulk_modulus_slope - 4.0) * over)
            push = stiff * stretch**2.5 * over  # pressure over density, u^2 / x behind a shock
            low, high = (x, high) if push * x < particle_velocity * particle_velocity else (low, x)
        return particle_velocity / high


class StiffenedGas(Section):
    """Stiffened gas with void closure, a model of water."""

    kind: Literal["stiffened-gas"] = Field(description=KIND)
    gamma: float = Field(4.4, description="Ratio of specific heats [1].", gt=1.0)
    stiffness: PositiveFloat = Field(6.0e8, description="Pressure p_inf of the stiffness [Pa].")
    density: PositiveFloat = Field(1000.0, description="Density at rest [kg/m3].")
    temperature: PositiveFloat = Field(300.0, description=REST)

    @property
    def rest_density(self) -> float:
        """Density of the unshocked solid [kg/m3]."""
        return self.density

    def shock_speed(self, particle_velocity: float) -> float:
        """Return the speed [m/s] of a shock of a particle velocity [m/s]."""
        half = 0.25 * (self.gamma + 1.0) * particle_velocity
        return half + math.hypot(half, math.sqrt(self.gamma * self.stiffness / self.density))


class JWL(Section):
    """Detonation products after Jones, Wilkins and Lee."""

    kind: Literal["jwl"] = Field(description=KIND)
    density: PositiveFloat = Field(1901.2, description="Density of the explosive that the constants refer to [kg/m3].")
    A: PositiveFloat = Field(858.0805e9, description="Constant A [Pa].")
    B: float = Field(7.546531e9, description="Constant B [Pa].")
    R1: PositiveFloat = Field(4.306, description="Constant R1 [1].")
    R2: PositiveFloat = Field(0.80, description="Constant R2 [1].")
    omega: PositiveFloat = Field(0.30, description="Grueneisen coefficient of the products [1].")
    energy: PositiveFloat = Field(5.78582e6, description="Heat of detonation, E0 / density [J/kg].")
    specific_heat: PositiveFloat = Field(1500.0, description="Heat capacity at constant volume [J/kg/K].")
    detonation_temperature: PositiveFloat = Field(3500.0, description="Temperature at the Chapman-Jouguet state [K].")


class Inert(Section):
    """No reaction."""

    kind: Literal["inert"] = Field(description="Name of the kinetics.")


class Tarver(Section):
    """Three-step decomposition of HMX after Tarver."""

    kind: Literal["tarver"] = Field(description="Name of the kinetics.")


class HensonSmilowitz(Section):
    """One global step of HMX after Henson and Smilowitz."""

    kind: Literal["henson-smilowitz"] = Field(description="Name of the kinetics.")


class OneStep(Section):
    """One Arrhenius step of first order."""

    kind: Literal["one-step"] = Field(description="Name of the kinetics.")
    ln_z: float = Field(28.1, description="Logarithm of the frequency factor [1/s].")
    activation: PositiveFloat = Field(142.7e3, description="Activation energy [J/mol].")
    heat: PositiveFloat = Field(5.8576e6, description="Heat released [J/kg].")


class KrautKennedy(Section):
    """Melt temperature that rises with the compression, T0 (1 + slope (1 - rho0 / rho))."""

    kind: Literal["kraut-kennedy"] = Field(description="Name of the melt curve.")
    temperature: PositiveFloat = Field(551.0, description="Melt temperature T0 without pressure [K].")
    density: PositiveFloat = Field(1891.0, description="Density rho0 without pressure [kg/m3].")
    slope: NonNegativeFloat = Field(1.53, description="2 (Gamma - 1/3) by Lindemann's rule [1].")


class SimonGlatzel(Section):
    """Melt temperature that rises with the pressure, T0 (1 + p / p0)^exponent."""

    kind: Literal["simon-glatzel"] = Field(description="Name of the melt curve.")
    temperature: PositiveFloat = Field(551.0, description="Melt temperature T0 without pressure [K].")
    pressure: PositiveFloat = Field(0.305e9, description="Pressure p0 [Pa].")
    exponent: PositiveFloat = Field(0.327, description="Exponent [1].")


class Never(Section):
    """Matter that keeps its strength at any temperature."""

    kind: Literal["never"] = Field(description="Name of the melt curve.")


class Strength(Section):
    """Elastic, perfectly plastic solid, without strength above its melt curve."""

    yield_stress: PositiveFloat = Field(0.26e9, description="Yield stress under one-dimensional stress [Pa].")
    modulus: PositiveFloat = Field(10.0e9, description="Shear modulus [Pa].")
    melting: Annotated[KrautKennedy | SimonGlatzel | Never, Field(discriminator="kind")] = Field(
        description="Melt curve."
    )


class Material(Section):
    """What the solid is."""

    eos: Annotated[MieGruneisen | LinearHugoniot | BirchMurnaghan | StiffenedGas, Field(discriminator="kind")] = Field(
        description="Equation of state."
    )
    products: JWL | None = Field(
        None, description="Equation of state of what has burnt, mixed in by mass; null: that of the solid."
    )
    reaction: Annotated[Tarver | HensonSmilowitz | OneStep | Inert, Field(discriminator="kind")] = Field(
        description="Kinetics."
    )
    viscosity: NonNegativeFloat = Field(description="Shear viscosity of the shocked solid [Pa s].")
    conductivity: NonNegativeFloat = Field(0.0, description="Heat conductivity of the solid [W/m/K]; 0: none.")
    strength: Strength | None = Field(None, description="Elastic, plastic strength; null: a fluid.")
    spall: NonNegativeFloat = Field(0.0, description="Tension that opens a void [Pa]; 0: matter bears none.")

    @model_validator(mode="after")
    def _possible(self) -> "Material":
        if self.products is not None and self.reaction.kind == "inert":
            raise ValueError("products: expected null beside an inert reaction, which makes none, got a law")
        return self


__all__ = ["Material"]
