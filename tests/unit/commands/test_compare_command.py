"""`chaosnetra compare`: its output and its exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from tests.support.comparisons import FAST, run


def command(*arguments: object) -> Result:
    return CliRunner().invoke(netra, ["compare", *map(str, arguments)])


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.json"
    path.write_text(json.dumps(run(FAST)))
    return path


@pytest.fixture
def violated(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "journal.json").write_text(json.dumps(run([])))
    return folder.parent


def test_the_command_says_what_changed(held: Path, violated: Path) -> None:
    done = command(violated, held)
    assert done.exit_code == 0
    assert done.output.startswith(
        "**No regression, and better**\n- t: previously failing, now holds\n"
        "- t: startups fails less often under the fault\n\n## t\npreviously failing, now holds\n"
    )
    assert "5 of 5 (100%) before, 0 of 5 (0%) after" in done.output


def test_a_regression_is_exit_code_1_and_comes_first(held: Path, violated: Path) -> None:
    done = command(held, violated)
    assert done.exit_code == 1
    assert done.output.startswith("**Regression**\n- t: previously held, now fails: after the")


def test_what_cannot_be_compared_is_exit_code_2(held: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(run(FAST, title="other")))
    done = command(held, other)
    assert done.exit_code == 2
    assert "**Not all could be compared**" in done.output
    assert "it was run only before" in done.output


def test_an_unreadable_journal_is_exit_code_7_and_one_line(held: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_text('{"experiment": ')
    for arguments in ((torn, held), (held, torn), (held, tmp_path / "none")):
        done = command(*arguments)
        assert (done.exit_code, done.stdout) == (7, "")
        assert done.stderr.count("\n") == 1


def test_json_says_the_same(held: Path, violated: Path) -> None:
    done = command("--format", "json", violated, held)
    assert done.exit_code == 0
    said = json.loads(done.output)
    (experiment,) = said["experiments"]
    assert (said["regressed"], said["complete"]) == (False, True)
    assert experiment["change"] == "previously failing, now holds"
    assert experiment["rates"][0]["before"] == {"failures": 5, "trials": 5}
    assert experiment["before"]["outcome"] == "violated"
    assert experiment["times"][1]["test"]["effect"] == "large"
