"""Violations with what failed, recommendations, and the environment."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.markup import element, join
from chaosnetra.report.page import code_block, details, error_text, facts_list, notes, quoted, table
from chaosnetra.report.plots.scales import seconds_text
from chaosnetra.report.sections import Part
from chaosnetra.report.series import TIMED_OUT
from chaosnetra.text import are, how_many, not_told

MOST_VIOLATIONS = 20
MOST_FAILURES = 12
MOST_RECOMMENDATIONS = 50
LONGEST_ERROR = 2_000


def violations(facts: RunFacts) -> Iterator[Part]:
    """Each violation, then what failed and why."""
    found = facts.violations
    left_out = len(found) - MOST_VIOLATIONS
    more = notes([f"{not_told(left_out, 'violation')}."] if left_out > 0 else [])
    nothing = "Nothing that the steady state claims was violated."
    none = element("p", nothing if facts.claims else "Nothing was checked.")
    shown = map(_violation, found[:MOST_VIOLATIONS])
    yield "Violations", *(shown if found else (none,)), more
    if facts.failures:
        yield "What failed", _failures(facts)


def _violation(violation: Violation) -> Markup:
    budget, error = violation.budget, violation.error
    if budget is not None and violation.budget_seconds is not None:
        needs = violation.budget_needs_seconds
        how = "ran out" if needs is None else f"is too short, {seconds_text(needs)} needed"
        budget = f"{budget} of {seconds_text(violation.budget_seconds)} {how}"
    return element(
        "div",
        element("p", element("strong", f"{violation.probe}, {violation.stage.when}")),
        facts_list(
            [
                ("expected", quoted(violation.expected)),
                ("observed", quoted(violation.observed)),
                ("phase", violation.phase),
                ("budget", budget),
                ("ended", violation.ended),
                ("SQLSTATE", violation.sqlstate),
                ("error", error and error_text(error[: 4 * LONGEST_ERROR])),
                ("on the wire", _quoted(violation.on_the_wire)),
                ("in the phase", _quoted(violation.phase_on_the_wire)),
                ("limit that it names", _quoted(violation.named_limit_refuted)),
                ("at", violation.at if isinstance(violation.at, str) else None),
            ]
        ),
        class_="card",
    )


def _quoted(text: str | None) -> Markup | None:
    return None if text is None else quoted(text[:LONGEST_ERROR])


def _failures(facts: RunFacts) -> Markup:
    rows = []
    for failure, count, causes in facts.failures[:MOST_FAILURES]:
        places = {
            "phase": failure.phase,
            "budget": failure.budget,
            "SQLSTATE": failure.sqlstate,
            "exit code": failure.exit_code,
        }
        where = ", ".join(f"{kind} {one}" for kind, one in places.items() if one is not None)
        chain = element("ol", *(element("li", error_text(cause)) for cause in causes))
        text = error_text(failure.text) if failure.text is not None else "no error text"
        # Of one that did not end nobody knows the cause.
        is_cut_off = failure.status in TIMED_OUT
        named = "lines that tell most" if is_cut_off else "causes, outermost first"
        tells_more = any(cause != failure.text for cause in causes)
        rows.append(
            (
                f"{count:,}",
                f"{failure.probe}, {failure.stage.when}",
                failure.status.replace("_", " "),
                where,
                element(
                    "span",
                    text,
                    details(named, chain) if tells_more else None,
                    class_="wide",
                ),
            )
        )
    left_out = len(facts.failures) - MOST_FAILURES + facts.failures_left_out
    caption = (
        "What did not succeed, by what it says; also before the method and within what is allowed."
    )
    if any(failure.status in TIMED_OUT for failure, _, _ in facts.failures):
        caption += " Those given up whose texts differ by numbers only are one row."
    if left_out > 0:
        caption += f" {how_many(left_out, 'rarer one')} {are(left_out)} left out."
    return table(("times", "probe", "ended", "where", "error"), rows, caption)


def recommendations(found: Sequence[Recommendation]) -> Markup:
    """What to change, each with its evidence."""
    parts = [_recommendation(one) for one in found[:MOST_RECOMMENDATIONS]]
    if len(found) > MOST_RECOMMENDATIONS:
        parts.append(notes([f"{not_told(len(found) - MOST_RECOMMENDATIONS, 'proposal')}."]))
    return join(parts)


def _recommendation(one: Recommendation) -> Markup:
    now = f" (now {one.current})" if one.current is not None else ""
    return element(
        "div",
        element("p", element("strong", f"{one.subject}: {one.proposed}"), now),
        element("p", one.reason),
        details(
            "What it rests on",
            element("ul", *(element("li", text) for text in one.evidence)),
        )
        if one.evidence
        else None,
        element("p", "Check with ", element("code", one.check)) if one.check else None,
        class_="card",
    )


def environment(facts: RunFacts) -> Iterator[Part]:
    """How to run it again, and where and with what it ran."""
    again = facts.reproduction
    yield (
        "Run it again",
        code_block("\n".join(again.commands)),
        notes([again.remark] if again.remark else []),
    )
    yield "Environment", facts_list(facts.environment)
