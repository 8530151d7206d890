"""`chaosnetra roundtrips` on real services, through the real parts."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.helpers import wait_until
from tests.support.programs import captured

SERVICE = """
import asyncio, asyncpg, os, sys

async def main():
    opened = await asyncpg.connect(os.environ["STORE"], timeout=60)
    for number in range(int(sys.argv[1])):
        await opened.execute("SELECT now()")

asyncio.run(main())
"""

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def command(
    postgres: PostgresServer, toxiproxy_server: ToxiproxyServer, tmp_path: Path
) -> list[str]:
    (tmp_path / "service.py").write_text(SERVICE)
    return [
        *(str(Path(sys.executable).with_name("chaosnetra")), "roundtrips"),
        *(
            "--database-url",
            postgres.database.url,
            "--var",
            f"toxiproxy_url={toxiproxy_server.url}",
        ),
        *("--var", "database_state=shared", "--environment", "STORE={url}"),
        *("--directory", str(tmp_path)),
    ]


def target(trips: int) -> str:
    return shlex.join([sys.executable, "service.py", str(trips)])


def test_round_trips_are_counted_and_hold_under_latency(command: list[str]) -> None:
    options = ["--latency-ms", "30", "--latency-ms", "90", "--format", "json"]
    ran = captured([*command, *options, target(12)], timeout=180)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    setup = told["setup_round_trips"]
    assert (told["round_trips"], told["connections"]) == (setup + 12, 1)
    assert [one["round_trips"] for one in told["by_statement"]] == [setup, 12]
    assert [one["round_trips"] for one in told["checks"]] == [setup + 12] * 2
    for one, added in zip(told["checks"], (0.03, 0.09), strict=True):
        assert one["added_seconds"] == pytest.approx(added, rel=0.5)
        grew = one["waited_seconds"] - told["waited_seconds"]
        assert grew > 0.9 * told["round_trips"] * added
    assert told["database_state"]["mode"] == "shared"


def test_who_never_uses_the_database_cannot_be_measured(command: list[str]) -> None:
    ran = captured([*command, "true"], timeout=120)
    assert (ran.returncode, ran.stdout) == (2, "")
    (line,) = [line for line in ran.stderr.splitlines() if not line.startswith("starting")]
    assert "opened no connection at the database's address, which it was given in STORE" in line


def test_a_signal_leaves_nothing(command: list[str], toxiproxy_server: ToxiproxyServer) -> None:
    process = subprocess.Popen(
        [*command, "--latency-ms", "200", target(2000)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    proxies = ToxiproxyClient(toxiproxy_server.url).proxies
    before = set(proxies())

    def is_under_latency() -> bool:
        return any(proxy.toxics for name, proxy in proxies().items() if name not in before)

    try:
        wait_until(is_under_latency, 120, "it is under latency")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 6, said
    assert "interrupted" in said
    assert set(proxies()) <= before
