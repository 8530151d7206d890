"""Startup phases in order."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from chaosnetra.errors import (
    BudgetExpired,
    DatabaseUnavailable,
    DeterministicStartupError,
    StartupError,
)
from chaosnetra.orchestrator.budget import RunningBudgets
from chaosnetra.orchestrator.phases import Phase, PhaseDegraded, StartupSequence, emit, sqlstate_of
from chaosnetra.profiles import load_profile
from chaosnetra.startup.output import Output
from tests.support.virtual_time import Clock, run_virtually


class Startup:
    """A sequence of phases that take time and may fail, and what it left."""

    def __init__(self, **phases: tuple[float, BaseException | None]) -> None:
        self.clock = Clock()
        self.ran: list[str] = []
        self.state = SimpleNamespace()
        self.sequence = StartupSequence(
            [Phase(name, self._work(name, *how)) for name, how in phases.items()],
            self.state,
            self.clock,
        )

    def _work(self, name: str, seconds: float, error: BaseException | None) -> Any:
        async def work() -> None:
            self.ran.append(name)
            self.clock.now += seconds
            assert self.state.startup_in_progress
            assert self.state.startup_phase == name
            if error is not None:
                raise error

        return work

    def run(self) -> None:
        asyncio.run(self.sequence.run())

    def fail(self) -> DeterministicStartupError:
        with pytest.raises(DeterministicStartupError) as caught:
            self.run()
        return caught.value


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The phase events on standard output; fails when anything else was printed."""
    text = capsys.readouterr().out
    assert text == "" or text.endswith("\n")
    events = []
    for line in text.splitlines():
        (key,) = record = json.loads(line)
        assert key == "startup_phase"
        events.append(record[key])
    return events


def test_before_it_runs_the_state_says_so() -> None:
    assert vars(Startup(a=(0, None)).state) == {
        "startup_complete": False, "startup_in_progress": False, "startup_failed": False,
        "startup_error": None, "startup_phase": None, "startup_phase_timings": {},
        "startup_completed_phases": [], "startup_failed_phases": [], "startup_degraded_phases": [],
    }  # fmt: skip


def test_phases_run_in_order_and_are_timed() -> None:
    startup = Startup(initialization=(0.5, None), dependencies=(1, None), database=(2, None))
    startup.run()
    assert startup.ran == ["initialization", "dependencies", "database"]
    assert vars(startup.state) == {
        "startup_complete": True,
        "startup_in_progress": False,
        "startup_failed": False,
        "startup_error": None,
        "startup_phase": "database",
        "startup_phase_timings": {"initialization": 0.5, "dependencies": 1, "database": 2},
        "startup_completed_phases": ["initialization", "dependencies", "database"],
        "startup_failed_phases": [],
        "startup_degraded_phases": [],
    }


def test_each_step_is_a_line_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    Startup(initialization=(0.5, None), database=(2, None)).run()
    assert printed(capsys) == [
        {"status": "started", "phase": "initialization", "number": 1},
        {"status": "completed", "phase": "initialization", "number": 1, "seconds": 0.5},
        {"status": "started", "phase": "database", "number": 2},
        {"status": "completed", "phase": "database", "number": 2, "seconds": 2.0},
    ]


def test_the_first_failure_ends_it() -> None:
    cause = KeyError("x")
    startup = Startup(a=(1, None), b=(2, cause), c=(3, None))
    failure = startup.fail()
    assert startup.ran == ["a", "b"]
    assert failure.__cause__ is cause
    assert failure.phase == "b"
    assert str(failure) == "CRITICAL STARTUP FAILURE: phase 2 (b): 'x'"
    assert vars(startup.state) == {
        "startup_complete": False,
        "startup_in_progress": False,
        "startup_failed": True,
        "startup_error": str(failure),
        "startup_phase": "b",
        "startup_phase_timings": {"a": 1, "b": 2},
        "startup_completed_phases": ["a"],
        "startup_failed_phases": ["b"],
        "startup_degraded_phases": [],
    }


def test_a_failure_is_printed_with_its_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    error = BudgetExpired("table_setup", 10.0, phase="database")
    error.__cause__ = TimeoutError()
    failure = Startup(database=(10.00004, error)).fail()
    assert printed(capsys)[-1] == {
        "status": "failed",
        "phase": "database",
        "number": 1,
        "seconds": 10.0,
        "error_class": "BudgetExpired",
        "error": "CRITICAL STARTUP FAILURE: phase 1 (database): "
        "the table_setup budget of 10 s ran out",
        "cause": ["BudgetExpired: the table_setup budget of 10 s ran out", "TimeoutError: "],
        "budget": "table_setup",
        "budget_seconds": 10.0,
        "sqlstate": None,
    }
    assert failure.budget == "table_setup"


def degraded_by(cause: BaseException) -> PhaseDegraded:
    error = PhaseDegraded()
    error.__cause__ = cause
    return error


def test_a_degraded_phase_does_not_end_it(capsys: pytest.CaptureFixture[str]) -> None:
    startup = Startup(
        a=(1, None), database=(2, degraded_by(ConnectionRefusedError("no"))), c=(3, None)
    )
    startup.run()
    assert startup.ran == ["a", "database", "c"]
    state = startup.state
    assert (state.startup_complete, state.startup_failed, state.startup_error) == (
        True,
        False,
        None,
    )
    assert state.startup_completed_phases == ["a", "c"]
    assert state.startup_degraded_phases == ["database"]
    assert state.startup_phase_timings == {"a": 1, "database": 2, "c": 3}
    events = printed(capsys)
    assert [event["status"] for event in events if event["phase"] == "database"] == [
        "started",
        "degraded",
    ]
    assert events[3] == {
        "status": "degraded", "phase": "database", "number": 2, "seconds": 2.0,
        "error_class": "ConnectionRefusedError",
        "error": "CRITICAL STARTUP FAILURE: phase 2 (database): no",
        "cause": ["ConnectionRefusedError: no"], "budget": None, "budget_seconds": None,
        "sqlstate": None,
    }  # fmt: skip


def test_a_budget_is_told_whatever_the_message_on_top_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = StartupError("Database initialization timeout after 25s")
    error.__cause__ = BudgetExpired("table_setup", 10.0, phase="database")
    failure = Startup(database=(10, error)).fail()
    event = printed(capsys)[-1]
    assert (event["budget"], event["budget_seconds"]) == ("table_setup", 10.0)
    assert event["error"].endswith("Database initialization timeout after 25s")
    assert failure.budget == "table_setup"


def test_an_ordinary_failure_names_no_budget(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Startup(a=(0, StartupError("tables are missing"))).fail()
    event = printed(capsys)[-1]
    assert (event["budget"], event["budget_seconds"], event["sqlstate"]) == (None, None, None)
    assert (failure.budget, failure.sqlstate) == (None, None)


def test_the_sqlstate_is_taken_from_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    outer = RuntimeError("could not connect")
    outer.__cause__ = DatabaseUnavailable("too many clients", "53300")
    failure = Startup(database=(0, outer)).fail()
    assert failure.sqlstate == "53300"
    assert printed(capsys)[-1]["sqlstate"] == "53300"


def test_the_nearest_sqlstate_wins() -> None:
    outer = DatabaseUnavailable("outer", "57P03")
    outer.__cause__ = DatabaseUnavailable("inner", "53300")
    assert sqlstate_of(outer) == "57P03"
    between = RuntimeError("between")
    between.__context__ = outer
    assert sqlstate_of(between) == "57P03"


def test_what_is_no_sqlstate_is_passed_over() -> None:
    outer = RuntimeError("outer")
    outer.sqlstate = 53300  # type: ignore[attr-defined]
    outer.__cause__ = DatabaseUnavailable("inner", "08006")
    assert sqlstate_of(outer) == "08006"
    assert sqlstate_of(DatabaseUnavailable("none")) is None


@pytest.mark.timeout(20)
def test_causes_that_go_in_a_circle_are_told_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    outer, inner = RuntimeError("outer"), KeyError("inner")
    outer.__cause__, inner.__cause__ = inner, outer
    assert sqlstate_of(outer) is None
    failure = Startup(a=(0, outer)).fail()
    assert str(failure).endswith(": outer")
    assert printed(capsys)[-1]["cause"] == ["RuntimeError: outer", "KeyError: 'inner'"]


def test_an_error_without_text_is_told_by_its_class() -> None:
    assert str(Startup(a=(0, TimeoutError())).fail()).endswith("phase 1 (a): TimeoutError")


def test_an_error_of_many_lines_becomes_one(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Startup(a=(0, RuntimeError("one\n  two\n\tthree"))).fail()
    assert str(failure).endswith(": one two three")
    assert printed(capsys)[-1]["cause"] == ["RuntimeError: one two three"]


def test_a_cancellation_is_no_failure_of_a_phase() -> None:
    startup = Startup(a=(0, asyncio.CancelledError()), b=(0, None))
    with pytest.raises(asyncio.CancelledError):
        startup.run()
    assert startup.ran == ["a"]
    assert not startup.state.startup_complete
    assert not startup.state.startup_in_progress
    assert not startup.state.startup_failed


def test_an_expired_budget_fails_its_phase_on_time() -> None:
    state = SimpleNamespace()
    supervisor = RunningBudgets(load_profile("issue-1263").budgets, 1)

    async def database() -> None:
        async with supervisor.within("table_setup", "database"):
            await asyncio.sleep(60)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await StartupSequence([Phase("database", database)], state, loop.time).run()

    with pytest.raises(DeterministicStartupError) as caught:
        run_virtually(main())
    assert caught.value.budget == "table_setup"
    assert state.startup_phase_timings == {"database": pytest.approx(10)}


def test_the_launcher_reads_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    error = BudgetExpired("table_setup", 10.0)
    failure = Startup(a=(1, None), database=(10, error)).fail()
    output = Output()
    output.feed("stdout", capsys.readouterr().out.encode())
    assert output.phases.phase == "database"
    assert output.phases.seconds == {"a": 1.0, "database": 10.0}
    assert output.error is not None
    assert output.error.text == str(failure)
    assert (output.error.budget, output.error.budget_seconds) == ("table_setup", 10.0)


def test_any_text_is_printed_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    emit(status="failed", error="zwei\nZeilen \u2028 \ud800 é")
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert text.isascii()
    assert json.loads(text)["startup_phase"]["error"] == "zwei\nZeilen \u2028 \ud800 é"
