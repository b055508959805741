"""The keys of a section as rows of a table, generated from its JSON schema.

`config/README.md` holds the table of a study, `docs/formats.md` that of a mapping; a test keeps them equal.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

TRAINING = "Training"


class Key(NamedTuple):
    """One key of a study: its dotted path, what it may be, what it says."""

    path: str
    value: str
    meaning: str


def keys(whole: Mapping[str, Any]) -> list[Key]:
    """Return every key of a section and of those inside it, in their order.

    Parameters
    ----------
    whole
        JSON schema of the section.

    Alternatives that a `kind` chooses follow one another. The keys of a training stand once, at the end,
    behind the path `<training>`.
    """
    definitions = whole["$defs"]
    training = _walk(definitions[TRAINING], definitions, "<training>.") if TRAINING in definitions else ()
    return list(dict.fromkeys([*_walk(whole, definitions, ""), *training]))


def markdown(whole: Mapping[str, Any]) -> str:
    """Return the table of all keys of a JSON schema in Markdown, with a line feed at its end."""
    rows = [f"| `{key.path}` | {key.value} | {key.meaning} |" for key in keys(whole)]
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
            for called, of_each in (
                ("field", part.get("additionalProperties")),
                *(("name", one) for one in part.get("patternProperties", {}).values()),
            ):
                for each in _alternatives(of_each) if isinstance(of_each, Mapping) else ():
                    kind = _resolve(each, definitions)
                    if "properties" in kind:
                        yield from _walk(kind, definitions, f"{here}.<{called}>.")
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
    if value.get("type") == "object":
        return "section"
    if value.get("type") == "null":
        return "null"
    bounds = [f"{sign} {value[key]:g}" for key, sign in _BOUNDS.items() if key in value]
    return " ".join([str(value.get("type", "any")), ", ".join(bounds)]).strip()


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
