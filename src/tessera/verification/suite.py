"""All cases of the verification, in the order of the table, and one run through them."""

from collections.abc import Callable, Iterable

from tessera.errors import ConfigError
from tessera.verification import (
    burning,
    cavities,
    detonation,
    drives,
    elasticity,
    heat,
    keeping,
    pores,
    shocks,
    smooth,
    spalling,
    tubes,
)
from tessera.verification.findings import Case, Found

CASES = (
    Case(
        "gas-tubes",
        "Shock tubes of ideal gas",
        "Sod, Lax, the two rarefactions of Einfeldt (1-2-0-3) and LeBlanc, on four lines each. Unit of the density is "
        "1 kg/m³, of the velocity 1 km/s. Errors are relative L1 errors against the means over cells of the exact "
        "solution. A second-order scheme converges at order 1 at shocks and at the ends of rarefactions, and at order "
        "2/3 at contacts.",
        tubes.gas_tubes,
    ),
    Case(
        "jwl-tubes",
        "Shock tubes of JWL products",
        "Shyue's and Lee's Riemann problems, with the published states between the waves and the published places of "
        "shock and contact. Energies are counted from a lower zero, which changes nothing but lets the scheme take "
        "matter with a negative energy.",
        tubes.jwl_tubes,
    ),
    Case(
        "piston",
        "Pistons of 1000 m/s into HMX",
        "HMX flies against a wall, so that nothing of the shocked state is put in; the last rows feed it instead, as "
        "the studies do. Pressure and temperature are medians behind the front, the speed is that of the front "
        "between two times. The temperature depends on the heat capacity, which each row names: a Debye-like C(T) "
        "that scales with the volume makes the solid hotter than the same C(T) unscaled (509 K on the linear "
        "Hugoniot).",
        shocks.pistons,
    ),
    Case(
        "release",
        "Free surfaces and what they hit",
        "Birch-Murnaghan HMX behind shocks of 9.5 and 15 GPa is released into a void; slabs at 1 to 2.5 times the "
        "speed of the free surface, as jets have it, hit HMX at rest.",
        shocks.surfaces,
    ),
    Case(
        "stiff-tube",
        "A stiff shock tube",
        "HMX as dense as behind a shock of 9.4 GPa, at rest, against HMX without pressure.",
        tubes.stiff_tube,
    ),
    Case(
        "gap",
        "A gap that closes",
        "A shock of 9.4 GPa releases into a gap of 0.5 µm; the slab crosses it and hits the other side. Both sides "
        "must have the state behind the second shock, and the surfaces, smeared over a few cells, must not leave a "
        "hotspot.",
        shocks.gap,
    ),
    Case(
        "strength",
        "Elastic and plastic waves in HMX",
        "Yield stress 0.26 GPa, shear modulus 10 GPa. Matter flies against a wall, or is fed, at 300 m/s, where an "
        "elastic wave runs ahead of the shock, and at 1000 m/s, where the shock overtakes it. Small sines go once "
        "through a periodic box, with a strain of 1e-6.",
        elasticity.elasticity,
    ),
    Case(
        "tension",
        "Tension and spall",
        "Two halves of HMX fly apart at 60 m/s: the tension is held below its limit, and above it they part. A flyer "
        "of 1 µm at 200 m/s hits a target of 3 µm, both with a spall limit of 0.3 GPa: releases from both free "
        "surfaces meet at the thickness of the flyer from the far one.",
        spalling.spalling,
    ),
    Case(
        "heat",
        "Heat conduction",
        "A wave of heat of 0.01 K decays in HMX without pressure, with 50 W/m/K, along each direction of a periodic "
        "box of 0.32 µm.",
        heat.conduction,
    ),
    Case(
        "loading",
        "Flyers and pressure histories",
        "A flyer of 2000 m/s and 2 µm, of the same HMX, and a pressure that begins at the same shock, is held and "
        "falls. Both drive 1000 m/s; the release that follows is a simple wave, whose states are those of the "
        "isentrope of the shocked solid.",
        drives.drives,
    ),
    Case(
        "ignition",
        "Adiabatic explosions and steps in time",
        "A cell burns at constant density. Times to half burnt by Tarver's kinetics, and the error of the released "
        "heat against an implicit integration for each kinetics. The temperature is frozen in a substep: first "
        "order.",
        burning.explosions,
    ),
    Case(
        "detonation",
        "A detonation",
        "Birch-Murnaghan HMX with JWL products mixed in by burnt mass and one Arrhenius step (ln Z 28.1, 142.7 "
        "kJ/mol) detonates over 180 µm, supported by the Chapman-Jouguet state and started by a slab of 3 µm as "
        "behind the spike. The start leaves a pulsation that is damped from one period, of some 50 µm, to the next; "
        "the speed is the mean from 108 to 162 µm, and the density of the spike is compared with that at the "
        "measured speed.",
        detonation.waves,
        costly=True,
    ),
    Case(
        "smooth",
        "Order of accuracy in smooth flows",
        "Ideal gas: a bump of density carried by the flow, a simple wave before it breaks, and an isentropic vortex "
        "carried once through a periodic box of 14 x 14 radii, along its diagonal.",
        smooth.smooth,
    ),
    Case(
        "keeping",
        "Conservation, mirrors, moving frames",
        "A pore in a box, with shock, viscosity and kinetics, and with all physics: conduction, strength and tension "
        "as well. Mass and energy less the heat of reaction must stay as they are between walls; where matter enters "
        "and leaves, mass, both momenta and energy must be what they were, what has passed the sides and what was "
        "released, as the account of the flow says it. A mirrored box must give the mirrored flow to the last bit in "
        "both precisions; a tube that flies must have the waves of one at rest, up to an error that vanishes with "
        "the cells.",
        keeping.keeping,
    ),
    Case(
        "pore",
        "The hotspot of a round pore by cell size",
        "A pore of 1.26 µm behind a piston of 1000 m/s (9.5 GPa), in HMX on a linear Hugoniot with one Arrhenius step, "
        "viscosity and strength: the area hotter than 875 K at five times. The viscosity and the conductivity of "
        "the studies are held to the bound; with more of both, and without conduction, the areas are told. Half of the "
        "box is computed, and mirrored.",
        pores.hotspots,
        costly=True,
    ),
    Case(
        "cavity",
        "Air cavities in water",
        "Water as a stiffened gas (γ 4.4, p∞ 0.6 GPa) and air in one cell at one pressure and one temperature. A "
        "shock of 1.9 GPa (Mach 1.72) collapses a cavity of 6 mm; one of 1 GPa (Mach 1.422) a cavity of 0.4 m. The "
        "jet is the fastest water on the axis until it hits the far wall. Before, the surface alone is run on a "
        "line, against the exact Riemann problem of water and air.",
        cavities.cavities,
        costly=True,
    ),
)
NAMES = [case.name for case in CASES]


def chosen(only: Iterable[str], quick: bool) -> list[Case]:
    """Return the cases of some names, or all; `quick` leaves out those that take more than a few seconds.

    Raises
    ------
    ConfigError
        A name is no case.
    """
    names = list(only)
    if unknown := sorted(set(names) - set(NAMES)):
        raise ConfigError(f"--only: expected some of {NAMES}, got {unknown}")
    return [case for case in CASES if (case.name in names or not names) and not (quick and case.costly)]


def run(cases: Iterable[Case], told: Callable[[Case, Found | None], None]) -> dict[str, Found]:
    """Solve cases one after the other; `told` is called before each and after it."""
    found = {}
    for case in cases:
        told(case, None)
        found[case.name] = case.solve()
        told(case, found[case.name])
    return found
