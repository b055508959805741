"""One cluster for all tests of this folder, and the profile of its site."""

import os

import pytest

from tests.slurm.cluster import Cluster, UnavailableError, install
from tests.slurm.site import Site


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Return a running Slurm; skip, or fail where TESSERA_REQUIRE_SLURM is set, if there can be none."""
    try:
        install()
    except UnavailableError as reason:
        if os.environ.get("TESSERA_REQUIRE_SLURM"):
            pytest.fail(f"TESSERA_REQUIRE_SLURM is set: {reason}", pytrace=False)
        pytest.skip(str(reason))
    with Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as running:
        yield running


@pytest.fixture(scope="session")
def site(cluster, tmp_path_factory):
    """Return the place from which a user of that cluster runs studies."""
    return Site(cluster, tmp_path_factory.mktemp("site"))
