"""A user of the cluster: a profile of the site as docs/cluster.md shows it, and checkouts that run through it."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.slurm.cluster import MARK, Cluster
from tests.workflow.checkout import SMOKE, Checkout

PROFILE = """\
slurm-partition-config: partitions.yaml
slurm-status-command: squeue
slurm-no-account: true
"""
PARTITIONS = """\
partitions:
  cpu: {max_runtime: 2d}
  gpu: {max_runtime: 2d, max_gpu: 2}
"""
HASTE = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")
HASTY = Path(__file__).with_name("hasty.py")


class Site:
    """Where Slurm is, how it is asked, and how to run Snakemake through the profile."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.profile = folder / "my-cluster"
        self.profile.mkdir()
        (self.profile / "config.yaml").write_text(PROFILE)
        (self.profile / "partitions.yaml").write_text(PARTITIONS)

    def checkout(self, name: str) -> Checkout:
        """Return a fresh copy of the repository whose commands find the cluster."""
        copy = Checkout(self.folder / name, sources=False)
        found = {name: self.cluster.environment[name] for name in ("SLURM_CONF", MARK)}
        path = f"{self.cluster.folder}/bin{os.pathsep}{copy.environment['PATH']}"
        copy.environment |= found | {"PATH": path}
        return copy

    def command(self, copy: Checkout, *arguments: str, overlay: str | Sequence[str] = SMOKE) -> list[str]:
        """Return the command line of Snakemake through the profile, `arguments` first, targets among them."""
        profiles = ["--profile", str(self.profile), "--workflow-profile", "workflow/profiles/slurm", *HASTE]
        whole = copy.command(*arguments, *profiles, overlay=overlay)
        at = whole.index("--cores")  # of one machine; a cluster has as many as it has
        return [whole[0], str(HASTY), *whole[3:at], *whole[at + 2 :]]

    def snakemake(
        self, copy: Checkout, *arguments: str, overlay: str | Sequence[str] = SMOKE, timeout: float = 600.0
    ) -> subprocess.CompletedProcess:
        """Run Snakemake through the profile, as `Checkout.run` does."""
        return copy.run(self.command(copy, *arguments, overlay=overlay), timeout)

    def started(self, copy: Checkout, *targets: str) -> contextlib.AbstractContextManager[subprocess.Popen]:
        """Run Snakemake through the profile meanwhile, as `Checkout.started` does."""
        return copy.started(command=self.command(copy, *targets))
