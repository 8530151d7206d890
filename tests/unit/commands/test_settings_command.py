"""`chaosnetra settings` as people read it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from chaosnetra.settings import SETTINGS
from tests.support.experiments import states


def shown(*arguments: str) -> Result:
    return CliRunner().invoke(netra, ["settings", *arguments])


def line_of(key: str, output: str) -> list[str]:
    (line,) = [line for line in output.splitlines() if line[2:].startswith(f"{key} ")]
    return [line[:1].strip(), *line[2:].split()]


def test_every_setting_is_there_with_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", "postgresql://u:opensesame1@h/d")
    (tmp_path / "chaosnetra.toml").write_text('target = "shop:app"\n')
    done = shown("--set", "profile=tight")
    assert done.exit_code == 0, done.output
    assert line_of("target", done.output) == ["*", "target", "shop:app", "chaosnetra.toml:1"]
    assert line_of("target_directory", done.output)[-1] == "chaosnetra.toml:1"
    assert line_of("profile", done.output) == ["*", "profile", "tight", "--set"]
    assert line_of("database_url", done.output) == [
        "*",
        "database_url",
        "***",
        "CHAOSNETRA_DATABASE_URL",
    ]
    # What `auto` and an empty text stand for.
    assert line_of("time_scale", done.output) == ["", "time_scale", "1", "default"]
    assert line_of("startup_method", done.output) == ["", "startup_method", "spawn", "default"]
    listed = [line[2:].split()[0] for line in done.output.splitlines() if line[:2] in ("* ", "  ")]
    assert sorted(set(listed) & SETTINGS.keys()) == sorted(SETTINGS)
    groups = [line for line in done.output.splitlines() if line.endswith(":")]
    assert groups == ["everyday:", "local parts:", "staging:"]


def test_an_experiment_has_parameters_of_its_own(tmp_path: Path) -> None:
    made: dict[str, Any] = {**states("t"), "configuration": {"count": 3}}
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(made))
    done = shown(str(path), "--explain")
    assert line_of("count", done.output) == ["*", "count", "3", "the", "experiment"]
    assert "      PostgreSQL to run against; empty: the stand brings its own" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "profil=tight"], "did you mean profile?"),
        (["--set", "profile=nope"], "unknown profile"),
        (["none.json"], "there is no such file"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = shown(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_what_no_run_would_read_is_told_here_as_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_COUNT", "9")
    monkeypatch.setenv("CHAOSNETRA_TARGETT", "3")
    Path("chaosnetra.toml").write_text("[parameters]\nlatency_ms = 300\n")
    made = {**states("t"), "configuration": {"count": 3, "latency_ms": 150}}
    Path("experiment.json").write_text(json.dumps(made))
    misspelled = (
        "warning: CHAOSNETRA_TARGETT is set, and nothing reads it; did you mean CHAOSNETRA_TARGET?"
    )
    assert shown("experiment.json").stderr.splitlines() == [
        (
            "warning: chaosnetra.toml:2: latency_ms does not count here: the experiment's "
            "configuration has its own latency_ms"
        ),
        (
            "warning: CHAOSNETRA_COUNT is set, and nothing reads it: the experiment's "
            "configuration has its own count"
        ),
        misspelled,
    ]
    # Without an experiment nobody knows what else is read.
    assert shown().stderr.splitlines() == [misspelled]
