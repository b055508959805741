"""The house's own rules that no linter knows: sizes of modules, names, what a rule carries."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MODULES = sorted((REPOSITORY / "src" / "tessera").rglob("*.py"))
RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
LARGEST_FILE = 1_000_000  # bytes


def rules():
    """Yield (name, text) of every rule of the workflow that runs a command."""
    for file in RULES:
        for text in re.split(r"^rule ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            yield text.partition(":")[0], text


def test_no_module_is_longer_than_400_lines():
    lengths = {str(file): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_modules_are_named_by_their_noun():
    assert not {file.stem for file in MODULES} & {"utils", "helpers", "base", "misc", "common"}


def test_every_module_says_what_it_is():
    silent = [str(file) for file in MODULES if not file.read_text(encoding="utf-8").startswith('"""')]
    assert silent == []


@pytest.mark.parametrize(("name", "text"), [*rules()], ids=dict(rules()))
def test_every_rule_carries_what_a_cluster_and_a_reader_need(name, text):
    for part in (
        "log:",
        "benchmark:",
        "conda:",
        "threads:",
        "**asked(memory=",
        "minutes=",
        "section=",
        "sources=",
    ):
        assert part in text, f"{name}: expected {part}"
    assert text.count('"tessera ') == 1, f"{name}: expected one command"
    assert not re.search(r"^    (script|run|notebook|retries):", text, re.MULTILINE), name


def test_no_file_of_the_source_tree_is_large():
    parts = ("src", "tests", "workflow", "config", "docs", "envs")
    files = [file for part in parts for file in (REPOSITORY / part).rglob("*") if file.is_file()]
    large = [str(file) for file in files if file.stat().st_size > LARGEST_FILE]
    assert large == []
