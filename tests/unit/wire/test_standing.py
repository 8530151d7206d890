"""How a startup stands, in words."""

import pytest

from chaosnetra.wire.observation import Doing, End, Reached, Standing
from chaosnetra.wire.observing import observe
from tests.unit.wire.logs import Logs


def stands(logs: Logs, at: float) -> Standing:
    return observe(logs.log, 100.0, at).standing


def test_it_waits_for_the_answer_to_a_statement() -> None:
    logs = Logs()
    one = logs.session(100.0, 101.0)
    one.asks(102.0, 103.0, "SELECT $1").waits(104.0, "SELECT a, b FROM orders")
    standing = stands(logs, 114.2)
    assert standing.doing is Doing.WAITING
    assert standing.seconds == pytest.approx(10.2)
    assert (standing.connection, standing.round_trip) == (1, 6)
    assert standing.statement == "SELECT a, b FROM orders"
    assert standing.text == (
        "waiting 10.2 s for the answer to the 6th round trip, SELECT a, b FROM orders"
    )


def test_columns_of_a_long_statement_are_left_out() -> None:
    logs = Logs()
    columns = ", ".join(f"column_{number}" for number in range(50))
    logs.session(100.0, 101.0).waits(104.0, f"SELECT {columns}\nFROM orders WHERE id = $1")
    text = stands(logs, 105.0).text
    assert text.endswith("round trip, SELECT … FROM orders WHERE id = $1")


def test_what_had_only_begun_is_not_told_as_nothing() -> None:
    logs = Logs()
    logs.session(100.0, 101.0).waits(104.0, "SELECT 1")
    assert stands(logs, 104.03).text.startswith("waiting less than 0.1 s for the answer to")


@pytest.mark.parametrize("statement", ["UPDATE t SET " + "x" * 500, "x" * 500])
def test_a_long_statement_is_cut(statement: str) -> None:
    logs = Logs()
    logs.session(100.0, 101.0).waits(104.0, statement)
    text = stands(logs, 105.0).text
    assert text.endswith("…")
    assert len(text) < 160


@pytest.mark.parametrize(
    ("reached", "answer"),
    [
        (Reached.TLS, "to its request for encryption"),
        (Reached.STARTUP, "to its startup message"),
        (Reached.AUTHENTICATION, "of its authentication"),
    ],
)
def test_it_waits_in_a_login(reached: Reached, answer: str) -> None:
    logs = Logs()
    logs.session(100.0, 101.0)
    logs.opened(102.0).stage(102.0, reached).waits(102.0)
    standing = stands(logs, 105.1)
    assert standing.doing is Doing.LOGGING_IN
    assert standing.text == f"waiting 3.1 s for the answer {answer}, on its 2nd connection"


def test_of_several_waits_the_longest_counts() -> None:
    logs = Logs()
    logs.session(100.0, 101.0).waits(103.0, "SELECT 1")
    logs.session(100.0, 101.0).waits(102.0, "SELECT 2")
    assert stands(logs, 105.0).connection == 2


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (End.REFUSED, "its 3rd connection was refused 0.2 s before"),
        (End.SERVER, "its 3rd connection was closed by the server 0.2 s before"),
        (End.SERVER_RESET, "its 3rd connection was reset by the server 0.2 s before"),
        (End.CLIENT, "it had closed its 3rd connection 0.2 s before"),
        (End.CLIENT_RESET, "it had reset its 3rd connection 0.2 s before"),
        (End.UNANSWERED, "its 3rd connection was given up unanswered 0.2 s before"),
    ],
)
def test_it_is_by_itself_after_its_last_connection_ended(end: End, said: str) -> None:
    logs = Logs()
    logs.session(100.0, 101.0).ends(101.0)
    logs.session(101.0, 102.0)
    logs.opened(103.0, dialed=None).ends(104.8, end)
    standing = stands(logs, 105.0)
    assert standing.doing is Doing.BY_ITSELF
    assert (standing.connection, standing.ended) == (3, end)
    assert standing.ended_ago_seconds == pytest.approx(0.2)
    assert standing.text == f"{said}, and it was waiting or working by itself"


def test_it_is_by_itself_with_an_open_connection() -> None:
    logs = Logs()
    logs.session(100.0, 101.0).asks(101.0, 102.0, "SELECT now()")
    standing = stands(logs, 105.0)
    assert (standing.doing, standing.seconds, standing.ended) == (Doing.BY_ITSELF, 3.0, None)
    assert standing.text == (
        "waiting or working by itself for 3.0 s, after the answer to the 5th round trip, "
        "SELECT now()"
    )


def test_it_opened_a_connection_and_asked_nothing() -> None:
    logs = Logs()
    logs.opened(102.0)
    assert stands(logs, 105.0).text == (
        "waiting or working by itself for 3.0 s, after it opened its 1st connection "
        "and asked nothing"
    )


def test_a_request_to_cancel_is_over_once_the_statement_was_answered() -> None:
    logs = Logs()
    logs.session(100.0, 101.0).asks(102.0, 103.0, "SELECT $1")
    logs.opened(102.5).stage(102.5, Reached.CANCEL).ends(102.6, End.SERVER)
    standing = stands(logs, 105.0)
    assert (standing.connection, standing.ended) == (1, None)
    assert standing.text.startswith("waiting or working by itself for 2.0 s, after the answer to")


def test_who_asked_to_cancel_a_statement_had_no_connection_closed_by_the_server() -> None:
    logs = Logs()
    logs.session(100.0, 101.0)
    logs.opened(103.0).stage(103.0, Reached.CANCEL).ends(104.5, End.SERVER)
    assert stands(logs, 105.0).text == (
        "it had asked the server to cancel a statement, which was done 0.5 s before, "
        "and it was waiting or working by itself"
    )


def test_what_ended_with_it_ended_just_before() -> None:
    logs = Logs()
    logs.opened(103.0).ends(104.99, End.REFUSED)
    assert stands(logs, 105.0).text.startswith("its 1st connection was refused just before, ")
