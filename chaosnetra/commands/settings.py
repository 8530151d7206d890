"""`chaosnetra settings`: what is in effect, and who gives it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaosnetra.commands.shared import PATH, exit_on, format_option, pairs, say_json, set_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from chaosnetra.settings.sources import Sources

UNUSABLE = 2
PARAMETERS = "parameters"


@click.command()
@click.argument("experiment", metavar="[EXPERIMENT]", required=False, type=PATH)
@set_option("As the run will have it; can be given several times.")
@click.option("--explain", is_flag=True, help="Also say what each setting means.")
@format_option("Lines for people, or one JSON document.")
def settings(experiment: Path | None, given: tuple[str, ...], explain: bool, output: str) -> None:
    """Show the settings that a run of EXPERIMENT would have, and where each comes from.

    Without EXPERIMENT: those of the current folder. From the weakest: defaults, chaosnetra.toml,
    the environment, what the experiment writes out, --set.

    Exit codes: 0 they can be used; 2 one cannot, and the message names it.
    """
    import os

    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.redaction import Redactor
    from chaosnetra.running.unread import misspelled_variables, unread_variables
    from chaosnetra.settings.sources import check_keys, find_sources

    values = pairs("--set", given)
    with exit_on({ChaosnetraError: UNUSABLE}):
        folder, written = _place(experiment)
        configuration = written.get("configuration")
        declared = configuration if isinstance(configuration, dict) else {}
        sources = find_sources(folder, declared, values)
        check_keys(values, [declared])
        made = sources.settings()
        unread = [] if sources.file is None else list(sources.file.unread(declared))
    unread += unread_variables(os.environ, written) if written else misspelled_variables(os.environ)
    redactor = Redactor()
    redactor.learn(sources.configuration)
    if output == "json":
        say_json(redactor.data(_data(sources)))
    else:
        for line in _lines(sources, made, explain=explain):
            click.echo(redactor.text(line))
    for line in unread:
        click.echo(f"warning: {line}", err=True)


def _place(experiment: Path | None) -> "tuple[Path, Mapping[str, Any]]":
    """Where `chaosnetra.toml` is looked for, and the experiment as it is written."""
    from chaosnetra.documents.document import read_document
    from chaosnetra.errors import InvalidInput
    from chaosnetra.repository import folder_of

    if experiment is None:
        return Path.cwd(), {}
    data = read_document(experiment).data
    if not isinstance(data, dict) or "method" not in data:
        raise InvalidInput(f"{experiment} is no experiment: it has no method")
    return folder_of(str(experiment)), data


def _groups(sources: "Sources") -> "dict[str, list[str]]":
    """Keys by the heading that they stand under."""
    from chaosnetra.settings import SETTINGS, Group

    own = [key for key in sources.given if key not in SETTINGS]
    groups = {PARAMETERS: own} if own else {}
    for group in Group:
        groups[group.value] = [key for key, one in SETTINGS.items() if one.group is group]
    return groups


def _data(sources: "Sources") -> "dict[str, Any]":
    from chaosnetra.redaction import MASK, holds_secret

    return {
        group: {
            key: {
                "value": MASK if holds_secret(key, one.value) else one.value,
                "source": one.source.word,
                "place": one.place,
            }
            for key in keys
            for one in (sources.given[key],)
        }
        for group, keys in _groups(sources).items()
    }


def _lines(sources: "Sources", made: "Any", *, explain: bool) -> "Iterator[str]":
    from textwrap import wrap

    from chaosnetra.settings import SETTINGS
    from chaosnetra.settings.sources import Source, shown_value

    def shown(key: str) -> str:
        one = sources.given[key]
        if one.value in (None, "", "auto"):
            effective = getattr(made, key, None)
            if isinstance(effective, (str, int, float)) and str(effective) != one.value:
                return f"{effective:g}" if isinstance(effective, float) else str(effective)
        return shown_value(key, one.value)

    for group, keys in _groups(sources).items():
        yield f"{group}:"
        for key in keys:
            one = sources.given[key]
            mark = " " if one.source is Source.DEFAULT else "*"
            yield f"{mark} {key:<25} {shown(key):<40}  {one.place}".rstrip()
            if explain and key in SETTINGS:
                yield from wrap(
                    SETTINGS[key].meaning, 80, initial_indent="      ", subsequent_indent="      "
                )
    yield "* not as by default"
