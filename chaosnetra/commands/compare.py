"""`chaosnetra compare`: did a change help?"""

from pathlib import Path

import click

from chaosnetra.commands.shared import PATH, UNREADABLE, exit_on, format_option, say_json

REGRESSION = 1
INCOMPLETE = 2


@click.command()
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
@format_option("Text that is Markdown too, or one JSON document.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice(["target", "faults", "count", "database_state"]),
    help="Compare although this differs; can be given several times.",
)
def compare(before: Path, after: Path, output: str, allowed: tuple[str, ...]) -> None:
    """Compare the runs BEFORE a change with those AFTER it.

    BEFORE and AFTER are each a journal, or a folder of journals; experiments are matched by their
    titles, and runs of the same experiment are taken together.

    A regression is an experiment that held and no longer does, a probe that proves a higher
    failure rate under the fault, or startups under the fault that are slower: certainly (5 %,
    corrected for the number of comparisons), largely (Cliff's delta 0.474) and by a quarter more
    than those without the fault are, which a slower machine explains.

    What became better by more than noise comes first: it holds now, fails less often, is faster, or
    its round trips or waits fell.

    Where startups were seen on the wire, their round trips, own time and waits are told, and which
    statements came or went.

    What differs in how they were run is said. Another target, other faults, another number of
    trials at once or another state of the database make a comparison meaningless, and it is refused
    unless --allow names it; between local and staging they are only said.

    Two searches (their folders, or their search.json) are compared by how likely it is that the
    second bears more than the first; it is a regression where it bears less with 95 %.

    Exit codes: 0 no regression; 1 a regression; 2 an experiment of BEFORE is missing, proves
    nothing before or after, or is not comparable; 7 a journal that cannot be read.
    """
    from chaosnetra.errors import Unreadable
    from chaosnetra.evidence.compare.circumstances import Kind
    from chaosnetra.evidence.compare.comparison import compare as compare_runs
    from chaosnetra.evidence.compare.comparison_text import comparison_text
    from chaosnetra.evidence.compare.experiment_runs import gather
    from chaosnetra.evidence.journal.reading import read_journals
    from chaosnetra.search.record import search_file

    files = [search_file(path) for path in (before, after)]
    if any(file is not None for file in files):
        _searches(files, output)
    with exit_on({Unreadable: UNREADABLE}):
        runs = [gather(read_journals(path)) for path in (before, after)]
    comparison = compare_runs(runs[0], runs[1], frozenset(map(Kind, allowed)))
    if output == "json":
        say_json(comparison.to_json())
    else:
        click.echo(comparison_text(comparison))
    if comparison.regressed:
        raise SystemExit(REGRESSION)
    if not comparison.complete:
        raise SystemExit(INCOMPLETE)


def _searches(files: list[Path | None], output: str) -> None:
    """End with what became of the breaking point of two searches."""
    from chaosnetra.errors import InvalidInput, Unreadable
    from chaosnetra.search.comparing import compare_searches
    from chaosnetra.search.record import read_search

    with exit_on({Unreadable: UNREADABLE, InvalidInput: INCOMPLETE}):
        found = [read_search(file) for file in files if file is not None]
        if len(found) != len(files):
            raise InvalidInput("a search can be compared with a search only")
        comparison = compare_searches(*found)
    if output == "json":
        say_json(comparison.to_json())
    else:
        click.echo(comparison.text)
    if comparison.chance_bears_more is None:
        raise SystemExit(INCOMPLETE)
    raise SystemExit(REGRESSION if comparison.regressed else 0)
