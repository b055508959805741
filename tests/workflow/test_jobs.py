"""The jobs that `tessera status` expects are those that Snakemake plans, with the same logs and outputs."""

import re

import pytest

from tessera.study import load
from tessera.study.plan import jobs
from tests.workflow.checkout import SMOKE, Checkout

pytestmark = pytest.mark.slow
STUDIES = {
    "the demo": (),
    "smoke": (SMOKE,),
    "the paper": ("config/paper.yaml",),
    "rivals alone": (SMOKE, "models: [cnext]\nname: rivals\n"),
    "tessera alone": (SMOKE, "models: [tessera]\nname: latent\ndynamics: {transfer: {seeds: [0, 3]}}\n"),
}


@pytest.mark.parametrize("overlays", STUDIES.values(), ids=STUDIES)
def test_the_jobs_of_a_study_are_those_of_the_workflow(tmp_path, overlays):
    checkout = Checkout(tmp_path / "tessera", sources=False)
    if len(overlays) > 1:
        (checkout.folder / "own.yaml").write_text(overlays[1])
        overlays = (overlays[0], "own.yaml")
    study = load([checkout.folder / file for file in ("config/config.yaml", *overlays)])
    said = checkout.snakemake("-n", overlay=overlays)
    assert said.returncode == 0, said.stdout
    planned = re.findall(r"rule (\w+):\n(?:    .*\n)*?    output: (.*)\n    log: (\S+)\n", said.stdout)
    where = f"results/{study.name}"
    expected = [
        (job.rule, ", ".join(f"{where}/{path}" for path in job.outputs), f"{where}/logs/{job.record}.log")
        for job in jobs(study)
    ]
    assert sorted(planned) == sorted(expected)
