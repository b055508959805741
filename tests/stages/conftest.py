"""The tiny study, made once, and a function that calls commands in this process."""

import shutil
from pathlib import Path

import pytest

from tessera import invocation
from tests.stages import tiny


@pytest.fixture
def call(monkeypatch):
    """Return a function that runs a command in this process; it returns exit code and line."""

    def run(words):
        monkeypatch.setattr("sys.argv", ["tessera", *map(str, words)])
        return invocation.call()

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return the results of the tiny study, made by the commands; only to be read."""
    return tiny.make(tmp_path_factory.mktemp("tiny") / "results")


@pytest.fixture
def copy(finished, tmp_path):
    """Return a copy of the results that a test may harm."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))
