"""The verdict on a run, from its journal alone."""

import copy
import json
from typing import Any

import pytest

from chaosnetra.evidence.verdict.bounds import ProvenBound
from chaosnetra.evidence.verdict.verdict import Cause, Outcome, Verdict
from tests.support.journals import (
    BAD,
    GOOD,
    failed_probe,
    journal,
    judged,
    probe,
    run_of,
    startups,
    state,
)

FELT = {"name": "slow", "effect": {"in_effect": True, "quantity": "ms"}}
MEASURED = {"quantity": "added_latency_ms", "expected": 100, "observed": 0.3}
NOT_FELT = {
    "name": "slow", "effect": {**MEASURED, "in_effect": False, "detail": "through the proxy"}
}  # fmt: skip


def verdict(**changes: Any) -> Verdict:
    return judged(journal(**changes))[0]


def test_held_before_and_after_is_held() -> None:
    found = verdict(faults=[FELT, {"name": "proxy", "effect": None}], recovery=GOOD)
    assert (found.outcome, found.cause) == (Outcome.HELD, Cause.HELD)


@pytest.mark.parametrize(
    ("stage", "changes"),
    [("after", {"after": BAD, "deviated": True}), ("during", {"during": (GOOD, BAD, GOOD)})],
)
def test_violated_after_or_only_during_the_method_is_violated(
    stage: str, changes: dict[str, Any]
) -> None:
    found, (violation,) = judged(journal(**changes))
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert found.reason == violation.line
    assert found.reason.startswith(f"{stage} the method, starts: expected")
    assert violation.stage == stage


@pytest.mark.parametrize("met", [False, None])
@pytest.mark.parametrize("stage", ["during", "after"])
def test_a_check_that_was_not_met_is_a_violation_even_without_probes(
    stage: str, met: bool | None
) -> None:
    unmet: dict[str, Any] = {"steady_state_met": met, "probes": []}
    found = verdict(**{stage: unmet if stage == "after" else (GOOD, unmet)})
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert found.reason == f"{stage} the method: the steady state was not met"


def injecting(*method: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A journal of an experiment with this method, which the core skipped."""
    made = journal(before=before, after=None)
    made["experiment"]["method"] = list(method)
    return made


LOOK = {"type": "probe", "name": "look"}


@pytest.mark.parametrize("method", [(), (LOOK,)], ids=["no method", "probes only"])
def test_where_nothing_is_injected_the_first_check_is_the_finding(
    method: tuple[dict[str, Any], ...],
) -> None:
    found, violations = judged(injecting(*method, before=BAD))
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert found.reason == violations[0].line
    assert found.reason.startswith("before the method, starts: expected")


@pytest.mark.parametrize(
    ("method", "before"),
    [
        ((LOOK, {"type": "action", "name": "inject"}), BAD),
        (({"ref": "something"},), BAD),
        ((), state(failed_probe())),
        ((), {"steady_state_met": False, "probes": []}),
    ],
    ids=["an action", "a reference", "a probe that gave no answer", "no probes"],
)
def test_otherwise_it_is_a_baseline_that_was_not_met(
    method: tuple[dict[str, Any], ...], before: dict[str, Any]
) -> None:
    found = judged(injecting(*method, before=before))[0]
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.BASELINE)


def test_a_hypothesis_that_is_null_is_no_hypothesis() -> None:
    given_ = journal(before=None, after=None)
    given_["experiment"]["steady-state-hypothesis"] = None
    found, _ = judged(given_)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.NO_HYPOTHESIS)


@pytest.mark.parametrize(
    ("changes", "cause", "words"),
    [
        ({"before": BAD, "after": None}, Cause.BASELINE,
         "baseline not met: before the method, starts"),
        ({"method": (run_of("add latency", status="failed", text="no toxiproxy"),)},
         Cause.INJECTION, "action 'add latency' in the method failed: no toxiproxy"),
        ({"faults": [FELT, NOT_FELT]}, Cause.NOT_MEASURED,
         "slow was measured: added_latency_ms 0.3 measured, 100 expected: through the proxy"),
        ({"rollbacks": (run_of("remove", status="failed", text="gone"),)}, Cause.ROLLBACK,
         "action 'remove' in the rollbacks failed: gone"),
        ({"undo_failures": ["a toxic may be left"]}, Cause.ROLLBACK, "a toxic may be left"),
        ({"interrupted_by": "SIGTERM"}, Cause.INTERRUPTED, "interrupted by SIGTERM"),
        ({"status": "interrupted"}, Cause.INTERRUPTED, "interrupted; by whom is not known"),
        ({"dry": "actions"}, Cause.DRY, "a dry run (actions) proves nothing"),
        ({"hypothesis": False, "before": None, "after": None}, Cause.NO_HYPOTHESIS,
         "the experiment has no steady-state-hypothesis with probes"),
        ({"before": None}, Cause.NO_HYPOTHESIS, "was not checked before the method"),
        ({"after": None}, Cause.NO_HYPOTHESIS, "was not checked after the method"),
        ({"crashed": "KeyError: 'x'"}, Cause.CRASHED, "the run crashed: KeyError: 'x'"),
        ({"refused": "time_scale must be a number"}, Cause.REFUSED, "time_scale must be"),
        ({"control_failures": ["disk full"]}, Cause.CONTROL, "journal control failed: disk full"),
    ],
    ids=lambda value: value.name if isinstance(value, Cause) else "",
)  # fmt: skip
def test_what_makes_a_run_invalid_is_inconclusive(
    changes: dict[str, Any], cause: Cause, words: str
) -> None:
    found = verdict(**changes)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, cause)
    assert words in found.reason


def test_no_recovery_after_the_rollback_is_violated() -> None:
    found = verdict(recovery=BAD)
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.NOT_RECOVERED)
    assert found.reason.startswith("no recovery after the rollback: after the rollbacks, starts")


def test_a_change_that_is_not_felt_needs_no_effect() -> None:
    assert verdict(faults=[{"name": "proxy", "effect": None}]).outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("error", "text", "cause"),
    [
        ("CloudRunUnanswered", "run.googleapis.com gave no answer", Cause.CLOUD_RUN_UNANSWERED),
        ("PartUnavailable", "the supervisor of a startup was killed", Cause.UNANSWERED),
    ],
    ids=["Cloud Run gave no answer", "its own machinery failed"],
)
@pytest.mark.parametrize("stage", ["after", "recovery"])
def test_a_probe_that_could_not_ask_proves_nothing(
    stage: str, error: str, text: str, cause: Cause
) -> None:
    run = failed_probe("starts", text)
    first, last = run["exception"]
    broken = {**run, "exception": [first, f"chaosnetra.errors.{error}: {text}\n", last]}
    found = verdict(**{stage: state(probe(), broken)})
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, cause)
    assert f"so the system was not looked at: {text}" in found.reason
    both = verdict(**{stage: state(probe(met=False, output=False), broken)})
    assert both.outcome is Outcome.VIOLATED, "what another probe saw was seen all the same"


def test_a_probe_that_failed_itself_after_the_method_is_a_violation() -> None:
    assert verdict(after=state(failed_probe())).cause is Cause.VIOLATED


@pytest.mark.parametrize(
    "invalid",
    [
        {"faults": [NOT_FELT]},
        {"method": (run_of("add latency", status="failed"),)},
        {"interrupted_by": "SIGINT"},
        {"crashed": "KeyError"},
        {"control_failures": ["disk full"]},
        {"before": None},
    ],
)
def test_an_invalid_experiment_proves_nothing_whatever_was_seen(invalid: dict[str, Any]) -> None:
    found = verdict(after=BAD, deviated=True, **invalid)
    assert found.outcome is Outcome.INCONCLUSIVE
    if "before" not in invalid:
        assert "after the method, starts: expected" in found.reason


def test_a_violation_outweighs_a_rollback_that_failed() -> None:
    found = verdict(after=BAD, undo_failures=["a toxic may be left"])
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert "a toxic may be left" in found.reason


def test_a_dry_run_is_never_held_nor_blamed_for_what_it_did_not_check() -> None:
    found = verdict(before=None, after=None, dry="probes")
    assert found.cause is Cause.DRY
    assert "was not checked" not in found.reason


def test_trials_under_the_fault_are_counted_without_the_baseline() -> None:
    found = verdict(
        before=state(startups(5, 5)), during=(state(startups(4, 4)),), after=state(startups(7, 10))
    )
    intervals = {"exact_interval": (0.0465, 0.508), "wilson_interval": (0.0757, 0.4759)}
    assert found.proofs == (ProvenBound("startups", 14, 3, (0.0611, 0.4657), 0.95, **intervals),)


def test_trials_of_different_probes_prove_each_their_own() -> None:
    found = verdict(
        during=(state(startups(5, 5)),),
        after=state(startups(5, 5), startups(40, 50, name="connections")),
    )
    assert [proof[:5] for proof in found.proofs] == [
        ("startups", 10, 0, (0.0, 0.2589), 0.95),
        ("connections", 50, 10, (0.1127, 0.3156), 0.95),
    ]


def test_the_line_names_the_probes_where_there_are_several() -> None:
    found = verdict(after=state(startups(5, 5), startups(50, 50, name="connections")))
    assert found.line.endswith(
        "(startups: 0 of 5 trials under the fault failed, which proves a failure rate of at most "
        "46% with 95% confidence; connections: 0 of 50 trials under the fault failed, which "
        "proves a failure rate of at most 6% with 95% confidence)"
    )


def test_without_trials_nothing_is_claimed() -> None:
    found = verdict()
    assert found.proofs == ()
    assert found.line == f"held: {found.reason}"


@pytest.mark.parametrize(
    "output",
    [
        {"attempts": 3},
        {"attempts": 3, "held": True},
        {"attempts": 3, "failures": 3},
        {"attempts": 3, "held": True, "failures": "yes"},
        {"attempts": 3, "held": True, "failures": 5},
        {"attempts": 3, "held": True, "failures": -1},
        {"attempts": True, "held": True, "failures": True},
        {"attempts": True, "held": True, "failures": 1},
        {"attempts": -3, "held": True, "failures": 0},
        {"attempts": -3, "held": True, "failures": -3},
        {"attempts": 3.0, "held": True, "failures": 3},
    ],
    ids=str,
)
def test_what_does_not_count_its_trials_soundly_counts_none(output: dict[str, Any]) -> None:
    found = verdict(during=(state(probe(output=output)),), after=state(probe(output=output)))
    assert found.proofs == ()
    beside = verdict(after=state(probe(output=output), startups(4, 4)))
    assert [(proof.trials, proof.failures) for proof in beside.proofs] == [(4, 0)]


@pytest.mark.parametrize(
    ("ready", "bounds", "proven"),
    [
        (5, (0.0, 0.4508), "(0 of 5 trials under the fault failed, which proves {} at most 46%"),
        (0, (0.5492, 1.0), "5 of 5 trials under the fault failed, which proves {} at least 54%"),
    ],
    ids=["held, at most", "violated, at least"],
)
def test_the_line_says_what_the_run_proves(
    ready: int, bounds: tuple[float, float], proven: str
) -> None:
    found = verdict(before=state(startups(5, 5)), after=state(startups(ready, 5)))
    assert found.proofs[0].failure_rate_bounds == bounds
    assert f"{proven.format('a failure rate of')} with 95% confidence" in found.line


def test_the_line_of_an_inconclusive_run_claims_nothing() -> None:
    found = verdict(after=state(startups(0, 5)), crashed="KeyError")
    assert found.line == f"inconclusive: {found.reason}"


def test_the_verdict_is_json() -> None:
    data = json.loads(json.dumps(verdict(after=state(startups(0, 5))).to_json()))
    assert (data["outcome"], data["cause"]) == ("violated", "steady state violated")
    assert data["proofs"] == [
        {
            "probe": "startups", "trials": 5, "failures": 5, "failure_rate_bounds": [0.5492, 1.0],
            "confidence": 0.95, "exact_interval": [0.4781, 1.0], "wilson_interval": [0.5655, 1.0],
            "max_failure_rate": None, "clean_trials_needed": None, "min_confidence": None,
        },
    ]  # fmt: skip


def test_judging_changes_nothing_and_can_be_repeated() -> None:
    given_ = journal(after=BAD, undo_failures=["left"])
    before = copy.deepcopy(given_)
    assert judged(given_) == judged(given_)
    assert given_ == before


def test_an_empty_journal_is_inconclusive() -> None:
    assert judged({})[0].outcome is Outcome.INCONCLUSIVE


def test_only_a_recovery_that_was_checked_is_told() -> None:
    assert judged(journal())[0].reason == "the steady state held before and after the method"
    assert judged(journal(recovery=GOOD))[0].reason.endswith("the method, and recovered")


SEEN_AT = "2026-01-01T00:00:07.000+00:00"
GONE = {
    **FELT,
    "effect_after": {
        "quantity": "added_latency_ms",
        "expected": 500,
        "observed": "gone",
        "in_effect": False,
        "detail": "the proxy has no such toxic any more",
    },
    "last_in_effect_at": SEEN_AT,
    "undo": "already done",
}
LOSS = {
    "kind": "Toxiproxy",
    "source": "configured",
    "address": "http://127.0.0.1:8474",
    "why": "its process 7 has ended",
    "noticed_at": "2026-01-01T00:00:08.000+00:00",
    "last_well_at": SEEN_AT,
}


@pytest.mark.parametrize("after", [GOOD, BAD])
def test_a_fault_that_was_gone_before_its_undo_proves_nothing(after: dict[str, Any]) -> None:
    found = verdict(after=after, faults=[GONE], recovery=GOOD)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.FAULT_GONE)
    assert "slow was not in effect any more before its undo" in found.reason
    assert f"it was last seen in effect at {SEEN_AT}" in found.reason


def test_a_fault_that_could_not_be_measured_again_is_not_called_gone() -> None:
    silent = {**GONE["effect_after"], "observed": "not measured", "detail": "nobody answers"}
    found = verdict(after=GOOD, faults=[{**GONE, "effect_after": silent}], recovery=GOOD)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.NOT_MEASURED)
    assert "slow could not be measured once more before its undo: nobody answers" in found.reason


@pytest.mark.parametrize(
    "fault",
    [
        {**GONE, "effect_after": {**GONE["effect_after"], "in_effect": True}},
        {key: value for key, value in GONE.items() if key in ("name", "effect", "undo")},
    ],
    ids=["in effect until its undo", "an older journal, without a second measurement"],
)
def test_a_fault_that_was_not_seen_to_be_gone_is_a_proof(fault: dict[str, Any]) -> None:
    assert verdict(faults=[fault], recovery=GOOD).outcome is Outcome.HELD


@pytest.mark.parametrize("after", [GOOD, BAD])
def test_a_lost_part_proves_nothing_and_is_named(after: dict[str, Any]) -> None:
    found = verdict(after=after, parts_lost=["Toxiproxy"], part_losses=[LOSS], recovery=BAD)
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.PART_LOST)
    assert found.reason.startswith(
        "Toxiproxy at http://127.0.0.1:8474 (configured) was lost during the run: its process 7 "
        f"has ended; noticed at {LOSS['noticed_at']}, last seen well at {SEEN_AT}"
    )
    assert "proves a failure rate" not in found.line


def test_a_part_that_an_older_journal_names_as_lost_is_still_lost() -> None:
    found = verdict(parts_lost=["PostgreSQL"])
    assert found.cause is Cause.PART_LOST
    assert found.reason == "PostgreSQL, started for this run, ended before the run did"


def test_other_violations_of_a_stage_are_named() -> None:
    names = ["first", "second", "third", "second"]
    probes = [probe(name, met=False, output=False) for name in names]
    found, violations = judged(journal(after=state(*probes), deviated=True))
    assert [one.probe for one in violations] == names
    assert found.reason.startswith("after the method, first: expected")
    assert found.reason.endswith("; nor did these hold: second, third")


LEFT = {"startups": 2, "of": 4, "why": "latency was not measured before the startup"}


def test_what_depends_on_startups_that_do_not_count_is_neither_held_nor_violated() -> None:
    open_ = startups(1, 2, uncounted={**LEFT, "undecided": True})
    found, _ = judged(journal(after=state(open_), deviated=True))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.NOT_MEASURED)
    assert found.reason.startswith(
        "startups: 2 of 4 startups count for nothing, and whether it held depends on them: "
        "latency was not measured before the startup"
    )
    silent = failed_probe("others", "chaosnetra.errors.PartUnavailable: none counts")
    silent["exception"].insert(0, "chaosnetra.errors.PartUnavailable: none counts\n")
    found, _ = judged(journal(after=state(open_, silent), deviated=True))
    assert found.outcome is Outcome.INCONCLUSIVE, "who was not asked says nothing either"


def test_what_is_violated_whatever_became_of_them_is_violated() -> None:
    decided = startups(0, 2, uncounted={**LEFT, "undecided": False})
    found, _ = judged(journal(after=state(decided), deviated=True))
    assert found.outcome is Outcome.VIOLATED
    open_ = startups(1, 2, "others", uncounted={**LEFT, "undecided": True})
    found, _ = judged(journal(after=state(decided, open_), deviated=True))
    assert found.outcome is Outcome.VIOLATED
    held = startups(2, 2, uncounted={**LEFT, "undecided": False})
    found, _ = judged(journal(after=state(held)))
    assert found.outcome is Outcome.HELD
