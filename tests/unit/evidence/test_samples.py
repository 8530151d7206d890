"""The series in a journal."""

from typing import Any

import pytest

from chaosnetra.evidence.journal.order import Moment, moment
from chaosnetra.evidence.journal.samples import Startup, attempts, checks, startups, trials
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.journal.timeline import connector, faults
from chaosnetra.postgres.attempts import Attempt as RealAttempt
from chaosnetra.postgres.attempts import AttemptOutcome
from chaosnetra.postgres.attempts import summarize as summarize_attempts
from chaosnetra.startup.outcome import StartupFailure, StartupOutcome, Status
from chaosnetra.startup.summary import summarize
from tests.support.journals import GOOD, journal, probe, run_of, state


def launch(*statuses: Status) -> dict[str, Any]:
    """The probe of a real launch, as the package summarizes it."""
    outcomes = [
        StartupOutcome(
            number,
            status,
            seconds=float(number),
            boot_seconds=0.25,
            phase="finalize" if status is Status.READY else "database",
            phase_seconds={"init": 0.1, "database": 0.5},
            error=None
            if status is Status.READY
            else StartupFailure("no slots", sqlstate="53300", budget="pool", budget_seconds=2.0),
        )
        for number, status in enumerate(statuses, 1)
    ]
    return probe("starts", output=summarize(outcomes, 0.2))


def storm() -> dict[str, Any]:
    made = [
        RealAttempt(1, 0.0, 0.0, AttemptOutcome.OK, 0.1),
        RealAttempt(2, 0.5, 0.0, AttemptOutcome.TIMED_OUT, 3.0, error="no answer within 3 s"),
        RealAttempt(3, 1.0, 0.0, AttemptOutcome.REFUSED, 0.2, sqlstate="53300"),
    ]
    return probe("connects", output=summarize_attempts(made, "connection", 0.15, 1.0))


def read(**changes: Any) -> dict[str, Any]:
    return normalized(journal(**changes))


def test_checks_come_stage_by_stage() -> None:
    data = read(
        before=state(launch(Status.READY)),
        during=(state(storm()),),
        after=state(launch(Status.FAILED)),
        recovery=state(launch(Status.READY)),
        method=(launch(Status.READY), run_of("act")),
    )
    assert [(check.stage, check.probe) for check in checks(data)] == [
        ("method", "starts"),
        ("before", "starts"),
        ("during", "connects"),
        ("after", "starts"),
        ("recovery", "starts"),
    ]


def test_startups_are_those_that_the_launcher_wrote() -> None:
    data = read(after=state(launch(Status.READY, Status.FAILED, Status.TIMED_OUT)))
    found = list(startups(data))
    assert [startup.status for startup in found] == ["ready", "failed", "timed_out"]
    assert found[1] == Startup(
        stage="after",
        probe="starts",
        number=2,
        status="failed",
        seconds=2.0,
        boot_seconds=0.25,
        phase="database",
        phases={"init": 0.1, "database": 0.5},
        error=found[1].error,
        steps=(),
        under_fault=True,
        ended_itself=True,
    )
    assert found[1].phase_seconds == {"init": 0.1, "database": 0.5}
    assert (found[1].error["sqlstate"], found[1].error["budget"]) == ("53300", "pool")
    assert found[0].error == {}


def test_trials_are_counted_for_startups_and_connections_alike() -> None:
    data = read(before=state(storm()), after=state(launch(Status.READY, Status.FAILED)))
    assert [
        (one.probe, one.attempts, one.failures, one.max_failure_rate) for one in trials(data)
    ] == [
        ("connects", 3, 2, 0.15),
        ("starts", 2, 1, 0.2),
    ]


def test_attempts_are_those_that_the_storm_wrote() -> None:
    found = list(attempts(read(after=state(storm()))))
    assert [(one.kind, one.number, one.outcome, one.censored) for one in found] == [
        ("connections", 1, "ok", False),
        ("connections", 2, "timed_out", True),
        ("connections", 3, "refused", False),
    ]
    assert (found[1].at_seconds, found[1].seconds) == (0.5, 3.0)
    assert (found[2].sqlstate, found[1].error) == ("53300", "no answer within 3 s")


def test_what_lacks_a_time_is_left_out() -> None:
    output = {
        "startups": [{"status": "ready"}, {"seconds": 1}, {"status": "ready", "seconds": -1}, 3],
        "connections": [{"outcome": "ok", "seconds": float("nan")}],
    }
    data = read(after=state(probe(output=output)))
    assert list(startups(data)) == []
    assert list(attempts(data)) == []


def startup(phase: str, status: str = "failed", **phases: float) -> Startup:
    return Startup("after", "starts", 1, status, 5.0, 1.0, phase, phases, {}, ())


def test_a_phase_that_failed_is_cut_short_where_it_failed() -> None:
    found = [
        startup("finalize", "ready", init=0.1, database=0.5),
        startup("database", init=0.1, database=2.5),  # its budget ran out
        startup("database", "timed_out", init=0.1),  # it was still at it
        startup("init", init=0.3),  # it never came so far
    ]
    in_database = [one.time_in_phase("database") for one in found]
    assert in_database[:2] == [(0.5, True), (2.5, False)]
    assert in_database[2] == (pytest.approx(3.9), False)
    assert in_database[3] is None
    assert [one.time_in_phase("init") for one in found][3] == (0.3, False)


def test_faults_have_their_times() -> None:
    injected = {
        **run_of("add latency"),
        "output": {"name": "toxic a"},
        "end": "2026-01-01T00:00:02",
    }
    undone = {**run_of("remove latency"), "start": "2026-01-01T00:00:09"}
    effect = {"quantity": "added_latency_ms", "observed": 50.7, "in_effect": True}
    data = read(
        after=GOOD,
        method=(injected,),
        rollbacks=(undone,),
        faults=[
            {"name": "proxy", "parameters": {}, "effect": None, "undo": "done"},
            {"name": "toxic a", "parameters": {"a": 1}, "effect": effect, "undo": None},
            {
                "name": "exact",
                "effect": effect,
                "undo": "done",
                "injected_at": "2026-01-01T00:00:03",
                "undone_at": "2026-01-01T00:00:08",
            },
        ],
    )
    proxy, toxic, exact = faults(data)
    assert (proxy.injected.is_known, proxy.undone) == (False, at("2026-01-01T00:00:09"))
    assert (toxic.injected, toxic.undone) == (at("2026-01-01T00:00:02"), None)
    assert (toxic.effect, toxic.parameters) == (effect, {"a": 1})
    assert (exact.injected, exact.undone) == (at("2026-01-01T00:00:03"), at("2026-01-01T00:00:08"))


def at(text: str) -> Moment:
    """A moment by the wall clock alone."""
    return Moment(None, moment(text))


def test_the_connector_is_what_its_history_says() -> None:
    from chaosnetra.connector.history import History, Sample

    history = History()
    history.add(Sample(0.5, 2, 100, 40, 0, 60, 3, 0))
    history.note(0.4, "scaled up", {"instances": 2})
    found = connector(read(connector={**history.to_json(), "started_at": "2026-01-01T00:00:00"}))
    assert found is not None
    assert found.samples[0]["at_seconds"] == 0.5
    assert found.samples[0]["most_in_use"] == 60
    assert found.events[0]["event"] == "scaled up"
    assert found.started == at("2026-01-01T00:00:00")
    assert connector(read()) is None
