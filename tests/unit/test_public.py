"""What is public is what `public.json` says, until somebody changes that on purpose.

`python -m tests.unit.test_public` writes it anew; a name that goes stays as an alias first, and the
changelog says so. See docs/public.md for what is promised.
"""

import inspect
import json
from difflib import unified_diff
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from chaosnetra import ACTION_MODULES, PROBE_MODULES, TOLERANCE_MODULES, pytest_plugin
from chaosnetra.ci.validation import Exit as CiExit
from chaosnetra.cli import netra
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.faults import UNDO_PLAYERS, UndoResult
from chaosnetra.gameday.conduct.leading import Exit as DayExit
from chaosnetra.settings import SETTINGS
from tests.support.journals import journal

COMMANDS = ("compare", "lint", "plan", "recommend", "report", "search", "verdict")
FILE = Path(__file__).with_name("public.json")


def arguments(function: Any) -> list[str]:
    """With "=" where there is a default; without what the Chaos Toolkit gives."""
    return [
        name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("configuration", "secrets")
    ]


def activities() -> dict[str, dict[str, list[str]]]:
    found = {}
    for name in (*ACTION_MODULES, *PROBE_MODULES, *TOLERANCE_MODULES):
        module = import_module(name)
        found[name] = {each: arguments(getattr(module, each)) for each in sorted(module.__all__)}
    return found


def commands(command: click.Command, name: str) -> dict[str, list[str]]:
    found = {name: sorted(option for one in command.params for option in (one.opts or [one.name]))}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            found |= commands(inner, f"{name} {each}")
    return found


def constants(command: str) -> dict[str, int]:
    module = import_module(f"chaosnetra.commands.{command}")
    return {name: each for name, each in sorted(vars(module).items()) if type(each) is int}


def public() -> dict[str, Any]:
    made = journal()
    complete(made, {})
    fixtures = [
        name
        for name, each in vars(pytest_plugin).items()
        if type(each).__name__ == "FixtureFunctionDefinition"
    ]
    return {
        "activities": activities(),
        "settings": {key: setting.variable for key, setting in SETTINGS.items()},
        "journal section": sorted(made["chaosnetra"]),
        "outcomes": [str(each) for each in Outcome],
        "causes": [str(each) for each in Cause],
        "ledger kinds": sorted(UNDO_PLAYERS),
        "undo results": [str(each) for each in UndoResult],
        "exit codes": {
            **{name: constants(name) for name in COMMANDS},
            "ci": {each.name: each.value for each in CiExit},
            "gameday": {each.name: each.value for each in DayExit},
        },
        "pytest fixtures": sorted(fixtures),
        "commands": commands(netra, "chaosnetra"),
    }


def text_of(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1) + "\n"


def test_what_is_public_is_what_was_promised() -> None:
    promised, found = FILE.read_text(encoding="utf-8"), text_of(public())
    changes = unified_diff(
        promised.splitlines(), found.splitlines(), "promised", "found", "", "", 2
    )
    assert found == promised, "\n".join(("the public contract changed:", *changes))


if __name__ == "__main__":
    FILE.write_text(text_of(public()), encoding="utf-8")
