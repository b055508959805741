"""Exact Riemann problems for any equation of state: isentropes are integrated, Hugoniots are solved.

Nothing of the scheme is used, only the functions of a law; the two sides may have different laws.

References
----------
Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, chapter 4; Menikoff and Plohr,
Rev. Mod. Phys. 61 (1989) 75, for general laws.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from tessera.physics import eos
from tessera.physics.eos import State

LEFT, RIGHT = -1, 1
DEEPEST = 1e-7  # share of the pressure ahead to which an isentrope is followed [1]
POINTS = 1001  # of a rarefaction's profile


class Side(NamedTuple):
    """Matter on one side of a jump: its law and its state."""

    law: Any
    state: State


def at_pressure(law: Any, density: float, velocity: float, pressure: float) -> Side:
    """Return matter of a density [kg/m3], a velocity [m/s] and a pressure [Pa]."""
    return Side(law, State(density, velocity, float(eos.energy(law, density, pressure)), pressure))


def shocked(ahead: Side, pressure: float, towards: int = LEFT) -> State:
    """Return the state behind a shock of a pressure [Pa] that runs towards a side, `LEFT` or `RIGHT`."""
    law, (rho0, u0, e0, p0) = ahead
    if pressure <= p0:
        return ahead.state

    def excess(rho):
        return eos.energy(law, rho, pressure) - e0 - 0.5 * (pressure + p0) * (1.0 / rho0 - 1.0 / rho)

    high = 1.05 * rho0
    while excess(high) > 0.0:
        high *= 1.05
    rho = brentq(excess, rho0, high, xtol=1e-13 * rho0, rtol=1e-14)
    work = (pressure - p0) * (1.0 / rho0 - 1.0 / rho)
    return State(rho, u0 + towards * np.sqrt(work), e0 + 0.5 * (pressure + p0) * (1.0 / rho0 - 1.0 / rho), pressure)


def shock_speed(ahead: State, behind: State) -> float:
    """Return the speed [m/s] of the shock between two states, from the conservation of mass."""
    return (behind.density * behind.velocity - ahead.density * ahead.velocity) / (behind.density - ahead.density)


class Isentrope:
    """States reached by expansion from a state, by density; the velocity is that of a simple wave.

    Parameters
    ----------
    ahead
        Where the wave runs into.
    towards
        The side that it runs towards, `LEFT` or `RIGHT`.
    lowest
        Pressure [Pa] at which the expansion is followed no further.
    """

    def __init__(self, ahead: Side, towards: int = LEFT, lowest: float = 0.0) -> None:
        self._ahead, self._towards, law = ahead, towards, ahead.law

        def rise(log_rho, values):
            rho, e = np.exp(log_rho), values[0]
            return eos.tension(law, rho, e) / rho, eos.sound_speed(law, rho, e)

        def spent(log_rho, values):
            return eos.tension(law, np.exp(log_rho), values[0]) - lowest

        spent.terminal = True  # type: ignore[attr-defined]
        begin = np.log(ahead.state.density)
        start = (ahead.state.energy, 0.0)
        scale = float(eos.sound_speed(law, ahead.state.density, ahead.state.energy)) ** 2
        path = solve_ivp(
            rise,
            (begin, begin - 40.0),
            start,
            method="DOP853",
            rtol=1e-11,
            atol=[1e-13 * scale, 1e-13 * np.sqrt(scale)],
            events=spent,
            dense_output=True,
        )
        self._path, self.end = path.sol, float(path.t[-1])
        self.begin = begin

    def at(self, log_rho: float) -> State:
        """Return the state at the logarithm of a density."""
        e, w = self._path(log_rho)
        rho = float(np.exp(log_rho))
        p = float(eos.tension(self._ahead.law, rho, e))
        return State(rho, self._ahead.state.velocity + self._towards * float(w), float(e), p)

    def to(self, pressure: float) -> State:
        """Return the state at a pressure [Pa]."""
        if pressure >= self._ahead.state.pressure:
            return self._ahead.state
        if pressure <= self.at(self.end).pressure:
            return self.at(self.end)
        root = brentq(lambda s: self.at(s).pressure - pressure, self.end, self.begin, xtol=1e-14)
        return self.at(root)


def released(ahead: Side, towards: int = LEFT) -> State:
    """Return the state after an isentropic release to no pressure."""
    path = Isentrope(ahead, towards)
    return path.at(path.end)._replace(pressure=0.0)


class Solution(NamedTuple):
    """The exact solution of a Riemann problem.

    Attributes
    ----------
    sides
        What was on the left and on the right.
    stars
        States left and right of the contact.
    speeds
        Of the five boundaries [m/s]: head and tail of the left wave (equal for a shock), contact, tail and head
        of the right wave.
    fans
        Of each side, speeds [m/s] and states (4, n) inside a rarefaction; None for a shock.
    """

    sides: tuple[Side, Side]
    stars: tuple[State, State]
    speeds: tuple[float, float, float, float, float]
    fans: tuple[Any, Any]

    @property
    def pressure(self) -> float:
        """Pressure between the waves [Pa]."""
        return self.stars[0].pressure

    @property
    def velocity(self) -> float:
        """Velocity between the waves [m/s]."""
        return self.stars[0].velocity

    def profile(self, speed: np.ndarray) -> np.ndarray:
        """Return density, velocity, energy and pressure (4, n) where x / t has given values [m/s]."""
        (left, right), (before, behind) = self.sides, self.stars
        region = np.searchsorted(self.speeds, speed, side="right")
        values = np.array([left.state, left.state, before, behind, right.state, right.state])[region].T
        for fan, part in ((self.fans[0], region == 1), (self.fans[1], region == 4)):
            if fan is not None:
                values[:, part] = [np.interp(speed[part], fan[0], row) for row in fan[1]]
        return values


def riemann(left: Side, right: Side) -> Solution:
    """Solve a Riemann problem without vacuum."""
    lowest = DEEPEST * min(left.state.pressure, right.state.pressure)
    paths = Isentrope(left, LEFT, lowest), Isentrope(right, RIGHT, lowest)

    def behind(p: float) -> list[State]:
        pairs = zip((left, right), paths, (LEFT, RIGHT), strict=True)
        return [shocked(side, p, way) if p > side.state.pressure else path.to(p) for side, path, way in pairs]

    def excess(p: float) -> float:
        one, other = behind(p)
        return one.velocity - other.velocity

    rho, _, e, p = left.state
    stiff = rho * float(eos.sound_speed(left.law, rho, e)) ** 2
    low, high = 1.01 * lowest, max(2.0 * p, 2.0 * right.state.pressure, 1e-3 * stiff)
    while excess(high) > 0.0:
        high *= 2.0
    p = brentq(excess, low, high, xtol=1e-14 * high, rtol=1e-14)
    stars = behind(p)
    waves = [_wave(*parts) for parts in zip((left, right), stars, paths, (LEFT, RIGHT), strict=True)]
    (head, tail, first), (front, late, last) = waves
    return Solution((left, right), (stars[0], stars[1]), (head, tail, stars[0].velocity, late, front), (first, last))


def _wave(side: Side, star: State, path: Isentrope, way: int) -> tuple[float, float, Any]:
    """Return head and tail of a wave [m/s], and what is inside a rarefaction, by rising speed."""
    if star.pressure > side.state.pressure:
        speed = shock_speed(side.state, star)
        return speed, speed, None
    log_rho = np.linspace(path.begin, np.log(star.density), POINTS)
    states = np.array([path.at(value) for value in log_rho]).T
    speeds = states[1] + way * eos.sound_speed(side.law, states[0], states[2])
    rising = slice(None) if way == LEFT else slice(None, None, -1)
    return float(speeds[0]), float(speeds[-1]), (speeds[rising], states[:, rising])
