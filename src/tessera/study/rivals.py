"""The rivals: what the latent model is compared with, by names of the study's own.

A rival is a network of some kind, how it learns, and from what: meso cases, and before them the micro cases where it
has a `pretraining`. Two entries of one kind are two rivals, such as one with micro cases and one without. A class
here is what the study file may say of a kind, its network stands in `tessera.models`.

A study file may be short: what a rival does not say is taken from the one that it is `like`, and what one of its
trainings does not say from its `training`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from tessera.errors import ConfigError
from tessera.study.networks import Padding, Training
from tessera.study.reading import merge
from tessera.study.section import Section, Several

LIKE = "like"
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
    sources
        Sources of its network, an edit of which trains it anew.
    """

    needs: ClassVar[tuple[str, ...]] = GUIDES
    sees: ClassVar[tuple[str, ...]] = ()
    scaling: ClassVar[Literal["standard", "range"]] = "standard"
    sources: ClassVar[tuple[str, ...]] = ()

    label: str = Field(description="What figures and tables call it.", min_length=1, max_length=60)
    meso_cases: Several[PositiveInt] = Field(description="Numbers of meso training cases; one model each.")
    seeds: Several[NonNegativeInt] = Field(description="Seeds; one model each.")
    pretraining: Training | None = Field(
        None, description="Training on all micro training cases, before the meso cases; null: none."
    )
    training: Training = Field(description="Training on the meso cases.")

    @property
    def network(self) -> dict[str, Any]:
        """Arguments of its network."""
        trainings = {name for name in type(self).model_fields if name.endswith("training")}
        return self.model_dump(exclude={*Rival.model_fields, *trainings, "kind"})

    @property
    def stages(self) -> list[tuple[str, Training]]:
        """Names and trainings of its stages on meso cases, in order; the last uses all of the network."""
        return [("pixels", self.training)]

    @property
    def trainings(self) -> dict[str, Training]:
        """Every training by its key."""
        found = {name: getattr(self, name) for name in type(self).model_fields if name.endswith("training")}
        return {name: training for name, training in found.items() if training is not None}

    @property
    def scales(self) -> tuple[str, ...]:
        """The ensembles that it learns from."""
        return ("meso",) if self.pretraining is None else ("micro", "meso")


class PARCv2(Rival):
    """PARCv2."""

    needs = (*GUIDES, *VELOCITY)
    scaling = "range"
    sources = ("models/operators", "models/parc", "models/spade")

    kind: Literal["parcv2"] = Field(description="Kind of rival.")
    features: PositiveInt = Field(description="Channels of the feature extractor's output.")
    widths: tuple[PositiveInt, ...] = Field(description="Channels per level of the feature extractor.", min_length=1)
    mapping_width: PositiveInt = Field(description="Channels of mapping and reconstruction.")
    integrator: Literal["euler", "heun", "rk4"] = Field(description="Time integrator.")
    padding: Padding = Field(description="Padding of the convolutions.")
    statistics: Literal["batch", "instance", "pixel"] = Field(description="What SPADE normalises over.")
    correction: bool = Field(description="Data-driven integrator after the numerical one.")
    correction_training: Training | None = Field(None, description="Training of the correction alone; null: none.")

    @model_validator(mode="after")
    def _two_stages(self) -> "PARCv2":
        if self.correction != (self.correction_training is not None):
            said = ("a training", "none") if self.correction else ("none", "one")
            raise ValueError("correction_training: expected {} for this correction, got {}".format(*said))
        return self

    @property
    def stages(self) -> list[tuple[str, Training]]:
        """The differentiator with the numerical integrator, then the correction if it has one."""
        last = [] if self.correction_training is None else [("correction", self.correction_training)]
        return [("differentiator", self.training), *last]


class CNext(Rival):
    """A residual ConvNeXt U-Net in pixel space, the strong simple rival."""

    sources = ("models/cnext",)

    kind: Literal["cnext"] = Field(description="Kind of rival.")
    unshuffle: PositiveInt = Field(description="Cells folded into channels at the entrance, along each axis.")
    widths: tuple[PositiveInt, ...] = Field(description="Channels per level.", min_length=1)
    blocks: tuple[PositiveInt, ...] = Field(description="Blocks per level, down and up: 2 len(widths) - 1 numbers.")

    @model_validator(mode="after")
    def _levels(self) -> "CNext":
        if len(self.blocks) != 2 * len(self.widths) - 1:
            raise ValueError(f"blocks: expected {2 * len(self.widths) - 1} numbers, got {len(self.blocks)}")
        return self


AnyRival = Annotated[
    PARCv2 | CNext,
    Field(discriminator="kind"),
]
Rivals = dict[Name, AnyRival]


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
            key: merge(first, value)
            for key, value in own.items()
            if key.endswith("_training") or key == "pretraining"
            if isinstance(value, Mapping)
        }
    return own


__all__ = ["GUIDES", "LIKE", "AnyRival", "CNext", "Name", "PARCv2", "Rival", "Rivals", "expanded"]
