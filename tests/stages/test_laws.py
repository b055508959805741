"""From the names in a study to the laws that the solver runs, with the parameters that stand there."""

import re
from pathlib import Path

import pytest

from tessera.errors import ConfigError
from tessera.physics import eos, reaction
from tessera.stages.ensembles import laws
from tessera.study.reading import read
from tessera.study.study import validate

CONFIG = read(Path(__file__).parents[2] / "config" / "config.yaml")
SOLIDS = ["mie-gruneisen", "linear-hugoniot", "birch-murnaghan", "stiffened-gas"]


def study(**material):
    return validate({**CONFIG, "material": {**CONFIG["material"], **material}}, "here")


def test_the_demo_runs_the_law_that_it_always_ran():
    law, kinetics = laws(study())
    assert law == eos.mie_gruneisen(1891.0, 2901.0, 2.058, 1.1, 300.0)
    assert kinetics == reaction.Tarver()


@pytest.mark.parametrize("kind", SOLIDS)
def test_every_law_of_a_solid_can_be_named_alone(kind):
    """Its defaults make a solid that rests at 300 K."""
    law, _ = laws(study(eos={"kind": kind}))
    assert float(eos.temperature(law, eos.solid_density(law, 0.0), 0.0)) == pytest.approx(300.0)


def test_the_defaults_of_hmx_are_the_published_ones():
    law, _ = laws(study(eos={"kind": "birch-murnaghan"}))
    assert float(eos.solid_density(law, 0.0)) == pytest.approx(1901.2, abs=0.1)
    behind, speed = eos.hugoniot(law, 1034.0)
    assert (behind.pressure, speed) == pytest.approx((9.5e9, 4833.0), rel=1e-3)


@pytest.mark.parametrize("kind", [name for name in reaction.REACTIONS if name != "inert"])
def test_products_are_mixed_in_with_the_heat_of_the_kinetics(kind):
    law, kinetics = laws(study(eos={"kind": "birch-murnaghan"}, products={"kind": "jwl"}, reaction={"kind": kind}))
    assert isinstance(law, eos.Mixture)
    heat = float(reaction.released(kinetics, 0.0, 0.0, 0.0))
    assert law.products.shift == pytest.approx(law.products.energy - heat)
    _, speed = eos.chapman_jouguet(law._replace(burnt=1.0), 1901.2, heat)
    assert speed == pytest.approx(9083.0, rel=1e-3)


def test_parameters_of_a_law_reach_it():
    law, kinetics = laws(
        study(eos={"kind": "linear-hugoniot", "slope": 1.79}, reaction={"kind": "one-step", "heat": 5e6})
    )
    assert eos.hugoniot(law, 1000.0)[1] == pytest.approx(2901.0 + 1790.0, rel=1e-3)
    assert kinetics.heat == 5e6


def test_products_of_nothing_are_refused():
    with pytest.raises(ConfigError, match=re.escape("material.products: expected null beside an inert reaction")):
        study(products={"kind": "jwl"}, reaction={"kind": "inert"})


@pytest.mark.parametrize("kind", SOLIDS)
def test_the_shock_that_the_check_of_a_study_reckons_with_is_that_of_the_law(kind):
    """To a tenth: the check asks whether it crosses the box."""
    named = study(eos={"kind": kind})
    assert named.material.eos.shock_speed(1000.0) == pytest.approx(eos.hugoniot(laws(named)[0], 1000.0)[1], rel=0.1)
