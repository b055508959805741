"""Snakemake that asks Slurm every two seconds: its executor waits ten seconds longer after each answer without news.

That suits jobs of hours, and has no option. Nothing else is changed, and nothing in the jobs.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

SECONDS = 2

Executor.next_seconds_between_status_checks = property(lambda _: SECONDS, lambda _, __: None)

if __name__ == "__main__":
    sys.exit(main())
