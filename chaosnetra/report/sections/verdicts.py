"""Verdict and reason, and expected and observed."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.evidence.verdict.verdict import proof_text as sentence
from chaosnetra.quantities import finite_or_none
from chaosnetra.report.claims import CONFIDENCE_TEXT, Claim, pooled
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.markup import element, join
from chaosnetra.report.page import details, figure, met_mark, notes, quoted, table, verdict_badge
from chaosnetra.report.plots.rates import MOST_ROWS, rates
from chaosnetra.report.plots.scales import number_text, share_text
from chaosnetra.report.sections import Part
from chaosnetra.text import are, how_many, not_told

MOST_CLAIMS = 200


def verdict(facts: RunFacts) -> Markup:
    """The verdict, why, and what the trials prove."""
    found = facts.verdict
    proves = 0 if found.outcome is Outcome.INCONCLUSIVE else min(20, len(found.proofs))
    proofs = [element("li", proof_text(facts, index)) for index in range(proves)]
    cause = "" if found.cause.value.endswith(found.outcome.value) else f" ({found.cause.value})"
    return element(
        "div",
        element("p", verdict_badge(found.outcome.value), cause),
        element("p", quoted(facts.headline)),
        element("p", quoted(facts.reason), class_="note") if facts.reason else None,
        element("ul", *proofs) if proofs else None,
        class_=f"verdict {found.outcome.value}",
    )


def proof_text(facts: RunFacts, index: int) -> str:
    """What the trials of a probe under the fault prove, as a sentence."""
    proof = facts.verdict.proofs[index]
    return f"{proof.probe}: {sentence(proof, facts.verdict.outcome)}"


def failure_rates(facts: RunFacts) -> Iterator[Part]:
    """Failure rates against what is allowed, drawn."""
    counted = [claim for claim in pooled(facts.claims) if claim.trials]
    if counted:
        left_out = len(counted) - MOST_ROWS
        caption = "The share of trials that failed, against what is allowed."
        caption += (
            f" {how_many(left_out, 'more claim')} {are(left_out)} in the table only."
            if left_out > 0
            else ""
        )
        yield "Failure rates", figure(rates(counted), caption)


def hypothesis(facts: RunFacts) -> Part:
    """What was expected and observed, with bounds."""
    found = pooled(facts.claims)
    shown = found[:MOST_CLAIMS]
    counted = [claim for claim in shown if claim.trials]
    left_out = len(found) - MOST_CLAIMS
    none = ["No probe of the steady state was asked."] if not found else []
    return (
        "Expected and observed",
        _expected(shown) if found else None,
        _bounds(counted) if counted else None,
        notes([f"{not_told(left_out, 'claim')}."] if left_out > 0 else none),
    )


def _expected(found: Sequence[Claim]) -> Markup:
    rows = [
        (
            claim.probe,
            claim.stage.when,
            element("span", quoted(claim.expected), class_="wide"),
            element("span", quoted(observed(claim)), class_="wide"),
            join((met_mark(claim.held), allowance(claim), _checks(claim))),
        )
        for claim in found
    ]
    return table(("probe", "when", "expected", "observed", "observed-rate rule"), rows)


def _checks(claim: Claim) -> str | None:
    if claim.checks == 1:
        return None
    return f" ({claim.checks_not_held:,} of {how_many(claim.checks, 'check')} not held)"


def allowance(claim: Claim) -> str | None:
    """What share may fail, of a claim that held although some did; None: there is none to tell."""
    if not claim.held or not claim.failures or claim.limit is None:
        return None
    return f" ({share_text(claim.limit)} may fail)"


def observed(claim: Claim) -> str:
    """What was observed: of checks taken together, their sum."""
    if claim.checks > 1 and claim.trials:
        return f"{claim.trials - claim.failures:,} of {claim.trials:,} succeeded"
    return claim.observed if claim.failed is None else f"{claim.observed}: {claim.failed}"


def _bounds(found: Sequence[Claim]) -> Markup:
    rows = []
    for claim in found:
        interval = claim.wilson
        assert interval is not None  # noqa: S101 - it has trials
        rows.append(
            (
                f"{claim.probe}, {claim.stage.when}",
                f"{claim.failures:,} of {claim.trials:,}",
                share_text(claim.failures / claim.trials),
                f"{share_text(interval.low)} to {share_text(interval.high)}",
                claim.bound_text,
                share_text(claim.limit) if claim.limit is not None else None,
                failure_free_trials_text(claim),
            )
        )
    whole = table(
        (
            "probe",
            "failed",
            "share",
            f"Wilson interval, {CONFIDENCE_TEXT}",
            f"proven with {CONFIDENCE_TEXT} (Clopper-Pearson)",
            "allowed",
            "failure-free trials that would prove the claim",
        ),
        rows,
        "The observed-rate rule decides; the intervals say how sure so few trials can be.",
    )
    return details("Rates, their intervals, and the trials that prove a claim", whole)


def failure_free_trials_text(claim: Claim) -> str | None:
    """How many trials the claim needs, against how many there were."""
    if claim.limit is None:
        return None
    needed = claim.failure_free_trials_needed
    if claim.limit >= 1:
        return "none: it allows all to fail"
    if needed is None:
        return "no number proves that none ever fails"
    if claim.is_proven:
        return f"{needed:,}; proven by these {claim.trials:,}"
    return f"{needed:,}; there were {claim.trials:,}"


def rules(found: Sequence[Mapping[str, object]]) -> Iterator[Part]:
    """Findings on the budgets by arithmetic, where there are any."""
    rows = [
        (
            str(rule.get("rule")),
            str(rule.get("budget")),
            _seconds(rule.get("has_seconds")),
            _seconds(rule.get("needs_seconds")),
            met_mark(rule.get("holds") is True, ("yes", "no")),
            element("span", quoted(str(rule.get("why"))), class_="wide"),
        )
        for rule in found
    ]
    caption = "The profile's budgets against what startups need, at time scale 1."
    if rows:
        headers = ("rule", "budget", "has", "needs", "holds", "why")
        yield "Budgets by arithmetic", table(headers, rows, caption)


def _seconds(value: object) -> str | None:
    number = finite_or_none(value)
    return None if number is None else f"{number_text(number)} s"
