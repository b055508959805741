"""Tokens say a field: published size, a token's worth of equivariance, white latents that decode alike."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tessera.errors import ConfigError, DataError
from tessera.models.tokenizer import LOG_VAR, Tokenizer
from tests.models.networks import awake, count, counted, drawn

PUBLISHED = {"downsampling": 8, "widths": [64, 128, 256, 512], "latent_channels": 4, "padding": "zeros"}
KINDS = pytest.mark.parametrize("kind", ["published", "light"])


def tokenizer(kind="published", downsampling=8, **options):
    torch.manual_seed(0)
    widths = {2: [6, 8], 4: [6, 8, 10], 8: [4, 6, 8, 10]}[downsampling]
    if kind == "light":
        widths = widths[-2:]
    options = {"latent_channels": 4, "padding": "zeros"} | options
    return Tokenizer(downsampling=downsampling, widths=widths, kind=kind, **options).requires_grad_(False)


def test_encoder_and_decoder_have_the_published_numbers_of_parameters():
    published = counted("tokenizer", PUBLISHED | {"kind": "published"})
    assert (count(published.encoder), count(published.decoder)) == (5_214_152, 6_899_649)


def test_the_light_kind_takes_less_than_half_the_products():
    products = {}
    for kind, widths in (("published", PUBLISHED["widths"]), ("light", PUBLISHED["widths"][-2:])):
        module = counted("tokenizer", PUBLISHED | {"kind": kind, "widths": widths})
        field = torch.empty(1, 32, 32, device="meta")
        with FlopCounterMode(display=False) as counter:
            module.decode(module.encode(field).mean)
        products[kind] = counter.get_total_flops()
    assert 0 < products["light"] < 0.5 * products["published"]


@pytest.mark.parametrize(("widths", "patch"), [([4], 8), ([4, 6], 4), ([4, 6, 8], 2), ([4, 6, 8, 10], 1)])
def test_the_light_kind_folds_the_cells_that_its_widths_leave_over(widths, patch):
    module = Tokenizer(downsampling=8, widths=widths, latent_channels=3, padding="replicate", kind="light")
    assert module.patch == patch
    token = module.encode(drawn(1, 16, 24))
    assert token.mean.shape == (1, 3, 2, 3)
    assert module.decode(token.mean).shape == (1, 16, 24)


@KINDS
@pytest.mark.parametrize("downsampling", [2, 4, 8])
@pytest.mark.parametrize("tokens", [(1, 1), (2, 5), (4, 3)])
def test_a_token_is_so_many_cells_at_any_size(kind, downsampling, tokens):
    module = tokenizer(kind, downsampling, latent_channels=3)
    cells = tuple(downsampling * size for size in tokens)
    token = module.encode(drawn(2, *cells))
    assert token.mean.shape == token.log_var.shape == (2, 3, *tokens)
    assert module.decode(token.mean).shape == (2, *cells)


@pytest.mark.parametrize("shape", [(1, 12, 16), (1, 16, 4), (16, 16), (1, 1, 16, 16)])
def test_a_field_of_another_shape_is_refused(shape):
    with pytest.raises(DataError, match=r"field: expected shape \(batch, y, x\) .* multiples of 8, got"):
        tokenizer().encode(drawn(*shape))


@KINDS
@pytest.mark.parametrize("axis", [-2, -1])
def test_tokens_move_with_the_field_by_whole_tokens_and_not_by_cells(kind, axis):
    module = awake(tokenizer(kind), size=0.02).double()
    field = drawn(1, 16, 256).double()
    field = field.transpose(-2, -1) if axis == -2 else field
    middle = torch.arange(14, 18)  # reached by no border: an encoder sees less than 13 tokens to each side
    still = module.encode(field)
    for cells, same in ((8, True), (1, False)):
        moved = module.encode(field.roll(cells, axis))
        for before, after in zip(still, moved, strict=True):
            expected = before.index_select(axis, middle - 1)
            assert torch.allclose(after.index_select(axis, middle), expected, rtol=1e-9, atol=1e-12) is same


@KINDS
@pytest.mark.parametrize("axis", [-2, -1])
def test_the_field_moves_with_its_tokens(kind, axis):
    module = awake(tokenizer(kind), size=0.02).double()
    tokens = drawn(1, 4, 2, 40).double()
    tokens = tokens.transpose(-2, -1) if axis == -2 else tokens
    middle = torch.arange(8 * 16, 8 * 24)
    still, moved = module.decode(tokens), module.decode(tokens.roll(1, axis))
    expected = still.index_select(axis, middle - 8)
    torch.testing.assert_close(moved.index_select(axis, middle), expected, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(moved.index_select(axis, middle), still.index_select(axis, middle))


@KINDS
def test_a_constant_is_the_same_in_every_token_where_the_border_is_replicated(kind):
    spread = {}
    for padding in ("replicate", "zeros"):
        mean = awake(tokenizer(kind, padding=padding), size=0.02).encode(torch.full((1, 32, 40), 0.7)).mean
        spread[padding] = (mean - mean[..., :1, :1]).abs().max()
    assert spread["replicate"] < 1e-5 < 1e-2 < spread["zeros"]


@KINDS
def test_nothing_is_left_to_chance_in_training_or_evaluation(kind):
    module, field = tokenizer(kind), drawn(1, 16, 24)
    answers = [module.train(mode).decode(module.encode(field).mean) for mode in (True, True, False)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


@KINDS
def test_white_latents_have_no_mean_and_unit_deviation_and_decode_alike(kind):
    module, fields = awake(tokenizer(kind), size=0.05), drawn(6, 32, 32)
    before = module.encode(fields)
    decoded = module.decode(before.mean)
    for _ in range(2):  # whitening what is white already changes nothing
        deviation, mean = torch.std_mean(module.encode(fields).mean, dim=(0, 2, 3))
        module.whiten(mean, deviation)
        after = module.encode(fields)
        deviation, mean = torch.std_mean(after.mean, dim=(0, 2, 3))
        torch.testing.assert_close(mean, torch.zeros(4), rtol=0.0, atol=1e-4)
        torch.testing.assert_close(deviation, torch.ones(4), rtol=1e-4, atol=0.0)
        torch.testing.assert_close(module.decode(after.mean), decoded, rtol=1e-3, atol=1e-4)
    assert (before.mean.std(dim=(0, 2, 3)) - 1.0).abs().max() > 0.02


def test_whitening_starts_from_latents_as_they_are_now():
    module, field = tokenizer(), drawn(1, 16, 16)
    latent = module.encode(field).mean
    decoded = module.decode(latent)
    for n in (1.0, 2.0):
        mean, deviation = n * torch.tensor([1.0, -1.0, 0.5, 3.0]), torch.tensor([0.5, 1.0, 2.0, 4.0]) / n
        module.whiten(mean, deviation)
        latent = (latent - mean[:, None, None]) / deviation[:, None, None]
        torch.testing.assert_close(module.encode(field).mean, latent, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(module.decode(latent), decoded, rtol=1e-4, atol=1e-5)


def test_variances_are_whitened_as_means_are():
    module, field = tokenizer(), drawn(1, 16, 16)
    before = module.encode(field)
    spread = torch.tensor([0.5, 1.0, 2.0, 8.0])
    module.whiten(torch.tensor([1.0, -1.0, 0.0, 3.0]), spread)
    after = module.encode(field)
    ratio = torch.exp(0.5 * (before.log_var - after.log_var))
    torch.testing.assert_close(ratio, spread[:, None, None].expand_as(ratio))


def test_whitening_travels_with_the_weights():
    module, other = tokenizer(), tokenizer()
    module.whiten(torch.tensor([1.0, -1.0, 0.0, 3.0]), torch.tensor([0.5, 1.0, 2.0, 8.0]))
    field = drawn(1, 16, 16)
    assert not torch.equal(module.encode(field).mean, other.encode(field).mean)
    other.load_state_dict(module.state_dict())
    assert torch.equal(module.encode(field).mean, other.encode(field).mean)


@pytest.mark.parametrize(
    ("mean", "deviation"),
    [
        (torch.zeros(3), torch.ones(3)),
        (torch.zeros(4), torch.ones(4, 1)),
        (torch.zeros(4), torch.tensor([1.0, 1.0, 0.0, 1.0])),
        (torch.zeros(4), torch.full((4,), float("nan"))),
    ],
)
def test_statistics_that_cannot_be_are_refused_and_change_nothing(mean, deviation):
    module = tokenizer()
    with pytest.raises(DataError, match="expected means and positive deviations"):
        module.whiten(mean, deviation)
    assert not module.latent_mean.any() and bool((module.latent_std == 1.0).all())


@KINDS
def test_log_variances_stay_in_bounds(kind):
    module = awake(tokenizer(kind), size=1.0)
    found = module.encode(100.0 * drawn(1, 32, 32)).log_var
    assert LOG_VAR[0] == found.min() and found.max() == LOG_VAR[1]


def test_log_variances_have_other_bounds_or_none_where_told():
    field = 100.0 * drawn(1, 32, 32)
    free, narrow = (
        awake(tokenizer(log_variance_bounds=bounds), size=1.0).encode(field).log_var for bounds in (None, [-1.0, 2.0])
    )
    assert free.min() < LOG_VAR[0] and free.max() > LOG_VAR[1]
    assert (narrow.min(), narrow.max()) == (-1.0, 2.0)


@KINDS
def test_a_tokenizer_starts_as_it_is_told(kind):
    made = tokenizer(kind, initialisation="glorot")
    for head in (made.encoder.mean, made.encoder.log_var):
        limit = (6.0 / (9 * (10 + 4))) ** 0.5
        assert 0.9 * limit < float(head.weight.abs().max()) <= limit
    assert not torch.equal(made.encoder.mean.weight, tokenizer(kind).encoder.mean.weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initialisation": "zeros"}, "initialisation: expected one of he, glorot, got 'zeros'"),
        ({"downsampling": 4}, "widths: expected 3 numbers, got 4"),
        ({"downsampling": 16}, "widths: expected 5 numbers, got 4"),
        ({"downsampling": 4, "kind": "light"}, "widths: expected 3 or fewer numbers, got 4"),
        ({"downsampling": 12, "kind": "light"}, "downsampling: expected a power of two, got 12"),
        ({"widths": [], "kind": "light"}, "widths: expected 4 or fewer numbers, got 0"),
        ({"kind": "heavy"}, "kind: expected one of published, light, got 'heavy'"),
        ({"padding": "periodic"}, "padding: expected one of zeros, replicate"),
    ],
)
def test_choices_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Tokenizer(**(PUBLISHED | {"widths": [4, 4, 4, 4]} | options))
