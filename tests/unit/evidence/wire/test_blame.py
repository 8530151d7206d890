"""What the wire says of startups that failed: as a person with a packet capture would."""

from dataclasses import replace
from typing import Any

import pytest

from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.startup.outcome import (
    EndedBy,
    StartupFailure,
    StartupOutcome,
    StatedBudget,
    Status,
)
from chaosnetra.wire.observation import (
    Doing,
    Encryption,
    End,
    Observation,
    Reached,
    Standing,
    Statement,
)
from tests.support import seen_on_the_wire as wire
from tests.support.journals import judged

LOCK = "SELECT pg_advisory_xact_lock(?)"
SILENT = ": it ended with exit code 1 and printed nothing; on the wire: "


def violation(*outcomes: StartupOutcome) -> Violation:
    data = wire.run_of_a_silent_service(outcomes, wire.latency(0.4))
    verdict, found = judged(data)
    assert verdict.outcome == "violated"
    (one,) = found
    assert one.line in verdict.line
    return one


def of(*seen: Observation, **told: Any) -> Violation:
    return violation(*(wire.failed(number, one, **told) for number, one in enumerate(seen, 1)))


def retried(times: int) -> Observation:
    found = [
        wire.broken(
            n, End.CLIENT, Reached.STARTUP, opened_seconds=4.0 * n, ended_seconds=4.0 * n + 3.0,
            unanswered_seconds=3.0,
        )
        for n in range(1, times + 1)
    ]  # fmt: skip
    waits = tuple((4.0 * n, 4.0 * n + 3.0) for n in range(1, times + 1))
    return wire.observation(
        *found, standing=wire.by_itself(End.CLIENT, 0.1), waits=waits, seconds=4.0 * times + 3.1
    )


def left_open(times: int, apart: float = 3.1, answers: int = 0) -> Observation:
    """As psycopg 3 does after its connect_timeout, until what is left is collected."""
    found = [
        wire.connection(
            n, opened_seconds=0.3 + (n - 1) * apart, reached=Reached.TLS, session_seconds=None,
            round_trips=answers, setup_round_trips=answers,
        )
        for n in range(1, times + 1)
    ]  # fmt: skip
    return wire.observation(*found, standing=wire.logging_in(0.4, times), seconds=times * apart)


NOTHING = wire.observation(standing=Standing(Doing.NOTHING_OPENED, 1.0, "no connection was opened"))


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        ([wire.cut_short(begin=0.3 + n / 100) for n in range(3)],
         ("it made 12 round trips one after the other, which took 400 ms each on average; at "
         "its end it had been waiting 0.1 s for the answer to the 13th round trip, SELECT "
         "$1 FROM orders WHERE id = $2; it gave up 5.0 s after it had opened the "
         "connection, in 3 of 3")),
        ([wire.refused()] * 3, "its only connection was refused"),
        ([wire.refused(5, 1.0)] * 3,
         ("all 5 of its connections were refused; it gave up after 5 connections, 4.0 s "
         "after it had opened the first, in 3 of 3")),
        ([wire.reset()] * 3,
         ("its only connection was reset by the server's side before the startup message was "
         "answered")),
        ([wire.black_hole()] * 3,
         ("it closed its only connection after waiting 5.0 s for the answer to its startup "
         "message; it gave up after 5.0 s of waiting for one answer, in 3 of 3")),
        ([retried(2)] * 3,
         ("it gave up both of its connections before they had become sessions; it closed "
         "connection 2 of 2 after waiting 3.0 s for the answer to its startup "
         "message; it gave up after 3.0 s of waiting for one answer, in 3 of 3; it gave up "
         "after 2 connections, in 3 of 3")),
        ([NOTHING] * 3, "no connection was opened"),
    ],
    ids=["latency", "refused", "refused often", "reset", "black hole", "tried twice", "nothing"],
)  # fmt: skip
def test_a_service_that_prints_nothing_is_told_by_the_wire(
    seen: list[Observation], sentence: str
) -> None:
    found = of(*seen)
    assert found.line.endswith(SILENT + sentence)
    assert found.on_the_wire == sentence


@pytest.mark.parametrize(
    ("connections", "clause"),
    [
        ([{"reached": Reached.TLS, "unanswered_seconds": 2.01}],
         ("its only connection was reset by the server's side while encryption was being agreed, "
          "after 2.0 s without an answer")),
        ([{"reached": Reached.TLS, "unanswered_seconds": seconds} for seconds in (2.0, 2.1, 1.9)],
         ("all 3 of its connections were reset by the server's side while encryption was being "
          "agreed, after 2.0 s without an answer")),
        ([{"reached": Reached.SESSION, "unanswered_seconds": 0.01, "unanswered_statement": LOCK}],
         (f"its only connection was reset by the server's side while it waited for the answer to "
         f"{LOCK}")),
        ([{"reached": Reached.SESSION, "unanswered_seconds": 3.0, "unanswered_statement": LOCK}],
         (f"its only connection was reset by the server's side while it waited 3.0 s for the "
         f"answer to {LOCK}")),
        ([{"reached": Reached.SESSION}],
         "its only connection was reset by the server's side while idle in a session"),
        ([{"reached": Reached.SESSION}, {"reached": Reached.SESSION, "unanswered_seconds": 1.0}],
         "both of its connections were reset by the server's side in a session"),
        ([{"reached": Reached.TCP}, {"reached": Reached.TLS, "unanswered_seconds": 0.01}],
         "both of its connections were reset by the server's side before anything was answered"),
        ([{"reached": Reached.TLS}, {"reached": Reached.AUTHENTICATION, "round_trips": 2}],
         "both of its connections were reset by the server's side"),
    ],
    ids=["a wait", "the same waits", "a statement", "its wait", "idle", "some idle", "no answer",
         "some answers"],
)  # fmt: skip
def test_what_was_waited_for_on_a_connection_that_was_reset_is_told(
    connections: list[dict[str, Any]], clause: str
) -> None:
    found = [
        wire.broken(number, End.SERVER_RESET, **one) for number, one in enumerate(connections, 1)
    ]
    seen = wire.observation(*found, standing=wire.by_itself(End.SERVER_RESET, 0.02), seconds=4.0)
    assert str(of(seen).on_the_wire).split("; ")[0] == clause


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(1, ("its only connection became a session 6.0 s after it had opened it, and it closed it "
          "without a question")),
     (2, ("both of its connections became sessions 6.0 s after it had opened them, and it closed "
          "them without a question"))],
)  # fmt: skip
def test_sessions_that_came_too_late_for_a_question_are_told(number: int, sentence: str) -> None:
    """As of a pool of psycopg, that ends its connections only once they are there."""
    told = {"opened_seconds": 0.25, "session_seconds": 6.30, "ended_seconds": 6.31}
    found = [
        wire.connection(n, end=End.CLIENT, round_trips=4, setup_round_trips=4, **told)
        for n in range(1, number + 1)
    ]
    by_itself = wire.by_itself(End.CLIENT, 0.01)
    seen = wire.observation(*found, standing=by_itself, serial_round_trips=1, seconds=6.32)
    assert of(*[seen] * 3).on_the_wire == sentence
    asked = replace(found[-1], round_trips=5)
    seen = wire.observation(*found[1:], asked, standing=by_itself, seconds=6.32)
    assert "without a question" not in str(of(*[seen] * 3).on_the_wire)


@pytest.mark.parametrize(
    ("silent", "rest"),
    [(0.2, "60 kB of the answer had come, and more was coming"),
     (2.4, "60 kB of the answer had come, and nothing more for 2.4 s")],
)  # fmt: skip
def test_an_answer_that_had_begun_when_it_was_given_up_is_told(silent: float, rest: str) -> None:
    seen = wire.observation(
        wire.connection(
            opened_seconds=0.3, end=End.CLIENT, ended_seconds=4.5, unanswered_seconds=3.0,
            unanswered_statement=wire.ORDERS, answer_bytes=60_000, silent_seconds=silent,
        ),
        standing=wire.by_itself(End.CLIENT, 0.1),
        waits=((1.5, 4.5),),
        seconds=4.6,
    )  # fmt: skip
    assert rest in str(of(*[seen] * 3).on_the_wire).split("; ")


def test_an_answer_that_stands_out_is_not_hidden_in_an_average() -> None:
    seen = wire.waited_for_a_lock(3.2, Statement(LOCK, 1, 2, 3.35, 1))
    assert str(of(*[seen] * 3).on_the_wire).startswith(
        f"it made 12 round trips one after the other; the answer to {LOCK} took 3.2 s, the others "
        "150 ms each on average; "
    )


def test_an_answer_that_was_given_up_did_not_come() -> None:
    """The wait goes on until the server has canceled it."""
    waits = (*wire.trips(6, 0.15), (1.28, 6.6))
    canceled = wire.broken(
        2, End.SERVER, Reached.CANCEL, opened_seconds=6.3, ended_seconds=6.6, round_trips=0
    )
    seen = wire.observation(
        wire.connection(
            opened_seconds=0.3, round_trips=7, end=End.CLIENT, ended_seconds=6.65,
            unanswered_seconds=None,
        ),
        canceled,
        standing=wire.by_itself(End.CLIENT, 0.1), waits=waits, seconds=6.75,
        statements=(Statement(LOCK, 1, 1, 5.32, 1),),
    )  # fmt: skip
    assert f"the answer to {LOCK}" not in str(of(*[seen] * 3).on_the_wire)


@pytest.mark.parametrize(
    ("lock_seconds", "statement"),
    [(0.4, Statement(LOCK, 1, 2, 0.55, 1)), (3.2, None)],
    ids=["not long", "not known which"],
)
def test_an_average_is_told_where_no_answer_is_known_to_stand_out(
    lock_seconds: float, statement: Statement | None
) -> None:
    seen = wire.waited_for_a_lock(lock_seconds, statement)
    each = 1000 * (11 * 0.15 + lock_seconds) / 12
    assert f"which took {each:.0f} ms each on average" in str(of(*[seen] * 3).on_the_wire)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (left_open(7),
         ("all 7 of its connections got no answer: it opened them 3.1 s after each other, and left "
         "them open")),
        (left_open(7, answers=1),
         ("none of its 7 connections became a session: it opened them 3.1 s after each other, and "
         "left them open")),
        (left_open(3, 0.01),
         "at its end it had been waiting 0.4 s for the answer to its startup message"),
    ],
    ids=["in turn", "in turn, answered", "at once"],
)  # fmt: skip
def test_connections_that_are_left_open_are_not_taken_for_a_wait_on_the_first(
    seen: Observation, sentence: str
) -> None:
    found = of(*[seen] * 3, status=Status.TIMED_OUT, ended_by=EndedBy.LAUNCHER, exit_code=None)
    assert found.on_the_wire == sentence
    assert found.own_limit is None


def test_a_connection_that_was_closed_when_encryption_was_declined_was_not_given_up() -> None:
    """As pgx does, which opens another one without encryption."""
    declined = [
        wire.broken(n, End.CLIENT, Reached.TLS, encryption=Encryption.DECLINED, round_trips=1)
        for n in (1, 3)
    ]
    slots = [
        wire.broken(n, End.SERVER, Reached.STARTUP, sqlstate="53300", round_trips=1) for n in (2, 4)
    ]
    found = sorted([*declined, *slots], key=lambda one: one.number)
    at_once = [replace(one, opened_seconds=0.3 if one.was_declined else 0.31) for one in found]
    seen = wire.observation(
        *found, standing=wire.by_itself(End.SERVER, 0.02, sqlstate="53300"),
        errors=(wire.error(times=2),), error_count=2,
    )  # fmt: skip
    assert of(*[seen] * 3).on_the_wire == (
        "the server ended both of its connections with SQLSTATE 53300 (sorry, too many clients "
        "already); it gave up after 2 connections, in 3 of 3"
    )
    pool = wire.observation(
        *at_once, standing=wire.by_itself(End.SERVER, 0.02, sqlstate="53300"),
        errors=(wire.error(times=2),), error_count=2,
    )  # fmt: skip
    assert of(*[pool] * 3).own_limit is None
    waited = replace(at_once[-1], end=End.CLIENT, ended_seconds=2.3, unanswered_seconds=2.0,
                     sqlstate=None)  # fmt: skip
    one = wire.observation(*at_once[:-1], waited, standing=wire.by_itself(End.CLIENT, 0.02))
    assert "it closed connection 2 of 2 after waiting 2.0 s" in of(one).line
    session = wire.connection(2, opened_seconds=0.5)
    slow = wire.observation(declined[0], session, standing=wire.waiting(3.0, 11), seconds=4.0)
    assert "gave up" not in of(slow, ended_by=EndedBy.LAUNCHER, exit_code=None).line


def test_how_one_stood_that_is_ready_is_not_told_as_its_end() -> None:
    seen = wire.observation(
        wire.broken(1, End.OPEN, Reached.TLS, ended_seconds=None), standing=wire.logging_in(0.4)
    )
    found = of(seen, status=Status.DEGRADED, ended_by=EndedBy.LAUNCHER, exit_code=None)
    assert found.on_the_wire == (
        "when it was ready it had been waiting 0.4 s for the answer to its startup message"
    )


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (1, ("the server ended its only connection with SQLSTATE 53300 (sorry, too many clients "
            "already)")),
        (2, ("the server ended both of its connections with SQLSTATE 53300 (sorry, too many "
            "clients already); it gave up after 2 connections, in 3 of 3")),
    ],
)  # fmt: skip
def test_an_error_of_the_server_that_the_service_hides_is_told(times: int, sentence: str) -> None:
    found = of(*[wire.no_slot(times)] * 3)
    assert found.sqlstate == "53300"
    assert found.line.endswith(f", SQLSTATE 53300: it ended with exit code 1 and "
                               f"printed nothing; on the wire: {sentence}")  # fmt: skip


def test_an_error_that_the_output_has_stays() -> None:
    error = StartupFailure("password authentication failed", sqlstate="28P01")
    assert of(wire.no_slot(), error=error).sqlstate == "28P01"


def test_a_statement_that_is_meant_to_fail_is_not_blamed() -> None:
    """As one that asks whether a table is there: other statements came after it."""
    asked = wire.error("42P01", severity="ERROR", statement="SELECT $1 FROM versions",
                       reached=Reached.SESSION)  # fmt: skip
    seen = wire.observation(
        wire.connection(),
        standing=wire.by_itself(statement="CREATE TABLE versions ()"),
        errors=(asked,),
    )
    assert of(seen).sqlstate is None
    last = wire.observation(
        wire.connection(),
        standing=wire.by_itself(statement="SELECT $1 FROM versions"),
        errors=(asked,),
    )
    found = of(last)
    assert found.sqlstate == "42P01"
    assert "the server answered SELECT $1 FROM versions with SQLSTATE 42P01" in found.line


def test_of_a_service_that_names_its_phase_and_no_budget_the_wire_tells_the_rest() -> None:
    found = of(wire.black_hole(), phase="database")
    assert "in phase database: it ended with exit code 1 " in found.line
    assert found.line.endswith(f"; on the wire: {found.waited_for}; {found.own_limit}")
    assert found.waited_for == (
        "it closed its only connection after waiting 5.0 s for the answer to its startup message"
    )
    assert found.own_limit == "it gave up after 5.0 s of waiting for one answer, in 1 of 1"


def of_the_incident(text: str, *, limit: float = 10.0, count: int = 3, **told: Any) -> Violation:
    seen = wire.incident(limit)
    phase = {"phase": "database", "phase_seconds": {"init": 0.4, "database": 113.0}}
    return of(*[seen] * count, error=StartupFailure(text), **{**phase, **told})


def test_a_limit_that_the_output_names_and_that_cannot_be_is_refuted() -> None:
    found = of_the_incident("PHASE FAILED: database: timeout after 25.0s")
    assert found.named_limit_refuted == (
        "25 s, which its output names, cannot be the limit that ended it: phase database had "
        "lasted 113.0 s, with 28 round trips one after the other, and it gave up after 10.0 s of "
        "waiting for one answer, in 3 of 3"
    )
    assert found.line.endswith(
        f"in phase database, exit code 1: PHASE FAILED: database: timeout after 25.0s; "
        f"{found.named_limit_refuted}"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("timeout after 10.0s", {}),  # as it was
        ("timeout after 113 s", {}),  # as long as the phase
        ("it broke", {}),
        ("timeout after 25.0s", {"limit": 24.9}),
        # Which budget ran out is known better.
        ("timeout after 25.0s", {"error": StartupFailure("timeout after 25.0s", budget="table",
                                                         budget_seconds=10.0)}),
    ],
)  # fmt: skip
def test_a_limit_that_may_be_is_not_refuted(text: str, told: dict[str, Any]) -> None:
    error = told.pop("error", StartupFailure(text))
    seen = wire.incident(told.get("limit", 10.0))
    found = of(*[seen] * 3, error=error, phase="database", phase_seconds={"database": 113.0})
    assert found.named_limit_refuted is None


def test_a_limit_that_counts_from_a_question_in_between_is_not_refuted() -> None:
    """The startups under one latency took alike times since they opened their connections too."""
    seen = wire.cut_short(8.0)
    begun = seen.waits[7][0]
    named = seen.seconds - begun
    found = of(*[seen] * 3, error=StartupFailure(f"warming the cache: timeout after {named:.1f} s"))
    assert (found.own_limit, found.named_limit_refuted) == (None, None)
    found = of(*[seen] * 3, error=StartupFailure("warming the cache: timeout after 25 s"))
    assert found.named_limit_refuted is not None
    assert found.own_limit == "it gave up 8.0 s after it had opened the connection, in 3 of 3"


def test_a_limit_longer_than_the_phase_cannot_be() -> None:
    seen = wire.cut_short(5.0)
    error = StartupFailure("Timeout of 25000ms exceeded")
    found = of(*[seen] * 3, error=error, phase="database", phase_seconds={"database": 5.0})
    assert "25 s, which its output names, cannot be" in found.line
    assert "phase database had lasted 5.0 s, with 10 round trips" not in found.line
    assert "phase database had lasted 5.0 s, with 12 round trips" in found.line


def test_a_startup_that_was_not_looked_at_is_told_as_before() -> None:
    found = violation(wire.failed(1, None))
    assert found.line.endswith(": it ended with exit code 1 and printed nothing")
    assert (found.waited_for, found.own_limit, found.on_the_wire) == (None, None, None)


def test_a_statement_that_was_canceled_is_named_and_the_connection_for_it_is_none() -> None:
    asked = wire.broken(2, End.SERVER, Reached.CANCEL, opened_seconds=5.5)
    seen = wire.observation(
        wire.connection(1, opened_seconds=0.3, end=End.CLIENT, ended_seconds=6.35),
        asked,
        standing=wire.by_itself(),
        waits=((0.5, 6.3),),
        errors=(wire.error("57014", statement=wire.ORDERS, severity="ERROR"),),
        seconds=6.4,
        serial_round_trips=1,
    )
    found = of(seen)
    assert found.sqlstate is None
    assert found.line.endswith(
        "on the wire: it asked the server to cancel SELECT $1 FROM orders WHERE id = $2, after "
        "waiting 5.0 s for the answer; it gave up after 5.0 s of waiting for one answer, in 1 of 1"
    )


def in_database(trips: int, seconds: float = 5.0) -> StartupOutcome:
    seen = replace(wire.black_hole(), phase_round_trips={"init": 1, "database": trips})
    return wire.failed(
        1, seen, error=StartupFailure("it broke"), phase="database",
        phase_seconds={"database": seconds},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trips", "told"),
    [
        (0, "in phase database it got no answer from the database, in 10.1 s"),
        (1, "in phase database it made 1 round trip, in 10.1 s"),
        (34, "in phase database it made 34 round trips one after the other, in 10.1 s"),
    ],
)
def test_the_round_trips_of_the_phase_that_failed_are_told(trips: int, told: str) -> None:
    found = violation(in_database(trips, 10.1))
    assert f"in phase database, exit code 1: it broke; {told}; on the wire: " in found.line
    assert found.phase_on_the_wire == told


def test_a_phase_that_never_ended_lasted_until_the_startup_did() -> None:
    made = replace(in_database(34), phase_seconds={}, phase_spans={"database": (1.0, None)})
    found = violation(made)
    assert "it made 34 round trips one after the other, in 4.4 s; on the wire: " in found.line


def of_stated(stated: StatedBudget, **told: Any) -> Violation:
    seen = replace(wire.incident(), phase_round_trips={"database": 27})
    error = StartupFailure("PHASE FAILED: database: no answer", stated_budget=stated, **told)
    phase = {"phase": "database", "phase_seconds": {"database": 113.0}}
    return of(*[seen] * 3, error=error, **phase)


def test_a_limit_that_a_pattern_found_and_that_cannot_be_is_refuted_once() -> None:
    """Also where so much time had passed: it gave up after another time."""
    possible = StatedBudget("table", 25.0, "database", 113.0, is_possible=True)
    found = of_stated(possible, budget="table", budget_seconds=25.0)
    assert (found.budget, found.budget_seconds) == (None, None)
    assert found.line.endswith(
        "observed 0 of 3 ready, 3 failed, in phase database, exit code 1: PHASE FAILED: database: "
        "no answer; the table limit of 25 s, which its output names, cannot be the limit that "
        "ended it: phase database had lasted 113.0 s, with 27 round trips one after the other, and "
        "it gave up after 10.0 s of waiting for one answer, in 3 of 3"
    ), found.line


def test_a_stated_limit_longer_than_the_phase_is_refuted_once() -> None:
    found = of_stated(StatedBudget(None, 300.0, "database", 113.0, is_possible=False))
    assert found.line.count("300 s") == 1
    assert "300 s, which its output names, cannot be the limit that ended it" in found.line


def test_who_was_ended_has_the_contradiction_of_its_own_words_only() -> None:
    stated = StatedBudget(None, 300.0, "database", 113.0, is_possible=False)
    seen = replace(wire.incident(), phase_round_trips={"database": 27})
    error = StartupFailure("it broke", stated_budget=stated)
    found = of(seen, error=error, phase="database", ended_by=EndedBy.LAUNCHER,
               phase_seconds={"database": 113.0})  # fmt: skip
    assert found.named_limit_refuted is None
    assert found.line.count("300 s") == 1
    assert "(its log names a limit of 300 s, which cannot be what ran out" in found.line
