"""The paper's networks, at the paper's widths, on small frames: one update each and one roll-out."""

from pathlib import Path

import numpy as np
import pytest

from tessera.data import scaling, schema, store
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


def fit(function, study, *arguments, out):
    function(study, *arguments, out.with_suffix(""), out, out.with_suffix(".jsonl"))
    checkpoint = checkpoints.load(out, study=study.name)
    assert checkpoint.training["updates"] == 1
    assert np.isfinite(checkpoint.training["error"])
    return sum(p.numel() for p in checkpoint.module.parameters())


def predicted(study, r, out):
    networks.predict(study, out, r / "ensembles/meso.json", "test", out.with_suffix(".json"))
    found = store.open_zarr(out.with_suffix(".json")).load()
    assert all(np.isfinite(found[name]).all() for name in found.data_vars)
    return found


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
    for field, out in zip(fields, decoupled, strict=True):
        assert fit(networks.fit_decoupled, study, field, r / "latents/micro.json", out=out) == 3_164_520 + 3_166_824
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
    assert size == 11_941_067
    predicted(study, results, out)
