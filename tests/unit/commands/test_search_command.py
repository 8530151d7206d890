"""`chaosnetra search`: what is wrong with a call is one line, before anything is run."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.record import FILE, write_search
from tests.support.repository import ROOT
from tests.support.searches import forecast, search, trial

VPC = str(ROOT / "experiments" / "vpc_latency.json")
VARY = ("search", VPC, "--vary", "latency_ms")
TWICE = (*VARY, "--vary", "count")
BOUNDS = ("--from", "20", "--to", "400", "--from", "1", "--to", "9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*VARY, "--from", "500", "--to", "20"), "--from must be less than --to"),
        ((*VARY, "--from", "nan", "--to", "20"), "it must be a finite number"),
        ((*VARY, "--from", "20", "--to", "inf"), "it must be a finite number"),
        ((*VARY, "--from", "-5", "--to", "20"), "at least 0"),
        ((*VARY, "--from", "20", "--to", "400", "--var", "count"), "is not KEY=VALUE"),
        ((*VARY, "--from", "5", "--to", "4"), "less than --to for latency_ms, got 5 and 4"),
        ((*VARY, "--from", "5", "--to", "9", "--at-least", "6", "--at-most", "7"), "one direction"),
        ((*TWICE, "--from", "1", "--to", "2"), "once, or each twice"),
        ((*TWICE, *BOUNDS, "--vary", "x"), "once, or each twice"),
        ((*VARY, *VARY[2:], *BOUNDS), "takes two keys, got latency_ms both times"),
        ((*TWICE, *BOUNDS, "--at-least", "3"), "--at-least is about one key"),
        ((*TWICE, *BOUNDS, "--at-most", "3"), "--at-most is about one key"),
        ((*TWICE, *BOUNDS, "--operating-point", "3"), "--operating-point is about one key"),
        ((*TWICE, *BOUNDS, "--var", "count=3"), "count is varied"),
        ((*TWICE, "--from", "1", "--to", "9", "--from", "3.5", "--to", "5"), "whole numbers"),
        (("search", VPC, "--vary", "latncy_ms", "--from", "1", "--to", "2"), "did you mean"),
        (("search", "no.json", "--vary", "k", "--from", "1", "--to", "2"), "no.json"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(netra, arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_folder_that_holds_something_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    arguments = (*VARY, "--from", "20", "--to", "400", "--output-folder", str(tmp_path))
    done = CliRunner().invoke(netra, arguments)
    assert done.exit_code == 2
    assert "holds no search" in done.output
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]


def test_a_search_and_a_run_are_not_mixed(tmp_path: Path) -> None:
    made = search(trial(20), trial(384), trial(416, 5), forecast=forecast(400))
    write_search(tmp_path / FILE, made, conclude(made).to_json())
    other = tmp_path / "journal.json"
    other.write_text('{"experiment": {}}')
    run = CliRunner().invoke
    assert run(netra, ["compare", str(tmp_path), str(other)]).exit_code == 2
    page = str(tmp_path / "r.html")
    assert run(netra, ["report", str(tmp_path), str(other), "-o", page]).exit_code == 2
    assert run(netra, ["report", str(tmp_path), "-o", str(tmp_path / "r.xml")]).exit_code == 2
    assert run(netra, ["report", str(tmp_path), "-o", page]).exit_code == 0
    done = run(netra, ["verdict", str(tmp_path / FILE)])
    assert done.exit_code == 0
    assert done.output.startswith("it breaks at latency_ms")
