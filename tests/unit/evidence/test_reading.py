"""Journals from disk: whole, older, foreign, torn, hostile."""

import gc
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chaosnetra.cli import netra
from chaosnetra.errors import NotAJournal, Unreadable
from chaosnetra.evidence.journal import reading
from chaosnetra.evidence.journal.reading import read_journal, read_journals
from chaosnetra.evidence.journal.samples import attempts, checks, startups, trials
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.journal.timeline import connector, faults
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import BAD, GOOD, journal, judged, probe, run_of, state
from tests.support.journals import startups as startups_probe


def write(path: Path, data: Any, indent: int | None = 2) -> Path:
    path.write_text(json.dumps(data, indent=indent))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.json"


@pytest.mark.parametrize("indent", [None, 2])
def test_a_journal_is_read_as_it_was_written(file: Path, indent: int | None) -> None:
    data = journal(after=state(startups_probe(4, 5, told="a\nb  c\u2028\\n")))
    complete(data, {"profile": {"name": "issue-1278"}, "time_scale": 0.1})
    read = read_journal(write(file, data, indent))
    assert (read.title, read.version, read.profile) == ("t", 1, "issue-1278")
    assert judged(read.data) == judged(data)
    found = read.data["steady_states"]["after"]["probes"][0]
    assert found["output"] == data["steady_states"]["after"]["probes"][0]["output"]
    assert read.section["time_scale"] == 0.1


def test_a_foreign_journal_is_judged_too(file: Path) -> None:
    data = journal(after=BAD)
    del data["chaosnetra"]
    read = read_journal(write(file, data))
    assert (read.version, read.profile) == (None, None)
    assert judged(read.data)[0].outcome is Outcome.VIOLATED


def test_a_foreign_dry_run_proves_nothing(file: Path) -> None:
    data = journal()
    del data["chaosnetra"]
    data["experiment"]["dry"] = "activities"
    assert judged(read_journal(write(file, data)).data)[0].cause is Cause.DRY


def test_an_interruption_that_the_newer_core_records_is_known(file: Path) -> None:
    data = journal(status="interrupted", after=None)
    del data["chaosnetra"]
    data["interruption"] = {"kind": "signal", "name": "SIGTERM", "reason": "received SIGTERM"}
    verdict, _ = judged(read_journal(write(file, data)).data)
    assert (verdict.cause, verdict.reason) == (Cause.INTERRUPTED, "interrupted by SIGTERM")


def test_what_the_control_wrote_when_it_failed_is_never_held(file: Path) -> None:
    data = journal(status="failed")
    data["chaosnetra"] = {"verdict": "inconclusive", "reason": "the journal control failed: x"}
    verdict, _ = judged(read_journal(write(file, data)).data)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.CONTROL)


def test_an_older_journal_counts_what_was_ready(file: Path) -> None:
    old = startups_probe(3, 5)
    del old["output"]["failures"]
    read = read_journal(write(file, journal(after=state(old))))
    (counted,) = trials(read.data)
    assert (counted.attempts, counted.failures) == (5, 2)


def test_what_the_core_leaves_in_tolerances_is_left_out(file: Path) -> None:
    """Each result stands in the journal once more for every time its probe was run."""
    run = startups_probe(5, 5)
    tolerance = {
        "type": "probe",
        "name": "held",
        "provider": {"arguments": {"value": run["output"]}},
    }
    run["activity"]["tolerance"] = tolerance
    found = read_journal(write(file, journal(after=state(run)))).data
    (read,) = found["steady_states"]["after"]["probes"]
    assert read["activity"]["tolerance"]["provider"]["arguments"] == {}
    assert read["output"]["attempts"] == 5


@pytest.mark.parametrize("method", [None, "x", ["x", 1, None], {"a": 1}])
def test_a_method_of_another_kind_is_judged_too(file: Path, method: Any) -> None:
    data = journal(before=BAD)
    data["experiment"]["method"] = method
    assert judged(read_journal(write(file, data)).data)[0].outcome is Outcome.VIOLATED


# The signs of cp1252 that Latin-1 has not, among them, and one that neither has.
@pytest.mark.parametrize(
    ("encoding", "title", "said"),
    [
        ("utf-8", "Größe „50 %“ 🙂", None),
        ("utf-8-sig", "Größe", None),
        ("cp1252", "Größe „50 %“ €", "cp1252"),
        ("latin-1", "Größe \x81", "latin-1"),
        ("utf-16", "Größe 🙂", "utf-16"),
        ("utf-32", "Größe 🙂", "utf-32"),
    ],
)
def test_a_journal_is_read_whatever_the_platform_wrote_it_in(
    file: Path, caplog: pytest.LogCaptureFixture, encoding: str, title: str, said: str | None
) -> None:
    data = journal(after=BAD, run=[run_of(f"a{number}") for number in range(2000)])
    data["title"] = data["experiment"]["title"] = title  # in the middle, and at the end
    text = json.dumps(data, indent=2, ensure_ascii=False)
    file.write_bytes(text.encode(encoding))
    read = read_journal(file)
    assert read.title == title
    assert judged(read.data) == judged(data)
    told = [f"{file}: it is not UTF-8; read as {said}"] if said else []
    assert caplog.messages == told


def test_every_command_reads_a_journal_of_another_encoding(tmp_path: Path, file: Path) -> None:
    data = journal(recovery=GOOD)
    data["experiment"]["title"] = "Größe"
    file.write_bytes(json.dumps(data, ensure_ascii=False).encode("cp1252"))
    page = tmp_path / "page.md"
    arguments = (["verdict", file], ["recommend", file], ["compare", file, file])
    done = [CliRunner().invoke(netra, [*map(str, one)]).exit_code for one in arguments]
    assert done == [0, 2, 0]  # without a profile nothing can be recommended
    reported = CliRunner().invoke(netra, ["report", str(file), "-o", str(page)])
    assert reported.exit_code == 0
    assert "Größe" in page.read_text(encoding="utf-8")


def test_a_journal_torn_within_a_character_breaks_off(file: Path) -> None:
    data = journal()
    data["end"] = "ä"
    raw = json.dumps(data, ensure_ascii=False).encode()
    file.write_bytes(raw[: raw.index("ä".encode()) + 1])
    with pytest.raises(Unreadable, match="it breaks off"):
        read_journal(file)


@pytest.mark.parametrize("kept", [0.001, 0.3, 0.9, 0.999])
def test_a_torn_journal_says_so(file: Path, kept: float) -> None:
    text = json.dumps(journal(run=[run_of("a")]), indent=2)
    file.write_text(text[: max(1, int(len(text) * kept))])
    with pytest.raises(Unreadable, match="it breaks off") as caught:
        read_journal(file)
    assert str(file) in str(caught.value)


def test_an_empty_file_breaks_off(file: Path) -> None:
    file.write_text(" \n")
    with pytest.raises(Unreadable, match="breaks off"):
        read_journal(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not JSON", "it is no JSON"),
        (b'{"a": 1} {"b": 2}', "it is no JSON"),
        (b'{"a": "\xff"}', "no journal"),
        (b"\x81\xff", "it is no JSON"),
        (b"\xff\xfe{\x00", "breaks off"),
        (b"\xff\xfe{", "breaks off"),
        (b"\xff\xfe\x00\xd8{\x00", "it is no text in utf-16"),
        (b"1" * 5000, "no JSON that can be read"),
        (b"[" * 200_000 + b"]" * 200_000, "no JSON that can be read"),
    ],
    ids=["text", "lines", "bytes", "binary", "torn", "torn sign", "no UTF-16", "digits", "depth"],
)
def test_what_is_no_json_says_so(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Unreadable, match=message) as caught:
        read_journal(file)
    assert "\n" not in str(caught.value)
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no journal"),
        ({"experiment": 3}, "no journal"),
        ({"title": "t", "method": []}, "it is an experiment; give the journal.json"),
    ],
)
def test_other_json_is_no_journal(file: Path, data: Any, message: str) -> None:
    with pytest.raises(NotAJournal, match=message):
        read_journal(write(file, data))


def test_what_is_no_file_is_unreadable(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "none", pipe, Path("/dev/zero"), Path("a\0b"), tmp_path):
        with pytest.raises(Unreadable):
            read_journal(path)


def test_too_large_a_file_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 2**20)
    file.write_text(" " * (2**20 + 1))
    with pytest.raises(Unreadable, match="more than 1 MiB"):
        read_journal(file)


def test_a_folder_gives_its_journals_and_passes_over_other_json(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "journal.json", journal())
    write(tmp_path / "a.json", journal())
    write(tmp_path / "experiment.json", {"title": "t", "method": []})
    (tmp_path / "journal.events.jsonl").write_text("{}\n{}\n")
    found = [read.path for read in read_journals(tmp_path)]
    assert found == [tmp_path / "a.json", tmp_path / "b" / "journal.json"]


def test_a_torn_journal_in_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a.json", journal())
    (tmp_path / "b.json").write_text('{"experiment": {')
    with pytest.raises(Unreadable, match="breaks off"):
        list(read_journals(tmp_path))


def test_a_folder_without_journals_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no journal in it"):
        list(read_journals(tmp_path))


KEYS = st.sampled_from(
    [
        *("experiment", "status", "deviated", "steady_states", "before", "after", "during", "run"),
        *("rollbacks", "probes", "steady_state_met", "activity", "name", "output", "exception"),
        *("tolerance_met", "chaosnetra", "recovery", "faults", "effect", "in_effect", "startups"),
        *("seconds", "phase_seconds", "held", "attempts", "failures", "ready", "connections"),
        *("connector", "samples", "events", "at_seconds", "parts_lost", "verdict", "reason"),
        *("interruption", "error", "title", "start", "end", "steady-state-hypothesis"),
    ]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.sampled_from(["failed", "completed", "ready", "timed_out", "interrupted", "x\n\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=50,
)


def walk(data: dict[str, Any]) -> None:
    """All that commands do with a journal."""
    verdict, violations = judged(data)
    assert "\n" not in verdict.line
    for violation in violations:
        assert violation.line
    for series in (checks, trials, startups, attempts, faults):
        list(series(data))
    connector(data)


@given(data=st.dictionaries(KEYS, ANYTHING, max_size=8))
@example(data={"experiment": {"steady-state-hypothesis": 1}})
@example(data={"experiment": {"steady-state-hypothesis": {"probes": 1}}})
@settings(max_examples=400)
def test_any_journal_can_be_walked_through(data: dict[str, Any]) -> None:
    walk(normalized(data))


PARTS = ["before", "after", "run", "section", "experiment", "activity", "output", "probe", "fault"]


@given(parts=st.lists(st.sampled_from(PARTS), max_size=4), value=ANYTHING)
@settings(max_examples=400)
def test_a_journal_with_anything_in_some_parts_can_be_walked_through(
    parts: list[str], value: Any
) -> None:
    data = journal(before=GOOD, after=state(startups_probe(4, 5)), method=(run_of("a"),))
    data = json.loads(json.dumps(data))
    data["chaosnetra"] = {
        "faults": [{"name": "f", "effect": {"in_effect": True}}],
        "recovery": GOOD,
    }
    after = data["steady_states"]["after"]
    places: dict[str, tuple[Any, Any]] = {
        "before": (data["steady_states"], "before"),
        "after": (data["steady_states"], "after"),
        "run": (data, "run"),
        "section": (data, "chaosnetra"),
        "experiment": (data, "experiment"),
        "activity": (after["probes"][0], "activity"),
        "output": (after["probes"][0], "output"),
        "probe": (after["probes"], 0),
        "fault": (data["chaosnetra"]["faults"][0], "effect"),
    }
    for part in parts:
        holder, key = places[part]
        holder[key] = value
    walk(normalized(data))


def test_normalizing_changes_nothing_in_what_it_is_given() -> None:
    data = journal(after=state(probe()))
    before = json.dumps(data)
    normalized(data)
    assert json.dumps(data) == before
