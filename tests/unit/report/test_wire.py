"""Startups on the wire in reports: where plots put what they show, and what is said of them."""

import copy
import json
import random
from pathlib import Path
from typing import Any, get_type_hints
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.evidence.journal.observed import observation_of
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.report.facts import RunFacts, describe
from chaosnetra.report.formats import report_for
from chaosnetra.report.observed import FaultOver, Seen
from chaosnetra.report.plots.wire import axis, axis_of, lanes, wire_legend, wire_waterfall
from chaosnetra.wire.observation import (
    Canceled,
    Connection,
    Doing,
    Encryption,
    End,
    Observation,
    Reached,
    ServerError,
    Standing,
    Statement,
)
from tests.long.fuzz.hostile import as_text, mutate
from tests.support.journals import journal, run_of, state
from tests.support.observations import (
    asked,
    connection,
    launched,
    observation,
    ready_in,
    refused,
    startup,
    timed_out,
    wired,
)
from tests.support.reports import Page, read_reports, reported, run_report, with_text_everywhere

SECONDS = st.floats(0, 1e6)
COUNTS = st.integers(0, 10**9)
TEXTS = st.text(max_size=20)


OF_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    float: SECONDS,
    float | None: st.none() | SECONDS,
    int: COUNTS,
    int | None: st.none() | COUNTS,
    str: TEXTS,
    str | None: st.none() | TEXTS,
    bool: st.booleans(),
    End: st.sampled_from(End),
    End | None: st.none() | st.sampled_from(End),
    Reached: st.sampled_from(Reached),
    Encryption: st.sampled_from(Encryption),
    Doing: st.sampled_from(Doing),
}


def built(kind: type, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Whatever the fields of a shape allow, also what contradicts itself."""
    hints = get_type_hints(kind)
    rest = {name: OF_TYPE[hint] for name, hint in hints.items() if name not in fields}
    return st.builds(kind, **fields, **rest)


OF_TYPE[Canceled | None] = st.none() | built(Canceled)
OBSERVATIONS = built(
    Observation,
    connections=st.lists(built(Connection), max_size=15),
    given_up=st.dictionaries(st.sampled_from(Reached), COUNTS),
    waits=st.lists(st.tuples(SECONDS, SECONDS), max_size=10),
    statements=st.lists(built(Statement), max_size=3),
    repeated=st.lists(st.tuples(TEXTS, COUNTS), max_size=3),
    errors=st.lists(built(ServerError), max_size=5),
    standing=built(Standing),
    phase_round_trips=st.dictionaries(TEXTS, COUNTS, max_size=3),
)


def as_read(found: Observation) -> Observation:
    read = observation_of(json.loads(json.dumps(found.to_json())))
    assert read is not None
    return read


def seen(wire: Observation, seconds: float = 10.0, status: str = "failed") -> Seen:
    one = Startup(Stage.AFTER, "p", 1, status, seconds, 0.1, "database",
                  {"init": 0.2, "database": 0.5}, {}, ())  # fmt: skip
    return Seen("under the fault", one, wire, [FaultOver("slow", 1.0, None)])


def facts_of(tmp_path: Path, data: Any) -> RunFacts:
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return describe(read_journal(path))


@settings(max_examples=150, deadline=None)
@given(OBSERVATIONS, SECONDS, st.sampled_from(["ready", "failed", "timed_out"]),
       st.lists(st.floats(0.1, 1e6), max_size=2))  # fmt: skip
def test_nothing_is_drawn_outside_the_axis(
    found: Observation, seconds: float, status: str, limits: list[float]
) -> None:
    one = seen(as_read(found), seconds, status)
    across = axis_of(one, axis([one], limits), limits)
    drawn = ET.fromstring(str(wire_waterfall(one, ["init", "database"], limits, across)))
    height = float(drawn.get("height", ""))
    for shape in drawn.iter():
        left = shape.get("x", shape.get("x1", ""))
        if not left.endswith("%"):
            continue
        width = shape.get("width", "0%")
        right = float(left[:-1]) + (float(width[:-1]) if width.endswith("%") else 0)
        assert 0 <= float(left[:-1]) <= right <= 100.001, ET.tostring(shape)
        assert 0 <= float(shape.get("y", shape.get("y1", "0"))) <= height


def test_names_beside_marks_do_not_lie_over_the_next_mark() -> None:
    errors = [ServerError("57P01", "FATAL", "m", 1, at, None, Reached.SESSION)
              for at in (1.0, 1.3, 6.0, 9.9)]  # fmt: skip
    one = seen(observation(10.0, errors=tuple(errors)))
    drawn = ET.fromstring(str(wire_waterfall(one, [], [], axis([one], []))))
    named = [text.get("x") for text in drawn.iter("text") if text.text == "57P01"]
    assert named == [f"{100 * at / 10.5:.3f}%" for at in (1.3, 6.0)]


def test_a_connection_shows_its_set_up_its_session_and_how_it_ended() -> None:
    found = {
        lane.label: lane
        for lane in lanes(
            seen(
                observation(
                    9.0,
                    [
                        connection(1, 1.0, 4.0, end=End.SERVER, session=2.0, sqlstate="57P01"),
                        connection(2, 4.0, 5.0, end=End.CLIENT, reached=Reached.AUTHENTICATION),
                        connection(3, 5.0, 5.0, end=End.REFUSED, reached=Reached.TCP, trips=0),
                        connection(4, 6.0, None, session=7.0),
                        connection(5, 6.0, 8.0, end=End.CLIENT, reached=Reached.CANCEL),
                    ],
                )
            ),
            {},
        )
    }
    assert [(bar.class_, bar.start, bar.end) for bar in found["1"].bars] == [
        ("set-up", 1.0, 2.0), ("session", 2.0, 4.0),
    ]  # fmt: skip
    assert [(point.kind, point.at, point.name) for label in "12345"
            for point in found[label].points] == [
        ("failed", 4.0, "closed by the server, 57P01"),
        ("failed", 5.0, "given up by the startup during authentication"),
        ("failed", 5.0, "refused"),
        ("cut", 9.0, ""),
        ("closed", 8.0, "request to cancel a query"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ended", "status", "words"),
    [
        (None, "ready", "still open"),
        (9.0, "timed_out", "timed out"),
        (None, "timed_out", "timed out, or still open"),
    ],
)
def test_the_legend_says_of_what_was_cut_only_what_occurs(
    ended: float | None, status: str, words: str
) -> None:
    end = End.OPEN if ended is None else End.CLIENT
    found = seen(observation(9.0, [connection(1, 1.0, ended, end=end, session=2.0)]), 9.0, status)
    told = str(wire_legend([found], [], []))
    assert f">{words}<" in told
    assert ("timed out" in told, "still open" in told) == (
        "timed out" in words, "still open" in words,
    )  # fmt: skip


def test_phases_lie_where_they_were_noted_to_be(tmp_path: Path) -> None:
    spans = {"schema": [0.5, 0.9], "cache": [1.2, None], "broken": ["x", 2], "other": 3}
    one = startup(1, 2.0, ready_in(2.0), phase_spans=spans, phase_seconds={"schema": 0.4})
    (found,) = facts_of(tmp_path, journal(before=state(launched(one)))).seen
    (_, read), *_ = found.shown
    (lane, *_) = lanes(read, {})
    assert [(bar.name, bar.start, bar.end) for bar in lane.bars] == [
        ("schema", 0.5, 0.9), ("cache", 1.2, 2.0),
    ]  # fmt: skip


def test_of_many_startups_those_that_tell_most_are_shown_and_the_others_counted(
    tmp_path: Path,
) -> None:
    good = [startup(n, 1 + n / 10, ready_in(1 + n / 10)) for n in range(1, 4)]
    bad = [startup(n, 24.0, timed_out(24.0), status="timed_out") for n in range(1, 31)]
    slow = [startup(n, float(n), ready_in(float(n), 0.3)) for n in (40, 42, 41)]
    fault = {"name": "slow", "parameters": {}, "effect": {"in_effect": True}, "undo": "done",
             "injected_seconds": 5.0, "undone_seconds": 99.0}  # fmt: skip
    data = journal(
        before=state(asked(launched(*good), 1.0, 4.0)),
        after=state(asked(launched(*slow, *bad), 6.0, 90.0)),
        faults=[fault],
    )
    (found,) = facts_of(tmp_path, data).seen
    assert [(one.startup.number, one.when) for _, one in found.shown] == [
        (1, "under the fault"), (42, "under the fault"), (2, "before the fault"),
    ]  # fmt: skip
    assert len(found.folded) == 20
    assert found.left_out == 36 - 3 - 20
    assert {one.startup.status for one in found.folded} == {"timed_out"}
    (standing,) = found.standings
    assert standing.numbers == list(range(1, 31))
    page, text, _ = reported(tmp_path, data)
    assert "20 more startups; 13 others are not drawn" in page.text
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 18 more" in text


@pytest.mark.parametrize(
    ("injected", "undone", "said"),
    [(3.0, 60.0, "toxic latency throughout"), (8.0, 60.0, "toxic latency from about 2 s"),
     (3.0, 16.0, "toxic latency to about 10 s")],
)  # fmt: skip
def test_the_fault_lies_on_the_axis_of_the_startup(
    tmp_path: Path, injected: float, undone: float, said: str
) -> None:
    data = wired()
    data["chaosnetra"]["faults"][0] |= {"injected_seconds": injected, "undone_seconds": undone}
    _, text, _ = reported(tmp_path, data)
    assert f"In place: {said}." in text


def test_what_was_seen_is_told_in_every_format(tmp_path: Path) -> None:
    page, text, suites = reported(tmp_path, wired())
    junit = ET.tostring(suites, encoding="unicode")
    stood = "waiting 10.3 s for the answer to the 29th round trip"
    assert all(stood in told for told in (page.text, text, junit))
    assert "its 14th connection was refused 0.6 s ago; it was waiting by itself" in junit
    assert page.count("svg", "plot") == 3 + 10 + 2 + 1 + 1
    assert page.count("desc") == page.count("svg", "plot")
    assert MARKDOWN in text
    assert "the same 10 lines, but for numbers, in 3 of 4 startups" in page.text
    assert text.count("TimeoutError: no answer after") == 1
    assert "cannot reach the database" in junit


MARKDOWN = """\
Medians of 5 startups before the fault (5 ready), 6 startups under the fault (2 ready), 2 \
startups after the fault (2 ready); from the start of a process until it was ready, or its end. \
Lowest to highest in brackets.

| of a startup (median) | before the fault | under the fault | after the fault |
| --- | --- | --- | --- |
| round trips, one after the other | 40 | 29 (0 to 40) | 40 |
| round trips in all | 40 | 29 (0 to 40) | 40 |
| of these, in the set-up of sessions | 8 | 8 (0 to 8) | 8 |
| connections | 2 | 2 (2 to 14) | 2 |
| sessions | 2 | 2 (0 to 2) | 2 |
| most connections at once | 2 | 2 | 2 |
| connections refused | 0 | 0 (0 to 14) | 0 |
| statements executed | 33 | 33 (0 to 33) | 33 |
| errors of the server | 0 | 1 (0 to 2) | 0 |
| waited for the database | 20 ms | 18.6 s (0.14 s to 21.7 s) | 20 ms |
| own time | 1.38 s (1.18 s to 1.58 s) | 4.77 s (2.3 s to 8.86 s) | 1.23 s (1.18 s to 1.28 s) |

SQLSTATE and message, whether or not the startups told them.

| error of the server | before the fault | under the fault | after the fault |
| --- | --- | --- | --- |
| 42P01 relation "plans" does not exist | none | once in 3 of 6 startups | none |
| 57P01 terminating connection due to administrator command | none \
| once in 3 of 6 startups | none |
"""


def test_outputs_are_told_once_and_cut(tmp_path: Path) -> None:
    same = [f"line {n}" for n in range(80)]
    bad = [startup(n, 2.0, None, status="failed", output=same) for n in range(1, 5)]
    bad.append(startup(5, 2.0, None, status="failed", output=["``` </code><script>", "x" * 9_000]))
    _, text, junit = reported(tmp_path, journal(after=state(launched(*bad))))
    page = Page((tmp_path / "r.html").read_text())
    assert page.text.count("line 79") == 1
    assert "the same 80 lines in 4 of 5 startups" in page.text
    assert "the same 80 lines in 4 of 5 startups" in text
    assert "(20 lines before these)\nline 20\n" in text
    assert text.count("x" * 100) == 2, "cut in the middle"
    assert "Last output, the same 80 lines in 4 of 5" in ET.tostring(junit, encoding="unicode")
    assert "Startups on the wire" not in page.text, "nothing was observed"


def test_an_output_that_is_like_another_is_counted_with_it(tmp_path: Path) -> None:
    first = startup(1, 2.0, None, status="failed", output=["no database"], output_of=1)
    like = [startup(n, 2.0, None, status="failed", output=[], output_of=1) for n in (2, 3)]
    own = startup(4, 2.0, None, status="failed", output=["another"], output_of=4)
    lost = startup(5, 2.0, None, status="failed", output=[], output_of=99)
    page, _, _ = reported(tmp_path, journal(after=state(launched(first, *like, own, lost))))
    assert "the same 1 line, but for numbers, in 3 of 4 startups" in page.text


def test_observations_without_their_lists_count_and_are_not_drawn(tmp_path: Path) -> None:
    whole = [startup(n, 1.0 + n, ready_in(1.0 + n)) for n in (1, 2)]
    brief = [startup(n, 9.0, ready_in(9.0).brief()) for n in (3, 4)]
    data = journal(after=state(launched(*whole, *brief)), method=(run_of("inject"),))
    (found,) = facts_of(tmp_path, data).seen
    assert [one.startup.number for _, one in found.shown] == [2]
    assert [one.startup.number for one in found.folded] == [1]
    assert found.left_out == 2
    page, text, _ = reported(tmp_path, data)
    assert "The slowest that was ready, of those listed whole: startup 2" in page.text
    assert "2 startups of a large launch have only their counts in the journal" in text
    assert "up to 33 in a row in 2 of 2 startups" in text
    assert "Medians of 4 startups under the fault (4 ready)" in text


def test_a_journal_without_observations_has_none_of_it(tmp_path: Path) -> None:
    data = journal(after=state(launched(*(startup(n, 1.0, None) for n in range(3)))))
    page, text, _ = reported(tmp_path, data)
    assert "on the wire" not in page.text + text
    assert "Output of" not in page.text + text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_no_observation_in_a_journal_makes_a_report_fail(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    data = copy.deepcopy(WIRED)
    for check in (data["steady_states"]["before"], data["steady_states"]["after"]):
        output = check["probes"][0]["output"]
        output["startups"] = mutate(rng, output["startups"], times=rng.randint(1, 30))
    folder = tmp_path_factory.mktemp("hostile")
    done = run_report(folder, as_text(rng, data).decode(errors="replace"))
    assert done.exit_code in (0, 7), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if done.exit_code == 0:
        read_reports(folder)


WIRED = wired()


def test_texts_of_a_server_do_nothing(tmp_path: Path) -> None:
    hostile = "</title><script>x</script> | @somebody \x1b[31m `"
    data = with_text_everywhere(wired(), hostile)
    told = json.loads(json.dumps(data).replace("does not exist", json.dumps(hostile)[1:-1]))
    page, text, _ = reported(tmp_path, told)
    assert page.count("script") == 0
    assert "@somebody" not in text.replace("@&#8288;somebody", "")


@given(OBSERVATIONS)
def test_an_observation_is_read_as_it_was_written(found: Observation) -> None:
    assert json.dumps(as_read(found).to_json()) == json.dumps(found.to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": -1.0}, {"seconds": float("inf")}, {"seconds": "1"}, {"round_trips": True},
        {"waits": [[1.0]]}, {"waits": [[1.0, None]]}, {"connections": {}}, {"standing": None},
        {"given_up": {"tls": -1}}, {"errors": [{}]}, {"complete": 1},
    ],
)  # fmt: skip
def test_what_is_no_observation_is_none(change: dict[str, Any]) -> None:
    data = json.loads(json.dumps(refused(3.0).to_json()))
    assert observation_of(data) is not None
    assert observation_of(data | change) is None
    assert observation_of(data | {"of_a_later_version": 1}) is not None


def test_a_report_of_the_wire_is_as_long_whatever_the_number_of_startups(tmp_path: Path) -> None:
    def size(count: int) -> int:
        bad = [startup(n, 24.0, timed_out(24.0), status="timed_out") for n in range(count)]
        report = report_for(tmp_path / "r.html")
        report.add(facts_of(tmp_path, journal(after=state(launched(*bad)))))
        return len(report.text([]))

    assert size(300) < size(30) * 1.1


def test_one_that_is_ready_without_its_database_is_told_until_when_it_was_watched(
    tmp_path: Path,
) -> None:
    seen = startup(1, 0.5, refused(2.5), status="degraded")
    late = startup(2, 9.0, timed_out(9.0), status="failed")
    _, text, _ = reported(tmp_path, journal(after=state(launched(seen)), deviated=True))
    assert "2 s after it was ready: its 14th connection was refused" in text
    assert "Until then it waited 0.14 s, own time 2.36 s." in text
    _, text, _ = reported(tmp_path, journal(after=state(launched(late)), deviated=True))
    assert "Until then" not in text
