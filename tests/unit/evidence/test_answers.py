"""An action or a rollback whose own answer says that it did not work."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.verdict.answers import LONGEST_TOLD, own_failure
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.helpers import present
from tests.support.journals import BAD, journal, judged


def acted(
    output: Any, provider: str = "process", name: str = "inject", **activity: Any
) -> dict[str, Any]:
    """An action that the core calls a success."""
    what = {"type": "action", "name": name, "provider": {"type": provider}, **activity}
    return {"activity": what, "output": output, "status": "succeeded"}


def ended(status: int, stderr: str = "", stdout: str = "") -> dict[str, Any]:
    return {"status": status, "stdout": stdout, "stderr": stderr}


FAILED = [
    (acted(ended(2, "no such file\n")), "its process ended with exit code 2: no such file"),
    (acted(ended(1, "", "said so")), "its process ended with exit code 1: said so"),
    (acted(ended(-9)), "its process ended with signal 9"),
    (acted({"status": 503, "body": "busy"}, "http"), "it was answered with status 503: busy"),
    (acted({"status": 404, "body": {"error": "no"}}, "http"),
     'it was answered with status 404: {"error": "no"}'),
    (acted(False, "python"), "it answered false"),
    (acted({"status": "failed"}, "python"), 'it answered that it failed: {"status": "failed"}'),
    (acted({"status": "Failure"}, "python"), 'it answered that it failed: {"status": "Failure"}'),
    (acted({"status": "error"}, "python"), 'it answered that it failed: {"status": "error"}'),
    (acted({"success": False}, "python"), 'it answered that it failed: {"success": false}'),
    (acted({"ok": False}, "python"), 'it answered that it failed: {"ok": false}'),
    (acted(ended(0), tolerance=1), ("its answer is outside its tolerance: "
     'answer {"status": 0, "stdout": "", "stderr": ""}, tolerance 1')),
    (acted(5, "python", tolerance={"type": "probe", "provider": {"type": "python"}}),
     ("nobody judged whether its answer is within its tolerance: answer 5, "
     'tolerance {"type": "probe", "provider": {"type": "python"}}')),
]  # fmt: skip
WORKED = [
    acted(ended(0, "a warning")),
    acted({"status": 204, "body": ""}, "http"),
    acted({"status": 304}, "http"),
    acted(None, "python"),
    acted([], "python"),
    acted(0, "python"),
    acted({"status": 500}, "python"),
    acted({"status": "FAILED?"}, "python"),
    acted(
        {"status": "error"},
        "python",
        tolerance={"type": "regex", "pattern": "r", "target": "status"},
    ),
    acted({"success": None, "ok": True, "errors": []}, "python"),
    acted("false", "python"),
    acted(ended(2), tolerance=2),
    acted(ended(1), tolerance=[0, 1]),
    acted(False, "python", tolerance=False),
    acted({"status": 404}, "http", tolerance=[200, 404]),
    {**acted(ended(1)), "tolerance_met": True, "activity": {"type": "action", "tolerance": "${x}"}},
    {**acted(ended(3)), "activity": {"type": "probe", "provider": {"type": "process"}}},
]


@pytest.mark.parametrize(("run", "text"), FAILED)
@pytest.mark.parametrize("section", [True, False], ids=["ours", "foreign"])
def test_an_action_that_says_that_it_failed_makes_the_run_inconclusive(
    run: dict[str, Any], text: str, section: bool
) -> None:
    data = journal(method=(run,))
    if not section:
        del data["chaosnetra"]
    found, _ = judged(data)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.INJECTION)
    assert found.reason == f"action 'inject' in the method did not work: {text}"


@pytest.mark.parametrize(("run", "text"), FAILED)
def test_such_a_rollback_failed(run: dict[str, Any], text: str) -> None:
    found, _ = judged(journal(rollbacks=(run,)))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.ROLLBACK)
    assert found.reason == f"action 'inject' in the rollbacks did not work: {text}"


@pytest.mark.parametrize("run", WORKED, ids=str)
def test_any_other_answer_is_none_of_a_failure(run: dict[str, Any]) -> None:
    assert own_failure(run) is None
    assert judged(journal(rollbacks=(run,)))[0].outcome is Outcome.HELD


def test_a_violation_under_an_action_that_failed_proves_nothing_and_is_told() -> None:
    found, _ = judged(journal(method=(acted(ended(2)),), after=BAD))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.INJECTION)
    assert "after the method, starts: expected" in found.reason


def test_what_it_wrote_is_cut_at_its_beginning_and_shows_no_password() -> None:
    url = "postgres://netra:hunter22@db.example/x"
    text = present(own_failure(acted(ended(1, f"{'x' * 9_000}\ncannot reach {url}\n\x1b[0m"))))
    assert "hunter22" not in text
    assert "cannot reach postgres://netra:***@db.example/x" in text
    assert len(text) < LONGEST_TOLD + 100
    assert "\n" not in text
    assert "\x1b" not in text
    body = present(own_failure(acted({"status": 500, "body": f"{url} {'y' * 9_000}"}, "http")))
    assert "hunter22" not in body
    assert len(body) < LONGEST_TOLD + 100


@given(st.integers(-64, 255), st.text(), st.text())
def test_of_a_process_the_exit_code_alone_decides(code: int, stdout: str, stderr: str) -> None:
    text = own_failure(acted(ended(code, stderr, stdout)))
    assert (text is None) == (code == 0)
