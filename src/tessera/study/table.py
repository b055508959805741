"""The keys of a study as rows of a table, generated from the JSON schema of its sections.

`config/README.md` holds this table; a test keeps the two equal.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tessera.study.study import schema

TRAINING = "Training"


class Key(NamedTuple):
    """One key of a study: its dotted path, what it may be, what it says."""

    path: str
    value: str
    meaning: str


def keys() -> list[Key]:
    """Return every key of a study, in the order of its sections.

    Alternatives that a `kind` chooses follow one another. The keys of a training stand once, at the end,
    behind the path `<training>`.
    """
    whole = schema()
    definitions = whole["$defs"]
    training = _walk(definitions[TRAINING], definitions, "<training>.")
    return list(dict.fromkeys([*_walk(whole, definitions, ""), *training]))


def markdown() -> str:
    """Return the table of all keys in Markdown, with a line feed at its end."""
    rows = [f"| `{key.path}` | {key.value} | {key.meaning} |" for key in keys()]
    return "\n".join(["| Key | Value | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _walk(section: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Iterator[Key]:
    for name, value in section["properties"].items():
        here = f"{path}{name}"
        inner = [_resolve(part, definitions) for part in _alternatives(value)]
        sections = [part for part in inner if "properties" in part and part.get("title") != TRAINING]
        yield Key(here, _value(inner), value.get("description") or inner[0].get("description", ""))
        for part in sections:
            yield from _walk(part, definitions, f"{here}.")
        for part in inner:
            item = _resolve(part.get("items", {}), definitions)
            if "properties" in item:
                yield from _walk(item, definitions, f"{here}[].")


def _alternatives(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*value.get("anyOf", value.get("oneOf", [value]))]


def _resolve(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    return definitions[value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else value


def _value(alternatives: list[Mapping[str, Any]]) -> str:
    return " or ".join(dict.fromkeys(map(_one, alternatives)))


def _one(value: Mapping[str, Any]) -> str:
    if "properties" in value:
        return "`<training>`" if value.get("title") == TRAINING else "section"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if value.get("type") == "array":
        return "list"
    bounds = [f"{sign} {value[key]:g}" for key, sign in _BOUNDS.items() if key in value]
    return " ".join([str(value.get("type", "any")), ", ".join(bounds)]).strip()


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
