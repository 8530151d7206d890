"""The abort control: a bound that is crossed ends the run, and everything is undone."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos
from tests.support import experiments
from tests.support.experiments import CONTROL, activity, control, ours, python

pytestmark = pytest.mark.usefixtures("nothing_left", "user_modules")

USER_MODULES = {
    "abort_helpers": """
import pathlib, time

def missing(file):
    return not pathlib.Path(file).exists()

def touch(file):
    pathlib.Path(file).touch()

def remove(file):
    pathlib.Path(file).unlink(missing_ok=True)

def wait(seconds):
    time.sleep(seconds)
    return True

def wait_for_count(file, count):
    path, until = pathlib.Path(file), time.monotonic() + 60
    while not path.exists() or int(path.read_text() or 0) < count:
        if time.monotonic() > until:
            raise RuntimeError(f"not {count} calls")
        time.sleep(0.02)
    return True

def some_fail(file, every):
    path = pathlib.Path(file)
    calls = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(calls))
    return calls % every != 0

def hang(file, calls):
    # Answers so many calls, and no other.
    path = pathlib.Path(file)
    called = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(called))
    if called > calls:
        time.sleep(60)
    return True

def end(file, calls):
    # Ends its thread at a later call, as a script does that is called as a probe.
    path = pathlib.Path(file)
    called = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(called))
    if called > calls:
        raise SystemExit(3)
    return True

def fail():
    raise RuntimeError("no route to the neighbour")
"""
}


def provider(function: str, /, **arguments: Any) -> dict[str, Any]:
    return python("abort_helpers", function, **arguments)


def experiment(
    tmp_path: Path, seconds: float, with_journal: bool = True, **abort: Any
) -> dict[str, Any]:
    """A fault (a file) that stays for a while; the rollback takes it away."""
    fault = str(tmp_path / "fault")
    act = partial(activity, "action", "abort_helpers")
    return experiments.experiment(
        act("touch", file=fault),
        act("wait", seconds=seconds),
        act("touch", file=str(tmp_path / "after")),
        controls=[CONTROL] * with_journal + [control("chaosnetra.controls.abort", **abort)],
        probes=[{**activity("probe", "abort_helpers", "wait", seconds=0), "tolerance": True}],
        rollbacks=[act("remove", file=fault)],
    )


def assert_aborted(run: ChaosRun, tmp_path: Path, reason: str) -> None:
    assert run.returncode == 1, run.output
    assert (run.journal["status"], run.section["cause"]) == ("interrupted", "interrupted")
    assert "abort condition" in run.section["reason"]
    assert reason in run.section["reason"]
    assert not (tmp_path / "fault").exists()
    assert not (tmp_path / "after").exists()


def test_a_condition_that_is_crossed_ends_the_run(run_chaos: RunChaos, tmp_path: Path) -> None:
    condition = {
        "name": "no fault for long",
        "provider": provider("missing", file=str(tmp_path / "fault")),
        "tolerance": True,
    }
    started = time.monotonic()
    run = run_chaos(experiment(tmp_path, 100, conditions=[condition], frequency_seconds=0.1))
    assert_aborted(run, tmp_path, "no fault for long")
    assert time.monotonic() - started < 60
    assert "abort.crossed" in [event["event"] for event in run.events]


def test_the_time_of_a_run_is_bounded(run_chaos: RunChaos, tmp_path: Path) -> None:
    run = run_chaos(experiment(tmp_path, 30, maximum_seconds=1, frequency_seconds=0.1))
    assert_aborted(run, tmp_path, "over 1 s")


def test_an_error_rate_within_its_bound_lets_the_run_go_on(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    condition = {
        "name": "the neighbour answers",
        "provider": provider("some_fail", file=str(tmp_path / "calls"), every=4),
        "tolerance": True,
        "window": 8,
        "max_failure_rate": 0.3,
    }
    made = experiment(tmp_path, 0, conditions=[condition], frequency_seconds=0.05)
    # More than a window, and several of them failed.
    made["method"][1]["provider"] = provider(
        "wait_for_count", file=str(tmp_path / "calls"), count=12
    )
    run = run_chaos(made)
    assert run.returncode == 0, run.output
    assert (tmp_path / "after").exists()


def test_an_error_rate_over_its_bound_ends_the_run(run_chaos: RunChaos, tmp_path: Path) -> None:
    condition = {
        "name": "the neighbour answers",
        "provider": provider("some_fail", file=str(tmp_path / "calls"), every=2),
        "tolerance": True,
        "window": 8,
        "max_failure_rate": 0.3,
    }
    run = run_chaos(experiment(tmp_path, 30, conditions=[condition], frequency_seconds=0.05))
    assert_aborted(run, tmp_path, "3 of the last 6 checks failed")


def test_a_condition_that_is_crossed_already_lets_nothing_begin(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    condition = {"name": "the neighbour answers", "provider": provider("fail")}
    run = run_chaos(experiment(tmp_path, 0, conditions=[condition]))
    assert_aborted(run, tmp_path, "no route to the neighbour")
    assert run.journal["run"] == []


@pytest.mark.parametrize(
    ("abort", "named"),
    [
        ({}, "needs conditions or maximum_seconds"),
        ({"maximum_seconds": -1}, "maximum_seconds"),
        ({"maximum": 1}, "maximum"),
        ({"conditions": {"a": 1}}, "must be a list"),
        ({"conditions": [{"name": "x"}]}, "provider"),
        ({"conditions": [{"provider": provider("fail"), "windows": 3}]}, "windows"),
        ({"conditions": [{"provider": provider("fail"), "window": 0}]}, "window"),
        ({"conditions": [{"provider": {"type": "pyton"}}]}, "unknown provider type 'pyton'"),
        ({"maximum_seconds": 5, "frequency_seconds": 61}, "frequency_seconds"),
        ({"maximum_seconds": 1e300}, "maximum_seconds"),
        ({"conditions": [{"provider": provider("fail"), "max_failure_rate": 2}]}, "at most 1"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_conditions_that_cannot_be_read_let_nothing_begin(
    run_chaos: RunChaos, tmp_path: Path, abort: dict[str, Any], named: str
) -> None:
    run = run_chaos(experiment(tmp_path, 0, **abort))
    assert (run.returncode, run.journal["run"]) == (1, [])
    assert named in run.section["reason"]


def test_without_the_journal_control_the_run_ends_and_is_undone_too(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    made = experiment(tmp_path, 30, with_journal=False, maximum_seconds=1, frequency_seconds=0.1)
    run = run_chaos(made)
    assert run.returncode == 1, run.output
    assert run.journal["status"] == "interrupted"
    assert not (tmp_path / "fault").exists()
    assert not (tmp_path / "after").exists()


def test_startups_in_progress_are_ended_by_an_abort(run_chaos: RunChaos, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    condition = {
        "name": "no startup has begun",
        "provider": provider("missing", file=str(begun)),
        "tolerance": True,
    }
    made = experiment(tmp_path, 0, conditions=[condition], frequency_seconds=0.1)
    made["method"][1] = ours("probe", "startup", "startups_succeed", count=2)
    run = run_chaos(made, CHAOSNETRA_TARGET=f"sh -c 'touch {begun}; exec sleep 200'")
    assert_aborted(run, tmp_path, "no startup has begun")


def test_free_slots_of_the_database_can_be_a_condition(run_chaos: RunChaos, tmp_path: Path) -> None:
    slots = ours("probe", "postgres", "free_connection_slots", minimum=50)
    del slots["type"]
    run = run_chaos(experiment(tmp_path, 0.5, conditions=[slots], frequency_seconds=0.1))
    assert run.returncode == 0, run.output
    slots["provider"]["arguments"] = {"minimum": 5000}
    run = run_chaos(experiment(tmp_path, 0.5, conditions=[slots]))
    assert run.returncode == 1
    assert "expected at least 5000 free connection slots" in run.section["reason"]


def condition_of(tmp_path: Path, function: str, **more: Any) -> dict[str, Any]:
    """A condition whose probe answers the check before the run, and then does something else."""
    called = str(tmp_path / f"{function}_calls")
    return {
        "name": f"it does not {function}",
        "provider": provider(function, file=called, calls=1),
        "tolerance": True,
        **more,
    }


def test_a_check_that_hangs_keeps_no_other_bound_from_being_checked(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    hangs = condition_of(tmp_path, "hang")
    started = time.monotonic()
    run = run_chaos(
        experiment(tmp_path, 50, conditions=[hangs], maximum_seconds=3, frequency_seconds=0.1)
    )
    assert_aborted(run, tmp_path, "over 3 s")
    assert time.monotonic() - started < 40  # it is not waited for at the end either


def test_a_check_that_hangs_does_not_hold_up_the_end(run_chaos: RunChaos, tmp_path: Path) -> None:
    hangs = condition_of(tmp_path, "hang")
    run = run_chaos(experiment(tmp_path, 1, conditions=[hangs], frequency_seconds=0.1))
    assert run.returncode == 0, run.output
    ended = {event["event"]: event["elapsed_seconds"] for event in run.events}
    assert ended["run.ended"] < 14


def test_a_check_that_ends_its_thread_has_failed(run_chaos: RunChaos, tmp_path: Path) -> None:
    ends = condition_of(tmp_path, "end")
    run = run_chaos(experiment(tmp_path, 30, conditions=[ends], frequency_seconds=0.1))
    assert_aborted(run, tmp_path, "SystemExit: 3")


def test_a_neighbour_that_is_down_ends_the_run_before_the_window_is_full(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    down = condition_of(tmp_path, "end", window=1000, max_failure_rate=0.003)
    run = run_chaos(experiment(tmp_path, 30, conditions=[down], frequency_seconds=0.05))
    assert_aborted(run, tmp_path, "4 of the last 5 checks failed")


def test_time_is_checked_on_its_own(run_chaos: RunChaos, tmp_path: Path) -> None:
    """However rarely the conditions are."""
    run = run_chaos(experiment(tmp_path, 30, maximum_seconds=1, frequency_seconds=60))
    assert_aborted(run, tmp_path, "over 1 s")


def test_a_condition_that_says_nothing_of_holding_needs_a_tolerance(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    condition = {"name": "neighbour", "provider": provider("wait", seconds=0)}
    run = run_chaos(experiment(tmp_path, 0, conditions=[condition]))
    assert_aborted(run, tmp_path, "neighbour: it needs a tolerance")
