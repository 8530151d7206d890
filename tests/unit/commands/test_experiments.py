"""`chaosnetra experiments`: what comes with the package is found from anywhere."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from tests.support.repository import ROOT


def called(*arguments: str) -> Result:
    return CliRunner().invoke(netra, ["experiments", *arguments])


def test_every_experiment_and_game_day_is_listed_with_its_title() -> None:
    expected = {}
    for path in (ROOT / "experiments").rglob("*.json"):
        if "schema" not in path.name:
            name = path.relative_to(ROOT / "experiments").with_suffix("").as_posix()
            expected[name] = json.loads(path.read_text(encoding="utf-8"))["title"]
    listed = dict(line.split(maxsplit=1) for line in called().output.splitlines())
    assert listed == expected


def test_the_path_of_one_is_printed_alone() -> None:
    printed = Path(called("vpc_latency").output.strip())
    assert printed.read_bytes() == (ROOT / "experiments" / "vpc_latency.json").read_bytes()


def test_one_that_there_is_not_is_told_with_what_was_meant() -> None:
    done = called("vpc_latncy")
    assert done.exit_code == 2
    assert done.output == (
        "Error: there is no experiment 'vpc_latncy': did you mean vpc_latency?\n"
    )


def test_copies_never_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "vpc_latency.json").write_text("mine")
    done = called("--copy", str(tmp_path))
    assert done.exit_code == 0
    assert f"kept: {tmp_path / 'vpc_latency.json'}, which was there" in done.output
    assert (tmp_path / "vpc_latency.json").read_text() == "mine"
    copied = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.json")}
    shipped = ROOT / "experiments"
    assert copied == {path.relative_to(shipped) for path in shipped.rglob("*.json")}


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = called("vpc_latency", "--copy", str(tmp_path / "file" / "folder"))
    assert done.exit_code == 1
    assert done.output.startswith("Error: cannot write ")
