"""The server of the page: on the loopback alone, for its own page alone, until Ctrl-C or SIGTERM.

It runs in a thread of its own, for an event loop drops what a signal raises in it; the main thread only waits.
"""

import asyncio
import logging
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from tessera.errors import ConfigError
from tessera.viewer import stores
from tessera.viewer.values import Reader

ADDRESS = "127.0.0.1"
NEEDED = ("bokeh",)  # of the extra `view`
PATIENCE = 2.0  # until what is open has to be closed [s]
log = logging.getLogger("tessera")


def view(results: Path, port: int, browser: bool | None) -> None:
    """Serve the page of what a path holds until the process is told to stop.

    Parameters
    ----------
    results
        A study's results, a manifest or a case file.
    port
        Where to serve it; 0 for any free port.
    browser
        Whether to open a browser; None opens one where there is a display.

    Raises
    ------
    ConfigError
        A package of the extra `view` is missing, or the port is taken.
    DataError
        There is no store that can be looked at.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"packages: expected {', '.join(missing)}, found none; pip install 'tessera[view]'")
    shelf, port = stores.find(results), _free(port)
    from tessera.viewer.page import Page

    reader = Reader()
    for name in ("bokeh", "tornado"):
        logging.getLogger(name).setLevel(logging.WARNING)
    Thread(target=shelf.verify, daemon=True).start()
    ready: Future[Callable[[], Any]] = Future()
    page = _serve(lambda document: Page(shelf, reader, results, document), port, ready)
    thread = Thread(target=lambda: asyncio.run(page), daemon=True)
    thread.start()
    stop, address = ready.result(), f"http://{ADDRESS}:{port}/"
    try:
        count = f"{len(shelf.stores)} store{'s' if len(shelf.stores) != 1 else ''}"
        log.info("%s shows %s of %s, Ctrl-C ends it", address, count, results)
        for why in shelf.broken.values():
            log.warning("left out: %s", why)
        if _has_display() if browser is None else browser:
            webbrowser.open(address)
        thread.join()
    finally:
        stop()
        thread.join(PATIENCE)


async def _serve(make: Callable[[Any], Any], port: int, ready: Future[Callable[[], Any]]) -> None:
    """Serve what is made for the document of each visitor until what `ready` gets is called."""
    from bokeh.server.server import Server

    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    hosts = [f"{ADDRESS}:{port}", f"localhost:{port}"]
    try:
        server = Server(make, port=port, address=ADDRESS, allow_websocket_origin=hosts, transforms=[_policy(hosts)])
        server.start()
    except Exception as error:
        ready.set_exception(error)
        return
    ready.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
    await stopped.wait()
    server.stop()


def _policy(hosts: list[str]) -> type:
    """Return what tells browsers to ask nobody but us, whatever a library puts on the page."""
    from tornado.httputil import HTTPHeaders
    from tornado.web import OutputTransform

    sockets = " ".join(f"ws://{host}" for host in hosts)
    allowed = f"default-src 'self' 'unsafe-inline' 'unsafe-eval' data:; connect-src 'self' {sockets}"

    class Policy(OutputTransform):
        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            headers["Content-Security-Policy"] = f"{allowed}; frame-ancestors 'none'"
            return super().transform_first_chunk(status_code, headers, chunk, finishing)

    return Policy


def _free(port: int) -> int:
    """Return the port if nobody has it, or any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise ConfigError(f"--port: expected a free port, got {port}: {error.strerror}") from None
        return int(probe.getsockname()[1])


def _has_display() -> bool:
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
