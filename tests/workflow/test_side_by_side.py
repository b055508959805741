"""Runs beside each other, results that were moved, and a store that was damaged: what Snakemake makes of them."""

import shutil
import subprocess
import time

import pytest
import yaml

from tests.stages.tiny import SMALL
from tests.workflow.checkout import SMOKE, Checkout

pytestmark = pytest.mark.slow
SCALES = "results/{}/scales/micro.json"


def study(copy, name, **changed):
    """Write an overlay of the tiny study by another name; return the overlays of its run."""
    (copy.folder / f"{name}.yaml").write_text(yaml.safe_dump(SMALL | {"name": name} | changed))
    return [SMOKE, f"{name}.yaml"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Return a checkout in which the scales of the study `first` were fitted."""
    copy = Checkout(tmp_path_factory.mktemp("side") / "tessera", sources=False)
    result = copy.snakemake(SCALES.format("first"), overlay=study(copy, "first"))
    assert result.returncode == 0, result.stdout
    return copy


def start(copy, target, overlay):
    """Start Snakemake; both its streams can be read together."""
    words = copy.command(target, overlay=overlay, cores=1)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(words, cwd=copy.folder, env=copy.environment, **streams)


def test_a_damaged_store_is_named_and_made_again_once_it_is_deleted(checkout):
    overlay, scales = [SMOKE, "first.yaml"], checkout.folder / SCALES.format("first")
    manifest, before = checkout.folder / "results/first/ensembles/micro.json", scales.read_bytes()
    chunk = max((path for path in manifest.with_suffix(".zarr").rglob("*") if path.is_file()), key=size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    scales.unlink()
    result = checkout.snakemake(SCALES.format("first"), "--show-failed-logs", overlay=overlay)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    (said,) = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert "tessera scales: results/first/ensembles/micro.zarr: expected checksum" in said
    assert "delete micro.json to rebuild it" in said
    manifest.unlink()
    result = checkout.snakemake(SCALES.format("first"), overlay=overlay)
    assert result.returncode == 0, result.stdout
    assert scales.read_bytes() == before


def test_results_that_cannot_be_written_to_are_named_in_one_line(tmp_path):
    there = Checkout(tmp_path / "tessera", sources=False)
    results = there.folder / "results"
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4096,ro", "tmpfs", results]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        result = there.snakemake(SCALES.format("first"), overlay=study(there, "first"))
    finally:
        subprocess.run(["umount", results], check=True)
    assert result.returncode == 2
    line = "snakemake: results/first/study.json: expected to write it, got Read-only file system"
    assert result.stdout.strip().splitlines()[-1] == line
    assert "Traceback" not in result.stdout
    assert not [*there.folder.glob(".snakemake/locks/*")]


def size(path):
    return path.stat().st_size


def test_two_runs_of_one_study_do_not_meet_and_two_studies_do_not_disturb_each_other(checkout):
    long, other = study(checkout, "long"), study(checkout, "other")
    target = SCALES.format("long")
    one = start(checkout, target, long)
    end = time.monotonic() + 120
    while not [*checkout.folder.glob("results/long/logs/**/*.log")]:
        assert one.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    same, beside = start(checkout, target, long), start(checkout, SCALES.format("other"), other)
    refused, passed, first = (run.communicate(timeout=300)[0] for run in (same, beside, one))
    assert same.returncode == 1, refused
    assert "LockException" in refused
    assert "Traceback" not in refused
    assert beside.returncode == 0, passed
    assert one.returncode == 0, first
    texts = [(checkout.folder / SCALES.format(name)).read_text() for name in ("long", "other")]
    statistics = [yaml.safe_load(text)["statistics"] for text in texts]
    assert statistics[0] == statistics[1]
    assert not [*checkout.folder.rglob("*.part")]


def test_results_that_were_moved_are_read_by_commands_and_kept_by_another_checkout(checkout, tmp_path):
    before = (checkout.folder / SCALES.format("first")).read_bytes()
    there = Checkout(tmp_path / "elsewhere" / "tessera", sources=False)
    overlay = study(there, "first")
    (there.folder / "results").mkdir()
    shutil.copytree(checkout.folder / "results/first", there.folder / "results/first")
    moved = there.folder / "results/first"
    said = ["--study", moved / "study.json", "--scale", "micro", "--ensemble", moved / "ensembles/micro.json"]
    done = there.tessera("scales", *said, "--out", tmp_path / "scales.json")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "scales.json").read_bytes() == before
    assert there.planned(SCALES.format("first"), overlay=overlay) == {}
    (moved / "scales/micro.json").unlink()
    result = there.snakemake(SCALES.format("first"), overlay=overlay)
    assert result.returncode == 0, result.stdout
    assert (moved / "scales/micro.json").read_bytes() == before
    assert "rule cases" not in result.stdout
