"""Fixtures for all tests: real parts, a clean environment, and nothing left behind."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaosnetra.running.session import end_session
from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import ToxiproxyServer, start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.programs import chaos_command, merged

RUN_SECONDS = 240


def pytest_configure(config: pytest.Config) -> None:
    """Hear signals: a process started in the background ignores some, and so would every run."""
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, default)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting comes from outside, no state goes outside, no session outlives its test."""
    for name in list(os.environ):
        if name.startswith("CHAOSNETRA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield
    end_session()


@pytest.fixture
def user_modules(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's own modules, for runs and in here: `USER_MODULES` of the tests' module."""
    for name, text in request.module.USER_MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Ends the session; fails the test when a process that it started is there after that."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    end_session()
    # A shared server's own helpers come and go; what is really left stays.
    deadline = time.monotonic() + 15
    while True:
        left = [child for child in _children() if child.pid not in before]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert left == []


def _children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, shared by all tests."""
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def toxiproxy_server() -> Iterator[ToxiproxyServer]:
    """A real Toxiproxy server, shared by all tests; each uses proxies of its own."""
    server = start_toxiproxy()
    yield server
    server.stop()


@pytest.fixture
def toxiproxy(toxiproxy_server: ToxiproxyServer) -> Iterator[ToxiproxyClient]:
    """A client for the server; at the end of the test the server has no proxies."""
    client = ToxiproxyClient(toxiproxy_server.url)
    yield client
    for name in client.proxies():
        client.delete_proxy(name)


@dataclass(frozen=True)
class ChaosRun:
    """What one `chaos run` left."""

    returncode: int
    output: str
    folder: Path
    journal_text: str | None

    @property
    def journal(self) -> dict[str, Any]:
        assert self.journal_text is not None, self.output
        data: dict[str, Any] = json.loads(self.journal_text)
        return data

    @property
    def section(self) -> dict[str, Any]:
        section: dict[str, Any] = self.journal["chaosnetra"]
        return section

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = (self.folder / "journal.events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


RunChaos = Callable[..., ChaosRun]


@pytest.fixture
def run_chaos(tmp_path: Path) -> RunChaos:
    """Runs `chaos run` as a user does: a process of its own, in a folder of its own."""

    def run(experiment: dict[str, Any] | Path, *options: str, **environment: str) -> ChaosRun:
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        if isinstance(experiment, Path):
            path = experiment
        else:
            path = folder / "experiment.json"
            path.write_text(json.dumps(experiment))
        done = merged(
            [*chaos_command(), "run", *options, str(path)],
            cwd=folder,
            env={**os.environ, **environment},
            timeout=RUN_SECONDS,
        )
        journal = folder / "journal.json"
        return ChaosRun(
            done.returncode, done.stdout, folder, journal.read_text() if journal.exists() else None
        )

    return run
