"""The traps that lint tells of, sprung: what the real Chaos Toolkit makes of them.

Each experiment here is one that lint finds fault with; each test says what the core does with
it, so that a core that mends a trap shows here.
"""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.documents.findings import Severity
from chaosnetra.lint.check import lint_file
from tests.conftest import ChaosRun, RunChaos
from tests.support import experiments
from tests.support.experiments import activity
from tests.support.programs import captured, chaos_command

USER_MODULES = {
    "trap_helpers": """
import pathlib

def true():
    return True

def nothing():
    return None

def word():
    return "pending"

def keep(value="", file="kept"):
    pathlib.Path(file).write_text(str(value))
    return True

async def coroutine(value=None):
    return False

def needs(secrets):
    return True

def judge(value):
    return bool(value)
""",
    "trap_control": """
import pathlib

def before_experiment_control(context, level=1):
    pathlib.Path("control").touch()
""",
}
pytestmark = pytest.mark.usefixtures("user_modules")
ALWAYS = {"rollbacks": {"strategy": "always"}}
RANGE = {"type": "range", "range": [0, 1]}
JUDGE = activity("probe", "trap_helpers", "judge")


def call(function: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    made = activity(kind, "trap_helpers", function, **more.pop("arguments", {}))
    made["provider"] |= more.pop("provider", {})
    return made | more


def probe(function: str, tolerance: Any = True) -> dict[str, Any]:
    return call(function, "probe", tolerance=tolerance)


def process(tolerance: Any) -> dict[str, Any]:
    return experiments.process("true", kind="probe", tolerance=tolerance)


UNDO = call("keep", arguments={"value": "undone", "file": "undone"})
BASE: dict[str, Any] = {
    "title": "t",
    "description": "d",
    "runtime": ALWAYS,
    "steady-state-hypothesis": {"title": "h", "probes": [probe("true")]},
    "method": [],
    "rollbacks": [UNDO],
}

Seen = Callable[[ChaosRun], bool]


def experiment(**changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(BASE)
    for key, value in changes.items():
        made[key.replace("_", "-")] = value
    return made


def checked(one: dict[str, Any]) -> dict[str, Any]:
    """An experiment whose hypothesis is this probe."""
    return experiment(steady_state_hypothesis={"title": "h", "probes": [one]})


def passes(run: ChaosRun) -> bool:
    return run.returncode == 0 and run.journal["status"] == "completed"


def undone(run: ChaosRun) -> bool:
    return (run.folder / "undone").exists()


def kept(run: ChaosRun) -> str:
    return (run.folder / "kept").read_text()


def crashed(run: ChaosRun) -> bool:
    return run.returncode == 1 and run.journal_text is None and not undone(run)


def truncated(run: ChaosRun) -> bool:
    try:
        json.loads(run.journal_text or "")
    except ValueError:
        return run.returncode == 1 and run.journal_text is not None
    return False


def met(run: ChaosRun) -> bool:
    return passes(run) and run.journal["steady_states"]["after"]["steady_state_met"]


def baseline_missed(run: ChaosRun) -> bool:
    return passes(run) and run.journal["steady_states"]["before"]["steady_state_met"] is False


def misspelled() -> dict[str, Any]:
    made = experiment()
    made["steady_state_hypothesis"] = made.pop("steady-state-hypothesis")
    return made


def with_control(module: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "arguments": arguments}
    return experiment(controls=[{"name": "c", "provider": provider}])


def on_the_way_out(strategy: dict[str, Any]) -> dict[str, Any]:
    return experiment(
        runtime=strategy,
        steady_state_hypothesis={"title": "h", "probes": [probe("needs")]},
        secrets={"group": {"password": "p"}},
    )


TRAPS: list[tuple[str, dict[str, Any], Seen]] = [
    (
        "unknown-key",
        misspelled(),
        lambda run: passes(run) and run.journal["steady_states"]["before"] is None,
    ),
    ("unknown-ref", experiment(rollbacks=[{"ref": "nope"}, UNDO]), crashed),
    (
        "unknown-ref",
        experiment(
            steady_state_hypothesis={"title": "h", "probes": [{"ref": "nope", "tolerance": True}]}
        ),
        crashed,
    ),
    (
        "rollbacks-not-always",
        on_the_way_out({}),
        lambda run: run.returncode == 1 and not undone(run),
    ),
    (
        "unknown-strategy",
        experiment(runtime={"rollbacks": {"strategy": "allways"}}),
        lambda run: passes(run) and not undone(run),
    ),
    (
        "unknown-variable",
        experiment(method=[call("keep", arguments={"value": "${nope}"})]),
        lambda run: passes(run) and kept(run) == "${nope}",
    ),
    (
        "unknown-variable",
        experiment(
            configuration={"my-key": "known"},
            method=[call("keep", arguments={"value": "${my-key}"})],
        ),
        lambda run: passes(run) and kept(run) == "${my-key}",
    ),
    (
        "not-substituted",
        {
            **checked(probe("nothing", ["${low}", "${high}"])),
            "configuration": {"low": 0, "high": 1},
        },
        crashed,
    ),
    (
        "pause-is-text",
        experiment(
            configuration={"pause": {"type": "env", "key": "TRAP_PAUSE", "default": "0"}},
            method=[call("keep", pauses={"before": "${pause}"})],
        ),
        lambda run: run.journal["status"] == "aborted" and not (run.folder / "kept").exists(),
    ),
    ("async-activity", checked(probe("coroutine")), truncated),
    (
        "async-activity",
        checked(probe("true", {**call("coroutine", "probe"), "type": "probe"})),
        met,
    ),
    (
        "missing-argument",
        experiment(method=[call("needs")], secrets={"group": {"password": "p"}}),
        lambda run: passes(run) and run.journal["run"][0]["status"] == "failed",
    ),
    (
        "unknown-secrets",
        experiment(
            method=[call("needs", provider={"secrets": ["gruop"]})],
            secrets={"group": {"password": "p"}},
        ),
        lambda run: passes(run) and run.journal["run"][0]["status"] == "succeeded",
    ),
    (
        "unknown-argument",
        checked(probe("true", call("true", "probe"))),
        lambda run: baseline_missed(run),
    ),
    ("tolerance-crashes", checked(probe("nothing", RANGE)), crashed),
    ("tolerance-crashes", checked(probe("nothing", [0, 1])), crashed),
    ("tolerance-crashes", checked(process({"type": "regex", "pattern": "."})), crashed),
    ("tolerance-crashes", checked(process(RANGE)), crashed),
    (
        "tolerance-crashes",
        checked(
            probe(
                "true",
                JUDGE | {"provider": {"type": "python", "module": "trap_helpers", "func": "keep"}},
            )
        ),
        crashed,
    ),
    ("tolerance-never-met", checked(process(True)), baseline_missed),
    ("tolerance-never-met", checked(process("ok")), baseline_missed),
    (
        "tolerance-always-met",
        checked(
            process({**JUDGE, "provider": {"type": "process", "path": "false", "arguments": {}}})
        ),
        met,
    ),
    ("tolerance-is-a-range", checked(probe("word", ["ok", "ready"])), met),
    ("tolerance-always-met", checked(probe("word", {"type": "regex", "pattern": "ok|"})), met),
    ("tolerance-always-met", checked(probe("word", {"type": "regex", "pattern": "(?!pen)"})), met),
    ("tolerance-never-met", checked(process(["0", "1"])), baseline_missed),
    ("control-not-importable", with_control("trap_contrl"), passes),
    (
        "control-arguments",
        with_control("trap_control", levl=2),
        lambda run: passes(run) and not (run.folder / "control").exists(),
    ),
    (
        "wrong-kind",
        experiment(
            secrets={"token": {"type": "env", "key": "PATH"}},
            method=[call("keep", arguments={"value": "${nope}"})],
        ),
        lambda run: run.returncode == 1 and not (run.folder / "kept").exists(),
    ),
    (
        "ignored-key",
        experiment(method=[{**call("keep"), "tolerance": False}]),
        lambda run: passes(run) and not run.journal["deviated"],
    ),
    (
        "secrets-in-journal",
        experiment(
            secrets={"group": {"password": "not-for-journals"}},
            configuration={"asked": call("true", "probe")},
        ),
        lambda run: passes(run) and "not-for-journals" in (run.journal_text or ""),
    ),
]


@pytest.mark.parametrize(
    ("rule", "trap", "sprung"),
    TRAPS,
    ids=[f"{index}-{rule}" for index, (rule, _, _) in enumerate(TRAPS)],
)
def test_the_trap_is_real_and_lint_finds_it(
    run_chaos: RunChaos, rule: str, trap: dict[str, Any], sprung: Seen
) -> None:
    run = run_chaos(trap)
    assert sprung(run), run.output
    assert rule in {finding.rule for finding in lint_file(run.folder / "experiment.json")}


def test_a_clean_experiment_is_one_that_the_core_plays(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment())
    assert [
        one
        for one in lint_file(run.folder / "experiment.json")
        if one.severity is not Severity.HINT
    ] == []
    assert met(run)
    assert undone(run)


def test_of_two_equal_keys_the_later_counts(tmp_path: Path, run_chaos: RunChaos) -> None:
    path = tmp_path / "twice.json"
    lost = json.dumps(call("keep", arguments={"value": "lost"}))
    path.write_text(json.dumps(experiment())[:-1] + f', "method": [{lost}], "method": []}}')
    run = run_chaos(path)
    assert passes(run)
    assert run.journal["run"] == []
    found = [one.rule for one in lint_file(path) if one.severity is not Severity.HINT]
    assert found == ["duplicate-key"] * 2


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("unknown-ref", experiment(method=[{"ref": "nope"}])),
    ("module-not-importable", experiment(method=[call("true", provider={"module": "nope"})])),
    ("function-not-found", experiment(method=[call("tru")])),
    ("unknown-argument", experiment(method=[call("keep", arguments={"vlue": 1})])),
    ("tolerance-refused", checked(probe("true", 0.5))),
    ("not-substituted", checked(probe("true", {"type": "range", "range": ["${low}", 1]}))),
    ("wrong-kind", experiment(method={})),
    ("refused", checked(process({"type": "regex", "pattern": "("}))),
    ("missing-argument", checked(probe("true", JUDGE))),
]


@pytest.mark.parametrize(("rule", "refused"), REFUSED, ids=[rule for rule, _ in REFUSED])
def test_what_lint_says_is_refused_is_refused(
    tmp_path: Path, rule: str, refused: dict[str, Any]
) -> None:
    path = tmp_path / "e.json"
    path.write_text(json.dumps(refused))
    done = captured(
        [*chaos_command(), "--no-log-file", "validate", path], cwd=tmp_path, env=dict(os.environ)
    )
    assert done.returncode == 1, done.stdout
    assert rule in {finding.rule for finding in lint_file(path)}
