"""Kinetics: what a reaction does to the shares of species in a short time, and the heat it releases.

Species are mass fractions: A the explosive, B fragments, C intermediate gases, the rest final gases. A reaction
of one step has no B and no C. Adding a reaction touches this file alone.

References
----------
Tarver, Chidester and Nichols, J. Phys. Chem. 100 (1996) 5794: three steps A -> B -> C, 2 C -> D. Henson et al.,
Ignition Chemistry in HMX from Thermal Explosion to Detonation, LA-UR-01-3499, as HEburn.data of EOSlib (LANL):
one step over seventeen decades of time.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from tessera.physics.law import ONE, ZERO, open_function, point

CALORIE = 4184.0  # one calorie per gram [J/kg]
GAS_CONSTANT = 8.314462618  # [J/mol/K]


@open_function
def ignition(reaction, zero):
    """Return the temperature [K] below which the reaction is too slow to matter (plus `zero`)."""
    raise NotImplementedError(f"ignition: expected one of {sorted(REACTIONS)}, got {type(reaction).__name__}")


@open_function
def heating(reaction, T, A, B, C):
    """Return the heat that is released [W/kg] at temperature `T` [K]."""
    raise NotImplementedError(f"heating: expected one of {sorted(REACTIONS)}, got {type(reaction).__name__}")


@open_function
def explosive(reaction, T, A, B, C, dt):
    """Return the share of A [1] after `dt` [s] at temperature `T` [K]."""
    raise NotImplementedError(f"explosive: expected one of {sorted(REACTIONS)}, got {type(reaction).__name__}")


@open_function
def fragments(reaction, T, A, B, C, dt):
    """Return the share of B [1] after `dt` [s] at temperature `T` [K]."""
    raise NotImplementedError(f"fragments: expected one of {sorted(REACTIONS)}, got {type(reaction).__name__}")


@open_function
def intermediates(reaction, T, A, B, C, dt):
    """Return the share of C [1] after `dt` [s] at temperature `T` [K]."""
    raise NotImplementedError(f"intermediates: expected a reaction, got {type(reaction).__name__}")


@open_function
def released(reaction, A, B, C):
    """Return the heat [J/kg] that was released when A, B and C are left of pure A."""
    raise NotImplementedError(f"released: expected one of {sorted(REACTIONS)}, got {type(reaction).__name__}")


@point
def burnt(rho, a, b, c):
    """Return the mass fraction [1] of products, from the densities of all and of what still reacts."""
    return min(max(ONE - (a + b + c) / rho, ZERO), ONE)


class Inert(NamedTuple):
    """No reaction."""

    absent: float = 0.0


@ignition.register
def _(reaction: Inert, zero):  # noqa: ARG001
    return math.inf


@heating.register
def _(reaction: Inert, T, A, B, C):  # noqa: ARG001
    return 0.0


@explosive.register
def _(reaction: Inert, T, A, B, C, dt):  # noqa: ARG001
    return A


@fragments.register
def _(reaction: Inert, T, A, B, C, dt):  # noqa: ARG001
    return B


@intermediates.register
def _(reaction: Inert, T, A, B, C, dt):  # noqa: ARG001
    return C


@released.register
def _(reaction: Inert, A, B, C):  # noqa: ARG001
    return 0.0


class Tarver(NamedTuple):
    """Three steps of HMX: rates k1 A, k2 B, k3 C^2 with k = exp(ln_z - activation / (R T)).

    Attributes
    ----------
    ln_z1, ln_z2, ln_z3
        Logarithms of the frequency factors [1/s].
    activation1, activation2, activation3
        Activation energies [J/mol].
    heat1, heat2, heat3
        Heat released by each step [J/kg]; the first takes heat.
    threshold
        Temperature below which nothing happens within microseconds [K].
    """

    ln_z1: float = 48.7
    ln_z2: float = 37.3
    ln_z3: float = 28.1
    activation1: float = 220.5e3
    activation2: float = 184.5e3
    activation3: float = 142.7e3
    heat1: float = -100.0 * CALORIE
    heat2: float = 300.0 * CALORIE
    heat3: float = 1200.0 * CALORIE
    threshold: float = 600.0


@ignition.register
def _(reaction: Tarver, zero):
    return reaction.threshold + zero


@heating.register
def _(reaction: Tarver, T, A, B, C):
    first = A * math.exp(reaction.ln_z1 - reaction.activation1 / (GAS_CONSTANT * T))
    second = B * math.exp(reaction.ln_z2 - reaction.activation2 / (GAS_CONSTANT * T))
    third = C * C * math.exp(reaction.ln_z3 - reaction.activation3 / (GAS_CONSTANT * T))
    return reaction.heat1 * first + reaction.heat2 * second + reaction.heat3 * third


@explosive.register
def _(reaction: Tarver, T, A, B, C, dt):  # noqa: ARG001
    return A * math.exp(-dt * math.exp(reaction.ln_z1 - reaction.activation1 / (GAS_CONSTANT * T)))


@fragments.register
def _(reaction: Tarver, T, A, B, C, dt):  # noqa: ARG001
    """Solve B' = k1 A - k2 B exactly."""
    k1 = math.exp(reaction.ln_z1 - reaction.activation1 / (GAS_CONSTANT * T))
    k2 = math.exp(reaction.ln_z2 - reaction.activation2 / (GAS_CONSTANT * T))
    gap = k1 - k2
    share = -math.expm1(-gap * dt) / gap if abs(gap) * dt > 1e-9 else dt
    return (B + A * k1 * share) * math.exp(-k2 * dt)


@intermediates.register
def _(reaction: Tarver, T, A, B, C, dt):
    """Solve C' = gain - k3 C^2 by the implicit midpoint rule, by implicit Euler where that oscillates."""
    k3 = dt * math.exp(reaction.ln_z3 - reaction.activation3 / (GAS_CONSTANT * T))
    left = explosive(reaction, T, A, B, C, dt) + fragments(reaction, T, A, B, C, dt)
    supply = C + max(A + B - left, 0.0)
    doubled = 2.0 * (supply + C) / (1.0 + math.sqrt(1.0 + k3 * (supply + C)))
    return doubled - C if doubled > 1.2 * C else 2.0 * supply / (1.0 + math.sqrt(1.0 + 4.0 * k3 * supply))


@released.register
def _(reaction: Tarver, A, B, C):
    first, second, third = 1.0 - A, 1.0 - A - B, 1.0 - A - B - C
    return reaction.heat1 * first + reaction.heat2 * second + reaction.heat3 * third


class OneStep(NamedTuple):
    """One step A -> D of first order: rate k A with k = exp(ln_z - activation / (R T)).

    The default is the last step of Tarver's scheme alone, with the heat of all three: the slowest decides.

    Attributes
    ----------
    ln_z
        Logarithm of the frequency factor [1/s].
    activation
        Activation energy [J/mol].
    heat
        Heat released [J/kg].
    threshold
        Temperature below which nothing happens within microseconds [K].
    """

    ln_z: float = 28.1
    activation: float = 142.7e3
    heat: float = 1400.0 * CALORIE
    threshold: float = 600.0


def henson_smilowitz() -> OneStep:
    """Return the global rate of HMX after Henson and Smilowitz: ln_z 29.35, activation 149 kJ/mol.

    Its source gives no heat; that of Tarver's three steps together is taken.
    """
    return OneStep(ln_z=29.35, activation=149.0e3)


@ignition.register
def _(reaction: OneStep, zero):
    return reaction.threshold + zero


@heating.register
def _(reaction: OneStep, T, A, B, C):  # noqa: ARG001
    return reaction.heat * A * math.exp(reaction.ln_z - reaction.activation / (GAS_CONSTANT * T))


@explosive.register
def _(reaction: OneStep, T, A, B, C, dt):  # noqa: ARG001
    return A * math.exp(-dt * math.exp(reaction.ln_z - reaction.activation / (GAS_CONSTANT * T)))


@fragments.register
def _(reaction: OneStep, T, A, B, C, dt):  # noqa: ARG001
    return B


@intermediates.register
def _(reaction: OneStep, T, A, B, C, dt):  # noqa: ARG001
    return C


@released.register
def _(reaction: OneStep, A, B, C):
    return reaction.heat * (1.0 - A - B - C)


REACTIONS: dict[str, Callable[..., Any]] = {
    "inert": Inert,
    "tarver": Tarver,
    "henson-smilowitz": henson_smilowitz,
    "one-step": OneStep,
}
