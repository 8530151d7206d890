"""Startups that fail or run out of time, and what their output tells."""

import asyncio
import json
from pathlib import Path

import pytest

from chaosnetra.errors import MachineryFailed
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.launcher import launch
from chaosnetra.startup.outcome import EndedBy, StartupOutcome, Status
from tests.support.helpers import present
from tests.support.launches import (
    DATABASE,
    HTTP,
    SERVE,
    TCP,
    launched,
    nothing_left_behind,
    one,
    plan_of,
    script,
    short,
)

pytestmark = pytest.mark.usefixtures("little_grace")

# Failed


@nothing_left_behind
@pytest.mark.parametrize("readiness", ["exit", TCP, "log:never"])
@pytest.mark.parametrize("code", [1, 3, 7])
def test_exit_code_of_a_failed_start(code: int, readiness: str) -> None:
    outcome = one(["sh", "-c", f"echo 'ERROR: no luck' >&2; exit {code}"], readiness)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, code)
    assert (outcome.signal, outcome.ended_by) == (None, EndedBy.ITSELF)
    assert present(outcome.error).text == "no luck"


@nothing_left_behind
def test_clean_exit_of_a_service_that_was_never_ready_is_a_failure() -> None:
    outcome = one(["true"], TCP)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 0)
    assert present(outcome.error).text == "it ended with exit code 0 and printed nothing"


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
    assert text in present(outcome.error).text


@nothing_left_behind
def test_ready_after_the_limit_is_timed_out() -> None:
    text = SERVE + "time.sleep(0.8)\nserve()"
    outcome = one(script(text), HTTP, short(0.5, margin=10))
    assert outcome.status is Status.TIMED_OUT
    assert outcome.seconds > 0.8
    assert present(outcome.error).text.startswith("ready only after ")
    assert outcome.ended_by is EndedBy.LAUNCHER


@nothing_left_behind
def test_end_in_the_margin_is_a_failure_of_its_own() -> None:
    outcome = one(["sh", "-c", "sleep 0.6; echo FATAL: gave up; exit 3"], TCP, short(0.3, 10))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)
    assert outcome.ended_by is EndedBy.ITSELF
    assert "gave up" in present(outcome.error).text


@nothing_left_behind
def test_page_slower_than_the_check_is_told_from_not_ready() -> None:
    text = SERVE.replace("404), 0", "404), 5") + "serve()"
    outcome = one(script(text), HTTP, short(4, readiness=0.2))
    assert outcome.status is Status.TIMED_OUT
    assert outcome.checks["timed_out"] >= 1
    assert "not_ready" not in outcome.checks
    assert "timed_out" in present(outcome.error).text


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
    assert "it broke" in present(outcome.error).text
    assert len(json.dumps(outcome.to_json())) < 10_000


@nothing_left_behind
def test_invalid_utf8_and_an_endless_line_do_no_harm() -> None:
    text = "import os; os.write(1, b'x' * 3_000_000)\n"
    text += "os.write(2, b'\\xff\\xfe ERROR: br\\x80ken \\xc3\\n'); raise SystemExit(1)"
    outcome = one(script(text), TCP)
    assert outcome.status is Status.FAILED
    assert "ERROR: br\ufffdken" in present(outcome.error).text


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
