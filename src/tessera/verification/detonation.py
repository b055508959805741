"""A detonation in one dimension: its speed, its spike and its reaction zone against Chapman, Jouguet and Zeldovich.

The wave runs over solid HMX by the Birch-Murnaghan law with JWL products mixed in by burnt mass, and one Arrhenius
step. It is supported by the state of Chapman and Jouguet, so that the steady wave is the exact solution behind the
transients of the start: a slab as behind the spike.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import brentq

from tessera.physics import eos, reaction
from tessera.physics.eos import State
from tessera.simulation import grid
from tessera.simulation.run import Flow
from tessera.verification import lines
from tessera.verification.findings import Curve, Found, Panel, near, order, told
from tessera.verification.lines import FED, OPEN, WALL
from tessera.verification.materials import BIRCH, PRODUCTS

KINETICS = reaction.OneStep()
LAW = eos.mixture(BIRCH, PRODUCTS, KINETICS.heat)
OWN = "jump conditions of the law"
LENGTH, MATCH = 180e-6, 3e-6  # of the line and of the slab that starts the wave [m]
CELLS = (1125, 2250, 4500)


DRAWN = 8e-6  # behind the front [m]
MEASURED = 0.6  # share of the line beyond which the wave is taken for steady [1]


class Steady(NamedTuple):
    """The exact steady wave.

    Attributes
    ----------
    speed
        Of Chapman and Jouguet [m/s].
    behind, spike
        Where all is burnt, and where nothing is.
    half
        Distance from the spike to where half is burnt [m].
    distance, pressure
        Profile behind the spike [m], [Pa], to where nearly all is burnt.
    """

    speed: float
    behind: State
    spike: State
    half: float
    distance: np.ndarray
    pressure: np.ndarray


def steady() -> Steady:
    """Return the wave of Zeldovich, von Neumann and Doering at the speed of Chapman and Jouguet."""
    density = float(eos.solid_density(BIRCH, 0.0))
    behind, speed = eos.chapman_jouguet(LAW._replace(burnt=1.0), density, KINETICS.heat)
    spike = at_speed(speed)
    share, slowness, pressures = np.linspace(0.0, 0.98, 99), [], []
    for burnt in share:
        v = _within(speed, density, float(burnt), spike)
        p = (density * speed) ** 2 * (1.0 / density - v)
        e = 0.5 * p * (1.0 / density - v) + KINETICS.heat * burnt
        T = float(eos.temperature(LAW._replace(burnt=float(burnt)), 1.0 / v, e))
        rate = float(reaction.heating(KINETICS, T, 1.0 - burnt, 0.0, 0.0)) / KINETICS.heat
        slowness.append(density * speed * v / rate)
        pressures.append(p)
    distance = cumulative_trapezoid(slowness, share, initial=0.0)
    return Steady(speed, behind, spike, float(np.interp(0.5, share, distance)), distance, np.array(pressures))


def at_speed(speed: float) -> State:
    """Return the state behind an inert shock of a speed [m/s]."""
    return eos.hugoniot(BIRCH, brentq(lambda u: eos.hugoniot(BIRCH, u)[1] - speed, 1000.0, 6000.0))[0]


def _within(speed: float, density: float, burnt: float, spike: State) -> float:
    """Return the specific volume on the line of Rayleigh at a burnt share [m3/kg], on the side of the spike."""
    law = LAW._replace(burnt=burnt)

    def excess(v):
        p = (density * speed) ** 2 * (1.0 / density - v)
        return float(eos.tension(law, 1.0 / v, 0.5 * p * (1.0 / density - v) + KINETICS.heat * burnt)) - p

    low, v = 0.98 / spike.density, 0.98 / spike.density
    while excess(v) * excess(low) > 0.0:
        v *= 1.004
    return float(brentq(excess, low, v))


class Wave(NamedTuple):
    """A detonation as it was run.

    Attributes
    ----------
    time, place, spike
        After each step: time [s], place of the front [m], highest density [kg/m3].
    profile, burnt
        At the end; mass fraction of products [1].
    """

    time: np.ndarray
    place: np.ndarray
    spike: np.ndarray
    profile: lines.Profile
    burnt: np.ndarray


def run(cells: int, behind: State, spike: State) -> Wave:
    """Run the wave until it has crossed nine tenths of the line."""
    dx, rest = LENGTH / cells, State(float(eos.solid_density(BIRCH, 0.0)), 0.0, 0.0, 0.0)
    match = round(MATCH / dx)
    state = lines.line((match, spike), (cells - match, rest))
    inlet = np.zeros(grid.WIDTH)
    burnt = LAW._replace(burnt=1.0)
    inlet[[grid.RHO, grid.U, grid.ENERGY, grid.P]] = behind.density, behind.velocity, behind.energy, behind.pressure
    inlet[grid.SOUND] = eos.sound_speed(burnt, behind.density, behind.energy)
    sides = (FED, OPEN, WALL)
    flow = lines.flow(state, LAW, dx, kinetics=KINETICS, sides=sides, inlet=inlet, cfl=0.6, resting=match + 4)
    times: list[float] = []
    places: list[float] = []
    highest: list[float] = []
    while not places or places[-1] < 0.9 * LENGTH:
        flow.advance(1.0)
        place, densest = _front(flow, dx)
        times.append(flow.time)
        places.append(place)
        highest.append(densest)
    return Wave(np.array(times), np.array(places), np.array(highest), *_profile(flow))


def _front(flow: Flow, dx: float) -> tuple[float, float]:
    """Return the place of the front, where the density is 1.2 times that ahead, and the highest density."""
    rho = flow.state[0, 0, : flow.columns]
    ahead = float(eos.solid_density(BIRCH, 0.0))
    x = (np.arange(rho.size) + 0.5) * dx
    place = lines.crossing(x, rho, 1.2 * ahead)
    return place, float(rho.max())


def _profile(flow: Flow) -> tuple[lines.Profile, np.ndarray]:
    state = flow.state[:, 0]
    rho, u = state[0], state[1] / state[0]
    e = state[3] / rho - 0.5 * u**2
    share = np.clip(1.0 - state[4:7].sum(axis=0) / rho, 0.0, 1.0)
    p = np.array([eos.pressure(LAW._replace(burnt=float(y)), r, one) for y, r, one in zip(share, rho, e, strict=True)])
    x = (np.arange(rho.size) + 0.5) * flow.cell_size
    return lines.Profile(x, rho, u, e, p), share


def waves() -> Found:
    """Run the wave on finer and finer lines."""
    exact, rows, curves, speeds, spikes, peaks, halves = steady(), [], [], [], [], [], []
    spike = float(eos.temperature(BIRCH, exact.spike.density, exact.spike.energy))
    for cells in CELLS:
        wave = run(cells, exact.behind, exact.spike)
        late = wave.place > MEASURED * LENGTH
        speed = float(np.polyfit(wave.time[late], wave.place[late], 1)[0])
        label = f"{LENGTH / cells * 1e9:g} nm"
        peak = float(np.median(wave.spike[late]))
        now = at_speed(speed)
        spikes.append(abs(peak / now.density - 1.0))
        rows += [
            near(f"speed, {label}", speed, exact.speed, 0.01, "km/s", "Chapman-Jouguet state of the law"),
            near(f"density of the spike, {label}", peak, now.density, 0.02, "g/cm³", f"{OWN}, at the measured speed"),
        ]
        top = int(np.argmax(wave.profile.density))
        here = LAW._replace(burnt=float(wave.burnt[top]))
        T = float(eos.temperature(here, wave.profile.density[top], wave.profile.energy[top]))
        peaks.append((float(wave.profile.pressure[top]), T))
        halves.append(float(wave.place[-1] - lines.crossing(wave.profile.x, wave.burnt, 0.5)))
        behind = wave.place[-1] - wave.profile.x
        near_front = (behind > -1e-6) & (behind < DRAWN)
        curves.append(Curve(-behind[near_front] * 1e6, wave.profile.pressure[near_front] / 1e9, label))
        every = max(wave.place.size // 45, 1)
        places, times = wave.place[::every], wave.time[::every]
        speeds.append(Curve(places[1:] * 1e6, np.diff(places) / np.diff(times) / 1e3, label))
    rows += [
        near("speed", speed, 9083.0, 0.01, "km/s", "JWL constants of Souers and Haselman 1993"),
        order("order of the density of the spike", spikes, 1.0, 0.5, "a spike is one corner of a jump"),
        near(f"pressure of the spike, {label}", peaks[-1][0], exact.spike.pressure, 0.05, "GPa", OWN),
        told(f"pressure of the spike, {label}", peaks[-1][0], 65e9, "GPa", "Birch-Murnaghan HMX at 9.1 km/s"),
        *(
            told(f"temperature in the densest cell, {LENGTH / cells * 1e9:g} nm", peak[1], spike, "K", OWN)
            for cells, peak in zip(CELLS, peaks, strict=True)
        ),
        near(f"length to half burnt, {label}", halves[-1], exact.half, 0.1, "µm", "steady wave, by integration"),
    ]
    truth = Curve(-exact.distance * 1e6, exact.pressure / 1e9, "steady wave", exact=True)
    jouguet = Curve(np.array([0.0, LENGTH * 1e6]), np.full(2, exact.speed / 1e3), "Chapman-Jouguet", exact=True)
    return Found(
        rows,
        (
            Panel("behind the front", "distance from the front (µm)", "p (GPa)", (truth, *curves)),
            Panel("speed of the front", "x (µm)", "D (km/s)", (jouguet, *speeds)),
        ),
    )
