"""What is written down of a connection before its first query, and of what cannot be read."""

import pytest

from chaosnetra.wire.conversation import Conversation
from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, StartupLog
from chaosnetra.wire.observation import Encryption, End, Reached
from tests.support.wire import (
    AUTHENTICATED,
    CANCEL_REQUEST,
    CLEARTEXT_PASSWORD,
    GSS_REQUEST,
    KEY_DATA,
    MD5_PASSWORD,
    NEGOTIATE,
    SASL,
    SASL_CONTINUE,
    SASL_FINAL,
    SSL_REQUEST,
    error,
    parameter,
    password,
    query,
    ready,
    startup,
)
from tests.unit.wire.seen import Seen, in_session

DONE = AUTHENTICATED + parameter() + KEY_DATA + ready()


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
    assert (seen.trips, seen.connection.waiting_since) == ([], 1)
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


def test_a_cancel_request_names_the_session_that_it_is_for_and_no_secret_is_kept() -> None:
    session, asked = in_session(), Seen().client(CANCEL_REQUEST)
    assert session.connection.backend == asked.connection.cancels == 4711
    assert "1234" not in repr((session.connection, asked.connection))


def test_a_cancel_request_asks_nothing() -> None:
    seen = Seen().client(CANCEL_REQUEST).ended(End.SERVER)
    assert seen.stages == [Reached.TCP, Reached.CANCEL]
    assert seen.trips == []
    assert seen.connection.waiting_since is None
