"""`chaosnetra recover`: undoes what killed runs left."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import click


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Say what is left and change nothing.")
def recover(only_list: bool) -> None:
    """Undo what runs left behind that were killed.

    Runs that are in progress are left alone. Exit code 1 while anything remains. A signal ends
    the waiting: what is left is tried once; a second one ends it all.
    """
    from chaosnetra.errors import FaultError
    from chaosnetra.safety.ledger import read_ledger
    from chaosnetra.safety.recovery import leftovers, recover_all
    from chaosnetra.text import one_line

    try:
        ledgers = leftovers()
        results = []
        with _waiting_until_a_signal():
            for result in () if only_list else recover_all():
                click.echo(result.line)
                results.append(result)
    except FaultError as error:
        click.echo(str(error))
        raise SystemExit(1) from None
    if not only_list:
        if not results:
            click.echo("nothing is left")
        if any(result.left for result in results):
            raise SystemExit(1)
        return
    lines = []
    for path in ledgers:
        try:
            contents = read_ledger(path)
        except FaultError as error:
            lines.append(str(error))
            continue
        lines += [
            one_line(f"run {contents.run}: to do: {undo.description}")
            for undo in reversed(contents.open_entries.values())
        ]
    click.echo("\n".join(lines) or "nothing is left")
    if lines:
        raise SystemExit(1)


@contextmanager
def _waiting_until_a_signal() -> Iterator[None]:
    """The first signal ends what undos wait for; a second one does what signals do."""
    from chaosnetra.processes.signals import handled
    from chaosnetra.running.run import hurry

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        listening.close()
        hurry()
        click.echo("what is left is tried once more; another signal ends this at once", sys.stderr)

    with ExitStack() as listening:
        listening.enter_context(handled(on_signal))
        yield
