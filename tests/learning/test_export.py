"""Exported programs say what the models do, on sizes and batches that they were not exported with."""

import io
import json
import pickletools
import zipfile
from functools import cache

import pytest
import torch

from tessera.data.fields import FIELDS as KNOWN
from tessera.data.fields import HELD
from tessera.data.scaling import Scale, Statistics
from tessera.errors import ConfigError
from tessera.learning import export
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import bounds
from tessera.learning.rollout import emulator, inflow, roll
from tessera.models import build
from tests.models.networks import awake, drawn

FIELDS = ["initial_microstructure", "velocity_x", "velocity_y"]
STATISTICS = {
    "velocity_x": Statistics(400.0, 300.0, -500.0, 2000.0),
    "velocity_y": Statistics(1.0, 300.0, -900.0, 900.0),
    "initial_microstructure": Statistics(0.9, 0.2, 0.0, 1.0),
    "temperature": Statistics(600.0, 300.0, 300.0, 5000.0),
    "pressure": Statistics(5.0e9, 3.0e9, 0.0, 5.0e10),
}
TOKENIZER = {"downsampling": 4, "widths": [4, 6], "latent_channels": 2, "padding": "zeros", "kind": "light"}
MAPS = {
    "convnext": {"kind": "convnext", "width": 6, "blocks": 1, "kernel": 3, "residual": True},
    "unet": {"kind": "unet", "base": 4, "last": "leaky", "padding": "zeros", "residual": False},
}
IMAGED = ["temperature", "pressure", "initial_microstructure"]
PARC = {"features": 4, "widths": [4, 6], "mapping_width": 4, "integrator": "euler", "padding": "replicate"}


def checkpoint(kind, fields=FIELDS, **arguments):
    scales = {name: Scale(STATISTICS[name].mean, STATISTICS[name].std) for name in fields}
    torch.manual_seed(0)
    module = awake(build(kind, {"fields": fields, **arguments}), size=0.03).eval().requires_grad_(False)
    facts = {"study": "demo", "model": kind, "cell_size": 1.6e-7, "interval": 3.95e-10, "tokenizers": {}}
    return Checkpoint(kind, module, {name: STATISTICS[name] for name in fields}, scales, facts, {})


def tessera(map="convnext", log_variance=False):
    step = {"fields": ["velocity_x"], "channels": 2, "log_variance": log_variance, "substeps": 1}
    step |= {"decoupled_map": MAPS[map], "coupled_map": MAPS[map]}
    return checkpoint("tessera", ["velocity_x"], tokenizer=TOKENIZER, step=step)


MODELS = {
    "tessera": tessera,
    "cnext": lambda: checkpoint("cnext", unshuffle=2, widths=[4, 6], blocks=[1, 1, 1]),
    "parcv2": lambda: checkpoint("parcv2", **PARC, statistics="pixel", correction=False),
    "parcv1": lambda: checkpoint("parcv1", IMAGED, width=4, padding="zeros"),
    "latentparc": lambda: checkpoint("latentparc", IMAGED, hidden=4, latent_channels=4, width=8, padding="replicate"),
}


@cache
def exported(name):
    """Return a model and the file of its program."""
    found = MODELS[name]()
    return found, export.saved(found, "advance")


def loaded(content):
    """Return a program from its file, and what the file says."""
    said = {export.FACTS: ""}
    return torch.export.load(io.BytesIO(content), extra_files=said).module(), json.loads(said[export.FACTS])


def physical(found, *shape):
    """Return fields in SI units, some cells beyond what training saw."""
    known = found.statistics
    return {name: s.mean + s.std * drawn(*shape, seed=n) for n, (name, s) in enumerate(known.items())}


def predicted(found, fields, steps):
    """Return what a roll-out says, SI."""
    limits = bounds(found.statistics, found.scales)
    rolled = emulator(found.module, limits)
    carried = rolled.begin({name: scale.apply(fields[name]) for name, scale in found.scales.items()})
    *_, last = roll(rolled, carried, steps, inflow(rolled, carried))
    shown = limits.clamp(rolled.show(last))
    held = {name: fields[name] for name in HELD if name in fields}
    return {name: scale.invert(shown[name]) for name, scale in found.scales.items()} | held


def assert_close(found, one, other):
    for name, scale in found.scales.items():
        torch.testing.assert_close(one[name] / scale.factor, other[name] / scale.factor, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_program_advances_fields_as_the_model_does_at_any_size(name):
    found, content = exported(name)
    program, said = loaded(content)
    size, least = said["multiple"], said["least"]
    for shape in ((1, least, least + size), (3, 8 * size, 12 * size), (2, 128, 192)):
        fields = physical(found, *shape)
        answer = program(fields)
        assert_close(found, answer, predicted(found, fields, 1))
        assert all(torch.equal(answer[name], fields[name]) for name in HELD if name in fields)
        moving = found.module.fields[-2 if found.kind in ("parcv1", "latentparc") else -1]
    assert float((answer[moving] - fields[moving]).abs().max()) > 0.1
    assert said["takes"] == said["answers"]
    assert said["takes"][moving] == KNOWN[moving].units
    assert said["checkpoint"]["cell_size"] == 1.6e-7


def test_a_program_of_one_grid_is_all_that_an_fno_has():
    found = checkpoint("fno", modes=[4, 4], width=4, layers=2)
    with pytest.raises(ConfigError, match="--cells: expected the grid of the program of a model of kind fno, got none"):
        export.saved(found, "advance")
    program, said = loaded(export.saved(found, "advance", (24, 40)))
    assert said["cells"] == [24, 40] and "multiple" not in said
    fields = physical(found, 1, 24, 40)
    assert_close(found, program(fields), predicted(found, fields, 1))


def test_a_model_of_tokens_has_programs_of_one_grid_too():
    found = tessera()
    with pytest.raises(ConfigError, match="--cells: expected multiples of 4, got 24 and 30"):
        export.saved(found, "decode", (24, 30))
    one, any_size = (loaded(export.saved(found, "decode", cells))[0] for cells in ((24, 32), None))
    tokens = {"velocity_x": drawn(1, 2, 6, 8)}
    assert_close(found, one(tokens), any_size(tokens))


@pytest.mark.parametrize("name", ["cnext", "parcv2"])
def test_a_program_fed_with_its_own_answer_is_a_roll_out(name):
    found, content = exported(name)
    program, _ = loaded(content)
    fields = start = physical(found, 1, 16, 24)
    for _ in range(3):
        fields = program(fields)
    assert_close(found, fields, predicted(found, start, 3))


def test_parts_encode_once_step_in_tokens_and_decode():
    found = tessera()
    encode, step, decode = (loaded(export.saved(found, part))[0] for part in ("encode", "step", "decode"))
    fields = physical(found, 1, 24, 32)
    tokens = encode(fields)
    whole = found.module.encode({"velocity_x": found.scales["velocity_x"].apply(fields["velocity_x"])})
    torch.testing.assert_close(tokens["velocity_x"], whole["velocity_x"].mean, rtol=0.0, atol=1e-5)
    for _ in range(3):
        tokens = step(tokens)
    assert tokens["velocity_x"].shape == (1, 2, 6, 8)
    assert_close(found, decode(tokens), predicted(found, fields, 3))


def test_a_step_takes_log_variances_on_where_they_evolve():
    found = tessera("unet", log_variance=True)
    step, said = loaded(export.saved(found, "step"))
    assert (said["multiple"], list(said["takes"])) == (16, ["velocity_x", "velocity_x:log_var"])
    tokens = {name: drawn(1, 2, 12, 16, seed=n) for n, name in enumerate(said["takes"])}
    later = step(tokens)
    (expected,) = roll(emulator(found.module, bounds(found.statistics, found.scales)), tokens, 1)
    for name in tokens:
        torch.testing.assert_close(later[name][..., 1:], expected[name][..., 1:], rtol=0.0, atol=1e-5)
        assert torch.equal(later[name][..., :1], tokens[name][..., :1])


def test_the_weights_of_a_program_are_plain_bytes():
    content = io.BytesIO(exported("cnext")[1])
    with zipfile.ZipFile(content) as archive:
        weights = [name for name in archive.namelist() if "/data/weights/weight_" in name]
        assert weights
        for name in weights:
            with pytest.raises(ValueError, match=r"."):
                list(pickletools.genops(archive.read(name)))
        (sample,) = [name for name in archive.namelist() if "sample_inputs" in name]
        torch.load(io.BytesIO(archive.read(sample)), weights_only=True)


def test_a_part_that_a_model_lacks_is_refused():
    with pytest.raises(ConfigError, match="--part: expected advance of a model of kind cnext, got 'encode'"):
        export.Part(MODELS["cnext"](), "encode")
    with pytest.raises(ConfigError, match="expected advance or encode or step or decode of a model of kind tessera"):
        export.Part(tessera(), "draw")
