"""A study of the smallest size with every stage, made by the commands in a few seconds, and the list of them."""

from pathlib import Path

import pytest

from tessera import invocation
from tessera.data import files, ledger
from tessera.provenance import file_digest
from tessera.stages import write_study
from tessera.study import merge
from tessera.study.reading import read
from tessera.study.study import validate

CONFIG = Path(__file__).parents[2] / "config"
FIELD = "pressure"
BUDGET = {"updates": 2, "core_seconds": None}
SHORT = {"budget": BUDGET, "epoch": 2, "batch": 1, "horizons": [{"until": 1.0, "steps": [1]}]}
NARROW = {**SHORT, "window": 32, "window_rollout": 32}
SMALL = {
    "name": "tiny",
    "models": ["cnext"],
    "ensembles": {
        "micro": {
            "cases": 3,
            "split": {"train": 1, "validation": 1, "test": 1},
            "cells": [24, 32],
            "cell_size": 1.8e-7,
            "snapshots": 8,
            "shard": 3,
            "microstructure": {"diameter": {"low": 6.7e-7, "high": 9e-7}},
        },
        "meso": {
            "cells": [32, 32],
            "cell_size": 4e-7,
            "snapshots": 8,
            "shard": 3,
            "microstructure": {
                "smallest_diameter": {"low": 9e-7, "high": 1.3e-6},
                "largest_diameter": {"low": 1.4e-6, "high": 2e-6},
            },
        },
    },
    "tokenizer": {"fields": [FIELD], "widths": [4, 4, 4, 4], "latent_channels": 2, "training": NARROW},
    "dynamics": {
        "decoupled": {"map": {"width": 4, "blocks": 1}, "training": SHORT},
        "coupled": {"map": {"width": 4, "blocks": 1}, "training": SHORT},
        "transfer": {"meso_cases": [1], "latent": SHORT, "end_to_end": NARROW},
    },
    "rivals": {
        "parcv2": {"features": 4, "widths": [4, 4], "mapping_width": 4, "training": NARROW},
        "cnext": {"widths": [4, 4], "blocks": [1, 1, 1], "training": NARROW},
    },
    "evaluation": {"samples": 1, "snapshots": {"micro": [2, 5], "meso": [3, 7]}},
}


MODELS = {"tessera micro": "coupled", "tessera meso": "tessera/n1_s0", "cnext micro": "cnext/n1_s0"}
MODELS["cnext meso"] = MODELS["cnext micro"]


def commands(r, to):
    """Return every command by a name, in the order of the workflow; it reads from `r` and writes to `to`."""
    study = ["--study", f"{r}/study.json"]
    found = {}
    for scale in ("micro", "meso"):
        which, design = [*study, "--scale", scale], ["--design", f"{r}/design/{scale}.nc"]
        ensemble, shard = ["--ensemble", f"{r}/ensembles/{scale}.json"], f"cases/{scale}/shard_0000.json"
        out = ["--out", f"{to}/ensembles/{scale}.json"]
        found[f"design {scale}"] = ["design", *which, "--out", f"{to}/design/{scale}.nc"]
        found[f"simulate {scale}"] = ["simulate", *which, *design, "--shard", "0", "--out", f"{to}/{shard}"]
        found[f"assemble {scale}"] = ["assemble", *which, *design, *out, f"{r}/{shard}"]
        found[f"scales {scale}"] = ["scales", *which, *ensemble, "--out", f"{to}/scales/{scale}.json"]

    def fit(kind, name, *inputs):
        out = ["--out", f"{to}/models/{name}.safetensors", "--history", f"{to}/models/{name}.jsonl"]
        command = "rival" if "--model" in inputs else kind
        found[f"fit {kind}"] = ["fit", command, *study, "--state", f"{to}/training/{name}", *out, *inputs]

    micro, meso = (["--ensemble", f"{r}/ensembles/{scale}.json"] for scale in ("micro", "meso"))
    tokenizer = f"{r}/models/tokenizer/{FIELD}.safetensors"
    fit("tokenizer", f"tokenizer/{FIELD}", "--field", FIELD, "--scales", f"{r}/scales/micro.json", micro[1])
    for scale, ensemble in (("micro", micro), ("meso", meso)):
        found[f"encode {scale}"] = ["encode", *study, *ensemble, "--out", f"{to}/latents/{scale}.json", tokenizer]
    found["reconstruct"] = ["reconstruct", *study, *micro, "--out", f"{to}/reconstructions/micro.json", tokenizer]
    latents = ["--latents", f"{r}/latents/micro.json"]
    fit("decoupled", f"decoupled/{FIELD}", "--field", FIELD, *latents)
    maps = ["--tokenizer", tokenizer, "--decoupled", f"{r}/models/decoupled/{FIELD}.safetensors"]
    fit("coupled", "coupled", *latents, *micro, *maps)
    few = ["--meso-cases", "1", "--seed", "0", *meso]
    before = ["--latents", f"{r}/latents/meso.json", "--coupled", f"{r}/models/coupled.safetensors"]
    fit("transfer", "tessera/n1_s0", *few, *before)
    for model in ("parcv2", "cnext"):
        fit(model, f"{model}/n1_s0", "--model", model, *few, "--scales", f"{r}/scales/meso.json")
    predictions = {"micro": [], "meso": []}
    for run, name in MODELS.items():
        model, scale = run.split()
        made = f"predictions/{scale}/{model}/n{int(name != 'coupled')}_s0_test.json"
        which = ["--checkpoint", f"{r}/models/{name}.safetensors", "--ensemble", f"{r}/ensembles/{scale}.json"]
        found[f"predict {run}"] = ["predict", *study, *which, "--out", f"{to}/{made}"]
        if model == "cnext":  # tokens of pressure alone are too little to be scored
            predictions[scale].append(f"{r}/{made}")
    for scale, made in predictions.items():
        solver = f"predictions/{scale}/coarse4/n0_s0_test.json"
        which = ["--scale", scale, "--coarsening", "4", "--design", f"{r}/design/{scale}.nc"]
        which += ["--ensemble", f"{r}/ensembles/{scale}.json", "--out", f"{to}/{solver}"]
        found[f"coarse {scale}"] = ["coarse", *study, *which]
        made.append(f"{r}/{solver}")
        table = ["--out", f"{to}/scores/{scale}.parquet", "--summary", f"{to}/scores/{scale}.csv"]
        ensemble = ["--ensemble", f"{r}/ensembles/{scale}.json"]
        found[f"score {scale}"] = ["score", *study, "--scale", scale, *ensemble, *table, *made]
    found["report"] = ["report", *study, "--results", f"{r}", "--out", f"{to}/report/index.html"]
    return found


# One of each stage: what another one does that differs in its scale alone is no other thing.
NAMES = [name for name in commands("r", "r") if not name.endswith("meso") and name != "predict cnext micro"]


REPORTED = [f"ensembles/{scale}.json" for scale in ("micro", "meso")]
REPORTED += [f"predictions/{scale}/cnext/n1_s0_test.json" for scale in ("micro", "meso")]
REPORTED += [f"predictions/{scale}/coarse4/n0_s0_test.json" for scale in ("micro", "meso")]
REPORTED += [f"scores/{scale}.parquet" for scale in ("micro", "meso")] + ["models/cnext/n1_s0.jsonl"]


def inputs(name):
    """Return the inputs of a command but the study, relative to the folder of results."""
    if name == "report":
        return REPORTED
    return [word.removeprefix("r/") for word in commands("r", "to")[name] if word[:2] == "r/" and "study" not in word]


def make(folder):
    """Make the results of the study by the commands in this process, all but the report, which takes as long."""
    folder.mkdir(parents=True, exist_ok=True)
    content = merge(merge(read(CONFIG / "config.yaml"), read(CONFIG / "smoke.yaml")), SMALL)
    write_study(validate(content, "tiny"), folder / "study.json")
    with pytest.MonkeyPatch.context() as patch:
        for name, words in commands(folder, folder).items():
            if name != "report":
                patch.setattr("sys.argv", ["tessera", *words])
                assert invocation.call() == (0, ""), name
    return folder


def refused(result, *parts):
    """Check that a command left with one line that reads `tessera command: where: expected what, got what`."""
    code, line = result
    assert code == 2, line
    assert line.startswith("tessera ")
    assert ": expected" in line
    assert "\n" not in line
    for part in parts:
        assert part in line


def left(folder):
    """Return what a command left beside its training state and the records of costs."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if path.parts[0] != "training" and ledger.FOLDER not in path.parts)


def outputs(name, folder):
    """Return what a command wrote, as checksums by path, but for the state of a training."""
    words = commands("r", "to")[name]
    paths = [folder / word.removeprefix("to/") for word in words if word[:3] == "to/" and "training/" not in word]
    beside = [path.with_suffix(suffix) for path in paths for suffix in (".zarr", ".nc")]
    wanted = {*paths, *(path for path in beside if path.exists())}
    return {
        str(path.relative_to(folder)): files.tree_digest(path) if path.is_dir() else file_digest(path)
        for path in sorted(wanted)
    }
