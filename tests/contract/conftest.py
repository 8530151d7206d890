"""What tests of a contract are run against: servers of each implementation, ways to start."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaosnetra.ports import free_port
from chaosnetra.processes.listening import listens
from chaosnetra.stand.toxiproxy_program import find_program
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.start_methods import Method
from tests.support.toxiproxy_servers import EMBEDDED, IMPLEMENTATIONS, REAL, Served


@contextmanager
def serving_metrics(implementation: str, folder: Path) -> Iterator[Served]:
    """A server of that implementation, as a program of its own that serves `/metrics`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    embedded = [sys.executable, "-m", "chaosnetra.toxiproxy.embedded", "--proxy-metrics"]
    programs = {
        REAL: lambda: [str(find_program()), "-host", "127.0.0.1", "-proxy-metrics", "-port"],
        EMBEDDED: lambda: [*embedded, "--port"],
    }
    command = [*programs[implementation](), str(port)]
    with (folder / "output").open("wb") as output:
        program = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            client = ToxiproxyClient(url)
            deadline = time.monotonic() + 30
            while not listens(program.pid, port):
                assert program.poll() is None, (folder / "output").read_text("utf-8")
                assert time.monotonic() < deadline, "it does not listen"
                time.sleep(0.02)
            yield Served(implementation, SimpleNamespace(url=url), client)
        finally:
            program.kill()
            program.wait()


@pytest.fixture(scope="module", params=list(IMPLEMENTATIONS))
def shared_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    server = IMPLEMENTATIONS[request.param]()
    try:
        yield Served(request.param, server, ToxiproxyClient(server.url))
    finally:
        server.stop()


@pytest.fixture
def served(shared_server: Served) -> Iterator[Served]:
    """A server without proxies."""
    yield shared_server
    for name in shared_server.client.proxies():
        shared_server.client.delete_proxy(name)


@pytest.fixture(params=list(IMPLEMENTATIONS))
def own_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server that nobody else uses: the test may wedge it."""
    server = IMPLEMENTATIONS[request.param]()
    try:
        yield Served(request.param, server, ToxiproxyClient(server.url))
    finally:
        server.stop()


@pytest.fixture(params=["spawn", "fork"])
def method(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Method]:
    made = Method(request.param, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaosnetra.startup.launcher.GRACE_SECONDS", 0.5)
