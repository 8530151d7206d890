"""`chaosnetra lint` as its users meet it."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import chaosnetra
from chaosnetra.cli import netra
from tests.conftest import chaos_command

EXPERIMENTS = sorted((Path(chaosnetra.__file__).parents[1] / "experiments").glob("*.json"))
CLEAN = '{"title": "t", "description": "d", "method": []}'
WARNED = (
    '{"title": "t", "description": "d",\n"method": [{"type": "action", "name": "a", '
    '"provider": {"type": "process", "path": "true"}}]}'
)
TRAP = '{"title": "t", "description": "d", "method": [],\n"rolbacks": []}'


def lint(*arguments: object) -> Result:
    return CliRunner().invoke(netra, ["lint", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "e.json"


def test_there_are_experiments() -> None:
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_of_ours_is_clean(path: Path) -> None:
    done = lint(path)
    assert (done.exit_code, done.output) == (0, "")


def test_a_clean_experiment_says_nothing(file: Path) -> None:
    file.write_text(CLEAN)
    done = lint(file)
    assert (done.exit_code, done.output) == (0, "")


def test_findings_are_lines_and_exit_code_1(file: Path) -> None:
    file.write_text(TRAP)
    done = lint(file)
    assert done.exit_code == 1
    assert done.output == (
        f"{file}:2: [unknown-key] 'rolbacks' is no key of an experiment: it is ignored, so "
        "nothing is rolled back; write 'rollbacks'\n"
    )


def test_warnings_alone_do_not_fail(file: Path) -> None:
    file.write_text(WARNED)
    done = lint(file)
    assert done.exit_code == 0
    assert f"{file}:2: [no-undo] warning: the action 'a'" in done.output


def test_an_unreadable_file_is_exit_code_2_and_the_others_are_linted(file: Path) -> None:
    file.write_text(TRAP)
    done = lint(file.with_name("none.json"), file)
    assert done.exit_code == 2
    assert "there is no such file" in done.stderr
    assert "[unknown-key]" in done.stdout


def test_json_holds_what_the_lines_hold(file: Path) -> None:
    file.write_text(TRAP)
    done = lint("--format", "json", file, file.with_suffix(".txt"))
    assert done.exit_code == 2
    said = json.loads(done.stdout)
    assert said["findings"] == [
        {
            "file": str(file),
            "line": 2,
            "rule": "unknown-key",
            "severity": "error",
            "message": "'rolbacks' is no key of an experiment: it is ignored, so nothing is "
            "rolled back",
            "remedy": "write 'rollbacks'",
        }
    ]
    assert said["unreadable"] == [
        f"{file.with_suffix('.txt')}: the Chaos Toolkit reads only .json, .yaml and .yml files"
    ]


def test_both_command_lines_have_it(file: Path) -> None:
    file.write_text(TRAP)
    own = Path(chaos_command()[0]).with_name("chaosnetra")
    for command in ([own], [*chaos_command(), "--no-log-file", "netra"]):
        done = subprocess.run(
            [*command, "lint", file], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert "[unknown-key]" in done.stdout
