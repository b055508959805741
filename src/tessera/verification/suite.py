"""All cases of the verification, in the order of the table, and one run through them."""

from collections.abc import Callable, Iterable

from tessera.errors import ConfigError
from tessera.verification import shocks, tubes
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
        "the studies do. Pressure and temperature are medians behind the front, the speed is that of the front between "
        "two times. The temperature depends on the heat capacity, which each row names: a Debye-like C(T) that scales with the "
        "volume makes the solid hotter than the same C(T) unscaled (509 K on the linear Hugoniot).",
        shocks.pistons,
    ),
    Case(
        "release",
        "Free surfaces and what they hit",
        "Birch-Murnaghan HMX behind shocks of 9.5 and 15 GPa is released into a void; slabs at 1 to 2.5 times the speed "
        "of the free surface, as jets have it, hit HMX at rest.",
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
        "A shock of 9.4 GPa releases into a gap of 0.5 µm; the slab crosses it and hits the other side. Both sides must "
        "have the state behind the second shock, and the surfaces, smeared over a few cells, must not leave a hotspot.",
        shocks.gap,
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
