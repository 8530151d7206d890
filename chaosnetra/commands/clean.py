"""`chaosnetra clean`: what is kept between runs, and its removal."""

import click


@click.command()
@click.option("--remove", "wanted", is_flag=True, help="Remove what may go; else only list it.")
def clean(wanted: bool) -> None:
    """List what lies in the cache and state folders; with --remove, take away what may go.

    What a run in progress, a persistent stand or `chaosnetra recover` needs stays.

    Exit codes: 0 done; 1 something cannot be read or removed.
    """
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.kept import kept, remove

    total = 0
    try:
        for one in kept():
            size = f"{one.size_bytes / 1e6:,.1f} MB"
            if one.needed_by:
                click.echo(f"stays    {size:>10}  {one.path}: {one.needed_by}")
                continue
            total += one.size_bytes
            if wanted:
                remove(one)
            click.echo(f"{'removed' if wanted else 'may go':<8} {size:>10}  {one.path}: {one.what}")
    except (ChaosnetraError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if total and not wanted:
        click.echo(f"`chaosnetra clean --remove` frees {total / 1e6:,.1f} MB")
    elif not total:
        click.echo("nothing to remove")
