"""From a study to its report: `snakemake --cores all`, overlays by `--configfile config/smoke.yaml`."""

from snakemake.utils import min_version

min_version("9.27")


# Reads and checks the study before anything else happens.
include: "workflow/rules/common.smk"


configfile: BASE


pathvars:
    results=RUN,
    logs=f"{RUN}/logs",
    benchmarks=f"{RUN}/benchmarks",


wildcard_constraints:
    scale="micro|meso",
    field="[a-z_]+",
    model="[a-z][a-z0-9-]*",
    shard=r"\d{4}",
    cases=r"\d+",
    seed=r"\d+",
    split="train|validation|test",


onstart:
    write_study()


include: "workflow/rules/ensembles.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/evaluation.smk"


localrules:
    all,
    ensembles,
    models,
    design,


rule all:
    """The report of the study."""
    input:
        rules.report_page.output.page,


rule ensembles:
    """Both ensembles and nothing else."""
    input:
        expand("<results>/ensembles/{scale}.json", scale=SCALES),


rule models:
    """All trained models, without predictions."""
    input:
        meso_checkpoints(),
