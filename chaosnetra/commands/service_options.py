"""What `try` and `init` are told of a service: options, each for one guess."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import click

from chaosnetra.commands.shared import finite, pairs

if TYPE_CHECKING:
    from pathlib import Path

    from chaosnetra.trying.conduct import Wanted

_OPTIONS = (
    click.option(
        "--ready",
        metavar="HOW",
        help="How it shows that it is ready: an http:// URL with {port}, tcp://host:port, "
        "log:REGEX or exit. By default the page, port or line that the first start shows.",
    ),
    click.option("--port", type=click.IntRange(1, 65535), help="The port that it opens by itself."),
    click.option(
        "--database-variable",
        "variables",
        multiple=True,
        metavar="NAME[=FORM]",
        help="A variable that it takes its database from; FORM is url, jdbc, dsn, host, port, "
        "user, password, database, a scheme such as postgresql+asyncpg, or a template with {host} "
        "and the like. Can be given several times. By default those that its folder names.",
    ),
    click.option(
        "--environment",
        "environment",
        multiple=True,
        metavar="NAME=VALUE",
        help="Another variable for it; can be given several times. VALUE may have "
        "placeholders, such as {service_port}: it is then written into the file. One without is in "
        "none.",
    ),
    click.option(
        "--first",
        "prepare_command",
        metavar="COMMAND",
        help="What makes its tables, before its first start; empty: nothing. By default the "
        "migrations of Django and Alembic, where its folder has them.",
    ),
    click.option(
        "--config-template",
        type=click.Path(exists=True, dir_okay=False),
        help="A file to render for each start: it has {url}, {host}, {service_port} and the like, "
        "and COMMAND has its path as {config_file}.",
    ),
    click.option(
        "--postgres",
        "postgres_programs",
        metavar="WHICH",
        help="PostgreSQL of its own database: wheel, installed, or a folder with its programs.",
    ),
    click.option("--directory", type=click.Path(exists=True, file_okay=False), help="Its folder."),
    click.option("--python", metavar="PROGRAM", help="Interpreter of a module:app."),
    click.option("--database-url", metavar="URL", help="Its database; by default an empty one."),
    click.option(
        "--latency-ms",
        type=click.IntRange(1, 60_000),
        help="On each round trip; by default as its round trips suggest.",
    ),
    click.option(
        "--count", type=click.IntRange(1, 100), default=1, show_default=True, help="Starts at once."
    ),
    click.option(
        "--limit-seconds",
        type=click.FloatRange(1, 3600),
        callback=finite,
        help="How long a start may take. By default 35 s, above the common limit of 30 s, and more "
        "where a clean start takes more than 12 s.",
    ),
)


def service_options(command: Any) -> Any:
    """Give a command the options; it gets them by name."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def wanted_of(
    words: Sequence[str], given: Mapping[str, Any], output_folder: "Path | None" = None
) -> "Wanted":
    """What a try is asked for.

    Args:
        words: of the command; one with spaces in it is a whole command line.
        given: the options, by name.
        output_folder: for what is written.

    Raises:
        InvalidInput: a variable cannot be used.
    """
    import os
    import shlex
    from pathlib import Path

    from chaosnetra.settings.parsers import PLACEHOLDERS
    from chaosnetra.templates import has_placeholder
    from chaosnetra.trying.conduct import Wanted
    from chaosnetra.trying.reading import own_program
    from chaosnetra.trying.variables import parse_option

    folder = Path(given["directory"] or ".")
    if len(words) == 1 and " " in words[0]:
        words = shlex.split(words[0])
    if words:
        words = [own_program(folder, words[0]), *words[1:]]
    others = pairs("--environment", given["environment"], "NAME=VALUE")
    exported = {
        name: text for name, text in others.items() if not has_placeholder(text, PLACEHOLDERS)
    }
    os.environ.update(exported)  # as if they had been exported: they may be secret
    return Wanted(
        words=words,
        target=words[0] if len(words) == 1 else shlex.join(words),
        directory=Path(given["directory"]) if given["directory"] else None,
        python=given["python"],
        ready=given["ready"],
        port=given["port"],
        variables=dict(parse_option("--database-variable", text) for text in given["variables"]),
        environment={name: text for name, text in others.items() if name not in exported},
        exported=[*exported],
        config_template=Path(given["config_template"]) if given["config_template"] else None,
        postgres_programs=given["postgres_programs"],
        prepare_command=given["prepare_command"],
        database_url=given["database_url"],
        latency_ms=given["latency_ms"],
        count=given["count"],
        limit_seconds=given["limit_seconds"],
        folder=output_folder,
    )
