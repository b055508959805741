"""The study, and every helper of the rules; imports nothing heavy, for each job parses it."""

import logging
import os
import sys
from pathlib import Path

from tessera.errors import ConfigError
from tessera.failures import Failures
from tessera.provenance import digest, source_digest
from tessera.study import Imported, load

SCALES = ("micro", "meso")
BASE = "config/config.yaml" if Path("config/config.yaml").is_file() else f"{workflow.basedir}/config/config.yaml"


def read_study():
    """Read the base file and its overlays; refuse an impossible study in one line, with exit code 2."""
    settings = workflow.config_settings
    overlays = list(settings.configfiles)
    files = overlays if settings.replace_workflow_config else [BASE, *overlays]
    if settings.config:
        keys = ", ".join(settings.config)
        refuse(
            f"--config {keys}: expected no single values, got some; write an overlay file and name it by --configfile"
        )
    try:
        return load([Path(file) for file in files]), [os.path.relpath(file) for file in files]
    except ConfigError as error:
        refuse(str(error))


def refuse(message):
    """Leave with one line and exit code 2."""
    sys.stderr.write(f"snakemake: {message}\n")
    sys.exit(2)


STUDY, STUDY_FILES = read_study()
IMPORTED = {scale: what.store for scale in SCALES if isinstance(what := STUDY.ensembles[scale], Imported)}
CONTENT = STUDY.model_dump(mode="json")
RUN = f"results/{STUDY.name}"
STUDY_FILE = f"{RUN}/study.json"
ENVIRONMENT = "../../envs/gpu.yaml" if STUDY.device == "cuda" else "../../envs/cpu.yaml"
GPU = int(STUDY.device == "cuda")
GRES = os.environ.get("TESSERA_GRES", "")  # of a site that takes GPUs by --gres alone: "gpu", "gpu:a100"
NETWORK_THREADS = 4 if GPU else 1  # on a processor two networks train side by side, each on one core
DEVICES = STUDY.devices  # processes of a training, each with a GPU and threads of its own

# The sources that several rules depend on, what is particular stands with the rule.
STORES = tuple(f"data/{part}" for part in ("cases", "fields", "files", "layout", "schema", "seals", "shards", "store"))
NETWORKS = ("data", "models/__init__", "models/layers", "models/parts", "models/state")
ROLLOUTS = ("learning/rollout", "learning/tiling", "stages/networks/forecasts", "stages/networks/prediction")
LEARNING = (*NETWORKS, "learning", "stages/networks/training")
SCORES = tuple(
    f"evaluation/{part}"
    for part in ("front", "measures", "members", "metrics", "persistence", "regions", "scores", "spectrum", "summary")
)
LATENT_MODEL = ("models/dynamics", "models/tessera", "models/tokenizer")

# `tessera` is found where Snakemake runs unless an environment of the rule brings its own.
# Snakemake sets OMP_NUM_THREADS to the threads of a job.
shell.prefix(f'export PATH="$PATH:{Path(sys.executable).parent}" NUMBA_NUM_THREADS=$OMP_NUM_THREADS MPLBACKEND=Agg; ')


if workflow.is_main_process:  # the others are its jobs
    logging.getLogger("snakemake.logging").addHandler(Failures())


def longest_time():
    """Return the minutes that no job may exceed, as a site says them; refuse anything else in one line."""
    said = os.environ.get("TESSERA_MAX_RUNTIME") or "1000000"
    if not said.isdecimal() or int(said) == 0:
        refuse(f"TESSERA_MAX_RUNTIME: expected minutes, got {said!r}")
    return int(said)


LONGEST = longest_time()


def asked(memory, minutes, resumes=False, gpu=0, processes=1):
    """Return the resources of a rule: more memory at each attempt, and more time unless the job resumes.

    Memory is in MB. GPUs, one for each process, are asked for by the name that the site takes, see docs/cluster.md.
    """
    gpus = gpu * processes
    names = {"gres": f"{GRES}:{gpus}"} if gpus and GRES else {"gpu": gpus}
    return names | {
        "processes": processes,
        "mem_mb": lambda wildcards, attempt: memory * attempt,
        "runtime": lambda wildcards, attempt: min(minutes * (1 if resumes else attempt), LONGEST),
    }


def write_study():
    """Write the resolved study that every command reads; called when a run starts, never by a dry run.

    It is the product of no rule: an edited key would rerun that rule, and Snakemake asks no job behind a
    rerun job whether its own params have changed. What a job reads of the study is in its params.
    """
    from tessera.stages import write_study

    for model, reason in STUDY.left_out().items():
        sys.stderr.write(f"models: {model} is left out: {reason}\n")
    try:
        write_study(STUDY, Path(STUDY_FILE))
    except OSError as error:
        refuse(f"{STUDY_FILE}: expected to write it, got {error.strerror}")


def section(*paths):
    """Name the values of some sections of the study by a digest, so that only their edits rerun a rule."""
    return digest({path: lookup_section(path) for path in paths})


def lookup_section(path):
    """Return the section at a dotted path."""
    value = CONTENT
    for key in path.split("."):
        value = value[key]
    return value


def design_section(wildcards):
    """Name what decides the design of a scale."""
    return section("seed", f"ensembles.{wildcards.scale}")


def ensemble_section(wildcards):
    """Name what decides the ensemble of a scale."""
    imported = wildcards.scale in IMPORTED
    return section(*([] if imported else ["material", "solver"]), f"ensembles.{wildcards.scale}")


def among(scales):
    """Return the pattern of some scales, which none matches where there are none."""
    return "|".join(scales) or "(?!)"


def training_section(path, *without):
    """Name what decides each copy of a model; which copies there are does not change any of them."""
    values = {key: value for key, value in lookup_section(path).items() if key not in {"meso_cases", "seeds", *without}}
    return digest({"seed": STUDY.seed, "log_variance": STUDY.dynamics.log_variance, path: values})


def rival_section(wildcards):
    """Name what decides each copy of a rival; what figures call it does not."""
    return training_section(f"rivals.{wildcards.model}", "label")


def rival_sources(wildcards):
    """Name the sources that decide a rival."""
    return source_digest(*LEARNING, *STUDY.rivals[wildcards.model].sources, "stages/networks/rivals")


def rival_ensembles(wildcards):
    """Return the ensembles that a rival learns from."""
    found = {"ensemble": "<results>/ensembles/meso.json"}
    before = {"micro": ["<results>/ensembles/micro.json"]} if STUDY.rivals[wildcards.model].pretraining else {}
    return found | before


def prediction_sources(wildcards):
    """Name the sources that decide a model's roll-outs."""
    rival = STUDY.rivals.get(wildcards.model)
    network = LATENT_MODEL if rival is None else rival.sources
    return source_digest(*NETWORKS, *ROLLOUTS, *network)


def images(wildcards):
    """Return the images that a scale takes its pores from."""
    return list(getattr(STUDY.ensembles[wildcards.scale].microstructure, "images", []))


def shards(wildcards):
    """Return the manifests of all shards of a scale."""
    names = [f"{shard:04d}" for shard in range(STUDY.ensembles[wildcards.scale].shards)]
    return expand("<results>/cases/{scale}/shard_{shard}.json", scale=wildcards.scale, shard=names)


def tokenizers():
    """Return the checkpoints of all tokenizers."""
    return expand("<results>/models/tokenizer/{field}.safetensors", field=STUDY.token_fields)


def decoded_by(wildcards):
    """Return what the map of one field alone is compared with in pixel space, if it is: ensemble and tokenizer."""
    if not STUDY.dynamics.decoupled.decoded_weight:
        return []
    return ["<results>/ensembles/micro.json", "<results>/models/tokenizer/{field}.safetensors"]


def decoupled_maps():
    """Return the checkpoints of all decoupled maps."""
    return expand("<results>/models/decoupled/{field}.safetensors", field=STUDY.token_fields)


def tokenizer_ensembles():
    """Return the manifests of the ensembles that tokenizers learn from."""
    return expand("<results>/ensembles/{scale}.json", scale=STUDY.tokenizer.scales)


def runs(scale, model):
    """Return (meso cases, seed) of the trained copies of a model that predict a scale; 0 cases is the micro model."""
    return [(0, 0)] if (scale, model) == ("micro", "tessera") else STUDY.runs(model)


def meso_checkpoints():
    """Return the checkpoints of all models that learn from meso cases."""
    return [
        f"<results>/models/{model}/n{cases}_s{seed}.safetensors"
        for model in STUDY.able
        for cases, seed in STUDY.runs(model)
    ]


def checkpoint(wildcards):
    """Return the checkpoint that makes a prediction."""
    if (wildcards.model, wildcards.cases) == ("tessera", "0"):
        return "<results>/models/coupled.safetensors"
    return f"<results>/models/{wildcards.model}/n{wildcards.cases}_s{wildcards.seed}.safetensors"


def predictions(scale):
    """Return the manifests of all predictions of the test split of a scale."""
    made = [(model, *run) for model in STUDY.predictors(scale) for run in runs(scale, model)]
    made += [(solver, 0, 0) for solver in STUDY.solvers(scale)]
    return [f"<results>/predictions/{scale}/{model}/n{cases}_s{seed}_test.json" for model, cases, seed in made]


def predictions_of(wildcards):
    """Return the manifests of all predictions of a rule's scale."""
    return predictions(wildcards.scale)


def histories():
    """Return the histories of all trainings that the study asks for."""
    checkpoints = meso_checkpoints()
    if "tessera" in STUDY.able:
        checkpoints += [*tokenizers(), *decoupled_maps(), "<results>/models/coupled.safetensors"]
    return [path.replace(".safetensors", ".jsonl") for path in checkpoints]


def reconstructions():
    """Return the reconstructions by the tokenizers, if the study has any."""
    return ["<results>/reconstructions/micro.json"] if "tessera" in STUDY.able else []
