"""What is generated: tables of keys, the JSON schema, tables of the data card, of statistics and of performance.

`make docs` runs this module and writes all of it anew; `test_documentation.py` keeps it equal.
"""

import json
from pathlib import Path

from tessera.data.fields import FIELDS, SIMULATED, STATISTICS
from tessera.formats.mapping import Mapping
from tessera.study import Simulated, load, schema
from tessera.study.table import markdown
from tests.house import performance

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "config" / "README.md"
SCHEMA = REPOSITORY / "workflow" / "schemas" / "study.schema.json"
FORMATS = REPOSITORY / "docs" / "formats.md"
CARD = REPOSITORY / "docs" / "data.md"
PERFORMANCE = REPOSITORY / "docs" / "performance.md"
PREDICTING = REPOSITORY / "docs" / "predicting.md"
MODELS = REPOSITORY / "docs" / "models.md"
MICROSTRUCTURES = REPOSITORY / "docs" / "microstructures.md"
STUDIES = {"demo": [], "smoke": ["smoke.yaml"], "paper": ["paper.yaml"]}
BEGIN, END = "<!-- generated: {} -->\n", "<!-- end -->"


def texts() -> dict[Path, str]:
    """Return every file that is generated, or holds something generated, as it shall be today."""
    return {
        README: _filled(README, {"keys": markdown(schema())}),
        SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        FORMATS: _filled(FORMATS, {"keys": markdown(Mapping.model_json_schema())}),
        CARD: _filled(CARD, {"fields": _fields(), "ensembles": _ensembles()}),
        MICROSTRUCTURES: _filled(MICROSTRUCTURES, {"statistics": _statistics()}),
        PERFORMANCE: _filled(PERFORMANCE, performance.tables()),
        PREDICTING: _filled(PREDICTING, performance.predicting()),
        MODELS: _filled(MODELS, performance.training()),
    }


def _filled(path: Path, parts: dict[str, str]) -> str:
    """Return the text of a page with each generated part put between its marks."""
    text = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END)
        assert begin and end, f"{path}: expected the marks of {name!r}"
        text = before + begin + part + end + after
    return text


def _fields() -> str:
    rows = [f"| `{name}` | {FIELDS[name].units} | {FIELDS[name].long_name} |" for name in SIMULATED]
    return "\n".join(["| Field | Unit | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _statistics() -> str:
    rows = [f"| `{name}` | {what.units} | {what.long_name} |" for name, what in STATISTICS.items()]
    return "\n".join(["| Name | Unit | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _ensembles() -> str:
    head = "| Study | Scale | Cases (training / validation / test) | Stored cells | Cell | Snapshots | Pores |"
    rows = [head, "|" + " --- |" * 7]
    for name, overlays in STUDIES.items():
        study = load([REPOSITORY / "config" / file for file in ["config.yaml", *overlays]])
        for scale in ("micro", "meso"):
            what = study.ensembles[scale]
            assert isinstance(what, Simulated)
            split = f"{what.split.train} / {what.split.validation} / {what.split.test}"
            rows.append(
                f"| {name} | {scale} | {what.cases} ({split}) | {what.cells[0]} x {what.cells[1]} "
                f"| {what.cell_size * 1e9:.4g} nm | {what.snapshots} every {what.interval * 1e9:.4g} ns "
                f"| {what.microstructure.kind} |"
            )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
