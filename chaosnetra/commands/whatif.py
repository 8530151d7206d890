"""`chaosnetra whatif`: what becomes of more instances than can be started here."""

from pathlib import Path

import click

from chaosnetra.commands.shared import JOURNALS, UNREADABLE, exit_on, format_option, say_json

REFUSED = 2


@click.command()
@JOURNALS
@click.option("--instances", type=int, required=True, help="Instances that start at once.")
@click.option(
    "--latency-ms",
    type=float,
    default=0.0,
    show_default=True,
    help="That each round trip takes longer than in the journals without a fault.",
)
@click.option("--pool", type=int, help="Connections of one instance at once.")
@click.option("--max-connections", type=int, help="Of the database.")
@click.option(
    "--connector-slots",
    type=int,
    help="Of a connector that does not scale; 0: no connector.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn.")
@format_option("Text that is Markdown too, or one JSON document.")
def whatif(
    journals: tuple[Path, ...],
    instances: int,
    latency_ms: float,
    pool: int | None,
    max_connections: int | None,
    connector_slots: int | None,
    seed: int,
    output: str,
) -> None:
    """Say what becomes of many instances that start at once, by a model from journals.

    Each JOURNAL is a journal, or a folder of journals, of runs with one target and one profile.
    The model is calibrated on their startups without a fault, as they were observed on the wire.
    Where the profile was named, or the reference orchestrator ran, max_connections is the
    profile's; else only --max-connections bounds it. There is a connector where the runs had one,
    or --connector-slots names one. Each limit says where it is from. Every instance has a machine
    of its own: what startups here waited for a core is taken out.

    It says how many are ready and when, what limits first, and how busy each resource is. It
    states its error on launches that it did not see, and names what no journal has tested, with
    the run that would.

    Exit codes: 0 it is answered; 2 a figure that the model needs is missing, an option cannot be
    used, or journals are of another target, profile or time scale than the first; 7 a journal that
    cannot be read.
    """
    from itertools import chain

    from chaosnetra.errors import InvalidInput, Unreadable
    from chaosnetra.evidence.journal.reading import read_journals
    from chaosnetra.whatif.answer import answer
    from chaosnetra.whatif.asking import Question
    from chaosnetra.whatif.launches import OtherJournals, measured
    from chaosnetra.whatif.text import answer_text

    with exit_on({InvalidInput: REFUSED, Unreadable: UNREADABLE}):
        question = Question(instances, latency_ms, pool, max_connections, connector_slots, seed)
        try:
            found = measured(chain.from_iterable(map(read_journals, journals)))
        except OtherJournals as error:
            for line in error.lines:
                click.echo(f"Error: {line}", err=True)
            raise SystemExit(REFUSED) from None
        answered = answer(question, found)
    if output == "json":
        say_json(answered.to_json())
    else:
        click.echo(answer_text(answered))
