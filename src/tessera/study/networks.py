"""The sections that decide the networks: architecture, what they learn from, for how long."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from tessera.data.fields import FieldName
from tessera.study.section import Fraction, Section, Several

Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Padding = Literal["zeros", "replicate"]


class Budget(Section):
    """How long a training lasts: a number of updates, or processor time of all its processes."""

    updates: PositiveInt | None = Field(None, description="Optimiser steps.")
    core_seconds: PositiveFloat | None = Field(None, description="Processor time [s].")

    @model_validator(mode="after")
    def _one(self) -> "Budget":
        if (self.updates is None) == (self.core_seconds is None):
            got = "neither" if self.updates is None else "both"
            raise ValueError(f"expected either updates or core_seconds, got {got}")
        return self


class Horizons(Section):
    """Which roll-out horizons are drawn up to a part of the budget."""

    until: Fraction = Field(description="Part of the budget up to which these horizons are drawn.")
    steps: tuple[PositiveInt, ...] = Field(description="Horizons, drawn with equal chance [snapshots].", min_length=1)


class Training(Section):
    """The one training loop's arguments."""

    budget: Budget = Field(description="How long.")
    epoch: PositiveInt = Field(description="Updates between two validations, each with a checkpoint.")
    batch: PositiveInt = Field(description="Windows in a batch.")
    window: PositiveInt | None = Field(
        description="Width of a training window along x [stored cells], full height; null: whole frames."
    )
    window_rollout: PositiveInt | None = Field(
        description="Width of a window for horizons beyond one [stored cells]; null: whole frames."
    )
    front: Fraction = Field(description="Part of the windows that is placed around the shock front.")
    horizons: tuple[Horizons, ...] = Field(description="Horizon curriculum, in the order of `until`.", min_length=1)
    optimizer: Literal["adam", "adamw"] = Field(description="Optimiser.")
    learning_rate: PositiveFloat = Field(description="Highest learning rate.")
    betas: tuple[Decay, Decay] = Field(description="Moment decays of the optimiser.")
    weight_decay: NonNegativeFloat = Field(description="Weight decay.")
    schedule: Literal["constant", "cosine"] = Field(description="Learning rate over the budget; cosine ends at 1 %.")
    warm_up: Fraction = Field(description="Part of the budget with a rising learning rate.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic while learning; weights are kept and validated in float32."
    )
    compile: bool = Field(
        False, description="Compile the networks by torch.compile; it takes a while, and a C++ compiler on a processor."
    )
    clip: NonNegativeFloat = Field(description="Largest gradient norm; 0: no clipping.")
    patience: NonNegativeInt = Field(
        0, description="Validations in a row without a better one that end it before its budget does; 0: none do."
    )
    average: Fraction = Field(description="Decay of the averaged weights that are validated and kept; 0: none.")
    noise: NonNegativeFloat = Field(description="Standard deviation of the input noise, in scaled units.")
    replay: Fraction = Field(description="Part of the batches that start from the model's own predictions.")
    hot_weight: NonNegativeFloat = Field(
        description="Extra weight of hot and void cells, by truth or prediction whichever is more."
    )
    temperature_weight: PositiveFloat = Field(description="Weight of temperature against the other fields.")

    @model_validator(mode="after")
    def _curriculum(self) -> "Training":
        ends = [part.until for part in self.horizons]
        if ends != sorted(ends) or ends[-1] != 1.0:
            raise ValueError(f"horizons: expected `until` to rise to 1.0, got {ends}")
        return self

    @property
    def longest(self) -> int:
        """Longest horizon of the curriculum [snapshots]."""
        return max(step for part in self.horizons for step in part.steps)


class TokenizerSection(Section):
    """A variational autoencoder per field."""

    fields: Several[FieldName] = Field(description="Fields that get a tokenizer each.")
    architecture: Literal["published", "light"] = Field(
        description="The paper's, or a light one of ConvNeXt blocks on its coarsest levels alone."
    )
    downsampling: PositiveInt = Field(description="Stored cells per token along each axis; a power of two.")
    widths: tuple[PositiveInt, ...] = Field(
        description="Channels per level, finest first; log2(downsampling) + 1, light: or fewer."
    )
    latent_channels: PositiveInt = Field(description="Latent channels of a field.")
    padding: Padding = Field(description="Padding of the convolutions.")
    scales: Several[Literal["micro", "meso"]] = Field(description="Ensembles that it learns from.")
    kl_weight: NonNegativeFloat = Field(description="Weight of the Kullback-Leibler term.")
    kl_from: Fraction = Field(description="Part of the budget before the Kullback-Leibler term and noise begin.")
    edge_weight: NonNegativeFloat = Field(description="Weight of the absolute error where the truth is steep.")
    whitening: bool = Field(description="Store latents with zero mean and unit deviation per channel.")
    training: Training = Field(description="Training of each tokenizer.")

    @model_validator(mode="after")
    def _levels(self) -> "TokenizerSection":
        levels, published = self.downsampling.bit_length(), self.architecture == "published"
        if self.downsampling != 2 ** (levels - 1):
            raise ValueError(f"downsampling: expected a power of two, got {self.downsampling}")
        if not (levels if published else 1) <= len(self.widths) <= levels:
            raise ValueError(
                f"widths: expected {levels}{'' if published else ' or fewer'} numbers for downsampling "
                f"{self.downsampling} and architecture {self.architecture}, got {len(self.widths)}"
            )
        return self


class UNetMap(Section):
    """The paper's U-Net on the latent grid."""

    kind: Literal["unet"] = Field(description="Kind of map.")
    base: PositiveInt = Field(description="Channels of the finest level.")
    last: Literal["leaky", "linear"] = Field(description="Activation of the last layer; the paper's is leaky.")
    padding: Padding = Field(description="Padding of the convolutions.")
    residual: bool = Field(description="Predict the change instead of the next latent.")


class ConvNeXtMap(Section):
    """A local residual map on the latent grid."""

    kind: Literal["convnext"] = Field(description="Kind of map.")
    width: PositiveInt = Field(description="Channels.")
    blocks: PositiveInt = Field(description="Number of blocks.")
    kernel: PositiveInt = Field(description="Width of the depthwise kernels; odd.")
    residual: bool = Field(description="Predict the change instead of the next latent.")

    @model_validator(mode="after")
    def _centred(self) -> "ConvNeXtMap":
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel: expected an odd width, got {self.kernel}")
        return self


Map = Annotated[UNetMap | ConvNeXtMap, Field(discriminator="kind")]


class Decoupled(Section):
    """The evolution of each field alone, on micro latents."""

    map: Map = Field(description="Map of a field.")
    training: Training = Field(description="Training of each field's map.")


class Coupled(Section):
    """The evolution of all fields together, on micro latents."""

    map: Map = Field(description="Map of all fields stacked.")
    decoded_weight: NonNegativeFloat = Field(description="Weight of the decoded fields against the latent terms.")
    training: Training = Field(description="Training of the coupled map; decoupled maps stay frozen.")


class Transfer(Section):
    """The coupled maps fine-tuned on few meso simulations."""

    meso_cases: Several[PositiveInt] = Field(description="Numbers of meso training cases; one model each.")
    seeds: Several[NonNegativeInt] = Field(description="Seeds; one model each.")
    substeps: PositiveInt = Field(description="Applications of the map per meso snapshot.")
    decoded_weight: NonNegativeFloat = Field(description="Weight of the decoded fields against the latent terms.")
    decoder: Literal["frozen", "fine-tuned"] = Field(description="Whether the decoders learn in the last stage.")
    latent: Training = Field(description="First stage: latents alone.")
    end_to_end: Training | None = Field(description="Second stage: decoded roll-outs; null: none.")


class Dynamics(Section):
    """The evolution of latents, in three stages."""

    log_variance: bool = Field(description="Evolve log-variances by maps of their own, as in the paper.")
    decoupled: Decoupled = Field(description="Stage one.")
    coupled: Coupled = Field(description="Stage two.")
    transfer: Transfer = Field(description="Stage three.")


class PARCv2Section(Section):
    """PARCv2, trained on meso simulations alone."""

    meso_cases: Several[PositiveInt] = Field(description="Numbers of meso training cases; one model each.")
    seeds: Several[NonNegativeInt] = Field(description="Seeds; one model each.")
    features: PositiveInt = Field(description="Channels of the feature extractor's output.")
    widths: tuple[PositiveInt, ...] = Field(description="Channels per level of the feature extractor.", min_length=1)
    mapping_width: PositiveInt = Field(description="Channels of mapping and reconstruction.")
    integrator: Literal["euler", "heun", "rk4"] = Field(description="Time integrator.")
    padding: Padding = Field(description="Padding of the convolutions.")
    statistics: Literal["batch", "instance", "pixel"] = Field(description="What SPADE normalises over.")
    correction: bool = Field(description="Data-driven integrator after the numerical one.")
    training: Training = Field(description="Training of the differentiator.")
    correction_training: Training | None = Field(description="Training of the correction alone; null: none.")

    @model_validator(mode="after")
    def _two_stages(self) -> "PARCv2Section":
        if self.correction != (self.correction_training is not None):
            said = ("a training", "none") if self.correction else ("none", "one")
            raise ValueError("correction_training: expected {} for this correction, got {}".format(*said))
        return self


class CNextSection(Section):
    """A residual ConvNeXt U-Net in pixel space, the strong simple rival."""

    meso_cases: Several[PositiveInt] = Field(description="Numbers of meso training cases; one model each.")
    seeds: Several[NonNegativeInt] = Field(description="Seeds; one model each.")
    unshuffle: PositiveInt = Field(description="Cells folded into channels at the entrance, along each axis.")
    widths: tuple[PositiveInt, ...] = Field(description="Channels per level.", min_length=1)
    blocks: tuple[PositiveInt, ...] = Field(description="Blocks per level, down and up: 2 len(widths) - 1 numbers.")
    training: Training = Field(description="Training.")

    @model_validator(mode="after")
    def _levels(self) -> "CNextSection":
        if len(self.blocks) != 2 * len(self.widths) - 1:
            raise ValueError(f"blocks: expected {2 * len(self.widths) - 1} numbers, got {len(self.blocks)}")
        return self


class Rivals(Section):
    """What the latent model is compared with."""

    parcv2: PARCv2Section = Field(description="PARCv2.")
    cnext: CNextSection = Field(description="CNextU-Net.")
