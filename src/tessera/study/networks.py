"""The sections that decide the networks: architecture, what they learn from, for how long."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from tessera.data.fields import FieldName
from tessera.study.section import Fraction, Section, Several

Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Padding = Literal["zeros", "replicate"]
Initialisation = Literal["he", "glorot"]
Error = Literal["absolute", "squared"]
Reduction = Literal["mean", "sum"]
ERROR = "Error of a cell: |d| + 0.1 d² of a difference in standard deviations, or the paper's d² of a scaled one."
START = "How convolutions start: he keeps the size of activations, glorot as in the paper's code."


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
    initialisation: Initialisation = Field("he", description=START)
    log_variance_bounds: tuple[float, float] | None = Field(
        (-12.0, 6.0), description="Least and largest log-variance of a latent; null: any, as in the paper."
    )
    scales: Several[Literal["micro", "meso"]] = Field(description="Ensembles that it learns from.")
    normalisation: Literal["standard", "range"] = Field(
        "standard", description="Scaled fields have zero mean and unit deviation, or lie in [0, 1] as in the paper."
    )
    mirrored: bool = Field(True, description="Reflect half of the windows in y; the paper does not.")
    error: Error = Field("absolute", description=ERROR)
    kl_weight: NonNegativeFloat = Field(description="Weight of the Kullback-Leibler term.")
    kl_from: Fraction = Field(description="Part of the budget before the Kullback-Leibler term and noise begin.")
    edge_weight: NonNegativeFloat = Field(description="Weight of the absolute error where the truth is steep.")
    edges: Literal["relative", "normalised"] = Field(
        "relative",
        description="Steepness over its mean in a frame, or the paper's: from 0 to 1 between the extremes of a batch.",
    )
    perceptual_weight: NonNegativeFloat = Field(
        0.0, description="Weight of the squared difference of features: of fixed random filters on three resolutions."
    )
    over_cells: Reduction = Field(
        "mean", description="Average errors over cells and the Kullback-Leibler term over latents, or sum both."
    )
    over_batch: Reduction = Field(
        "mean",
        description="Average errors over a batch of B windows, or weigh them B times as much as the Kullback-Leibler "
        "term: the paper adds the errors of a whole batch to the term of each window.",
    )
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
        bounds = self.log_variance_bounds
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError(f"log_variance_bounds: expected the least first, got {list(bounds)}")
        return self


class UNetMap(Section):
    """The paper's U-Net on the latent grid."""

    kind: Literal["unet"] = Field(description="Kind of map.")
    base: PositiveInt = Field(description="Channels of the finest level.")
    last: Literal["leaky", "linear"] = Field(description="Activation of the last layer; the paper's is leaky.")
    padding: Padding = Field(description="Padding of the convolutions.")
    residual: bool = Field(description="Predict the change instead of the next latent.")
    dropout: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Part of the input left out while learning; the paper's code says 0.1 and has no such layer.",
    )
    initialisation: Initialisation = Field("he", description=START)


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


class Comparison(Section):
    """How roll-outs are compared with the truth; latents that are not white by the paper's consistency losses."""

    error: Error = Field("absolute", description=ERROR)
    over_steps: Reduction = Field("mean", description="Average errors over the steps of a roll-out, or sum them.")
    over_fields: Reduction = Field(
        "mean", description="Average errors over fields, and over means and log-variances, or sum them."
    )
    drawn: bool = Field(
        False, description="Decode latents drawn anew at each step, while means go on; needs dynamics.log_variance."
    )
    decoded_fields: Several[FieldName] | None = Field(
        None, description="Fields that are decoded to be compared; null: all."
    )
    decoded_frames: PositiveInt | None = Field(
        None, description="Random steps of a roll-out that are decoded and stand for all; null: all."
    )


class Decoupled(Section):
    """The evolution of each field alone, on micro latents."""

    map: Map = Field(description="Map of a field.")
    decoded_weight: NonNegativeFloat = Field(
        0.0, description="Weight of the decoded field against the latent terms; the paper decodes here too."
    )
    comparison: Comparison = Field(Comparison(), description="What is compared.")
    training: Training = Field(description="Training of each field's map.")

    @model_validator(mode="after")
    def _one_field(self) -> "Decoupled":
        if self.comparison.decoded_fields is not None:
            got = list(self.comparison.decoded_fields)
            raise ValueError(f"comparison.decoded_fields: expected null, for a map has one field, got {got}")
        return self


class Coupled(Section):
    """The evolution of all fields together, on micro latents."""

    map: Map = Field(description="Map of all fields stacked.")
    decoded_weight: NonNegativeFloat = Field(description="Weight of the decoded fields against the latent terms.")
    comparison: Comparison = Field(Comparison(), description="What is compared.")
    training: Training = Field(description="Training of the coupled map; decoupled maps stay frozen.")


class Transfer(Section):
    """The coupled maps fine-tuned on few meso simulations."""

    meso_cases: Several[PositiveInt] = Field(description="Numbers of meso training cases; one model each.")
    seeds: Several[NonNegativeInt] = Field(description="Seeds; one model each.")
    substeps: PositiveInt = Field(description="Applications of the map per meso snapshot.")
    decoded_weight: NonNegativeFloat = Field(description="Weight of the decoded fields against the latent terms.")
    comparison: Comparison = Field(Comparison(), description="What is compared, in both stages.")
    decoder: Literal["frozen", "fine-tuned"] = Field(description="Whether the decoders learn in the last stage.")
    latent: Training = Field(description="First stage: latents alone.")
    end_to_end: Training | None = Field(description="Second stage: decoded roll-outs; null: none.")


class Dynamics(Section):
    """The evolution of latents, in three stages."""

    log_variance: bool = Field(description="Evolve log-variances by maps of their own, as in the paper.")
    hold_inlet: bool = Field(
        True, description="Keep the tokens beside the inlet as a roll-out found them; the paper's evolve."
    )
    decoupled: Decoupled = Field(description="Stage one.")
    coupled: Coupled = Field(description="Stage two.")
    transfer: Transfer = Field(description="Stage three.")

    @model_validator(mode="after")
    def _chance(self) -> "Dynamics":
        for name in ("decoupled", "coupled", "transfer"):
            if getattr(self, name).comparison.drawn and not self.log_variance:
                raise ValueError(f"{name}.comparison.drawn: expected false, for log_variance is false, got true")
        return self
