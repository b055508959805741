"""Open functions: one body per type, in Python and in kernels, at the kernel's precision."""

import numba
import numpy as np
import pytest

from tessera.physics import eos
from tessera.physics.law import kernel, of_precision
from tests.physics.materials import every_material


@kernel
def pressures(law, rho, e, p):
    for i in range(p.size):
        p[i] = eos.pressure(law, rho[i], e[i])


@every_material
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_kernels_and_python_agree(material, dtype, rtol):
    """To a hundred units in the last place of the largest pressure, for those of a solid are differences."""
    law, temperatures = material.law, np.geomspace(*material.temperatures, 7)
    rho = np.geomspace(*material.densities, 7)
    e = eos.energy_of_temperature(law, rho, temperatures)
    found, expected = np.zeros(7, dtype), eos.pressure(law, rho, e)
    pressures(of_precision(law, dtype), rho.astype(dtype), e.astype(dtype), found)
    np.testing.assert_allclose(found, expected, rtol=10 * rtol, atol=rtol * expected.max())


@pytest.mark.parametrize(
    "name", ["pressure", "tension", "sound_speed", "temperature", "temperature_bound", "solid_fraction"]
)
@every_material
def test_single_precision_stays_single(material, name):
    """A literal such as 0.5 in a body would turn every kernel into a double-precision one."""
    function = getattr(eos, name)

    @numba.njit(error_model="numpy")
    def call(law, rho, e):
        return function(law, rho, e)

    call(of_precision(material.law, np.float32), np.float32(2000.0), np.float32(1e6))
    assert call.nopython_signatures[0].return_type == numba.float32


@every_material
def test_single_precision_tells_temperatures_to_a_share_of_a_percent(material):
    rho, T = np.geomspace(*material.densities, 7), np.geomspace(*material.temperatures, 7)
    e = eos.energy_of_temperature(material.law, rho, T)

    @numba.njit(error_model="numpy")
    def call(law, rho, e):
        return eos.temperature(law, rho, e)

    single = of_precision(material.law, np.float32)
    found = [call(single, np.float32(one), np.float32(other)) for one, other in zip(rho, e, strict=True)]
    np.testing.assert_allclose(found, T, rtol=3e-3)


def test_a_type_without_a_body_is_named():
    with pytest.raises(NotImplementedError, match="got Inert"):
        from tessera.physics.reaction import Inert

        eos.pressure(Inert(), 1.0, 1.0)
