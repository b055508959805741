"""The whole study, and the strict loader of its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from tessera.data.fields import HELD
from tessera.study import places, presets
from tessera.study.ensembles import Ensembles, Simulated, Solver
from tessera.study.evaluation import Evaluation
from tessera.study.material import Material
from tessera.study.networks import CNextSection, Dynamics, PARCv2Section, Rivals, TokenizerSection, Training, Transfer
from tessera.study.reading import merge, read, validated
from tessera.study.section import PositiveFloat, PositiveInt, Section, Several

GUIDES = ("temperature", "pressure")  # hot cells weigh more, and the pressure shows where the front is
NEEDS = {"tessera": GUIDES, "parcv2": (*GUIDES, "velocity_x", "velocity_y"), "cnext": GUIDES}
SEEN = {"tessera": ("micro", "meso"), "parcv2": ("meso",), "cnext": ("meso",)}  # the ensembles that it learns from


class Study(Section):
    """Everything that decides the results of a study."""

    name: str = Field(
        description="Name of the study and of its folder in results/.",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        max_length=100,
    )
    seed: NonNegativeInt = Field(description="Root of every random number.")
    device: Literal["auto", "cpu", "cuda"] = Field(description="Where networks run; auto takes a GPU if there is one.")
    devices: PositiveInt = Field(
        1, description="Processes of a training, with a GPU or a core each; every batch must be a multiple."
    )
    memory: PositiveFloat = Field(
        3.0e9,
        description="Most that a training keeps of each data set in memory [byte]; larger ones are read as needed.",
    )
    models: Several[Literal["tessera", "parcv2", "cnext"]] = Field(
        description="Models that are trained on meso cases, scored and shown."
    )
    material: Material = Field(description="What the solid is.")
    solver: Solver = Field(description="How the equations are solved.")
    ensembles: Ensembles = Field(description="The simulations of both scales.")
    tokenizer: TokenizerSection = Field(description="From fields to latents.")
    dynamics: Dynamics = Field(description="From latents to later latents.")
    rivals: Rivals = Field(description="What the latent model is compared with.")
    evaluation: Evaluation = Field(description="Predictions, scores and report.")

    @model_validator(mode="after")
    def _possible(self) -> "Study":
        for scale in ("micro", "meso"):
            self._check_scale(scale)
        if not self.able:
            reasons = "; ".join(f"{model}: {reason}" for model, reason in self.left_out().items())
            raise ValueError(f"models: expected one that can learn from the ensembles, got none ({reasons})")
        if "tessera" in self.able and not self.token_fields:
            raise ValueError(
                f"tokenizer.fields: expected one that both ensembles have, got {list(self.tokenizer.fields)}"
            )
        self._check_windows()
        self._check_batches()
        most = self.ensembles.meso.split.train
        for where, section in self._trained_on_meso():
            for cases in section.meso_cases:
                if cases > most:
                    raise ValueError(f"{where}.meso_cases: expected at most {most} training cases, got {cases}")
        return self

    def _trained_on_meso(self):
        yield "dynamics.transfer", self.dynamics.transfer
        yield "rivals.parcv2", self.rivals.parcv2
        yield "rivals.cnext", self.rivals.cnext

    def _check_windows(self) -> None:
        unit = self.tokenizer.downsampling
        for where, training in self._all_trainings():
            if where.startswith("rivals."):  # they see cells, not tokens
                continue
            for key, width in (("window", training.window), ("window_rollout", training.window_rollout)):
                if width is not None and width % unit:
                    raise ValueError(
                        f"{where}.{key}: expected a multiple of tokenizer.downsampling = {unit}, got {width}"
                    )

    def _check_batches(self) -> None:
        for where, training in self._all_trainings():
            model = where.split(".")[1] if where.startswith("rivals.") else "tessera"
            if model in self.able and training.batch % self.devices:
                raise ValueError(
                    f"{where}.batch: expected a multiple of devices = {self.devices}, got {training.batch}"
                )

    def _check_scale(self, scale: str) -> None:
        ensemble, where = self.ensembles[scale], f"ensembles.{scale}"
        for axis, cells in zip("yx", ensemble.cells, strict=True):
            if "tessera" in self.able and cells % self.tokenizer.downsampling:
                raise ValueError(
                    f"{where}.cells: expected cells that tokenizer.downsampling = "
                    f"{self.tokenizer.downsampling} divides along {axis}, got {cells}"
                )
        if isinstance(ensemble, Simulated):
            self._check_crossing(ensemble, where)
        last = ensemble.snapshots - 1
        if self.evaluation.start >= last:
            raise ValueError(
                f"evaluation.start: expected a snapshot before the last of {scale}, {last}, got {self.evaluation.start}"
            )
        beyond = [n for n in self.evaluation.snapshots[scale] if n > last]
        if beyond:
            raise ValueError(f"evaluation.snapshots.{scale}: expected at most {last}, got {beyond}")
        for name, training in self._trainings(scale):
            if training.longest + self.evaluation.start > last:
                most = last - self.evaluation.start
                raise ValueError(f"{name}.horizons: expected at most {most} steps, got {training.longest}")

    def _check_crossing(self, ensemble: Simulated, where: str) -> None:
        solid = self.material.eos
        slowest, _ = ensemble.velocities(solid.rest_density, solid.shock_speed)
        speed = solid.shock_speed(slowest)
        length, duration = (
            ensemble.cells[1] * ensemble.cell_size,
            (ensemble.snapshots - 1) * ensemble.interval,
        )
        if speed * duration < length:
            raise ValueError(
                f"{where}.snapshots: expected a duration of at least {length / speed:.3g} s, in which the shock "
                f"crosses {length:.3g} m, got {duration:.3g} s"
            )

    def _all_trainings(self) -> list[tuple[str, Training]]:
        found = [("tokenizer.training", self.tokenizer.training), *self._trainings("micro"), *self._trainings("meso")]
        correction = self.rivals.parcv2.correction_training
        return found if correction is None else [*found, ("rivals.parcv2.correction_training", correction)]

    def _trainings(self, scale: str) -> list[tuple[str, Training]]:
        dynamics, rivals = self.dynamics, self.rivals
        if scale == "micro":
            return [
                ("dynamics.decoupled.training", dynamics.decoupled.training),
                ("dynamics.coupled.training", dynamics.coupled.training),
            ]
        found = [("dynamics.transfer.latent", dynamics.transfer.latent)]
        if dynamics.transfer.end_to_end is not None:
            found.append(("dynamics.transfer.end_to_end", dynamics.transfer.end_to_end))
        found += [
            ("rivals.parcv2.training", rivals.parcv2.training),
            ("rivals.cnext.training", rivals.cnext.training),
        ]
        return found

    @property
    def token_fields(self) -> tuple[str, ...]:
        """Fields that get a tokenizer: those of `tokenizer.fields` that both ensembles have."""
        return tuple(
            name for name in self.tokenizer.fields if name in self.fields("micro") and name in self.fields("meso")
        )

    @property
    def able(self) -> tuple[str, ...]:
        """Models of the study that can learn from its ensembles."""
        return tuple(model for model in self.models if model not in self.left_out())

    def predictors(self, scale: str) -> tuple[str, ...]:
        """Return the models that can predict a scale, for it has the fields that they learn from."""
        has = {*self.fields(scale), *(HELD if "microstructure" in self.fields(scale) else ())}
        seen = {model: self.token_fields if model == "tessera" else self.fields("meso") for model in self.able}
        return tuple(model for model in self.able if set(seen[model]) <= has)

    def fields(self, scale: str) -> tuple[str, ...]:
        """Return the fields of an ensemble."""
        return self.ensembles[scale].fields

    def left_out(self) -> dict[str, str]:
        """Return the models of the study that cannot learn from its ensembles, and why, in one line each."""
        found: dict[str, str] = {}
        for model in self.models:
            for scale in SEEN[model]:
                missing = [name for name in NEEDS[model] if name not in self.fields(scale)]
                if missing:
                    found[model] = f"it needs {', '.join(missing)}, which ensembles.{scale} has not"
                    break
        return found

    def missing(self) -> str:
        """Return in one line which image of an ensemble is not there; empty if all are."""
        for scale in ("micro", "meso"):
            for number, path in enumerate(
                getattr(getattr(self.ensembles[scale], "microstructure", None), "images", ())
            ):
                if not Path(path).is_file():
                    return f"ensembles.{scale}.microstructure.images.{number}: expected a file, got none at {path}"
        return ""

    def runs(self, model: str) -> list[tuple[int, int]]:
        """Return the (meso cases, seed) pairs that a model is trained with."""
        sections: dict[str, Transfer | PARCv2Section | CNextSection] = {
            "tessera": self.dynamics.transfer,
            "parcv2": self.rivals.parcv2,
            "cnext": self.rivals.cnext,
        }
        section = sections[model]
        return [(cases, seed) for cases in section.meso_cases for seed in section.seeds]


def schema() -> dict[str, Any]:
    """Return the JSON schema of a study, for editors and for Snakemake."""
    whole = Study.model_json_schema()
    names = {"enum": sorted(presets.PRESETS), "description": "Name of a preset."}
    beside = {"type": "object", "properties": {presets.KEY: names}, "required": [presets.KEY]}
    section = whole["properties"]["material"]
    whole["properties"]["material"] = {
        "anyOf": [{"$ref": section["$ref"]}, names, beside],
        "description": Study.model_fields["material"].description,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def validate(content: Mapping[str, Any], where: str) -> Study:
    """Return the study that a mapping describes.

    Raises
    ------
    ConfigError
        One line: where, the path of the first wrong key, what was expected, what was got.
    """
    return validated(Study, presets.expanded(content, where), where)


def load(paths: Sequence[Path]) -> Study:
    """Read a study file and the overlays laid over it, in this order.

    Raises
    ------
    ConfigError
        A file cannot be read, or the study is not valid.
    """
    content: dict[str, Any] = {}
    for path in paths:
        content = merge(content, presets.expanded(places.opened(read(path), path), str(path)))
    return validate(content, ", ".join(map(str, paths)))
