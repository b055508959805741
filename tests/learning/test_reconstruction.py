"""What a tokenizer is taught: terms that add up as the study says, features that see what a mean square does not."""

import pytest
import torch

from tessera.learning import reconstruction
from tessera.learning.losses import weights
from tessera.learning.perception import Perception
from tessera.learning.reconstruction import Divergence, Pictures, Reconstruct
from tessera.learning.sampling import Recipe
from tessera.models import build
from tessera.models.parts import Part, shared
from tests.learning.front import generator, learned

TOKENIZER = {"downsampling": 4, "widths": [4, 6, 8], "latent_channels": 2, "padding": "zeros"}
BATCH, CELLS, LATENTS = 2, 16 * 48, 2 * 4 * 12
KL = 0.1


@pytest.fixture(scope="module")
def known():
    return learned()


def task(known, mirrored=True, **pictures):
    statistics, scales, frames, validation = known
    torch.manual_seed(0)
    module = build("tokenizer", TOKENIZER)
    cells = weights(statistics, scales, 0.0, 1.0, error="squared")
    pictures = Pictures(**{"edge": 0.5, "edges": "normalised", "perceptual": 0.3} | pictures)
    recipe = Recipe(BATCH, hot_weight=0.0)
    args = ("temperature", module, [frames], [validation], recipe, cells, pictures, Divergence(KL, 0.0), scales)
    return Reconstruct(*args, mirrored=mirrored)


def terms(made):
    torch.manual_seed(1)
    return {name: float(term.detach()) for name, term in made.losses(made.batch(0.0, generator())).items()}


def test_summed_errors_are_means_times_cells_and_the_divergence_times_latent_numbers(known):
    mean, added = terms(task(known)), terms(task(known, over_cells="sum"))
    assert set(mean) == {"field", "edge", "perceptual", "divergence"}
    for name, term in mean.items():
        assert added[name] == pytest.approx(term * (LATENTS if name == "divergence" else CELLS), rel=1e-5)


def test_errors_summed_over_a_batch_weigh_so_many_times_more_against_the_divergence(known):
    mean, added = terms(task(known)), terms(task(known, over_batch="sum"))
    for name, term in mean.items():
        assert added[name] == pytest.approx(term * (BATCH if name == "divergence" else BATCH**2), rel=1e-5)


@pytest.mark.parametrize("over_batch", ["mean", "sum"])
def test_terms_of_parts_have_those_of_the_whole_batch_as_mean(known, over_batch):
    """Edges aside, which are normalised over a batch at once."""
    pictures = {"edges": "relative", "over_cells": "sum", "over_batch": over_batch}
    whole, found = terms(task(known, **pictures)), []
    for place in range(BATCH):
        with shared(Part(place, BATCH)):
            found.append(terms(task(known, **pictures)))
    for name, term in whole.items():
        assert sum(one[name] for one in found) / BATCH == pytest.approx(term, rel=1e-5), name


def test_windows_are_reflected_unless_the_study_says_no(known):
    for mirrored in (True, False):
        made, source = task(known, mirrored), generator()
        windows = [window for _ in range(20) for window in made.samplers[0].draw(0, source)]
        assert any(window.mirrored for window in windows) is mirrored


def test_features_are_alike_for_a_field_and_itself_alone():
    perception, field = Perception(), torch.rand(2, 16, 24, generator=generator())
    assert float(perception.distance(field, field)) == 0.0
    assert float(perception.distance(field + 0.01, field)) > 0.0


def test_features_miss_a_smooth_error_less_than_a_sharp_one_of_equal_square():
    """A field that a step is blurred out of, and one that is a little off everywhere."""
    step = torch.zeros(1, 32, 32)
    step[..., 16:] = 1.0
    blurred = step.clone()
    blurred[..., 14:18] = torch.tensor([0.2, 0.4, 0.6, 0.8])
    off = step + (blurred - step).square().mean().sqrt()
    perception = Perception()
    assert float((blurred - step).square().mean()) == pytest.approx(float((off - step).square().mean()), rel=1e-5)
    assert float(perception.distance(blurred, step)) != pytest.approx(float(perception.distance(off, step)), rel=0.1)


def test_features_scale_as_the_field_does_on_three_resolutions():
    perception, field = Perception(), torch.rand(1, 16, 24, generator=generator())
    seen, larger = perception(field), perception(3.0 * field)
    assert [tuple(one.shape) for one in seen] == [(1, 16, 16, 24), (1, 32, 8, 12), (1, 64, 4, 6)]
    for one, other in zip(seen, larger, strict=True):
        torch.testing.assert_close(other, 3.0 * one)


def test_features_are_the_same_everywhere_and_never_learn():
    torch.manual_seed(3)
    one = Perception()
    torch.manual_seed(4)
    other = Perception()
    assert all(torch.equal(a, b) and not a.requires_grad for a, b in zip(one.filters, other.filters, strict=True))


def test_features_are_no_part_of_what_is_kept(known):
    made = task(known)
    assert isinstance(made.perception, reconstruction.Perception)
    assert not any("filters" in name for name in made.module.state_dict())
