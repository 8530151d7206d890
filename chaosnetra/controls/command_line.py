"""How `chaos run` was called: where journal and events go, and by which options."""

import os
from pathlib import Path
from typing import Any

from chaosnetra.running.run import GIVEN_BY

DEFAULT_JOURNAL = "journal.json"
# Of `chaos run`, those that change what is done; what they are without being given.
OPTIONS = {
    "rollback_strategy": None,
    "hypothesis_strategy": None,
    "hypothesis_frequency": 1.0,
    "fail_fast": False,
    "dry": None,
}


def journal_path() -> Path:
    """Where `chaos run` will write its journal."""
    return Path(_parameters("journal_path").get("journal_path") or DEFAULT_JOURNAL)


def experiment_file() -> str | None:
    """The experiment's file as it was given to `chaos run`; None when it came from elsewhere."""
    source = _parameters("source").get("source")
    return source if isinstance(source, str) and source and "://" not in source else None


def given_variables() -> dict[str, Any]:
    """The values of `--var`, by key."""
    given = _parameters("var").get("var")
    return dict(given) if isinstance(given, dict) else {}


def given_by() -> str:
    """The option that whoever started the run was given them by; `--var` without one."""
    return os.environ.get(GIVEN_BY, "--var")


def run_options() -> dict[str, str]:
    """The options that the run was called with, by their names; empty text for a switch."""
    given = _parameters("rollback_strategy")
    found = {key: given.get(key, default) for key, default in OPTIONS.items()}
    return {
        f"--{key.replace('_', '-')}": "" if value is True else str(getattr(value, "value", value))
        for key, value in found.items()
        if value != OPTIONS[key]
    }


def _parameters(name: str) -> dict[str, Any]:
    """Those of the innermost command that has a parameter of that name; none without one."""
    import click

    context = click.get_current_context(silent=True)
    while context is not None and name not in context.params:
        context = context.parent
    return context.params if context is not None else {}


def in_command() -> bool:
    """Whether this is `chaos run`, which ends once its journal is written."""
    import click

    return click.get_current_context(silent=True) is not None


def events_path() -> Path | None:
    """The event file, beside the journal: no experiment can say otherwise.

    None where the journal goes to a device or a pipe: nothing is made beside those.
    """
    journal = journal_path()
    folder = Path(os.path.realpath(journal.parent))
    of_the_system = folder == Path("/dev") or folder.is_relative_to("/proc")
    if of_the_system or (journal.exists() and not journal.is_file()):
        return None
    return journal.with_name(f"{journal.stem}.events.jsonl")
