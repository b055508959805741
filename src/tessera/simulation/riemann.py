"""The flux through a row of faces: HLLC, with the pressure of the contact kept above a floor.

Sums are ordered so that a mirrored flow has the exactly mirrored flux: a + b and b + a round alike,
(a + b) + c and a + (b + c) do not.

References
----------
Toro, Spruce and Speares, Shock Waves 4 (1994) 25 (HLLC); Davis 1988 for the speeds of the outer waves.
"""

from tessera.physics.law import HALF, ONE, ZERO, chosen, row_kernel


@row_kernel
def hllc_row(least, rl, ul, vl, el, pl, cl, rr, ur, vr, er, pr, cr, mass, normal, across, energy, through):
    """Write the flux through each face of a row.

    Parameters
    ----------
    least
        Lowest pressure [Pa].
    rl, ul, vl, el, pl, cl
        Density, velocity through and along the face, specific internal energy, pressure and sound speed
        before the face; shape (n,).
    rr, ur, vr, er, pr, cr
        The same behind the face.
    mass, normal, across, energy, through
        Written: flux of mass, of momentum through and along the face, of total energy; velocity through the face.
    """
    for i in range(mass.size):
        slow = min(ul[i] - cl[i], ur[i] - cr[i])
        fast = max(ul[i] + cl[i], ur[i] + cr[i])
        ml = rl[i] * (slow - ul[i])
        mr = rr[i] * (fast - ur[i])
        contact = ((pr[i] - pl[i]) + (ml * ul[i] - mr * ur[i])) / (ml - mr)
        star = HALF * ((pl[i] + ml * (contact - ul[i])) + (pr[i] + mr * (contact - ur[i])))
        star = max(star, least)
        before = contact >= ZERO
        rho, u, v = chosen(before, rl[i], rr[i]), chosen(before, ul[i], ur[i]), chosen(before, vl[i], vr[i])
        e, p = chosen(before, el[i], er[i]), chosen(before, pl[i], pr[i])
        m, wave = chosen(before, ml, mr), chosen(before, slow, fast)
        beyond = (slow >= ZERO) | (fast <= ZERO)
        total = e + HALF * (u * u + v * v)
        squeezed = m / (wave - contact)
        worked = total + (contact - u) * (contact + p / m)
        speed = u if beyond else contact
        push = p if beyond else star
        flow = (rho if beyond else squeezed) * speed
        through[i] = speed
        mass[i] = flow
        normal[i] = flow * speed + push
        across[i] = flow * v
        energy[i] = flow * (total if beyond else worked) + push * speed


@row_kernel
def upwind_row(mass, before, behind, flux):
    """Write the flux of a species: the mass flux times the share on the side that it comes from."""
    for i in range(mass.size):
        flux[i] = mass[i] * chosen(mass[i] > ZERO, before[i], behind[i])


@row_kernel
def viscous_row(limit, thick, shear, rl, ul, vl, rr, ur, vr, normal, across, energy):
    """Add the viscous stress of each face, as much of it as the thinner of its cells can carry.

    The stress is (4/3, 1) viscosity / cell size times the jump of the velocity (through, along) the face;
    `thick` and `shear` hold those two factors [Pa s/m]. Where a cell is thinner than `limit` [kg/m3] the stress is
    less in proportion, so that a step slows no cell faster than one of that density. The energy follows, so that it
    is conserved.
    """
    for i in range(normal.size):
        share = min(min(rl[i], rr[i]), limit) / limit
        pull = share * thick * (ur[i] - ul[i])
        drag = share * shear * (vr[i] - vl[i])
        normal[i] -= pull
        across[i] -= drag
        energy[i] -= HALF * (pull * (ul[i] + ur[i]) + drag * (vl[i] + vr[i]))


@row_kernel
def shear_row(tiny, zl, vl, sl, zr, vr, sr, across, energy, along):
    """Add the shear stress of each face, and write the velocity along it: the acoustic Riemann problem.

    Parameters
    ----------
    tiny
        Added to a sum of impedances, so that two fluids share no stress.
    zl, vl, sl, zr, vr, sr
        Impedance sqrt(density x shear modulus) [kg/m2/s], velocity along the face and shear stress, before and
        behind the face.
    across, energy
        Fluxes of momentum along the face and of energy, changed.
    along
        Velocity along the face, written.
    """
    for i in range(along.size):
        inverse = ONE / ((zl[i] + zr[i]) + tiny)
        stress = ((zr[i] * sl[i] + zl[i] * sr[i]) + zl[i] * zr[i] * (vr[i] - vl[i])) * inverse
        velocity = ((zl[i] * vl[i] + zr[i] * vr[i]) + (sr[i] - sl[i])) * inverse
        along[i] = velocity
        across[i] -= stress
        energy[i] -= stress * velocity
