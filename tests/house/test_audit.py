"""The audit finds what it is there for, and hashes.txt goes with constraints.txt."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from tests.house import audit, lock


def test_every_pin_has_checksums_and_nothing_else_has():
    hashes = lock.read(lock.HASHES.read_text(encoding="utf-8"))
    assert [*hashes] == lock.pins()
    for pin, known in hashes.items():
        assert known, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in known), pin


def test_a_file_of_hashes_is_read_as_it_is_written():
    hashes = {"a==1": {"sha256:0", "sha256:1"}, "b==2": {"sha256:2"}}
    assert lock.read(lock.written(hashes)) == hashes


@pytest.fixture
def package(tmp_path):
    """Return a distribution of one module, as it is installed."""
    (tmp_path / "a.py").write_text("A = 1\n")
    info = tmp_path / "a-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense: GPL-3.0\n")
    (info / "RECORD").write_text("a.py,sha256=VJ9HuGxqOHYbvvMNq-_MlOSWWY8E3P9p-oCQ3H8kfQw,6\nb.py,sha256=AAAA,1\n")
    return metadata.Distribution.at(info)


def test_files_that_are_altered_or_gone_are_found(package):
    assert [*audit.altered(package)] == [
        "a: expected the file a.py as packed, got another",
        "a: expected the file b.py, found none",
    ]


def test_what_is_not_pinned_and_other_versions_are_found(package, monkeypatch):
    monkeypatch.setattr(audit, "pinned", dict)
    assert [*audit.strangers({"a": package})] == ["a 1: expected a line of constraints.txt, found none"]
    monkeypatch.setattr(audit, "pinned", lambda: {"a": "2"})
    assert [*audit.strangers({"a": package})] == ["a: expected version 2, got 1"]


def test_copyleft_is_found(package, monkeypatch):
    monkeypatch.setattr(audit, "wanted", lambda *_: {"a"})
    assert [*audit.doubtful({"a": package})] == ["a: expected a licence without copyleft or a reason, got GPL-3.0"]


def test_what_runs_with_tessera_has_a_licence_that_we_live_with():
    assert [*audit.doubtful(audit.installed())] == []


def test_packages_are_as_their_authors_packed_them():
    found = audit.installed()
    assert [line for name in ("numpy", "zarr", "safetensors", "pyyaml") for line in audit.altered(found[name])] == []
    assert Path(found["zarr"].locate_file("zarr")).is_dir()
