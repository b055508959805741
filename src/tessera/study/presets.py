"""Materials by name: `material: hmx-9.5gpa` stands for all the keys below, and a study may change single ones.

`material: {preset: hmx-9.5gpa, viscosity: 0.02}` changes one. A preset says what was calibrated; docs/validation.md
says how well it does.
"""

from collections.abc import Mapping
from typing import Any

from tessera.errors import ConfigError
from tessera.study.material import Material
from tessera.study.reading import merge

KEY = "preset"
PRESETS: dict[str, dict[str, Any]] = {
    # HMX at a particle velocity of 1000 m/s. Calibrated: heat_limit and half_heat (temperatures of the bulk and of what
    # has burnt), ln_z and conductivity (late ignition and growth: a third of the rate of Henson and Smilowitz, and the
    # flame that no cell resolves), viscosity (areas that hardly depend on the cells, jets along the walls of pores).
    "hmx-9.5gpa": {
        "eos": {"kind": "linear-hugoniot", "density": 1900.0, "heat_limit": 1565.0, "half_heat": 80.0},
        "products": None,
        "reaction": {"kind": "one-step", "ln_z": 28.18, "activation": 149.0e3, "heat": 5.8576e6},
        "viscosity": 0.04,
        "conductivity": 14.0,
        "strength": {"yield_stress": 0.26e9, "modulus": 10.0e9, "melting": {"kind": "kraut-kennedy"}},
        "spall": 0.0,
    },
}


def material(name: str) -> dict[str, Any]:
    """Return all keys of a preset, also those that it leaves at their defaults."""
    return Material.model_validate(PRESETS[name]).model_dump()


def expanded(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what a study file says, a material that it names written out, with the keys that stand beside the name.

    Raises
    ------
    ConfigError
        There is no preset of that name.
    """
    asked = content.get("material")
    if not (isinstance(asked, str) or (isinstance(asked, Mapping) and KEY in asked)):
        return dict(content)
    beside = {KEY: asked} if isinstance(asked, str) else dict(asked)
    name = beside.pop(KEY)
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"{where}: material: expected a preset of {', '.join(sorted(PRESETS))}, got {name!r}")
    return {**content, "material": merge(material(name), beside)}


__all__ = ["PRESETS", "expanded", "material"]
