"""`chaosnetra recover`: takes back what killed runs left."""

import click


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Say what is left and change nothing.")
def recover(only_list: bool) -> None:
    """Take back what runs left behind that were killed.

    Runs that are in progress are left alone. Exit code 1 while anything remains.
    """
    from chaosnetra.errors import FaultError
    from chaosnetra.safety.ledger import read_ledger
    from chaosnetra.safety.recovery import leftovers, recover_all
    from chaosnetra.text import one_line

    try:
        ledgers = leftovers()
        results = [] if only_list else list(recover_all())
    except FaultError as error:
        click.echo(str(error))
        raise SystemExit(1) from None
    if not only_list:
        for result in results:
            click.echo(result.line)
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
