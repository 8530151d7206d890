"""`chaosnetra verdict`: what a journal proves, as a line and an exit code."""

from pathlib import Path

import click

from chaosnetra.commands.shared import PATH, UNREADABLE, exit_on, format_option, say_json


@click.command()
@click.argument("journal", type=PATH)
@format_option("One line, or one JSON document with intervals of rates and quantiles of times.")
def verdict(journal: Path, output: str) -> None:
    """Judge a run anew, from its JOURNAL alone.

    Takes any journal of the Chaos Toolkit, also one without our section, and one of an
    interrupted run. Of a search (its folder, or its search.json) the breaking point is computed
    anew from its trials, and the exit code is that of `search`.

    Exit codes: 0 held; 1 violated; 2 inconclusive; 3 the baseline was not met; 4 a fault was not
    injected; 5 a rollback failed, or the steady state did not come back; 6 interrupted; 7 the
    journal cannot be read.
    """
    from chaosnetra.errors import Unreadable
    from chaosnetra.evidence.journal.reading import read_journal
    from chaosnetra.evidence.verdict.verdict import Cause, Outcome, judge
    from chaosnetra.search.record import search_file

    file = search_file(journal)
    if file is not None:
        _search(file, output)
    with exit_on({Unreadable: UNREADABLE}):
        found = read_journal(journal)
    judged, violations = judge(found.data)
    if output == "json":
        from chaosnetra.evidence.statistics.times import times_of

        said = {
            **judged.to_json(),
            "violations": [violation.to_json() for violation in violations],
            "times": [times.to_json() for times in times_of(found.data)],
        }
        say_json(said)
    else:
        click.echo(judged.line)
    by_cause = {
        Cause.BASELINE: 3,
        Cause.INJECTION: 4,
        Cause.ROLLBACK: 5,
        Cause.NOT_RECOVERED: 5,
        Cause.INTERRUPTED: 6,
    }
    by_outcome = {Outcome.HELD: 0, Outcome.VIOLATED: 1, Outcome.INCONCLUSIVE: 2}
    raise SystemExit(by_cause.get(judged.cause, by_outcome[judged.outcome]))


def _search(file: Path, output: str) -> None:
    """End with what the trials of a search tell."""
    from chaosnetra.errors import Unreadable
    from chaosnetra.search.judging import judged
    from chaosnetra.search.record import read_search
    from chaosnetra.search.telling import summary

    with exit_on({Unreadable: UNREADABLE}):
        found = read_search(file)
    conclusion = judged(found)
    if output == "json":
        say_json(conclusion.to_json())
    else:
        click.echo(summary(found, conclusion))
    raise SystemExit(conclusion.exit_code)
