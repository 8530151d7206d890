"""A validation for people: a table for the terminal, and the summary of a pipeline's job."""

from collections.abc import Iterator

from chaosnetra.ci.gate import Validation
from chaosnetra.evidence.compare.comparison_text import comparison_text
from chaosnetra.runner.outcome import Kind, RunOutcome
from chaosnetra.text import cut, markdown, one_line

LONGEST_LINE = 600


def table(validation: Validation) -> str:
    """One line an experiment, and one for why where it did not hold."""
    return "\n".join(_rows(validation))


def _rows(validation: Validation) -> Iterator[str]:
    for outcome in validation.outcomes:
        yield one_line(
            f"{outcome.kind.value:<12} {outcome.seconds:6.1f} s  {outcome.experiment.path}"
        )
        if outcome.kind is not Kind.HELD:
            yield f"{'':<12} {cut(outcome.line, LONGEST_LINE)}"
    if validation.comparison is not None:
        for one in validation.comparison.experiments:
            yield from (
                one_line(f"{'regression':<12} {one.title}: {text}") for text in one.regressions
            )
            yield from (
                one_line(f"{'not compared':<12} {one.title}: {text}") for text in one.refused
            )
    yield f"baseline: {one_line(validation.baseline)}"
    if validation.reports_missing:
        yield f"no reports: {validation.reports_missing}"
    yield f"result: {validation.exit.meaning} (exit code {validation.exit.value})"


def summary(validation: Validation) -> str:
    """The same as Markdown, with the comparison."""
    return "\n".join(_markdown(validation)) + "\n"


def _markdown(validation: Validation) -> Iterator[str]:
    yield f"# Steady state: {validation.exit.meaning}"
    yield ""
    yield "| experiment | outcome | seconds | why |"
    yield "| --- | --- | ---: | --- |"
    yield from map(_row, validation.outcomes)
    yield ""
    yield "## Compared with the baseline"
    yield ""
    yield markdown(validation.baseline)
    if validation.comparison is not None:
        yield ""
        yield comparison_text(validation.comparison).replace("\n## ", "\n### ")
    if validation.reports_missing:
        yield ""
        yield f"No reports: {markdown(validation.reports_missing)}"


def _row(outcome: RunOutcome) -> str:
    name = outcome.experiment.title or str(outcome.experiment.path)
    return (
        f"| {markdown(name)} | {outcome.kind.value} | {outcome.seconds:.1f} "
        f"| {markdown(cut(outcome.line, LONGEST_LINE))} |"
    )
