"""Losses on arrays so small that the answer stands beside them."""

import pytest
import torch

from tessera.data.scaling import Scale, Statistics
from tessera.learning import losses as loss
from tessera.learning.losses import weights

STATISTICS = {name: Statistics(0.0, 2.0, -1.0, 1.0) for name in ("temperature", "pressure")}
SCALES = {name: Scale(0.0, 4.0) for name in STATISTICS}
ZERO, ONE = torch.zeros(1, 1, 2), torch.ones(1, 1, 2)


def test_latents_are_compared_relative_to_the_mean_norm_over_their_channels():
    truth = torch.tensor([[[[3.0, 0.0]], [[4.0, 0.0]]]])  # two tokens of norms 5 and 0: 2.5 in the mean
    prediction = truth + torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    assert float(loss.latent_norm(truth)) == pytest.approx(2.5, rel=1e-5)
    # (1 + 4) / 2.5² over four numbers
    assert float(loss.latent_loss(prediction, truth)) == pytest.approx(5.0 / 6.25 / 4.0, rel=1e-5)
    # of the first token alone 1 / 2.5² over two numbers
    counts = torch.tensor([[[[1.0, 0.0]]]])
    assert float(loss.latent_loss(prediction, truth, counts)) == pytest.approx(1.0 / 6.25 / 2.0, rel=1e-5)


def test_a_published_edge_weighs_by_the_gradient_to_the_next_cells_from_none_to_one():
    truth = torch.tensor([[[0.0, 3.0, 3.0], [4.0, 3.0, 3.0]]])
    # steepness 5, 0, 0 above and 1, 0, 0 below, of 5 at most: 1, 0, 0 and 0.2, 0, 0
    prediction = truth + torch.tensor([[[1.0, 9.0, 9.0], [2.0, 9.0, 9.0]]])
    found = loss.edge_loss(prediction, truth, 1.0, "normalised")
    assert float(found) == pytest.approx((1.0 + 0.2 * 2.0) / 6.0, rel=1e-4)


def test_published_edges_are_normalised_over_a_batch():
    steep, flat = torch.tensor([[0.0, 4.0]]), torch.tensor([[0.0, 1.0]])
    truth = torch.stack([steep, flat])  # 4 and 1 of 4: 1 and 0.25
    assert float(loss.edge_loss(truth + 1.0, truth, 1.0, "normalised")) == pytest.approx(1.25 / 4.0, rel=1e-4)


@pytest.mark.parametrize(("error", "expected"), [("absolute", 2.0 + 0.1 * 4.0), ("squared", 1.0)])
def test_errors_are_absolute_in_standard_deviations_or_squared_as_scaled(error, expected):
    cells = weights(STATISTICS, SCALES, 0.0, 1.0, error=error)  # a scaled 1 is 4 K, two deviations
    found = loss.field_losses({"pressure": ONE}, {"pressure": ZERO}, cells)
    assert float(found["pressure"]) == pytest.approx(0.5 * expected)


def test_fields_are_averaged_or_summed():
    for over_fields, expected in (
        ("mean", {"temperature": 0.75, "pressure": 0.25}),
        ("sum", {"temperature": 3.0, "pressure": 1.0}),
    ):
        assert weights(STATISTICS, SCALES, 0.0, 3.0, over_fields=over_fields).fields == expected


def test_fields_that_do_not_count_have_no_weight_and_still_tell_what_is_hot():
    cells = weights(STATISTICS, SCALES, 0.0, 1.0, counting=["pressure"])
    assert cells.fields == {"pressure": 1.0}
    assert cells.hot_above == pytest.approx(loss.HOT / 4.0)
