"""A study with `device: cuda` on the node with two fake GPUs: what Slurm was asked for, and what the command was given.

There is no CUDA behind these GPUs, so a stand-in for `tessera` writes down which of them it may use.
"""

import pytest

from tests.workflow.checkout import SMOKE

pytestmark = pytest.mark.slurm
WEIGHTS = "results/gpu/models/cnext/n1_s0.safetensors"
STUDIES = [SMOKE, "gpu.yaml"]
STAND_IN = """\
#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --out | --history) echo "devices $CUDA_VISIBLE_DEVICES" > "$2" ;; esac
  shift
done
"""


@pytest.fixture(scope="module")
def pretended(site):
    """A copy in which a study on GPUs is taken for finished and `tessera` is the stand-in."""
    copy = site.checkout("gpu")
    (copy.folder / "gpu.yaml").write_text("name: gpu\ndevice: cuda\nmodels: [cnext]\n")
    copy.pretend(STUDIES)
    command = copy.folder / "bin" / "tessera"
    command.parent.mkdir()
    command.write_text(STAND_IN)
    command.chmod(0o755)
    copy.environment["PATH"] = f"{command.parent}:{copy.environment['PATH']}"
    return copy


@pytest.mark.parametrize("gres", ["", "gpu:fake"], ids=["gpus", "gres"])
def test_a_training_is_given_one_gpu(site, pretended, monkeypatch, gres):
    monkeypatch.setitem(pretended.environment, "TESSERA_GRES", gres)
    (pretended.folder / WEIGHTS).unlink()
    result = site.snakemake(pretended, WEIGHTS, overlay=STUDIES, timeout=120.0)
    assert result.returncode == 0, result.stdout
    job = site.cluster.jobs(pretended.folder)[-1]
    assert (job.state, job.comment, job.node) == ("COMPLETED", "rule_rival_wildcards_cnext_1_0", "gpu1")
    assert job.gpus == f"gres:{gres or 'gpu'}:1"
    assert (pretended.folder / WEIGHTS).read_text() == "devices 0\n"
