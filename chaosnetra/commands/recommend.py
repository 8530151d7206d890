"""`chaosnetra recommend`: what to change, from the measurements of runs."""

import click

from chaosnetra.commands.shared import UNREADABLE, exit_on, format_option, say_json

NOTHING_LEARNED = 2
NOT_WRITTEN = 2


@click.command()
@click.argument("journals", metavar="JOURNAL…", type=click.Path(), nargs=-1, required=True)
@format_option("Text that is Markdown too, or one JSON document.")
@click.option(
    "--write-profile",
    "name",
    metavar="NAME",
    help="Also write the profile of the runs, with every recommended change, to NAME.json.",
)
@click.option(
    "--directory",
    type=click.Path(),
    default=".",
    show_default=True,
    help="Where NAME.json is written. A file that is there already is left alone.",
)
def recommend(journals: tuple[str, ...], output: str, name: str | None, directory: str) -> None:
    """Say what to change, from the measurements in journals alone.

    Each JOURNAL is a journal, or a folder of journals. Runs with the same profile are taken
    together; what a run measured counts only when its verdict is held or violated.

    A budget is raised to the upper bound of what its work took under pressure, and a margin of
    25 %; where every startup was cut short, to twice the time that was not enough, and a second
    run is to confirm it. Pools, connector and the orchestrator itself are looked at too; of any
    service, what was seen of its startups on the wire. Each recommendation names its evidence and
    the command that checks it.

    Exit codes: 0 done, also when nothing has to be changed, because every run held within budgets,
    pools and connectors that it measured; 2 nothing can be recommended, and it is not known whether
    something has to be changed, or the profile was not written; 7 a journal that cannot be read.
    """
    from itertools import chain
    from pathlib import Path

    from chaosnetra.errors import InvalidInput, Unreadable
    from chaosnetra.evidence.advice.derived_profile import profile_path, write_profile
    from chaosnetra.evidence.advice.recommendation import recommendation_text
    from chaosnetra.evidence.advice.recommending import advise
    from chaosnetra.evidence.journal.reading import read_journals
    from chaosnetra.text import markdown

    with exit_on({InvalidInput: NOT_WRITTEN, Unreadable: UNREADABLE}):
        path = None if name is None else profile_path(name, Path(directory))
        advising = advise(chain.from_iterable(read_journals(Path(one)) for one in journals))
    found = advising.recommendations_for(str(path) if path else None)
    if output == "json":
        said = {
            "recommendations": [one.to_json() for one in found],
            "runs": advising.runs,
            "not_known": list(advising.not_known),
            "passed_over": list(advising.passed_over),
            "profile_file": str(path) if path else None,
        }
        say_json(said)
    elif found:
        click.echo(recommendation_text(found))
        if advising.not_known:
            click.echo(f"\nNot known: {markdown('; '.join(advising.not_known))}")
    else:
        verb = "has to be changed" if advising.nothing_to_change else "can be recommended"
        click.echo(f"nothing {verb}, from these journals, because {advising.why_nothing}")
    if path is not None:
        with exit_on({InvalidInput: NOT_WRITTEN}):
            write_profile(advising, path)
        click.echo(f"profile {path.stem} is written to {path}", err=True)
    if not (found or advising.nothing_to_change):
        raise SystemExit(NOTHING_LEARNED)
