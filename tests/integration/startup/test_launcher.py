"""The launcher with real targets, beside what both ways to start one have in common."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from chaosnetra.errors import Interrupted, MachineryFailed, PartUnavailable
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.settings import Settings
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import EndedBy, StartupOutcome, Status
from chaosnetra.startup.readiness import Readiness
from chaosnetra.startup.target_plan import make_plan
from tests.support.helpers import alive, written_pids
from tests.support.targets import DATABASE, HTTP, SERVE, TCP

nothing_left_behind = pytest.mark.usefixtures("nothing_left")

# On a busy machine an interpreter may need a second to start.
ENOUGH = Limits(startup_seconds=30, kill_margin_seconds=1, readiness_seconds=5)


def short(startup: float, margin: float = 0.2, readiness: float = 1) -> Limits:
    return Limits(startup, margin, readiness)


@pytest.fixture(autouse=True)
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that ignore a signal are not waited for as long."""
    monkeypatch.setattr("chaosnetra.startup.launcher.GRACE_SECONDS", 0.5)


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def plan_of(
    command: list[str],
    readiness: str,
    directory: Path | None = None,
    environment: dict[str, str] | None = None,
) -> LaunchPlan:
    return LaunchPlan(
        shown="test target",
        command=command,
        environment={"PATH": os.environ["PATH"], **(environment or {})},
        directory=directory,
        readiness=Readiness.parse(readiness),
        readiness_timeout_seconds=5,
        target_environment={"DATABASE_URL": "{url}"},
    )


def launched(
    plan: LaunchPlan,
    limits: Limits = ENOUGH,
    count: int = 1,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[StartupOutcome]:
    outcomes = asyncio.run(launch(plan, [DATABASE] * count, limits, interrupted=interrupted))
    assert [outcome.number for outcome in outcomes] == list(range(1, count + 1))
    for outcome in outcomes:
        json.dumps(outcome.to_json())
    return outcomes


def one(command: list[str], readiness: str, limits: Limits = ENOUGH) -> StartupOutcome:
    return launched(plan_of(command, readiness), limits)[0]


# Ready


@nothing_left_behind
def test_one_that_serves_when_its_first_thread_has_ended_is_ready() -> None:
    text = SERVE + "import ctypes, threading\nthreading.Thread(target=serve).start()\n"
    outcome = one(script(text + "ctypes.CDLL(None).pthread_exit(None)"), HTTP)
    assert outcome.status is Status.READY


@nothing_left_behind
def test_each_of_several_has_its_own_port_and_outcome(tmp_path: Path) -> None:
    text = f"{SERVE}\nopen(os.environ['PORT'], 'w').write(sys.argv[1])\nserve()"
    plan = plan_of([*script(text), "{port}"], HTTP, directory=tmp_path)
    seen: list[int] = []
    outcomes = asyncio.run(
        launch(plan, [DATABASE] * 3, ENOUGH, progress=lambda outcome: seen.append(outcome.number))
    )
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 3
    assert sorted(seen) == [1, 2, 3]
    ports = [path.name for path in tmp_path.iterdir()]
    assert len(ports) == 3
    assert all((tmp_path / port).read_text() == port for port in ports)


@nothing_left_behind
def test_ready_ones_stay_up_until_all_are_decided(tmp_path: Path) -> None:
    # The first to come waits for the second before it answers: both must be up at once.
    text = f"{SERVE}\nopen(os.environ['PORT'], 'w')\nfirst = len(os.listdir('.')) == 1\n"
    text += "time.sleep(0 if first else 1)\nserve()"
    order: list[tuple[int, int]] = []

    def progress(outcome: StartupOutcome) -> None:
        listening = sum(
            link.status == psutil.CONN_LISTEN
            for link in psutil.net_connections("tcp")
            if (tmp_path / str(link.laddr.port)).exists()
        )
        order.append((outcome.number, listening))

    plan = plan_of(script(text), HTTP, directory=tmp_path)
    outcomes = asyncio.run(launch(plan, [DATABASE] * 2, ENOUGH, progress=progress))
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 2
    assert order[-1][1] == 2


@nothing_left_behind
def test_database_and_port_reach_the_target_and_our_own_settings_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "CHAOSNETRA_DATABASE_URL", "postgresql://direct:pass-of-ours@127.0.0.1/direct"
    )
    text = "import json, os, sys; json.dump(dict(os.environ), open('seen.json', 'w'))"
    (tmp_path / "target.py").write_text(text)
    settings = Settings.from_configuration(
        {
            "target": f"{sys.executable} target.py",
            "target_directory": str(tmp_path),
            "target_environment": {"DATABASE_URL": "{url}", "DB_NAME": "{database}"},
        }
    )
    assert launched(make_plan(settings, os.environ, None))[0].status is Status.READY
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["DATABASE_URL"], seen["DB_NAME"]) == (DATABASE.url, "base")
    assert int(seen["PORT"]) > 0
    assert "pass-of-ours" not in json.dumps(seen)


@nothing_left_behind
def test_page_that_answers_503_first_becomes_ready() -> None:
    text = SERVE.replace("(200 if path", "503 if number <= 3 else (200 if path") + "serve()"
    outcome = one(script(text), HTTP)
    assert outcome.status is Status.READY
    assert outcome.checks["not_ready"] == 3
    assert set(outcome.checks) <= {"refused", "not_ready"}


# Ready, and then not any more

DWELL = Limits(startup_seconds=30, kill_margin_seconds=1, readiness_seconds=2, dwell_seconds=0.8)
LISTEN = """
import os, socket, sys, time
listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
"""


@nothing_left_behind
@pytest.mark.parametrize(
    ("text", "readiness"),
    [
        (SERVE + "serve()", HTTP),
        (SERVE + "serve()", TCP),
        ("import time; print('ready', flush=True); time.sleep(60)", "log:ready"),
        # As a worker that is replaced: it answers again before the second dwell is over.
        (LISTEN + "time.sleep(0.6); listening.close(); time.sleep(0.5)\n" + SERVE + "serve()", TCP),
    ],
    ids=["http", "tcp", "log", "again"],
)
def test_one_that_stays_ready_is_ready_and_its_dwell_is_not_counted(
    text: str, readiness: str
) -> None:
    began = time.monotonic()
    outcome = one(script(text), readiness, DWELL)
    assert (outcome.status, outcome.was_ready_seconds) == (Status.READY, None)
    assert time.monotonic() - began > outcome.seconds + DWELL.dwell_seconds


@nothing_left_behind
def test_readiness_by_exit_needs_no_dwell() -> None:
    began = time.monotonic()
    limits = Limits(30, 1, 2, dwell_seconds=30)
    assert one(["true"], "exit", limits).status is Status.READY
    assert time.monotonic() - began < 20


@nothing_left_behind
@pytest.mark.parametrize(
    ("end", "how", "code", "number"),
    [
        ("print('cannot reach database', flush=True); sys.exit(1)", "with exit code 1", 1, None),
        ("sys.exit(0)", "with exit code 0", 0, None),
        ("os.kill(os.getpid(), 9)", "by signal 9", None, 9),
    ],
)
@pytest.mark.parametrize("readiness", [TCP, "log:listens"])
def test_one_that_ends_after_it_was_ready_has_failed(
    end: str, how: str, code: int | None, number: int | None, readiness: str
) -> None:
    text = f"{LISTEN}print('listens', flush=True); time.sleep(0.5); {end}"
    outcome = one(script(text), readiness, DWELL)
    assert outcome.status is Status.FAILED
    assert (outcome.exit_code, outcome.signal) == (code, number)
    assert outcome.ended_by is EndedBy.ITSELF
    assert outcome.was_ready_seconds is not None
    assert outcome.seconds > outcome.was_ready_seconds + 0.3
    assert outcome.error is not None
    ready = f"it was ready after {outcome.was_ready_seconds:.2f} s, and ended {how} 0."
    assert outcome.error.text.startswith(ready)
    assert "s later" in outcome.error.text


@nothing_left_behind
def test_one_that_stops_answering_after_it_was_ready_has_failed() -> None:
    text = f"{LISTEN}time.sleep(0.4); listening.close(); time.sleep(60)"
    outcome = one(script(text), TCP, DWELL)
    assert (outcome.status, outcome.ended_by) == (Status.FAILED, EndedBy.LAUNCHER)
    assert outcome.exit_reason is None
    assert outcome.error is not None
    assert "did not answer as ready any more" in outcome.error.text


@nothing_left_behind
def test_one_that_leaves_its_service_behind_is_told_to_stay() -> None:
    command = script(
        f"{SERVE}\nif os.fork() == 0:\n    os.setsid()\n    serve()\ntime.sleep(1)\nsys.exit(0)"
    )
    outcome = one(command, HTTP, replace(DWELL, dwell_seconds=3))
    assert (outcome.status, outcome.exit_code, outcome.processes_left) == (Status.FAILED, 0, 1)
    assert outcome.error is not None
    assert "left 1 running: run it in the foreground" in outcome.error.text


@nothing_left_behind
def test_one_that_ends_while_others_still_start_is_not_ready(tmp_path: Path) -> None:
    text = "import os, sys, time\ntry: os.mkdir('first'); is_first = True\n"
    text += "except FileExistsError: is_first = False; time.sleep(2)\n"
    text += f"{LISTEN}\nif is_first: time.sleep(1.2); sys.exit(5)\ntime.sleep(60)"
    outcomes = launched(plan_of(script(text), TCP, directory=tmp_path), DWELL, count=2)
    statuses = {outcome.exit_code: outcome.status for outcome in outcomes}
    assert statuses[5] is Status.FAILED


# Failed


@nothing_left_behind
@pytest.mark.parametrize("readiness", ["exit", TCP, "log:never"])
@pytest.mark.parametrize("code", [1, 3, 7])
def test_exit_code_of_a_failed_start(code: int, readiness: str) -> None:
    outcome = one(["sh", "-c", f"echo 'ERROR: no luck' >&2; exit {code}"], readiness)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, code)
    assert (outcome.signal, outcome.ended_by) == (None, EndedBy.ITSELF)
    assert outcome.error is not None
    assert outcome.error.text == "no luck"


@nothing_left_behind
def test_clean_exit_of_a_service_that_was_never_ready_is_a_failure() -> None:
    outcome = one(["true"], TCP)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 0)
    assert outcome.error is not None
    assert outcome.error.text == "it ended with exit code 0 and printed nothing"


@nothing_left_behind
def test_missing_program_fails_with_its_reason() -> None:
    outcome = one(["/nowhere/no-such-program"], TCP)
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "could not be started" in outcome.error.text
    assert "No such file" in outcome.error.text


@nothing_left_behind
def test_failure_among_others_is_told_apart(tmp_path: Path) -> None:
    text = f"{SERVE}\nopen(os.environ['PORT'], 'x')\n"
    text += "try: os.mkdir('won')\nexcept FileExistsError: serve()\nsys.exit(4)"
    outcomes = launched(plan_of(script(text), HTTP, directory=tmp_path), count=3)
    statuses = sorted(outcome.status for outcome in outcomes)
    assert statuses == [Status.FAILED, Status.READY, Status.READY]
    assert [o.exit_code for o in outcomes if o.status is Status.FAILED] == [4]


# Out of time


@nothing_left_behind
def test_one_that_tries_for_ever_is_told_as_that() -> None:
    text = "import time\nfor n in range(999):\n"
    text += (
        "    print(f'try {n}: dial tcp 10.0.0.3:5432: connect: connection refused', flush=True)\n"
    )
    text += "    print('waiting', flush=True); time.sleep(0.05)"
    outcome = one(script(text), TCP, short(1))
    assert outcome.status is Status.TIMED_OUT
    assert outcome.error is not None
    assert "it tries for ever" in outcome.error.text
    assert "connection refused" in outcome.error.text
    assert outcome.error.causes[-1].endswith("connection refused")


@nothing_left_behind
def test_our_own_lack_of_files_is_not_the_targets_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_file(*arguments: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio, "open_connection", no_file)
    with pytest.raises(MachineryFailed, match=r"Too many open files.*ulimit -n"):
        one(script(SERVE + "serve()"), HTTP, short(20))


@nothing_left_behind
@pytest.mark.parametrize(
    ("readiness", "text"), [("exit", "still running"), ("log:never", "no line of its output")]
)
def test_never_ready_without_a_port(readiness: str, text: str) -> None:
    outcome = one(["sleep", "100"], readiness, short(0.3))
    assert outcome.status is Status.TIMED_OUT
    assert outcome.error is not None
    assert text in outcome.error.text


@nothing_left_behind
def test_ready_after_the_limit_is_timed_out() -> None:
    text = SERVE + "time.sleep(0.8)\nserve()"
    outcome = one(script(text), HTTP, short(0.5, margin=10))
    assert outcome.status is Status.TIMED_OUT
    assert outcome.seconds > 0.8
    assert outcome.error is not None
    assert outcome.error.text.startswith("ready only after ")
    assert outcome.ended_by is EndedBy.LAUNCHER


@nothing_left_behind
def test_end_in_the_margin_is_a_failure_of_its_own() -> None:
    outcome = one(["sh", "-c", "sleep 0.6; echo FATAL: gave up; exit 3"], TCP, short(0.3, 10))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)
    assert outcome.ended_by is EndedBy.ITSELF
    assert outcome.error is not None
    assert "gave up" in outcome.error.text


@nothing_left_behind
def test_page_slower_than_the_check_is_told_from_not_ready() -> None:
    text = SERVE.replace("404), 0", "404), 5") + "serve()"
    outcome = one(script(text), HTTP, short(4, readiness=0.2))
    assert outcome.status is Status.TIMED_OUT
    assert outcome.checks["timed_out"] >= 1
    assert "not_ready" not in outcome.checks
    assert outcome.error is not None
    assert "timed_out" in outcome.error.text


@nothing_left_behind
def test_port_that_somebody_else_answers_is_not_ready() -> None:
    port = free_port()
    plan = plan_of(["sleep", "100"], f"tcp://127.0.0.1:{port}")

    async def run() -> list[StartupOutcome]:
        running = asyncio.create_task(launch(plan, [DATABASE], short(2)))
        await asyncio.sleep(0.3)  # the port was free at the start
        foreign = await asyncio.start_server(lambda reader, writer: writer.close(), LOOPBACK, port)
        async with foreign:
            return await running

    outcome = asyncio.run(run())[0]
    assert outcome.status is Status.TIMED_OUT
    assert outcome.checks["foreign"] >= 1


# Output


@nothing_left_behind
def test_cause_after_a_flood_of_output_is_found() -> None:
    text = "for n in range(200_000): print('line', n)\nraise SystemExit('FATAL: it broke')"
    outcome = one(script(text), TCP, short(30))
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "it broke" in outcome.error.text
    assert len(json.dumps(outcome.to_json())) < 10_000


@nothing_left_behind
def test_invalid_utf8_and_an_endless_line_do_no_harm() -> None:
    text = "import os; os.write(1, b'x' * 3_000_000)\n"
    text += "os.write(2, b'\\xff\\xfe ERROR: br\\x80ken \\xc3\\n'); raise SystemExit(1)"
    outcome = one(script(text), TCP)
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "ERROR: br\ufffdken" in outcome.error.text


def test_password_in_an_error_text_is_masked(
    postgres: PostgresServer, toxiproxy_server: ToxiproxyServer
) -> None:
    from chaosnetra.startup.probes import startups_succeed

    result = startups_succeed(
        count=1,
        max_failure_rate=1,
        configuration={
            "database_url": postgres.database.url,
            "toxiproxy_url": toxiproxy_server.url,
            "target": "sh -c 'echo ERROR: cannot use $DATABASE_URL; exit 1'",
        },
    )
    assert (result["held"], result["failed"]) == (True, 1)
    assert "cannot use postgresql://" in result["error"]
    text = json.dumps(result)
    assert postgres.database.password not in text
    assert "***" in text


# Whatever it leaves


@nothing_left_behind
def test_background_job_of_a_shell_is_ended(tmp_path: Path) -> None:
    command = "echo $$ > pids; sleep 100 & echo $! >> pids; echo up; exec sleep 200"
    plan = plan_of(["sh", "-c", command], "log:up", directory=tmp_path)
    assert launched(plan)[0].status is Status.READY
    assert alive(written_pids(tmp_path / "pids", 2)) == []


# Refused and interrupted


@nothing_left_behind
def test_fixed_port_in_use_is_refused_before_the_start(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        plan = plan_of(["touch", str(mark)], f"http://127.0.0.1:{port}/ready")
        with pytest.raises(PartUnavailable, match=f"port {port} .* is in use") as caught:
            launched(plan)
    assert "{port}" in str(caught.value)
    assert not mark.exists()


@nothing_left_behind
def test_fixed_port_for_several_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    port = free_port()
    with pytest.raises(PartUnavailable, match=f"one port {port}, but 2 startups"):
        launched(plan_of(["touch", str(mark)], f"tcp://127.0.0.1:{port}"), count=2)
    assert not mark.exists()


@nothing_left_behind
def test_fixed_port_that_is_free_is_used() -> None:
    port = free_port()
    outcome = one(script(SERVE + "serve()"), f"http://127.0.0.1:{port}/ready")
    assert outcome.status is Status.READY


def test_an_interrupted_launch_reports_no_startup_as_decided() -> None:
    told: list[StartupOutcome] = []
    plan = plan_of(["sleep", "60"], "exit")
    started = time.monotonic()
    with pytest.raises(Interrupted):
        asyncio.run(
            launch(
                plan,
                [DATABASE] * 2,
                ENOUGH,
                progress=told.append,
                interrupted=lambda: time.monotonic() - started > 0.3,
            )
        )
    assert told == []
