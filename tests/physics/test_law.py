"""Open functions: one body per type, in Python and in kernels, at the kernel's precision."""

import numba
import numpy as np
import pytest

from tessera.physics import eos
from tessera.physics.law import kernel, of_precision

HMX = eos.LAWS["mie-gruneisen"](1891.0, 2901.0, 2.058, 1.1, 300.0)


@kernel
def pressures(law, rho, e, p):
    for i in range(p.size):
        p[i] = eos.pressure(law, rho[i], e[i])


@pytest.mark.parametrize("law", [HMX, eos.IdealGas()], ids=["mie-gruneisen", "ideal-gas"])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-14)])
def test_kernels_and_python_agree(law, dtype, rtol):
    rho, e = np.linspace(1900.0, 2800.0, 7), np.linspace(1e5, 5e6, 7)
    found = np.zeros(7, dtype)
    pressures(of_precision(law, dtype), rho.astype(dtype), e.astype(dtype), found)
    np.testing.assert_allclose(found, eos.pressure(law, rho, e), rtol=rtol)


@pytest.mark.parametrize("name", ["pressure", "sound_speed", "temperature_bound", "solid_fraction"])
@pytest.mark.parametrize("law", [HMX, eos.IdealGas()], ids=["mie-gruneisen", "ideal-gas"])
def test_single_precision_stays_single(law, name):
    """A literal such as 0.5 in a body would turn every kernel into a double-precision one."""
    function = getattr(eos, name)

    @numba.njit(error_model="numpy")
    def call(law, rho, e):
        return function(law, rho, e)

    call(of_precision(law, np.float32), np.float32(2000.0), np.float32(1e6))
    assert call.nopython_signatures[0].return_type == numba.float32


def test_a_type_without_a_body_is_named():
    with pytest.raises(NotImplementedError, match="got Inert"):
        from tessera.physics.reaction import Inert

        eos.pressure(Inert(), 1.0, 1.0)
