"""One function per command: read, call, write. Only stages see a study."""

from pathlib import Path

from tessera.data import files
from tessera.study import Study


def write_study(study: Study, path: Path) -> None:
    """Write the resolved study as JSON, which is YAML, so that every command can read it again."""
    files.write_text(path, study.model_dump_json(indent=2) + "\n")
