"""A slip in an argument ends a run before anything has happened."""

from typing import Any

from tests.conftest import RunChaos
from tests.unit.running.test_precheck import activity, latency


def _experiment(with_control: bool) -> dict[str, Any]:
    control = {
        "name": "journal",
        "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
    }
    mark = {
        "type": "probe",
        "name": "baseline",
        "tolerance": 0,
        "provider": {"type": "process", "path": "sh", "arguments": ["-c", "touch baseline"]},
    }
    return {
        "title": "a slip",
        "description": "a slip",
        "configuration": {
            "latency_ms": {"type": "env", "key": "CHAOSNETRA_LATENCY_MS", "default": "500"}
        },
        "controls": [control] if with_control else [],
        "steady-state-hypothesis": {"title": "well", "probes": [mark] if with_control else []},
        "method": [
            activity(
                "chaosnetra.startup.probes", "budgets_suffice", {}, type="probe", name="first"
            ),
            latency(latency_ms="${latency_ms}"),
        ],
        "rollbacks": [],
    }


def test_a_slip_ends_the_run_before_its_baseline(run_chaos: RunChaos) -> None:
    run = run_chaos(_experiment(True), CHAOSNETRA_LATENCY_MS="500ms", CHAOSNETRA_LATENCY="1")
    assert run.returncode == 1
    assert run.section["verdict"] == "inconclusive"
    assert "got '500ms'" in run.section["reason"]
    assert "CHAOSNETRA_LATENCY_MS" in run.section["reason"]
    assert "did you mean CHAOSNETRA_LATENCY_MS?" in run.output
    assert "Traceback" not in run.output
    assert not (run.folder / "baseline").exists()


def test_without_the_control_the_first_activity_of_ours_tells_it(run_chaos: RunChaos) -> None:
    run = run_chaos(_experiment(False), CHAOSNETRA_LATENCY_MS="500ms", CHAOSNETRA_LATENCY="1")
    first, second = run.journal["run"]
    assert first["status"] == second["status"] == "failed"
    assert "set latency_ms in the experiment's configuration or CHAOSNETRA_LATENCY_MS" in str(
        first["exception"]
    )
    assert "did you mean CHAOSNETRA_LATENCY_MS?" in run.output
