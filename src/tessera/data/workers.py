"""Who does the parts of a stage: this process, one after the other, or the workers of a dask cluster.

A stage says what is done with each of its parts, and gets the results in the order of the parts; they are the same
bits whoever does them. Which cluster it is, the command says once: `with hired("tcp://host:8786"): ...`.
Workers must see the same files under the same absolute paths; whoever reaches a scheduler of dask can run code on
its workers, so that it belongs in a network that is trusted.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tessera.data.files import short
from tessera.errors import ConfigError

PATIENCE = 10.0  # s, for a scheduler to answer
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
_CLIENT: ContextVar[Any] = ContextVar("client", default=None)


@contextmanager
def hired(cluster: str | None) -> Iterator[None]:
    """Let `each` use a cluster inside of the block.

    Parameters
    ----------
    cluster
        Address of the scheduler of a dask cluster, `tcp://host:port`, or a number of processes on this machine;
        None for this process alone.

    Raises
    ------
    ConfigError
        There is no such cluster, or the package `distributed` is missing.
    """
    if cluster is None:
        yield
        return
    try:
        import distributed
    except ImportError:
        raise ConfigError("--dask: expected the package distributed, got none; install tessera[dask]") from None
    with _local(distributed, cluster) as address, _client(distributed, address) as client:
        token = _CLIENT.set(client)
        try:
            yield
        finally:
            _CLIENT.reset(token)


def each(function: Callable[..., Any], parts: Sequence[Any], *shared: Any) -> list[Any]:
    """Return `function(part, *shared)` of every part, in the order of the parts.

    On a cluster no part is begun behind the back of an error: all are done before the first error, in the order of
    the parts, is raised.
    """
    client = _CLIENT.get()
    if client is None:
        return [function(part, *shared) for part in parts]
    known = client.scatter([shared], broadcast=True, hash=False)[0]
    tasks = client.map(_tried, parts, function=function, shared=known, pure=False)
    found = client.gather(tasks)
    for _, error in found:
        if error is not None:
            raise error
    return [value for value, _ in found]


def _tried(part: Any, function: Callable[..., Any], shared: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    try:
        return function(part, *shared), None
    except Exception as error:  # raised by `each`
        return None, error


@contextmanager
def _local(distributed: Any, cluster: str) -> Iterator[str]:
    """Give the address of a cluster; start it where a number asks for one on this machine."""
    if not cluster.isdecimal():
        if not _ADDRESS.fullmatch(cluster):
            raise ConfigError(
                f"--dask: expected a number of processes or a scheduler such as tcp://host:8786, got {cluster!r}"
            )
        yield cluster
        return
    if not 1 <= int(cluster) <= 1024:
        raise ConfigError(f"--dask: expected 1 to 1024 processes, got {cluster}")
    settings = {"host": "127.0.0.1", "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=int(cluster), **settings) as started:
        yield started.scheduler_address


@contextmanager
def _client(distributed: Any, address: str) -> Iterator[Any]:
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"--dask: expected a scheduler at {address}, got {short(error)}") from None
    with client:
        yield client
