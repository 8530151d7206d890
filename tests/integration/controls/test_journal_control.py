"""What the journal control makes of each case in which the core reports success wrongly.

One test a row; each runs `chaos run` as a process of its own, on the installed line.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunChaos
from tests.support.experiments import process
from tests.support.http_servers import answering
from tests.support.judged_runs import USER_MODULES, action, assert_judged, call, experiment, probe

__all__ = ["USER_MODULES"]  # for the fixture
pytestmark = pytest.mark.usefixtures("nothing_left", "user_modules")


def test_a_steady_state_that_holds_exits_with_0(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [action("value", of=1)]))
    assert_judged(run, "held", "steady state held", returncode=0)
    assert run.journal["status"] == "completed"
    assert run.section["recovery"]["steady_state_met"] is True


def test_a_baseline_that_is_not_met_is_inconclusive(run_chaos: RunChaos, tmp_path: Path) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment(
            [probe("value", of=False)],
            [action("fail", text="must not run")],
            [action("touch", file=str(mark))],
        )
    )
    assert_judged(run, "inconclusive", "baseline not met")
    assert run.journal["status"] == "failed"
    assert mark.exists()


def test_a_baseline_probe_that_raises_is_inconclusive_and_rolled_back(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment([probe("fail", text="no route")], [], [action("touch", file=str(mark))])
    )
    assert_judged(run, "inconclusive", "baseline not met")
    assert "no route" in run.section["reason"]
    assert mark.exists()


def test_a_deviation_after_the_method_is_a_violation(run_chaos: RunChaos, tmp_path: Path) -> None:
    fault = str(tmp_path / "fault")
    run = run_chaos(
        experiment(
            [probe("missing", file=fault)],
            [action("touch", file=fault)],
            [action("remove", file=fault)],
        )
    )
    assert_judged(run, "violated", "steady state violated")
    assert run.journal["deviated"] is True
    (violation,) = run.section["violations"]
    assert (violation["stage"], violation["probe"]) == ("after", "missing")
    assert violation["observed"] == "false"


def test_a_probe_that_raises_after_the_method_is_a_violation_and_rolled_back(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment(
            [probe("raise_later", file=str(tmp_path / "calls"), good_until=1)],
            [action("value", of=1)],
            [action("touch", file=str(mark))],
        )
    )
    assert (run.section["verdict"], run.returncode) == ("violated", 1)
    (violation, *_) = run.section["violations"]
    assert violation["stage"] == "after"
    assert "gone wrong" in violation["error"]
    assert mark.exists()


def test_an_action_that_fails_is_inconclusive(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [action("fail", text="not injected")]))
    assert_judged(run, "inconclusive", "injection failed")
    assert "not injected" in run.section["reason"]
    assert run.journal["status"] == "failed"


def test_a_rollback_that_fails_fails_the_run(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment(
            [probe("value", of=True)],
            [action("value", of=1)],
            [action("fail", text="still injected")],
        )
    )
    assert_judged(run, "inconclusive", "rollback failed")
    assert "still injected" in run.section["reason"]


def test_a_deviation_only_during_the_method_is_a_violation(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    fault, asked = str(tmp_path / "fault"), str(tmp_path / "asked")
    run = run_chaos(
        experiment(
            [probe("missing", file=fault, asked=asked)],
            [
                action("touch", file=fault),
                # Who asks for the second time has recorded the first.
                action("wait_for", file=asked, size=2),
                action("remove", file=fault),
            ],
        ),
        "--hypothesis-strategy",
        "continuously",
        "--hypothesis-frequency",
        "0.2",
    )
    assert_judged(run, "violated", "steady state violated")
    assert run.journal["deviated"] is True
    assert run.section["corrections"] == ["deviated: false to true"]
    assert {violation["stage"] for violation in run.section["violations"]} == {"during"}


@pytest.mark.parametrize(
    "tolerance",
    [{"type": "range", "range": [0, 1]}, {"type": "regex", "pattern": "^well"}, [0, 1]],
    ids=["range", "regex", "list"],
)
def test_a_tolerance_that_cannot_judge_keeps_journal_and_rollbacks(
    run_chaos: RunChaos, tmp_path: Path, tolerance: Any
) -> None:
    mark = tmp_path / "rolled back"
    run = run_chaos(
        experiment([probe("value", tolerance, of=None)], [], [action("touch", file=str(mark))])
    )
    assert_judged(run, "inconclusive", "baseline not met")
    assert "cannot judge" in run.section["reason"]
    assert mark.exists()


def test_a_tolerance_function_that_raises_is_told(run_chaos: RunChaos) -> None:
    """The core takes it for an answer outside the tolerance."""
    tolerance = call("probe", "fail", text="no")  # it takes no answer
    run = run_chaos(experiment([probe("value", tolerance, of=5)], [action("value", of=1)]))
    assert_judged(run, "inconclusive", "baseline not met")
    told = "tolerance of 'value' cannot judge its output: TypeError: fail() got an unexpected"
    assert told in run.section["reason"]


@pytest.mark.parametrize("function", ["not_json", "coroutine", "not_a_number"])
def test_output_that_is_not_json_fails_the_probe_and_the_journal_is_whole(
    run_chaos: RunChaos, function: str
) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [call("probe", function)]))
    assert_judged(run, "inconclusive", "an observation failed")
    assert "is not JSON" in run.section["reason"]


def test_an_exception_of_the_core_in_the_method_is_not_success(run_chaos: RunChaos) -> None:
    step = action("value", of=1)
    step["provider"]["func"] = "no_such_function"
    run = run_chaos(experiment([probe("value", of=True)], [step]), "--no-validation")
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")


def test_a_misspelled_hypothesis_is_not_success(run_chaos: RunChaos) -> None:
    made = experiment([probe("value", of=True)], [action("value", of=1)])
    made["steady-state-hypotesis"] = made.pop("steady-state-hypothesis")
    run = run_chaos(made)
    assert_judged(run, "inconclusive", "no steady state was checked")


@pytest.mark.parametrize("strategy", ["before-method-only", "after-method-only"])
def test_half_a_check_is_not_success(run_chaos: RunChaos, strategy: str) -> None:
    run = run_chaos(
        experiment([probe("value", of=True)], [action("value", of=1)]),
        "--hypothesis-strategy",
        strategy,
    )
    assert_judged(run, "inconclusive", "no steady state was checked")


@pytest.mark.parametrize("part", ["method", "rollbacks"])
def test_a_process_that_ends_with_an_error_is_no_success(run_chaos: RunChaos, part: str) -> None:
    """With a tolerance an experiment says which answers mean that it worked."""
    failing = process("ls", "/nowhere/hunter22", tolerance=2)
    others = [action("value", of=1), failing]
    well = [probe("value", of=True)]
    run = run_chaos(experiment(well, others, [failing]))
    assert_judged(run, "held", "steady state held", returncode=0)
    assert [each["tolerance_met"] for each in run.journal["rollbacks"]] == [True]
    del failing["tolerance"]
    rest = [action("value", of=1)]
    method, rollbacks = (others, rest) if part == "method" else (rest, others)
    run = run_chaos(experiment(well, method, rollbacks), TARGET_TOKEN="hunter22")
    cause = "injection failed" if part == "method" else "rollback failed"
    assert_judged(run, "inconclusive", cause)
    assert f"action 'ls' in the {part} did not work: its process ended" in run.section["reason"]
    assert "with exit code 2: " in run.section["reason"]
    assert "/nowhere/***" in run.section["reason"]


def test_a_request_that_is_answered_with_an_error_is_no_success(run_chaos: RunChaos) -> None:
    with answering(lambda *_: (503, "text/plain", b"not now")) as url:
        asked = {"type": "action", "name": "ask", "provider": {"type": "http", "url": url}}
        run = run_chaos(experiment([probe("value", of=True)], [asked]))
    assert_judged(run, "inconclusive", "injection failed")
    assert run.section["reason"].endswith("it was answered with status 503: not now")


def test_rollbacks_that_are_not_played_are_no_recovery(run_chaos: RunChaos, tmp_path: Path) -> None:
    flag = str(tmp_path / "flag")
    run = run_chaos(
        experiment(
            [probe("value", of=True)], [action("touch", file=flag)], [action("remove", file=flag)]
        ),
        "--rollback-strategy=never",
    )
    assert_judged(run, "inconclusive", "rollback failed")
    assert "declared rollbacks were not played: 'remove'" in run.section["reason"]
    assert "recovered" not in run.section["reason"]
    assert run.section["recovery"] is None
    assert Path(flag).exists()


def test_an_argument_that_the_control_does_not_know_ends_the_run(run_chaos: RunChaos) -> None:
    run = run_chaos(experiment([probe("value", of=True)], [], recover=False))
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    assert "recover" in run.section["reason"]


def test_a_failure_of_the_control_itself_fails_the_run(run_chaos: RunChaos, tmp_path: Path) -> None:
    """The disk with the events fills up in mid-run: the run must not look like a success."""
    breaker = tmp_path / "breaker.py"
    breaker.write_text(
        "def close_events():\n"
        "    import os\n"
        "    from chaosnetra.running.run import current_run\n"
        "    os.close(current_run().events._file)\n"
    )
    step = action("value")
    step["provider"].update(module="breaker", func="close_events", arguments={})
    run = run_chaos(experiment([probe("value", of=True)], [step]))
    assert (run.returncode, run.section["verdict"]) == (1, "inconclusive")
    assert "journal control failed" in run.section["reason"]
