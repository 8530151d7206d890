"""What an experiment could leave out, and mean the same: hints, and no mistakes."""

import json
from collections.abc import Iterator
from typing import Any

from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.lint.outline import Outline, Role, mapping, text
from chaosnetra.lint.rules.variables import used_names
from chaosnetra.settings import SETTINGS

RULE = "could-be-shorter"
_KEYS = frozenset({"type", "key", "default"})


def check(outline: Outline) -> Iterator[Finding]:
    """`could-be-shorter`."""
    if outline.uses_our_activities:
        yield from _settings(outline)
    for activity in outline.activities:
        given = activity.provider.get("arguments")
        # Without the journal control the core needs those of a tolerance.
        may_miss = activity.role is not Role.TOLERANCE or outline.has_journal_control
        if activity.module and given == {} and may_miss:
            yield outline.finding(
                (*activity.provider_place, "arguments"),
                RULE,
                f"the arguments of {activity.function} are empty",
                "leave the line out",
                Severity.HINT,
            )


def _settings(outline: Outline) -> Iterator[Finding]:
    """Entries that say of a setting what is so without them."""
    used = used_names(outline)
    for key, value in outline.configuration.items():
        setting = SETTINGS.get(key) if isinstance(key, str) else None
        entry = mapping(value)
        if (
            setting is not None
            and entry.keys() <= _KEYS
            and text(entry.get("type")) == "env"
            and entry.get("key") == setting.variable
            and _plain(entry.get("default", setting.default)) == _plain(setting.default)
            and key not in used
        ):
            yield outline.finding(
                ("configuration", key),
                RULE,
                f"{setting.variable} and chaosnetra.toml give {key} without this entry, and its "
                "default is the same",
                "leave it out",
                Severity.HINT,
            )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
