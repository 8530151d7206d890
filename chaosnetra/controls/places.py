"""Where the journal and the events of a run go."""

from pathlib import Path

DEFAULT_JOURNAL = "journal.json"
# The core's own code for "leave now, and play no rollbacks": nothing was injected yet.
EXIT_WITHOUT_ROLLBACKS = 30


def journal_path() -> Path:
    """Where `chaos run` will write its journal."""
    import click

    context = click.get_current_context(silent=True)
    while context is not None:
        path = context.params.get("journal_path")
        if path:
            return Path(path)
        context = context.parent
    return Path(DEFAULT_JOURNAL)


def experiment_file() -> str | None:
    """The experiment's file as it was given to `chaos run`; None when it came from elsewhere."""
    import click

    context = click.get_current_context(silent=True)
    while context is not None:
        source = context.params.get("source")
        if isinstance(source, str) and source:
            return None if "://" in source else source
        context = context.parent
    return None


def in_command() -> bool:
    """Whether this is `chaos run`, which ends once its journal is written."""
    import click

    return click.get_current_context(silent=True) is not None


def events_path() -> Path:
    """The event file, beside the journal: no experiment can say otherwise."""
    journal = journal_path()
    return journal.with_name(f"{journal.stem}.events.jsonl")
