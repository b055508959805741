"""What the sections of a study stand for: laws, strength, loading and pores, made."""

from pathlib import Path
from typing import Any

from tessera.physics import eos, reaction
from tessera.physics.strength import CURVES, Strength
from tessera.simulation import loading, microstructure
from tessera.simulation.morphology import distributions, image, population
from tessera.study import Simulated, Study
from tessera.study.loading import Flyer as FlyerSection
from tessera.study.loading import Inflow as InflowSection
from tessera.study.microstructures import Image, Population, SinglePore
from tessera.study.section import Section


def laws(study: Study) -> tuple[Any, Any]:
    """Return the equation of state and the kinetics that a study names."""
    what = study.material
    law = eos.LAWS[what.eos.kind](**what.eos.model_dump(exclude={"kind"}))
    kinetics = reaction.REACTIONS[what.reaction.kind](**what.reaction.model_dump(exclude={"kind"}))
    if what.products is None:
        return law, kinetics
    products = eos.LAWS[what.products.kind](**what.products.model_dump(exclude={"kind"}))
    return eos.mixture(law, products, float(reaction.released(kinetics, 0.0, 0.0, 0.0))), kinetics


def strength(study: Study) -> Strength | None:
    """Return the strength that a study names."""
    what = study.material.strength
    if what is None:
        return None
    curve = CURVES[what.melting.kind](**what.melting.model_dump(exclude={"kind"}))
    return Strength(what.yield_stress, what.modulus, curve)


def velocities(study: Study, what: Simulated) -> tuple[float, float]:
    """Return the range of particle velocities [m/s] of the cases of a scale."""
    history = loading_of(what, 0.0)
    if isinstance(history, loading.PressureHistory):
        law, _ = laws(study)
        velocity = loading.particle_velocity(history, law, strength(study), what.temperature)
        return velocity, velocity
    solid = study.material.eos
    return what.velocities(solid.rest_density, solid.shock_speed)


def loading_of(what: Simulated, velocity: float) -> loading.Loading:
    """Return what drives the shock of a case whose particle velocity [m/s] is given."""
    match what.loading:
        case None:
            return loading.Piston(velocity)
        case InflowSection():
            return loading.Inflow(velocity)
        case FlyerSection(thickness=thickness):
            return loading.Flyer(2.0 * velocity, thickness)
        case history:
            return loading.PressureHistory(history.times, history.pressures)


def microstructure_of(what: Simulated) -> Any:
    """Return the microstructure that a section asks for; images are read."""
    pores = what.microstructure
    if isinstance(pores, SinglePore):
        return microstructure.SinglePore(pores.diameter.bounds, pores.centre_x.bounds, pores.centre_y.bounds)
    if isinstance(pores, Image):
        pictures = tuple(image.read(Path(path), pores.pore) for path in pores.images[: what.cases])
        return image.Images(pictures, pores.pixel_size, pores.fit, pores.offset)
    if isinstance(pores, Population):
        return population.Population(
            porosity=pores.porosity.bounds,
            tolerance=pores.tolerance,
            diameter=_distribution(pores.diameter),
            aspect=_distribution(pores.aspect),
            orientation=_distribution(pores.orientation),
            roughness=_distribution(pores.roughness),
            correlation=pores.correlation,
            gap=pores.gap,
            inlet=pores.inlet,
            refuse=pores.shortfall == "refuse",
            part=(pores.part.x.bounds, pores.part.y.bounds),
        )
    return microstructure.Packing(
        porosity=pores.porosity.bounds,
        smallest_diameter=pores.smallest_diameter.bounds,
        largest_diameter=pores.largest_diameter.bounds,
        gap=pores.gap,
        inlet=pores.inlet,
    )


def _distribution(section: Section) -> Any:
    values = section.model_dump()
    return distributions.KINDS[values.pop("kind")](**values)


__all__ = ["laws", "loading_of", "microstructure_of", "strength", "velocities"]
