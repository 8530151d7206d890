"""`chaosnetra lint`: the silent traps of an experiment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from chaosnetra.commands.shared import format_option, say_json

if TYPE_CHECKING:
    from chaosnetra.documents.document import Document

FINDINGS = 1
UNREADABLE = 2


@click.command()
@click.argument("experiments", type=click.Path(), metavar="EXPERIMENT…", nargs=-1, required=True)
@format_option("Lines for people, or one JSON document.")
def lint(experiments: tuple[str, ...], output: str) -> None:
    """Find what the Chaos Toolkit passes over in silence, in any experiment, JSON or YAML.

    EXPERIMENT is a file, a folder whose experiments are taken as `ci` takes them, or a URL, which
    is loaded as `chaos run` loads it, within 30 s.

    Each finding is a line `file:line: [rule] what happens; what to write instead`. Modules that
    an experiment names are imported in this process, as `chaos validate` does; one that cannot
    be imported here is a finding itself.

    Exit codes: 0 clean, or warnings and hints only; 1 findings; 2 something cannot be read as
    JSON or YAML, or is a folder without an experiment.
    """
    from dataclasses import asdict
    from itertools import chain

    from chaosnetra.documents.findings import Finding, Severity
    from chaosnetra.lint.check import lint_document
    from chaosnetra.lint.modules import Modules

    if "" in experiments:
        raise click.BadParameter("it is empty", param_hint="EXPERIMENT")
    modules = Modules()
    findings: list[Finding] = []
    unreadable: list[str] = []
    seen: set[str] = set()
    for document in chain.from_iterable(map(_documents, experiments)):
        if isinstance(document, str):
            unreadable.append(document)
        elif document.name not in seen:
            seen.add(document.name)
            findings += lint_document(document, modules)
    if output == "json":
        say_json({"findings": list(map(asdict, findings)), "unreadable": unreadable})
    else:
        for finding in findings:
            click.echo(finding.text)
        for line in unreadable:
            click.echo(line, err=True)
    if unreadable:
        raise SystemExit(UNREADABLE)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise SystemExit(FINDINGS)


def _documents(name: str) -> "Iterator[Document | str]":
    """What a file, a folder or a URL stands for; a line for each thing that cannot be read."""
    from pathlib import Path

    from chaosnetra.documents.document import read_document
    from chaosnetra.documents.download import download, is_url
    from chaosnetra.errors import InvalidInput, Unreadable
    from chaosnetra.lint.core import loader_settings
    from chaosnetra.runner.files import find_experiments

    try:
        if is_url(name):
            yield download(name, loader_settings())
        elif Path(name).is_dir():
            for experiment in find_experiments([Path(name)]):
                yield experiment.broken or read_document(experiment.path)
        else:
            yield read_document(Path(name))
    except (InvalidInput, Unreadable) as error:
        yield str(error)
