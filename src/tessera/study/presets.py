"""Materials by name: `material: hmx-9.5gpa` stands for all the keys below, and a study may change single ones.

`material: {preset: hmx-9.5gpa, viscosity: 0.02}` changes one. A preset says what was calibrated; docs/validation.md says
how well it does.
"""

from collections.abc import Mapping
from typing import Any

from tessera.errors import ConfigError
from tessera.study.material import Material
from tessera.study.reading import merge

KEY = "preset"
PRESETS: dict[str, dict[str, Any]] = {
    # HMX at a particle velocity of 1000 m/s. Calibrated: heat_limit and half_heat (bulk, mean hotspot temperature),
    # viscosity (hotspot area independent of the grid). All else as published.
    "hmx-9.5gpa": {
        "eos": {"kind": "linear-hugoniot", "density": 1900.0, "heat_limit": 1850.0, "half_heat": 115.0},
        "products": None,
        "reaction": {"kind": "henson-smilowitz"},
        "viscosity": 0.05,
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
    beside = dict(asked) if isinstance(asked, Mapping) else {KEY: asked}
    if not isinstance(asked, str) and KEY not in beside:
        return dict(content)
    name = beside.pop(KEY)
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"{where}: material: expected a preset of {', '.join(sorted(PRESETS))}, got {name!r}")
    return {**content, "material": merge(material(name), beside)}


__all__ = ["PRESETS", "expanded", "material"]
