"""What a step says of itself, however it ends."""

import json
from contextlib import AbstractContextManager

import pytest

from chaosnetra.orchestrator.steps import Progress, StepLog
from chaosnetra.startup.output import Output
from tests.support.virtual_time import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def begun(
    log: StepLog, name: str = "check", phase: str = "database", statements: int = 3
) -> AbstractContextManager[Progress]:
    return log.step(name, phase, budgets=("table_setup",), round_trips=9, statements=statements)


def test_a_step_that_ends_tells_its_times_and_that_all_was_answered(clock: Clock) -> None:
    log = StepLog(clock)
    with begun(log) as progress:
        clock.now += 0.5
        progress.connected()
        for _ in range(3):
            clock.now += 1
            progress.answered()
    (step,) = log.details("database")["steps"]
    assert (step["connected_seconds"], step["seconds"], step["answered"]) == (0.5, 3.5, 3)
    assert (step["round_trips"], step["statements"]) == (9, 3)


def test_a_step_that_is_cut_short_tells_how_far_it_came(clock: Clock) -> None:
    log = StepLog(clock)

    def cut_short() -> None:
        with begun(log) as progress:
            clock.now += 0.5
            progress.connected()
            clock.now += 1
            progress.answered()
            clock.now += 0.25
            raise TimeoutError

    with pytest.raises(TimeoutError):
        cut_short()
    (step,) = log.details("database")["steps"]
    assert (step["answered"], step["seconds"]) == (1, 1.75)


def test_a_phase_tells_its_own_steps_only(clock: Clock) -> None:
    log = StepLog(clock)
    with begun(log, "one", "database"), begun(log, "two", "finalize"):
        pass
    assert [step["step"] for step in log.details("finalize")["steps"]] == ["two"]
    assert log.details("cache") == {}


def test_the_launcher_reads_the_steps_of_a_phase_that_ended(clock: Clock) -> None:
    log = StepLog(clock)
    with begun(log) as progress:
        progress.connected()
    event = {"status": "failed", "phase": "database", "number": 3, **log.details("database")}
    output = Output()
    output.feed("stdout", (json.dumps({"startup_phase": event}) + "\n").encode())
    (step,) = output.phases.steps
    assert (step["step"], step["budgets"], step["statements"]) == ("check", ["table_setup"], 3)


@pytest.mark.parametrize(
    "steps",
    [
        None,
        5,
        "x",
        {},
        [None, 5, "x", [], {}],
        [{"step": 5}],
        [{"step": "s", "budgets": 5, "statements": "x", "seconds": "1e999"}],
        [{"step": "s" * 10_000, "budgets": [None] * 100, "answered": True}] * 1000,
    ],
    ids=lambda steps: repr(steps)[:40],
)
def test_steps_of_anybody_are_read_bounded_or_left_out(steps: object) -> None:
    event = {"status": "completed", "phase": "p", "steps": steps}
    output = Output()
    output.feed("stdout", (json.dumps({"startup_phase": event})[:60_000] + "\n").encode())
    for step in output.phases.steps:
        assert len(step["step"]) <= 500
        assert len(step["budgets"]) <= 10
        assert step["answered"] is None or type(step["answered"]) is int
    assert len(output.phases.steps) <= 50
