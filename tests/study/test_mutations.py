"""Any edit of a study file: a valid study, or one line of what is wrong; never anything else."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tessera import invocation
from tessera.study import presets
from tessera.study.reading import read
from tests.study.test_microstructures import IMAGE, POPULATION

CONFIG = Path(__file__).parents[2] / "config"
DEMO = presets.expanded(read(CONFIG / "config.yaml"), "config.yaml")
LAWS = {  # with every key of each
    "eos": {
        "kind": "birch-murnaghan",
        "cold_density": 1939.59,
        "bulk_modulus": 16.5e9,
        "bulk_modulus_slope": 8.7,
        "gruneisen_constant": 0.0,
        "gruneisen_linear": 0.9,
        "temperature": 300.0,
        "heat_limit": 2384.36,
        "half_heat": 436.576,
    },
    "products": {"kind": "jwl", "A": 858.0805e9, "B": 7.546531e9, "R1": 4.306, "R2": 0.8, "omega": 0.3},
    "reaction": {"kind": "one-step", "ln_z": 28.1, "activation": 142.7e3, "heat": 5.8576e6},
}
OTHER = copy.deepcopy(DEMO)  # the other laws, and the other kinds of microstructure
OTHER["material"] |= LAWS
OTHER["ensembles"]["micro"]["microstructure"] = IMAGE | {"images": [str(CONFIG / "config.yaml")], "offset": [0.0, 1e-6]}
OTHER["ensembles"]["meso"]["microstructure"] = POPULATION
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
EXTREMES = [0, -1, 1, 2**31, 2**63, 2**64, 10**400, 1e308, 5e-324, -0.0, float("inf"), float("nan"), True, None, ""]
PLAIN = st.one_of(st.sampled_from(EXTREMES), st.integers(), st.floats(), TEXT, st.booleans(), st.dates())
VALUES = st.recursive(PLAIN, lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXT, part, max_size=3))


def places(content, path=()):
    """Yield the path of every value of a study."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


PLACES = sorted(places(DEMO), key=str)
INSIDE = [path for path in sorted(places(OTHER), key=str) if {"microstructure", "material"} & {*path}]


@st.composite
def edited(draw, study=DEMO, paths=PLACES):
    """Return a study after a few edits: other values, keys that are gone, new, renamed or moved."""
    content = copy.deepcopy(study)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(paths))
        inside = content
        try:
            for key in path:
                inside = inside[key]
            value = inside[last]
        except (KeyError, IndexError, TypeError):
            continue  # gone with an edit before
        match draw(st.sampled_from(["value", "scaled", "gone", "renamed", "moved", "deep"])):
            case "value":
                inside[last] = draw(VALUES)
            case "scaled" if isinstance(value, int | float):
                inside[last] = value * draw(st.sampled_from([-1, 0.5, 2, 1e3, 1e-3, 1e30]))
            case "gone":
                del inside[last]
            case "renamed" if isinstance(inside, dict):
                inside[draw(TEXT)] = inside.pop(last)
            case "moved":
                content[str(last)] = value
            case _:
                inside[last] = [[{"deep": value}]] * draw(st.integers(1, 3))
    return content


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Return a function that checks a study of some text, which ends in a valid study or in one line."""
    path = tmp_path / "study.yaml"

    def judge(text):
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr("sys.argv", ["tessera", "check", str(path)])
        code, line = invocation.call()
        assert (code, line) == (0, "") or code == 2
        assert code == 0 or line.startswith(f"tessera check: {path}: ")
        assert code == 0 or "expected" in line
        assert line.isprintable()
        assert len(line) < 1200
        return code

    return judge


quickly = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@quickly
@given(content=edited())
@example(content=DEMO)
def test_an_edited_study_is_valid_or_refused_in_one_line(judged, content):
    judged(yaml.safe_dump(content, allow_unicode=True))


@quickly
@given(content=edited(OTHER, INSIDE))
@example(content=OTHER)
def test_an_edited_microstructure_is_valid_or_refused_in_one_line(judged, content):
    judged(yaml.safe_dump(content, allow_unicode=True))


@quickly
@given(data=st.data())
def test_a_study_file_with_other_characters_is_valid_or_refused_in_one_line(judged, data):
    text = (CONFIG / "config.yaml").read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = start + data.draw(st.integers(0, 40))
        new = data.draw(
            st.sampled_from(["\t", "\x00", "*a", "&a ", "<<: ", "!!binary ", "? ", "- ", "{", "é\u2028", ": "])
        )
        text = text[:start] + new * data.draw(st.integers(0, 3)) + text[stop:]
    judged(text)


def test_a_study_of_other_microstructures_is_valid(judged):
    assert judged(yaml.safe_dump(OTHER)) == 0


def test_aliases_are_values_like_any_other(judged):
    content = copy.deepcopy(DEMO)
    content["rivals"]["cnext"]["training"] = content["rivals"]["parcv2"]["training"]
    text = yaml.safe_dump(content)
    assert "&id001" in text
    assert judged(text) == 0
