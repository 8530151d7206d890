"""A task with a path of its own, as a process, with a real database."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.startup.orders import FaultKind, OrderedFault, PathOrder
from chaosnetra.startup.outcome import ExitReason, Status
from chaosnetra.startup.reports import TaskReport
from tests.support.helpers import alive, present, query, wait_until
from tests.support.image import in_image, run_python
from tests.support.socket_postgres import socket_postgres
from tests.support.tasks import SERVICE, ended, make_schema, order, reports, start_task, toxic
from tests.support.tls import Authority, TlsFront

pytestmark = pytest.mark.usefixtures("nothing_left")

REPORT = "CHAOSNETRA_REPORT_DATABASE_URL"
URL = {"DATABASE_URL": "{url}"}
LATENCY = toxic("latency", latency_ms=40)
DOWN = OrderedFault("proxy database down", FaultKind.PROXY, {"enabled": False})


@pytest.fixture
def admin(postgres: PostgresServer) -> DatabaseAddress:
    make_schema(postgres.admin)
    return postgres.admin


@pytest.fixture
def environ(postgres: PostgresServer, admin: DatabaseAddress) -> dict[str, str]:
    """As a job's configuration sets it."""
    url = postgres.database.url.replace("postgresql:", "postgresql+asyncpg:")
    return {"DATABASE_URL": url, REPORT: admin.url}


def only_report(admin: DatabaseAddress) -> TaskReport:
    [report] = reports(admin)
    return report


def on_path(faults: tuple[OrderedFault, ...] = (), variables: dict[str, str] = URL) -> PathOrder:
    return PathOrder(variables, faults, measure_seconds=20.0, seed=3)


def processes_below(task: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(task.pid).children(recursive=True)


def process_of_path(task: "subprocess.Popen[str]") -> psutil.Process | None:
    for one in processes_below(task):
        if "chaosnetra.task_path" in one.cmdline() and "supervisor.py" not in " ".join(
            one.cmdline()
        ):
            return one
    return None


def test_a_startup_feels_a_fault_of_its_own_task_alone(
    admin: DatabaseAddress, environ: dict[str, str], tmp_path: Path
) -> None:
    """Two tasks at once, on one database, with the extra alone; the second one has no fault."""
    bare = {**environ, **in_image(tmp_path)}
    tasks = [
        start_task(order(on_path(faults)), bare, index=index)
        for index, faults in enumerate([(LATENCY,), ()])
    ]
    assert [ended(task).code for task in tasks] == [0, 0]
    slow, other = reports(admin)
    path = present(slow.path)
    assert path.gap(on_path((LATENCY,))) == ""
    for effect in (path.faults[0].before, path.faults[0].after):
        assert 38 <= present(effect).observed <= 80
    assert present(path.ready_seconds) < 5
    assert present(path.memory_bytes) < 60 << 20
    wires = [present(report.outcome.wire) for report in (slow, other)]
    assert [wire.sessions for wire in wires] == [1, 1]
    assert [wire.round_trips for wire in wires] == [7, 7]
    assert wires[0].waited_seconds >= 7 * 0.04
    assert present(other.outcome.settled or other.outcome.wire).waited_seconds < 7 * 0.04
    assert present(other.path).faults == ()


def test_a_database_behind_a_unix_socket_refuses(tmp_path: Path) -> None:
    with socket_postgres() as database:
        make_schema(database)
        variables = {"PGHOST": "{host}"}
        environ = {
            "PGHOST": database.host,
            "PGUSER": database.user,
            "PGPASSWORD": database.password,
            "PGDATABASE": database.database,
            "TMPDIR": str(tmp_path),
        }
        task = start_task(order(on_path((DOWN,), variables)), environ)
        assert ended(task).code == 1
        report = only_report(database)
    assert present(report.path).gap(on_path((DOWN,))) == ""
    assert report.outcome.status is Status.FAILED
    assert present(report.outcome.wire).refused > 0
    assert [path for path in tmp_path.iterdir() if path.name.startswith("chaosnetra")] == []


def test_a_path_that_cannot_be_is_reported_in_one_line(
    admin: DatabaseAddress, environ: dict[str, str]
) -> None:
    """Where a named variable is not set, where a port is taken, where there is no such fault."""
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    wrong = OrderedFault("toxic database/x", FaultKind.TOXIC, {"name": "x", "type": "fog"})
    for path, more, words in (
        (on_path(variables={"PGHOST": "{host}"}), {}, "does not set PGHOST"),
        (on_path(variables={"PGHOST": "{host}"}), {"PGHOST": "127.0.0.1", "PGPORT": str(port)},
         f"port {port} of the container is taken"),
        (on_path((wrong,)), {}, "toxic database/x: invalid toxic type 'fog'"),
    ):  # fmt: skip
        make_schema(admin)
        done = ended(start_task(order(path), {**environ, **more}))
        report = only_report(admin)
        assert done.code == 64
        assert words in present(report.path).gap(path)
        assert report.outcome.exit_reason is ExitReason.NOT_STARTED
        assert words in present(report.outcome.error).text
        assert admin.password not in done.printed
    taken.close()


@pytest.fixture
def waiting(environ: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A task whose startup is up, and stays so."""
    held = order(on_path((LATENCY,)), hold_seconds=60.0)
    task = start_task(held, environ)
    wait_until(lambda: len(processes_below(task)) >= 4, 30, "its path and its startup are there")
    with task:
        yield task
        task.kill()


def test_a_path_that_is_killed_leaves_the_startup_without_proof(
    admin: DatabaseAddress, environ: dict[str, str]
) -> None:
    held = order(on_path((LATENCY,)), startup_seconds=3.0, hold_seconds=8.0)
    task = start_task(held, environ)
    wait_until(lambda: len(processes_below(task)) >= 4, 30, "its path and its startup are there")
    os.kill(present(process_of_path(task)).pid, signal.SIGKILL)
    ended(task)
    report = only_report(admin)
    assert "the task's path was lost" in present(report.path).gap(on_path((LATENCY,)))
    assert report.outcome.wire is None


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_a_task_is_left_when_it_is_ended(
    waiting: "subprocess.Popen[str]", how: signal.Signals
) -> None:
    below = [one.pid for one in processes_below(waiting)]
    waiting.send_signal(how)
    assert waiting.wait(timeout=20) == (143 if how is signal.SIGTERM else -9)
    wait_until(lambda: not alive(below), 15, "its path and its startup have ended")


# Of a task: the clock of its time to live, which is over once a file is there.
OVER_WITH_A_FILE = """
import os, time
from chaosnetra.task_path import lifetime

class Clock:
    @staticmethod
    def sleep(seconds):
        while seconds > 1 and not os.path.exists(os.environ["OVER"]):
            time.sleep(0.05)
        time.sleep(min(seconds, 1))

lifetime.time, lifetime.GRACE_SECONDS = Clock, 1.0
"""
# It has its session, and takes no request to end.
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVICE}"


def test_a_task_whose_time_to_live_is_over_ends_itself_and_everything_that_it_began(
    admin: DatabaseAddress, environ: dict[str, str], tmp_path: Path
) -> None:
    """Its service does not end when asked to, its path has a fault, and nobody reads its output."""
    (tmp_path / "sitecustomize.py").write_text(OVER_WITH_A_FILE)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(1 << 16))
    os.set_blocking(writing, True)  # whoever prints to it now waits for ever
    held = order(on_path((LATENCY,)), hold_seconds=100.0)
    over = tmp_path / "over"
    more = {**environ, "PYTHONPATH": str(tmp_path), "OVER": str(over)}
    task = start_task(held, more, (sys.executable, "-c", STUBBORN), output=writing)
    os.close(writing)
    with task:
        try:
            wait_until(lambda: len(processes_below(task)) >= 4, 30, "its path and its startup")
            below = [task.pid, *(one.pid for one in processes_below(task))]
            wait_until(lambda: sessions_of(admin) == 1, 30, "its startup has its session")
            # Of its startup, of the observer, of the toxics.
            wait_until(lambda: len(ports_of(below)) >= 3, 30, "all of them listen")
            ports = ports_of(below)
            over.touch()
            assert task.wait(timeout=60) == 124
        finally:
            task.kill()
            os.close(reading)
    wait_until(lambda: not alive(below), 15, "its path and its startup have ended")
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    wait_until(lambda: sessions_of(admin) == 0, 15, "its session has ended")
    assert reports(admin) == []


def ports_of(pids: Sequence[int]) -> set[int]:
    return {place.laddr.port for pid in pids for place in listening(pid)}


def listening(pid: int) -> list[Any]:
    found = psutil.Process(pid).net_connections("tcp")
    return [one for one in found if one.status == psutil.CONN_LISTEN]


def sessions_of(admin: DatabaseAddress) -> int:
    """How many there are of the service's user."""
    return int(query(admin, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT 7'"))


def test_a_clock_that_is_behind_keeps_no_task_waiting(
    admin: DatabaseAddress, environ: dict[str, str]
) -> None:
    """The order is from the future by the task's clock, and asks for a second until the barrier."""
    ahead = time.time() + 3600
    asked = order(on_path(), ordered_at=ahead, barrier_at=ahead + 1.0)
    began = time.monotonic()
    assert ended(start_task(asked, environ)).code == 0
    assert time.monotonic() - began < 20
    [note] = only_report(admin).notes
    assert "its clock is at least 3" in note


@pytest.mark.parametrize(
    ("sslmode", "host", "words"),
    [
        ("verify-ca", "127.0.0.1", ""),
        ("verify-full", "127.0.0.2", "checks that 127.0.0.2 is the name"),
        # As where a hosts entry leads the name here.
        ("verify-full", "localhost", ""),
    ],
)
def test_tls_passes_unread_and_is_as_it_was(
    postgres: PostgresServer,
    admin: DatabaseAddress,
    tmp_path: Path,
    sslmode: str,
    host: str,
    words: str,
) -> None:
    authority = Authority(tmp_path, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server(tmp_path, "localhost"))
    place = ("127.0.0.1", postgres.database.port)
    with TlsFront(place, context) as front:
        options = f"?sslmode={sslmode}&sslrootcert={authority.file}"
        url = postgres.database.at(host, front.port).url + options
        own = postgres.admin.at("127.0.0.1", front.port).url + "?sslmode=require"
        done = ended(start_task(order(on_path((LATENCY,))), {"DATABASE_URL": url, REPORT: own}))
    report = only_report(admin)
    gap = present(report.path).gap(on_path((LATENCY,)))
    assert (words in gap) if words else gap == ""
    assert done.code == (64 if words else 0), done.printed
    if not words:
        assert present(report.outcome.wire).connections[0].encryption == "tls"


def test_a_check_in_an_image_with_the_extra_alone_says_what_a_path_costs(
    environ: dict[str, str], tmp_path: Path
) -> None:
    bare = {**environ, **in_image(tmp_path)}
    done = run_python("-m", "chaosnetra.startup.task", "--check", environ=bare)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert len(done.stdout.splitlines()) == 10
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines())
    assert re.search(r"adds \d+\.\d\d ms a round trip, and has \d\d MiB", done.stdout)
    for url in environ.values():
        assert DatabaseAddress.parse(url).password not in done.stdout


# By libpq, which connects to the address and checks the name.
OF_LIBPQ = """
import os, socket, psycopg
connection = psycopg.connect()
connection.execute("SELECT 7")
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    server.accept()[0].close()
"""


def test_libpq_checks_the_name_while_the_address_alone_is_another(
    postgres: PostgresServer, admin: DatabaseAddress, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server(tmp_path, "db.internal"))
    database = postgres.database
    path = on_path((LATENCY,), {"PGHOSTADDR": "{host}", "PGPORT": "{port}"})
    with TlsFront(("127.0.0.1", database.port), context) as front:
        environ = {
            "PGHOST": "db.internal",
            "PGHOSTADDR": "127.0.0.1",
            "PGPORT": str(front.port),
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(authority.file),
            "PGUSER": database.user,
            "PGPASSWORD": database.password,
            "PGDATABASE": database.database,
            REPORT: f"{admin.url}?sslmode=disable",  # else by PGSSLMODE
        }
        command = [sys.executable, "-c", OF_LIBPQ]
        done = ended(start_task(order(path), environ, command))
    report = only_report(admin)
    assert present(report.path).gap(path) == ""
    assert done.code == 0, done.printed
    assert present(report.outcome.wire).connections[0].encryption == "tls"
