"""`chaosnetra try` on small services, through the real parts."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaosnetra.ports import free_port
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.helpers import wait_until
from tests.support.programs import captured, chaos_command

# Opens the port that it is given, or one of its own, and before that another one, which has pages
# too where it is given one; takes a URL of SQLAlchemy's, needs a table, gives up after 3 s, and its
# first pages know nothing of the database.
SERVICE = """
import asyncio, json, os, sys
import asyncpg

with open(sys.argv[1]) as file:
    CONFIG = json.load(file)
URL = os.environ.get("SHOP_DATABASE_URL", "postgresql+asyncpg://localhost/shop")

async def main():
    async def answer(reader, writer):
        path = (await reader.readline()).split()[1]
        status = {b"/shop/health": b"200 OK"}.get(path, b"404 Not Found")
        writer.write(b"HTTP/1.1 " + status + b"\\r\\nContent-Length: 0\\r\\n\\r\\n")
        await writer.drain()
        writer.close()
    if not os.environ.get("SHOP_TOKEN"):
        sys.exit("no SHOP_TOKEN")
    if "+asyncpg" not in URL:
        sys.exit("not a URL of mine")
    async def ends(reader, writer):
        writer.close()
    port, *_ = [*sys.argv[2:], os.environ.get("SHOP_LISTEN")]
    await asyncio.start_server(answer if sys.argv[2:] else ends, "127.0.0.1", 0)
    url = URL.replace("+asyncpg", "")
    opened = await asyncio.wait_for(asyncpg.connect(url), 3)
    await opened.fetch(f"SELECT id FROM {CONFIG['table']}")
    server = await asyncio.start_server(answer, "127.0.0.1", int(port))
    await server.serve_forever()

asyncio.run(main())
"""
MIGRATION = """
import asyncio, asyncpg, os
async def main():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"])
    await opened.execute("CREATE TABLE IF NOT EXISTS items (id int)")
asyncio.run(main())
"""
CONFIG = '{"table": "items", "database": "{host}:{database_port}", "port": {service_port}}'
TRIGRAMS = """
import asyncio, asyncpg, os
async def main():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"])
    await opened.execute("CREATE EXTENSION pg_trgm")
asyncio.run(main())
"""
# A worker that says nothing, and waits for work.
WORKER = """
import asyncio, asyncpg, os
async def main():
    opened = await asyncpg.connect(os.environ["DATABASE_URL"])
    await opened.fetch("SELECT 1")
    await asyncio.sleep(600)
asyncio.run(main())
"""
TOKEN = "a-token-that-nobody-may-see"
# Is ready when it ends, and uses no database.
IDLE = "print('done')"

pytestmark = pytest.mark.usefixtures("nothing_left")


def command(folder: Path, *options: str) -> list[str]:
    (folder / "service.py").write_text(SERVICE)
    (folder / "migrate.py").write_text(MIGRATION)
    (folder / "idle.py").write_text(IDLE)
    (folder / "shop.json").write_text(CONFIG)
    return [str(Path(sys.executable).with_name("chaosnetra")), "try", *options]


# Of the service, besides the interpreter.
SERVED = ("service.py", "{config_file}")
GIVEN = ("--config-template", "shop.json", "--environment", f"SHOP_TOKEN={TOKEN}")


def error_line(ran: "subprocess.CompletedProcess[str]") -> str:
    """The one line that says why a try could not be made."""
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("Error: ")]
    return line


def test_a_service_is_tried_with_one_command_and_its_file_runs_alone(
    tmp_path: Path, toxiproxy_server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy_server.url)
    # What the repository's file says of another service does not count for this one.
    (tmp_path / ".git").mkdir()
    (tmp_path / "chaosnetra.toml").write_text('target_directory = "/"\ndwell_seconds = 1\n')
    options = ["--latency-ms", "40", "--limit-seconds", "12", *GIVEN]
    words = [*options, "--first", f"{sys.executable} migrate.py", "--", sys.executable]
    ran = captured([*command(tmp_path, *words), *SERVED, "{port}"], timeout=240)
    assert ran.returncode == 0, ran.stderr
    rows = {
        line[:18].strip(): line[18:].split()[:1]
        for line in ran.stdout.splitlines()
        if line[:1].isalnum() and len(line) > 18
    }
    assert {name: rows[name] for name in ("clean", "40 ms more", "clean again")} == {
        "clean": ["yes"],
        "40 ms more": ["yes"],
        "clean again": ["yes"],
    }
    assert rows["database refused"] == rows["database silent"] == ["no"]
    assert "it gave up after 3." in ran.stdout
    assert "http://127.0.0.1:{port}/shop/health" in ran.stdout  # as its source names it
    assert "SHOP_DATABASE_URL (migrate.py, service.py)" in " ".join(ran.stdout.split())
    assert max(map(len, ran.stdout.splitlines())) <= 80
    folder = tmp_path / "chaosnetra-try"
    assert (folder / "report.html").is_file()
    assert (folder / ".gitignore").read_text() == "*\n"
    log = (folder / "output.log").read_text()
    assert "\x1b" not in log
    assert "Verdict: held: the steady state held before and after" in log.splitlines()[-1]
    for file in folder.iterdir():
        assert TOKEN.encode() not in file.read_bytes(), file
    assert "again   SHOP_TOKEN=… chaos run" in ran.stdout
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    experiment = json.loads((folder / "experiment.json").read_text())
    environment = experiment["configuration"]["target_environment"]
    assert environment["SHOP_DATABASE_URL"] == "postgresql+asyncpg://{url_without_scheme}"
    assert json.loads((folder / "journal.json").read_text())["chaosnetra"]["verdict"] == "held"
    again = captured(
        [*chaos_command(), "run", "--journal-path", "again.json", str(folder / "experiment.json")],
        timeout=240,
    )
    assert again.returncode == 0, again.stdout


def test_a_wrong_guess_names_its_option_and_a_signal_leaves_nothing(
    tmp_path: Path,
    postgres: PostgresServer,
    toxiproxy_server: ToxiproxyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy_server.url)
    monkeypatch.setenv("SHOP_LISTEN", str(free_port()))
    own = ["--database-url", postgres.database.url]
    start = command(tmp_path, *own, "--limit-seconds", "20", *GIVEN)
    idle = captured([*start, "--", sys.executable, "idle.py"], timeout=120)
    assert idle.returncode == 2
    line = error_line(idle)
    assert "opened no connection" in line
    assert "--database-variable NAME[=FORM]" in line
    assert postgres.database.password not in idle.stderr
    missing = captured([*start, "--", sys.executable, *SERVED], timeout=120)
    assert missing.returncode == 2
    line = error_line(missing)
    assert 'relation "items" does not exist' in line
    assert "--first COMMAND" in line
    process = subprocess.Popen(
        [*start, "--first", f"{sys.executable} migrate.py", "--", sys.executable, *SERVED],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    assert any("while the database" in line for line in process.stderr)
    wait_until(lambda: _is_down(toxiproxy_server), 20, "a fault is in place")
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=90)[1]
    assert (process.returncode, rest.splitlines()[-1]) == (
        6,
        "Error: interrupted; everything is undone",
    )
    assert ToxiproxyClient(toxiproxy_server.url).proxies() == {}
    # The database is the user's: it has its tables now, and the run does not make them again.
    written = json.loads((tmp_path / "chaosnetra-try" / "experiment.json").read_text())
    assert "prepare_command" not in written["configuration"]


def test_an_extension_that_the_database_lacks_is_told_with_the_cure(
    tmp_path: Path, toxiproxy_server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy_server.url)
    (tmp_path / "trigrams.py").write_text(TRIGRAMS)
    first = ["--first", f"{sys.executable} trigrams.py"]
    for words in ([*first, "--", sys.executable, "idle.py"], ["--", sys.executable, "trigrams.py"]):
        ran = captured(command(tmp_path, *words), timeout=120)
        assert ran.returncode == 2
        line = error_line(ran)
        assert 'extension "pg_trgm" is not available' in line
        assert "give --postgres installed, or name a database that has it by --database-url" in line


def test_a_worker_that_says_nothing_is_asked_for_a_line(
    tmp_path: Path,
    postgres: PostgresServer,
    toxiproxy_server: ToxiproxyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy_server.url)
    (tmp_path / "worker.py").write_text(WORKER)
    words = ["--database-url", postgres.database.url, "--limit-seconds", "4"]
    ran = captured([*command(tmp_path, *words), "--", sys.executable, "worker.py"], timeout=120)
    assert ran.returncode == 2
    line = error_line(ran)
    assert "printed nothing, so that nothing shows when it is ready" in line
    assert "--ready log:REGEX" in line


def _is_down(server: ToxiproxyServer) -> bool:
    proxies = ToxiproxyClient(server.url).proxies()
    return any(not proxy.enabled for proxy in proxies.values())
