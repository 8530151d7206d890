"""What is written down of queries and their answers."""

import pytest

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.calls import longest_call, waiting_call_since
from chaosnetra.wire.observation import End, Reached
from chaosnetra.wire.questions import EMPTY_QUERY
from tests.support.wire import (
    BOUND,
    CLOSED,
    COPY_BOTH,
    COPY_DONE,
    COPY_IN,
    COPY_OUT,
    FLUSH,
    FUNCTION_CALL,
    FUNCTION_RESULT,
    NO_DATA,
    PARAMETERS,
    PARSED,
    SUSPENDED,
    SYNC,
    TERMINATE,
    answered,
    bind,
    close,
    columns,
    complete,
    copy_data,
    copy_fail,
    describe,
    error,
    execute,
    notice,
    notification,
    parameter,
    parse,
    query,
    ready,
    row,
)
from tests.unit.wire.seen import in_session

# Simple queries


def test_a_query_is_a_round_trip_until_the_server_is_ready() -> None:
    seen = in_session().client(query("SELECT * FROM orders WHERE id = 7"))
    of = seen.connection
    assert (of.waiting_since, seen.text(of.waiting_for)) == (1, "SELECT * FROM orders WHERE id = ?")
    seen.server(columns("a") + row(b"1")).server(row(b"2") + complete() + ready())
    assert seen.trips == [(1, 3, "SELECT * FROM orders WHERE id = ?")]
    assert of.executed_at[0] == 1
    assert of.waiting_since is None
    assert seen.log.trips == 1


def test_several_statements_in_a_query_are_one_text() -> None:
    seen = in_session().client(query("BEGIN; SELECT 1; COMMIT;"))
    seen.server(complete("BEGIN") + columns("a") + complete() + complete("COMMIT") + ready())
    assert seen.trips == [(1, 2, "BEGIN; SELECT ?; COMMIT")]
    assert seen.executed == ["BEGIN; SELECT ?; COMMIT"]


@pytest.mark.parametrize("ends", [FLUSH, SYNC], ids=["asyncpg", "pgx"])
def test_a_statement_that_is_prepared_with_a_round_trip_of_its_own_is_one_call(ends: bytes) -> None:
    seen = in_session().client(parse("SELECT a", "s1") + describe("S", "s1") + ends)
    seen.server(PARSED + PARAMETERS + columns("a") + (ready() if ends is SYNC else b""))
    seen.client(bind("", "s1") + execute() + SYNC)
    assert waiting_call_since(ConnectionAsOf.of(1, seen.connection, seen.now)) == 1
    seen.server(BOUND + row(b"1") + complete() + ready())
    seen.client(bind("", "s1") + execute() + SYNC).server(BOUND + complete() + ready())
    as_of = ConnectionAsOf.of(1, seen.connection, seen.now)
    assert (longest_call(as_of), waiting_call_since(as_of)) == (3, None)


def test_a_statement_that_is_prepared_and_executed_at_once_is_no_call() -> None:
    seen = in_session().client(parse("SELECT a") + bind() + describe() + execute() + SYNC)
    seen.server(PARSED + BOUND + columns("a") + complete() + ready())
    seen.client(parse("SELECT a") + bind() + execute() + SYNC)
    as_of = ConnectionAsOf.of(1, seen.connection, seen.now)
    assert (longest_call(as_of), waiting_call_since(as_of)) == (None, None)


def test_so_much_of_an_answer_has_come_since_it_was_asked_for() -> None:
    rows = row(b"1") * 3
    seen = in_session().client(query("SELECT a")).server(answered()).client(query("SELECT b"))
    seen.server(columns("a") + rows[:-2]).server(rows[-2:])
    of = seen.connection
    assert of.received_bytes - of.received_before == len(columns("a") + rows)
    assert of.received_at == seen.now == 5


def test_queries_may_be_asked_before_others_are_answered() -> None:
    seen = in_session().client(query("SELECT a") + query("SELECT b")).client(query(""))
    seen.server(answered() + columns("b")).server(complete() + ready() + answered())
    assert seen.trips == [(1, 3, "SELECT a"), (1, 4, "SELECT b"), (2, 4, EMPTY_QUERY)]


def test_a_query_begins_with_its_first_byte() -> None:
    data = query("SELECT '" + "x" * 20_000 + "'")
    seen = in_session().client(data[:3]).client(data[3:9_000]).client(data[9_000:])
    assert seen.connection.waiting_since == 1
    assert seen.server(answered()).trips == [(1, 4, "SELECT ?…")]


def test_an_error_is_of_the_query_that_it_answers() -> None:
    seen = in_session().client(query("SELECT a") + query("SELECT * FROM nothing"))
    seen.server(answered() + error("42P01", 'relation "nothing" does not exist') + ready())
    assert seen.errors == [("42P01", "SELECT * FROM nothing")]
    assert seen.connection.errors[0].message == 'relation "nothing" does not exist'
    assert len(seen.trips) == 2


def test_an_error_that_ends_the_connection_answers_what_was_asked() -> None:
    seen = in_session().client(query("SELECT a") + query("SELECT b"))
    seen.server(error("57P01", "terminating connection", "FATAL", "ВАЖНО")).ended(End.SERVER)
    assert seen.trips == [(1, 2, "SELECT a")]
    assert seen.errors == [("57P01", "SELECT a")]
    assert seen.connection.waiting_since is None


def test_an_error_may_come_unasked() -> None:
    seen = in_session().server(error("57P01", "terminating connection", "FATAL"))
    assert seen.errors == [("57P01", None)]
    assert seen.connection.errors[0].reached is Reached.SESSION
    assert seen.trips == []


def test_notices_notifications_and_parameters_answer_nothing() -> None:
    seen = in_session().client(query("LISTEN a")).server(notice() + notification() + parameter())
    assert seen.trips == []
    assert seen.server(complete() + ready() + notification()).trips == [(1, 3, "LISTEN a")]
    assert seen.connection.errors == []


def test_a_function_call_and_a_termination() -> None:
    seen = in_session().client(FUNCTION_CALL).server(FUNCTION_RESULT + ready()).client(TERMINATE)
    assert seen.trips == [(1, 2, None)]
    assert seen.connection.waiting_since is None


# Extended queries


def test_one_batch_is_one_round_trip() -> None:
    batch = parse("SELECT $1") + bind() + describe("P") + execute() + SYNC
    seen = in_session().client(batch)
    seen.server(PARSED + BOUND + columns("a") + row(b"1") + complete() + ready())
    assert seen.trips == [(1, 2, "SELECT $1")]
    assert seen.executed == ["SELECT $1"]


def test_what_a_flush_brings_is_a_round_trip() -> None:
    seen = in_session().client(parse("SELECT 1", "s") + describe("S", "s") + FLUSH)
    seen.server(PARSED + PARAMETERS).server(columns("a"))
    seen.client(bind("", "s") + execute() + SYNC).server(BOUND + row(b"1") + complete() + ready())
    seen.client(bind("", "s") + execute() + SYNC).server(BOUND + SUSPENDED + ready())
    assert seen.trips == [(1, 3, "SELECT ?"), (4, 5, "SELECT ?"), (6, 7, "SELECT ?")]
    assert seen.executed == ["SELECT ?"] * 2


def test_flushes_in_a_row_are_answered_one_by_one_and_one_of_nothing_is_none() -> None:
    seen = in_session().client(FLUSH).client(parse("SELECT a") + FLUSH + FLUSH)
    seen.client(describe() + FLUSH).server(PARSED).server(PARAMETERS + NO_DATA)
    seen.client(SYNC).server(ready())
    assert seen.trips == [(2, 4, "SELECT a"), (3, 5, "SELECT a"), (6, 7, "SELECT a")]


def test_each_sync_of_a_pipeline_has_an_interval_of_its_own() -> None:
    seen = in_session().client(parse("SELECT a", "a") + parse("SELECT b", "b") + SYNC)
    seen.client(bind("", "a") + execute() + SYNC + bind("", "b") + execute() + SYNC)
    seen.server(PARSED * 2 + ready() + BOUND).server(complete() + ready() + BOUND + complete())
    seen.server(ready())
    assert seen.trips == [(1, 3, "SELECT b"), (2, 4, "SELECT a"), (2, 5, "SELECT b")]


def test_an_error_in_a_pipeline_is_of_the_message_that_it_answers() -> None:
    first = parse("SELECT a") + bind() + execute() + parse("SELECT b") + bind() + execute() + SYNC
    seen = in_session().client(first + parse("SELECT c") + bind() + execute() + SYNC)
    seen.server(PARSED + BOUND + complete() + error("42703", "no") + ready())
    seen.server(PARSED + BOUND + complete() + ready())
    assert seen.errors == [("42703", "SELECT b")]
    assert seen.trips == [(1, 2, "SELECT b"), (1, 3, "SELECT c")]


def test_an_error_answers_a_flush_and_what_follows_is_ignored_until_sync() -> None:
    seen = in_session().client(parse("SELECT a") + FLUSH).server(error("42601", "no"))
    seen.client(describe() + FLUSH).client(bind() + execute() + SYNC).server(ready())
    assert seen.errors == [("42601", "SELECT a")]
    assert seen.trips == [(1, 2, "SELECT a"), (3, 5, "SELECT a")]
    seen.client(parse("SELECT b") + FLUSH).server(PARSED)
    assert seen.trips[-1] == (6, 7, "SELECT b")


def test_statements_and_portals_are_known_by_name_until_they_are_closed() -> None:
    seen = in_session().client(parse("SELECT a", "one") + bind("p", "one") + execute("p") + SYNC)
    seen.server(PARSED + BOUND + complete() + ready())
    seen.client(parse("SELECT b") + bind() + execute() + bind("q", "one") + execute("q") + SYNC)
    seen.client(close("S", "one") + close("P", "p") + SYNC)
    seen.client(bind("", "one") + execute() + execute("p") + SYNC)
    assert seen.executed == ["SELECT a", "SELECT b", "SELECT a", None, None]
    seen.server(PARSED + (BOUND + complete()) * 2 + ready() + CLOSED * 2 + ready())
    assert [text for _, _, text in seen.trips] == ["SELECT a", "SELECT a", "SELECT a"]


@pytest.mark.parametrize(
    ("text", "forgotten"),
    [
        ("DEALLOCATE ALL", {"One", "two"}),
        ("discard all", {"One", "two"}),
        ('deallocate prepare "One"', {"One"}),
        ("DEALLOCATE TWO;", {"two"}),
        ("DEALLOCATE one", set()),
    ],
)
def test_sql_forgets_prepared_statements(text: str, forgotten: set[str]) -> None:
    seen = in_session().client(parse("SELECT a", "One") + parse("SELECT a", "two") + SYNC)
    seen.client(query(text))
    for name in ("One", "two"):
        seen.client(bind("", name) + execute() + SYNC)
    expected = [None if name in forgotten else "SELECT a" for name in ("One", "two")]
    assert seen.executed[1:] == expected


# COPY


def test_copying_in_is_a_round_trip_to_begin_and_one_to_end() -> None:
    seen = in_session().client(query("COPY t FROM STDIN")).server(COPY_IN)
    seen.client(copy_data(b"x" * 100)).client(copy_data(b"y" * 9)[:7])
    seen.client(copy_data(b"y" * 9)[7:] + COPY_DONE).server(complete("COPY 2") + ready())
    assert seen.trips == [(1, 2, "COPY t FROM STDIN"), (5, 6, "COPY t FROM STDIN")]
    assert len(seen.executed) == 1


def test_copying_in_ends_also_where_the_client_does_not_wait_to_begin() -> None:
    seen = in_session().client(query("COPY t FROM STDIN")).client(copy_data(b"x") + COPY_DONE)
    seen.server(COPY_IN)
    assert seen.connection.waiting_since == 2
    assert seen.server(complete() + ready()).trips[-1] == (2, 4, "COPY t FROM STDIN")


def test_a_copy_that_the_server_refuses_leaves_nothing_behind() -> None:
    seen = in_session().client(query("COPY t FROM STDIN")).client(copy_data(b"x") + COPY_DONE)
    seen.server(error("42P01", "no") + ready()).client(query("SELECT a")).server(answered())
    assert seen.trips == [(1, 3, "COPY t FROM STDIN"), (4, 5, "SELECT a")]
    seen.client(query("COPY t FROM STDIN")).server(COPY_IN)
    assert seen.connection.waiting_since is None


def test_a_query_may_follow_a_copy_before_any_answer() -> None:
    seen = in_session().client(query("COPY t FROM STDIN") + copy_data(b"x") + COPY_DONE)
    seen.client(query("SELECT a") + query("SELECT b")).server(COPY_IN)
    seen.server(complete() + ready()).server(answered() * 2)
    copy = "COPY t FROM STDIN"
    assert seen.trips == [(1, 3, copy), (1, 4, copy), (2, 5, "SELECT a"), (2, 5, "SELECT b")]


def test_an_error_within_a_copy_is_of_it_and_what_the_client_sends_on_is_ignored() -> None:
    seen = in_session().client(query("COPY t FROM STDIN")).server(COPY_IN)
    seen.client(copy_data(b"x")).server(error("22P02", "bad") + ready())
    seen.client(copy_data(b"x") + copy_fail()).client(query("SELECT a")).server(answered())
    assert [text for _, _, text in seen.trips] == ["COPY t FROM STDIN", "SELECT a"]
    assert seen.connection.waiting_since is None


def test_copying_in_by_a_batch() -> None:
    batch = parse("COPY t FROM STDIN") + bind() + describe("P") + execute() + SYNC
    seen = in_session().client(batch).server(PARSED + BOUND + NO_DATA + COPY_IN)
    seen.client(copy_data(b"x" * 50)).client(COPY_DONE + SYNC).server(complete() + ready())
    assert seen.trips == [(1, 2, "COPY t FROM STDIN"), (4, 5, "COPY t FROM STDIN")]


def test_a_flush_is_ignored_within_a_copy_by_a_batch_and_answered_at_its_end() -> None:
    seen = in_session().client(parse("COPY t FROM STDIN") + bind() + execute() + FLUSH)
    seen.server(PARSED + BOUND + COPY_IN).client(copy_data(b"x") + FLUSH)
    assert seen.connection.waiting_since is None
    batch = parse("COPY u FROM STDIN") + bind() + execute() + SYNC
    seen = in_session().client(batch).server(PARSED + BOUND + COPY_IN)
    seen.client(copy_data(b"x") + FLUSH).client(COPY_DONE + FLUSH).server(complete("COPY 1"))
    seen.client(SYNC).server(ready())
    assert [(sent, got) for sent, got, _ in seen.trips] == [(1, 2), (4, 5), (6, 7)]


def test_an_error_within_a_copy_by_a_batch_is_of_it() -> None:
    batch = parse("COPY t FROM STDIN") + bind() + execute() + SYNC
    seen = in_session().client(batch).server(PARSED + BOUND + COPY_IN)
    seen.client(copy_data(b"x")).server(error("22P02", "bad")).client(COPY_DONE + SYNC)
    seen.server(ready())
    assert seen.errors == [("22P02", "COPY t FROM STDIN")]
    assert len(seen.trips) == 2


def test_copying_out_is_one_round_trip() -> None:
    seen = in_session().client(query("COPY t TO STDOUT")).server(COPY_OUT + copy_data(b"x" * 99))
    seen.server(copy_data(b"x" * 99) + COPY_DONE + complete() + ready())
    assert seen.trips == [(1, 3, "COPY t TO STDOUT")]


def test_replication_streams_both_ways_until_it_is_ended() -> None:
    seen = in_session().client(query("START_REPLICATION 0/0")).server(COPY_BOTH)
    seen.server(copy_data(b"w" * 99)).client(copy_data(b"r")).server(copy_data(b"w"))
    assert seen.connection.waiting_since is None
    seen.client(COPY_DONE).server(COPY_DONE + complete() + ready())
    assert [(sent, got) for sent, got, _ in seen.trips] == [(1, 2), (6, 7)]
