"""Cells that burn without flow: times of adiabatic explosions, and what a smaller step gains."""

from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from tessera.physics import eos, reaction
from tessera.simulation.chemistry import burn
from tessera.verification.findings import Curve, Found, Panel, near, order, told
from tessera.verification.materials import BIRCH, HMX, PRODUCTS

TARVER = reaction.Tarver()
CONSTANT = eos.IdealGas(specific_heat=1700.0)
DENSITY = 2370.0  # behind a shock of 9.4 GPa [kg/m3]
EXPLOSIONS = {1000.0: 13.7e-6, 1100.0: 0.62e-6, 1200.0: 55e-9, 1400.0: 2.1e-9, 1600.0: 0.48e-9, 2000.0: 0.14e-9}
ELSEWHERE = "computed elsewhere at 1700 J/kg/K, to two digits"
RATES = "rates integrated by LSODA to 1e-9"
BURNS = {
    "tarver, 1900 K": (TARVER, HMX, 1900.0, 2e-10),
    "henson-smilowitz, 2200 K": (reaction.henson_smilowitz(), HMX, 2200.0, 8e-11),
    "one-step, 2200 K": (reaction.OneStep(), HMX, 2200.0, 2e-10),
    "tarver to products, 1900 K": (TARVER, eos.mixture(BIRCH, PRODUCTS, 5.86e6), 1900.0, 2e-10),
}
STEPS = (250, 500, 1000, 2000)


def explosions() -> Found:
    """Find the times to half burnt, and the order in time of every reaction."""
    rows = []
    for T, published in EXPLOSIONS.items():
        values, spent, step = _start(T, CONSTANT), 0.0, published / 2000.0
        while 1.0 - sum(values[1:]) < 0.5 and spent < 2.0 * published:
            values = burn(CONSTANT, TARVER, DENSITY, *values, step)
            spent += step
        label, unit = f"tarver: half burnt from {T:g} K", "µs" if published > 1e-7 else "ns"
        rows.append(near(label, spent, published, 0.05, unit, ELSEWHERE))
    curves = []
    for name, (kinetics, law, T, duration) in BURNS.items():
        start, exact = _start(T, law), _integrated(kinetics, law, T, duration)
        errors = [abs(_burnt(kinetics, law, start, duration, n) - exact) / abs(exact - start[0]) for n in STEPS]
        rows.append(told(f"{name}: heat, {STEPS[0]} steps", errors[0], None, "", f"relative error, {RATES}"))
        rows.append(told(f"{name}: heat, {STEPS[-1]} steps", errors[-1], None, "", f"relative error, {RATES}"))
        rows.append(order(f"{name}: order in time", errors, 1.0, 0.85, RATES))
        curves.append(Curve(duration / np.array(STEPS) * 1e12, np.array(errors), name))
    panel = Panel("error of the released heat", "time step (ps)", "relative error", tuple(curves), logarithmic=True)
    return Found(rows, (panel,))


def _start(T: float, law: Any) -> tuple[float, float, float, float]:
    return float(eos.energy_of_temperature(law, DENSITY, T)), 1.0, 0.0, 0.0


def _burnt(kinetics: Any, law: Any, start: tuple[float, ...], duration: float, steps: int) -> float:
    """Return the energy after so many equal steps [J/kg]."""
    values = start
    for _ in range(steps):
        values = burn(law, kinetics, DENSITY, *values, duration / steps)
    return float(values[0])


def _integrated(kinetics: Any, law: Any, T: float, duration: float) -> float:
    """Return the energy of an implicit integration of the rates [J/kg]."""

    def rates(_, values):
        e, a, b, c = values
        T = eos.temperature(eos.at_burnt(law, 1.0 - a - b - c), DENSITY, e)
        if isinstance(kinetics, reaction.OneStep):
            heat = float(reaction.heating(kinetics, T, a, b, c))
            return heat, -heat / kinetics.heat, 0.0, 0.0
        first, second, third = (
            np.exp(z - activation / (reaction.GAS_CONSTANT * T)) * amount
            for z, activation, amount in zip(kinetics[:3], kinetics[3:6], (a, b, c * c), strict=True)
        )
        heat = kinetics.heat1 * first + kinetics.heat2 * second + kinetics.heat3 * third
        return heat, -first, first - second, second - third

    path = solve_ivp(
        rates, (0.0, duration), _start(T, law), method="LSODA", rtol=1e-9, atol=[1e-3, 1e-12, 1e-12, 1e-12]
    )
    return float(path.y[0, -1])
