"""What is made of a service's instances: who has started, who has not, and whether to wait on."""

import pytest

from chaosnetra.cloudrun.instances import Inspection, Instance, InstanceStage, Trace, concerned


def instance(began_at: float, *, running: bool = True, asked: bool = False) -> Instance:
    return Instance(began_at, "r1", running, asked, None if running else 3, None, "")


def traces(*stages: InstanceStage) -> list[Trace]:
    return [Trace(float(number), stage) for number, stage in enumerate(stages)]


def test_those_count_that_run_and_those_that_ended_by_themselves_since_the_scaling() -> None:
    running, leaving = instance(1), instance(2, asked=True)
    old, stopped, crashed = (
        instance(3, running=False),
        instance(11, running=False, asked=True),
        instance(12, running=False),
    )
    every = [running, leaving, old, stopped, crashed]
    assert concerned(every, None) == [running]
    assert concerned(every, 10) == [running, crashed]


READY, BAD, SILENT, STARTING = (
    InstanceStage.READY,
    InstanceStage.DEGRADED,
    InstanceStage.SILENT,
    InstanceStage.STARTING,
)


@pytest.mark.parametrize(
    ("connected", "stages", "decided", "failures"),
    [
        (2, None, True, 0),
        (1, None, False, 1),
        (None, None, False, 2),
        (3, None, True, 0),
        (2, [READY, READY], True, 0),
        (2, [READY, STARTING], False, 0),
        (1, [READY, BAD], True, 1),
        (2, [READY, BAD], True, 1),
        (0, [BAD], False, 2),
        (1, [BAD, SILENT], False, 1),
        (2, [SILENT, SILENT], True, 0),
        (1, [READY, BAD, InstanceStage.FAILED, InstanceStage.FAILED], True, 2),
    ],
)
def test_when_nothing_more_will_be_seen(
    connected: int | None, stages: list[InstanceStage] | None, decided: bool, failures: int
) -> None:
    sessions = None if connected is None else {f"o:{n}": 12 for n in range(connected)}
    look = Inspection(2, sessions, None if stages is None else traces(*stages))
    assert (look.decided, look.failures) == (decided, failures)


def test_what_is_told_is_the_first_that_failed() -> None:
    failed = Trace(2, InstanceStage.FAILED, "database", "pool", 5.0, "53300", "too many")
    look = Inspection(3, {"o:1": 12, "o:2": 3}, [*traces(READY), failed, Trace(3, BAD)])
    said = look.to_json()
    assert (said["attempts"], said["failures"], said["connected"], said["sessions"]) == (
        3,
        2,
        2,
        15,
    )
    assert (said["phase"], said["budget"], said["sqlstate"]) == ("database", "pool", "53300")
    assert said["error"] == "too many"
    assert look.observed == ("2 of 3 hold 15 sessions; 1 startup failed, 1 goes on degraded")
