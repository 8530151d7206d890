"""Who listens on a port: asked of the system itself, and of psutil where that does not work."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chaosnetra.processes import listening
from chaosnetra.processes.listening import _listens_by_psutil, listens

SERVER = """
import os, socket, sys, time
address = (sys.argv[1], 0)
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
if sys.argv[2] == "child" and os.fork() != 0:
    os.wait()
server = socket.create_server(address, family=family)
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""

Ask = Callable[[int, int], bool]


@pytest.fixture(params=[listens, _listens_by_psutil], ids=["system", "psutil"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ask:
    if request.param is listens:

        def never(*arguments: object) -> bool:
            raise AssertionError("the system did not tell")

        monkeypatch.setattr(listening, "_listens_by_psutil", never)
    found: Ask = request.param
    return found


@contextmanager
def server(host: str, who: str) -> Iterator[tuple[int, int]]:
    """Process id and port of a server, or of one whose child is it."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, host, who],
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            os.killpg(process.pid, 9)


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux is asked")
@pytest.mark.parametrize("who", ["self", "child"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listener_is_found_in_its_own_tree_only(ask: Ask, host: str, who: str) -> None:
    with server(host, who) as (pid, port), server("127.0.0.1", "self") as (other, other_port):
        assert ask(pid, port)
        assert ask(os.getpid(), port)  # it descends from us
        assert not ask(pid, other_port)
        assert not ask(other, port)


def test_a_port_that_is_only_bound_or_connected_has_no_listener(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not ask(os.getpid(), bound.getsockname()[1])
        with socket.create_connection(listener.getsockname()) as client:
            assert not ask(os.getpid(), client.getsockname()[1])
        assert ask(os.getpid(), listener.getsockname()[1])


def test_a_process_that_is_gone_listens_on_nothing(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = subprocess.Popen(["true"])
        gone.wait()
        assert not ask(gone.pid, listener.getsockname()[1])


def test_where_the_system_does_not_tell_psutil_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "NETLINK_SOCK_DIAG", 31)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert listens(os.getpid(), listener.getsockname()[1])
        assert not listens(1_000_000_000, listener.getsockname()[1])
