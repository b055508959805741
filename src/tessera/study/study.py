"""The whole study, and the strict loader of its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from tessera.data.fields import HELD
from tessera.study import places, presets, rivals
from tessera.study.ensembles import Ensembles, Simulated, Solver
from tessera.study.evaluation import Evaluation
from tessera.study.material import Material
from tessera.study.networks import Dynamics, TokenizerSection, Training
from tessera.study.reading import merge, read, validated
from tessera.study.rivals import GUIDES, Name, Rivals
from tessera.study.section import PositiveFloat, PositiveInt, Section, Several

LATENT = "tessera"  # the latent model; every other one is a rival


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
    models: Several[Name] = Field(description="Models that are trained, scored and shown: tessera and names of rivals.")
    material: Material = Field(description="What the solid is.")
    solver: Solver = Field(description="How the equations are solved.")
    ensembles: Ensembles = Field(description="The simulations of both scales.")
    tokenizer: TokenizerSection = Field(description="From fields to latents.")
    dynamics: Dynamics = Field(description="From latents to later latents.")
    rivals: Rivals = Field(description="What the latent model is compared with.")
    evaluation: Evaluation = Field(description="Predictions, scores and report.")

    @model_validator(mode="after")
    def _possible(self) -> "Study":
        self._check_names()
        for scale in ("micro", "meso"):
            self._check_scale(scale)
            self._check_coarsening(scale)
        if not self.able:
            reasons = "; ".join(f"{model}: {reason}" for model, reason in self.left_out().items())
            raise ValueError(f"models: expected one that can learn from the ensembles, got none ({reasons})")
        if "tessera" in self.able and not self.token_fields:
            raise ValueError(
                f"tokenizer.fields: expected one that both ensembles have, got {list(self.tokenizer.fields)}"
            )
        self._check_windows()
        self._check_batches()
        self._check_decoded()
        most = self.ensembles.meso.split.train
        for where, section in self._trained_on_meso():
            for cases in section.meso_cases:
                if cases > most:
                    raise ValueError(f"{where}.meso_cases: expected at most {most} training cases, got {cases}")
        return self

    def _check_names(self) -> None:
        known = [LATENT, *self.rivals]
        if LATENT in self.rivals:
            raise ValueError(f"rivals.{LATENT}: expected another name, for it is the latent model's")
        for number, model in enumerate(self.models):
            if model not in known:
                raise ValueError(f"models.{number}: expected one of {', '.join(known)}, got {model!r}")

    def _trained_on_meso(self):
        yield "dynamics.transfer", self.dynamics.transfer
        for name, rival in self.rivals.items():
            yield f"rivals.{name}", rival

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
            model = where.split(".")[1] if where.startswith("rivals.") else LATENT
            if model in self.able and training.batch % self.devices:
                raise ValueError(
                    f"{where}.batch: expected a multiple of devices = {self.devices}, got {training.batch}"
                )

    def _check_decoded(self) -> None:
        for name in ("coupled", "transfer"):
            asked = getattr(self.dynamics, name).comparison.decoded_fields or ()
            if not set(asked) <= set(self.tokenizer.fields):
                raise ValueError(
                    f"dynamics.{name}.comparison.decoded_fields: expected some of tokenizer.fields = "
                    f"{list(self.tokenizer.fields)}, got {list(asked)}"
                )

    def _check_scale(self, scale: str) -> None:
        ensemble, where = self.ensembles[scale], f"ensembles.{scale}"
        for axis, cells in zip("yx", ensemble.cells, strict=True):
            if "tessera" in self.able and cells % self.tokenizer.downsampling:
                raise ValueError(
                    f"{where}.cells: expected cells that tokenizer.downsampling = "
                    f"{self.tokenizer.downsampling} divides along {axis}, got {cells}"
                )
            for name in self.able:
                unit = 1 if name == LATENT else self.rivals[name].unit
                if cells % unit:
                    raise ValueError(
                        f"{where}.cells: expected cells that rivals.{name} can say in latents of {unit} along {axis}, "
                        f"got {cells}"
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

    def _check_coarsening(self, scale: str) -> None:
        what = self.ensembles[scale]
        if not isinstance(what, Simulated):
            return
        for axis, cells in zip("yx", what.computed_cells, strict=True):
            for number, coarsening in enumerate(self.evaluation.coarsening):
                if cells % coarsening:
                    raise ValueError(
                        f"evaluation.coarsening.{number}: expected a number that divides the {cells} computed cells of "
                        f"ensembles.{scale} along {axis}, got {coarsening}"
                    )

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
        return [("tokenizer.training", self.tokenizer.training), *self._trainings("micro"), *self._trainings("meso")]

    def _trainings(self, scale: str) -> list[tuple[str, Training]]:
        """Return the trainings of roll-outs on an ensemble, by their paths."""
        dynamics = self.dynamics
        if scale == "micro":
            kept = [
                ("dynamics.decoupled.training", dynamics.decoupled.training),
                ("dynamics.coupled.training", dynamics.coupled.training),
            ]
        else:
            kept = [("dynamics.transfer.latent", dynamics.transfer.latent)]
            if dynamics.transfer.end_to_end is not None:
                kept.append(("dynamics.transfer.end_to_end", dynamics.transfer.end_to_end))
        for name, rival in self.rivals.items():
            for key, training in rival.trainings.items():
                if (key == "pretraining") == (scale == "micro"):
                    kept.append((f"rivals.{name}.{key}", training))
        return kept

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
        return tuple(model for model in self.able if set(self.seen(model)) <= has)

    def solvers(self, scale: str) -> dict[str, int]:
        """Return the coarse solvers that predict a scale, by name, and how much coarser each is."""
        simulated = isinstance(self.ensembles[scale], Simulated)
        return {f"coarse{times}": times for times in self.evaluation.coarsening} if simulated else {}

    @property
    def labels(self) -> dict[str, str]:
        """What figures and tables call each model and coarse solver of the study."""
        solvers = {
            name: f"solver, cells x {times}"
            for scale in ("micro", "meso")
            for name, times in self.solvers(scale).items()
        }
        return {LATENT: LATENT} | {name: rival.label for name, rival in self.rivals.items()} | solvers

    def seen(self, model: str) -> tuple[str, ...]:
        """Return the fields that a model learns."""
        if model == LATENT:
            return self.token_fields
        return self.rivals[model].sees or self.fields("meso")

    def fields(self, scale: str) -> tuple[str, ...]:
        """Return the fields of an ensemble."""
        return self.ensembles[scale].fields

    def left_out(self) -> dict[str, str]:
        """Return the models of the study that cannot learn from its ensembles, and why, in one line each."""
        found: dict[str, str] = {}
        for model in self.models:
            rival = self.rivals.get(model)
            needs, scales = (GUIDES, ("micro", "meso")) if rival is None else (rival.needs, rival.scales)
            for scale in scales:
                missing = [name for name in needs if name not in self.fields(scale)]
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
        section = self.dynamics.transfer if model == LATENT else self.rivals[model]
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
    for kind in whole["properties"]["rivals"]["patternProperties"].values():
        for reference in kind["oneOf"]:
            rival = whole["$defs"][reference["$ref"].rsplit("/", 1)[1]]
            rival["properties"][rivals.LIKE] = {
                "type": "string",
                "description": "Rival that says what this one does not.",
            }
            rival["required"] = ["kind"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def validate(content: Mapping[str, Any], where: str) -> Study:
    """Return the study that a mapping describes.

    Raises
    ------
    ConfigError
        One line: where, the path of the first wrong key, what was expected, what was got.
    """
    return validated(Study, rivals.expanded(presets.expanded(content, where), where), where)


def load(paths: Sequence[Path], change: Mapping[str, Any] | None = None, said: str = "") -> Study:
    """Read a study file and the overlays laid over it, in this order, and lay a change over them.

    Parameters
    ----------
    paths
        Files.
    change, said
        One more overlay, and how a message calls it.

    Raises
    ------
    ConfigError
        A file cannot be read, or the study is not valid.
    """
    content: dict[str, Any] = {}
    for path in paths:
        content = merge(content, presets.expanded(places.opened(read(path), path), str(path)))
    where = ", ".join(map(str, paths))
    if change is None:
        return validate(content, where)
    return validate(merge(content, presets.expanded(change, said)), f"{where}, {said}")
