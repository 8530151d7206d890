"""Advice on services that say nothing, from what was seen of them on the wire."""

from dataclasses import replace
from typing import Any

import pytest

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.recommending import Advising, advise
from chaosnetra.processes.cpu_meter import CpuUse
from chaosnetra.startup.outcome import EndedBy, StartupFailure, StartupOutcome, Status
from chaosnetra.wire.observation import Encryption, End, Observation, Reached, Statement
from tests.support import measured
from tests.support import seen_on_the_wire as wire

TIME = (
    "a startup takes 0.5 s of its own and 40 round trips one after the other, 0.5 ms each without "
    "the fault (median of 3)"
)
PREDICTED = "with 100 ms more each that makes 4.52 s; measured were 4.52 s (median of 3)"
NOTHING_TO_CHANGE = (
    "1 run was violated, and nothing that was seen on the wire says what to change in its service"
)


def advised(
    under: list[StartupOutcome], fault: dict[str, Any] | None = None, **told: Any
) -> Advising:
    data = wire.run_of_a_silent_service(under, fault or wire.black_holed(), **told)
    return advise([measured.read(data)])


def by_subject(found: Advising) -> dict[str, Recommendation]:
    return {one.subject: one for one in found.recommendations}


def failed(seen: Observation, count: int = 3, **told: Any) -> list[StartupOutcome]:
    return [wire.failed(number, seen, **told) for number in range(1, count + 1)]


def launched_until_its_limit(seen: Observation, status: Status) -> list[StartupOutcome]:
    return failed(seen, status=status, ended_by=EndedBy.LAUNCHER)


UNANSWERED = wire.observation(
    wire.broken(1, End.OPEN, Reached.STARTUP, ended_seconds=None),
    standing=wire.logging_in(23.6),
    seconds=24.0,
)


def ready(seen: Observation, count: int = 3) -> list[StartupOutcome]:
    return [wire.outcome(number, seen) for number in range(1, count + 1)]


def test_a_statement_many_times_in_a_row_could_be_one() -> None:
    found = by_subject(advised(ready(wire.ready(0.1005)), wire.latency(0.1)))
    one = found[f"the statement {wire.ORDERS}"]
    assert one.current == "executed 33 times in a row, in 33 round trips"
    assert one.reason == (
        "each execution waits for the one before; without 32 of these round trips each startup "
        "would save 3.22 s under that latency (100 ms more each), and 16 ms without it"
    )
    assert one.evidence == (f"experiment 't': {TIME}", f"experiment 't': {PREDICTED}")
    assert one.check == "chaos run latency.json"


def test_statements_that_take_turns_could_be_one() -> None:
    """As of a pool that resets its session, by statements that have a semicolon themselves."""
    reset = "SELECT unlock(); RESET ALL"
    seen = replace(
        wire.ready(0.1005),
        statements=(Statement(reset, 13, 13, 1.3, 1), Statement(wire.ORDERS, 12, 12, 1.2, 1)),
        repeated=((f"{reset}; {wire.ORDERS}", 12),),
    )
    before = replace(wire.ready(0.0005), statements=seen.statements, repeated=seen.repeated)
    found = by_subject(advised(ready(seen), wire.latency(0.1), before=ready(before)))
    one = found[f"the statements {reset}; {wire.ORDERS}"]
    assert one.current == "executed 12 times in a row, in 24 round trips"
    assert "without 22 of these round trips" in one.reason


def test_a_startup_under_another_fault_says_nothing_of_the_latency() -> None:
    """One run may have both: what gives up on a refusal has no limit that the latency meets."""
    under = [wire.failed(n, wire.cut_short(5.0, begin=0.3 + n / 100)) for n in range(1, 4)]
    data = wire.run_of_a_silent_service(under, wire.latency(0.4))
    limit = "the service's own limit from the opening of a connection"
    assert limit in by_subject(advise([measured.read(data)]))
    for run in data["steady_states"]["after"]["probes"]:
        run["output"]["added_round_trip_ms"] = 0.0
    assert limit not in by_subject(advise([measured.read(data)]))


@pytest.mark.parametrize(
    ("under", "subjects"),
    [
        (launched_until_its_limit(UNANSWERED, Status.TIMED_OUT),
         ["a limit on the wait for one answer"]),
        ([wire.failed(1, wire.refused())], []),
        ([wire.failed(1, wire.refused(), status=Status.DEGRADED, ended_by=EndedBy.LAUNCHER)],
         ["readiness without the database"]),
    ],
    ids=["silent", "refused", "ready without it"],
)  # fmt: skip
def test_what_is_lost_beside_a_latency_is_advised_on_too(
    under: list[StartupOutcome], subjects: list[str]
) -> None:
    """As in the run of a try: slow, refused, silent."""
    data = wire.run_of_a_silent_service(under, wire.latency(0.1))
    for run in data["steady_states"]["after"]["probes"]:
        run["output"]["added_round_trip_ms"] = 0.0
    known = ("a limit on the wait for one answer", "readiness without the database",
             "attempts to reach the database")  # fmt: skip
    found = [one.subject for one in advise([measured.read(data)]).recommendations]
    assert [one for one in found if one in known] == subjects


@pytest.mark.parametrize(("delayed", "claims"), [(0.0, True), (4.6, False)])
def test_a_startup_that_waited_for_a_core_to_end_claims_no_limit(
    delayed: float, claims: bool
) -> None:
    seen = replace(wire.refused(), standing=wire.by_itself(End.REFUSED, 1.6), seconds=1.9)
    use = CpuUse(0.5, delayed)
    refused = [wire.failed(n, seen, processors=use) for n in range(1, 4)]
    data = wire.run_of_a_silent_service(refused, wire.black_holed())
    found = by_subject(advise([measured.read(data)]))
    (told,) = found["attempts to reach the database"].evidence
    assert ("it gave up 1.6 s after it had opened its first connection" in told) is claims


def test_one_answer_that_no_latency_explains_is_looked_into_first() -> None:
    lock = Statement("SELECT pg_advisory_xact_lock(?)", 1, 2, 3.35, 1)
    seen = wire.waited_for_a_lock(3.2, lock)
    found = advised([wire.failed(n, seen) for n in range(1, 4)], wire.latency(0.15))
    one = by_subject(found)[f"the wait for {lock.text}"]
    assert one.current == "3.2 s in 3 of 3 startups that were not ready"
    assert one.reason.startswith("the others took 150 ms each on average")
    short = [wire.failed(n, wire.cut_short(5.0)) for n in range(1, 4)]
    assert not any("the wait for" in one for one in by_subject(advised(short, wire.latency(0.4))))


def test_encryption_that_is_declined_costs_a_round_trip() -> None:
    found = by_subject(advised(ready(wire.ready(0.5005)), wire.latency(0.5)))
    one = found["encryption that the server declines"]
    assert one.current == "asked for in 1 connection, and declined each time"
    assert "without this round trip each startup would save 0.5 s" in one.reason
    assert "sslmode=disable" in one.proposed
    assert "asyncpg under SQLAlchemy: ssl=disable" in one.proposed  # it refuses sslmode
    # Of a pool some may still be set up when the service is ready.
    seen = wire.ready(0.0005)
    one = next(one for one in seen.connections if one.encryption is Encryption.DECLINED)
    more = replace(one, number=9, session_seconds=None)
    before = ready(replace(seen, connections=(*seen.connections, more)))
    found = by_subject(advised(ready(wire.ready(0.5005)), wire.latency(0.5), before=before))
    assert found["encryption that the server declines"].current.startswith("asked for in 2 conn")


def with_connections(*opened: tuple[float, float | None], at_once: int) -> Observation:
    """A startup with connections from and to, of three round trips each for the set-up."""
    found = [
        wire.connection(
            number,
            opened_seconds=begin,
            ended_seconds=end,
            end=End.OPEN if end is None else End.CLIENT,
            setup_round_trips=3,
            round_trips=5,
            encryption=Encryption.NONE,
        )
        for number, (begin, end) in enumerate(opened, 1)
    ]
    return wire.observation(*found, standing=wire.by_itself(), most_at_once=at_once, seconds=3.0)


@pytest.mark.parametrize(
    ("seen", "current", "proposed", "saved"),
    [
        (with_connections((0.1, 0.2), (0.3, 0.4), (0.5, 0.6), at_once=1),
         "3, at most 1 at the same time", "1, kept and used again (a pool)",
         "6 of these round trips"),
        (with_connections((0.1, None), (0.3, None), at_once=2),
         "2, each opened after the one before was set up",
         "open them at the same time, or only the first before the service is ready",
         "3 of these round trips"),
    ],
)  # fmt: skip
def test_connections_one_after_the_other_could_be_fewer(
    seen: Observation, current: str, proposed: str, saved: str
) -> None:
    under = replace(seen, seconds=seen.seconds + 0.2 * seen.serial_round_trips)
    found = by_subject(advised(ready(under), wire.latency(0.2), before=ready(seen)))
    one = found["connections opened in a startup"]
    assert (one.current, one.proposed) == (current, proposed)
    assert saved in one.reason


def test_a_pool_that_may_be_filled_in_the_background_is_not_advised_on() -> None:
    seen = with_connections((0.1, None), (0.3, None), at_once=2)
    # On a busy machine its time does not show whether it waited; and a part of the three round
    # trips of a set-up that it seems to have waited for is what the measurement is off by.
    for seconds in (9, -0.48):
        took = seen.seconds + seconds + 0.2 * seen.serial_round_trips
        under = replace(seen, seconds=took)
        found = by_subject(advised(ready(under), wire.latency(0.2), before=ready(seen)))
        assert "connections opened in a startup" not in found


def test_connections_opened_at_the_same_time_are_well() -> None:
    seen = replace(
        with_connections((0.1, None), (0.1, None), at_once=2), serial_setup_round_trips=3
    )
    found = by_subject(advised(ready(seen), wire.latency(0.2), before=ready(seen)))
    assert found == {}


def test_connections_that_a_pool_opens_beside_the_startup_cost_it_nothing() -> None:
    """Which seem to follow each other while nothing takes time, as those of HikariCP do."""
    seen = with_connections((0.1, None), (0.3, None), (0.4, None), at_once=3)
    beside = replace(
        seen, serial_round_trips=seen.round_trips - 6, serial_setup_round_trips=3, seconds=3.6
    )
    found = by_subject(advised(ready(beside), wire.latency(0.2), before=ready(seen)))
    assert "connections opened in a startup" not in found
    # Nor where nothing is asked meanwhile, so that they overlap nothing.
    short = replace(seen, seconds=3.6)
    found = by_subject(advised(ready(short), wire.latency(0.2), before=ready(seen)))
    assert "connections opened in a startup" not in found
    # Nor where it is ready before most of them are there.
    first = with_connections((0.1, None), (2.0, None), at_once=2)
    early = replace(first, seconds=3.0 + 0.2 * 5)
    found = by_subject(advised(ready(early), wire.latency(0.2), before=ready(seen)))
    assert "connections opened in a startup" not in found


def test_connections_of_who_polls_less_often_under_the_latency_are_waited_for() -> None:
    seen = with_connections((0.1, None), (0.3, None), (0.4, None), at_once=3)
    trips = seen.round_trips - 4
    polling = replace(seen, round_trips=trips, serial_round_trips=trips, seconds=3.0 + 0.2 * trips)
    found = by_subject(advised(ready(polling), wire.latency(0.2), before=ready(seen)))
    assert "6 of these round trips" in found["connections opened in a startup"].reason


def test_a_limit_of_the_service_leaves_room_for_so_much_latency() -> None:
    under = [wire.failed(n, wire.cut_short(5.0, begin=0.3 + n / 100)) for n in range(1, 4)]
    first = advised(under, wire.latency(0.4)).recommendations[0]
    assert first.subject == "the service's own limit from the opening of a connection"
    assert first.current == "5 s"
    assert first.proposed == (
        "20.6 s, or fewer round trips within it: of 40 only 11 fit into 5 s under that latency"
    )
    assert first.reason == (
        "40 round trips one after the other, 400 ms longer each, and 0.488 s of its own take "
        "16.5 s; the limit leaves room for 112 ms more each"
    )


def test_a_limit_of_a_login_is_held_against_the_round_trips_of_a_login() -> None:
    waits = ((0.3, 1.3), (1.31, 2.31), (2.32, 2.8))
    seen = wire.observation(
        wire.broken(1, End.CLIENT, Reached.AUTHENTICATION, opened_seconds=0.3, ended_seconds=2.8,
                    unanswered_seconds=0.48, round_trips=2),
        standing=wire.by_itself(End.CLIENT, 0.1),
        waits=waits,
        seconds=2.9,
    )  # fmt: skip
    first = advised(failed(seen), wire.latency(1.0)).recommendations[0]
    assert first.current == "2.5 s"
    assert first.reason.startswith(
        "3 round trips one after the other, 1000 ms longer each, take 3 s; the limit leaves room"
    )


def test_an_answer_that_takes_longer_than_a_service_waits() -> None:
    first = advised(failed(wire.black_hole(2.0)), wire.latency(3.0)).recommendations[0]
    assert first.subject == "the service's own limit on the wait for one answer"
    assert (first.current, first.proposed) == ("2 s", "more than 3.75 s, or no such limit")


@pytest.mark.parametrize(
    ("seen", "current"),
    [
        (wire.refused(), "one connection; then the startup ended, 0.32 s after its start"),
        (wire.refused(5, 1.0), "5 connections; then the startup ended, 4.32 s after its start"),
        (
            wire.black_hole(),
            "one connection, given up after 5 s; then the startup ended, 5.4 s after its start",
        ),
    ],
)
def test_a_service_that_ends_at_its_first_failures_could_try_again(
    seen: Observation, current: str
) -> None:
    (one,) = advised(failed(seen)).recommendations
    assert (one.subject, one.current) == ("attempts to reach the database", current)
    assert one.proposed.startswith("a new connection after a pause")


def test_a_startup_that_may_fail_but_has_to_say_why_is_not_told_to_try_again() -> None:
    journal = wire.run_of_a_silent_service(failed(wire.refused()), wire.latency(0.2))
    for startup in journal["steady_states"]["after"]["probes"][0]["output"]["startups"]:
        startup["unsaid"] = ["its cause"]
    assert "attempts to reach" not in str(advise([measured.read(journal)]).recommendations)


def test_a_service_without_a_limit_on_an_answer_gets_one() -> None:
    (one,) = advised(launched_until_its_limit(UNANSWERED, Status.TIMED_OUT)).recommendations
    assert one.subject == "a limit on the wait for one answer"
    assert one.current == "none that showed: it still waited after 23.6 s"


def test_a_service_that_gives_up_an_answer_late_gets_a_shorter_limit() -> None:
    """As a worker that its server ends after 30 s, and starts anew."""
    first = wire.broken(
        1, End.CLIENT, Reached.TLS, opened_seconds=0.5, ended_seconds=30.5, unanswered_seconds=30.0
    )
    second = wire.broken(2, End.OPEN, Reached.TLS, opened_seconds=31.0, ended_seconds=None)
    seen = wire.observation(first, second, standing=wire.logging_in(4.0, 2), seconds=35.0)
    (one,) = advised(launched_until_its_limit(seen, Status.TIMED_OUT)).recommendations
    assert one.subject == "a limit on the wait for one answer"
    assert one.current == "30 s, most of the time that it had"
    assert one.proposed.startswith("a shorter timeout for connecting (connect_timeout)")
    assert "leaves no time to try again" in one.reason


def test_an_answer_that_comes_slowly_needs_no_new_connection() -> None:
    seen = wire.observation(
        wire.connection(
            opened_seconds=0.3, answer_bytes=1_040_000, silent_seconds=0.1, round_trips=4
        ),
        standing=wire.waiting(20.8, 5),
        waits=(*wire.trips(4, 0.001), (1.2, 22.0)),
        seconds=22.0,
    )
    narrow = measured.fault("bandwidth on database", {"kind": "toxic", "type": "bandwidth"},
                   quantity="rate_kb_per_second", expected=50, observed=50)  # fmt: skip
    under = launched_until_its_limit(seen, Status.TIMED_OUT)
    found = advise([measured.read(wire.run_of_a_silent_service(under, narrow))])
    assert found.recommendations == ()
    assert found.not_known[1].endswith(
        "startups-succeed: at its end it had been waiting 20.8 s for the answer to the 5th round "
        "trip, SELECT $1 FROM orders WHERE id = $2; 1.0 MB of the answer had come, and more was "
        "coming"
    )
    silent = advise([measured.read(wire.run_of_a_silent_service(under, wire.black_holed()))])
    assert [one.subject for one in silent.recommendations] == ["a limit on the wait for one answer"]


def test_a_service_that_opens_another_connection_has_a_limit_on_an_answer() -> None:
    """Though it leaves the one before open, as psycopg 3 does for a time."""
    found = [
        wire.broken(n, End.OPEN, Reached.TLS, opened_seconds=3.0 * n, ended_seconds=None)
        for n in range(1, 8)
    ]
    seen = wire.observation(*found, standing=wire.logging_in(21.0), seconds=24.0)
    told = advised(launched_until_its_limit(seen, Status.TIMED_OUT))
    assert told.recommendations == ()
    assert "all 7 of its connections got no answer" in told.not_known[1]


def test_a_service_that_is_ready_without_its_session_gets_a_readiness_that_asks() -> None:
    (one,) = advised(launched_until_its_limit(wire.refused(), Status.DEGRADED)).recommendations
    assert one.subject == "readiness without the database"
    assert one.current.startswith("3 startups were ready without the session")


def test_no_free_slot_is_a_matter_of_connections() -> None:
    (one,) = advised(failed(wire.no_slot(2))).recommendations
    assert one.subject == "connections that startups open"
    assert one.reason == (
        "the server had no free slot (SQLSTATE 53300) for 3 of 3 startups that were not ready"
    )


def test_what_was_seen_is_told_where_nothing_is_to_be_changed() -> None:
    """It did all it could: it tried until its time was over."""
    under = launched_until_its_limit(wire.refused(8, 3.0), Status.TIMED_OUT)
    found = advised(under)
    assert found.recommendations == ()
    assert found.not_known == (
        NOTHING_TO_CHANGE,
        "experiment 't': startups-succeed: all 8 of its connections were refused",
        f"experiment 't': {TIME}",
    )


def test_without_an_observation_that_is_what_is_lacking() -> None:
    nothing = [wire.outcome(number, None) for number in range(1, 4)]
    found = advised([wire.failed(1, None)], before=nothing)
    (line,) = found.not_known
    assert line == (
        "1 run was violated, and which budgets its service has is not known, since nothing was "
        "measured of them, and its journal has no observation of the wire: run it again with this "
        "version, in environment local"
    )


def test_startups_that_tell_their_steps_are_advised_by_these() -> None:
    """So nothing is recommended twice."""
    data = measured.behind_latency()
    alone = advise([measured.read(data)]).recommendations
    for stage in ("before", "after"):
        for told in data["steady_states"][stage]["probes"][0]["output"]["startups"]:
            told["wire"] = wire.json_of(wire.ready())
    assert advise([measured.read(data)]).recommendations == alone


def test_a_prediction_that_is_far_off_is_told() -> None:
    found = advised(ready(wire.ready(0.1005, rows=80)), wire.latency(0.1))
    line = found.recommendations[0].evidence[-1]
    assert line.endswith(
        "51% off: it made 87 round trips one after the other under the latency, as a service does "
        "that polls, tries again, or opens a pool beside its other work, so savings are rough"
    )
    busy = advised(ready(wire.ready(0.1005, own=2.0)), wire.latency(0.1)).recommendations[0]
    assert busy.evidence[-1].endswith(
        "25% off: its round trips were the same, and its own time was 2 s, as on a machine that "
        "is busy with something else"
    )


def test_a_startup_that_was_at_work_when_its_time_was_up_gets_more_or_asks_less() -> None:
    late = launched_until_its_limit(wire.cut_short(10.0), Status.TIMED_OUT)
    first = advised(late, wire.latency(0.4)).recommendations[0]
    assert (first.subject, first.current) == ("the time of a startup", "not ready after 10.3 s")
    assert first.proposed == "20.6 s, or fewer round trips"
    assert first.reason == (
        "40 round trips one after the other, 400 ms longer each, and 0.5 s of its own take 16.5 s"
    )


def test_what_the_launcher_ended_is_no_matter_of_the_platforms_deadline() -> None:
    """The wire tells what it did in its time."""
    expired = StartupFailure("not ready (limit 24 s)", budget="startup", budget_seconds=24.0)
    seen = wire.refused(8, 3.0)
    under = failed(seen, status=Status.TIMED_OUT, ended_by=EndedBy.LAUNCHER, error=expired)
    assert advised(under).recommendations == ()
    unseen = [wire.failed(1, None, status=Status.TIMED_OUT, error=expired)]
    assert [one.area for one in advised(unseen).recommendations] == ["cloud_run"]


def test_connections_that_cannot_be_read_are_told() -> None:
    seen = replace(wire.ready(), unread=1)
    under = launched_until_its_limit(wire.refused(8, 3.0), Status.TIMED_OUT)
    assert advised(under, before=ready(seen)).not_known[-1] == (
        "experiment 't': 1 of its 1 connection could not be read (encrypted, or not PostgreSQL's "
        "protocol): statements are not known, and a round trip there is a turn of direction"
    )


def test_what_is_sent_together_already_is_no_round_trip_too_many() -> None:
    """As by asyncpg's `executemany`: prepared in one round trip, executed in one."""
    seen = wire.ready(0.1005)
    first, *others = seen.statements
    pipelined = replace(seen, statements=(replace(first, round_trips=2), *others))
    found = by_subject(advised(ready(pipelined), wire.latency(0.1), before=ready(pipelined)))
    assert f"the statement {wire.ORDERS}" not in found
