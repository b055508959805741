"""Equations of state: pressure, sound speed and temperature from density and internal energy.

A law is a `NamedTuple` of parameters with bodies for the open functions of `functions`. Adding one touches its
module, and one line of `LAWS`.
"""

from collections.abc import Callable
from typing import Any

from tessera.physics.eos.curves import BirchMurnaghan, LinearHugoniot, birch_murnaghan, linear_hugoniot
from tessera.physics.eos.fitted import MieGruneisen, mie_gruneisen
from tessera.physics.eos.functions import (
    energy,
    energy_of_temperature,
    gruneisen,
    heat_capacity,
    near_temperature,
    pressure,
    solid_density,
    solid_fraction,
    sound_speed,
    squared_speed,
    temperature,
    temperature_bound,
    tension,
)
from tessera.physics.eos.gas import IdealGas, StiffenedGas, stiffened_gas
from tessera.physics.eos.mixture import Mixture, at_burnt, mixture
from tessera.physics.eos.pair import Pair, pair
from tessera.physics.eos.products import JWL, jwl
from tessera.physics.eos.shock import State, chapman_jouguet, hugoniot, unloaded
from tessera.physics.eos.solid import COMPLETE

LAWS: dict[str, Callable[..., Any]] = {
    "ideal-gas": IdealGas,
    "stiffened-gas": stiffened_gas,
    "mie-gruneisen": mie_gruneisen,
    "linear-hugoniot": linear_hugoniot,
    "birch-murnaghan": birch_murnaghan,
    "jwl": jwl,
}

__all__ = [
    "COMPLETE",
    "JWL",
    "LAWS",
    "BirchMurnaghan",
    "IdealGas",
    "LinearHugoniot",
    "MieGruneisen",
    "Mixture",
    "Pair",
    "State",
    "StiffenedGas",
    "at_burnt",
    "chapman_jouguet",
    "energy",
    "energy_of_temperature",
    "gruneisen",
    "heat_capacity",
    "hugoniot",
    "mixture",
    "near_temperature",
    "pair",
    "pressure",
    "solid_density",
    "solid_fraction",
    "sound_speed",
    "squared_speed",
    "temperature",
    "temperature_bound",
    "tension",
    "unloaded",
]
