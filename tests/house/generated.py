"""The two files that are generated from the study's sections: the key table and the JSON schema.

`make docs` runs this module and writes both anew; `test_documentation.py` keeps them equal.
"""

import json
from pathlib import Path

from tessera.study import schema
from tessera.study.table import markdown

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "config" / "README.md"
SCHEMA = REPOSITORY / "workflow" / "schemas" / "study.schema.json"
TABLE = "| Key | Value | Meaning |"


def readme() -> str:
    """Return config/README.md with the key table of today at its end."""
    return README.read_text(encoding="utf-8").partition(TABLE)[0] + markdown()


def study_schema() -> str:
    """Return the JSON schema of today as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
    SCHEMA.write_text(study_schema(), encoding="utf-8")
