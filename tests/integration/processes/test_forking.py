"""The process that startups are forked from."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput, PartUnavailable
from chaosnetra.processes.forking import ForkServer
from chaosnetra.running.session import current_session
from chaosnetra.settings import Settings
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.starting import Fork, Starter, fork_server
from chaosnetra.startup.target_plan import make_plan
from tests.support.helpers import alive, wait_until

DATABASE = DatabaseAddress("127.0.0.1", 1, "user", "the-password", "base")
LIMITS = Limits(startup_seconds=10, kill_margin_seconds=1, readiness_seconds=2)

APP = """
{imports}

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    {startup}
    await send({{"type": "lifespan.startup.complete"}})
    await receive()
    await send({{"type": "lifespan.shutdown.complete"}})
"""


THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(60,), name="ticker", daemon=True).start()
"""


def plan_for(folder: Path, imports: str = "", startup: str = "pass") -> LaunchPlan:
    text = APP.format(imports=imports, startup=startup)
    (folder / "netra_forked_app.py").write_text(text)
    settings = Settings.from_configuration(
        {
            "target": "netra_forked_app:app",
            "target_directory": str(folder),
            "startup_method": "fork",
        }
    )
    return make_plan(settings, os.environ, None)


def launched(plan: LaunchPlan, starter: Starter, count: int) -> list[StartupOutcome]:
    return asyncio.run(launch(plan, [DATABASE] * count, LIMITS, starter=starter))


@pytest.fixture
def servers() -> Iterator[list[ForkServer]]:
    """Servers to stop at the end."""
    found: list[ForkServer] = []
    yield found
    for server in found:
        server.stop()


def server_of(*modules: str, seconds: float = 20, folder: Path | None = None) -> ForkServer:
    return ForkServer(
        sys.executable,
        modules,
        environment=dict(os.environ),
        directory=folder,
        import_seconds=seconds,
    )


@pytest.mark.usefixtures("nothing_left")
def test_the_target_is_imported_once_for_all_startups(
    tmp_path: Path, servers: list[ForkServer]
) -> None:
    plan = plan_for(tmp_path, "import os\nopen('imports', 'a').write(f'{os.getpid()}\\n')")
    servers.append(fork_server(plan))
    for count in (3, 2):
        outcomes = launched(plan, Fork(servers[0]), count)
        assert [outcome.status for outcome in outcomes] == [Status.READY] * count
    assert len((tmp_path / "imports").read_text().splitlines()) == 1
    assert 0 < servers[0].import_seconds < 20


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("imports", "why"),
    [
        (THREAD, r"starts threads \(ticker\)"),
        ("import socket\nheld = socket.create_server(('127.0.0.1', 0))", "opens a connection"),
        ("import asyncio\nloop = asyncio.new_event_loop()", "opens a connection or an event loop"),
    ],
    ids=["thread", "socket", "event loop"],
)
def test_what_cannot_be_shared_is_refused(tmp_path: Path, imports: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as caught:
        fork_server(plan_for(tmp_path, imports))
    assert "CHAOSNETRA_STARTUP_METHOD to spawn" in str(caught.value)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("text", "seconds", "message"),
    [
        ("import time; time.sleep(60)", 1.5, "did not finish its imports in time"),
        ("import os; os._exit(9)", 30, "ended during its imports"),
    ],
)
def test_imports_that_do_not_end_are_told(
    tmp_path: Path, text: str, seconds: float, message: str
) -> None:
    (tmp_path / "netra_bad.py").write_text(text)
    started = time.monotonic()
    with pytest.raises(PartUnavailable, match=message):
        server_of("netra_bad", seconds=seconds, folder=tmp_path)
    assert time.monotonic() - started < 40


@pytest.mark.usefixtures("nothing_left")
def test_a_missing_interpreter_is_told(tmp_path: Path) -> None:
    with pytest.raises(PartUnavailable, match="could not be started"):
        ForkServer(
            "/nowhere/python",
            [],
            environment=dict(os.environ),
            directory=tmp_path,
            import_seconds=5,
        )


@pytest.mark.usefixtures("nothing_left")
def test_its_death_ends_the_startups_and_is_told(tmp_path: Path, servers: list[ForkServer]) -> None:
    plan = plan_for(tmp_path, "import asyncio", "await asyncio.sleep(100)")
    servers.append(fork_server(plan))
    server = psutil.Process(servers[0]._process.pid)
    below: list[int] = []

    async def run() -> None:
        limits = Limits(60, 60, 5)
        running = asyncio.create_task(
            launch(plan, [DATABASE] * 2, limits, starter=Fork(servers[0]))
        )
        while len(below) < 4:  # two supervisors, two startups
            await asyncio.sleep(0.02)
            below[:] = [child.pid for child in server.children(recursive=True)]
        server.kill()
        await running

    with pytest.raises(PartUnavailable):
        asyncio.run(run())
    wait_until(lambda: not alive(below), 20, "the startups are ended")
    with pytest.raises(PartUnavailable, match="startups are forked from"):
        launched(plan, Fork(servers[0]), 1)
    assert not servers[0].usable


def test_a_run_keeps_one_and_replaces_one_that_broke(
    postgres: PostgresServer, toxiproxy_server: ToxiproxyServer, tmp_path: Path
) -> None:
    plan_for(tmp_path)  # writes the application
    session = current_session(
        {
            "database_url": postgres.database.url,
            "toxiproxy_url": toxiproxy_server.url,
            "target": "netra_forked_app:app",
            "target_directory": str(tmp_path),
            "startup_method": "fork",
        }
    )
    plan = make_plan(session.settings, os.environ, None)
    first = session.starter(plan)
    assert session.starter(plan).import_seconds == first.import_seconds
    before = {child.pid for child in psutil.Process().children()}
    assert session._fork_server is not None
    session._fork_server.usable = False
    second = session.starter(plan)
    after = {child.pid for child in psutil.Process().children()}
    assert len(after - before) == 1
    assert (first.method, second.method) == ("fork", "fork")
    assert launched(plan, second, 1)[0].status is Status.READY


@pytest.mark.parametrize(("method", "shown"), [("auto", "fork"), ("spawn", "spawn")])
def test_a_result_says_how_startups_were_started(
    postgres: PostgresServer, toxiproxy_server: ToxiproxyServer, method: str, shown: str
) -> None:
    from chaosnetra.startup.probes import startups_succeed

    result = startups_succeed(
        count=2,
        configuration={
            "database_url": postgres.database.url,
            "toxiproxy_url": toxiproxy_server.url,
            "startup_method": method,
        },
    )
    assert (result["held"], result["ready"]) == (True, 2)
    assert result["startup_method"] == shown
    boots = [startup["boot_seconds"] for startup in result["startups"]]
    if shown == "fork":
        assert 0 < result["import_seconds"] < 60
        # Importing is not part of a startup then.
        assert max(boots) < result["import_seconds"]
    else:
        assert result["import_seconds"] is None
