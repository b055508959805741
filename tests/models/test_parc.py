"""PARCv2 has the published size, its terms reach their variables, and its parts learn one at a time."""

import pytest
import torch

from tessera.errors import ConfigError, DataError
from tessera.models.operators import INTEGRATORS, advection, laplacian
from tessera.models.parc import VELOCITY, Correction, FeatureUNet, Mapping, PARCv2, Residuals
from tessera.models.spade import STATISTICS
from tessera.models.variants import CENTRAL, VARIANTS
from tests.models.networks import awake, count, counted, dead, drawn, state

FIELDS = ["temperature", "pressure", "microstructure", "velocity_y", "velocity_x"]
PUBLISHED = {
    "fields": FIELDS,
    "features": 128,
    "widths": [64, 128, 256, 512, 1024],
    "mapping_width": 128,
    "integrator": "rk4",
    "padding": "zeros",
    "statistics": "batch",
}


def parc(fields=FIELDS, **options):
    small = {"features": 6, "widths": [4, 6, 8], "mapping_width": 6, "integrator": "heun", "padding": "replicate"}
    return PARCv2(**({"fields": fields, "statistics": "pixel", "correction": False} | small | options)).eval()


def masks(module, now):
    """Return what each mapping of a differentiator is modulated by."""
    seen = {}
    hooks = [
        part.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[1]}))
        for name, part in module.differentiator.mapping.items()
    ]
    with torch.no_grad():
        module.differentiator(torch.stack([now[name] for name in module.fields], 1))
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("variant", VARIANTS)
def test_differentiator_and_correction_have_the_published_numbers_of_parameters(variant):
    whole = counted("parcv2", PUBLISHED | {"correction": True, "variant": variant})
    assert count(whole.differentiator) == 19_229_509
    assert count(whole.correction) == 4_223_109
    assert count(whole) == 23_452_618
    assert count(counted("parcv2", PUBLISHED | {"correction": False})) == 19_229_509


def test_each_part_of_the_differentiator_has_its_published_number_of_parameters():
    part = counted("parcv2", PUBLISHED | {"correction": False}).differentiator
    assert count(part.features) == 15_070_144
    assert {name: count(module) for name, module in part.mapping.items()} == {
        "temperature": 1_041_537,
        "pressure": 1_038_081,
        "microstructure": 1_038_081,
        "velocity": 1_041_666,
    }


def test_an_untrained_step_changes_nothing():
    now = state(FIELDS, 2, 12, 16)
    for integrator in INTEGRATORS:
        later = parc(integrator=integrator)(now)
        assert list(later) == FIELDS
        assert all(torch.equal(later[name], now[name]) for name in FIELDS)


@pytest.mark.parametrize("fields", [FIELDS, FIELDS[::-1], ["velocity_x", "pressure", "velocity_y", "temperature"]])
def test_every_variable_is_modulated_by_its_own_terms_whatever_the_order(fields):
    now, spacing = state(fields, 2, 9, 11), 0.5
    down, right = (now[name][:, None] for name in VELOCITY)
    terms = {name: advection(value[:, None], down, right, spacing) for name, value in now.items()}
    diffusion = laplacian(now["temperature"][:, None], spacing)
    seen = masks(parc(fields, spacing=spacing), now)
    assert set(seen) == {*fields, "velocity"} - set(VELOCITY)
    torch.testing.assert_close(seen["temperature"], torch.cat([terms["temperature"], diffusion], 1))
    torch.testing.assert_close(seen["pressure"], terms["pressure"])
    torch.testing.assert_close(seen["velocity"], torch.cat([terms[name] for name in VELOCITY], 1))


def test_rates_return_to_the_fields_they_are_of():
    fields = ["velocity_x", "temperature", "velocity_y", "pressure"]
    module, now = parc(fields, integrator="euler", step=0.5), state(fields, 1, 8, 8)
    rates = {"temperature": (1.0,), "pressure": (2.0,), "velocity": (3.0, 4.0)}
    for name, values in rates.items():
        with torch.no_grad():
            module.differentiator.mapping[name].out.bias += torch.tensor(values)
    changes = {"temperature": 0.5, "pressure": 1.0, "velocity_y": 1.5, "velocity_x": 2.0}
    later = module(now)
    for name, change in changes.items():
        torch.testing.assert_close(later[name], now[name] + change)


def test_the_order_of_a_dictionary_means_nothing():
    module, now = awake(parc()), state(FIELDS, 1, 8, 8)
    later, again = module(now), module({name: now[name] for name in reversed(FIELDS)})
    assert all(torch.equal(later[name], again[name]) for name in FIELDS)


@pytest.mark.parametrize("step", [0.5, 2.0])
def test_a_step_is_as_long_as_asked(step):
    short, long = (awake(parc(integrator="euler", step=length), size=0.05).double() for length in (1.0, step))
    long.load_state_dict(short.state_dict())
    now = {name: value.double() for name, value in state(FIELDS, 1, 8, 8).items()}
    for name in FIELDS:
        torch.testing.assert_close(long(now)[name] - now[name], step * (short(now)[name] - now[name]))


@pytest.mark.parametrize("size", [(8, 8), (9, 14), (2, 3)])
def test_any_size_is_stepped_and_none_is_cropped(size):
    later = awake(parc())(state(FIELDS, 2, *size))
    assert {value.shape for value in later.values()} == {(2, *size)}


@pytest.mark.parametrize(("statistics", "alone"), [("batch", False), ("instance", True), ("pixel", True)])
def test_a_sample_knows_its_batch_mates_by_the_statistics_of_a_batch_alone(statistics, alone):
    module, now = awake(parc(statistics=statistics)), state(FIELDS, 2, 8, 8)
    both = module(now)["temperature"][:1]
    one = module({name: value[:1] for name, value in now.items()})["temperature"]
    assert torch.allclose(both, one, atol=1e-5) is alone


@pytest.mark.parametrize("statistics", STATISTICS)
def test_noise_is_of_training_alone(statistics):
    module, now = awake(parc(statistics=statistics)), state(FIELDS, 1, 8, 8)
    still, again = module(now), module(now)
    assert all(torch.equal(still[name], again[name]) for name in FIELDS)
    module.train()
    assert not torch.equal(module(now)["pressure"], module(now)["pressure"])


def test_the_correction_answers_in_place_of_the_integrator():
    module, now = parc(correction=True, integrator="euler"), state(FIELDS, 1, 8, 8)
    for n, part in enumerate(module.correction.values()):
        torch.nn.init.zeros_(part.out.weight)
        torch.nn.init.constant_(part.out.bias, float(n))
    later = module(now)
    assert [later[name].unique().tolist() for name in FIELDS] == [[0.0], [1.0], [2.0], [3.0], [3.0]]
    assert all(torch.equal(module.numerical(now)[name], now[name]) for name in FIELDS)
    module.with_correction = False
    assert all(torch.equal(module(now)[name], now[name]) for name in FIELDS)


def test_the_correction_sees_the_update_and_the_state_it_led_to():
    module, now = awake(parc(correction=True)), state(FIELDS, 1, 8, 8)
    numerical, seen = module.numerical(now), {}
    for name, part in module.correction.items():
        part.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given}))
    module(now)
    update, reached = seen["velocity"]
    expected = torch.stack([numerical[name] for name in VELOCITY], 1)
    torch.testing.assert_close(reached, expected)
    torch.testing.assert_close(update, expected - torch.stack([now[name] for name in VELOCITY], 1))


@pytest.mark.parametrize("stage", ["differentiator", "correction"])
def test_one_part_learns_at_a_time(stage):
    module = awake(parc(correction=True).double())
    module.learn(stage)
    now = {name: value.double() for name, value in state(FIELDS, 1, 8, 8).items()}
    idle = {"differentiator": "correction", "correction": "differentiator"}[stage]
    expected = [name for name, _ in module.named_parameters() if name.startswith(idle)]
    assert dead(module, module(now).values()) == expected
    assert module.with_correction == (stage == "correction")


def test_a_stage_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="stage: expected one of differentiator, got 'correction'"):
        parc().learn("correction")
    with pytest.raises(ConfigError, match="stage: expected one of differentiator, correction, got 'both'"):
        parc(correction=True).learn("both")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": FIELDS[:4]}, "fields: expected velocity_y and velocity_x among them"),
        ({"integrator": "rk5"}, "integrator: expected one of euler, heun, rk4, got 'rk5'"),
        ({"statistics": "layer"}, "statistics: expected one of batch, instance, pixel, got 'layer'"),
        ({"padding": "periodic"}, "padding: expected one of zeros, replicate"),
        ({"variant": "v2"}, "variant: expected one of central, icml2024, parctorch, got 'v2'"),
    ],
)
def test_an_unknown_choice_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        parc(**options)


def test_a_missing_field_is_named():
    with pytest.raises(DataError, match="state: expected fields"):
        parc()(state(FIELDS[1:], 1, 8, 8))


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_features_have_the_resolution_of_the_state_at_any_depth(levels):
    part = FeatureUNet(5, 3, [4] * levels, "zeros")
    assert part(drawn(1, 5, 2 ** (levels - 1) + 1, 7)).shape == (1, 3, 2 ** (levels - 1) + 1, 7)
    assert dead(part, [part(drawn(4, 5, 32, 32))]) == []


@pytest.mark.parametrize(
    ("part", "arguments", "masks"),
    [(Mapping, (2, 5, 1, 4), 2), (Correction, (5, 4), 5)],
)
def test_mapping_and_correction_have_no_dead_weight(part, arguments, masks):
    module = awake(part(*arguments, "zeros", "pixel").double(), size=0.3)
    assert dead(module, [module(drawn(2, 5, 8, 8).double(), drawn(2, masks, 8, 8, seed=1).double())]) == []


def test_skips_of_the_feature_extractor_carry_every_second_level():
    part, given, kept = FeatureUNet(5, 3, [2, 4, 6, 8], "zeros"), [], []
    for down in part.down:
        down.register_forward_hook(lambda *seen: kept.append(seen[2]))
    for up in part.up:
        up.register_forward_pre_hook(lambda _, seen: given.append(seen[0]))
    part(drawn(1, 5, 16, 16))
    assert [x.shape[1] for x in given] == [8 + 6, 6, 4 + 2]
    assert torch.equal(given[0][:, 8:], kept[2]) and torch.equal(given[2][:, 4:], kept[0])


def published(variant, **options):
    return awake(parc(variant=variant, statistics="batch", padding="zeros", **options), size=0.05).eval()


def unit_state(*shape, seed=0):
    return {name: value.sigmoid() for name, value in state(FIELDS, *shape, seed=seed).items()}


def test_a_model_is_ours_where_no_variant_is_named():
    assert parc().arguments["variant"] == "central"
    assert parc(variant="parctorch").arguments["variant"] == "parctorch"


@pytest.mark.parametrize("variant", ["icml2024", "parctorch"])
def test_published_terms_are_of_forward_differences_paired_as_each_code_pairs_them(variant):
    now = unit_state(2, 9, 11)
    seen = masks(published(variant), now)
    pair = VELOCITY if variant == "parctorch" else VELOCITY[::-1]
    down, right = (now[name][:, None] for name in pair)
    terms = {name: advection(value[:, None], down, right, 1.0, "forward") for name, value in now.items()}
    diffusion = laplacian(now["temperature"][:, None], 1.0, "forward")
    torch.testing.assert_close(seen["temperature"], torch.cat([terms["temperature"], diffusion], 1))
    torch.testing.assert_close(seen["pressure"], terms["pressure"])
    torch.testing.assert_close(seen["velocity"], torch.cat([terms[name] for name in VELOCITY], 1))


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_steps_begin_with_a_state_in_range_and_clip_nothing_within(variant):
    module, now = published(variant, integrator="rk4"), {n: 2.0 * v for n, v in state(FIELDS, 1, 8, 8).items()}
    seen = []
    module.differentiator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        module(now)
    clipped = variant != "central"
    joined = torch.stack([now[name] for name in FIELDS], 1)
    assert torch.equal(seen[0], joined.clamp(0.0, 1.0) if clipped else joined)
    assert all(float(stage.min()) < 0.0 and float(stage.max()) > 1.0 for stage in seen[1:])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_published_correction_sees_the_rate_and_ours_the_change(variant):
    module, now = published(variant, correction=True, integrator="euler", step=0.25), unit_state(1, 8, 8)
    seen = {}
    for part in (*module.differentiator.mapping.values(), *module.correction.values()):
        part.modulate.noise = 0.0
    for name, part in module.correction.items():
        part.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given}))
    later = module.numerical(now)
    module(now)
    change = torch.stack([later[name] - now[name] for name in VELOCITY], 1)
    update, reached = seen["velocity"]
    torch.testing.assert_close(update, change if variant == "central" else 4.0 * change, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(reached, torch.stack([later[name] for name in VELOCITY], 1))


@pytest.mark.parametrize("variant", VARIANTS)
def test_noise_is_of_inference_too_in_parctorch_alone(variant):
    module, now = published(variant), unit_state(1, 8, 8)
    still, again = (module(now)["pressure"] for _ in range(2))
    assert torch.equal(still, again) == (variant != "parctorch")


def test_parctorch_puts_skips_first():
    for variant in VARIANTS.values():
        part, given, kept = FeatureUNet(5, 3, [2, 4, 6], "zeros", variant), [], []
        part.down[0].register_forward_hook(lambda *seen, kept=kept: kept.append(seen[2]))
        part.up[1].register_forward_pre_hook(lambda _, seen, given=given: given.append(seen[0]))
        part(drawn(1, 5, 16, 16))
        skip = given[0][:, :2] if variant == VARIANTS["parctorch"] else given[0][:, 4:]
        assert torch.equal(skip, kept[0])


def test_parctorch_rectifies_a_branch_before_it_is_added():
    x = drawn(1, 4, 5, 5)
    for rectified in (False, True):
        part = awake(Residuals(4, "zeros", rectified), size=0.5)
        known = part.enter(x)
        for pair in part.pairs:
            branch = pair(known)
            known = torch.relu(known + (torch.relu(branch) if rectified else branch))
        torch.testing.assert_close(part(x), known)


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_begin_as_in_each_code(variant):
    torch.manual_seed(0)
    module = PARCv2(**(PUBLISHED | {"features": 64, "widths": [64, 64], "correction": False, "variant": variant}))
    biases = any(bool(value.any()) for name, value in module.named_parameters() if name.endswith("bias"))
    mapping = module.differentiator.mapping["pressure"]
    deep = module.differentiator.features.down[1][0].weight.detach()
    widest = {
        "central": None,
        "icml2024": (6.0 / (9 * 128)) ** 0.5,
        "parctorch": (1.0 / (9 * 64)) ** 0.5,
    }[variant]
    assert biases == (variant != "icml2024")
    assert bool(mapping.out.weight.any()) == (variant != "central")
    if widest is not None:
        assert float(deep.abs().max()) == pytest.approx(widest, rel=1e-3)
    if variant == "icml2024":
        scale_shift = mapping.modulate.second.scale_shift.weight.detach()
        assert float(scale_shift.abs().max()) == pytest.approx((6.0 / (9 * 256)) ** 0.5, rel=1e-3)


def test_a_fresh_variant_of_torch_draws_what_its_layers_draw():
    torch.manual_seed(0)
    plain = Mapping(1, 4, 1, 4, "zeros", "batch", VARIANTS["parctorch"])
    torch.manual_seed(0)
    still = Mapping(1, 4, 1, 4, "zeros", "batch", CENTRAL)
    for (name, one), other in zip(plain.named_parameters(), still.parameters(), strict=True):
        assert torch.equal(one, other) == (not name.startswith("out."))
