"""Figures that grow: sessions of a server, and what a proxy carried."""

import pytest

from chaosnetra.postgres.counters import Counts
from chaosnetra.toxiproxy.client import _received_bytes


def counts(sessions: dict[str, int] | None, **own: int) -> Counts:
    return Counts(0, sessions, own)


def test_our_own_sessions_are_none_of_the_startups() -> None:
    before = counts({"netra": 10, "postgres": 4}, netra=3, postgres=1)
    after = counts({"netra": 15, "postgres": 5, "copy": 2}, netra=4, postgres=2)
    assert after.foreign_since(before) == {"netra": 4, "postgres": 0, "copy": 2}


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, {"netra": 1}), ({"netra": 1}, None), ({"netra": 9}, {"netra": 1})],
    ids=["not counted before", "not counted after", "reset in between"],
)
def test_what_cannot_be_compared_is_not_known(
    before: dict[str, int] | None, after: dict[str, int] | None
) -> None:
    assert counts(after).foreign_since(counts(before)) is None


def killed(counted: dict[str, int] | None) -> Counts:
    return Counts(0, None, {}, counted)


def test_only_sessions_of_the_startups_databases_count_as_ended() -> None:
    before = killed({"netra": 2, "postgres": 1})
    after = killed({"netra": 5, "postgres": 9, "copy": 1})
    assert after.killed_since(before, {"netra", "copy"}) == 4
    assert after.killed_since(before, {"gone"}) == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, {"netra": 1}), ({"netra": 1}, None), ({"netra": 9}, {"netra": 1})],
    ids=["not counted before", "not counted after", "reset in between"],
)
def test_ended_sessions_that_cannot_be_compared_are_not_known(
    before: dict[str, int] | None, after: dict[str, int] | None
) -> None:
    assert killed(after).killed_since(killed(before), {"netra"}) is None


LINE = 'toxiproxy_proxy_{}_bytes_total{{direction="{}",listener="{}",proxy="{}",upstream="h:1"}} {}'
METRICS = "\n".join(
    [
        "# TYPE toxiproxy_proxy_received_bytes_total counter",
        LINE.format("received", "downstream", "127.0.0.1:1", "db", 1773),
        LINE.format("received", "upstream", "127.0.0.1:1", "db", 771),
        LINE.format("received", "upstream", "127.0.0.1:3", "db", "1e+06"),
        LINE.format("received", "upstream", "127.0.0.1:4", r"a \"b\"", 0),
        LINE.format("sent", "upstream", "127.0.0.1:1", "sent", 771),
    ]
)


@pytest.mark.parametrize(
    ("proxy", "received"), [("db", 1_000_771), ('a "b"', 0), ("sent", None), ("d", None)]
)
def test_bytes_of_one_proxy_are_read(proxy: str, received: int | None) -> None:
    assert _received_bytes(METRICS, proxy) == received
