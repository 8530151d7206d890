"""What `chaos validate`, or a run, refuses, and no other rule has found."""

import os
from collections.abc import Iterator, Sequence

from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.places import Place
from chaosnetra.errors import InvalidInput
from chaosnetra.lint.core import refusal
from chaosnetra.lint.outline import Outline, mapping, text
from chaosnetra.phase_patterns import parse

PATTERNS = "phase_patterns"
VALIDATE = "`chaos validate`"


def check(outline: Outline) -> Iterator[Finding]:
    """`unset-variable`: the environment is not what the experiment needs, here at least."""
    for key, value in outline.configuration.items():
        if "default" not in mapping(value):
            yield from _unset(outline, ("configuration", key), value)
    for group, secret in outline.secrets.items():
        yield from _unset(outline, ("secrets", group), secret)
        if mapping(secret).get("type") != "env":
            for key, value in mapping(secret).items():
                yield from _unset(outline, ("secrets", group, key), value)


def check_settings(outline: Outline) -> Iterator[Finding]:
    """`setting`: one of ours that a run would refuse before its first activity."""
    value = outline.configuration.get(PATTERNS)
    variable = mapping(value)
    if variable.get("type") in ("env", "probe"):
        value = variable.get("default")  # what else it may be is known where it is run
    try:
        parse(PATTERNS, value)
    except InvalidInput as error:
        yield outline.finding(
            ("configuration", PATTERNS),
            "setting",
            f"a run with this is refused before it begins: {error}",
            "see “Phases in its own words” in docs/own-service.md",
        )


def check_refusal(outline: Outline, found: Sequence[Finding]) -> Iterator[Finding]:
    """`refused`: with the core's own words, unless a finding says already what it refuses."""
    if any(VALIDATE in one.message and one.severity is Severity.ERROR for one in found):
        return
    reason = refusal(outline.document.data)
    if reason is not None:
        yield outline.finding(
            _place(outline, reason),
            "refused",
            f"{VALIDATE} refuses the experiment: {reason}",
            "correct this first: the core says only the first thing that it refuses",
        )


def _unset(outline: Outline, place: Place, value: object) -> Iterator[Finding]:
    variable = mapping(value)
    name = text(variable.get("key"))
    if variable.get("type") == "env" and name and name not in os.environ:
        yield outline.finding(
            place,
            "unset-variable",
            f"{name} is not set here: {VALIDATE} and `chaos run` refuse the experiment where it "
            "is not",
            f"set {name} where the experiment is run"
            + (", or give it a default" if place[0] == "configuration" else ""),
            Severity.WARNING,
        )


def _place(outline: Outline, reason: str) -> Place:
    """The activity that the core names, where it names one."""
    return next(
        (one.place for one in outline.activities if one.name and f"'{one.name}'" in reason), ()
    )
