"""The rivals: what the latent model is compared with, by names of the study's own.

A rival is a network of some kind, how it learns, and from what: meso cases, and before them the micro cases where it
has a `pretraining`. Two entries of one kind are two rivals, such as one with micro cases and one without. A class
here is what the study file may say of a kind, its network stands in `tessera.models`.

A study file may be short: what a rival does not say is taken from the one that it is `like`, and what one of its
trainings does not say from its `training`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from tessera.errors import ConfigError
from tessera.study.networks import Padding, Training
from tessera.study.reading import merge
from tessera.study.section import Section, Several

LIKE = "like"
Kind = Literal["standard", "deviation", "range", "extremes", "signed"]  # tessera.data.scaling's, which is not light
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
VELOCITY = ("velocity_x", "velocity_y")
GUIDES = ("temperature", "pressure")  # hot cells weigh more, and the pressure shows where the front is


class Rival(Section):
    """What the study says of every rival.

    Attributes
    ----------
    needs
        Fields without which it cannot learn.
    sees
        Fields that it learns; none named: all that the meso ensemble has.
    scaling
        How its fields are scaled, see `tessera.data.scaling`.
    unit
        Cells per latent along each axis, which have to divide a domain; 1 for what sees cells.
    sources
        Sources of its network, an edit of which trains it anew.
    """

    needs: ClassVar[tuple[str, ...]] = GUIDES
    sees: ClassVar[tuple[str, ...]] = ()
    scaling: ClassVar[Kind] = "standard"
    unit: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ()

    label: str = Field(description="What figures and tables call it.", min_length=1, max_length=60)
    meso_cases: Several[PositiveInt] = Field(description="Numbers of meso training cases; one model each.")
    seeds: Several[NonNegativeInt] = Field(description="Seeds; one model each.")
    pretraining: Training | None = Field(
        None, description="Training on all micro training cases, before the meso cases; null: none."
    )
    training: Training = Field(description="Training on the meso cases.")

    @property
    def scaled(self) -> Kind:
        """How its fields are scaled."""
        return self.scaling

    @property
    def network(self) -> dict[str, Any]:
        """Arguments of its network."""
        return self.model_dump(exclude={*Rival.model_fields, *_trainings(type(self)), "kind", "normalisation"})

    @property
    def stages(self) -> list[tuple[str, Training]]:
        """Names and trainings of its stages on meso cases, in order; the last uses all of the network."""
        return [("pixels", self.training)]

    @property
    def trainings(self) -> dict[str, Training]:
        """Every training by its key."""
        found = {name: getattr(self, name) for name in _trainings(type(self))}
        return {name: training for name, training in found.items() if training is not None}

    @property
    def scales(self) -> tuple[str, ...]:
        """The ensembles that it learns from."""
        return ("meso",) if self.pretraining is None else ("micro", "meso")


class PARCv2(Rival):
    """PARCv2."""

    needs = (*GUIDES, *VELOCITY)
    sources = ("models/operators", "models/parc", "models/spade", "models/variants")

    kind: Literal["parcv2"] = Field(description="Kind of rival.")
    variant: Literal["central", "icml2024", "parctorch"] = Field(
        "central",
        description="Whose code it follows: that of the paper, PARCtorch, or ours, with terms of second order.",
    )
    normalisation: Literal["deviation", "range", "extremes"] = Field(
        "range",
        description="Unit deviation; or in [0, 1], of both signs in [-1, 1]; or all in [0, 1], as published.",
    )
    features: PositiveInt = Field(description="Channels of the feature extractor's output.")
    widths: tuple[PositiveInt, ...] = Field(description="Channels per level of the feature extractor.", min_length=1)
    mapping_width: PositiveInt = Field(description="Channels of mapping and reconstruction.")
    integrator: Literal["euler", "heun", "rk4"] = Field(description="Time integrator.")
    padding: Padding = Field(description="Padding of the convolutions.")
    statistics: Literal["batch", "instance", "pixel"] = Field(description="What SPADE normalises over.")
    step: float = Field(1.0, description="Length of a snapshot's interval for the network; published 1/15.", gt=0.0)
    spacing: PositiveFloat | None = Field(
        None,
        description="Width of a cell for the network; published 1; null: the grid's, as velocities are scaled.",
    )
    correction: bool = Field(description="Data-driven integrator after the numerical one.")
    correction_training: Training | None = Field(None, description="Training of the correction alone; null: none.")

    @model_validator(mode="after")
    def _two_stages(self) -> "PARCv2":
        if self.correction != (self.correction_training is not None):
            said = ("a training", "none") if self.correction else ("none", "one")
            raise ValueError("correction_training: expected {} for this correction, got {}".format(*said))
        return self

    @property
    def scaled(self) -> Kind:
        """How its fields are scaled."""
        return self.normalisation

    @property
    def stages(self) -> list[tuple[str, Training]]:
        """The differentiator with the numerical integrator, then the correction if it has one."""
        last = [] if self.correction_training is None else [("correction", self.correction_training)]
        return [("differentiator", self.training), *last]


class PARCv1(Rival):
    """PARC, the first version; it learns from whole frames."""

    needs = (*GUIDES, "microstructure")
    sees = (*GUIDES, "initial_microstructure")
    scaling = "signed"
    sources = ("models/parc1",)

    kind: Literal["parcv1"] = Field(description="Kind of rival.")
    width: PositiveInt = Field(description="Feature maps; a multiple of four.")
    padding: Padding = Field(description="Padding of the convolutions.")

    @model_validator(mode="after")
    def _whole_frames(self) -> "PARCv1":
        for key, training in self.trainings.items():
            if training.window is not None or training.window_rollout is not None:
                raise ValueError(f"{key}.window: expected null, for it is told how far along the domain a cell lies")
        return self


class LatentPARC(Rival):
    """LatentPARC, an autoencoder of all fields and a rate of change of its latents."""

    needs = (*GUIDES, "microstructure")
    sees = (*GUIDES, "microstructure")
    scaling = "extremes"
    unit = 4
    sources = ("models/latentparc", "models/operators", "models/parc1")

    kind: Literal["latentparc"] = Field(description="Kind of rival.")
    hidden: PositiveInt = Field(description="Channels between fields and latents.")
    latent_channels: PositiveInt = Field(description="Channels of the latents.")
    width: PositiveInt = Field(description="Channels of the differentiator; a multiple of four.")
    padding: Padding = Field(description="Padding of the convolutions.")
    integrator: Literal["euler", "heun", "rk4"] = Field("rk4", description="Time integrator.")
    autoencoder_training: Training = Field(description="First stage: the autoencoder.")
    fine_tuning: Training | None = Field(None, description="Last stage: all of it together; null: none.")

    @property
    def stages(self) -> list[tuple[str, Training]]:
        """The autoencoder, the dynamics of its latents, and both together if the study says so."""
        last = [] if self.fine_tuning is None else [("fine-tuning", self.fine_tuning)]
        return [("autoencoder", self.autoencoder_training), ("dynamics", self.training), *last]


class CNext(Rival):
    """A residual ConvNeXt U-Net in pixel space, the strong simple rival."""

    sources = ("models/cnext",)

    kind: Literal["cnext"] = Field(description="Kind of rival.")
    unshuffle: PositiveInt = Field(description="Cells folded into channels at the entrance, along each axis.")
    widths: tuple[PositiveInt, ...] = Field(description="Channels per level.", min_length=1)
    blocks: tuple[NonNegativeInt, ...] = Field(description="Blocks per level, down and up: 2 len(widths) - 1 numbers.")
    expansion: PositiveInt = Field(3, description="Channels inside a block over those of its level.")
    layer_scale: float = Field(1.0, description="Start of the weights of what a block adds; 1e-6 in The Well.", gt=0.0)
    layout: Literal["light", "published"] = Field(
        "light", description="Ends of single cells, skips on every level; or ends and skips as in The Well."
    )

    @model_validator(mode="after")
    def _levels(self) -> "CNext":
        if len(self.blocks) != 2 * len(self.widths) - 1:
            raise ValueError(f"blocks: expected {2 * len(self.widths) - 1} numbers, got {len(self.blocks)}")
        return self


class FNO(Rival):
    """A Fourier neural operator, from the package neuraloperator."""

    sources = ("models/fno",)

    kind: Literal["fno"] = Field(description="Kind of rival.")
    modes: tuple[PositiveInt, PositiveInt] = Field(description="Waves along y and x; even numbers.")
    width: PositiveInt = Field(description="Channels.")
    layers: PositiveInt = Field(description="Spectral layers.")
    padding: float = Field(0.125, description="Part of the domain added beyond it: it is not periodic.", ge=0.0, le=1.0)


def _trainings(kind: type[Rival]) -> list[str]:
    """Return the keys of a rival's trainings."""
    return [name for name, what in kind.model_fields.items() if what.annotation in (Training, Training | None)]


AnyRival = Annotated[
    CNext | FNO | LatentPARC | PARCv1 | PARCv2,
    Field(discriminator="kind"),
]
Rivals = dict[Name, AnyRival]
KINDS: tuple[type[Rival], ...] = (CNext, FNO, LatentPARC, PARCv1, PARCv2)
TRAININGS = {name for kind in KINDS for name in _trainings(kind)} - {"training"}


def expanded(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the content of a study with all that its rivals take from others written out.

    Of a rival of the same kind all is taken but the label, of one of another kind what every rival has.

    Raises
    ------
    ConfigError
        A rival is like one that is not there, or like itself.
    """
    rivals = content.get("rivals")
    if not isinstance(rivals, Mapping):
        return dict(content)
    return {**content, "rivals": {name: _whole(rivals, name, where) for name in rivals}}


def _whole(rivals: Mapping[str, Any], name: str, where: str, above: tuple[str, ...] = ()) -> Any:
    section = rivals[name]
    if not isinstance(section, Mapping):
        return section
    own = {key: value for key, value in section.items() if key != LIKE}
    if LIKE in section:
        other = section[LIKE]
        if not isinstance(other, str) or other not in rivals or other in (*above, name):
            raise ConfigError(f"{where}: rivals.{name}.{LIKE}: expected the name of another rival, got {other!r}")
        base = _whole(rivals, other, where, (*above, name))
        alike = own.get("kind", base.get("kind")) == base.get("kind")
        kept = {k: v for k, v in base.items() if k != "label" and (alike or k in Rival.model_fields)}
        own = merge(kept, own)
    first = own.get("training")
    if isinstance(first, Mapping):
        own |= {
            key: merge(first, value) for key, value in own.items() if key in TRAININGS and isinstance(value, Mapping)
        }
    return own


__all__ = ["GUIDES", "LIKE", "AnyRival", "CNext", "Name", "PARCv2", "Rival", "Rivals", "expanded"]
