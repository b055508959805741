"""Networks of a real, small study, from its ensembles to predictions, and everything that must be refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tessera.data import ledger, outputs, schema, store
from tessera.errors import DataError, TrainingError
from tessera.learning import checkpoint as checkpoints
from tessera.stages import ensembles, networks, write_study
from tessera.study import load
from tessera.study.study import validate

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def study():
    return load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"])


@pytest.fixture(scope="module")
def made(study, tmp_path_factory):
    """Return a results folder with both ensembles and all networks of the smoke study."""
    r = tmp_path_factory.mktemp("results")
    write_study(study, r / "study.json")
    for scale in ("micro", "meso"):
        ensembles.draw_design(study, scale, r / f"design/{scale}.nc")
        shards = []
        for shard in range(study.ensembles[scale].shards):
            shards.append(r / f"cases/{scale}/shard_{shard:04d}.json")
            ensembles.simulate_shard(study, scale, r / f"design/{scale}.nc", shard, shards[-1])
        ensembles.assemble(study, scale, r / f"design/{scale}.nc", shards, r / f"ensembles/{scale}.json")
        ensembles.fit_scales(study, scale, r / f"ensembles/{scale}.json", r / f"scales/{scale}.json")
    for field in study.tokenizer.fields:
        tokenizer(study, r, field)
    for scale in ("micro", "meso"):
        networks.encode(study, r / f"ensembles/{scale}.json", tokenizers(study, r), r / f"latents/{scale}.json")
    for field in study.tokenizer.fields:
        out = r / f"models/decoupled/{field}.safetensors"
        networks.fit_decoupled(
            study,
            field,
            r / "latents/micro.json",
            r / "training/decoupled" / field,
            out,
            out.with_suffix(".jsonl"),
        )
    coupled(study, r, r / "models/coupled.safetensors")
    out = r / "models/tessera/n1_s0.safetensors"
    networks.fit_transfer(
        study,
        1,
        0,
        r / "latents/meso.json",
        r / "ensembles/meso.json",
        r / "models/coupled.safetensors",
        r / "training/tessera",
        out,
        out.with_suffix(".jsonl"),
    )
    for model in ("parcv2", "cnext"):
        rival(study, r, model)
    return r


def rival(study, r, model, out=None, micro=None):
    out = out or r / f"models/{model}/n1_s0.safetensors"
    ensemble, scales, state = r / "ensembles/meso.json", r / "scales/meso.json", out.parent / "training" / model
    networks.fit_rival(study, model, 1, 0, ensemble, micro, scales, state, out, out.with_suffix(".jsonl"))


def tokenizers(study, r):
    return [r / f"models/tokenizer/{field}.safetensors" for field in study.tokenizer.fields]


def tokenizer(study, r, field, out=None, state=None):
    out = out or r / f"models/tokenizer/{field}.safetensors"
    networks.fit_tokenizer(
        study,
        field,
        r / "scales/micro.json",
        [r / "ensembles/micro.json"],
        state or r / "training/tokenizer" / field,
        out,
        out.with_suffix(".jsonl"),
    )


def coupled(study, r, out):
    decoupled = [r / f"models/decoupled/{field}.safetensors" for field in study.tokenizer.fields]
    networks.fit_coupled(
        study,
        r / "latents/micro.json",
        r / "ensembles/micro.json",
        tokenizers(study, r),
        decoupled,
        r / "training/coupled",
        out,
        out.with_suffix(".jsonl"),
    )


def predicted(study, r, checkpoint, scale, out):
    networks.predict(study, r / f"models/{checkpoint}.safetensors", r / f"ensembles/{scale}.json", "test", out)
    return store.open_zarr(out).load()


def test_frozen_maps_are_equal_in_all_stages(study, made):
    last = checkpoints.load(made / "models/tessera/n1_s0.safetensors").module.state_dict()
    for field in study.tokenizer.fields:
        first = checkpoints.load(made / f"models/decoupled/{field}.safetensors").module.state_dict()
        assert all(torch.equal(value, last[f"step.decoupled.{field}.{name}"]) for name, value in first.items())
        token = checkpoints.load(made / f"models/tokenizer/{field}.safetensors").module.state_dict()
        kept = {n: v for n, v in token.items() if not n.startswith("decoder")}
        assert all(torch.equal(value, last[f"tokenizers.{field}.{name}"]) for name, value in kept.items())
    middle = checkpoints.load(made / "models/coupled.safetensors").module.state_dict()
    moved = {name for name, value in last.items() if not torch.equal(value, middle[name])}
    assert any(name.startswith("step.coupled") for name in moved)
    assert any(".decoder." in name for name in moved)


def with_pretraining(study, model):
    section = study.rivals[model]
    rivals = study.rivals | {model: section.model_copy(update={"pretraining": section.training})}
    return study.model_copy(update={"rivals": rivals})


@pytest.mark.parametrize("model", ["cnext", "parcv2"])
def test_a_rival_may_learn_from_micro_cases_first(study, made, tmp_path, model):
    out = tmp_path / "o.safetensors"
    rival(with_pretraining(study, model), made, model, out, made / "ensembles/micro.json")
    lines = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    assert stages[0] == "micro" and len(stages) == 2
    alone, both = (checkpoints.load(path).module for path in (made / f"models/{model}/n1_s0.safetensors", out))
    assert alone.arguments == both.arguments
    assert not torch.equal(*(torch.cat([p.flatten() for p in one.parameters()]) for one in (alone, both)))


KINDS = {
    "fno": {"kind": "fno", "like": "cnext", "label": "F", "modes": [6, 6], "width": 8, "layers": 2},
    "icml": {"like": "parcv2", "label": "I", "variant": "icml2024", "normalisation": "extremes", "integrator": "rk4"}
    | {"step": 1.0 / 15.0, "spacing": 1.0, "training": {"learning_rate": 1e-5}},
    "parctorch": {"like": "icml", "label": "T", "variant": "parctorch"},
    "parcv1": {"kind": "parcv1", "like": "cnext", "label": "P", "width": 8, "padding": "zeros"},
    "latentparc": {"kind": "latentparc", "like": "cnext", "label": "L", "hidden": 4, "latent_channels": 4, "width": 8}
    | {"padding": "zeros", "autoencoder_training": {}, "fine_tuning": {}},
}
WHOLE = {"window": None, "window_rollout": None}
KINDS["parcv1"]["training"] = KINDS["fno"]["training"] = WHOLE


@pytest.mark.parametrize("model", KINDS)
def test_every_kind_of_rival_trains_and_predicts(study, made, tmp_path, model):
    content = study.model_dump(mode="json")
    content["rivals"] |= KINDS
    content["models"] = ["tessera", model]
    whole = validate(content, "kinds")
    out = tmp_path / f"{model}.safetensors"
    rival(whole, made, model, out)
    checkpoint = checkpoints.load(out)
    assert checkpoint.facts["model"] == model and list(checkpoint.scales) == list(whole.seen(model))
    networks.predict(whole, out, made / "ensembles/meso.json", "test", tmp_path / "p.json")
    found, truth = store.open_zarr(tmp_path / "p.json").load(), store.open_zarr(made / "ensembles/meso.json").load()
    assert set(found.data_vars) == set(whole.seen(model))
    assert all(np.isfinite(field).all() for field in found.data_vars.values())
    last = truth["temperature"].values[truth["split"].values == "test"][:, -1]
    assert found["temperature"].values[:, -1].shape == last.shape


def test_micro_cases_are_named_exactly_where_a_rival_learns_from_them(study, made, tmp_path):
    with pytest.raises(DataError, match=r"--micro: expected none for this rival, got .*micro.json"):
        rival(study, made, "cnext", tmp_path / "o.safetensors", made / "ensembles/micro.json")
    with pytest.raises(DataError, match=r"--micro: expected an ensemble for this rival, got none"):
        rival(with_pretraining(study, "cnext"), made, "cnext", tmp_path / "o.safetensors")
    with pytest.raises(DataError, match=r"--model: expected one of parcv2, cnext, got 'vit'"):
        rival(study, made, "vit", tmp_path / "o.safetensors")


def test_latents_of_training_cases_are_white(study, made):
    latents = store.open_zarr(made / "latents/micro.json").load()
    chosen = latents.isel(case=np.flatnonzero(latents["split"].values == "train"))
    unit = study.tokenizer.downsampling
    for field in study.tokenizer.fields:
        values = chosen[f"{field}_mean"]
        assert values.dims == ("case", "time", "token_y", "token_x", "channel")
        assert values.sizes["token_x"] * unit == study.ensembles.micro.cells[1]
        np.testing.assert_allclose(values.mean(("case", "time", "token_y", "token_x")), 0.0, atol=1e-3)
        np.testing.assert_allclose(values.std(("case", "time", "token_y", "token_x")), 1.0, atol=1e-2)


@pytest.mark.parametrize(
    ("checkpoint", "scale", "n_meso"),
    [
        ("coupled", "micro", 0),
        ("tessera/n1_s0", "meso", 1),
        ("parcv2/n1_s0", "meso", 1),
        ("cnext/n1_s0", "micro", 1),
    ],
)
def test_a_prediction_is_a_store_of_the_schema_that_begins_with_the_truth(
    study, made, tmp_path, checkpoint, scale, n_meso
):
    found = predicted(study, made, checkpoint, scale, tmp_path / "p.json")
    sampled = found.attrs["model"] == "tessera"
    schema.check(found, "p", sample=sampled)
    assert found.attrs["n_meso"] == n_meso
    assert (found["split"] == "test").all()
    truth = store.open_zarr(made / f"ensembles/{scale}.json").load()
    truth = truth.isel(case=np.flatnonzero(truth["split"].values == "test"))
    start = found.attrs["start_frame"]
    for field in schema.SIMULATED:
        first = found[field].isel(sample=0) if sampled else found[field]
        np.testing.assert_array_equal(first[:, : start + 1], truth[field][:, : start + 1])
        assert np.isfinite(found[field]).all()
    cost = ledger.read(tmp_path / "p.json")
    assert cost["core_seconds"] > 0.0 and cost["flop_per_frame"] > 1e6
    if sampled:
        assert found.sizes["sample"] == study.evaluation.samples


def test_predictions_repeat(study, made, tmp_path):
    one, two = (predicted(study, made, "tessera/n1_s0", "meso", tmp_path / n / "p.json") for n in "ab")
    assert one.equals(two)
    assert outputs.digests(tmp_path / "a") == outputs.digests(tmp_path / "b")


def test_a_reconstruction_is_a_store_of_the_schema(study, made, tmp_path):
    networks.reconstruct(study, made / "ensembles/micro.json", tokenizers(study, made), "test", tmp_path / "r.json")
    schema.check(store.open_zarr(tmp_path / "r.json"), "r")


def test_equal_trainings_give_equal_files_and_each_its_costs(study, made, tmp_path):
    tokenizer(study, made, "pressure", tmp_path / "pressure.safetensors", tmp_path / "training")
    first, second = outputs.digests(made / "models/tokenizer"), outputs.digests(tmp_path)
    assert set(second) == {"pressure.safetensors", "pressure.jsonl"}
    assert {name: first[name] for name in second} == second
    costs = ledger.read(made / "models/tokenizer/pressure.jsonl")
    assert costs["core_seconds"] > costs["epochs"][-1]["core_seconds"] > costs["epochs"][0]["core_seconds"] > 0.0


def test_histories_count_over_all_stages(made):
    lines = [json.loads(line) for line in (made / "models/tessera/n1_s0.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["latent"] * 2 + ["end_to_end"] * 2
    assert [line["updates"] for line in lines] == sorted({line["updates"] for line in lines})


def test_a_checkpoint_of_another_study_is_refused(study, made, tmp_path):
    other = study.model_copy(update={"name": "other"})
    with pytest.raises(DataError, match="expected a checkpoint of study 'other', got 'smoke'"):
        networks.predict(
            other,
            made / "models/cnext/n1_s0.safetensors",
            made / "ensembles/meso.json",
            "test",
            tmp_path / "p.json",
        )
    with pytest.raises(DataError, match="expected a file of study 'other', got one of 'smoke'"):
        networks.fit_decoupled(
            other,
            "pressure",
            made / "latents/micro.json",
            tmp_path,
            tmp_path / "o.safetensors",
            tmp_path / "h.jsonl",
        )


def test_latents_of_other_tokenizers_are_refused(study, made, tmp_path):
    own = tmp_path / "pressure.safetensors"
    old = checkpoints.load(made / "models/tokenizer/pressure.safetensors")
    checkpoints.save(old._replace(facts={**old.facts, "note": "another file"}), own)
    paths = [p for p in tokenizers(study, made) if p.stem != "pressure"]
    decoupled = [made / f"models/decoupled/{field}.safetensors" for field in study.tokenizer.fields]
    with pytest.raises(DataError, match=r"pressure: expected latents of tokenizer"):
        networks.fit_coupled(
            study,
            made / "latents/micro.json",
            made / "ensembles/micro.json",
            [*paths, own],
            decoupled,
            tmp_path / "state",
            tmp_path / "o.safetensors",
            tmp_path / "h.jsonl",
        )


def test_a_missing_tokenizer_is_named(study, made, tmp_path):
    with pytest.raises(DataError, match="tokenizers: expected one for each of temperature"):
        networks.encode(study, made / "ensembles/micro.json", tokenizers(study, made)[:-1], tmp_path / "l.json")
    assert not list(tmp_path.iterdir())


def test_a_harmed_store_is_refused(study, made, tmp_path):
    for path in (made / "latents").rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(made / "latents")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    chunk = next(path for path in tmp_path.glob("micro.zarr/pressure_mean/c/**/*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(DataError, match="expected checksum"):
        networks.fit_decoupled(
            study,
            "pressure",
            tmp_path / "micro.json",
            tmp_path,
            tmp_path / "o.safetensors",
            tmp_path / "h.jsonl",
        )


def test_a_training_that_diverges_says_where_and_leaves_nothing(study, made, tmp_path):
    section = study.rivals["cnext"]
    wild = section.training.model_copy(update={"learning_rate": 1e30, "warm_up": 0.0, "clip": 0.0, "average": 0.0})
    rivals = {"cnext": section.model_copy(update={"training": wild})}
    out = tmp_path / "o.safetensors"
    with pytest.raises(TrainingError, match=r"cnext, pixels: update \d+: .*expected a finite"):
        rival(study.model_copy(update={"rivals": rivals}), made, "cnext", out)
    assert not out.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_training_leaves_no_half_output_and_carries_on(study, made, tmp_path, number, code):
    long = study.model_dump(mode="json")
    long["rivals"]["cnext"]["training"]["budget"] = {"updates": 400, "core_seconds": None}
    (tmp_path / "study.json").write_text(json.dumps(long))
    call = [sys.executable, "-m", "tessera", "fit", "rival", "--model", "cnext", "--study", tmp_path / "study.json"]
    call += ["--meso-cases", "1", "--seed", "0", "--ensemble", made / "ensembles/meso.json"]
    call += ["--scales", made / "scales/meso.json", "--state", tmp_path / "state"]
    call += ["--out", tmp_path / "out/n1.safetensors", "--history", tmp_path / "out/n1.jsonl"]
    run = subprocess.Popen(
        list(map(str, call)), stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "state").rglob("training.pt")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code, said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    state = next((tmp_path / "state").rglob("training.pt"))
    assert 0 < torch.load(state, weights_only=True)["updates"] < 400
