"""A case that was stopped goes on to the very same result."""

import numpy as np
import pytest
import xarray as xr

from tessera.physics.strength import Strength
from tessera.simulation import run
from tessera.simulation.loading import Piston, PressureHistory
from tests.simulation.flows import HMX, TARVER, pore

SOLID = pore(24, 40, (10.3, 16.0), 6.0)
CASE = {
    "law": HMX,
    "reaction": TARVER,
    "viscosity": 0.05,
    "cell_size": 3.5e-8,
    "snapshots": 5,
    "interval": 1e-10,
    "strength": Strength(),
    "conductivity": 7.0,
}


class StoppedError(Exception):
    """As a kill: in the middle of a case."""


@pytest.fixture(params=[Piston(1000.0), PressureHistory((0.0, 2e-10), (9e9, 5e9))], ids=["piston", "history"])
def case(request):
    return CASE | {"loading": request.param}


def stop_after(steps):
    """Return a keeper's method that keeps at every step and stops after some of them."""
    count = 0

    def keep(self, *arguments):
        nonlocal count
        self._last = -np.inf
        kept(self, *arguments)
        count += 1
        if count == steps:
            raise StoppedError

    kept = run.Keeper.keep
    return keep


@pytest.mark.parametrize("steps", [1, 17, 40])
def test_a_stopped_case_goes_on_to_the_same_result_bit_for_bit(case, steps, tmp_path, monkeypatch):
    whole = run.simulate(SOLID, **case)
    keeper = run.Keeper(tmp_path / "case.checkpoint", "key")
    with monkeypatch.context() as stopped:
        stopped.setattr(run.Keeper, "keep", stop_after(steps))
        with pytest.raises(StoppedError):
            run.simulate(SOLID, keeper=keeper, **case)
    assert keeper.path.is_file()
    again = run.simulate(SOLID, keeper=run.Keeper(keeper.path, "key"), **case)
    assert again.attrs["steps"] == whole.attrs["steps"]
    xr.testing.assert_identical(again.drop_attrs(), whole.drop_attrs())
    keeper.forget()
    assert not keeper.path.exists()


@pytest.mark.parametrize("harm", ["cut", "other", "absent"])
def test_a_checkpoint_that_is_broken_or_of_another_case_is_not_taken(harm, tmp_path, monkeypatch):
    case = CASE | {"loading": Piston(1000.0), "snapshots": 3}
    path = tmp_path / "case.checkpoint"
    with monkeypatch.context() as stopped:
        stopped.setattr(run.Keeper, "keep", stop_after(10))
        with pytest.raises(StoppedError):
            run.simulate(SOLID, keeper=run.Keeper(path, "key"), **case)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif harm == "absent":
        path.unlink()
    again = run.simulate(SOLID, keeper=run.Keeper(path, "other" if harm == "other" else "key"), **case)
    xr.testing.assert_identical(again.drop_attrs(), run.simulate(SOLID, **case).drop_attrs())
