"""What is written is true: generated tables, links, commands and the files that they name."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main

from tessera import __version__, cli
from tessera.data import card
from tests.house import generated

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "config").glob("*.md")])
FILE_OPTIONS = {"--configfile", "--workflow-profile", "--snakefile"}
OF_THE_READER = "my-study.yaml"
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


def commands(page):
    """Return the command lines of a page's shell blocks, split into words."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    shell = "".join(text for language, text in blocks if language in {"", "sh", "bash"})
    lines = shell.replace("\\\n", " ").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def targets():
    return set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def subcommands():
    whole = typer.main.get_command(cli.app)
    return {name: set(getattr(command, "commands", ())) for name, command in whole.commands.items()}


@pytest.mark.parametrize("path", generated.texts(), ids=lambda path: path.name)
def test_what_is_generated_is_what_the_sources_say(path):
    assert path.read_text(encoding="utf-8") == generated.texts()[path], "run: make docs"


def test_the_data_card_says_what_every_store_says_of_itself():
    text = " ".join(generated.CARD.read_text(encoding="utf-8").split())
    for name, said in card.attributes().items():
        assert said in text, name


@every_page
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "#")):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@every_page
def test_commands_and_the_files_that_they_name_exist(page):
    for words in commands(page):
        line = " ".join(words)
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets(), line
        if words[0] == "tessera":
            known = subcommands()
            assert words[1] in known, line
            assert not known[words[1]] or words[2] in known[words[1]], line
        for option, value in pairwise(words):
            if option in FILE_OPTIONS and value != OF_THE_READER:
                assert (REPOSITORY / value).exists(), line
        for word in words:
            if re.match(r"(config|workflow|tests|envs|docs)/", word):
                assert (REPOSITORY / word).exists(), line


@every_page
def test_files_of_the_repository_that_a_page_names_exist(page):
    for name in re.findall(r"`((?:config|workflow|tests|envs|docs|src)/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (REPOSITORY / name).exists(), f"{page.name}: {name}"


def test_the_readme_names_the_three_commands_that_everybody_needs():
    said = {tuple(words[:2]) for words in commands(REPOSITORY / "README.md")}
    assert {("make", "demo"), ("make", "test"), ("snakemake", "--cores")} <= said


def test_every_make_target_says_what_it_does():
    makefile = (REPOSITORY / "Makefile").read_text()
    assert targets() == set(re.findall(r"^([a-z-]+):.* ## \S", makefile, re.MULTILINE))


def test_the_changelog_knows_this_version():
    assert re.search(
        rf"^## \[?({re.escape(__version__)}|Unreleased)\b",
        (REPOSITORY / "CHANGELOG.md").read_text(),
        re.MULTILINE,
    )


def test_every_decision_is_listed_and_numbered_once():
    folder = REPOSITORY / "docs" / "adr"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name[:4] for name in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"({name})" in index for name in records)
