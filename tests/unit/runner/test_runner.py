"""Which files are experiments, and how a run is judged by what it left."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput
from chaosnetra.lint.schema import EXPERIMENT
from chaosnetra.runner import process as running
from chaosnetra.runner.child import ChildRun
from chaosnetra.runner.ending import end_and_undo
from chaosnetra.runner.files import Experiment, RunFiles, find_experiments, read_experiment
from chaosnetra.runner.outcome import Kind, judge_run, last_lines
from chaosnetra.runner.unparsed import KEYS
from tests.support.experiments import EMPTY
from tests.support.helpers import wait_until
from tests.support.repository import EXPERIMENTS

IT = Experiment(Path("it.json"), "it", ())


def test_all_experiments_of_this_project_are_found() -> None:
    files = {path.name for path in EXPERIMENTS.glob("*.json")}
    assert {one.path.name for one in find_experiments([EXPERIMENTS])} >= files
    assert all(one.title for one in find_experiments([EXPERIMENTS]))


def test_a_file_that_is_meant_twice_is_run_once() -> None:
    path = EXPERIMENTS / "timeout_budget.json"
    assert len(find_experiments([path, path, EXPERIMENTS])) == len(find_experiments([EXPERIMENTS]))


@pytest.mark.parametrize(
    "data",
    [
        {"chaoslib-version": "1", "experiment": EMPTY, "run": [], "steady-state-hypothesis": {}},
        {"name": "a profile"},
        {"title": "a game day", "steps": []},
        [EMPTY],
        "method",
        None,
    ],
)
def test_other_files_are_no_experiments(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "it.json"
    path.write_text(json.dumps(data))
    assert read_experiment(path) is None
    with pytest.raises(InvalidInput, match="is no experiment"):
        find_experiments([path])


@pytest.mark.parametrize("name", ["it.json", "it.yaml"])
def test_a_broken_one_is_an_error_and_other_broken_files_are_not(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for text in (
        '{"steady-state-hypothesis": [',
        '{"title": "x",\n  "method": [{]',
        "method:\n- [",
    ):
        path.write_text(text)
        for found in (read_experiment(path), *find_experiments([path])):
            assert found is not None
            assert found.broken is not None
            assert found.broken.startswith(f"{path}: ")
    path.write_text('{"profile": [')
    assert read_experiment(path) is None
    (found,) = find_experiments([path])  # whoever names it says that it is an experiment
    assert found.broken is not None
    assert found.broken.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("it.json", '{"title": ', True),
        ("it.json", '{"titl', True),
        ("it.json", '{"version": "1.0.0", "title": "a', True),
        ("it.json", '{"version": "1', True),
        ("it.json", "{", True),
        ("it.yaml", 'title: "cut', True),
        ("it.yaml", '---\nversion: 1\ndescription: "a', True),
        ("it.yaml", '{"title": ', True),
        ("package.json", '{"name": "a", "version": "1", "description": ', False),
        ("tsconfig.json", '{\n  // ours\n  "compilerOptions": {"title": 1},\n}', False),
        ("launch.json", '{"version": "0.2.0", "configurations": [{"title": 1,}],}', False),
        ("journal.json", '{"chaoslib-version": "1", "title": ', False),
        ("lines.json", '[{"title": ', False),
        ("empty.json", "", False),
        ("text.json", "no JSON", False),
        ("compose.yaml", 'version: "3"\nservices: {', False),
        ("chart.yaml", "{{- if .Values.on }}\nkind: Service\ntitle: [", False),
        ("chart.yaml", '{{ include "all" . }}', False),
        ("list.yaml", "- [", False),
    ],
)
def test_one_that_breaks_off_is_passed_over_only_where_it_begins_as_something_else(
    tmp_path: Path, name: str, text: str, is_one: bool
) -> None:
    path = tmp_path / name
    path.write_text(text)
    (tmp_path / "whole.json").write_text(json.dumps(EMPTY))
    broken = {one.path for one in find_experiments([tmp_path]) if one.broken is not None}
    assert broken == ({path} if is_one else set())


def test_what_an_experiment_may_begin_with_is_what_lint_knows() -> None:
    assert set(EXPERIMENT.keys) == KEYS


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_one_that_the_toolkit_cannot_decode_is_broken_and_not_passed_over(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "it.json"
    path.write_bytes('{"title": "ä", "method": []}'.encode(encoding))
    (found,) = find_experiments([tmp_path])
    assert found.broken is not None
    assert "not UTF-8" in found.broken


@given(st.lists(st.text()))
def test_markers_are_words(tags: list[str]) -> None:
    for marker in Experiment(Path("it.json"), "", tuple(tags)).markers:
        assert marker
        assert all(sign == "_" or sign.isalnum() for sign in marker)


def test_markers_are_the_tags_of_the_strategy() -> None:
    tags = ("cloud-sql", "Staging GCP", "issue-1278-reproduction", "cloud_sql", " e2e ", "--")
    assert Experiment(Path("it.json"), "", tags).markers == (
        "cloud_sql",
        "staging_gcp",
        "issue_1278_reproduction",
        "e2e",
    )


def journal(met: bool, **more: Any) -> dict[str, Any]:
    state = {"steady_state_met": met, "probes": []}
    return {
        "experiment": EMPTY,
        "status": "completed",
        "steady_states": {"before": {"steady_state_met": True}, "after": state, "during": []},
        "run": [],
        "rollbacks": [],
        **more,
    }


def did(kind: str, output: Any) -> dict[str, Any]:
    """A process of the method that the core calls a success; it should end with 0."""
    provider = {"type": "process", "path": "it"}
    activity = {"type": kind, "name": "it", "provider": provider}
    if kind == "probe":
        activity["tolerance"] = 0
    return {"activity": activity, "output": output, "status": "succeeded"}


@pytest.mark.parametrize(
    ("left", "returncode", "given_up", "kind", "line"),
    [
        (journal(met=True), 0, None, Kind.HELD, "held: "),
        (journal(met=False), 1, None, Kind.VIOLATED, "violated: after the method"),
        (journal(met=True), 1, None, Kind.INCONCLUSIVE, "inconclusive: by its journal it held"),
        (
            journal(met=True),
            0,
            "it took more than 3 s",
            Kind.INCONCLUSIVE,
            "inconclusive: it took more than 3 s; held",
        ),
        # Of somebody who does not use the journal control: the core's exit code says nothing.
        (
            journal(met=True, run=[did("action", {"status": 2})]),
            0,
            None,
            Kind.INCONCLUSIVE,
            "inconclusive: action 'it' in the method did not work: its process ended with exit",
        ),
        (
            journal(met=True, run=[did("probe", {"status": 2})]),
            0,
            None,
            Kind.VIOLATED,
            "violated: during the method, it: expected tolerance 0",
        ),
        (
            journal(met=True, run=[{**did("probe", None), "status": "failed"}]),
            0,
            None,
            Kind.INCONCLUSIVE,
            "inconclusive: probe 'it' in the method failed",
        ),
        (
            journal(met=True, status="interrupted"),
            1,
            None,
            Kind.INCONCLUSIVE,
            "inconclusive: interrupted",
        ),
    ],
)
def test_a_run_is_judged_by_its_journal(
    tmp_path: Path,
    left: dict[str, Any],
    returncode: int,
    given_up: str | None,
    kind: Kind,
    line: str,
) -> None:
    files = RunFiles(tmp_path)
    files.journal.write_text(json.dumps(left))
    found = judge_run(IT, files, returncode, 1.0, given_up)
    assert found.kind is kind
    assert found.line.startswith(line)
    assert found.journal == files.journal
    lines = found.text.splitlines()
    assert lines[0] == f"{kind.value.upper()}  it"
    assert f"  journal       {files.journal}" in lines
    assert lines[-1] == "  again         chaos run it.json"
    assert len(lines) <= 15


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("\x1b[31m[2026-11-25 21:00:00 ERROR]\x1b[39m it is wrong\n[… INFO] more\n", "it is wrong"),
        ("Traceback\nValueError: no\n", "ValueError: no"),
        ("", "it said nothing"),
    ],
)
def test_a_run_without_a_journal_is_broken(tmp_path: Path, output: str, expected: str) -> None:
    files = RunFiles(tmp_path)
    files.output.write_text(output)
    found = judge_run(IT, files, 1, 1.0)
    assert found.kind is Kind.BROKEN
    assert found.line == (f"broken: chaos run ended with exit code 1 and no journal: {expected}")
    assert found.journal is None


def test_only_the_end_of_a_long_output_is_read(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    path.write_bytes(b"\xff x\n" * 100_000 + b"\x1b[31mlast\x1b[0m\x07\n")
    lines = last_lines(path, 3)
    assert len(lines) == 3
    assert lines[-1] == "last"


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[ChildRun]:
    """A run that takes its time, and does nothing yet."""
    experiment = tmp_path / "it.json"
    paused = {**EMPTY["method"][0], "pauses": {"before": 100}}
    experiment.write_text(json.dumps({**EMPTY, "method": [paused]}))
    files = RunFiles(tmp_path)
    with files.output.open("wb") as output:
        run = ChildRun(experiment, files, output)
    yield run
    run.close()
    run.process.kill()
    run.process.wait(30)


def pauses(run: ChildRun) -> bool:
    return "Pausing before" in RunFiles(run.identity.folder).output.read_text()


def test_a_watched_run_ends_with_whoever_started_it(slow: ChildRun) -> None:
    slow.let_begin(watched=True)
    wait_until(lambda: pauses(slow), 60, "the run")
    slow.close()
    assert slow.process.wait(60) == 1
    said = RunFiles(slow.identity.folder).output.read_text()
    assert "Verdict: inconclusive: interrupted by SIGINT" in said


def test_a_run_that_is_not_watched_ends_when_it_is_asked_to(slow: ChildRun) -> None:
    slow.let_begin(watched=False)
    wait_until(lambda: pauses(slow), 60, "the run")
    assert slow.exit_code is None
    assert end_and_undo(slow.identity) == ["the run was asked to end"]
    assert slow.process.wait(60) == 1


class Torn:
    """The lock of a Popen that waits; a signal comes as soon as it is held for the first time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.signalled = False

    def acquire(self, *arguments: Any) -> bool:
        taken = self.lock.acquire(*arguments)
        if not self.signalled:
            self.signalled = True
            signal.raise_signal(signal.SIGINT)
        return taken

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()

    release = __exit__


@pytest.mark.timeout(60)
def test_a_signal_never_keeps_whoever_waits_for_a_run_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between taking its lock and minding it, a Popen loses the lock to an exception."""

    class Tearing(ChildRun):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.process._waitpid_lock = Torn()  # type: ignore[attr-defined]  # no stub has it

    monkeypatch.setattr(running, "ChildRun", Tearing)
    experiment = tmp_path / "it.json"
    experiment.write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        running.run_experiment(Experiment(experiment, "it", ()), tmp_path / "found")
    assert "ERROR" in (tmp_path / "found" / "output.log").read_text()


def test_a_run_that_is_given_up_has_done_nothing(slow: ChildRun) -> None:
    slow.give_up()
    assert slow.exit_code == 0
    files = RunFiles(slow.identity.folder)
    assert files.output.read_bytes() == b""
    assert not files.events.exists()
    assert end_and_undo(slow.identity) == []
