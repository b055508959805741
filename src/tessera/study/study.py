"""The whole study, and the strict loader of its files."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from tessera.errors import ConfigError
from tessera.study.ensembles import Ensembles, Material, Solver
from tessera.study.evaluation import Evaluation
from tessera.study.networks import CNextSection, Dynamics, PARCv2Section, Rivals, TokenizerSection, Training, Transfer
from tessera.study.section import Section, Several

MODELS = ("tessera", "parcv2", "cnext")
LONGEST = 100  # of a value in a message
_EXPECTED = {  # what pydantic says in longer words
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "string_pattern_mismatch": "a match of {pattern}",
    "string_too_long": "at most {max_length} characters",
    "union_tag_invalid": "a kind of {expected_tags}",
    "union_tag_not_found": "a key {discriminator}",
}


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 1e-3 as a number, as YAML 1.2 does, and refuses a key that stands twice.

    PyYAML alone takes the one for text and of the others the last.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in known:
                raise yaml.composer.ComposerError(None, None, f"the key {key.value!r} twice", key.start_mark)
            known.add(str(key.value))
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


class Study(Section):
    """Everything that decides the results of a study."""

    name: str = Field(
        description="Name of the study and of its folder in results/.",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        max_length=100,
    )
    seed: NonNegativeInt = Field(description="Root of every random number.")
    device: Literal["auto", "cpu", "cuda"] = Field(description="Where networks run; auto takes a GPU if there is one.")
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
        start, cap = self.material.eos.temperature, self.solver.temperature_cap
        if cap <= start:
            raise ValueError(
                f"solver.temperature_cap: expected more than material.eos.temperature, {start:g} K, got {cap:g}"
            )
        self._check_windows()
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
        trainings = [("tokenizer.training", self.tokenizer.training)]
        trainings += [part for scale in ("micro", "meso") for part in self._trainings(scale)]
        for where, training in trainings:
            if where.startswith("rivals."):  # they see cells, not tokens
                continue
            for key, width in (("window", training.window), ("window_rollout", training.window_rollout)):
                if width is not None and width % unit:
                    raise ValueError(
                        f"{where}.{key}: expected a multiple of tokenizer.downsampling = {unit}, got {width}"
                    )

    def _check_scale(self, scale: str) -> None:
        ensemble, where = self.ensembles[scale], f"ensembles.{scale}"
        for axis, cells in zip("yx", ensemble.stored_cells, strict=True):
            if cells % self.tokenizer.downsampling:
                raise ValueError(
                    f"{where}.cells: expected stored cells that tokenizer.downsampling = "
                    f"{self.tokenizer.downsampling} divides along {axis}, got {cells}"
                )
        speed = self.material.eos.sound_speed + self.material.eos.slope * ensemble.particle_velocity.low
        length, duration = (
            ensemble.cells[1] * ensemble.cell_size,
            (ensemble.snapshots - 1) * ensemble.interval,
        )
        if speed * duration < length:
            raise ValueError(
                f"{where}.snapshots: expected a duration of at least {length / speed:.3g} s, in which the shock "
                f"crosses {length:.3g} m, got {duration:.3g} s"
            )
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
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `overlay` laid over it; mappings are merged, all else is replaced.

    A mapping whose `kind` changes is replaced whole: keys of one kind mean nothing to another.
    """
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            same_kind = value.get("kind", below.get("kind")) == below.get("kind")
            merged[key] = merge(below, value) if same_kind else value
        else:
            merged[key] = value
    return merged


def read(path: Path) -> dict[str, Any]:
    """Read one study file or overlay.

    Raises
    ------
    ConfigError
        The file is missing or is not a YAML mapping.
    """
    try:
        content = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable study file, got {error.__class__.__name__}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_spot(error)}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected the sections of a study, got many more inside each other") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, got {type(content).__name__}")
    return content


def validate(content: Mapping[str, Any], where: str) -> Study:
    """Return the study that a mapping describes.

    Raises
    ------
    ConfigError
        One line: where, the path of the first wrong key, what was expected, what was got.
    """
    try:
        return Study.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise ConfigError(f"{where}: {_line(error, content)}") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: expected plain YAML values, got {error}") from None


def load(paths: Sequence[Path]) -> Study:
    """Read a study file and the overlays laid over it, in this order.

    Raises
    ------
    ConfigError
        A file cannot be read, or the study is not valid.
    """
    content: dict[str, Any] = {}
    for path in paths:
        content = merge(content, read(path))
    return validate(content, ", ".join(map(str, paths)))


def _spot(error: yaml.YAMLError) -> str:
    """Return where a text stops being YAML, in one line."""
    mark = getattr(error, "problem_mark", None)
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return f"expected YAML, got {' '.join(str(error).split())}"
    said = " ".join(part for part in (error.context, error.problem) if part)
    return f"line {mark.line + 1}, column {mark.column + 1}: expected YAML, got {said}"


def _line(error: ValidationError, content: Any) -> str:
    first = error.errors(include_url=False)[0]
    key = _key(first["loc"], content, first["type"] == "missing") or "study"
    if first["type"] == "extra_forbidden":
        return f"{key}: expected a known key, got {first['loc'][-1]!r}"
    if first["type"] == "missing":
        return f"{key}: expected a value, got none"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return (
            message if key == "study" else f"{key}.{message}" if ":" in message.split(" ")[0] else f"{key}: {message}"
        )
    facts = first.get("ctx", {})
    if first["type"] in _EXPECTED:
        expected = _EXPECTED[first["type"]].format(**facts)
    else:
        expected = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    got = repr(facts.get("tag", first["input"]))
    return f"{key}: expected {expected}, got {got if len(got) < LONGEST else got[:LONGEST] + '...'}"


def _key(loc: Sequence[int | str], content: Any, missing: bool) -> str:
    """Return the dotted path of a key, without the tags of unions, which are no keys; its last part may be missing."""
    path = []
    for position, part in enumerate(loc):
        listed = isinstance(content, list) and isinstance(part, int) and part < len(content)
        inside = listed or (isinstance(content, Mapping) and part in content)
        if inside or (missing and position == len(loc) - 1):
            path.append(str(part))
            content = content[part] if inside else None
    return ".".join(path)
