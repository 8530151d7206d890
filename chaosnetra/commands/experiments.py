"""`chaosnetra experiments`: the experiments and game days that come with the package."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = 2


@click.command()
@click.argument("name", required=False)
@click.option(
    "--copy",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy them, or the one that is named, into this folder. A file that is there is kept.",
)
def experiments(name: str | None, folder: Path | None) -> None:
    """List the experiments and game days that come with chaosnetra, or print the path of one.

    \b
    chaosnetra experiments
    chaos run "$(chaosnetra experiments vpc_latency)"
    chaosnetra experiments --copy experiments

    Exit codes: 0 done; 1 a file cannot be written; 2 there is no such experiment.
    """
    from chaosnetra.documents.findings import nearest
    from chaosnetra.documents.shipped import shipped_files

    shipped = shipped_files()
    if name is not None and name not in shipped:
        guess = nearest(name, shipped)
        known = f"did you mean {guess}?" if guess else f"there are {', '.join(shipped)}"
        click.echo(f"Error: there is no experiment {name!r}: {known}", err=True)
        raise SystemExit(UNKNOWN)
    wanted = shipped if name is None else {name: shipped[name]}
    if folder is not None:
        _copy(wanted, folder)
    elif name is not None:
        click.echo(shipped[name])
    else:
        width = max(map(len, shipped))
        for key, path in shipped.items():
            click.echo(f"{key:<{width}}  {_title(path)}")


def _title(path: Path) -> str:
    import json

    return str(json.loads(path.read_text(encoding="utf-8"))["title"])


def _copy(wanted: "Mapping[str, Path]", folder: Path) -> None:
    """Copy files, and the schema of game days beside those of them."""
    sources = {f"{key}.json": path for key, path in wanted.items()}
    for key, path in wanted.items():
        if key.startswith("gamedays/"):
            sources["gamedays/gameday.schema.json"] = path.with_name("gameday.schema.json")
    for place, source in sorted(sources.items()):
        target = folder / place
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(source.read_bytes())
        except FileExistsError:
            click.echo(f"kept: {target}, which was there")
        except OSError as error:
            raise click.ClickException(f"cannot write {target}: {error.strerror}") from None
        else:
            click.echo(f"written: {target}")
