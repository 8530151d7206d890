"""What real small services print: their words for phases, and what is kept of it."""

import asyncio
import json
from dataclasses import replace

from chaosnetra.phase_patterns import parse
from chaosnetra.redaction import MASK, Redactor
from chaosnetra.startup.kept_output import MOST_BYTES, Keeping
from chaosnetra.startup.launcher import launch
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.phase_lines import PhaseLines
from tests.support.helpers import present
from tests.support.launches import (
    DATABASE,
    ENOUGH,
    Limits,
    launched,
    nothing_left_behind,
    plan_of,
    script,
    short,
)

pytestmark = nothing_left_behind

SHELL = """
echo "[1/2] checking settings"
echo "[1/2] fine"
echo "[2/2] opening the store"
sleep 0.6
echo "[2/2] gave up: no answer within 25 s" >&2
exit 4
"""
SHELL_WORDS = {
    "start": "^\\[./.\\] (?P<phase>checking|opening) ",
    "end": "^\\[./.\\] fine$",
    "failure": "^\\[./.\\] (?P<error>gave up: .*)",
    "detail": "within (?P<budget_seconds>[0-9]+) s",
}
PYTHON = """
import json, sys, time

def log(event, **fields):
    print(json.dumps({**fields, "event": event, "level": "info"}), flush=True)

log("stage entered", stage={"name": "schema"})
time.sleep(0.3)
try:
    raise ConnectionRefusedError("no server at db:5432")
except OSError:
    import traceback
    log("stage broke", stage={"name": "schema"}, elapsed_ms=300, trace=traceback.format_exc())
for number in range(2000):
    log("shutting down", part=number)
sys.exit(3)
"""
PYTHON_WORDS = {
    "start": "^stage entered$",
    "failure": "^stage broke$",
    "fields": {"phase": "stage.name", "milliseconds": "elapsed_ms"},
}


def outcome(command: list[str], words: object = None) -> StartupOutcome:
    plan = plan_of(command, "exit")
    (made,) = launched(replace(plan, phase_lines=PhaseLines(parse("words", words))))
    assert StartupOutcome.from_json(json.loads(json.dumps(made.to_json()))) == made
    return made


def test_a_shell_script_tells_its_phases_in_its_own_words() -> None:
    made = outcome(["/bin/sh", "-c", SHELL], SHELL_WORDS)
    assert (made.status, made.exit_code, made.phase) == (Status.FAILED, 4, "opening")
    assert list(made.phase_seconds) == ["checking", "opening"]
    assert 0.5 < made.phase_seconds["opening"] < 10
    began, ended = made.phase_spans["opening"]
    assert ended is not None
    assert 0 <= began < ended <= made.seconds + 1
    assert made.error is not None
    assert made.error.text == "gave up: no answer within 25 s"
    assert not present(made.error.stated_budget).is_possible
    # Two streams, whose lines may come in any order.
    assert sorted(made.output) == [
        "[1/2] checking settings",
        "[1/2] fine",
        "[2/2] gave up: no answer within 25 s",
        "[2/2] opening the store",
    ]


def test_a_service_that_logs_json_tells_them_in_fields() -> None:
    made = outcome(script(PYTHON), PYTHON_WORDS)
    assert (made.status, made.phase) == (Status.FAILED, "schema")
    assert made.phase_seconds == {"schema": 0.3}
    assert made.output[-1] == json.dumps({"part": 1999, "event": "shutting down", "level": "info"})


def test_an_error_far_above_the_last_lines_is_kept_whole() -> None:
    raising = "def f(n): return f(n - 1) if n else int('no number')\n"
    text = f"""
import sys, traceback
exec({raising!r})
for number in range(1000): print("warming up", number, file=sys.stderr)
try: f(30)
except ValueError: traceback.print_exc()
for number in range(200000): print("tidying up", number, file=sys.stderr)
sys.exit(1)
"""
    made = outcome(script(text))
    assert present(made.error).error_class == "ValueError"
    assert made.output[0] == "Traceback (most recent call last):"
    assert "ValueError: invalid literal for int() with base 10: 'no number'" in made.output
    assert made.output[-1] == "tidying up 199999"
    assert sum("in f" in line for line in made.output) >= 3
    assert len(json.dumps(made.output)) <= MOST_BYTES


def of_many(text: str, count: int, limits: Limits = ENOUGH) -> list[StartupOutcome]:
    redactor = Redactor()
    redactor.add("the-password")
    told: list[StartupOutcome] = []
    made = asyncio.run(
        launch(
            plan_of(script(text), "exit"),
            [DATABASE] * count,
            limits,
            keeping=Keeping(redactor.text),
            progress=told.append,
        )
    )
    # Of those told one by one the first that is told keeps it.
    assert {one.output_of for one in told} <= {told[0].number, None}
    return made


def test_startups_that_fail_alike_keep_one_output_without_a_secret() -> None:
    text = "import os, sys; print(os.getpid(), os.environ['DATABASE_URL']); sys.exit(2)"
    made = of_many(text, 3)
    assert [one.output_of for one in made] == [1, 1, 1]
    (line,) = made[0].output
    assert f":{MASK}@" in line
    assert "the-password" not in line
    assert [one.output for one in made[1:]] == [(), ()]


def test_what_one_that_is_out_of_time_printed_is_kept() -> None:
    text = "import sys, time; print('waiting for the store', flush=True); time.sleep(60)"
    (made,) = of_many(text, 1, short(1))
    assert (made.status, made.output) == (Status.TIMED_OUT, ("waiting for the store",))


def test_of_one_that_is_ready_nothing_is_kept() -> None:
    (made,) = of_many("print('hello')", 1)
    assert (made.status, made.output, made.output_of) == (Status.READY, (), None)
