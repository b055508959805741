"""From the names in a study to the laws that the solver runs, with the parameters that stand there."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tessera.errors import ConfigError
from tessera.physics import eos, reaction
from tessera.physics.strength import SimonGlatzel, Strength
from tessera.stages.ensembles import draw_design, simulate_shard
from tessera.stages.sections import laws, strength
from tessera.study import presets
from tessera.study.reading import read
from tessera.study.study import validate

CONFIG = presets.expanded(read(Path(__file__).parents[2] / "config" / "config.yaml"), "study")
SOLIDS = ["mie-gruneisen", "linear-hugoniot", "birch-murnaghan", "stiffened-gas"]


def study(**material):
    return validate({**CONFIG, "material": {**CONFIG["material"], **material}}, "here")


def test_the_demo_runs_the_calibrated_material():
    law, kinetics = laws(study())
    assert law == eos.linear_hugoniot(1900.0, 2901.0, 2.058, 1.1, 300.0, 1565.0, 80.0)
    assert isinstance(kinetics, reaction.OneStep)
    assert strength(study()) == Strength(0.26e9, 10.0e9)


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


def test_what_a_study_says_of_strength_reaches_the_solver():
    said = {"yield_stress": 0.3e9, "modulus": 12e9, "melting": {"kind": "simon-glatzel", "temperature": 550.0}}
    found = strength(study(strength=said))
    assert found == Strength(0.3e9, 12e9, SimonGlatzel(550.0, 0.305e9, 0.327))


LOADINGS = {
    "inflow": ({"kind": "inflow", "velocity": {"low": 900.0, "high": 900.0}}, 900.0),
    "flyer": ({"kind": "flyer", "velocity": {"low": 2000.0, "high": 2000.0}, "thickness": 1e-6}, 1000.0),
    "history": ({"kind": "pressure-history", "times": [0.0, 1e-9], "pressures": [5e9, 9.3955e9]}, 1000.0),
}


@pytest.mark.parametrize(("loading", "velocity"), LOADINGS.values(), ids=LOADINGS)
def test_a_case_says_the_particle_velocity_of_its_loading_and_is_run_with_it(loading, velocity, tmp_path):
    micro = {
        **CONFIG["ensembles"]["micro"],
        "particle_velocity": None,
        "loading": loading,
        "cells": [16, 24],
        "cell_size": 1.4e-7,
        "snapshots": 22,  # close enough in time that one meets the tension of some pore
        "interval": CONFIG["ensembles"]["micro"]["interval"] / 3.0,
        "cases": 3,
        "shard": 3,
        "split": {"train": 1, "validation": 1, "test": 1},
        "sides": "periodic",
        "temperature": 320.0,
    }
    material = {"conductivity": 0.4, "spall": 5e8, "strength": {"melting": {"kind": "never"}}}
    content = {
        **CONFIG,
        "models": ["cnext"],
        "material": CONFIG["material"] | material,
        "ensembles": {**CONFIG["ensembles"], "micro": micro},
        "tokenizer": CONFIG["tokenizer"] | {"widths": [8, 8, 8]},
        "evaluation": CONFIG["evaluation"] | {"snapshots": {"micro": [2], "meso": [3]}},
    }
    for part in ("decoupled", "coupled"):
        training = content["dynamics"][part]["training"]
        content["dynamics"][part]["training"] = training | {"horizons": [{"until": 1.0, "steps": [1]}]}
    named = validate(content, "here")
    draw_design(named, "micro", tmp_path / "design.nc")
    simulate_shard(named, "micro", tmp_path / "design.nc", 0, tmp_path / "shard.json")
    with xr.open_dataset(tmp_path / "shard.nc", decode_timedelta=False) as made:
        np.testing.assert_allclose(made.particle_velocity, velocity, rtol=2e-3)
        assert float(made.temperature[:, 0].max()) == pytest.approx(320.0, abs=0.01)
        assert float(made.velocity_x[:, -1].max()) > 0.65 * velocity
        assert -5e8 <= float(made.pressure.min()) < 0.0
        np.testing.assert_allclose(made.inflow_mass[:, 0], 0.0)
    assert not list(tmp_path.glob("*.checkpoint"))
