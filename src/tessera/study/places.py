"""Paths inside a study: in its file they are relative to that file, once loaded to the working folder."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def opened(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return what a study file says, its paths relative to the working folder."""
    return _moved(content, lambda path: os.path.normpath(file.parent / path))


def kept(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return what a study file shall say, from paths that are relative to the working folder."""
    return _moved(content, lambda path: path if Path(path).is_absolute() else os.path.relpath(path, file.parent))


def _moved(content: Mapping[str, Any], move: Callable[[str], str]) -> dict[str, Any]:
    """Return a study with the path of each image moved; whatever is no study stays as it is."""
    moved, path = dict(content), ("ensembles", "*", "microstructure", "images")
    return _at(moved, path, lambda images: [move(each) if _is_path(each) else each for each in images])


def _at(content: Any, path: tuple[str, ...], change: Callable[[list[Any]], list[Any]]) -> Any:
    if not path:
        return change(content) if isinstance(content, list) else content
    if not isinstance(content, Mapping):
        return content
    here, *rest = path
    return {key: _at(value, tuple(rest), change) if here in (key, "*") else value for key, value in content.items()}


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


__all__ = ["kept", "opened"]
