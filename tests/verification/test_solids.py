"""The cases of strength, tension, heat and loadings keep their bounds, and miss them where the physics is another."""

import pytest
import yaml

from tessera.stages import sections
from tessera.study import load
from tessera.verification import drives, elasticity, heat, keeping, materials, spalling, suite
from tests.study.test_presets import CONFIG


def missed(rows):
    return [row.quantity for row in rows if row.passed is False]


@pytest.mark.parametrize("name", ["strength", "tension", "heat", "loading"])
def test_bounds_are_kept(name):
    (case,) = suite.chosen([name], quick=True)
    rows = case.solve().rows
    assert sum(row.passed is True for row in rows) >= 6
    assert not missed(rows)


def test_another_shear_modulus_misses_bounds(monkeypatch):
    monkeypatch.setattr(elasticity, "STRENGTH", materials.STRENGTH._replace(modulus=11.0e9))
    rows, _ = elasticity._shock(300.0, True)
    assert "300 m/s, fed: speed of the precursor" in missed(rows)


def test_another_conductivity_misses_its_decay(monkeypatch):
    """A hundredth more heat leaves, and the equation that the flow is held to does not know."""
    true = heat.lines.flow

    def leaky(state, law, size, conductivity, **more):
        return true(state, law, size, conductivity=1.01 * conductivity, **more)

    monkeypatch.setattr(heat.lines, "flow", leaky)
    assert any("height left" in quantity for quantity in missed(heat.conduction().rows))


def test_matter_without_tension_misses_bounds(monkeypatch):
    true = spalling.lines.flow

    def torn(state, law, size, spall, **more):
        return true(state, law, size, spall=0.1 * spall, **more)

    monkeypatch.setattr(spalling.lines, "flow", torn)
    assert {"halves held: tension"} <= {*missed(spalling._torn())}


def test_another_flyer_misses_bounds(monkeypatch):
    true = drives.Flyer
    monkeypatch.setattr(drives, "Flyer", lambda velocity, thickness: true(velocity, 0.95 * thickness))
    assert "flyer: time above half of the pressure" in missed(drives._flyer()[0])


def test_an_account_that_forgets_a_side_misses_bounds(monkeypatch):
    true = keeping.Flow.budget

    def short(flow):
        flow.passed[1] *= 1.0 + 1e-6
        flow.passed[0] *= 1.0 + 1e-9
        return true(flow)

    monkeypatch.setattr(keeping.Flow, "budget", short)
    monkeypatch.setattr(keeping, "STEPS", 40)
    found = missed(keeping._accounted("fed", keeping.BOXES["fed, open below and above"], keeping.np.float64))
    assert "all physics, float64, fed: mass" in found


def test_the_material_of_the_pore_is_that_of_the_preset(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"material": "hmx-9.5gpa"}))
    study = load([CONFIG / "config.yaml", path])
    law, kinetics = sections.laws(study)
    what = study.material
    strength = sections.strength(study)
    asked = materials.Body(law, kinetics, what.viscosity, what.conductivity, strength, what.spall)
    assert asked == materials.BURNING
