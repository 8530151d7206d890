"""What is kept of the observations of many startups."""

import json
from typing import Any

from chaosnetra.running.observing import WHOLE, WHOLE_NOT_WELL, shortened
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.wire import observation
from chaosnetra.wire.observation import Doing, Encryption, Reached, Standing, Statement
from tests.support import seen_on_the_wire as wire

TEXT = "x" * observation.LONGEST_TEXT
CONNECTION = wire.connection(
    1, opened_seconds=0.123456789, session_seconds=0.123456789, encryption=Encryption.DECLINED,
    round_trips=1000, setup_round_trips=4, waited_seconds=0.123456789, user="somebody",
    database="something", sent_bytes=10**6, received_bytes=10**6,
)  # fmt: skip
ERROR = wire.error(
    message=TEXT, times=3, first_seconds=0.123456789, statement=TEXT, reached=Reached.SESSION
)
# As large as one can be.
LARGEST = wire.observation(
    *[CONNECTION] * observation.MOST_CONNECTIONS, connection_count=2000, most_at_once=100,
    sessions=2000, round_trips=10**6, setup_round_trips=10**5, serial_round_trips=10**6,
    serial_setup_round_trips=10**5, waited_seconds=0.5, own_seconds=0.5,
    waits=((0.123456789, 0.223456789),) * observation.MOST_WAITS,
    statements=(Statement(TEXT, 5, 5, 0.1, 5),) * observation.MOST_STATEMENTS,
    statement_count=500, executions=10**6, repeated=((TEXT, 5),) * observation.MOST_REPEATED,
    errors=(ERROR,) * observation.MOST_ERRORS, error_count=100,
    standing=Standing(Doing.WAITING, 0.1, TEXT, 1, 29, TEXT),
)  # fmt: skip


def outcomes(ready: int, failed: int) -> list[StartupOutcome]:
    statuses = [Status.READY] * ready + [Status.FAILED] * failed
    return [
        StartupOutcome(number, status, 1.0, wire=LARGEST)
        for number, status in enumerate(statuses, start=1)
    ]


def kept(found: list[StartupOutcome]) -> list[dict[str, Any]]:
    return [outcome.to_json() for outcome in found]


def test_few_are_kept_whole() -> None:
    few = outcomes(WHOLE - 1, 1)
    assert list(shortened(few)) == few
    assert StartupOutcome.from_json(json.loads(json.dumps(kept(few)[0]))) == few[0]


def test_of_many_the_first_and_those_that_were_not_ready_are_kept_whole() -> None:
    many = outcomes(100, 10)
    found = list(shortened(many))
    whole = {outcome.number for outcome in found if outcome.wire == LARGEST}
    assert whole == {*range(1, WHOLE + 1), *range(101, 111)}
    brief = kept(found)[50]["wire"]
    assert brief.keys() == kept(many)[50]["wire"].keys()
    lists = ("connections", "waits", "statements", "repeated", "errors")
    assert all(len(brief[key]) == 0 for key in lists)
    assert (brief["connection_count"], brief["standing"]["text"]) == (2000, TEXT)


def test_the_largest_launch_is_a_journal_of_some_megabytes() -> None:
    for launch in (outcomes(1000, 0), outcomes(0, 1000)):
        assert len(json.dumps(kept(list(shortened(launch))))) < 12_000_000
    whole = [one for one in shortened(outcomes(0, 1000)) if one.wire == LARGEST]
    assert len(whole) == WHOLE + WHOLE_NOT_WELL


def test_a_startup_that_was_not_observed_stays_as_it_is() -> None:
    many = [StartupOutcome(number, Status.READY, 1.0) for number in range(1, 100)]
    assert list(shortened(many)) == many
