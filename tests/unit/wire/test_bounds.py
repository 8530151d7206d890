"""What is written down of one startup is bounded."""

import pytest

from chaosnetra.wire import names, questions
from chaosnetra.wire.log import StartupLog
from chaosnetra.wire.observation import End
from chaosnetra.wire.questions import OTHER_STATEMENTS
from tests.support.wire import (
    SYNC,
    answered,
    bind,
    complete,
    error,
    execute,
    logged_in,
    parse,
    query,
    ready,
    startup,
)
from tests.unit.wire.seen import Seen, in_session


def test_names_are_bounded_and_the_last_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST_NAMES", 3)
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
    assert (log.texts, log.trips) == (["SELECT ?"], 4)


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
