"""JUnit XML, as CI systems read it: a suite a journal, a case a probe and stage."""

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from chaosnetra.evidence.recommendation import Recommendation
from chaosnetra.evidence.verdict import Cause, Outcome
from chaosnetra.report.claims import STAGES, Claim
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.safe_text import one_visible_line, visible
from chaosnetra.report.sections.verdicts import proof_text

LONGEST = 10_000
# The suites' schema wants a time without a zone; a journal's is UTC.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class JunitReport:
    """Takes in runs one by one; see `chaosnetra.report.formats.Report`.

    A probe that did not hold is a failure; a probe that failed itself, or that did not hold
    before the method where that makes the run invalid, is an error. The case `verdict` says what
    no single probe does: it is an error for a run that proves nothing.
    """

    def __init__(self) -> None:
        self._suites: list[ET.Element] = []

    def add(self, facts: RunFacts) -> None:
        self._suites.append(_suite(facts, len(self._suites)))

    def text(self, recommendations: Sequence[Recommendation]) -> str:  # noqa: ARG002 - no place
        root = ET.Element("testsuites", name="chaosnetra")
        for key in ("tests", "failures", "errors"):
            root.set(key, str(sum(int(suite.get(key, "0")) for suite in self._suites)))
        root.set("time", f"{sum(float(suite.get('time', '0')) for suite in self._suites):.3f}")
        root.extend(self._suites)
        ET.indent(root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(facts: RunFacts, number: int) -> ET.Element:
    name = one_visible_line(facts.title, 300)
    cases = [_case(name, facts, claim) for claim in facts.claims]
    _tell_apart(cases)
    cases.append(_verdict_case(name, facts))
    found = _TIMESTAMP.match(facts.start or "")
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped="0",
        time=_seconds(facts.seconds),
        timestamp=found.group() if found else "1970-01-01T00:00:00",
        hostname=next((value for key, value in facts.environment if key == "node"), "unknown"),
        id=str(number),
        package="chaosnetra",
    )
    properties = ET.SubElement(suite, "properties")
    listed = [("verdict", facts.verdict.outcome.value), ("cause", facts.verdict.cause.value)]
    for key, value in [*listed, ("journal", facts.path), *facts.environment]:
        ET.SubElement(
            properties,
            "property",
            name=one_visible_line(key, 100),
            value=one_visible_line(value, 500),
        )
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _output(facts)
    ET.SubElement(suite, "system-err")
    return suite


def _case(suite: str, facts: RunFacts, claim: Claim) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=suite,
        name=one_visible_line(f"{claim.probe} {STAGES[claim.stage]}", 300),
        time=_seconds(claim.seconds),
    )
    said = f"expected {claim.expected}; observed {claim.observed}"
    if claim.failed is not None:
        _told(case, "error", "probe failed", f"{said}: {claim.failed}")
    elif claim.held is False:
        is_baseline = facts.verdict.cause is Cause.BASELINE and claim.stage == "before"
        kind, type_ = ("error", "baseline not met") if is_baseline else ("failure", "violated")
        _told(case, kind, type_, f"{said}: {claim.error}" if claim.error else said)
    return case


def _tell_apart(cases: Sequence[ET.Element]) -> None:
    """Number cases that have the same name: some consumers keep only one of each."""
    seen: Counter[str] = Counter()
    for case in cases:
        name = case.get("name", "")
        seen[name] += 1
        if seen[name] > 1:
            case.set("name", f"{name} ({seen[name]})")


def _verdict_case(suite: str, facts: RunFacts) -> ET.Element:
    case = ET.Element("testcase", classname=suite, name="verdict", time="0.000")
    verdict = facts.verdict
    if verdict.outcome is Outcome.VIOLATED:
        _told(case, "failure", verdict.cause.value, verdict.reason)
    elif verdict.outcome is Outcome.INCONCLUSIVE:
        _told(case, "error", verdict.cause.value, verdict.reason)
    return case


def _told(case: ET.Element, kind: str, type_: str, text: str) -> None:
    element = ET.SubElement(case, kind, type=type_, message=one_visible_line(text, 500))
    element.text = visible(text, LONGEST)


def _output(facts: RunFacts) -> str:
    verdict = facts.verdict
    lines = [
        f"{verdict.outcome.value}: {one_visible_line(verdict.reason, LONGEST)}",
        *(one_visible_line(proof_text(facts, index)) for index in range(len(verdict.proofs[:20]))),
        *(one_visible_line(violation.line) for violation in facts.violations[:20]),
        *facts.reproduction.commands,
        *([facts.reproduction.remark] if facts.reproduction.remark else []),
    ]
    return "\n".join(lines)


def _seconds(seconds: float | None) -> str:
    return f"{seconds or 0.0:.3f}"
