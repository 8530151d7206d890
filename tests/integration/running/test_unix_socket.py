"""A database behind a Unix socket: opened, put behind the run's proxy, and given to the target."""

import asyncio
import os
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseLoginRefused, DatabaseUnavailable, InvalidInput
from chaosnetra.paths import FirstAnswer
from chaosnetra.postgres.connect import connection, server_version, unavailable
from chaosnetra.relay import bridge
from chaosnetra.relay.connection import Route
from chaosnetra.relay.relay import Relay
from chaosnetra.running.local_path import bring_tcp_end
from chaosnetra.running.session import current_session, end_session
from chaosnetra.safety import credentials
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.probes import startups_succeed
from chaosnetra.streams import open_stream
from chaosnetra.temporary import folder_prefix, socket_folder, temporary_places
from chaosnetra.toxiproxy.actions import add_latency, disable_proxy
from tests.support.experiments import experiment, ours
from tests.support.helpers import alive, wait_until
from tests.support.programs import chaos_beside
from tests.support.relaying import on_each_loop
from tests.support.socket_postgres import PEER, socket_postgres

Configuration = dict[str, Any]

# Ends with 0 when every way that it knows leads to the database, and none of them is `direct`.
TARGET = """
import asyncio, os, stat, sys
import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

async def main():
    url, folder, port = (os.environ[name] for name in ("DATABASE_URL", "PGHOST", "PGPORT"))
    assert sys.argv[1] in url, url
    assert folder != sys.argv[2], folder
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.listdir(folder) == [f".s.PGSQL.{port}"]
    user, password = os.environ["PGUSER"], os.environ["PGPASSWORD"]
    for opened in (
        await asyncpg.connect(url),
        await asyncpg.connect(os.environ["OWN_URL"]),
        await asyncpg.connect(database="postgres"),
    ):
        assert await opened.fetchval("SELECT 1") == 1
        await opened.close()
    if "?host=" in url:
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as opened:
            assert await opened.scalar(text("SELECT 1")) == 1
        await engine.dispose()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseAddress]:
    with socket_postgres() as address:
        yield address


@pytest.fixture
def configuration(server: DatabaseAddress, toxiproxy_server: ToxiproxyServer) -> Configuration:
    return {
        "database_url": server.url,
        "toxiproxy_url": toxiproxy_server.url,
        "time_scale": "0.05",
        "database_state": "shared",
    }


def unusable(address: DatabaseAddress) -> str:
    with pytest.raises(DatabaseUnavailable) as caught:
        asyncio.run(server_version(address, 5))
    text = str(caught.value)
    assert "\n" not in text
    if address.password:
        assert address.password not in text
    return text


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("as_option", [True, False], ids=["option", "percent-encoded"])
def test_a_target_gets_a_socket_spelled_as_the_runs_and_by_its_parts(
    configuration: Configuration, server: DatabaseAddress, tmp_path: Path, as_option: bool
) -> None:
    spelled = replace(server, host_as_option=as_option)
    script = tmp_path / "target.py"
    script.write_text(TARGET)
    configuration |= {
        "database_url": spelled.url,
        "target": f"{sys.executable} {script} "
        + ("@/postgres?host=/" if as_option else "@%2F")
        + f" {server.host}",
        "target_environment": {
            "DATABASE_URL": "{url}",
            "OWN_URL": "postgresql://{user_quoted}:{password_quoted}@{host_quoted}:{port}/{database}",
            "PGHOST": "{host}",
            "PGPORT": "{port}",
            "PGUSER": "{user}",
            "PGPASSWORD": "{password}",
        },
    }
    result = startups_succeed(count=2, configuration=configuration)
    assert result["held"], result["error"]
    sessions = [startup["wire"]["sessions"] for startup in result["startups"]]
    assert sessions == [4 if as_option else 3] * 2
    parts = [part.kind for part in current_session().resources.parts]
    assert parts.count("Unix socket bridge") == parts.count("observer") == 1
    label = folder_prefix(current_session().run.id)
    assert not [folder for place in temporary_places() for folder in place.glob(f"{label}*")]
    assert end_session() == []


def test_a_template_that_puts_the_folder_into_a_url_is_refused(
    configuration: Configuration,
) -> None:
    configuration["target_environment"] = {"DATABASE_URL": "postgresql://u@{host}:{port}/d"}
    with pytest.raises(ActivityFailed, match=r"DATABASE_URL puts \{host\} into a URL.*use \{url\}"):
        startups_succeed(count=1, configuration=configuration)


def test_the_path_is_measured_through_the_proxy(configuration: Configuration) -> None:
    session = current_session(configuration)
    path = session.path
    assert [one.answer for one in path.first_answers(3, 5)] == [FirstAnswer.ANSWERED] * 3
    assert path.transfer_seconds(1_000_000, "downstream", 10) > 0
    assert path.transfer_seconds(1_000_000, "upstream", 10, direct=True) > 0
    assert path.close_seconds("downstream", 5) < 5
    assert path.close_seconds("upstream", 5) < 5
    effect = add_latency(latency_ms=2000, configuration=configuration)
    assert effect is not None
    assert path.added_round_trips(3, 5)[0] >= 0.09  # less what the direct path took


def test_a_proxy_that_is_down_fails_startups_at_the_database(configuration: Configuration) -> None:
    disable_proxy(configuration=configuration)
    result = startups_succeed(count=1, configuration=configuration)
    assert (result["failed"], result["phase"]) == (1, "database"), result
    (startup,) = result["startups"]
    assert any("connection" in cause.lower() for cause in startup["error"]["causes"])


def test_a_role_that_the_socket_lets_in_needs_no_password(
    configuration: Configuration, server: DatabaseAddress
) -> None:
    peer = replace(server, user=PEER, password="")
    configuration["database_url"] = peer.url
    session = current_session(configuration)

    async def client(address: DatabaseAddress) -> Any:
        async with connection(address, 5) as opened:
            return await opened.fetchrow(
                "SELECT user::text, client_addr FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            )

    with session.observing.observed([session.proxied_database]) as startups:
        (of_startup,) = startups.addresses
        assert of_startup.is_socket
        for address in (session.database, session.proxied_database, of_startup):
            assert tuple(asyncio.run(client(address))) == (PEER, None)


def test_a_bridge_that_is_killed_is_a_lost_part(
    configuration: Configuration, server: DatabaseAddress
) -> None:
    session = current_session(configuration)
    _ = session.proxied_database
    (pid,) = bridges(Path(server.host))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: session.resources.losses, 20, "the loss is seen")
    assert "Unix socket bridge" in str(session.resources.losses)


def test_a_toxiproxy_of_another_machine_is_refused(configuration: Configuration) -> None:
    session = current_session(configuration)
    with pytest.raises(InvalidInput, match=r"behind a Unix socket of this machine.*toxiproxy_url"):
        bring_tcp_end(session.resources, session.database, "http://10.0.0.1:8474")


def test_an_undo_finds_its_password_in_a_url_of_the_other_spelling(
    server: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_remembered", {})
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", replace(server, host_as_option=False).url)
    assert credentials.with_password(server.shown) == server


# What is wrong with a socket, in one line


def test_a_wrong_password_is_refused_with_its_sqlstate(server: DatabaseAddress) -> None:
    with pytest.raises(DatabaseLoginRefused):
        asyncio.run(server_version(replace(server, password="certainly-wrong"), 5))


def test_what_is_wrong_with_a_socket_is_told(server: DatabaseAddress, tmp_path: Path) -> None:
    assert f"there is no folder {tmp_path}/none" in unusable(
        replace(server, host=f"{tmp_path}/none")
    )
    file = tmp_path / "file"
    file.touch()
    assert f"{file} is no folder" in unusable(replace(server, host=str(file)))
    assert f"the folder {tmp_path} has no socket .s.PGSQL.5432: check host and port" in unusable(
        replace(server, host=str(tmp_path))
    )
    assert "has no socket .s.PGSQL.5999 (but .s.PGSQL.5432: check the port)" in unusable(
        replace(server, port=5999)
    )
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / ".s.PGSQL.5432"))
    assert f"nobody listens on the socket .s.PGSQL.5432 in {tmp_path}" in unusable(
        replace(server, host=str(tmp_path))
    )
    denied = unavailable(server, PermissionError(13, "Permission denied"))
    assert "this user may not use the socket" in str(denied)


def test_a_server_that_never_answers_on_its_socket_is_given_up(
    server: DatabaseAddress, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / ".s.PGSQL.5432"))
        silent.listen()
        address = replace(server, host=str(tmp_path), options=(("connect_timeout", "1"),))
        assert "TimeoutError" in unusable(address)


# Options against a real server


@pytest.mark.parametrize(
    "query",
    [
        "connect_timeout=5&channel_binding=prefer&gssencmode=disable&keepalives=1",
        "ssl=false&application_name=shop&target_session_attrs=any",
        "sslmode=prefer&options=-c%20search_path%3Dnowhere",
        "sslmode=allow&client_encoding=auto&fallback_application_name=x",
    ],
)
def test_options_of_libpq_do_not_reach_the_server_as_settings(
    postgres: PostgresServer, query: str
) -> None:
    address = DatabaseAddress.parse(f"{postgres.database.url}?{query}")
    assert asyncio.run(server_version(address, 5))


def test_an_option_that_the_server_does_not_know_is_named(postgres: PostgresServer) -> None:
    text = unusable(DatabaseAddress.parse(f"{postgres.database.url}?schema=public"))
    assert '"schema"' in text
    assert "correct or remove it" in text


# The bridge


def test_a_bridge_that_cannot_listen_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"{listen} cannot be listened on" in str(bridge.main([listen, "127.0.0.1:1"]))
    assert "LISTEN must be host:port" in str(bridge.main(["nowhere", "127.0.0.1:1"]))
    assert "usage" in str(bridge.main([]))


def test_a_temporary_folder_of_a_long_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    made = socket_folder(5432)
    try:
        assert deep not in made.parents
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    finally:
        made.rmdir()
    assert list(deep.iterdir()) == []


@pytest.mark.usefixtures("nothing_left")
def test_a_run_that_is_killed_leaves_no_observer_no_bridge_and_no_folder(
    configuration: Configuration, server: DatabaseAddress, tmp_path: Path
) -> None:
    temporary = Path(tempfile.mkdtemp(prefix="test-"))
    configuration["target"] = "sleep 600"
    startup = ours("probe", "startup", "startups_succeed", count=1)
    made = experiment(startup, probes=[], configuration=configuration)
    del made["steady-state-hypothesis"]
    run = chaos_beside(made, tmp_path, TMPDIR=str(temporary))
    try:
        wait_until(lambda: list(temporary.rglob(".s.PGSQL.*")), 60, "the target has a socket")
        assert len(bridges(Path(server.host))) == 1
        (observer,) = observers(run.pid)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    wait_until(lambda: not alive([observer]), 20, "the observer has ended")
    wait_until(lambda: not bridges(Path(server.host)), 20, "the bridge has ended")
    wait_until(lambda: not list(temporary.iterdir()), 20, "nothing is left")
    temporary.rmdir()


def bridges(folder: Path) -> list[int]:
    """Bridges that lead to a socket in a folder."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "chaosnetra.relay.bridge" in (words := process.info["cmdline"] or [])
        and "supervisor.py" not in " ".join(words)
        and any(word.startswith(str(folder)) for word in words)
    ]


def observers(run: int) -> list[int]:
    """Observers that a run has started."""
    return [
        process.pid
        for process in psutil.Process(run).children(recursive=True)
        if "chaosnetra.wire" in (words := process.cmdline())
        and "supervisor.py" not in " ".join(words)
    ]


@on_each_loop
async def test_a_relay_carries_both_directions_and_each_end_over_sockets(tmp_path: Path) -> None:
    sent = {"up": bytes(range(251)) * 20_000, "down": bytes(range(241)) * 20_000}
    received: dict[str, bytes] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received["up"] = await reader.read()  # the end of one direction leaves the other open
        writer.write(sent["down"])
        await writer.drain()
        writer.close()

    upstream, listen = str(tmp_path / "upstream"), str(tmp_path / "listen")
    relay = Relay(Route(upstream))
    relay.listen_on_socket(listen)
    async with await asyncio.start_unix_server(serve, upstream):
        reader, writer = await open_stream(listen)
        writer.write(sent["up"])
        writer.write_eof()
        received["down"] = await reader.read()
        writer.close()
        await relay.closed()
    assert received == sent
    assert (relay.counters.upstream_bytes, relay.counters.downstream_bytes) == (
        len(sent["up"]),
        len(sent["down"]),
    )
    # Nobody listens any more: a client is let in and closed, as a proxy of the platform does.
    reader, writer = await open_stream(listen)
    assert await reader.read() == b""
    writer.close()
    await relay.closed()
    relay.close()
