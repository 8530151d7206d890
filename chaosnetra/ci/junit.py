"""JUnit XML of a validation: a suite an experiment, whatever became of it.

The report on the journals has what each probe stated; this adds the runs that left no journal, and
what the validation says of each run as its case `verdict`. A suite is called as its experiment,
with a journal or without; experiments that share a title have their files beside it.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from chaosnetra.report.junit_xml import VERDICT, call, case, distinct, document, suite, told
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.runner.outcome import Kind, RunOutcome, last_lines
from chaosnetra.whole_file import write_whole


def write_junit(path: Path, outcomes: Sequence[RunOutcome], reported: bool) -> None:
    """Write a JUnit file in which every run is, or complete the report's.

    Args:
        path: the file; it is there when `reported`.
        outcomes: of all runs.
        reported: whether it is the report on the journals of these runs, in this order.

    Raises:
        OSError: it cannot be written.
        ParseError: what is there is not XML.
    """
    found = ET.parse(path).getroot().iter("testsuite") if reported else iter(())  # noqa: S314 - ours
    suites = [_suite(outcome, found) for outcome in outcomes]
    for one, name, outcome in zip(suites, _names(outcomes), outcomes, strict=True):
        call(one, name)
        for each in one.findall("testcase"):
            each.set("file", one_visible_line(outcome.experiment.path))
    write_whole(path, document(suites))


def _names(outcomes: Sequence[RunOutcome]) -> list[str]:
    """A name for each that does not depend on how the others ended."""
    titles = [
        one_visible_line(one.experiment.title or one.experiment.path.stem) for one in outcomes
    ]
    shared = {title for title, times in Counter(titles).items() if times > 1}
    return distinct(
        [
            one_visible_line(f"{title} ({one.experiment.path})") if title in shared else title
            for title, one in zip(titles, outcomes, strict=True)
        ]
    )


def _suite(outcome: RunOutcome, reported: Iterator[ET.Element]) -> ET.Element:
    """The report's suite of a run where there is one, with our verdict in it."""
    verdict = _verdict(outcome)
    found = next(reported, None) if outcome.journal is not None else None
    if found is None:
        return suite("", [verdict], seconds=outcome.seconds)
    for at, one in enumerate(found):
        if one.tag == "testcase" and one.get("name") == VERDICT:
            found[at] = verdict
    return found


def _verdict(outcome: RunOutcome) -> ET.Element:
    found = case(VERDICT, outcome.seconds)
    if outcome.kind is not Kind.HELD:
        kind = "failure" if outcome.kind is Kind.VIOLATED else "error"
        told(found, kind, outcome.kind.value, outcome.line, outcome.text)
        ET.SubElement(found, "system-out").text = "\n".join(
            map(one_visible_line, last_lines(outcome.files.output))
        )
    return found
