"""What an experiment declares and its run did not carry out: actions, rollbacks, dry runs."""

from typing import Any

import pytest

from chaosnetra.evidence.journal.dry import carries_out, carries_out_actions, dry_of
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.faults import UndoResult
from tests.support.journals import (
    BAD,
    GOOD,
    INJECT,
    failed_probe,
    journal,
    judged,
    probe,
    run_of,
    state,
)

OURS = {"type": "python", "module": "chaosnetra.toxiproxy.actions", "func": "remove_toxic"}
FELT = {"name": "toxic", "effect": {"in_effect": True, "quantity": "ms"}, "undo": "done"}
UNPLAYED = "declared rollbacks were not played: 'undo'"


def without_rollbacks(played: int = 0, provider: Any = None, **changes: Any) -> dict[str, Any]:
    """A journal with two declared rollbacks, of which the first `played` were."""
    rollbacks = (run_of("first"), run_of("undo"))
    for run in rollbacks:
        run["activity"]["provider"] = provider or {"type": "process", "path": "rm"}
    made = journal(rollbacks=rollbacks, **changes)
    made["rollbacks"] = list(rollbacks[:played])
    return made


@pytest.mark.parametrize("recovery", [None, GOOD])
def test_declared_rollbacks_that_were_not_played_are_named_and_nothing_held(recovery: Any) -> None:
    found, _ = judged(without_rollbacks(1, recovery=recovery))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.ROLLBACK)
    assert found.reason == f"{UNPLAYED}; what the method did may still be in place"
    both, _ = judged(without_rollbacks(0))
    assert "'first', 'undo'" in both.reason


def test_so_it_is_in_somebody_elses_journal() -> None:
    data = without_rollbacks(1)
    del data["chaosnetra"]
    assert judged(data)[0].cause is Cause.ROLLBACK


def test_what_this_package_undid_is_not_in_place_and_did_not_recover_by_them() -> None:
    found, _ = judged(without_rollbacks(1, provider=OURS, faults=[FELT], recovery=GOOD))
    assert (found.outcome, found.cause) == (Outcome.HELD, Cause.HELD)
    assert "recovered" not in found.reason
    assert UNPLAYED in found.reason


@pytest.mark.parametrize(
    ("provider", "faults"),
    [
        (OURS, []),
        (OURS, [FELT, {**FELT, "undo": None}]),
        ({"type": "python", "module": "chaosk8s.actions"}, [FELT]),
        (None, [FELT]),
    ],
)
def test_what_nobody_proved_to_be_undone_is_in_place(provider: Any, faults: list[Any]) -> None:
    found, _ = judged(without_rollbacks(1, provider=provider, faults=faults, recovery=GOOD))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.ROLLBACK)


def test_a_rollback_that_was_cut_short_did_not_work() -> None:
    """The core leaves such an activity without a status."""
    data = without_rollbacks(2)
    del data["rollbacks"][1]["status"]
    found, _ = judged(data)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.ROLLBACK)
    assert "rollbacks were cut short: 'undo'" in found.reason


def test_an_interrupted_run_names_them_too() -> None:
    found, _ = judged(without_rollbacks(1, status="interrupted", interrupted_by="SIGUSR2"))
    assert found.cause is Cause.INTERRUPTED
    assert UNPLAYED in found.reason


def test_a_violation_stays_one_beside_them() -> None:
    found, _ = judged(without_rollbacks(1, after=BAD))
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert UNPLAYED in found.reason


def test_without_an_action_nothing_is_in_place() -> None:
    looked = run_of("look", kind="probe")
    found, _ = judged(without_rollbacks(0, method=(looked,)))
    assert found.outcome is Outcome.HELD
    assert found.reason.endswith("'first', 'undo'; the method injected nothing")
    skipped, _ = judged(without_rollbacks(0, before=BAD, after=None, method=()))
    assert skipped.cause is Cause.BASELINE
    assert "rollbacks" not in skipped.reason


def test_a_reference_is_played_by_the_activity_that_it_names() -> None:
    data = without_rollbacks(2)
    data["experiment"]["rollbacks"][1] = {"ref": "undo"}
    assert judged(data)[0].outcome is Outcome.HELD
    del data["rollbacks"][1]
    assert judged(data)[0].cause is Cause.ROLLBACK


def test_only_what_was_undone_is_said_to_be() -> None:
    """A rollback that only looks leaves nothing in place, and undoes nothing."""
    data = without_rollbacks(0)
    for each in data["experiment"]["rollbacks"]:
        each["type"] = "probe"
    found, _ = judged(data)
    assert found.outcome is Outcome.HELD
    assert found.reason.endswith("declared rollbacks were not played: 'first', 'undo'")


@pytest.mark.parametrize("section", [True, False])
@pytest.mark.parametrize("runs", [[], [run_of("look", kind="probe")]])
def test_without_its_declared_actions_nothing_held(runs: list[Any], section: bool) -> None:
    data = journal()
    data["run"] = runs
    if not section:
        del data["chaosnetra"]
    found, _ = judged(data)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.INJECTION)
    assert found.reason == (
        "nothing was injected: of the method declared and not carried out: 'inject'"
    )


@pytest.mark.parametrize("after", [GOOD, BAD])
@pytest.mark.parametrize(
    ("results", "faults", "nothing"),
    [
        ([UndoResult.ALREADY_DONE], [], True),
        ([UndoResult.ALREADY_DONE, UndoResult.ALREADY_DONE], [], True),
        ([UndoResult.DONE], [FELT], False),
        ([None, UndoResult.ALREADY_DONE], [FELT], False),
    ],
)
def test_a_method_that_undoes_what_is_not_there_injects_nothing(
    results: list[UndoResult | None], faults: list[Any], nothing: bool, after: dict[str, Any]
) -> None:
    runs = [run_of(f"action {number}") for number in range(len(results))]
    for run, result in zip(runs, results, strict=True):
        run["activity"]["provider"] = OURS
        run["output"] = {"result": result.value if result else None}
    found, _ = judged(journal(method=tuple(runs), after=after, faults=faults))
    assert (found.cause is Cause.INJECTION) == nothing
    assert (found.outcome is Outcome.INCONCLUSIVE) == nothing
    assert ("nothing was injected: each action of the method undoes" in found.reason) == nothing


@pytest.mark.parametrize("after", [GOOD, BAD])
def test_a_part_of_the_actions_is_not_the_method(after: dict[str, Any]) -> None:
    """An action of the same name twice is two actions; what is violated without is violated."""
    data = journal(method=(INJECT, INJECT), after=after)
    del data["run"][0]
    found, _ = judged(data)
    violated = after is BAD
    assert found.outcome is (Outcome.VIOLATED if violated else Outcome.INCONCLUSIVE)
    assert found.cause is (Cause.VIOLATED if violated else Cause.INJECTION)
    assert "declared and not carried out: 'inject'" in found.reason


@pytest.mark.parametrize("after", [GOOD, BAD])
def test_an_action_whose_end_nobody_saw_is_none_that_worked(after: dict[str, Any]) -> None:
    cut = run_of("inject")
    del cut["status"]
    found, _ = judged(journal(method=(cut,), after=after))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.INJECTION)
    assert found.reason.startswith("actions in the method whose end is not known: 'inject'")


@pytest.mark.parametrize(
    ("kind", "cause"), [("action", Cause.INJECTION), ("probe", Cause.OBSERVATION)]
)
def test_a_status_that_nobody_knows_is_no_success(kind: str, cause: Cause) -> None:
    other = run_of("other", kind=kind, status="aborted")
    found, _ = judged(journal(method=(INJECT, other)))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, cause)


class Enumeration:
    """As the core's own, which is no text."""

    value = "actions"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "activities"),
        ("activities", "activities"),
        ("Dry.PROBES", "probes"),
        (Enumeration(), "actions"),
        ("pause", None),
        (False, None),
        (None, None),
        ("", None),
        ("something newer", "something newer"),
    ],
)
def test_what_a_dry_run_is(value: Any, expected: str | None) -> None:
    assert dry_of(value) == expected
    data = journal(dry=value if isinstance(value, str) else None)
    data["experiment"]["dry"] = value
    found, _ = judged(data)
    assert found.cause is (Cause.HELD if expected is None else Cause.DRY)
    assert found.outcome is (Outcome.HELD if expected is None else Outcome.INCONCLUSIVE)


def test_what_each_kind_of_dry_run_carries_out() -> None:
    action, look = {"type": "action"}, {"type": "probe"}
    told = {
        kind: (carries_out(kind, action), carries_out(kind, look))
        for kind in (None, "actions", "probes", "activities", "something newer")
    }
    assert told == {
        None: (True, True),
        "actions": (False, True),
        "probes": (True, False),
        "activities": (False, False),
        "something newer": (False, False),
    }
    of_its_own = {"method": [{"type": "action", "dry": "actions"}]}
    assert carries_out_actions("activities", of_its_own)
    assert carries_out_actions("probes", {"method": [action]})
    assert not carries_out_actions("actions", {"method": [action], "rollbacks": None})


def dry(kind: str, **changes: Any) -> dict[str, Any]:
    """A dry run, completed as the control does; its section and its status."""
    made = journal(**changes)
    complete(made, {"dry": kind})
    return made


@pytest.mark.parametrize("kind", ["actions", "probes", "activities"])
def test_a_dry_run_in_which_nothing_went_wrong_keeps_its_exit_code(kind: str) -> None:
    made = dry(kind)
    assert (made["status"], made["deviated"]) == ("completed", False)
    assert made["chaosnetra"]["reason"] == f"a dry run ({kind}) proves nothing"


@pytest.mark.parametrize(
    ("kind", "changes", "cause"),
    [
        ("probes", {"method": (run_of("inject", status="failed"),)}, Cause.INJECTION),
        ("probes", {"rollbacks": (run_of("undo", status="failed"),)}, Cause.ROLLBACK),
        ("actions", {"before": BAD, "after": None}, Cause.BASELINE),
        (
            "actions",
            {"method": (INJECT, run_of("look", kind="probe", status="failed"))},
            Cause.OBSERVATION,
        ),
    ],
)
def test_what_a_dry_run_carried_out_must_have_worked(
    kind: str, changes: dict[str, Any], cause: Cause
) -> None:
    made = dry(kind, **changes)
    assert (made["chaosnetra"]["cause"], made["status"]) == (cause, "failed")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("actions", {"after": BAD}),
        ("probes", {"before": state(failed_probe()), "after": state(probe(met=False))}),
        ("activities", {"method": (run_of("inject", status="failed"),)}),
    ],
)
def test_no_dry_run_says_anything_of_the_system(kind: str, changes: dict[str, Any]) -> None:
    assert dry(kind, **changes)["chaosnetra"]["cause"] == Cause.DRY


def test_a_run_without_its_pauses_is_judged_as_any_other() -> None:
    assert dry("pause")["chaosnetra"]["verdict"] == "held"
    made = dry("pause", after=BAD)
    assert (made["chaosnetra"]["verdict"], made["deviated"]) == ("violated", True)
