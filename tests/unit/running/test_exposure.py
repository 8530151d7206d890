"""What startups had before a fault decides whether one under it is well."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chaosnetra.faults import Injected, Undo, UndoReport, UndoResult
from chaosnetra.running import exposure
from chaosnetra.running.exposure import Exposure, LaunchBegun
from chaosnetra.running.resources import Resources as RunsResources
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.wire.observation import Connection, Encryption, End, Observation, Reached
from tests.support.fake_faults import FELT, LookedAt
from tests.support.seen_on_the_wire import broken, by_itself, connection, error, observation


class Run:
    def foreign_action_since(self, at: float) -> None:
        return None


class Injector:
    changes = 0


class Resources:
    faults_in_effect = ()
    injector = Injector()
    run = Run()

    def met_since(self, at: float) -> tuple[()]:
        return ()


class Database:
    """One that cannot be asked."""

    def counts(self) -> None:
        return None


@pytest.fixture
def judged() -> Any:
    """Judges one startup under a fault, after one before it; answers with its status."""

    def judge(before: Observation, under: Observation) -> Status:
        found = Exposure(Resources(), Database())  # type: ignore[arg-type]
        for wire, faults in ((before, ()), (under, ("toxic slow",))):
            begun = LaunchBegun(0.0, faults, 0, None, frozenset())
            _, (outcome,) = found.ended(begun, [StartupOutcome(1, Status.READY, 1.0, wire=wire)])
        return outcome.status

    return judge


def seen(*connections: Connection) -> Observation:
    had = (Reached.SESSION, Reached.UNREAD)
    sessions = sum(one.reached in had for one in connections)
    return observation(*connections, standing=by_itself(), sessions=sessions)


def closed(end: End, **told: Any) -> Connection:
    return connection(ended_seconds=0.8, end=end, **told)


CUT: dict[str, Any] = {"round_trips": 5, "unanswered_seconds": 3.0}
UNREAD: dict[str, Any] = {"reached": Reached.UNREAD, "session_seconds": None}
IN_TLS: dict[str, Any] = {"reached": Reached.UNREAD, "encryption": Encryption.TLS}
# Its last message is encrypted too, and looks like a question.
GOODBYE: dict[str, Any] = {**IN_TLS, "unanswered_seconds": 0.0001}


@pytest.mark.parametrize(
    ("before", "under", "status"),
    [
        (connection(), connection(), Status.READY),
        (connection(), closed(End.SERVER), Status.DEGRADED),
        (connection(), closed(End.SERVER_RESET), Status.DEGRADED),
        (connection(), closed(End.CLIENT, unanswered_seconds=3.0), Status.DEGRADED),
        (connection(), closed(End.CLIENT, sqlstate="57P01"), Status.DEGRADED),
        (connection(), closed(End.CLIENT), Status.READY),  # as it wanted
        (closed(End.CLIENT), closed(End.SERVER), Status.READY),  # it had none any more before
        (closed(End.CLIENT), closed(End.SERVER, round_trips=5), Status.DEGRADED),  # cut short
        (closed(End.CLIENT), closed(End.SERVER_RESET, round_trips=5), Status.DEGRADED),
        (closed(End.CLIENT), closed(End.CLIENT, **CUT), Status.DEGRADED),
        (closed(End.CLIENT), closed(End.CLIENT, round_trips=5), Status.READY),  # as it wanted
        (closed(End.SERVER), closed(End.SERVER, round_trips=5), Status.READY),  # as before
        (connection(), broken(1, End.REFUSED), Status.DEGRADED),
        (connection(**UNREAD), connection(**UNREAD), Status.READY),
        (connection(**UNREAD), closed(End.CLIENT, **UNREAD), Status.DEGRADED),
        (connection(**IN_TLS), connection(**IN_TLS), Status.READY),
        (connection(**IN_TLS), closed(End.CLIENT, **IN_TLS), Status.DEGRADED),
        (
            connection(**IN_TLS),
            closed(End.CLIENT, **{**IN_TLS, "session_seconds": None}),
            Status.DEGRADED,
        ),
        (closed(End.CLIENT, **GOODBYE), closed(End.CLIENT, **GOODBYE), Status.READY),
        (
            closed(End.CLIENT, **GOODBYE),
            closed(End.SERVER, **IN_TLS, round_trips=5),
            Status.DEGRADED,
        ),
    ],
)
def test_a_session_that_is_lost_is_missing(
    before: Connection, under: Connection, status: Status, judged: Any
) -> None:
    assert judged(seen(before), seen(under)) is status


@pytest.mark.parametrize(
    ("before", "under", "fewer"),
    [
        (3, [connection(1), connection(2), closed(End.SERVER_RESET, number=3)], 1),
        (3, [connection(1), connection(2), broken(3, End.REFUSED)], 1),
        (3, [connection(1), connection(2), broken(3, End.OPEN, Reached.STARTUP)], 1),
        (3, [*(connection(n) for n in (1, 2, 4)), closed(End.SERVER, number=3)], 0),  # again
        (3, [connection(1), connection(2)], 0),  # opened as needed
        (3, [connection(1), connection(2), closed(End.CLIENT, number=3)], 0),  # as it wanted
        (2, [connection(1), connection(2), broken(3, End.REFUSED)], 0),
    ],
)
def test_a_pool_that_lost_some_of_its_sessions_is_ready_and_that_is_counted(
    before: int, under: list[Connection], fewer: int
) -> None:
    found = Exposure(Resources(), Database())  # type: ignore[arg-type]
    pool = seen(*(connection(number) for number in range(1, before + 1)))
    for wire, faults in ((pool, ()), (seen(*under), ("reset",))):
        begun = LaunchBegun(0.0, faults, 0, None, frozenset())
        outcome = StartupOutcome(1, Status.READY, 1.0, wire=wire)
        use, (judged,) = found.ended(begun, [outcome])
    assert (judged.status, use.fewer_sessions) == (Status.READY, fewer)


def test_one_that_was_opened_again_is_not(judged: Any) -> None:
    again = seen(closed(End.SERVER), connection(2))
    assert judged(seen(connection()), again) is Status.READY
    assert judged(again, seen(closed(End.SERVER))) is Status.DEGRADED


def test_work_that_was_cut_short_and_then_done_is_done(judged: Any) -> None:
    done, cut = seen(closed(End.CLIENT)), closed(End.SERVER_RESET, round_trips=5)
    assert judged(done, seen(cut, closed(End.CLIENT, number=2))) is Status.READY
    assert judged(done, seen(cut, connection(2))) is Status.READY
    assert judged(done, seen(cut, replace(cut, number=2))) is Status.DEGRADED
    other_before = seen(cut, closed(End.CLIENT, number=2))
    assert judged(other_before, seen(cut)) is Status.DEGRADED


@pytest.mark.parametrize(
    "second",
    [
        closed(End.SERVER, number=2, round_trips=5),
        broken(2, End.REFUSED),
        broken(2, End.CLIENT, Reached.STARTUP, unanswered_seconds=3.0),
    ],
)
def test_one_that_works_in_several_sessions_has_to_end_each(
    second: Connection, judged: Any
) -> None:
    first = closed(End.CLIENT)
    before = seen(first, closed(End.CLIENT, number=2))
    assert judged(before, seen(first, second)) is Status.DEGRADED
    assert judged(before, seen(first, second, closed(End.CLIENT, number=3))) is Status.READY
    asks_less = closed(End.CLIENT, number=2, round_trips=3)
    assert judged(before, seen(first, asks_less)) is Status.READY  # as it wanted


def test_an_error_that_was_there_before_the_fault_is_not_its() -> None:
    found = Exposure(Resources(), Database())  # type: ignore[arg-type]
    other = error("28P01")
    for wire, faults in (
        (replace(seen(connection()), errors=(other,)), ()),
        (replace(seen(closed(End.SERVER)), errors=(error("53300"), other)), ("slots held",)),
    ):
        begun = LaunchBegun(0.0, faults, 0, None, frozenset())
        _, (outcome,) = found.ended(begun, [StartupOutcome(1, Status.READY, 1.0, wire=wire)])
    assert outcome.status is Status.DEGRADED
    assert outcome.error is not None
    assert outcome.error.sqlstate == "53300"


def test_a_request_to_cancel_is_no_session_that_was_lost(judged: Any) -> None:
    cancel = closed(End.SERVER, number=2, reached=Reached.CANCEL, session_seconds=None)
    assert judged(seen(connection()), seen(closed(End.CLIENT), cancel)) is Status.READY


def test_one_that_lost_its_session_in_its_dwell_is_told_by_all_that_was_seen() -> None:
    """Its error and what the wire says of it then tell of the same connections."""
    found = Exposure(Resources(), Database())  # type: ignore[arg-type]
    before, until_ready = seen(connection()), seen(broken(1, End.SERVER_RESET))
    settled = seen(broken(1, End.SERVER_RESET), broken(2, End.SERVER_RESET))
    for outcome, faults in (
        (StartupOutcome(1, Status.READY, 1.0, wire=before), ()),
        (StartupOutcome(1, Status.READY, 1.0, wire=until_ready, settled=settled), ("reset",)),
    ):
        begun = LaunchBegun(0.0, faults, 0, None, frozenset())
        _, (judged,) = found.ended(begun, [outcome])
    assert (judged.status, judged.wire) == (Status.DEGRADED, settled)


def test_of_one_without_its_list_only_the_sessions_are_known(judged: Any) -> None:
    brief = seen(closed(End.SERVER)).brief()
    assert judged(seen(connection()), brief) is Status.READY
    assert judged(seen(connection()), replace(brief, sessions=0)) is Status.DEGRADED
    assert exposure.WITHOUT_SESSION.startswith("ready, but")


def held(name: str, at: float, undone_at: float | None = None, **parameters: str) -> Injected:
    fault = LookedAt(name, subject=name.partition(" update")[0])
    undo = Undo("none", "none", {})
    found = Injected(name, parameters, undo, 0, FELT, fault=fault, injected_monotonic=at)
    found.injected_at = "noted"
    if undone_at is not None:
        found.report = UndoReport(UndoResult.DONE, "")
        found.undone_monotonic = undone_at
    return found


def met_by(began_at: float, *faults: Injected) -> list[str]:
    """Names of the faults that a launch met which began then and has just ended."""
    active = [fault for fault in faults if fault.active]
    resources: Any = SimpleNamespace(injector=SimpleNamespace(faults=faults, active=active))
    resources.run = Run()
    resources.injector.changes = 0
    resources.met_since = lambda at: RunsResources.met_since(resources, at)
    used = Exposure(resources, Database())  # type: ignore[arg-type]
    begun = LaunchBegun(began_at, (), 0, None, frozenset())
    use, _ = used.ended(begun, [StartupOutcome(1, Status.READY, 1.0, wire=seen(connection()))])
    assert all(fault.tried.connections == fault.tried.startups for fault in faults)
    assert {fault.name for fault in faults if fault.tried.startups} <= {*use.faults}
    return list(use.faults)


def test_a_startup_has_met_what_was_in_place_while_it_was_under_way() -> None:
    assert met_by(5.0, held("slow", 1.0)) == ["slow"]
    assert met_by(5.0, held("slow", 5.5)) == ["slow"]
    assert met_by(5.0, held("slow", 5.5, 5.7)) == ["slow"]
    decided = held("slow", 6.5)  # a second after it began it was ready
    assert met_by(5.0, decided) == ["slow"]
    assert decided.tried.startups == 0
    assert met_by(5.0, held("slow", 1.0, 6.0)) == ["slow"]
    assert met_by(5.0, held("slow", 1.0, 4.0)) == []
    assert met_by(5.0, held("proxy", 1.0), held("slow", 1.0, 4.0), held("other", 2.0)) == [
        "proxy",
        "other",
    ]


def test_a_toxic_that_was_given_other_values_before_is_not_what_it_met() -> None:
    assert met_by(5.0, held("slow", 1.0), held("slow update 1", 2.0)) == ["slow update 1"]
    assert met_by(5.0, held("slow", 1.0), held("slow update 1", 5.5)) == ["slow", "slow update 1"]
    # The changes of a connector add up.
    one = held("slots", 1.0, kind="connector")
    assert met_by(5.0, one, held("slots update 1", 2.0, kind="connector")) == [
        "slots",
        "slots update 1",
    ]
