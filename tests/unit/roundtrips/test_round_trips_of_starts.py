"""What a few starts say of a service's round trips."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput, NotMeasured
from chaosnetra.processes.cpu_meter import CpuUse
from chaosnetra.roundtrips.conduct import settings_from
from chaosnetra.roundtrips.finding import Finding, find, require_use
from chaosnetra.roundtrips.shares import by_phase, by_statement
from chaosnetra.roundtrips.start import DatabaseState, Start, latencies_ms, next_ms
from chaosnetra.roundtrips.telling import screen
from chaosnetra.startup.outcome import Status
from chaosnetra.wire.observation import Observation, Statement
from tests.support import seen_on_the_wire as wire

STATE = DatabaseState("auto", True, False, (3, 3))
SERIAL = 40  # of `wire.ready()`: 3 to set up, 33 of one statement, and others


def start(seen: Observation, added: float = 0.0, **told: Any) -> Start:
    return Start(wire.outcome(1, seen, **told), added)


def slowed(added: float, own: float = 0.5, **told: Any) -> Start:
    """The same startup under a latency."""
    return start(replace(wire.ready(each=0.0005 + added, own=own), **told), added)


def found(*under: Start, plain: tuple[Start, ...] | None = None) -> Finding:
    return find("app:app", STATE, plain or (start(wire.ready()),), under)


def shown(finding: Finding) -> list[str]:
    lines = screen(finding, 0.02).split("\n")
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 30
    return lines


def test_a_service_that_waits_for_one_answer_after_the_other_fits() -> None:
    finding = found(slowed(0.05), slowed(0.15))
    assert finding.fits is True
    lines = shown(finding)
    assert lines[:3] == [
        "app:app",
        "on a database that one start had prepared, with 3 tables",
        "seconds = 0.50 own + 40 round trips x latency",
    ]
    assert lines[4].split() == ["round", "trips", "+20", "ms", "+100", "ms", "+500", "ms"]
    assert lines[5].split()[2:] == ["40", "1.32", "s", "4.52", "s", "20.5", "s"]
    assert "under 150 ms: 6.52 s predicted, 6.52 s measured (+0%), 40 round trips" in lines
    assert "The model fits." in lines
    told = finding.to_json(0.02)
    assert (told["round_trips"], told["setup_round_trips"], told["fits"]) == (SERIAL, 3, True)
    assert [one["added_seconds"] for one in told["predictions"]] == [0.02, 0.1, 0.5]
    assert told["predictions"][1]["seconds"] == pytest.approx(0.52 + 40 * 0.1)
    assert told["predictions"][1]["one_round_trip_less_saves_seconds"] == pytest.approx(0.1005)
    assert json.loads(json.dumps(told)) == told


def test_a_service_that_polls_is_told_apart_by_what_it_asked_less_often() -> None:
    polled = replace(wire.ready(each=0.15, rows=9), seconds=2.0)
    finding = found(start(polled, 0.15))
    assert finding.fits is False
    text = "\n".join(shown(finding))
    assert "made 16 round trips one after the other instead of 40, as a service does\n" in text
    assert "9 times instead of 33 times: SELECT $1 FROM orders WHERE id = $2" in text
    assert "The model does not fit: do not predict with it." in text


def test_a_service_that_tries_again_is_told_apart_although_it_was_never_ready() -> None:
    failed = start(wire.refused(8, 0.2), 0.15, status=Status.FAILED)
    finding = found(failed)
    assert finding.fits is False
    assert "opened 8 connections instead of 1, as a service does that tries again" in " ".join(
        line.strip() for line in shown(finding)
    )


def test_one_that_gives_up_is_no_reason_against_the_model() -> None:
    failed = start(wire.cut_short(5.0, 0.15), 0.15, status=Status.FAILED)
    finding = found(slowed(0.05), failed)
    assert finding.fits is True
    text = " ".join(shown(finding))
    assert "under 150 ms: not ready: it ended with exit code 1 and printed nothing;" in text
    assert "The model fits up to 50 ms. Above it was not ready" in text
    assert found(failed).fits is None
    assert "could not be checked" in " ".join(shown(found(failed)))


@pytest.mark.parametrize(
    ("under", "why"),
    [
        (slowed(0.15, own=3.0), "and it took 2.50 s more by itself"),
        (
            slowed(0.15, waited_seconds=2.0, own_seconds=0.5, seconds=2.5),
            "it waited 1.98 s longer, not 6.00 s: some of its round trips are made at the same",
        ),
        (
            slowed(0.15, waited_seconds=9.0, own_seconds=0.5, seconds=9.5),
            "it waited 8.98 s longer, not 6.00 s: its answers take longer than the latency says",
        ),
    ],
)
def test_the_same_round_trips_that_take_another_time_are_told(under: Start, why: str) -> None:
    finding = found(under)
    assert finding.fits is False
    assert why in finding.checks[0].why[0]


def test_what_the_machine_took_is_not_the_services_doing() -> None:
    busy = replace(
        slowed(0.15, own=3.0).outcome, processors=CpuUse(cpu_seconds=0.4, delayed_seconds=2.5)
    )
    finding = found(Start(busy, 0.15))
    assert finding.fits is True
    assert "    its own time was 3.00 s there" in shown(finding)


def test_the_quicker_of_two_starts_counts_unless_they_differ() -> None:
    slow, quick = start(wire.ready(own=0.9)), start(wire.ready(own=0.4))
    assert found(plain=(slow, quick)).model.own_seconds == pytest.approx(0.4)
    assert found(plain=(quick, slow)).model.own_seconds == pytest.approx(0.4)
    first = start(wire.ready(rows=800))
    finding = found(plain=(first, slow))
    assert finding.uneven == (807, SERIAL)
    assert "without latency it made 807, then 40 round trips: the last start counts" in shown(
        finding
    )


def test_round_trips_side_by_side_are_counted_where_they_show() -> None:
    unsure = start(replace(wire.ready(), serial_is_exact=False, serial_round_trips=60))
    finding = found(slowed(0.05), slowed(0.15), plain=(unsure,))
    assert (finding.model.serial, finding.fits) == (SERIAL, True)
    assert finding.to_json(0)["counted_under_latency"] is True
    assert "Round trips were counted under latency" in "\n".join(shown(finding))
    sure = start(replace(wire.ready(), serial_round_trips=60, round_trips=60))
    assert found(slowed(0.05), slowed(0.15), plain=(sure,)).fits is False  # it asks less often
    in_turn = found(slowed(0.05, round_trips=60), slowed(0.15, round_trips=60), plain=(sure,))
    assert (in_turn.model.serial, in_turn.model.is_exact, in_turn.fits) == (SERIAL, False, True)


def test_workers_that_overlap_the_more_the_higher_the_latency_do_not_poll() -> None:
    plain = start(replace(wire.ready(), serial_round_trips=60, round_trips=60))
    between = slowed(0.05, serial_round_trips=50, round_trips=60)
    finding = found(between, slowed(0.15, round_trips=60), plain=(plain,))
    assert (finding.model.serial, finding.fits) == (50, False)
    text = " ".join(" ".join(shown(finding)).split())
    assert (
        "made 40 round trips one after the other instead of 50, and as many in all: it asks "
        in text
    )
    assert "polls" not in text


def test_who_is_not_ready_or_uses_no_database_cannot_be_measured() -> None:
    unready = start(wire.refused(), status=Status.FAILED)
    with pytest.raises(NotMeasured, match=r"not ready without any latency: .*; waiting or working"):
        require_use(unready, ["DATABASE_URL"])
    unused = start(wire.observation(standing=wire.by_itself()))
    with pytest.raises(NotMeasured, match=r"opened no connection .* given in DATABASE_URL: name"):
        require_use(unused, ["DATABASE_URL"])
    with pytest.raises(NotMeasured, match="more than can be counted"):
        found(plain=(start(replace(wire.ready(), complete=False)),))


@given(st.integers(0, 10**6), st.floats(0, 10**4))
def test_latencies_suit_the_round_trips(trips: int, seconds: float) -> None:
    seen = replace(wire.ready(), serial_round_trips=trips, seconds=seconds)
    low, high = latencies_ms(seen)
    assert 1 <= low < high <= 500
    assert trips * high <= 1000 * 12 + trips * 2
    ready, failed = slowed(0.05), start(wire.refused(), 0.05, status=Status.FAILED)
    assert next_ms((low, high), ready) == high
    lower = next_ms((low, high), failed)
    assert lower is None or 1 <= lower < low


def test_usual_latencies() -> None:
    assert latencies_ms(wire.ready()) == (50, 150)
    assert latencies_ms(replace(wire.ready(), serial_round_trips=826)) == (5, 15)
    assert latencies_ms(replace(wire.ready(), serial_round_trips=3, seconds=4.0)) == (133, 400)


def test_round_trips_of_statements_and_phases() -> None:
    many = tuple(Statement(f"SELECT {n}", 1, 1, 0.1, 1) for n in range(7))
    known = (*wire.ready().statements, *many)
    seen = replace(wire.ready(), statements=known, statement_count=9, round_trips=44)
    shares = by_statement(seen)
    assert [(one.name[:8], one.round_trips) for one in shares[:2]] == [
        ("set-up o", 3),
        ("SELECT $", 33),
    ]
    assert (len(shares), shares[-1].name) == (7, "4 other statements")
    assert sum(one.round_trips for one in shares) == seen.round_trips
    assert len(by_statement(seen, None)) == 10
    batch = by_statement(replace(seen, round_trips=5))
    assert batch[-1].round_trips == 4
    phases = {"init": 0, **{f"p{n}": n for n in range(1, 9)}}
    told = by_phase(start(replace(seen, phase_round_trips=phases)))
    assert [one.name for one in told] == ["p4", "p5", "p6", "p7", "p8", "3 other phases",
                                          "outside of phases"]  # fmt: skip
    assert sum(one.round_trips for one in told) == SERIAL
    assert by_phase(start(seen)) == []


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (DatabaseState("auto", False, True, (0, 9)), "the reference orchestrator's own tables"),
        (DatabaseState("fresh", False, False, (0, 0)), "an empty database of its own: a first"),
        (DatabaseState("fresh", False, False, (1, 1)), "on a copy of the database with 1 table"),
        (DatabaseState("shared", False, False, (0, 4)), "with 0 tables before and 4 tables after"),
        (DatabaseState("shared", False, False, (None, None)), "for all starts, as it is"),
    ],
)
def test_the_state_of_the_database_is_told(state: DatabaseState, text: str) -> None:
    assert text in state.text
    assert state.to_json()["text"] == state.text


def test_only_settings_are_taken_and_time_is_not_scaled() -> None:
    assert settings_from({"target": "x", "readiness": None}) == {"time_scale": "1", "target": "x"}
    asked = settings_from({"time_scale": "0.5", "seed": "1"}, {"time_scale": None, "seed": "2"})
    assert asked == {"time_scale": "0.5", "seed": "2"}
    with pytest.raises(InvalidInput, match="no setting 'latency'"):
        settings_from({"latency": "1"})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"target": " "}, "the target is empty: give a command line or module:app"),
        (
            {"target": "x", "environment": "staging"},
            (
                "round trips are measured locally only; set environment in the experiment's "
                "configuration or CHAOSNETRA_ENVIRONMENT to local"
            ),
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_started(
    given: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        settings_from(given)
    assert str(refused.value) == why
