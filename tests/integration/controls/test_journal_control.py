"""What the journal control makes of each case in which the core reports success wrongly.

One test a row; each runs `chaos run` as a process of its own, on the installed line.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from tests.conftest import ChaosRun, RunChaos, chaos_command
from tests.support.helpers import wait_until
from tests.support.journals import judged

pytestmark = pytest.mark.usefixtures("nothing_left")

HELPERS = '''
import pathlib, time

def value(of):
    return of

def count_up(file, good_until):
    """True for the first calls, then False."""
    path = pathlib.Path(file)
    calls = int(path.read_text()) if path.exists() else 0
    path.write_text(str(calls + 1))
    return calls < good_until

def raise_later(file, good_until):
    if not count_up(file, good_until):
        raise RuntimeError("gone wrong")
    return True

def touch(file):
    pathlib.Path(file).touch()

def missing(file, asked=None):
    """Whether there is no such file; each time that there is one, `asked` grows."""
    if not pathlib.Path(file).exists():
        return True
    if asked:
        with open(asked, "a") as told:
            told.write("x")
    return False

def remove(file):
    pathlib.Path(file).unlink()

def fail(text):
    raise RuntimeError(text)

def wait_for(file, size=0):
    """Until there is such a file, and it is so large."""
    path, until = pathlib.Path(file), time.monotonic() + 60
    while not path.exists() or path.stat().st_size < size:
        if time.monotonic() > until:
            raise RuntimeError(f"{file} has not come")
        time.sleep(0.02)
    return True

def wait(seconds, mark):
    pathlib.Path(mark).touch()
    time.sleep(seconds)
    return True

async def coroutine():
    return True

def no(value=None):
    return False

def set_clock(by):
    """As if somebody set the wall clock: the core reads it through these."""
    import datetime, chaoslib.activity, chaoslib.run, chaosnetra.text
    now, real = time.time, datetime.datetime
    time.time = lambda: now() + by

    class Set(real):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + datetime.timedelta(seconds=by)

    for module in (chaoslib.activity, chaoslib.run, chaosnetra.text):
        module.datetime = Set

def not_json():
    return object()

def not_a_number():
    return {"held": True, "rate": float("nan")}
'''

CONTROL: dict[str, Any] = {
    "name": "journal",
    "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
}


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of a user's own activities."""
    (tmp_path / "row_helpers.py").write_text(HELPERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def call(kind: str, function: str, tolerance: Any = None, **arguments: Any) -> dict[str, Any]:
    activity: dict[str, Any] = {
        "type": kind,
        "name": function,
        "provider": {
            "type": "python",
            "module": "row_helpers",
            "func": function,
            "arguments": arguments,
        },
    }
    if tolerance is not None:
        activity["tolerance"] = tolerance
    return activity


def process(path: str, *arguments: str, kind: str = "action", **told: Any) -> dict[str, Any]:
    """An activity that is a process: the core looks at no exit code."""
    provider = {"type": "process", "path": path, "arguments": list(arguments)}
    return {"type": kind, "name": path, "provider": provider, **told}


def probe(function: str, tolerance: Any = True, **arguments: Any) -> dict[str, Any]:
    return call("probe", function, tolerance, **arguments)


def action(function: str, **arguments: Any) -> dict[str, Any]:
    return call("action", function, **arguments)


def experiment(
    probes: list[dict[str, Any]],
    method: list[dict[str, Any]],
    rollbacks: list[dict[str, Any]] | None = None,
    strategy: str | None = "always",
    **control_arguments: Any,
) -> dict[str, Any]:
    control = json.loads(json.dumps(CONTROL))
    if control_arguments:
        control["provider"]["arguments"] = control_arguments
    made: dict[str, Any] = {
        "title": "a row",
        "description": "a row",
        "controls": [control],
        "steady-state-hypothesis": {"title": "it is well", "probes": probes},
        "method": method,
        "rollbacks": rollbacks or [],
    }
    if strategy is not None:
        made["runtime"] = {"rollbacks": {"strategy": strategy}}
    return made


def assert_judged(run: ChaosRun, verdict: str, cause: str, *, returncode: int = 1) -> None:
    assert run.section["verdict"] == verdict, run.output
    assert run.section["cause"] == cause, run.output
    assert run.returncode == returncode, run.output
    assert "Traceback" not in run.output
    assert run.events[-1]["event"] == "run.ended"


def test_a_steady_state_that_holds_exits_with_0(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [action("value", of=1)]))
    assert_judged(run, "held", "steady state held", returncode=0)
    assert run.journal["status"] == "completed"
    assert run.section["recovery"]["steady_state_met"] is True


def test_a_baseline_that_is_not_met_is_inconclusive(run_chaos: RunChaos, tmp_path: Path) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment(
            [probe("value", of=False)],
            [action("fail", text="must not run")],
            [action("touch", file=str(mark))],
        )
    )
    assert_judged(run, "inconclusive", "baseline not met")
    assert run.journal["status"] == "failed"
    assert mark.exists()


def test_a_baseline_probe_that_raises_is_inconclusive_and_rolled_back(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment([probe("fail", text="no route")], [], [action("touch", file=str(mark))])
    )
    assert_judged(run, "inconclusive", "baseline not met")
    assert "no route" in run.section["reason"]
    assert mark.exists()


def test_a_deviation_after_the_method_is_a_violation(run_chaos: RunChaos, tmp_path: Path) -> None:
    fault = str(tmp_path / "fault")
    run = run_chaos(
        experiment(
            [probe("missing", file=fault)],
            [action("touch", file=fault)],
            [action("remove", file=fault)],
        )
    )
    assert_judged(run, "violated", "steady state violated")
    assert run.journal["deviated"] is True
    (violation,) = run.section["violations"]
    assert violation["stage"] == "after"
    assert violation["probe"] == "missing"
    assert violation["observed"] == "false"


def test_a_probe_that_raises_after_the_method_is_a_violation_and_rolled_back(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment(
            [probe("raise_later", file=str(tmp_path / "calls"), good_until=1)],
            [action("value", of=1)],
            [action("touch", file=str(mark))],
        )
    )
    assert run.section["verdict"] == "violated"
    assert run.returncode == 1
    (violation, *_) = run.section["violations"]
    assert violation["stage"] == "after"
    assert "gone wrong" in violation["error"]
    assert mark.exists()


def test_an_action_that_fails_is_inconclusive(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [action("fail", text="not injected")]))
    assert_judged(run, "inconclusive", "injection failed")
    assert "not injected" in run.section["reason"]
    assert run.journal["status"] == "failed"


def test_a_rollback_that_fails_fails_the_run(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment(
            [probe("value", of=True)],
            [action("value", of=1)],
            [action("fail", text="still injected")],
        )
    )
    assert_judged(run, "inconclusive", "rollback failed")
    assert "still injected" in run.section["reason"]


def test_a_deviation_only_during_the_method_is_a_violation(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    fault, asked = str(tmp_path / "fault"), str(tmp_path / "asked")
    run = run_chaos(
        experiment(
            [probe("missing", file=fault, asked=asked)],
            [
                action("touch", file=fault),
                # Who asks for the second time has recorded the first.
                action("wait_for", file=asked, size=2),
                action("remove", file=fault),
            ],
        ),
        "--hypothesis-strategy",
        "continuously",
        "--hypothesis-frequency",
        "0.2",
    )
    assert_judged(run, "violated", "steady state violated")
    assert run.journal["deviated"] is True
    assert run.section["corrections"] == ["deviated: false to true"]
    assert {violation["stage"] for violation in run.section["violations"]} == {"during"}


@pytest.mark.parametrize(
    "tolerance",
    [
        {"type": "range", "range": [0, 1]},
        {"type": "regex", "pattern": "^well"},
        [0, 1],
    ],
    ids=["range", "regex", "list"],
)
def test_a_tolerance_that_cannot_judge_keeps_journal_and_rollbacks(
    run_chaos: RunChaos, tmp_path: Path, tolerance: Any
) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment([probe("value", tolerance, of=None)], [], [action("touch", file=str(mark))])
    )
    assert_judged(run, "inconclusive", "baseline not met")
    assert "cannot judge" in run.section["reason"]
    assert mark.exists()


def test_a_tolerance_function_that_raises_is_told(run_chaos: RunChaos) -> None:
    """The core takes it for an answer outside the tolerance."""
    tolerance = call("probe", "fail", text="no")  # it takes no answer
    run = run_chaos(experiment([probe("value", tolerance, of=5)], [action("value", of=1)]))
    assert_judged(run, "inconclusive", "baseline not met")
    told = "tolerance of 'value' cannot judge its output: TypeError: fail() got an unexpected"
    assert told in run.section["reason"]


@pytest.mark.parametrize("function", ["not_json", "coroutine", "not_a_number"])
def test_output_that_is_not_json_fails_the_probe_and_the_journal_is_whole(
    run_chaos: RunChaos, function: str
) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [call("probe", function)]))
    assert_judged(run, "inconclusive", "an observation failed")
    assert "is not JSON" in run.section["reason"]


def test_an_exception_of_the_core_in_the_method_is_not_success(run_chaos: RunChaos) -> None:
    step = action("value", of=1)
    step["provider"]["func"] = "no_such_function"
    run = run_chaos(experiment([probe("value", of=True)], [step]), "--no-validation")
    assert run.returncode == 1
    assert run.section["verdict"] == "inconclusive"


def test_a_misspelled_hypothesis_is_not_success(run_chaos: RunChaos) -> None:
    made = experiment([probe("value", of=True)], [action("value", of=1)])
    made["steady-state-hypotesis"] = made.pop("steady-state-hypothesis")
    run = run_chaos(made)
    assert_judged(run, "inconclusive", "no steady state was checked")


def test_a_steady_state_that_does_not_come_back_is_a_violation(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    counter = str(tmp_path / "calls")
    run = run_chaos(
        experiment(
            [probe("count_up", file=counter, good_until=2)],
            [action("value", of=1)],
        )
    )
    assert_judged(run, "violated", "no recovery after the rollback")
    assert [violation["stage"] for violation in run.section["violations"]] == ["recovery"]


def test_the_recovery_may_take_the_time_that_it_is_given(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import pathlib\n"
        f"path = pathlib.Path({str(tmp_path / 'calls')!r})\n"
        "def well():\n"
        "    calls = int(path.read_text()) if path.exists() else 0\n"
        "    path.write_text(str(calls + 1))\n"
        "    return calls not in (2, 3, 4)\n"
    )
    well = probe("value")
    well["provider"].update(module="slow", func="well", arguments={})
    run = run_chaos(experiment([well], [action("value", of=1)], recovery_timeout_seconds=20))
    assert_judged(run, "held", "steady state held", returncode=0)
    assert int((tmp_path / "calls").read_text()) == 6


@pytest.mark.parametrize("strategy", ["before-method-only", "after-method-only"])
def test_half_a_check_is_not_success(run_chaos: RunChaos, strategy: str) -> None:
    run = run_chaos(
        experiment([probe("value", of=True)], [action("value", of=1)]),
        "--hypothesis-strategy",
        strategy,
    )
    assert_judged(run, "inconclusive", "no steady state was checked")


@pytest.mark.parametrize("part", ["method", "rollbacks"])
def test_a_process_that_ends_with_an_error_is_no_success(run_chaos: RunChaos, part: str) -> None:
    """With a tolerance an experiment says which answers mean that it worked."""
    failing = process("ls", "/nowhere/hunter22", tolerance=2)
    others = [action("value", of=1), failing]
    well = [probe("value", of=True)]
    run = run_chaos(experiment(well, others, [failing]))
    assert_judged(run, "held", "steady state held", returncode=0)
    assert [each["tolerance_met"] for each in run.journal["rollbacks"]] == [True]
    del failing["tolerance"]
    rest = [action("value", of=1)]
    method, rollbacks = (others, rest) if part == "method" else (rest, others)
    run = run_chaos(experiment(well, method, rollbacks), TARGET_TOKEN="hunter22")
    cause = "injection failed" if part == "method" else "rollback failed"
    assert_judged(run, "inconclusive", cause)
    assert f"action 'ls' in the {part} did not work: its process ended" in run.section["reason"]
    assert "with exit code 2: " in run.section["reason"]
    assert "/nowhere/***" in run.section["reason"]


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The URL of a server that answers everything with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"not now")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_request_that_is_answered_with_an_error_is_no_success(run_chaos: RunChaos) -> None:
    with answering(503) as url:
        asked = {"type": "action", "name": "ask", "provider": {"type": "http", "url": url}}
        run = run_chaos(experiment([probe("value", of=True)], [asked]))
    assert_judged(run, "inconclusive", "injection failed")
    assert run.section["reason"].endswith("it was answered with status 503: not now")


def test_rollbacks_that_are_not_played_are_no_recovery(run_chaos: RunChaos, tmp_path: Path) -> None:
    flag = str(tmp_path / "flag")
    run = run_chaos(
        experiment(
            [probe("value", of=True)], [action("touch", file=flag)], [action("remove", file=flag)]
        ),
        "--rollback-strategy=never",
    )
    assert_judged(run, "inconclusive", "rollback failed")
    assert "declared rollbacks were not played: 'remove'" in run.section["reason"]
    assert "recovered" not in run.section["reason"]
    assert run.section["recovery"] is None
    assert Path(flag).exists()


@pytest.mark.parametrize("background", [False, True])
def test_a_probe_of_the_method_outside_its_tolerance_is_a_violation(
    run_chaos: RunChaos, background: bool
) -> None:
    """The core judges the steady state only; beside it a probe that fails is told."""
    judge = {**call("probe", "value", of=0), "tolerance": 1, "background": background}
    by_function = {**call("probe", "missing", file="nowhere"), "tolerance": call("probe", "no")}
    method = [action("value", of=1), judge, by_function, call("probe", "fail", text="no route")]
    run = run_chaos(experiment([probe("value", of=True)], method))
    assert_judged(run, "violated", "steady state violated")
    found = [(each["stage"], each["probe"]) for each in run.section["violations"]]
    assert sorted(found) == [("during", "missing"), ("during", "value")]
    assert "probe 'fail' in the method failed: " in run.section["reason"]
    met = {each["activity"]["name"]: each.get("tolerance_met") for each in run.journal["run"][1:]}
    assert met == {"value": False, "missing": False, "fail": None}
    assert '"value": true' not in json.dumps(run.journal["run"])


def test_a_probe_of_the_method_that_raises_is_a_failed_observation(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment(
            [probe("value", of=True)],
            [action("value", of=1), {**call("probe", "value", of="x"), "tolerance": [1, 5]}],
        )
    )
    assert_judged(run, "inconclusive", "an observation failed")
    assert "tolerance of 'value' cannot judge its output" in run.section["reason"]


def test_a_clock_that_is_set_back_reorders_nothing(run_chaos: RunChaos) -> None:
    """Wall-clock times contradict themselves then; each activity has seconds that do not."""
    well = [probe("value", of=True)]
    run = run_chaos(experiment(well, [action("set_clock", by=-3600), action("value", of=1)]))
    assert_judged(run, "held", "steady state held", returncode=0)
    states = run.journal["steady_states"]
    runs = [*states["before"]["probes"], *run.journal["run"], *states["after"]["probes"]]
    assert [each["start"] for each in runs] != sorted(each["start"] for each in runs)
    seconds = [each[key] for each in runs for key in ("started_seconds", "ended_seconds")]
    assert seconds == sorted(seconds)
    assert all(0 <= each["duration"] < 60 for each in [*runs, run.journal])
    elapsed = [event["elapsed_seconds"] for event in run.events]
    assert elapsed == sorted(elapsed)
    ended = [event for event in run.events if event["event"] == "activity.ended"]
    assert all(event["duration_seconds"] >= 0 for event in ended)


def ours(kind: str, module: str, function: str, **arguments: Any) -> dict[str, Any]:
    """An activity of this package."""
    provider = {
        "type": "python",
        "module": f"chaosnetra.{module}",
        "func": function,
        "arguments": arguments,
    }
    return {"type": kind, "name": function, "provider": provider}


def test_trials_under_a_fault_count_although_the_clock_is_set_back(
    run_chaos: RunChaos, postgres: PostgresServer, toxiproxy_server: ToxiproxyServer
) -> None:
    connects = ours("probe", "postgres.probes", "connections_succeed", count=3, min_confidence=0.95)
    connects["tolerance"] = {**ours("probe", "tolerances", "held"), "name": "held"}
    run = run_chaos(
        experiment(
            [connects],
            [
                ours("action", "toxiproxy.actions", "add_latency", latency_ms="400", name="slow"),
                action("set_clock", by=-3600),
            ],
            [ours("action", "toxiproxy.actions", "remove_toxic", name="slow")],
        ),
        CHAOSNETRA_DATABASE_URL=postgres.database.url,
        CHAOSNETRA_TOXIPROXY_URL=toxiproxy_server.url,
    )
    assert_judged(run, "inconclusive", "too few trials for the demanded confidence")
    assert [(each["probe"], each["trials"]) for each in run.section["proofs"]] == [
        ("connections_succeed", 3)
    ]
    (slow,) = [fault for fault in run.section["faults"] if fault["effect"]]
    assert slow["undone_at"] < slow["injected_at"]
    assert 0 < slow["injected_seconds"] < slow["undone_seconds"] < 60


def test_a_run_without_its_pauses_is_judged_as_any_other(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    fault = str(tmp_path / "fault")
    method, back = [action("touch", file=fault)], [action("remove", file=fault)]
    run = run_chaos(experiment([probe("missing", file=fault)], method, back), "--dry", "pause")
    assert_judged(run, "violated", "steady state violated")


def test_a_dry_run_that_carried_out_what_failed_is_not_success(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment([probe("value", of=True)], [action("fail", text="x")]), "--dry", "probes"
    )
    assert_judged(run, "inconclusive", "injection failed")


def test_a_dry_run_keeps_its_exit_code_and_claims_nothing(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment([probe("value", of=False)], [action("fail", text="x")]), "--dry", "activities"
    )
    assert_judged(run, "inconclusive", "dry run", returncode=0)


@pytest.mark.parametrize("place", ["method", "hypothesis"])
def test_sigterm_inside_an_activity_ends_the_run(tmp_path: Path, place: str) -> None:
    """On the older line the activity swallows it, and the run goes on to exit with 0."""
    mark, rolled_back, next_step = (tmp_path / name for name in ("waiting", "back", "next"))
    waiting = call("probe", "wait", tolerance=True, seconds=100, mark=str(mark))
    made = experiment(
        [waiting] if place == "hypothesis" else [probe("value", of=True)],
        [waiting, action("touch", file=str(next_step))],
        [action("touch", file=str(rolled_back))],
    )
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(made))
    process = subprocess.Popen(
        [*chaos_command(), "run", str(path)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(mark.exists, 60, "the activity is at work")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=50) == 1
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert journal["status"] == "interrupted"
    assert journal["chaosnetra"]["cause"] == "interrupted"
    assert journal["chaosnetra"]["interrupted_by"] == "SIGTERM"
    assert rolled_back.exists()
    assert not next_step.exists()


def rolled_back_slowly(tmp_path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """A run whose rollbacks wait and then remove a file; it is in the first of them."""
    made = experiment(
        [probe("value", of=True)],
        [action("touch", file=str(tmp_path / "fault"))],
        [
            action("wait", seconds=seconds, mark=str(tmp_path / "in-rollbacks")),
            action("remove", file=str(tmp_path / "fault")),
        ],
    )
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(made))
    process = subprocess.Popen(
        [*chaos_command(), "run", str(path)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until((tmp_path / "in-rollbacks").exists, 60, "rollbacks are played")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_rollbacks_of_anybody_are_played_to_their_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = rolled_back_slowly(tmp_path, 5.0)
    for _ in range(2):
        process.send_signal(number)
        time.sleep(0.2)
    assert process.wait(timeout=60) == 1
    assert not (tmp_path / "fault").exists()
    section = json.loads((tmp_path / "journal.json").read_text())["chaosnetra"]
    assert (section["cause"], section["interrupted_by"]) == ("interrupted", number.name)


@pytest.mark.parametrize("pause_seconds", [0.0, 0.01, 0.1])
def test_who_asks_twice_gets_the_rollbacks_of_anybody(tmp_path: Path, pause_seconds: float) -> None:
    mark, fault = tmp_path / "waiting", tmp_path / "fault"
    made = experiment(
        [probe("value", of=True)],
        [action("touch", file=str(fault)), action("wait", seconds=60, mark=str(mark))],
        [action("remove", file=str(fault))],
    )
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(made))
    process = subprocess.Popen(
        [*chaos_command(), "run", str(path)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(mark.exists, 60, "the method is at work")
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        time.sleep(pause_seconds)
    assert process.wait(timeout=60) == 1
    assert not fault.exists()


def test_who_insists_ends_a_rollback_that_hangs(tmp_path: Path) -> None:
    process = rolled_back_slowly(tmp_path, 100.0)
    until = time.monotonic() + 50
    while process.poll() is None and time.monotonic() < until:
        process.send_signal(signal.SIGINT)  # some may come as one
        time.sleep(0.3)
    assert process.wait(timeout=10) == 1
    section = json.loads((tmp_path / "journal.json").read_text())["chaosnetra"]
    assert section["verdict"] == "inconclusive"
    assert "rollbacks were cut short: " in section["reason"]


def test_events_that_cannot_be_written_end_the_run_before_it_begins(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "run" / "journal.events.jsonl").mkdir(parents=True)
    run = run_chaos(
        experiment(
            [probe("value", of=True)],
            [action("touch", file=str(mark))],
        )
    )
    assert run.returncode == 1
    assert run.section["cause"] == "settings refused"
    assert "--journal-path" in run.section["reason"]
    assert not mark.exists()


def test_an_argument_that_the_control_does_not_know_ends_the_run(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [], recover=False))
    assert run.returncode == 1
    assert run.section["cause"] == "settings refused"
    assert "recover" in run.section["reason"]


def test_a_failure_of_the_control_itself_fails_the_run(run_chaos: RunChaos, tmp_path: Path) -> None:
    """The disk with the events fills up in mid-run: the run must not look like a success."""
    breaker = tmp_path / "breaker.py"
    breaker.write_text(
        "def close_events():\n"
        "    import os\n"
        "    from chaosnetra.running.run import current_run\n"
        "    os.close(current_run().events._file)\n"
    )
    step = action("value")
    step["provider"].update(module="breaker", func="close_events", arguments={})
    run = run_chaos(experiment([probe("value", of=True)], [step]))
    assert run.returncode == 1
    assert run.section["verdict"] == "inconclusive"
    assert "journal control failed" in run.section["reason"]


def test_two_runs_in_one_folder_keep_their_events_apart(tmp_path: Path) -> None:
    path, both = tmp_path / "experiment.json", tmp_path / "both"
    path.write_text(
        json.dumps(
            experiment([probe("value", of=True)], [call("probe", "wait_for", file=str(both))])
        )
    )
    runs = [
        subprocess.Popen(
            [*chaos_command(), "run", str(path)],
            cwd=tmp_path,
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]

    def event_files() -> list[Path]:
        return sorted(tmp_path.glob("journal.events*.jsonl"))

    try:
        wait_until(lambda: len(event_files()) == 2, 50, "both runs record events")
    finally:
        both.touch()
        codes = [run.wait(timeout=60) for run in runs]
    assert codes == [0, 0]
    files = event_files()
    assert len(files) == 2
    for file in files:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert len({line["run"] for line in lines}) == 1
        assert lines[-1]["event"] == "run.ended"


def test_secrets_are_in_neither_journal_nor_events(run_chaos: RunChaos) -> None:
    secret = "s3cret-pass-word"
    run = run_chaos(
        experiment([probe("value", of=True)], [call("probe", "value", of=f"leak {secret}")]),
        CHAOSNETRA_DATABASE_URL=f"postgresql://user:{secret}@127.0.0.1:5432/db",
    )
    assert run.returncode == 0, run.output
    assert secret not in (run.journal_text or "")
    assert secret not in (run.folder / "journal.events.jsonl").read_text()


def test_a_tolerance_function_needs_no_arguments(run_chaos: RunChaos) -> None:
    """The core would end with a traceback; it puts the answer into them."""
    provider = {"type": "python", "module": "chaosnetra.tolerances", "func": "held"}
    tolerance = {"type": "probe", "name": "held", "provider": provider}
    met, unmet = {"held": True}, {"held": False, "expected": "more", "observed": "less"}
    run = run_chaos(experiment([probe("value", tolerance, of=met)], []))
    assert run.returncode == 0, run.output
    assert run.section["verdict"] == "held"
    run = run_chaos(experiment([probe("value", tolerance, of=unmet)], []))
    assert run.section["verdict"] == "violated"
    assert "observed less" in run.section["reason"]
    assert "Traceback" not in run.output


def test_arguments_that_no_answer_can_be_put_into_are_told_in_one_line(
    run_chaos: RunChaos,
) -> None:
    tolerance = {"type": "probe", "name": "t", "provider": {"type": "process", "path": "true"}}
    tolerance["provider"]["arguments"] = "-x"  # type: ignore[index]
    run = run_chaos(experiment([probe("value", tolerance, of=True)], []))
    assert run.returncode == 1
    assert run.section["cause"] == "settings refused"
    assert "arguments must be an object, got '-x'" in run.section["reason"]
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("path", "verdict"), [("$.a", "held"), ("$.b", "violated"), ("$.a[0:1]", "inconclusive")]
)
def test_a_json_path_of_the_method_is_judged_without_its_package(
    run_chaos: RunChaos, path: str, verdict: str
) -> None:
    tolerance = {"type": "jsonpath", "path": path, "expect": 1}
    look = probe("value", tolerance, of={"a": 1, "b": 2})
    run = run_chaos(experiment([probe("value", of=True)], [action("value", of=1), look]))
    assert run.section["verdict"] == verdict, run.output
    assert "JSONPath" not in run.output
    if verdict == "inconclusive":
        assert "pip install chaostoolkit-lib[jsonpath]" in run.section["reason"]


@pytest.mark.parametrize("of", ["raises", "ends with an error"])
def test_a_configuration_whose_probe_failed_ends_the_run(run_chaos: RunChaos, of: str) -> None:
    """The core goes on with an empty text in its place."""
    asked = call("probe", "fail", text="no") if of == "raises" else process("false", kind="probe")
    made = {
        **experiment([probe("value", of=True)], [action("value", of="${zone}")]),
        "configuration": {"zone": asked},
    }
    run = run_chaos(made)
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    assert "configuration 'zone' has no value, because its probe failed" in run.section["reason"]
    assert run.journal["run"] == []
    made["configuration"] = {"zone": call("probe", "value", of="west")}
    assert run_chaos(made).returncode == 0


def test_the_line_of_a_run_is_that_of_its_journal(run_chaos: RunChaos) -> None:
    """The core puts the answer into a tolerance that is a function; neither tells it."""
    run = run_chaos(experiment([probe("value", call("probe", "no"), of=5)], []))
    assert run.section["verdict"] == "violated"
    assert '"arguments": {}}}; observed 5' in run.section["reason"]
    assert judged(run.journal)[0].reason == run.section["reason"]


@pytest.mark.parametrize("tolerance", [True, {"type": "regex", "pattern": "ok"}], ids=repr)
def test_a_tolerance_that_cannot_judge_an_object_is_blamed_and_not_the_system(
    tolerance: Any, run_chaos: RunChaos
) -> None:
    answer = {"held": True, "expected": "at most 20% fail", "observed": "4 of 4 ready"}
    run = run_chaos(experiment([probe("value", tolerance, of=answer)], []))
    assert run.returncode == 1
    assert run.section["cause"] == "a tolerance is wrong"
    assert "the tolerance of 'value' is wrong, not the system" in run.section["reason"]
    assert run.section["violations"] == []
    assert "Traceback" not in run.output
