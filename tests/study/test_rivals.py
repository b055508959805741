"""Rivals in a study file: named freely, and written in short by what they have in common with others."""

import pytest

from tessera.errors import ConfigError
from tessera.study import load
from tessera.study.reading import read
from tessera.study.study import validate
from tests.stages.tiny import CONFIG


@pytest.fixture
def demo():
    return read(CONFIG / "config.yaml")


def test_a_rival_like_another_says_only_what_differs(demo):
    demo["rivals"]["cnext-micro"] = {"like": "cnext", "label": "CNextU-Net, micro", "pretraining": {"epoch": 7}}
    demo["models"] = ["cnext", "cnext-micro"]
    rivals = validate(demo, "study").rivals
    one, other = rivals["cnext"], rivals["cnext-micro"]
    assert other.network == one.network and other.training == one.training
    assert other.pretraining == one.training.model_copy(update={"epoch": 7})
    assert (one.pretraining, one.scales, other.scales) == (None, ("meso",), ("micro", "meso"))


def test_a_rival_like_one_of_another_kind_takes_what_all_rivals_have(demo):
    demo["rivals"]["mine"] = {
        "kind": "cnext",
        "like": "parcv2",
        "label": "mine",
        "unshuffle": 1,
        "widths": [4],
        "blocks": [1],
    }
    mine, parcv2 = (validate(demo, "study").rivals[name] for name in ("mine", "parcv2"))
    assert (mine.training, mine.meso_cases) == (parcv2.training, parcv2.meso_cases)
    assert {"unshuffle": 1, "widths": (4,), "blocks": (1,)}.items() <= mine.network.items()
    assert not {"label", "kind", "training", "features"} & mine.network.keys()


def test_an_overlay_changes_what_others_are_like(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("rivals: {cnext: {widths: [4, 4, 4]}, other: {like: cnext, label: other}}\n")
    study = load([CONFIG / "config.yaml", overlay])
    assert study.rivals["other"].widths == (4, 4, 4)


@pytest.mark.parametrize(
    ("rivals", "line"),
    [
        ({"a": {"like": "b", "label": "a"}}, "rivals.a.like: expected the name of another rival, got 'b'"),
        ({"a": {"like": "a"}}, "rivals.a.like: expected the name of another rival, got 'a'"),
        ({"a": {"like": "c"}, "c": {"like": "a"}}, "like: expected the name of another rival, got"),
        ({"a": {"like": 3}}, "rivals.a.like: expected the name of another rival, got 3"),
        ({"a": {"like": "cnext"}}, "rivals.a.label: expected a value, got none"),
        ({"a": {"like": "cnext", "label": "a", "dept": 3}}, "rivals.a.dept: expected a known key, got 'dept'"),
        ({"A": {"like": "cnext", "label": "a"}}, "rivals"),
        ({"tessera": {"like": "cnext", "label": "a"}}, "rivals.tessera: expected another name"),
        ({"a": 3}, "rivals.a"),
    ],
)
def test_a_mistake_among_rivals_is_one_line(demo, rivals, line):
    demo["rivals"] |= rivals
    with pytest.raises(ConfigError) as caught:
        validate(demo, "study")
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_resolved_study_reads_back_equal(demo, tmp_path):
    from tessera.stages import write_study

    demo["rivals"]["short"] = {"like": "parcv2", "label": "short", "pretraining": {}}
    study = validate(demo, "study")
    write_study(study, tmp_path / "study.json")
    assert load([tmp_path / "study.json"]) == study
