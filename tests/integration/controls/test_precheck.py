"""A slip in an argument ends a run before anything has happened."""

from typing import Any

from tests.conftest import RunChaos
from tests.support.experiments import experiment, ours, process
from tests.unit.running.test_precheck import latency


def _experiment(with_control: bool) -> dict[str, Any]:
    mark = process("sh", "-c", "touch baseline", kind="probe", tolerance=0)
    budgets = ours("probe", "startup", "budgets_suffice")
    return experiment(
        {**budgets, "name": "first"},
        latency(latency_ms="${latency_ms}"),
        configuration={
            "latency_ms": {"type": "env", "key": "CHAOSNETRA_LATENCY_MS", "default": "500"}
        },
        controls=None if with_control else [],
        probes=[mark] if with_control else [],
        strategy=None,
    )


def test_a_slip_ends_the_run_before_its_baseline(run_chaos: RunChaos) -> None:
    run = run_chaos(_experiment(True), CHAOSNETRA_LATENCY_MS="500ms", CHAOSNETRA_LATENCY="1")
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
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
