"""Hints on what an experiment could leave out."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from chaosnetra.documents.findings import Severity
from chaosnetra.lint.check import lint_file
from tests.support.experiments import experiment, ours
from tests.support.repository import EXPERIMENTS

PROBE = ours("probe", "startup", "budgets_suffice", latency_ms="${latency_ms}")


def hints(folder: Path, made: dict[str, Any]) -> list[tuple[str, str]]:
    path = folder / "experiment.json"
    path.write_text(json.dumps(made))
    found = [one for one in lint_file(path) if one.severity is Severity.HINT]
    assert {one.rule for one in found} <= {"could-be-shorter"}
    return [(one.message, one.remedy) for one in found]


def entry(key: str, **default: Any) -> dict[str, Any]:
    return {"type": "env", "key": key, **default}


def test_an_entry_that_says_what_is_so_anyway_can_be_left_out(tmp_path: Path) -> None:
    made = experiment(
        probes=[PROBE | {"tolerance": tolerance()}],
        configuration={
            "latency_ms": entry("CHAOSNETRA_LATENCY_MS", default="500"),
            "profile": entry("CHAOSNETRA_PROFILE", default="issue-1278"),
            "dwell_seconds": entry("CHAOSNETRA_DWELL_SECONDS", default=2),
            # These say something of their own.
            "time_scale": entry("CHAOSNETRA_TIME_SCALE", default="1"),
            "seed": entry("MY_SEED", default="0"),
            "database_state": "auto",
        },
    )
    assert [message.split(" ")[0] for message, _ in hints(tmp_path, made)] == [
        "CHAOSNETRA_PROFILE",
        "CHAOSNETRA_DWELL_SECONDS",
    ]


def test_an_entry_that_the_experiment_uses_is_needed(tmp_path: Path) -> None:
    probe = ours("probe", "startup", "budgets_suffice", latency_ms="${seed}")
    made = experiment(
        probes=[probe | {"tolerance": tolerance()}],
        configuration={"seed": entry("CHAOSNETRA_SEED", default=0)},
    )
    assert hints(tmp_path, made) == []


@pytest.mark.parametrize("has_control", [True, False])
def test_empty_arguments_can_be_left_out_where_the_core_does_not_need_them(
    tmp_path: Path, has_control: bool
) -> None:
    probe = ours("probe", "startup", "budgets_suffice") | {"tolerance": tolerance(arguments={})}
    made = experiment(probes=[probe], controls=None if has_control else [])
    found = [message for message, _ in hints(tmp_path, made)]
    empty = "the arguments of {} are empty".format
    assert found == [empty("budgets_suffice"), *([empty("held")] if has_control else [])]


def tolerance(**keys: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "chaosnetra.tolerances", "func": "held", **keys}
    return {"type": "probe", "name": "held", "provider": provider}


def test_a_hint_is_no_finding_to_fail_on(tmp_path: Path) -> None:
    probe = ours("probe", "startup", "budgets_suffice") | {"tolerance": tolerance()}
    assert len(hints(tmp_path, experiment(probes=[probe]))) == 1
    done = CliRunner().invoke(netra, ["lint", str(tmp_path / "experiment.json")])
    assert done.exit_code == 0
    assert "[could-be-shorter] hint: the arguments of budgets_suffice are empty" in done.output


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.json")), ids=lambda path: path.stem)
def test_shipped_experiments_are_in_the_short_form(path: Path) -> None:
    assert [one for one in lint_file(path) if one.severity is Severity.HINT] == []
