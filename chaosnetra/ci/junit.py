"""JUnit XML of a validation: a suite an experiment, whatever became of it.

The report on the journals has what each probe stated; this adds the runs that left no journal, and
what the validation says of each run as its case `verdict`. A suite is called as its experiment,
with a journal or without; experiments that share a title have their files beside it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from junitparser import Error, Failure

from chaosnetra.report.junit_xml import (
    VERDICT,
    Case,
    Suite,
    case,
    distinct,
    document,
    suite,
    suites_of,
)
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
        SyntaxError: what is there is not XML.
    """
    found = suites_of(path) if reported else iter(())
    suites = [_suite(outcome, found) for outcome in outcomes]
    for one, name, outcome in zip(suites, _names(outcomes), outcomes, strict=True):
        one.call(name)
        for each in one:
            each.file = one_visible_line(outcome.experiment.path)
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


def _suite(outcome: RunOutcome, reported: Iterator[Suite]) -> Suite:
    """The report's suite of a run where there is one, with our verdict in it."""
    found = next(reported, None) if outcome.journal is not None else None
    if found is None:
        found = suite("", [case(VERDICT)], seconds=outcome.seconds)
    for one in found:
        if one.name == VERDICT:
            _judge(one, outcome)
    return found


def _judge(verdict: Case, outcome: RunOutcome) -> None:
    verdict.time, verdict.result = round(outcome.seconds, 3), []
    if outcome.kind is not Kind.HELD:
        kind = Failure if outcome.kind is Kind.VIOLATED else Error
        verdict.tell(kind, outcome.kind.value, outcome.line, outcome.text)
        lines = last_lines(outcome.files.output)
        verdict.system_out = "\n".join(map(one_visible_line, lines))
