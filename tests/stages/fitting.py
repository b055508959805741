"""Real trainings of a small rival, as processes of their own: its meso ensemble, its study, its command."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from tessera.data import seals
from tessera.stages import ensembles
from tessera.study import load

CONFIG = Path(__file__).parents[2] / "config"
EPOCH = 10


def ensemble(folder):
    """Make the meso ensemble of the smoke study and its scales in a folder."""
    study = load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"])
    design, manifest = folder / "design.nc", folder / "meso.json"
    ensembles.draw_design(study, "meso", design)
    shards = [folder / f"shard_{shard:04d}.json" for shard in range(study.ensembles.meso.shards)]
    for shard, path in enumerate(shards):
        ensembles.simulate_shard(study, "meso", design, shard, path)
    ensembles.assemble(study, "meso", design, shards, manifest)
    ensembles.fit_scales(study, "meso", manifest, folder / "scales.json")
    return folder


def study(path, kind="cnext", *, updates=EPOCH, **training):
    """Write a study in which all that is random happens to the trainings of a rival."""
    content = load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"]).model_dump(mode="json")
    budget = {"updates": updates, "core_seconds": None}
    known = {"budget": budget, "epoch": EPOCH, "batch": 4, "noise": 0.02, "replay": 0.5, **training}
    content["rivals"][kind]["training"] |= known
    path.write_text(json.dumps(content))
    return path


def command(made, study, folder, *options, kind="cnext"):
    """Return the command line of a training whose results land in a folder."""
    call = ["fit", *options, "rival", "--model", kind, "--study", study, "--meso-cases", 1, "--seed", 0]
    call += ["--ensemble", made / "meso.json", "--scales", made / "scales.json", "--state", folder / "state"]
    call += ["--out", folder / "out.safetensors", "--history", folder / "history.jsonl"]
    return [sys.executable, "-m", "tessera", *map(str, call)]


def begin(call):
    """Start a command on one thread per process."""
    return subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def end(run, *, seconds=120):
    """Return the exit code of a command and what it said."""
    _, said = run.communicate(timeout=seconds)
    return run.returncode, said


def fitted(call, folder):
    """Run a training to its end; return its weights and the numbers of its history."""
    code, said = end(begin(call))
    assert code == 0, said
    lines = (json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines())
    history = [{name: value for name, value in line.items() if name not in {"stage", seals.KEY}} for line in lines]
    return load_file(folder / "out.safetensors"), history


def updates(folder):
    """Return the update of a training's last saved state, 0 for none."""
    found = list((folder / "state").rglob("training.pt"))
    return torch.load(found[0], weights_only=True)["updates"] if found else 0


def children(run, *, count, seconds=60):
    """Return the process numbers of a command's children, by their rank, once they are there."""
    deadline, found = time.monotonic() + seconds, {}
    while len(found) < count:
        assert run.poll() is None and time.monotonic() < deadline
        for path in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
            variables = Path(f"/proc/{path}/environ").read_bytes().split(b"\0")
            ranks = [int(v.removeprefix(b"RANK=")) for v in variables if v.startswith(b"RANK=")]
            found |= dict.fromkeys(ranks, int(path))
        time.sleep(0.02)
    return [found[rank] for rank in range(count)]


def reached(run, folder, update, *, seconds=120):
    """Wait until a training has saved an update."""
    deadline = time.monotonic() + seconds
    while updates(folder) < update:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def gone(number, *, seconds=30):
    """Wait until a process is gone."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{number}").exists() and "Z" not in Path(f"/proc/{number}/stat").read_text().split(")")[1][:3]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
