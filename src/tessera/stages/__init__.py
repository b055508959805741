"""One function per command: read, call, write. Only stages see a study."""

import json
from pathlib import Path

from tessera.data import files, seals
from tessera.study import Study, places


def write_study(study: Study, path: Path) -> None:
    """Write the resolved study as JSON with a checksum; JSON is YAML, so that every command can read it again."""
    content = places.kept(study.model_dump(mode="json"), path)
    files.write_text(path, json.dumps(seals.sealed(content), indent=2, ensure_ascii=False) + "\n")
