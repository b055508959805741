"""Strict reading of the files that people write: YAML that says no key twice, sections that know every key."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from tessera.data import seals
from tessera.errors import ConfigError, DataError
from tessera.study.section import Section

Read = TypeVar("Read", bound=Section)
LONGEST = 100  # of a value in a message
MOST = 100_000  # values in a file
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


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `overlay` laid over it; mappings are merged, all else is replaced.

    A mapping whose `kind` changes is replaced whole, for keys of one kind mean nothing to another; so is one that
    gets a key `import`: what is imported is not simulated.
    """
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            same = value.get("kind", below.get("kind")) == below.get("kind") and (
                "import" not in value or "import" in below
            )
            merged[key] = merge(below, value) if same else value
        else:
            merged[key] = value
    return merged


def read(path: Path) -> dict[str, Any]:
    """Read one YAML file, such as a study file or an overlay.

    Raises
    ------
    ConfigError
        The file is missing or is not a YAML mapping, or has not the checksum that it says it has.
    """
    try:
        content = _Loader(path.read_text(encoding="utf-8")).get_single_data()
        count = _count(content, {})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable file, got {error.__class__.__name__}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_spot(error)}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected the sections of a file, got many more inside each other") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, got {type(content).__name__}")
    if count > MOST:
        raise ConfigError(f"{path}: expected at most {MOST} values, aliases written out, got {count:.1e}")
    if seals.KEY not in content:  # as people write it
        return content
    try:
        return seals.opened(path, content)
    except DataError as error:
        raise ConfigError(f"{error}, or its key {seals.KEY!r} if you edited it") from None


def _count(content: Any, known: dict[int, int]) -> int:
    """Return how many values there are when every alias is written out, without doing so."""
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    if parts and id(content) not in known:
        known[id(content)] = 0  # of what contains itself, which is no JSON
        known[id(content)] = sum(_count(part, known) for part in parts)
    return known[id(content)] + 1 if parts else 1


def validated(kind: type[Read], content: Mapping[str, Any], where: str) -> Read:
    """Return the section that a mapping describes.

    Raises
    ------
    ConfigError
        One line: where, the path of the first wrong key, what was expected, what was got.
    """
    try:
        return kind.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise ConfigError(f"{where}: {_line(error, content, kind.__name__.lower())}") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: expected plain YAML values, got {error}") from None


def _spot(error: yaml.YAMLError) -> str:
    """Return where a text stops being YAML, in one line."""
    mark = getattr(error, "problem_mark", None)
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return f"expected YAML, got {' '.join(str(error).split())}"
    said = " ".join(part for part in (error.context, error.problem) if part)
    return f"line {mark.line + 1}, column {mark.column + 1}: expected YAML, got {said}"


def _line(error: ValidationError, content: Any, whole: str) -> str:
    first = error.errors(include_url=False)[0]
    key = _key(first["loc"], content, first["type"] == "missing") or whole
    if first["type"] == "extra_forbidden":
        return f"{key}: expected a known key, got {first['loc'][-1]!r}"
    if first["type"] == "missing":
        return f"{key}: expected a value, got none"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return message if key == whole else f"{key}.{message}" if ":" in message.split(" ")[0] else f"{key}: {message}"
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
