"""`chaosnetra lint`: the silent traps of an experiment."""

import click

FINDINGS = 1
UNREADABLE = 2


@click.command()
@click.argument("experiments", metavar="EXPERIMENT…", nargs=-1, required=True)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON document.",
)
def lint(experiments: tuple[str, ...], output: str) -> None:
    """Find what the Chaos Toolkit passes over in silence, in any experiment, JSON or YAML.

    Each finding is a line `file:line: [rule] what happens; what to write instead`. Modules that
    an experiment names are imported in this process, as `chaos validate` does; one that cannot
    be imported here is a finding itself.

    Exit codes: 0 clean, or warnings only; 1 findings; 2 a file that is no JSON or YAML.
    """
    import json
    from pathlib import Path

    from chaosnetra.errors import Unreadable
    from chaosnetra.lint.check import lint_file
    from chaosnetra.lint.findings import Finding, Severity
    from chaosnetra.lint.modules import Modules

    modules = Modules()
    findings: list[Finding] = []
    unreadable: list[str] = []
    for name in experiments:
        try:
            findings += lint_file(Path(name), modules)
        except Unreadable as error:
            unreadable.append(str(error))
    if output == "json":
        said = {
            "findings": [finding.to_json() for finding in findings],
            "unreadable": unreadable,
        }
        click.echo(json.dumps(said, indent=2))
    else:
        for finding in findings:
            click.echo(finding.text)
        for line in unreadable:
            click.echo(line, err=True)
    if unreadable:
        raise SystemExit(UNREADABLE)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise SystemExit(FINDINGS)
