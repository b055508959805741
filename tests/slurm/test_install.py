"""Where Slurm cannot be had: one line that says why."""

import os
import shutil

import pytest

from tests.slurm import cluster


def test_another_user_than_root_is_told_so(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(cluster.UnavailableError, match=r"^slurm: expected root, .* got another user$"):
        cluster.install()


def test_packages_that_cannot_be_fetched_are_said_in_one_line(monkeypatch, tmp_path):
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho trying >&2\necho 'E: no network' >&2\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(shutil, "which", lambda program: str(apt) if program == "apt-get" else None)
    with pytest.raises(cluster.UnavailableError, match=r"^slurm: expected apt-get update to .*: E: no network$"):
        cluster.install()
