"""What a run left without its watchdog is taken back by `chaosnetra recover`."""

import json
import signal
import subprocess
import time

import psutil
import pytest

from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.stand.toxiproxy_program import find_program
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.integration.safety.disturbed import (
    CLEAN_SECONDS,
    EXPERIMENT,
    LIGHT,
    Start,
)
from tests.long.campaign import Servers, postgres_left, toxiproxy_left, until_clean
from tests.support.helpers import wait_until
from tests.support.programs import captured, chaos_command, unheard

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.mark.usefixtures("neighbour")
def test_what_is_left_without_a_watchdog_is_taken_back_by_hand(start: Start) -> None:
    run = start()
    run.reach("fault.injected", "toxic ")
    run.kill_with_watchdog()
    # The server ends the sessions of a client that is gone; nobody ends anything else.
    wait_until(
        lambda: not any(what.startswith("session ") for what in run.servers.left()),
        CLEAN_SECONDS,
        "the run's sessions have ended",
    )
    left = run.servers.left()
    assert {what.split()[0] for what in left} == {"proxy", "toxic", "schema"}

    code, listed = run.recover("--list")
    assert code == 1
    assert [line.partition("to do: ")[2].split()[0] for line in listed.splitlines()] == [
        "remove",
        "delete",
        "drop",
    ]
    assert run.servers.left() == left  # nothing was changed

    code, said = run.recover()
    assert code == 1
    (line,) = [line for line in said.splitlines() if "NOT DONE" in line]
    assert "CHAOSNETRA_DATABASE_URL" in line
    assert [what.split()[0] for what in run.servers.left()] == ["schema"]

    code, said = run.recover(**run.password)
    assert (code, len(said.splitlines())) == (0, 1)
    assert "drop schema" in said
    assert run.everything_left() == []
    assert set(run.recovered()) == {"done"}

    assert run.recover() == (0, "nothing is left\n")
    assert run.recover("--list") == (0, "nothing is left\n")
    assert run.servers.database.password not in listed + said + run.events_path.read_text()


def test_all_of_it_at_once_also_as_a_command_of_chaos(start: Start) -> None:
    run = start()
    run.reach("fault.injected", "toxic ")
    run.kill_with_watchdog()
    done = captured([*chaos_command(), "netra", "recover"], cwd=run.work, env=run.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": done") == 3
    assert run.everything_left() == []


def test_a_toxiproxy_that_is_down_keeps_the_ledger_until_it_is_back(
    start: Start, servers: Servers, own_toxiproxy: ToxiproxyServer
) -> None:
    run = start(Servers(servers.database, servers.admin, own_toxiproxy.url))
    run.reach("fault.injected", "toxic ")
    run.kill_with_watchdog()
    (process,) = serving(own_toxiproxy)
    process.suspend()
    code, said = run.recover(**run.password)
    assert code == 1
    assert said.count("NOT DONE") == 2
    assert "drop schema" in said
    assert len(run.ledgers) == 1
    assert run.recover("--list")[0] == 1
    process.resume()
    code, said = run.recover(**run.password)
    assert code == 0, said
    assert run.everything_left() == []


def test_a_toxiproxy_that_was_started_again_has_nothing_left(
    start: Start, servers: Servers, own_toxiproxy: ToxiproxyServer
) -> None:
    run = start(Servers(servers.database, servers.admin, own_toxiproxy.url))
    run.reach("fault.injected", "toxic ")
    run.kill_with_watchdog()
    own_toxiproxy.stop()
    code, said = run.recover(**run.password)
    assert (code, said.count("NOT DONE")) == (1, 2)
    assert len(run.ledgers) == 1
    again = serve_again(own_toxiproxy)
    try:
        code, said = run.recover(**run.password)
        assert code == 0, said
        assert run.left() == []
        assert toxiproxy_left(ToxiproxyClient(own_toxiproxy.url)) == []
    finally:
        again.kill()
        again.wait()


def test_the_watchdog_goes_on_until_toxiproxy_is_back(
    start: Start, servers: Servers, own_toxiproxy: ToxiproxyServer
) -> None:
    run = start(Servers(servers.database, servers.admin, own_toxiproxy.url))
    run.reach("fault.injected", "toxic ")
    own_toxiproxy.stop()
    run.kill()
    schemas = postgres_left(servers.admin, servers.database)
    wait_until(lambda: not schemas_left(servers), CLEAN_SECONDS, f"{schemas} is dropped")
    time.sleep(2)
    assert len(run.ledgers) == 1
    again = serve_again(own_toxiproxy)
    try:
        found, _ = until_clean(run.everything_left, CLEAN_SECONDS)
        assert found == []
        assert run.unreadable() == []
        # It tries twice a second; not every try is news.
        assert len(run.events()) < 100
    finally:
        again.kill()
        again.wait()


def test_while_the_watchdog_is_at_work_recover_does_not_say_that_nothing_is_left(
    start: Start, servers: Servers, own_toxiproxy: ToxiproxyServer
) -> None:
    run = start(Servers(servers.database, servers.admin, own_toxiproxy.url))
    run.reach("fault.injected", "toxic ")
    (process,) = serving(own_toxiproxy)
    process.suspend()
    run.kill()
    time.sleep(1.5)  # the watchdog now waits for an answer
    try:
        code, said = run.recover(**run.password)
        listed_code, listed = run.recover("--list")
    finally:
        process.resume()
    found, _ = until_clean(run.everything_left, CLEAN_SECONDS)
    assert found == []
    assert (code, said) != (0, "nothing is left\n")
    assert (listed_code, listed) != (0, "nothing is left\n")


def serving(server: ToxiproxyServer) -> list[psutil.Process]:
    return [psutil.Process(server.process.pid)]


def schemas_left(servers: Servers) -> list[str]:
    return [
        what
        for what in postgres_left(servers.admin, servers.database)
        if what.startswith("schema ")
    ]


def serve_again(server: ToxiproxyServer) -> subprocess.Popen[bytes]:
    """The same program on the same port."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    process = unheard([str(find_program()), "-host", host, "-port", port])

    def answers() -> bool:
        try:
            ToxiproxyClient(server.url).proxies()
        except Exception:  # noqa: BLE001 - not yet
            return False
        return True

    wait_until(answers, 10, "Toxiproxy answers again")
    return process


def test_a_later_run_says_in_one_line_what_earlier_ones_left(start: Start) -> None:
    run = start()
    run.reach("fault.injected", "toxic ")
    run.kill_with_watchdog()
    later = start(path=EXPERIMENT, CHAOSNETRA_TARGET=LIGHT)
    assert later.process.wait(100) == 0, later.output.read_text()
    said = [line for line in later.output.read_text().splitlines() if "left something" in line]
    assert len(said) == 1
    assert "1 earlier run " in said[0]
    assert "`chaosnetra recover`" in said[0]
    assert len(run.ledgers) == 1  # only its user may take it back
    assert run.recover(**run.password)[0] == 0
    assert run.everything_left() == []


def test_a_run_that_left_nothing_to_do_is_listed_or_gone(start: Start) -> None:
    """Killed after its ledger was made and before any fault: exit code and words agree."""
    run = start()
    run.kill()
    runs = run.state / "chaosnetra" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    header = {"version": 1, "run": "r", "pid": 1, "at": 1.0, "events": None}
    (runs / "r.ledger.jsonl").write_text(json.dumps(header) + "\n")
    code, said = run.recover("--list")
    assert said.strip() != ""
    assert (code == 0) == (said == "nothing is left\n")
    assert run.recover() == (0, "nothing is left\n")
    assert run.ledgers == []


def test_a_living_run_is_left_alone(start: Start) -> None:
    run = start()
    run.reach_the_pause()
    before = run.servers.left()
    assert run.recover("--list")[0] == 0
    assert run.recover(**run.password)[0] == 0
    assert run.servers.left() == before
    assert len(run.ledgers) == 1
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 1
    assert until_clean(run.everything_left, CLEAN_SECONDS)[0] == []
    assert run.recovered() == []  # the run did it itself
