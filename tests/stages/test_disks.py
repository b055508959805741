"""Disks that fill up, and folders that nothing can be written to: one line, nothing half-written, and on with it."""

import gc
import os
import platform
import re
import subprocess
import sys

import pytest

from tessera.data import files
from tests.stages.tiny import NAMES, commands, left, outputs, refused

# Where the disk ends, as shares of what a stage writes: before its first byte, in the middle, and near the end.
SHARES = (0.0, 0.3, 0.6, 0.9)
STAGES = [name for name in NAMES if name != "report"]


@pytest.fixture
def disk(tmp_path):
    """Return a function that gives a folder on a disk of so many bytes, or changes it; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*, size=None, more="", kind="tmpfs"):
        how = ",".join(filter(None, [f"size={max(int(size), 4096)}" if size is not None else "", more]))
        done = subprocess.run(["mount", "-t", kind, "-o", how, kind, folder], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("needs the right to mount a small file system")
        return folder

    yield mount
    while subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True).returncode == 0:
        pass


def written(name, finished):
    """Return the bytes that a command writes."""
    whole = [finished / path for path in outputs(name, finished)]
    whole += [part for path in whole if path.is_dir() for part in path.rglob("*")]
    return sum(path.stat().st_size for path in whole if path.is_file())


@pytest.mark.parametrize("name", STAGES)
def test_a_full_disk_is_said_leaves_nothing_and_does_no_harm_to_a_second_try(call, finished, disk, name):
    size = written(name, finished)
    for share in SHARES:
        folder = disk(size=share * size)
        (folder / "taken").write_bytes(b"x" * 4096 * (share * size <= 4096))  # a page is the smallest disk
        refused(call(commands(finished, folder)[name]), str(folder))
        kept = {path for path in left(folder) if path.startswith("cases/") and path.endswith(".nc")}
        assert set(left(folder)) == {"taken", *kept}
        assert all(re.fullmatch(r"cases/micro/case_\d{4}.nc", path) for path in kept)
        assert not list(folder.rglob("*.part"))
    disk(size=2**28, more="remount")
    assert call(commands(finished, folder)[name]) == (0, "")
    assert outputs(name, folder) == outputs(name, finished)


def run(words, **environment):
    """Run a command as a user does; return exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tessera", *map(str, words)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("kind", ["netcdf", "parctorch", "vtk"])
def test_an_export_that_does_not_fit_is_none(call, finished, disk, tmp_path, kind):
    words = ["export", finished / "ensembles/micro.json", "--format", kind, "--out"]
    assert call([*words, tmp_path / "whole"]) == (0, "")
    size = sum(path.stat().st_size for path in (tmp_path / "whole").rglob("*") if path.is_file())
    for share in (0.1, 0.5, 0.9):
        folder = disk(size=share * size)
        refused(call([*words, folder / "set"]), str(folder))
        assert [*folder.iterdir()] == []
    disk(size=2**28, more="remount")
    assert call([*words, folder / "set"]) == (0, "")


def test_an_import_that_does_not_fit_is_none(call, finished, disk, tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(ZARR)
    words = ["import", finished / "ensembles/micro.zarr", "--mapping", mapping, "--out"]
    assert call([*words, tmp_path / "whole" / "a.json"]) == (0, "")
    whole = sum(path.stat().st_size for path in (tmp_path / "whole").rglob("*") if path.is_file())
    for share in (0.0, 0.3, 0.6):
        folder = disk(size=share * whole)
        refused(call([*words, folder / "a.json"]), str(folder))
        assert [*folder.iterdir()] == []
    disk(size=2**28, more="remount")
    assert call([*words, folder / "a.json"]) == (0, "")


ZARR = """\
format: zarr
orientation: {y: rising, x: rising}
shock: left
dims: {case: case}
split: {train: 1, validation: 1, test: 1}
fields: {temperature: {units: K}, pressure: {units: Pa}, microstructure: {units: "1"}}
"""


@pytest.mark.parametrize("name", ["simulate micro", "assemble micro", "fit cnext"])
def test_a_user_sees_one_line_of_a_full_disk_at_last(finished, disk, name):
    folder = disk(size=0.6 * written(name, finished))
    code, said = run(commands(finished, folder)[name])
    assert code == 2
    assert "Traceback" not in said
    last, command = said.splitlines()[-1], "fit rival" if name.startswith("fit") else name.split()[0]
    assert last.startswith(f"tessera {command}: {folder}")
    assert "space" in last or " bytes free" in last


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the PDF that a full disk left open
def test_a_report_that_does_not_fit_is_no_report(call, finished, disk):
    folder = disk(size=40_000)
    refused(call(commands(finished, folder)["report"]), "No space left")
    assert left(folder) == []
    gc.collect()


@pytest.mark.parametrize("name", STAGES)
def test_a_folder_that_cannot_be_written_to_is_named(call, finished, disk, name):
    folder = disk(size=4096, more="ro")
    refused(call(commands(finished, folder)[name]), str(folder), "Read-only file system")


def test_what_a_killed_writer_left_is_swept_away_by_the_next(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    path = tmp_path / "a.json"
    lost = [
        tmp_path / f".a.json.{files.HOST}.{gone.pid}.part",
        tmp_path / ".a.json.elsewhere.1.part",
    ]
    for part in lost:
        part.mkdir()
        (part / "chunk").write_text("half")
    os.utime(lost[1], (0, 0))
    kept = [
        tmp_path / f".a.json.{files.HOST}.{os.getppid()}.part",  # of a writer that is alive
        tmp_path / ".a.json.elsewhere.2.part",  # of one of which nothing is known, but that it was there today
        tmp_path / f".b.json.{files.HOST}.{gone.pid}.part",  # of another file
        tmp_path / f".a.json.json.{files.HOST}.{gone.pid}.part",
    ]
    for part in kept:
        part.write_text("half")
    files.write_text(path, "whole")
    assert not [part for part in lost if part.exists()]
    assert [part for part in kept if part.exists()] == kept
    assert path.read_text() == "whole"
    assert platform.node().startswith(files.HOST)


def test_a_command_killed_in_the_middle_leaves_nothing_once_it_was_run_again(call, finished, tmp_path):
    words = commands(finished, tmp_path)["assemble micro"]
    kill = "import os, tessera.data.store as s; s.tree_digest = lambda _: os.kill(os.getpid(), 9)"
    code = f"{kill}; import sys; sys.argv = {['tessera', *map(str, words)]!r}\n"
    code += "from tessera import invocation; invocation.call()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    assert list(tmp_path.rglob("*.part"))
    assert call(words) == (0, "")
    assert not list(tmp_path.rglob("*.part"))
