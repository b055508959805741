"""The smoke study under fire: processes are killed in every stage, and the results are those of a quiet run."""

import csv
import json
import os
import sys
import time
from collections import Counter

import pytest

from tessera.data.outputs import digests
from tests.chaos.driver import Chaos, ended
from tests.workflow.checkout import Checkout

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("TESSERA_CHAOS_KILLS", "15"))
SEED = int(os.environ.get("TESSERA_CHAOS_SEED", "0"))
STAGES = {  # what each rule runs
    "design": "design",
    "cases": "simulate",
    "ensemble": "assemble",
    "scales": "scales",
    "latents": "encode",
    "reconstructions": "reconstruct",
    "prediction": "predict",
    "coarse": "coarse",
    "scores": "score",
    "report_page": "report",
} | {rule: f"fit {rule}" for rule in ("tokenizer", "decoupled", "coupled", "transfer", "rival")}


def seconds(copy):
    """Return what the jobs of each stage took, from Snakemake's benchmarks [s]."""
    folder = copy.folder / "results" / "smoke" / "benchmarks"
    found = {}
    for path in folder.rglob("*.tsv"):
        name = path.relative_to(folder).parts[0].removesuffix(".tsv")
        stage = STAGES.get(name, name if name in STAGES.values() else "fit rival")
        with path.open() as table:
            found[stage] = float(next(csv.DictReader(table, delimiter="\t"))["s"])
    return found


@pytest.fixture(scope="module")
def chaos(tmp_path_factory, smoke):
    """Return the study that was killed in every stage, done at last."""
    copy = Checkout(tmp_path_factory.mktemp("chaos") / "tessera", sources=False)
    reference = digests(smoke.folder / "results" / "smoke")

    def accepted():
        """No output is ever there that is not whole and right."""
        wrong = {
            path: digest
            for path, digest in digests(copy.folder / "results" / "smoke").items()
            if ".part" not in path and digest != reference.get(path)
        }
        assert not wrong, (sorted(wrong), driver.kills[-5:])

    driver = Chaos(copy, STAGES, seconds(smoke), KILLS, SEED, accepted)
    driver.run(time.monotonic() + 3600.0)
    ended(copy, 600.0)
    return driver


def test_every_stage_was_killed(chaos, smoke, capsys):
    assert len(chaos.kills) >= KILLS
    assert set(chaos.stages) == set(STAGES.values()) == set(seconds(smoke))
    with capsys.disabled():
        by, targets = (Counter(getattr(kill, name) for kill in chaos.kills) for name in ("by", "target"))
        table = {"kills": len(chaos.kills), "by": by, "targets": targets, "stages": chaos.stages}
        sys.stdout.write(f"\n{json.dumps(table | {'starts': chaos.starts, 'unlocks': chaos.unlocks})}\n")


def test_an_undisturbed_rerun_finishes(chaos):
    result = chaos.copy.snakemake("--workflow-profile", "workflow/profiles/default")
    assert result.returncode == 0, result.stdout
    assert chaos.copy.planned() == {}


def test_every_output_is_that_of_a_quiet_run(chaos, smoke):
    ours, theirs = (digests(copy.folder / "results" / "smoke") for copy in (chaos.copy, smoke))
    assert len(theirs) > 50
    assert ours == theirs


def test_nothing_half_written_is_left(chaos):
    assert not [path for path in (chaos.copy.folder / "results").rglob("*.part")]


def test_no_traceback_was_shown(chaos):
    for said in chaos.said:
        assert "Traceback" not in said, said[said.index("Traceback") - 2000 :][:6000]
