"""What is made of a startup's log."""

import json

import pytest

from chaosnetra.wire.observation import Canceled, Doing, Encryption, End, Observation, Reached
from chaosnetra.wire.observing import observe
from tests.unit.wire.logs import Logs


def test_a_startup_that_opens_nothing() -> None:
    seen = observe(Logs().log, 100.0, 103.0)
    assert seen.standing.doing is Doing.NOTHING_OPENED
    assert seen.standing.text == "no connection was opened"
    assert (seen.seconds, seen.own_seconds, seen.waited_seconds) == (3.0, 3.0, 0.0)
    assert (seen.connections, seen.serial_round_trips) == ((), 0)


def test_one_connection_with_two_statements() -> None:
    logs = Logs()
    one = logs.session(101.0, 102.0)
    one.asks(103.0, 104.0, "SELECT $1").asks(104.0, 104.5, "SELECT now()").ends(105.0)
    seen = observe(logs.log, 100.0, 106.0)
    assert (seen.connection_count, seen.sessions, seen.most_at_once) == (1, 1, 1)
    assert (seen.round_trips, seen.setup_round_trips) == (6, 4)
    assert (seen.serial_round_trips, seen.serial_setup_round_trips) == (6, 4)
    assert seen.waits == ((1.0, 2.0), (3.0, 4.5))
    assert (seen.waited_seconds, seen.own_seconds) == (pytest.approx(2.5), pytest.approx(3.5))
    [connection] = seen.connections
    assert (connection.opened_seconds, connection.session_seconds) == (1.0, 2.0)
    assert (connection.ended_seconds, connection.end) == (5.0, End.CLIENT)
    assert (connection.reached, connection.round_trips) == (Reached.SESSION, 6)
    assert [(one.text, one.times, one.round_trips) for one in seen.statements] == [
        ("SELECT $1", 1, 1),
        ("SELECT now()", 1, 1),
    ]
    assert (seen.executions, seen.statement_count) == (2, 2)
    assert Observation.from_json(json.loads(json.dumps(seen.to_json()))) == seen


@pytest.mark.parametrize("until", [102.0, 103.5, 104.0, 104.2, 200.0])
def test_what_happens_later_changes_nothing(until: float) -> None:
    def told(*, later: bool) -> Observation:
        logs = Logs()
        one = logs.session(101.0, 102.0)
        if later or until >= 103.5:
            one.asks(103.0, 103.5, "SELECT $1")
        if later or until >= 104.0:
            one.executes(104.0, "SELECT slow()")
        if later:
            one.asks(104.0, 300.0).fails(300.0, "57014").ends(301.0)
            one.connection.statements[-1] = one.text("SELECT slow()")
            logs.session(301.0, 302.0)
        elif until >= 104.0:
            one.waits(104.0, "SELECT slow()")
        return observe(logs.log, 100.0, until)

    assert told(later=True) == told(later=False)


def test_a_dial_that_is_not_answered_is_waited_for() -> None:
    logs = Logs()
    logs.opened(100.5, dialed=None)
    seen = observe(logs.log, 100.0, 103.0)
    assert seen.waits == ((0.5, 3.0),)
    assert seen.standing.doing is Doing.CONNECTING
    assert seen.standing.text == "waiting 2.5 s for its 1st connection to be accepted"
    assert seen.standing.seconds == 2.5


def test_waits_on_several_connections_count_once() -> None:
    logs = Logs()
    logs.session(100.0, 101.0).asks(102.0, 104.0, "SELECT a")
    logs.session(100.0, 101.5).asks(103.0, 105.0, "SELECT b")
    seen = observe(logs.log, 100.0, 110.0)
    assert seen.waits == ((0.0, 1.5), (2.0, 5.0))
    assert (seen.waited_seconds, seen.connections[0].waited_seconds) == (4.5, 3.0)
    assert seen.most_at_once == 2


def test_logins_given_up_by_how_far_they_came() -> None:
    logs = Logs()
    logs.opened(100.0).ends(100.1)  # a check of the port
    logs.opened(100.0).stage(100.0, Reached.STARTUP).waits(100.0).ends(105.0, End.CLIENT_RESET)
    logs.opened(100.0).stage(100.0, Reached.STARTUP).waits(100.0).ends(106.0)
    logs.opened(100.0).stage(100.0, Reached.CANCEL).ends(100.1, End.SERVER)
    logs.opened(100.0, dialed=None).ends(100.1, End.REFUSED)
    logs.session(100.0, 101.0).ends(102.0)
    logs.opened(100.0).stage(100.0, Reached.TLS).waits(100.0)  # goes on
    seen = observe(logs.log, 100.0, 110.0)
    assert seen.given_up == {"tcp": 1, "startup": 2}
    assert (seen.refused, seen.sessions) == (1, 1)


def test_a_connection_in_tls_has_a_session_when_one_was_seen_or_it_got_more_than_a_login() -> None:
    logs = Logs()
    for turns in (0, 5, 6):
        one = logs.opened(100.0).stage(100.0, Reached.TLS).asks(100.0, 101.0)
        one.cannot_be_read(101.0)
        for turn in range(turns):
            one.asks(102.0 + turn, 102.5 + turn)
        one.ends(109.0)
    one = logs.opened(100.0).stage(100.0, Reached.TLS).asks(100.0, 101.0).cannot_be_read(101.0)
    one.asks(102.0, 102.5).asks(103.0, 103.5).ends(109.0)
    logs.log.connections[-1].session_seen_at = 102.5
    seen = observe(logs.log, 100.0, 110.0)
    assert (seen.unread, seen.sessions) == (4, 2)
    assert seen.given_up == {"unread": 2}
    assert [one.session_seconds for one in seen.connections] == [None, None, 7.5, 2.5]
    assert [one.setup_round_trips for one in seen.connections] == [1, 1, 7, 2]
    assert [one.round_trips for one in seen.connections] == [1, 6, 7, 3]
    assert seen.connections[0].encryption is Encryption.TLS
    assert observe(logs.log, 100.0, 102.0).sessions == 0


def test_pipelined_questions_cost_one_round_trip() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0)
    for step in range(10):
        one.asks(102.0 + step / 100, 103.0 + step / 100, "INSERT INTO t VALUES ($1)")
    seen = observe(logs.log, 100.0, 110.0)
    assert (seen.round_trips, seen.serial_round_trips) == (5, 5)
    [statement] = seen.statements
    assert (statement.times, statement.most_in_a_row) == (10, 10)
    assert seen.repeated == ()  # nothing would be saved


def test_a_statement_repeated_one_wait_after_the_other_is_told() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0)
    for step in range(33):
        one.asks(102.0 + step, 102.5 + step, "SELECT * FROM items WHERE id = $1")
    one.asks(150.0, 151.0, "SELECT now()")
    for step in range(3):
        one.asks(160.0 + step, 160.5 + step, "SELECT * FROM items WHERE id = $1")
    seen = observe(logs.log, 100.0, 200.0)
    assert seen.repeated == (("SELECT * FROM items WHERE id = $1", 33),)
    assert (seen.statements[0].times, seen.statements[0].most_in_a_row) == (36, 33)


def test_a_repeated_transaction_is_told_from_its_begin() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0)
    at = 102.0
    for first in (True, *[False] * 7):
        for text in ("BEGIN", "SELECT x" if first else "SELECT y", "COMMIT"):
            one.asks(at, at + 0.5, text)
            at += 1.0
    seen = observe(logs.log, 100.0, 200.0)
    assert seen.repeated == (("BEGIN; SELECT y; COMMIT", 7),)


def test_errors_alike_are_told_once() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0)
    one.fails(103.0, "42P01", text="SELECT x").fails(104.0, "42P01", text="SELECT x")
    refused = logs.opened(105.0).stage(105.0, Reached.STARTUP).asks(105.0, 105.5)
    refused.fails(105.5, "53300", "FATAL").ends(105.6, End.SERVER)
    seen = observe(logs.log, 100.0, 110.0)
    assert seen.error_count == 3
    assert [(one.sqlstate, one.times, one.statement) for one in seen.errors] == [
        ("42P01", 2, "SELECT x"),
        ("53300", 1, None),
    ]
    assert seen.errors[1].reached is Reached.STARTUP
    assert (seen.connections[1].sqlstate, seen.standing.sqlstate) == ("53300", "53300")
    assert seen.standing.text == (
        "its 2nd connection was closed by the server with SQLSTATE 53300 4.4 s before, "
        "and it was waiting or working by itself"
    )


def test_lists_are_bounded_and_counted() -> None:
    logs = Logs()
    for number in range(300):
        at = 100.0 + number
        one = logs.session(at, at + 0.5).asks(at + 0.6, at + 0.7, f"SELECT {number}")
        one.fails(at, f"{number:05}").ends(at + 0.8)
    logs.log.complete = False
    logs.log.opened = 400
    seen = observe(logs.log, 100.0, 500.0)
    assert (len(seen.connections), seen.connection_count) == (50, 400)
    assert (len(seen.statements), seen.statement_count) == (50, 300)
    assert (len(seen.errors), seen.error_count) == (20, 300)
    assert len(seen.waits) == 200
    assert seen.waited_seconds == pytest.approx(300 * 0.6)
    assert not seen.complete


def test_of_connections_that_waited_to_be_accepted_there_are_at_least_so_many() -> None:
    logs = Logs()
    for at in (1.0, 2.0, 3.0):
        logs.opened(at).connection.queued_since = 0.9
    assert observe(logs.log, 0.0, 3.0).complete
    seen = observe(logs.log, 0.0, 2.5)
    assert (seen.connection_count, seen.complete) == (2, False)
    assert observe(logs.log, 0.0, 0.5).complete  # none of them waited then


def test_a_question_that_was_not_answered_when_its_connection_ended() -> None:
    logs = Logs()
    logs.session(100.0, 101.0).waits(102.0, "SELECT slow()").ends(107.0)
    logs.session(100.0, 101.0).ends(107.0)
    logs.session(100.0, 101.0).waits(102.0, "SELECT slow()")
    seen = observe(logs.log, 100.0, 110.0)
    assert [(one.unanswered_seconds, one.unanswered_statement) for one in seen.connections] == [
        (5.0, "SELECT slow()"),
        (None, None),
        (None, None),
    ]


def test_a_connection_closed_when_encryption_was_declined_is_no_login_that_was_given_up() -> None:
    logs = Logs()
    for _ in range(2):
        one = logs.opened(100.0).stage(100.0, Reached.TLS).asks(100.0, 100.5)
        one.connection.encryption = Encryption.DECLINED
        one.ends(100.6)
    logs.session(100.6, 101.0)
    one.waits(100.5)  # of the startup message, which it sent
    seen = observe(logs.log, 100.0, 102.0)
    assert [connection.was_declined for connection in seen.connections] == [True, False, False]
    assert seen.given_up == {"tls": 1}


def test_a_statement_that_is_prepared_first_is_one_call() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0)
    one.prepares(102.0, 103.0, "SELECT $1").asks(103.0, 104.5, "SELECT $1")
    one.asks(105.0, 109.0, "SELECT $1")  # prepared already
    one.prepares(110.0, 111.0, "SELECT now()").executes(111.5, "SELECT now()")
    one.waits(111.5, "SELECT now()")
    logs.session(100.0, 101.0).prepares(102.0, 103.0, "SELECT $1").waits(104.0, "SELECT other()")
    other = logs.session(100.0, 101.0).asks(102.0, 103.0, "SELECT $1").waits(104.0, "SELECT $1")
    other.ends(105.0)
    seen = observe(logs.log, 100.0, 113.0)
    assert [(one.call_seconds, one.longest_call_seconds) for one in seen.connections] == [
        (3.0, 2.5),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize("answered", [104.3, 103.985])
def test_what_a_request_to_cancel_is_for_is_what_was_waited_for_when_it_was_opened(
    answered: float,
) -> None:
    """Whether the answer comes after it or passes it on its way, it was too late for the client."""
    logs = Logs()
    one = logs.session(100.0, 101.0)
    one.prepares(101.0, 102.5, "SELECT $1").asks(102.5, answered, "SELECT $1")
    other = logs.session(100.0, 101.0).waits(101.5, "SELECT other()")
    asked = logs.opened(104.0).stage(104.1, Reached.CANCEL).ends(104.2, End.SERVER)
    one.asks(104.5, 104.9, "ROLLBACK")
    unknown = logs.opened(104.0).stage(104.1, Reached.CANCEL).ends(104.2, End.SERVER)
    one.connection.backend = asked.connection.cancels = 7
    other.connection.backend, unknown.connection.cancels = 8, 9
    seen = observe(logs.log, 100.0, 105.0)
    assert [one.canceled for one in seen.connections] == [
        None, None, Canceled(1, pytest.approx(1.5), "SELECT $1", pytest.approx(3.0)), None
    ]  # fmt: skip
    assert seen.connections[0].longest_call_seconds is None
    assert Observation.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_a_request_to_cancel_what_was_answered_long_before_gave_up_nothing() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0).asks(101.0, 103.0, "SELECT a")
    asked = logs.opened(104.0).stage(104.1, Reached.CANCEL).ends(104.2, End.SERVER)
    one.connection.backend = asked.connection.cancels = 7
    assert observe(logs.log, 100.0, 105.0).connections[1].canceled is None


def test_the_round_trips_of_a_phase_are_those_that_were_answered_in_it() -> None:
    logs = Logs()
    one = logs.session(101.0, 102.0)  # 4 round trips, 0.25 s each
    one.asks(102.0, 103.0, "SELECT a").asks(103.0, 104.0, "SELECT b").waits(104.0, "SELECT c")
    other = logs.session(102.0, 103.0, trips=1)  # at the same time: it costs nothing
    other.asks(104.0, 104.5, "SELECT d")
    phases = {"login": (0.0, 2.0), "first": (2.0, 4.0), "last": (4.0, None), "none": (9.0, 9.5)}
    seen = observe(logs.log, 100.0, 105.0, phases)
    assert seen.phase_round_trips == {"login": 4, "first": 2, "last": 1, "none": 0}
    assert seen.serial_round_trips == 7
    assert seen.brief().phase_round_trips == seen.phase_round_trips
    assert Observation.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_a_phase_of_connections_that_cannot_be_read() -> None:
    logs = Logs()
    for start in (100.0, 100.1):
        one = logs.opened(start).asks(start, start + 0.5).cannot_be_read(start + 0.5)
        for trip in range(8):
            one.asks(start + trip + 0.5, start + trip + 1.4)
    seen = observe(logs.log, 100.0, 110.0, {"set-up": (0.0, 4.6), "work": (4.6, 10.0)})
    assert seen.phase_round_trips == {"set-up": 5, "work": 4}
