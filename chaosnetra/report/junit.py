"""Runs as JUnit XML: a suite a journal, a case a probe and stage."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from junitparser import Error, Failure

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.report.claims import Claim
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.junit_xml import (
    LONGEST_NAME,
    LONGEST_TEXT,
    VERDICT,
    Case,
    Suite,
    case,
    distinct,
    document,
    suite,
)
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.sections import wire
from chaosnetra.report.sections.verdicts import proof_text

MOST_OUTPUTS = 2
MOST_LINES = 30
# The suites' schema wants a time without a zone; a journal's is UTC.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class JunitReport:
    """Takes in runs one by one; see `chaosnetra.report.formats.Report`.

    A probe that did not hold is a failure; a probe that failed itself, or that did not hold
    before the method where that makes the run invalid, is an error. The case `verdict` says what
    no single probe does: it is an error for a run that proves nothing.

    A suite is called as its experiment; of several with that title the later ones have a number,
    in the order in which they were taken in.
    """

    def __init__(self, _: Path) -> None:
        self._suites: list[Suite] = []

    def add(self, facts: RunFacts) -> None:
        self._suites.append(_suite(facts))

    def text(self, recommendations: Sequence[Recommendation]) -> str:  # noqa: ARG002 - no place
        names = distinct([found.name for found in self._suites])
        for found, name in zip(self._suites, names, strict=True):
            found.call(name)
        return document(self._suites)


def _suite(facts: RunFacts) -> Suite:
    found = _TIMESTAMP.match(facts.start or "")
    return suite(
        facts.title,
        [*(_case(facts, claim) for claim in facts.claims), _verdict_case(facts)],
        seconds=facts.seconds,
        timestamp=found.group() if found else "1970-01-01T00:00:00",
        hostname=next((value for key, value in facts.environment if key == "node"), "unknown"),
        properties=[
            ("verdict", facts.verdict.outcome.value),
            ("cause", facts.verdict.cause.value),
            ("journal", str(facts.path)),
            *facts.environment,
        ],
        output=_output(facts),
    )


def _case(facts: RunFacts, claim: Claim) -> Case:
    # The stage stays, however long the name is: it tells cases apart.
    stage = claim.stage.when
    probe = one_visible_line(claim.probe, LONGEST_NAME - len(stage) - 1)
    found = case(f"{probe} {stage}", claim.seconds)
    said = f"expected {claim.expected}; observed {claim.observed}"
    if claim.failed is not None:
        found.tell(Error, "probe failed", f"{said}: {claim.failed}")
    elif claim.held is False:
        kind, type_ = _kind(facts.verdict.cause, claim)
        why = "; ".join(filter(None, (claim.error, claim.wire)))
        line = f"{said}: {why}" if why else said
        found.tell(kind, type_, line, "\n".join([line, *_evidence(facts, claim)]))
    return found


def _kind(cause: Cause, claim: Claim) -> tuple[type[Error] | type[Failure], str]:
    """What a claim that did not hold is: no failure of the system, where it says nothing of it."""
    if cause is Cause.BASELINE and claim.stage == "before":
        return Error, "baseline not met"
    return (Error, cause.value) if cause is Cause.MACHINE else (Failure, "violated")


def _evidence(facts: RunFacts, claim: Claim) -> Iterator[str]:
    """How the startups of a probe that were not ready stood, and what they printed."""
    for seen in facts.seen:
        if seen.probe == claim.probe:
            for standing in seen.standings:
                if standing.stage is claim.stage:
                    yield wire.standing_line(standing)
            printed = [one for one in seen.outputs if claim.stage in one.stages]
            for output in printed[:MOST_OUTPUTS]:
                yield f"{wire.output_summary(output, seen)}:"
                yield from output.lines[-MOST_LINES:]


def _verdict_case(facts: RunFacts) -> Case:
    found = case(VERDICT)
    verdict = facts.verdict
    if verdict.outcome is not Outcome.HELD:
        kind = Failure if verdict.outcome is Outcome.VIOLATED else Error
        found.tell(kind, verdict.cause.value, verdict.reason)
    return found


def _output(facts: RunFacts) -> str:
    verdict = facts.verdict
    lines = [
        f"{verdict.outcome.value}: {one_visible_line(verdict.reason, LONGEST_TEXT)}",
        *(one_visible_line(proof_text(facts, index)) for index in range(len(verdict.proofs[:20]))),
        *(one_visible_line(violation.line) for violation in facts.violations[:20]),
        *facts.reproduction.commands,
        *([facts.reproduction.remark] if facts.reproduction.remark else []),
    ]
    return "\n".join(lines)
