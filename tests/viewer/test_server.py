"""The page is served to this machine and to its own page alone, until the process is told to stop."""

import http.client
import signal
import socket
import subprocess
import sys

import pytest

from tessera.data import store
from tessera.errors import ConfigError, DataError
from tessera.viewer import server
from tests.data.ensemble import ensemble
from tests.viewer.serving import serving


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    path = tmp_path_factory.mktemp("server") / "a.json"
    store.save_zarr(ensemble(), path)
    return path


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def asked(port, path, **headers):
    """Return status and headers of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.headers


def own_address():
    """Return an address of this machine that is not the loopback; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        try:
            other.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"
        return other.getsockname()[0]


def test_the_server_speaks_to_this_machine_and_its_own_page_alone(manifest):
    with serving(manifest) as serve:
        status, headers = asked(serve.port, "/")
        assert status == 200
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'")
        assert "http" not in policy.replace("https", "http")
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        for host, expected in {
            f"127.0.0.1:{serve.port}": 101,
            f"localhost:{serve.port}": 101,
            f"127.0.0.1:{serve.port + 1}": 403,
            "example.org": 403,
            f"example.org:{serve.port}": 403,
        }.items():
            assert asked(serve.port, "/ws", Origin=f"http://{host}", **upgrade)[0] == expected, host
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((own_address(), serve.port), timeout=5)
        code, said = serve.stop(signal.SIGTERM)
        assert code == 143
        assert said.splitlines()[-1].startswith("tessera view: terminated")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", serve.port), timeout=5)


def test_a_taken_port_is_one_line(manifest, taken):
    command = [sys.executable, "-m", "tessera", "view", str(manifest), "--no-open", "--port", str(taken)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line == f"tessera view: --port: expected a free port, got {taken}: Address already in use"


def test_a_missing_package_is_said_with_what_to_install(manifest, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(ConfigError, match=r"packages: expected bokeh, found none; pip install 'tessera\[view\]'"):
        server.view(manifest, 0, False)


def test_where_there_is_nothing_to_look_at_nothing_is_served(tmp_path):
    with pytest.raises(DataError, match="found no store"):
        server.view(tmp_path, 0, False)


@pytest.mark.parametrize(
    ("wish", "display", "opened"), [(None, "", 0), (None, ":0", 1), (True, "", 1), (False, ":0", 0)]
)
def test_a_browser_is_opened_where_it_can_be_seen_or_is_asked_for(manifest, monkeypatch, wish, display, opened):
    class Stop(BaseException):
        pass

    def stop(self, timeout=None):
        if timeout is None:
            raise Stop
        join(self, timeout)

    seen, join = [], server.Thread.join
    monkeypatch.setattr(server.webbrowser, "open", seen.append)
    monkeypatch.setattr(server.Thread, "join", stop)
    monkeypatch.setattr(server.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(Stop):
        server.view(manifest, 0, wish)
    assert len(seen) == opened
    assert all(address.startswith("http://127.0.0.1:") for address in seen)
