"""Days without a terminal: led to their end, refused, aborted."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from chaosnetra.faults import Undo
from chaosnetra.gameday.conduct import monitored as guarded
from chaosnetra.gameday.plan.reading import read_gameday
from chaosnetra.safety.ledger import Ledger
from chaosnetra.stand.persistent import find_persistent_stand
from tests.support.game_days import Bed, finished, provider
from tests.support.helpers import wait_until
from tests.support.repository import EXPERIMENTS

pytestmark = pytest.mark.usefixtures("nothing_left")


def budgets(bed: Bed, name: str = "budgets", **parameters: Any) -> dict[str, Any]:
    """A step of arithmetic alone."""
    experiment = os.path.relpath(EXPERIMENTS / "timeout_budget.json", bed.folder)
    return {"name": name, "experiment": experiment, "parameters": parameters}


def test_a_day_runs_unattended_and_leaves_record_journals_and_report(bed: Bed) -> None:
    bed.plan(budgets(bed), budgets(bed, "older", profile="issue-1263"))
    code, output = bed.run("--yes")
    assert code == 1, output
    assert output.count("Verdict: ") == 2
    assert bed.kinds() == [
        "day.opened",
        "checked",
        *["announced", "go", "run.begun", "run.ended", "step.finished"] * 2,
        "day.closed",
    ]
    for folder, verdict in (("01-budgets-1", "held"), ("02-older-1", "violated")):
        journal = json.loads((bed.day / "steps" / folder / "journal.json").read_text())
        assert journal["chaosnetra"]["verdict"] == verdict
    report = (bed.day / "report.md").read_text()
    assert "steps/02-older-1/journal.json" in report
    assert (bed.day / "report.html").read_text().startswith("<!DOCTYPE html>")
    code, output = bed.call("report", str(bed.plan_path))
    assert code == 0, output
    assert (bed.day / "report.md").read_text() == report


ANSWERS = """
present = Ada, Ben
first go = no-go the pager rings
second go = go
second predict Ada held = yes 90%
second predict Ben held = no
second during = /observe Ben: it is arithmetic
second next = repeat profile=issue-1263
second predict Ada held = -
second predict Ben held = no 90%
surprise = Ben: how quick it was
decision = we raise the budget
follow-up = Raise table_setup; Ada; 2026-12-10
"""


def test_answers_of_a_file_lead_through_a_no_go_predictions_and_a_repetition(bed: Bed) -> None:
    bed.plan(budgets(bed, "first"), budgets(bed, "second"))
    code, output = bed.run(answers=ANSWERS)
    assert code == 1, output
    assert "answers that nobody asked for" not in output
    runs = [entry.data for entry in bed.entries() if entry.kind.value == "run.begun"]
    assert [run["parameters"] for run in runs] == [{}, {"profile": "issue-1263"}]
    report = (bed.day / "report.md").read_text()
    for part in (
        "not run: no-go: the pager rings",
        "- [ ] Raise table\\_setup (owner: Ada, due: 2026-12-10)".replace("\\_", "_"),
        "Ben: how quick it was",
        "we raise the budget",
        "Brier score",
        "it is arithmetic",
    ):
        assert part in report
    code, output = bed.call("compare", str(bed.day), str(bed.day))
    assert code == 0, output
    assert "second" in output


def test_a_plan_that_does_not_go_on_after_a_violation_ends(bed: Bed) -> None:
    violated = {**budgets(bed, "older", profile="issue-1263"), "go_on_when_violated": False}
    bed.plan(violated, budgets(bed, "never"))
    code, output = bed.run("--yes")
    assert code == 4, output
    assert "day.aborted" in bed.kinds()
    assert "Step 2" not in output


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ({"parameters": {"latencyms": 5}}, 3, "no parameter 'latencyms'; did you mean latency_ms"),
        ({"experiment": "gone.json"}, 7, "there is no experiment 'gone.json'"),
        ({"parameters": {"time_scale": "fast"}}, 3, "time_scale must be a number"),
        ({"parameters": {"latency_ms": "abc"}}, 3, "latency_ms must be a number, got 'abc'"),
        ({"parameters": {"environment": "staging"}}, 3, "environment is no parameter of a step"),
    ],
)
def test_a_day_that_cannot_be_run_does_not_begin(
    bed: Bed, step: dict[str, Any], code: int, said: str
) -> None:
    bed.plan({**budgets(bed), **step})
    found, output = bed.run("--yes")
    assert found == code, output
    (line,) = [line for line in output.splitlines() if said in line]
    assert "day.json:" in line or "step 'budgets'" in line
    assert not bed.days.exists()
    checked = CliRunner().invoke(netra, ["gameday", "check", str(bed.plan_path)])
    assert checked.exit_code == 3
    assert said in checked.output


def test_what_the_day_sets_for_no_step_is_named(bed: Bed) -> None:
    bed.plan(budgets(bed), parameters={"latencyms": 800})
    checked = CliRunner().invoke(netra, ["gameday", "check", str(bed.plan_path)])
    assert checked.exit_code == 3
    said = "no step's experiment has a parameter 'latencyms'; did you mean latency_ms?"
    assert said in checked.output


def test_a_signal_during_the_checks_is_answered_at_once(bed: Bed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        bed.environment["CHAOSNETRA_TOXIPROXY_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        bed.plan(budgets(bed))
        conductor = bed.start("--yes")
        asked, _ = silent.accept()
        with asked:
            conductor.send_signal(signal.SIGTERM)
            output = finished(conductor)
    assert conductor.returncode == 6, output
    assert "SIGTERM came before everything was checked; nothing was run" in output
    assert not bed.days.exists()


def test_a_folder_that_cannot_be_written_is_named(bed: Bed) -> None:
    bed.plan(budgets(bed))
    bed.days = bed.plan_path / "days"
    code, output = bed.run("--yes")
    assert code == 5, output
    assert "Error: the record cannot be written to" in output


def test_a_secret_of_a_repetition_reaches_its_run_and_nothing_else(bed: Bed) -> None:
    bed.plan(budgets(bed))
    url = "postgresql://me:s3cr3tword@127.0.0.1:1/none"
    first = "budgets go = go\nbudgets predict Ada held = -\n"
    code, output = bed.run(
        answers=f"present = Ada\n{first}budgets next = repeat database_url={url}\n"
        "budgets predict Ada held = -\n"
    )
    assert code == 0, output
    assert "repeat database_url=postgresql://me:***@" in output
    assert "s3cr3tword" not in output + (bed.day / "record.jsonl").read_text()


def test_a_day_goes_on_where_it_acted(bed: Bed) -> None:
    bed.plan(budgets(bed))
    code, output = bed.run(answers="present = Ada\n")
    assert code == 6, output
    code, output = bed.run("--yes", "--resume", "--rehearse")
    assert code == 3
    assert "is no rehearsal; leave out --rehearse" in output
    assert find_persistent_stand() is None


@pytest.mark.parametrize("way", ["resume", "stop"])
def test_the_stand_of_a_rehearsal_goes_with_a_killed_day(bed: Bed, way: str) -> None:
    bed.plan(bed.waiting_step())
    conductor = bed.start("--yes", "--rehearse")
    bed.wait_for_fault()
    conductor.kill()
    finished(conductor)
    assert find_persistent_stand() is not None
    bed.release.touch()
    if way == "resume":
        code, output = bed.run("--yes", "--resume")
        assert "rehearsal: local Cloud Run" in output
    else:
        code, output = bed.call("stop", str(bed.plan_path))
        assert "the stand that the rehearsal had brought was taken down" in output
    assert code == 0, output
    assert find_persistent_stand() is None


def test_what_an_earlier_run_left_is_named_and_nothing_begins(bed: Bed) -> None:
    ledger = Ledger("20261125t000000-abcdef")
    ledger.add(Undo("stand.remove_folders", "remove a folder", {"label": "x"}))
    os.close(ledger._file)  # type: ignore[arg-type]  # its run is gone
    bed.plan(budgets(bed))
    code, output = bed.run("--yes")
    assert code == 3
    assert "an earlier run left: remove a folder; `chaosnetra recover` undoes it" in output
    assert not bed.days.exists()


def test_a_part_that_does_not_answer_is_named(bed: Bed) -> None:
    bed.environment["CHAOSNETRA_TOXIPROXY_URL"] = "http://127.0.0.1:1"
    bed.plan(budgets(bed))
    code, output = bed.call("check", str(bed.plan_path))
    assert code == 3
    assert "NO  Toxiproxy http://127.0.0.1:1 does not answer" in output


def criterion(bed: Bed) -> dict[str, Any]:
    """Holds while a file is missing."""
    trouble = {"name": "no trouble", "provider": provider("is_missing", bed.folder / "trouble")}
    return {"frequency_seconds": 0.1, "conditions": [{**trouble, "tolerance": True}]}


def test_an_abort_criterion_that_holds_already_lets_nothing_begin(bed: Bed) -> None:
    (bed.folder / "trouble").touch()
    bed.plan(bed.waiting_step(), abort=criterion(bed))
    code, output = bed.call("check", str(bed.plan_path))
    assert code == 3
    assert "NO  abort criterion: no trouble" in output
    code, output = bed.run("--yes")
    assert code == 3
    assert "aborted by abort criteria: abort criterion: no trouble" in output
    assert "run.begun" not in bed.kinds()
    assert not bed.fault.exists()


def test_an_abort_criterion_that_is_crossed_during_a_run_ends_the_day(bed: Bed) -> None:
    bed.plan(bed.waiting_step(), bed.waiting_step("never"), abort=criterion(bed))
    conductor = bed.start("--yes")
    bed.wait_for_fault()
    (bed.folder / "trouble").touch()
    output = finished(conductor)
    assert conductor.returncode == 4, output
    assert "ok  abort criteria: 1 checked, none crossed" in output
    assert "abort criterion: no trouble" in output
    assert not bed.fault.exists()
    assert bed.kinds()[-3:] == ["day.aborted", "run.ended", "day.closed"]


def test_a_resumed_day_begins_nothing_before_its_criteria_were_checked(bed: Bed) -> None:
    bed.plan({**bed.waiting_step(), "predict": []}, abort=criterion(bed))
    code, output = bed.run(answers="present = Ada\n")
    assert code == 6, output
    (bed.folder / "trouble").touch()
    code, output = bed.run("--resume", answers="waiting go = go\n")
    assert code == 4, output
    assert "abort criterion: no trouble" in output
    assert "run.begun" not in bed.kinds()


def test_a_criterion_has_its_secret_and_may_print_what_it_likes(bed: Bed) -> None:
    knows = provider("says_and_knows", bed.folder / "none", password="s3cr3tword")
    condition = {"name": "it knows", "provider": knows, "tolerance": True}
    bed.plan(budgets(bed), abort={"frequency_seconds": 0.1, "conditions": [condition]})
    code, output = bed.run("--yes")
    assert code == 0, output
    assert "abort criteria: 1 checked, none crossed" in output
    assert "s3cr3tword" not in (bed.day / "record.jsonl").read_text()


def test_a_criterion_that_hangs_is_a_reason_to_end_the_day(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = provider("hangs_from_the_second_time", bed.folder / "once")
    condition = {"name": "it answers", "provider": hangs, "tolerance": True}
    bed.plan(budgets(bed), abort={"frequency_seconds": 0.1, "conditions": [condition]})
    day, _ = read_gameday(bed.plan_path)
    assert day is not None
    monkeypatch.chdir(bed.folder)
    monkeypatch.setattr(guarded, "ROUND_SECONDS", 0.5)
    guard = guarded.AbortMonitor(bed.folder, day)
    try:
        wait_until(lambda: guard.has_checked, 30, "the first round")
        wait_until(lambda: guard.crossed, 30, "a reason")
        assert str(guard.crossed).startswith("the abort criteria were not checked for")
    finally:
        guard.end()


def test_a_step_that_takes_too_long_is_stopped_and_undone(bed: Bed) -> None:
    bed.plan({**bed.waiting_step(), "maximum_seconds": 2.5})
    code, output = bed.run("--yes")
    assert code == 2, output
    assert "it was stopped: the step's 2.5 s are over" in output
    assert (bed.day / "report.md").read_text().count("stopped: the step's 2.5 s are over") == 2
    assert not bed.fault.exists()


def test_two_conductors_of_one_file_do_not_meet(bed: Bed) -> None:
    bed.plan(bed.waiting_step())
    conductor = bed.start("--yes")
    bed.wait_for_fault()
    for more in ((), ("--new",), ("--resume",)):
        code, output = bed.run("--yes", *more)
        assert code == 3
        assert "another conductor leads a day of this file now" in output
    bed.release.touch()
    output = finished(conductor)
    assert conductor.returncode == 0, output


def test_a_signal_leaves_the_day_and_it_is_resumed_where_it_was(bed: Bed) -> None:
    bed.plan(bed.waiting_step())
    (bed.folder / "a").write_text("present = Ada\nwaiting go = go\nwaiting predict Ada held = yes")
    conductor = bed.start("--answers", str(bed.folder / "a"))
    bed.wait_for_fault()
    conductor.send_signal(signal.SIGTERM)
    output = finished(conductor)
    assert conductor.returncode == 6, output
    assert "The day was left: SIGTERM came" in output
    assert not bed.fault.exists()
    code, output = bed.run("--yes")
    assert code == 3
    assert "has not ended; give --resume" in output
    bed.release.touch()
    code, output = bed.run("--resume", answers="waiting go = go\n")
    assert code == 0, output
    assert (bed.day / "steps" / "01-waiting-2" / "journal.json").exists()
    said = [entry.data["text"] for entry in bed.entries() if entry.kind.value == "predicted"]
    assert said == ["yes"]


def test_nobody_can_answer_without_a_terminal(bed: Bed) -> None:
    bed.plan(budgets(bed))
    code, output = bed.run()
    assert code == 7
    assert output == (
        "Error: there is no terminal to answer at; give --answers FILE, or --yes for a rehearsal\n"
    )


@pytest.mark.parametrize("command", ["stop", "report"])
def test_a_day_that_is_not_there_is_named(bed: Bed, command: str) -> None:
    code, output = bed.call(command, str(bed.folder / "none.json"))
    assert code == 7
    assert "no game day of this file is known" in output


def test_a_plan_that_is_not_there_leaves_no_trace(bed: Bed) -> None:
    code, output = bed.call("run", "none.json", "--yes")
    assert (code, output) == (7, "Error: none.json: there is no such file\n")
    code, output = bed.call("run", ".", "--yes")
    assert (code, output) == (7, "Error: .: it is a folder; name the file of a plan\n")
    code, output = bed.call("run", "none.json", "--yes", "--resume")
    assert code == 3
    assert "no day of this file is unfinished" in output
    assert not bed.days.exists()


def test_an_answer_that_is_missing_leaves_the_day(bed: Bed) -> None:
    bed.plan(budgets(bed))
    code, output = bed.run(answers="present = Ada\n")
    assert code == 6
    assert "the file of answers has none for 'budgets go'" in output


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.ledger.jsonl")]


def test_a_stop_from_elsewhere_ends_run_conductor_and_day(bed: Bed) -> None:
    bed.plan(bed.waiting_step())
    conductor = bed.start("--yes")
    bed.wait_for_fault()
    code, output = bed.call("stop", str(bed.plan_path))
    assert code == 0, output
    assert "the run was asked to end" in output
    assert "the day has ended: stopped by" in output
    finished(conductor)
    assert conductor.returncode in (4, 6)
    assert not bed.fault.exists()
    assert bed.kinds()[-1] == "day.closed"
    code, output = bed.call("stop", str(bed.day))
    assert (code, output) == (0, "the day had ended already\n")
    wait_until(lambda: not left_behind(bed.folder), 10, "the end of the ledgers")
