"""What is written down of one connection, from both sides' bytes."""

import pytest

from chaosnetra.wire import questions, session
from chaosnetra.wire.conversation import Conversation
from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, StartupLog
from chaosnetra.wire.observation import Encryption, End, Reached
from chaosnetra.wire.questions import EMPTY_QUERY, OTHER_STATEMENTS
from tests.support.wire import (
    AUTHENTICATED,
    BOUND,
    CANCEL_REQUEST,
    CLEARTEXT_PASSWORD,
    CLOSED,
    COPY_BOTH,
    COPY_DONE,
    COPY_IN,
    COPY_OUT,
    FLUSH,
    FUNCTION_CALL,
    FUNCTION_RESULT,
    GSS_REQUEST,
    KEY_DATA,
    MD5_PASSWORD,
    NEGOTIATE,
    NO_DATA,
    PARAMETERS,
    PARSED,
    SASL,
    SASL_CONTINUE,
    SASL_FINAL,
    SSL_REQUEST,
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
    logged_in,
    notice,
    notification,
    parameter,
    parse,
    password,
    query,
    ready,
    row,
    startup,
)

DONE = AUTHENTICATED + parameter() + KEY_DATA + ready()


class Seen:
    """A connection whose bytes come at 1, 2, 3 … seconds."""

    def __init__(self, log: StartupLog | None = None) -> None:
        self.log = StartupLog() if log is None else log
        self.connection = ConnectionLog(opened_at=0.0)
        self.conversation = Conversation(self.log, self.connection)
        self.conversation.dialed(0.5)
        self.now = 0.0

    def client(self, data: bytes) -> "Seen":
        self.now += 1
        self.conversation.client_sent(data, self.now)
        return self

    def server(self, data: bytes) -> "Seen":
        self.now += 1
        self.conversation.server_sent(data, self.now)
        return self

    def ended(self, end: End = End.CLIENT) -> "Seen":
        self.now += 1
        self.conversation.ended(end, self.now)
        return self

    @property
    def stages(self) -> list[Reached]:
        return [stage for _, stage in self.connection.stages]

    @property
    def trips(self) -> list[tuple[float, float, str | None]]:
        of = self.connection
        return [
            (sent, answered, self.text(statement))
            for sent, answered, statement in zip(
                of.sent_at, of.answered_at, of.statements, strict=True
            )
        ]

    def text(self, statement: int) -> str | None:
        return None if statement == NO_STATEMENT else self.log.texts[statement]

    @property
    def executed(self) -> list[str | None]:
        return [self.text(one) for one in self.connection.executed]

    @property
    def errors(self) -> list[tuple[str, str | None]]:
        return [(one.sqlstate, self.text(one.statement)) for one in self.connection.errors]


def in_session() -> Seen:
    """Logged in; the clock starts anew, and the login's round trip is forgotten."""
    seen = Seen()
    for side, data in logged_in():
        getattr(seen, side)(data)
    of = seen.connection
    del of.sent_at[:], of.answered_at[:], of.statements[:]
    seen.log.trips = 0
    seen.now = 0.0
    return seen


# Logins


def test_a_login_without_a_password_is_one_round_trip() -> None:
    seen = Seen().client(startup("bob", "shop")).server(DONE)
    assert seen.trips == [(1, 2, None)]
    assert seen.connection.stages == [
        (0, Reached.TCP),
        (1, Reached.STARTUP),
        (2, Reached.AUTHENTICATION),
        (2, Reached.SESSION),
    ]
    assert (seen.connection.user, seen.connection.database) == ("bob", "shop")
    assert seen.connection.waiting_since is None


def test_scram_is_three_round_trips() -> None:
    seen = Seen().client(startup()).server(NEGOTIATE + SASL).client(password("n"))
    seen.server(SASL_CONTINUE).client(password("c")).server(SASL_FINAL + DONE)
    assert seen.trips == [(1, 2, None), (3, 4, None), (5, 6, None)]
    assert seen.stages[-2:] == [Reached.AUTHENTICATION, Reached.SESSION]


@pytest.mark.parametrize("request_", [CLEARTEXT_PASSWORD, MD5_PASSWORD])
def test_a_password_is_two_round_trips(request_: bytes) -> None:
    seen = Seen().client(startup()).server(request_).client(password()).server(DONE)
    assert seen.trips == [(1, 2, None), (3, 4, None)]


def test_the_last_answer_of_a_login_lasts_until_it_is_ready() -> None:
    seen = Seen().client(startup(minor=2)).server(SASL_FINAL + AUTHENTICATED).server(KEY_DATA)
    assert seen.connection.waiting_since == 1
    assert seen.stages[-1] is Reached.AUTHENTICATION
    assert seen.server(ready()).trips == [(1, 4, None)]


@pytest.mark.parametrize(
    ("sqlstate", "before"),
    [("53300", b""), ("57P03", b""), ("53300", AUTHENTICATED), ("28P01", AUTHENTICATED)],
)
def test_an_error_may_answer_the_startup(sqlstate: str, before: bytes) -> None:
    refused = error(sqlstate, "désolé, trop de clients", "FATAL", "FATALE")
    seen = Seen().client(startup()).server(before + refused).ended(End.SERVER)
    assert seen.trips == [(1, 2, None)]
    (told,) = seen.connection.errors
    assert (told.sqlstate, told.severity, told.statement) == (sqlstate, "FATAL", NO_STATEMENT)
    assert told.reached is (Reached.AUTHENTICATION if before else Reached.STARTUP)
    assert seen.connection.waiting_since is None
    assert seen.connection.end is End.SERVER


def test_a_login_that_is_not_answered_is_waited_for() -> None:
    seen = Seen().client(startup()).ended()
    assert seen.trips == []
    assert seen.connection.waiting_since == 1
    assert seen.stages == [Reached.TCP, Reached.STARTUP]


def test_what_was_sent_before_the_next_hop_accepted_has_not_come_further() -> None:
    log, connection = StartupLog(), ConnectionLog(opened_at=0.0)
    conversation = Conversation(log, connection)
    conversation.client_sent(startup(), 1.0)
    assert [stage for _, stage in connection.stages] == [Reached.TCP]
    assert connection.waiting_since == 1.0
    conversation.dialed(3.0)
    assert connection.stages == [(0.0, Reached.TCP), (3.0, Reached.STARTUP)]


# Encryption


def test_a_refusal_of_tls_is_a_round_trip_and_is_read_on() -> None:
    seen = Seen().client(SSL_REQUEST).server(b"N").client(startup()).server(DONE)
    assert seen.trips == [(1, 2, None), (3, 4, None)]
    assert seen.connection.encryption is Encryption.DECLINED
    assert seen.stages[:3] == [Reached.TCP, Reached.TLS, Reached.STARTUP]


def test_gss_and_tls_are_asked_for_one_after_the_other() -> None:
    seen = Seen().client(GSS_REQUEST).server(b"N").client(SSL_REQUEST).server(b"N")
    seen.client(startup()).server(DONE)
    assert len(seen.trips) == 3
    assert seen.stages[:3] == [Reached.TCP, Reached.TLS, Reached.STARTUP]


@pytest.mark.parametrize(
    ("request_", "answer", "encryption"),
    [(SSL_REQUEST, b"S", Encryption.TLS), (GSS_REQUEST, b"G", Encryption.GSS)],
)
def test_what_is_encrypted_is_counted_by_turns(
    request_: bytes, answer: bytes, encryption: Encryption
) -> None:
    seen = Seen().client(request_).server(answer)
    assert seen.connection.waiting_since is None
    seen.client(b"\x16\x03\x01hello").client(b"more")
    assert seen.stages[-1] is Reached.TLS
    seen.server(b"hello").server(b"rest").client(b"\x17").server(b"\x17")
    assert seen.trips == [(1, 2, None), (3, 6, None), (7, 8, None)]
    assert seen.connection.encryption is encryption
    assert seen.stages == [Reached.TCP, Reached.TLS, Reached.UNREAD]


def test_what_comes_unasked_after_a_pause_does_not_lengthen_a_turn() -> None:
    seen = Seen().client(SSL_REQUEST).server(b"S").client(b"a").server(b"b")
    seen.now += 60
    seen.server(b"notification").server(b"more")
    assert seen.trips[-1] == (3, 4, None)


def test_tls_may_begin_without_a_request() -> None:
    seen = Seen().client(b"\x16\x03\x01")
    assert seen.stages == [Reached.TCP, Reached.TLS]
    assert seen.connection.waiting_since == 1
    assert seen.server(b"\x16").trips == [(1, 2, None)]
    assert seen.stages[-1] is Reached.UNREAD
    assert seen.connection.encryption is Encryption.TLS


def test_an_old_server_answers_the_request_with_an_error() -> None:
    told = error("0A000", "unsupported frontend protocol 1234.5679", "FATAL")
    seen = Seen().client(SSL_REQUEST).server(told[:7]).server(told[7:]).ended(End.SERVER)
    assert seen.trips == [(1, 3, None)]
    assert seen.errors == [("0A000", None)]
    assert seen.connection.errors[0].reached is Reached.TLS


def test_a_client_that_does_not_wait_for_the_answer_is_read() -> None:
    seen = Seen().client(SSL_REQUEST + startup()[:9]).client(startup()[9:]).server(b"N")
    seen.server(DONE)
    assert seen.stages[-1] is Reached.SESSION
    assert seen.connection.user == "app"


# What is not read


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x03\x00\x03\x00\x00",
        b"\x3b\x9a\xca\x00\x00\x03\x00\x00",
        b"\x00\x00\x00\x08\x00\x02\x00\x00",
        b"\x80",
    ],
)
def test_what_is_no_first_message_is_counted_by_turns(data: bytes) -> None:
    seen = Seen().client(data).server(b"x").client(b"y").server(b"z")
    assert seen.trips == [(1, 2, None), (3, 4, None)]
    assert seen.stages == [Reached.TCP, Reached.UNREAD]
    assert (seen.connection.sent_bytes, seen.connection.received_bytes) == (len(data) + 1, 2)
    assert seen.connection.encryption is Encryption.NONE


def test_half_a_first_message_is_awaited() -> None:
    seen = Seen().client(startup()[:7]).client(startup()[7:20]).ended()
    assert seen.stages == [Reached.TCP]
    assert seen.trips == []


def test_a_server_that_speaks_first_is_not_read_and_answered_nothing() -> None:
    seen = Seen().server(b"\x4a\x00\x00\x00\x0a8.0").client(b"login").server(b"ok")
    assert seen.stages[-1] is Reached.UNREAD
    assert seen.trips == [(2, 3, None)]


def test_garbage_in_a_session_is_counted_on_by_turns() -> None:
    seen = in_session().client(query("SELECT 1")).server(b"\x00garbage").client(b"x").server(b"y")
    assert seen.stages[-1] is Reached.UNREAD
    assert seen.trips == [(1, 2, "SELECT ?"), (3, 4, None)]


def test_a_cancel_request_asks_nothing() -> None:
    seen = Seen().client(CANCEL_REQUEST).ended(End.SERVER)
    assert seen.stages == [Reached.TCP, Reached.CANCEL]
    assert seen.trips == []
    assert seen.connection.waiting_since is None


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
    assert [text for _, _, text in seen.trips] == ["SELECT a", "SELECT a", None]


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


# Bounds


def test_names_are_bounded_and_the_last_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_NAMES", 3)
    seen = in_session().client(b"".join(parse(f"SELECT a{n}", f"s{n}") for n in range(5)) + SYNC)
    seen.client(bind("", "s0") + execute() + bind("", "s4") + execute() + SYNC)
    assert seen.executed == [None, "SELECT a4"]
    assert not seen.log.complete


def test_texts_trips_and_errors_are_bounded_and_counted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_TEXTS", 3)
    monkeypatch.setattr(questions, "MOST_TRIPS", 4)
    monkeypatch.setattr(questions, "MOST_ERRORS", 2)
    seen = in_session()
    seen.log.executions = 0
    for number in range(6):
        seen.client(query(f"SELECT a{number}")).server(error("42703", "no") + ready())
    assert seen.log.texts == ["SELECT a0", "SELECT a1", OTHER_STATEMENTS]
    assert seen.executed == ["SELECT a0", "SELECT a1", OTHER_STATEMENTS, OTHER_STATEMENTS]
    assert (seen.log.trips, len(seen.trips)) == (6, 4)
    assert (seen.log.executions, len(seen.connection.executed_at)) == (6, 4)
    assert (seen.log.errors, len(seen.connection.errors)) == (6, 2)
    assert not seen.log.complete


def test_questions_without_an_answer_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_OUTSTANDING", 2)
    seen = in_session()
    for number in range(5):
        seen.client(query(f"SELECT a{number}"))
    seen.server(answered() * 3)
    assert seen.connection.waiting_since == 4
    seen.client(query("SELECT b")).server(answered() * 3)
    assert seen.log.trips == 6
    assert len(seen.trips) == 3
    assert seen.connection.waiting_since is None
    assert not seen.log.complete
    seen.client(query("SELECT c")).server(answered())
    assert seen.trips[-1] == (9, 10, "SELECT c")


def test_one_startups_statements_share_their_texts() -> None:
    log = StartupLog()
    for number in range(2):
        seen = Seen(log)
        for side, data in logged_in():
            getattr(seen, side)(data)
        seen.client(query(f"SELECT {number}")).server(answered())
        assert seen.executed == ["SELECT ?"]
    assert log.texts == ["SELECT ?"]
    assert log.trips == 4


def test_a_statement_of_ten_megabytes_leaves_no_secret_and_little_behind() -> None:
    seen = in_session()
    data = query("ALTER ROLE app PASSWORD '" + "hunter2" * 1_500_000 + "'")
    for start in range(0, len(data), 65_536):
        seen.client(data[start : start + 65_536])
    seen.server(complete("ALTER ROLE") + ready())
    assert seen.executed == ["ALTER ROLE app PASSWORD ?…"]
    assert seen.connection.sent_bytes == len(data) + len(startup())


def test_nothing_is_read_after_the_end() -> None:
    seen = in_session().ended(End.CLIENT_RESET).client(query("SELECT 1")).server(answered())
    assert seen.trips == []
    assert seen.connection.end is End.CLIENT_RESET
