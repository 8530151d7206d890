"""Runs that are killed, stopped, hung and out of time: their faults are taken back all the same.

The parts are configured ones that outlive the run, so that there is something to take back.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.long.campaign import Run, Servers, postgres_left, run_folder, toxiproxy_left, until_clean
from tests.support.helpers import target_of, wait_until
from tests.support.programs import captured, chaos_command, merged, unheard
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
# When nobody is to be waited for any more; how long it takes, benchmarks/recovery.py measures.
CLEAN_SECONDS = 30.0
NEIGHBOUR = "somebody_elses"
# For a run that is to hold on a busy machine: no budget of the reference orchestrator is near.
LIGHT = target_of(2)

pytestmark = pytest.mark.usefixtures("nothing_left")


class Started(Run):
    """A run, and the servers that it uses."""

    def __init__(self, folder: Path, experiment: Path, servers: Servers, **settings: str) -> None:
        self.servers = servers
        super().__init__(folder, experiment, servers.environment("configured parts") | settings)

    def everything_left(self) -> list[str]:
        return self.left() + self.servers.left()

    def reach(self, event: str, name: str = "") -> None:
        """Wait for an event, of a fault whose name begins so."""
        assert self.wait_for(lambda: self.has(event, name)), self.output.read_text()
        assert self.process.poll() is None, self.output.read_text()

    def reach_the_pause(self) -> None:
        """The minute under the fault; the action ends, for the core, only after it."""
        self.reach("fault.injected", "toxic ")
        time.sleep(0.3)

    def has(self, event: str, name: str = "") -> bool:
        return any(
            one["event"] == event and one.get("name", "").startswith(name) for one in self.events()
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def kill_with_watchdog(self) -> None:
        """So that nobody is left who takes anything back."""
        (watchdog,) = self.watchdogs()
        watchdog.kill()
        self.kill()
        wait_until(lambda: self.processes() == [], 10, "the run's processes are gone")

    def recover(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """`chaosnetra recover` of the same user, who does not set the password by itself."""
        clean = {
            key: value for key, value in self.environment.items() if "CHAOSNETRA" not in key
        } | environment
        done = merged(
            [str(Path(sys.executable).with_name("chaosnetra")), "recover", *arguments],
            env=clean,
            timeout=100,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    @property
    def password(self) -> dict[str, str]:
        return {"CHAOSNETRA_DATABASE_URL": self.servers.database.url}

    @property
    def journal(self) -> dict[str, Any]:
        journal: dict[str, Any] = json.loads(self.journal_path.read_text())
        return journal

    def assert_recovered_by_itself(self, seconds: float = CLEAN_SECONDS) -> None:
        """Nobody does anything, and soon nothing is left."""
        found, _ = until_clean(self.everything_left, seconds)
        assert found == []
        assert self.unreadable() == []
        assert self.recovered() != []
        assert all(self.recovered())

    def recovered(self) -> list[str | None]:
        return [one["result"] for one in self.events() if one["event"] == "fault.recovered"]


Start = Callable[..., Started]


@pytest.fixture
def servers(postgres: PostgresServer, toxiproxy: ToxiproxyClient) -> Iterator[Servers]:
    given = Servers(postgres.database, postgres.admin, toxiproxy.url)
    yield given
    given.sweep()  # a test that failed must not fail the next


@pytest.fixture
def neighbour(toxiproxy: ToxiproxyClient) -> Iterator[None]:
    """Somebody else's proxy, which nobody may touch."""
    toxiproxy.create_proxy(NEIGHBOUR, "127.0.0.1:0", "127.0.0.1:9")
    before = toxiproxy.proxy(NEIGHBOUR)
    yield
    assert toxiproxy.proxy(NEIGHBOUR) == before


@pytest.fixture
def start(servers: Servers) -> Iterator[Start]:
    """Starts runs that stay under their fault for a minute."""
    runs: list[Started] = []
    with run_folder() as folder:
        experiment = folder / "long.json"
        long = json.loads(EXPERIMENT.read_text())
        long["method"][0]["pauses"] = {"after": 60}
        experiment.write_text(json.dumps(long))

        def start_one(
            given: Servers = servers, path: Path = experiment, **settings: str
        ) -> Started:
            # The state folder is one user's: the runs of a test share it.
            state = {"XDG_STATE_HOME": str(folder / "state")}
            run = Started(folder / f"run{len(runs)}", path, given, **(state | settings))
            run.state = folder / "state"
            runs.append(run)
            return run

        yield start_one
        for run in runs:
            run.end()


MOMENTS = {
    "in the baseline": ("fault.injected", "proxy "),
    "undo of the schema written": ("fault.undo_written", "schema "),
    "undo of the proxy written": ("fault.undo_written", "proxy "),
    "undo of the toxic written": ("fault.undo_written", "toxic "),
    "under the fault": ("fault.injected", "toxic "),
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_run_that_is_killed_leaves_nothing(start: Start, moment: tuple[str, str]) -> None:
    run = start()
    run.reach(*moment)
    run.kill()
    run.assert_recovered_by_itself()


@pytest.mark.usefixtures("neighbour")
def test_a_group_that_is_killed_with_its_run_leaves_nothing(start: Start) -> None:
    run = start()
    run.reach("fault.injected", "toxic ")
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait(10)
    run.assert_recovered_by_itself()


def test_startups_that_are_in_progress_end_with_their_run(start: Start) -> None:
    """Their sessions are in the schema that is dropped."""
    run = start(path=EXPERIMENT, CHAOSNETRA_COUNT="3", CHAOSNETRA_DATABASE_STATE="fresh")
    run.reach("fault.injected", "toxic ")
    run.reach("activity.ended")
    time.sleep(1.0)
    run.kill()
    # A startup that is told to end has time to do so before its supervisor kills it.
    run.assert_recovered_by_itself()


def test_the_watchdog_is_there_from_the_first_undo_to_the_end(start: Start) -> None:
    run = start(path=EXPERIMENT, CHAOSNETRA_TARGET=LIGHT)
    run.reach("fault.undo_written")
    (watchdog,) = run.watchdogs()
    assert os.getsid(watchdog.pid) == watchdog.pid
    assert run.process.wait(100) == 0, run.output.read_text()
    assert not watchdog.is_running()
    assert run.everything_left() == []
    assert run.recovered() == []


def test_a_database_that_is_still_being_copied_is_not_left(start: Start, servers: Servers) -> None:
    """The server goes on with a copy whose client is gone, and makes it after the undo."""
    asyncio.run(kill_in_the_copy(start, servers))


async def kill_in_the_copy(start: Start, servers: Servers) -> None:
    import asyncpg

    # PostgreSQL waits up to 5 s for others to leave the database that it copies.
    blocker = await asyncpg.connect(servers.admin.named(servers.database.database).url, timeout=10)
    try:
        run = start(CHAOSNETRA_DATABASE_STATE="fresh")
        await asyncio.to_thread(run.reach, "fault.undo_written", "database ")
        await asyncio.sleep(0.3)
        run.kill()
        await asyncio.sleep(1.5)
    finally:
        await blocker.close()
    await asyncio.sleep(1.0)  # what is made now is made after a recovery that did not wait
    await asyncio.to_thread(run.assert_recovered_by_itself)


@pytest.mark.parametrize("delay_seconds", [0.0, 0.3])
def test_a_run_that_is_killed_while_its_stand_is_made_leaves_nothing(delay_seconds: float) -> None:
    """There is no server yet, and so no supervisor of one; but a folder, and a program in it."""
    with run_folder() as folder:
        run = Run(folder / "run", EXPERIMENT, {})
        try:
            assert run.wait_for(lambda: any(run.temporary.iterdir()), 30), run.output.read_text()
            time.sleep(delay_seconds)
            run.process.kill()
            run.process.wait(10)
            found, _ = until_clean(run.left, CLEAN_SECONDS)
            assert found == []
        finally:
            run.end()


# By hand


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
    process = unheard([str(server.program), "-host", host, "-port", port])

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


# Out of time


# Long enough for a slow machine to inject the fault in, and well below the minute under it.
TIME_TO_LIVE = "25"


@pytest.mark.timeout(200)
def test_a_run_ends_when_its_time_is_over(start: Start) -> None:
    run = start(CHAOSNETRA_TIME_TO_LIVE_SECONDS=TIME_TO_LIVE)
    run.reach("fault.injected", "toxic ")
    assert run.process.wait(75) == 1, run.output.read_text()
    assert until_clean(run.everything_left, CLEAN_SECONDS)[0] == []
    assert run.unreadable() == []
    assert run.journal["status"] == "interrupted"
    assert run.journal["chaosnetra"]["verdict"] == "inconclusive"
    assert {fault["undo"] for fault in run.journal["chaosnetra"]["faults"]} == {"done"}


@pytest.mark.timeout(200)
def test_a_run_that_hangs_is_killed_when_its_time_is_over(start: Start) -> None:
    """It has 20 s to end by itself; one that does not move cannot."""
    run = start(CHAOSNETRA_TIME_TO_LIVE_SECONDS=TIME_TO_LIVE)
    run.reach("fault.injected", "toxic ")
    run.process.send_signal(signal.SIGSTOP)
    assert run.process.wait(75) == -signal.SIGKILL
    run.assert_recovered_by_itself()


# Signals, more than one of them


@pytest.mark.parametrize(
    ("pause_seconds", "numbers"),
    [
        (0.0, [signal.SIGINT, signal.SIGINT]),
        (0.05, [signal.SIGINT, signal.SIGINT]),
        (0.5, [signal.SIGINT, signal.SIGINT]),
        (0.0, [signal.SIGTERM, signal.SIGTERM]),
        (0.05, [signal.SIGTERM, signal.SIGTERM]),
        (0.5, [signal.SIGTERM, signal.SIGTERM]),
        (0.0, [signal.SIGHUP]),
        (0.02, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTERM]),
    ],
    ids=lambda value: (
        "-".join(number.name for number in value) if isinstance(value, list) else None
    ),
)
@pytest.mark.parametrize("place", ["in the pause", "in a startup"])
def test_signals_leave_nothing_and_a_whole_journal(
    start: Start, numbers: list[signal.Signals], pause_seconds: float, place: str
) -> None:
    if place == "in the pause":
        run = start()
        run.reach_the_pause()
    else:
        run = start(CHAOSNETRA_COUNT="2")
        run.reach("fault.injected", "proxy ")
    for number in numbers:
        run.process.send_signal(number)
        time.sleep(pause_seconds)
    assert run.process.wait(30) == 1, run.output.read_text()
    assert_interrupted(run)


def test_a_signal_that_is_followed_by_a_kill_after_10_s_is_enough(start: Start) -> None:
    """As service managers and Cloud Run do it."""
    run = start()
    run.reach_the_pause()
    run.process.send_signal(signal.SIGTERM)
    try:
        assert run.process.wait(10) == 1, run.output.read_text()
    except subprocess.TimeoutExpired:  # a machine that is very busy
        run.kill()
        assert until_clean(run.everything_left, CLEAN_SECONDS)[0] == []
        assert run.unreadable() == []
    else:
        assert_interrupted(run)


def assert_interrupted(run: Started) -> None:
    found, _ = until_clean(run.everything_left, CLEAN_SECONDS)
    assert found == []
    assert run.unreadable() == []
    assert run.journal["status"] == "interrupted"
    section = run.journal["chaosnetra"]
    assert (section["verdict"], section["cause"]) == ("inconclusive", "interrupted")
    assert {fault["undo"] for fault in section["faults"]} <= {"done", "already done"}
    assert run.events()[-1]["event"] == "run.ended"


# Secrets


def test_no_password_is_shown_anywhere(start: Start, servers: Servers) -> None:
    run = start(path=EXPERIMENT, CHAOSNETRA_DATABASE_STATE="fresh")
    secret = servers.database.password
    shown: set[str] = set()
    ledgers = ""

    def look() -> bool:
        nonlocal ledgers
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if secret in words:
                shown.add(words)
        for path in run.ledgers:
            try:
                ledgers += path.read_text()
            except FileNotFoundError:
                continue
        return run.has("activity.ended", "put-the-path-to-the-database-under-pressure")

    assert run.wait_for(look), run.output.read_text()
    run.kill()
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        look()
    assert shown == set()
    assert "postgres.drop_schema" in ledgers
    assert secret not in ledgers
    assert until_clean(run.everything_left, CLEAN_SECONDS)[0] == []
    texts = [path for path in run.folder.rglob("*") if path.is_file()]
    assert run.events_path in texts
    for path in texts:
        assert secret not in path.read_text(), path


def test_no_password_is_in_a_journal_that_a_signal_ended(start: Start, servers: Servers) -> None:
    run = start()
    run.reach_the_pause()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 1
    for path in (path for path in run.folder.rglob("*") if path.is_file()):
        assert servers.database.password not in path.read_text(), path
