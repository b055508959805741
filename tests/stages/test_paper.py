"""The paper's networks, at the paper's widths, on small frames: one update each and one roll-out."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tessera.data import scaling, schema, store
from tessera.errors import DataError
from tessera.learning import checkpoint as checkpoints
from tessera.stages import networks
from tessera.study import load
from tests.learning.front import ensemble

CONFIG = Path(__file__).parents[2] / "config"
ONE = "{budget: {updates: 1, core_seconds: null}, epoch: 1}"
OVERLAY = f"""
device: cpu
tokenizer: {{training: {ONE}}}
dynamics:
  decoupled: {{training: {ONE}}}
  coupled: {{training: {ONE}}}
  transfer: {{latent: {ONE}}}
rivals:
  parcv2: {{training: {ONE}}}
  cnext: {{training: {ONE}}}
evaluation: {{samples: 2}}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    overlay = tmp_path_factory.mktemp("overlay") / "one.yaml"
    overlay.write_text(OVERLAY)
    return load([CONFIG / "config.yaml", CONFIG / "paper.yaml", overlay])


@pytest.fixture(scope="module")
def results(study, tmp_path_factory):
    """Return a folder with two small ensembles of the study and their scales."""
    r = tmp_path_factory.mktemp("paper")
    for scale, nx in (("micro", 32), ("meso", 48)):
        dataset = ensemble(cases=6, snapshots=4, ny=32, nx=nx)
        dataset = dataset.assign_coords(split=("case", ["train"] * 4 + ["validation", "test"]))
        dataset.attrs |= {"study": study.name, "scale": scale}
        store.save_zarr(schema.describe(dataset), r / f"ensembles/{scale}.json")
        found = scaling.fit(dataset, schema.SIMULATED, scale)
        scaling.save(found, r / f"scales/{scale}.json", {"study": study.name})
    return r


def fit(function, study, *arguments, out, **more):
    function(study, *arguments, out.with_suffix(""), out, out.with_suffix(".jsonl"), **more)
    checkpoint = checkpoints.load(out, study=study.name)
    assert checkpoint.training["updates"] == 1
    assert np.isfinite(checkpoint.training["error"])
    return sum(p.numel() for p in checkpoint.module.parameters())


def history(out):
    return [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]


def assert_frozen_but_for_the_coupled_map(fields, tokenizers, decoupled, coupled, last):
    """Tokenizers and maps of single fields came through both later stages to the last bit, the coupled map did not."""
    end, middle = (checkpoints.load(path).module.state_dict() for path in (last, coupled))
    for field, token, alone in zip(fields, tokenizers, decoupled, strict=True):
        for path, where in ((token, f"tokenizers.{field}"), (alone, f"step.decoupled.{field}")):
            for name, value in checkpoints.load(path).module.state_dict().items():
                assert torch.equal(end[f"{where}.{name}"], value), f"{where}.{name}"
    moved = {name for name, value in end.items() if not torch.equal(value, middle[name])}
    assert moved and all(name.startswith("step.coupled.") for name in moved)
    for part in ("mean", "log_var"):
        assert any(name.startswith(f"step.coupled.{part}.") for name in moved)


def predicted(study, r, out):
    networks.predict(study, out, r / "ensembles/meso.json", "test", out.with_suffix(".json"))
    found = store.open_zarr(out.with_suffix(".json")).load()
    assert all(np.isfinite(found[name]).all() for name in found.data_vars)
    return found


def test_the_study_of_the_paper_does_what_its_code_does(study):
    """Each switch at the value of the public code; what the switches do has tests of its own."""
    tokenizer, dynamics = study.tokenizer, study.dynamics
    assert (tokenizer.error, tokenizer.edges, tokenizer.normalisation) == ("squared", "normalised", "range")
    assert (tokenizer.over_cells, tokenizer.over_batch, tokenizer.initialisation) == ("sum", "sum", "glorot")
    assert tokenizer.log_variance_bounds is None and tokenizer.kl_from == 0.0 and tokenizer.perceptual_weight > 0.0
    assert not (tokenizer.whitening or tokenizer.mirrored or dynamics.hold_inlet)
    assert dynamics.log_variance and dynamics.transfer.substeps == 2
    for section in (dynamics.decoupled, dynamics.coupled, dynamics.transfer):
        compared = section.comparison
        assert (compared.error, compared.over_steps, compared.over_fields) == ("squared", "sum", "sum")
        assert compared.drawn and compared.decoded_frames is None and section.decoded_weight == 1.0
    assert dynamics.coupled.comparison.decoded_fields is None
    assert dynamics.transfer.comparison.decoded_fields == ("temperature",)
    for section in (dynamics.decoupled, dynamics.coupled):
        made = section.map
        assert (made.kind, made.last, made.dropout, made.residual) == ("unet", "leaky", 0.0, False)
        assert (made.padding, made.initialisation, made.base) == ("zeros", "glorot", 64)
        assert [part.steps for part in section.training.horizons] == [(1,), (2,), (3,), (4,), (5,)]


@pytest.mark.slow
def test_the_paper_s_latent_model_takes_one_update_in_every_stage_and_predicts(study, results):
    r, fields = results, study.tokenizer.fields
    tokenizers = [r / f"tokenizer_{field}.safetensors" for field in fields]
    decoupled = [r / f"decoupled_{field}.safetensors" for field in fields]
    for field, out in zip(fields, tokenizers, strict=True):
        size = fit(
            networks.fit_tokenizer,
            study,
            field,
            r / "scales/micro.json",
            [r / "ensembles/micro.json"],
            out=out,
        )
        assert size == 5_214_152 + 6_899_649
    for scale in ("micro", "meso"):
        networks.encode(study, r / f"ensembles/{scale}.json", tokenizers, r / f"latents/{scale}.json")
    for field, out, tokenizer in zip(fields, decoupled, tokenizers, strict=True):
        with pytest.raises(DataError, match="--ensemble: expected a file, for dynamics"):
            fit(networks.fit_decoupled, study, field, r / "latents/micro.json", out=out)
        seen = {"ensemble": r / "ensembles/micro.json", "tokenizer": tokenizer}
        size = fit(networks.fit_decoupled, study, field, r / "latents/micro.json", out=out, **seen)
        assert size == 3_164_520 + 3_166_824
        assert {"loss_" + field, f"loss_latent_{field}", f"loss_latent_{field}:log_var"} <= set(history(out)[0])
    with pytest.raises(DataError, match=f"expected a tokenizer of {fields[0]}, got one of {fields[1]}"):
        other = {"ensemble": r / "ensembles/micro.json", "tokenizer": tokenizers[1]}
        fit(networks.fit_decoupled, study, fields[0], r / "latents/micro.json", out=r / "other.safetensors", **other)
    coupled = r / "coupled.safetensors"
    fit(
        networks.fit_coupled,
        study,
        r / "latents/micro.json",
        r / "ensembles/micro.json",
        tokenizers,
        decoupled,
        out=coupled,
    )  # fmt: skip
    last = r / "tessera.safetensors"
    size = fit(
        networks.fit_transfer,
        study,
        4,
        0,
        r / "latents/meso.json",
        r / "ensembles/meso.json",
        coupled,
        out=last,
    )
    assert_frozen_but_for_the_coupled_map(fields, tokenizers, decoupled, coupled, last)
    assert "loss_temperature" in history(last)[0] and "loss_pressure" not in history(last)[0]
    maps = 3 * (3_164_520 + 3_166_824) + 3_170_328 + 3_177_240
    assert size == 3 * (5_214_152 + 6_899_649) + maps
    found = predicted(study, r, last)
    assert set(found.data_vars) == set(fields)
    assert found.sizes["sample"] == 2
    assert not found.isel(sample=0, time=-1).equals(found.isel(sample=1, time=-1))


@pytest.mark.slow
def test_parcv2_at_its_published_width_takes_one_update_and_predicts(study, results):
    out = results / "parcv2.safetensors"
    size = fit(
        networks.fit_rival,
        study,
        "parcv2",
        4,
        0,
        results / "ensembles/meso.json",
        None,
        results / "scales/meso.json",
        out=out,
    )
    assert size == 19_229_509
    predicted(study, results, out)


@pytest.mark.slow
def test_the_full_cnext_takes_one_update_and_predicts(study, results):
    out = results / "cnext.safetensors"
    size = fit(
        networks.fit_rival,
        study,
        "cnext",
        4,
        0,
        results / "ensembles/meso.json",
        None,
        results / "scales/meso.json",
        out=out,
    )
    assert size == 18_571_565
    predicted(study, results, out)
