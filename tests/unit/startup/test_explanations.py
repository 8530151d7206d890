"""Whether startups that fail say so."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chaosnetra.startup.explanations import judge_explanations, left_unsaid
from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.uncounted import Uncounted

ERROR = StartupFailure(
    "CRITICAL STARTUP FAILURE: phase 3 (database): the table_setup budget of 10 s ran out",
    error_class="BudgetExpired",
    causes=("BudgetExpired: ran out", "TimeoutError:"),
    budget="table_setup",
    budget_seconds=10.0,
)
GOOD = StartupOutcome(
    number=1,
    status=Status.FAILED,
    seconds=1.0,
    phase="database",
    exit_code=3,
    exit_reason=ExitReason.STARTUP_FAILED,
    error=ERROR,
    cause_kept=True,
)
READY = StartupOutcome(2, Status.READY, 1.0, ended_by=EndedBy.LAUNCHER, answered=True)
TOLD = {
    ExitReason.NOT_IMPORTED: replace(GOOD, phase=None, exit_reason=ExitReason.NOT_IMPORTED),
    ExitReason.PORT_IN_USE: replace(GOOD, phase=None, exit_reason=ExitReason.PORT_IN_USE),
}


def test_one_that_says_everything_leaves_nothing_unsaid() -> None:
    assert left_unsaid(GOOD, 3) == []
    assert left_unsaid(READY, 3) == []


@pytest.mark.parametrize(
    ("changes", "unsaid"),
    [
        ({"exit_code": 1}, "it ended with 1, not with 3"),
        ({"exit_code": None, "signal": 9}, "it ended by signal 9, not with 3"),
        ({"ended_by": EndedBy.LAUNCHER, "signal": 15}, "it did not end by itself"),
        ({"exit_reason": ExitReason.PORT_IN_USE}, "it ended with 3 because of port in use"),
        ({"exit_reason": ExitReason.UNKNOWN}, "it ended with 3 for a reason that is not known"),
        ({"answered": True}, "it answered requests"),
        ({"was_ready_seconds": 1.0}, "it said that it was ready"),
        ({"phases_after_failure": ("cache", "services")}, "it went on to cache, services"),
        ({"cause_kept": False}, "the cause is lost"),
        ({"cause_kept": None, "error": None}, "the cause is lost"),
        (
            {"error": replace(ERROR, text="Database initialization timeout after 25s")},
            "the table_setup budget of 10 s ran out, which its message does not name",
        ),
        (
            {"status": Status.DEGRADED, "exit_code": None, "exit_reason": None},
            "it serves although phase database failed",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_left_unsaid_is_named(changes: dict[str, Any], unsaid: str) -> None:
    assert left_unsaid(replace(GOOD, **changes), 3) == [unsaid]


def test_a_startup_that_was_ended_is_not_asked_to_name_the_limit_of_its_launcher() -> None:
    error = replace(ERROR, text="not ready", budget="startup", budget_seconds=15)
    ended = replace(GOOD, error=error, ended_by=EndedBy.LAUNCHER, exit_code=None, signal=15)
    assert left_unsaid(ended, 3) == ["it did not end by itself"]


def test_without_phases_the_exit_code_and_a_cause_are_enough() -> None:
    refused = StartupFailure("dial tcp: connection refused", causes=("connection refused",))
    plain = replace(
        GOOD,
        phase=None,
        exit_code=1,
        exit_reason=ExitReason.UNKNOWN,
        error=refused,
        cause_kept=True,
    )
    assert left_unsaid(plain, 1) == []
    assert judge_explanations([plain], {}, 1, ["black-hole"])["held"] is True
    lost = replace(plain, cause_kept=False)
    assert left_unsaid(lost, 1) == [
        "it ended with 1 for a reason that is not known",
        "no phase is named",
        "the cause is lost",
    ]
    # A port that is in use is another reason, whatever is said beside it.
    assert left_unsaid(replace(plain, exit_reason=ExitReason.PORT_IN_USE), 1) == [
        "it ended with 1 because of port in use"
    ]
    assert left_unsaid(plain, 3) == ["it ended with 1, not with 3"]


def test_all_that_is_missing_is_named() -> None:
    silent = StartupOutcome(1, Status.FAILED, 1.0, exit_code=0, exit_reason=ExitReason.UNKNOWN)
    assert left_unsaid(silent, 3) == [
        "it ended with 0, not with 3",
        "no phase is named",
        "the cause is lost",
    ]


def test_another_exit_code_may_be_asked_for() -> None:
    assert left_unsaid(replace(GOOD, exit_code=70), 70) == []


def test_of_a_service_that_is_not_ours_any_code_but_0_will_do() -> None:
    for code in (1, 3, 70):
        assert left_unsaid(replace(GOOD, exit_code=code), None) == []
    done = replace(GOOD, exit_code=0, exit_reason=ExitReason.UNKNOWN)
    assert left_unsaid(done, None) == ["it ended with 0, not with an exit code other than 0"]
    killed = replace(GOOD, exit_code=None, signal=9)
    assert left_unsaid(killed, None) == ["it ended by signal 9, not with an exit code other than 0"]
    confused = replace(GOOD, exit_code=1, exit_reason=ExitReason.PORT_IN_USE)
    assert left_unsaid(confused, None) == ["it ended with 1 because of port in use"]
    result = judge_explanations([replace(GOOD, exit_code=1)], {}, None)
    assert (result["held"], result["exit_code"]) == (True, None)
    assert "ends with an exit code other than 0" in result["expected"]


def test_it_holds_when_each_failure_says_so_and_the_contrasts_are_told() -> None:
    result = judge_explanations([GOOD, READY], TOLD, 3)
    assert result["held"] is True
    assert result["observed"] == "1 of 2 ready, 1 of the 1 other said why"
    assert (result["attempts"], result["failures"]) == (2, 0)
    assert (result["ready"], result["failed"], result["timed_out"], result["degraded"]) == (
        1,
        1,
        0,
        0,
    )
    assert [told["told"] for told in result["told_apart"]] == [True, True]
    assert result["error"] is None
    assert [one["unsaid"] for one in result["startups"]] == [[], []]
    json.dumps(result)


def test_when_none_fails_it_holds() -> None:
    result = judge_explanations([READY], {}, 3)
    assert (result["held"], result["observed"]) == (True, "1 of 1 ready")
    assert "told apart" not in result["expected"]


def test_the_first_that_kept_silent_gives_the_evidence() -> None:
    degraded = replace(GOOD, number=2, status=Status.DEGRADED, exit_code=None, exit_reason=None)
    result = judge_explanations([GOOD, degraded], TOLD, 3)
    assert result["held"] is False
    assert result["failures"] == 1
    assert (result["phase"], result["budget"], result["budget_seconds"]) == (
        "database",
        "table_setup",
        10.0,
    )
    assert result["error"].startswith("it serves although phase database failed: CRITICAL")


@pytest.mark.parametrize("contrast", TOLD)
def test_a_contrast_that_is_not_told_apart_does_not_hold(contrast: ExitReason) -> None:
    result = judge_explanations([GOOD], {**TOLD, contrast: GOOD}, 3)
    assert result["held"] is False
    assert result["observed"].endswith(f"not told apart: {contrast.value}")
    assert result["failures"] == 0


def test_one_that_is_ready_under_a_fatal_fault_says_nothing_of_it() -> None:
    result = judge_explanations([READY, GOOD], TOLD, 3, ["black-hole"])
    assert (result["held"], result["failures"], result["ready"]) == (False, 1, 1)
    assert result["error"] == "it is ready under black-hole, where it must fail"
    assert result["observed"] == "1 of 2 ready, 1 of the 1 other said why"
    assert judge_explanations([GOOD], TOLD, 3, ["black-hole"])["held"] is True
    assert judge_explanations([READY], TOLD, 3)["held"] is True


def test_a_startup_that_does_not_count_may_have_left_something_unsaid() -> None:
    uncounted = Uncounted(1, 2, "its task reported nothing")
    silent = replace(GOOD, cause_kept=False)
    for one, undecided in ((GOOD, True), (silent, False)):
        result = judge_explanations([one], {}, 3, uncounted=uncounted)
        assert not result["held"]
        assert result["uncounted"]["undecided"] is undecided
    assert judge_explanations([GOOD], {}, 3)["uncounted"] is None
