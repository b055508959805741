"""Every command, given what is missing, broken or of another study, or a full disk: one line, and nothing left."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tessera import cli
from tessera.data import ledger
from tessera.study import merge
from tessera.study.reading import read

CONFIG = Path(__file__).parents[2] / "config"
FIELD = "pressure"
BUDGET = {"updates": 2, "core_seconds": None}
SHORT = {"budget": BUDGET, "epoch": 2, "batch": 1, "horizons": [{"until": 1.0, "steps": [1]}]}
NARROW = {**SHORT, "window": 32, "window_rollout": 32}
SMALL = {
    "name": "tiny",
    "models": ["tessera", "cnext"],
    "ensembles": {
        "micro": {
            "cases": 3,
            "split": {"train": 1, "validation": 1, "test": 1},
            "cells": [48, 64],
            "cell_size": 9e-8,
            "snapshots": 8,
            "shard": 3,
            "microstructure": {"diameter": {"low": 6.7e-7, "high": 9e-7}},
        },
        "meso": {
            "cells": [64, 64],
            "cell_size": 2e-7,
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


def commands(r, to):
    """Return every command by a name, in the order of the workflow; it reads from `r` and writes to `to`."""
    study = ["--study", f"{r}/study.json"]
    found = {}
    for scale in ("micro", "meso"):
        which, design = [*study, "--scale", scale], ["--design", f"{r}/design/{scale}.nc"]
        ensemble, shard = ["--ensemble", f"{r}/ensembles/{scale}.json"], f"cases/{scale}/shard_0000.json"
        found[f"design {scale}"] = ["design", *which, "--out", f"{to}/design/{scale}.nc"]
        found[f"simulate {scale}"] = ["simulate", *which, *design, "--shard", "0", "--out", f"{to}/{shard}"]
        found[f"assemble {scale}"] = [
            "assemble",
            *which,
            *design,
            "--out",
            f"{to}/ensembles/{scale}.json",
            f"{r}/{shard}",
        ]
        found[f"scales {scale}"] = ["scales", *which, *ensemble, "--out", f"{to}/scales/{scale}.json"]

    def fit(kind, *inputs):
        out = ["--out", f"{to}/models/{kind}.safetensors", "--history", f"{to}/models/{kind}.jsonl"]
        found[f"fit {kind}"] = ["fit", kind, *study, "--state", f"{to}/training/{kind}", *out, *inputs]

    micro, meso = (["--ensemble", f"{r}/ensembles/{scale}.json"] for scale in ("micro", "meso"))
    tokenizer = f"{r}/models/tokenizer.safetensors"
    fit("tokenizer", "--field", FIELD, "--scales", f"{r}/scales/micro.json", micro[1])
    for scale, ensemble in (("micro", micro), ("meso", meso)):
        found[f"encode {scale}"] = ["encode", *study, *ensemble, "--out", f"{to}/latents/{scale}.json", tokenizer]
    found["reconstruct"] = ["reconstruct", *study, *micro, "--out", f"{to}/reconstructions/micro.json", tokenizer]
    latents = ["--latents", f"{r}/latents/micro.json"]
    fit("decoupled", "--field", FIELD, *latents)
    maps = ["--tokenizer", tokenizer, "--decoupled", f"{r}/models/decoupled.safetensors"]
    fit("coupled", *latents, *micro, *maps)
    few = ["--meso-cases", "1", "--seed", "0", *meso]
    fit("transfer", *few, "--latents", f"{r}/latents/meso.json", "--coupled", f"{r}/models/coupled.safetensors")
    for kind in ("parcv2", "cnext"):
        fit(kind, *few, "--scales", f"{r}/scales/meso.json")
    made = ["--checkpoint", f"{r}/models/cnext.safetensors", *meso]
    found["predict"] = ["predict", *study, *made, "--out", f"{to}/predictions/cnext.json"]
    table = ["--out", f"{to}/scores/meso.parquet", "--summary", f"{to}/scores/meso.csv"]
    found["score"] = ["score", *study, "--scale", "meso", *meso, *table, f"{r}/predictions/cnext.json"]
    return found


NAMES = [name for name in commands("r", "r") if not name.endswith("meso")]
READERS = [name for name in NAMES if not name.startswith("design")]


def inputs(name):
    """Return the inputs of a command but the study, relative to the folder of results."""
    return [word.removeprefix("r/") for word in commands("r", "to")[name] if word[:2] == "r/" and "study" not in word]


@pytest.fixture
def call(monkeypatch):
    """Return a function that runs a command in this process; it returns exit code and line."""

    def run(words):
        monkeypatch.setattr("sys.argv", ["tessera", *map(str, words)])
        return cli.call()

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the results of a small study, made by the commands; only to be read."""
    folder = tmp_path_factory.mktemp("results")
    content = merge(merge(read(CONFIG / "config.yaml"), read(CONFIG / "smoke.yaml")), SMALL)
    (folder / "study.json").write_text(json.dumps(content))
    with pytest.MonkeyPatch.context() as patch:
        for words in commands(folder, folder).values():
            patch.setattr("sys.argv", ["tessera", *words])
            assert cli.call() == (0, "")
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """Return a copy of the results that a test may harm."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def refused(result, *parts):
    """Check that a command left with one line that reads `tessera command: where: expected what, got what`."""
    code, line = result
    assert code == 2
    assert line.startswith("tessera ")
    assert ": expected" in line
    assert "\n" not in line
    for part in parts:
        assert part in line


def left(folder):
    """Return what a command left beside its training state."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path) for path in files if path.parts[0] != "training")


@pytest.mark.parametrize("name", READERS)
def test_an_input_that_is_missing_or_cut_is_named(call, copy, tmp_path, name):
    words, out = commands(copy, tmp_path / "out")[name], tmp_path / "out"
    for path in (copy / part for part in inputs(name)):
        whole = path.read_bytes()
        path.unlink()
        refused(call(words), path.name)
        for content in (whole[: len(whole) // 2], b"", b"[]"):
            path.write_bytes(content)
            refused(call(words), path.name)
        path.write_bytes(whole)
    assert left(out) == []


@pytest.mark.parametrize(
    "name", [name for name in READERS if any((p[:3] in {"ens", "lat", "pre"}) for p in inputs(name))]
)
def test_a_store_that_lost_a_part_is_named(call, copy, tmp_path, name):
    words, out = commands(copy, tmp_path / "out")[name], tmp_path / "out"
    for store in (
        copy / part for part in inputs(name) if part.split("/")[0] in {"ensembles", "latents", "predictions"}
    ):
        folder = store.with_suffix(".zarr")
        files = (path for path in folder.rglob("*") if path.is_file())
        for file in (max(files, key=lambda path: path.stat().st_size), folder / ".zmetadata"):
            whole = file.read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
            refused(call(words), folder.name, "expected checksum")
            file.unlink()
            refused(call(words), folder.name, "expected checksum")
            file.write_bytes(whole)
    assert left(out) == []


@pytest.mark.parametrize("name", READERS)
def test_inputs_of_another_study_are_refused(call, copy, tmp_path, name):
    content = json.loads((copy / "study.json").read_text())
    (copy / "study.json").write_text(json.dumps({**content, "name": "other"}))
    refused(call(commands(copy, tmp_path / "out")[name]), "study 'other'", "'tiny'")
    assert left(tmp_path / "out") == []


def test_a_shard_of_another_study_is_refused_beside_a_design_of_this(call, copy, tmp_path):
    shard = copy / "cases/micro/shard_0000.json"
    shard.write_text(json.dumps({**json.loads(shard.read_text()), "study": "other"}))
    refused(
        call(commands(copy, tmp_path / "out")["assemble micro"]), "shard_0000.json: expected a file of study 'tiny'"
    )


def test_the_other_scale_is_refused(call, made, tmp_path):
    words = commands(made, tmp_path / "out")["scales micro"]
    refused(
        call([word.replace("ensembles/micro", "ensembles/meso") for word in words]),
        "of the micro scale, got one of 'meso'",
    )


@pytest.fixture
def disk(tmp_path):
    """Return a function that gives a folder on a disk of so many bytes; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size):
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
        how = f"size={max(int(size), 4096)}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", folder], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("needs the right to mount a small file system")
        return folder

    yield mount
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_said_and_leaves_no_half_file(call, made, disk, name):
    words = commands(made, "to")[name]
    outs = [made / word.removeprefix("to/") for word in words if word.startswith("to/")]
    whole = {str(path.relative_to(made)) for out in outs for path in (out, *out.with_suffix(".zarr").rglob("*"))}
    whole |= {str(path.relative_to(made)) for out in outs for path in out.parent.glob("case_*.nc")}
    size = sum((made / path).stat().st_size for path in whole if (made / path).is_file())
    assert size > 0
    for share in (0.0, 0.3, 0.6):
        folder = disk(share * size)
        (folder / "taken").write_bytes(b"x" * 4096 * (share * size <= 4096))  # a page is the smallest disk
        refused(call(commands(made, folder)[name]), str(folder))
        costs = {str(ledger.place(out).relative_to(made)) for out in outs}  # a record comes before its output
        assert set(left(folder)) <= {*whole, *costs, "taken"}
        assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_cannot_be_written_is_named(call, made, tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    refused(call(commands(made, tmp_path / "file")[name]), "expected to read or write, got Not a directory")
