"""Variables, `${name}`: unknown ones, and places where the core substitutes none."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from string import Template
from typing import Any

from chaosnetra.documents.findings import Finding, Severity, nearest
from chaosnetra.documents.places import Place
from chaosnetra.lint.outline import Activity, Outline, Role, mapping, text
from chaosnetra.lint.rules.controls import setter_of

# What the core substitutes in an activity, by type of provider.
SUBSTITUTED = {
    "python": ("arguments",),
    "process": ("arguments",),
    "http": ("url", "headers", "timeout", "arguments"),
}
# What it reads and takes as it is.
TAKEN_AS_IS = {
    "python": ("module", "func", "secrets"),
    "process": ("path", "timeout"),
    "http": ("method", "verify_tls", "max_retries"),
}
# Types of a variable that can stand for a number.
NUMBERS = ("int", "integer", "float", "number", "json")
# They know `${name}` too.
SHELLS = ("sh", "ash", "bash", "dash", "ksh", "zsh")
SUBSTITUTED_IN_TOLERANCE = {"regex": ("pattern",), "jsonpath": ("path", "expect")}


def check(outline: Outline) -> Iterator[Finding]:
    """`unknown-variable`, `not-substituted`, `pause-is-text`."""
    known = _known(outline)
    shells = [
        (*activity.provider_place, "arguments")
        for activity in outline.activities
        if _is_read_by_a_shell(activity)
    ]
    for place, value in _substituted(outline):
        for at, name in _variables(place, value):
            if name in known and _can_be_substituted(name):
                continue
            if place not in shells or name in known or nearest(name, known) is not None:
                yield _unknown(outline, at, name, known)
            elif _can_be_substituted(name):
                yield _of_the_shell(outline, at, name)
    for place, value in _taken_as_is(outline):
        for at, name in _variables(place, value):
            yield _not_substituted(outline, at, name)
    for activity in outline.activities:
        yield from _pauses(outline, activity)


def used_names(outline: Outline) -> set[str]:
    """Names that the experiment has as `${name}` where the core substitutes them."""
    return {name for place, value in _substituted(outline) for _, name in _variables(place, value)}


def _pauses(outline: Outline, activity: Activity) -> Iterator[Finding]:
    """Variables are text unless they say otherwise, and the core sleeps only for numbers."""
    for key, value in mapping(activity.data.get("pauses")).items():
        match = Template.pattern.fullmatch(value) if isinstance(value, str) else None
        if match is None or match["braced"] not in outline.configuration:
            continue
        found = outline.configuration[match["braced"]]
        from_environment = isinstance(found, dict) and found.get("type") == "env"
        if isinstance(found, str) or (
            from_environment and found.get("env_var_type") not in NUMBERS
        ):
            yield outline.finding(
                (*activity.place, "pauses", key),
                "pause-is-text",
                f"the pause {value} is text when the experiment runs: the method is aborted with "
                "a traceback",
                f'give {match["braced"]!r} the "env_var_type" "float"'
                if from_environment
                else f"make {match['braced']!r} a number",
            )


def _known(outline: Outline) -> dict[str, None]:
    """Names that the core finds: of the configuration, and within each group of secrets."""
    names = [*outline.configuration]
    for group in outline.secrets.values():
        names += mapping(group)
    return dict.fromkeys(name for name in names if isinstance(name, str))


def _substituted(outline: Outline) -> Iterator[tuple[Place, Any]]:
    yield ("title",), outline.data.get("title")
    for activity in outline.activities:
        yield (*activity.place, "pauses"), activity.data.get("pauses")
        for key in SUBSTITUTED.get(activity.provider_type, ()):
            yield (*activity.provider_place, key), activity.provider.get(key)
        if activity.role is Role.HYPOTHESIS:
            tolerance, place = activity.tolerance, activity.tolerance_place
            if isinstance(tolerance, str):
                yield place, tolerance
            kind = text(mapping(tolerance).get("type"))
            for key in SUBSTITUTED_IN_TOLERANCE.get(kind, ()):
                yield (*place, key), tolerance.get(key)
    for control in outline.controls:
        yield (*control.provider_place, "arguments"), control.provider.get("arguments")


def _taken_as_is(outline: Outline) -> Iterator[tuple[Place, Any]]:
    for activity in outline.activities:
        for key in TAKEN_AS_IS.get(activity.provider_type, ()):
            yield (*activity.provider_place, key), activity.provider.get(key)
        tolerance = activity.tolerance
        if activity.role is Role.HYPOTHESIS:
            place = activity.tolerance_place
            if isinstance(tolerance, list):
                yield place, tolerance
            for key in ("range", "target", "count"):
                yield (*place, key), mapping(tolerance).get(key)


def _variables(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    """Each `${name}` in a value, with its place."""
    if isinstance(value, str):
        for match in Template.pattern.finditer(value):
            if match["braced"] is not None:
                yield place, match["braced"]
            elif match["invalid"] is not None and value.startswith("${", match.start()):
                # Template knows letters, digits and _ only; `${my-key}` is never substituted.
                name, closed, _ = value[match.start() + 2 :].partition("}")
                if closed:
                    yield place, name
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _variables((*place, index), item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _variables((*place, key), item)


def _unknown(outline: Outline, place: Place, name: str, known: Mapping[str, None]) -> Finding:
    guess = nearest(name, known)
    shown = f"${{{name}}}"
    setter = setter_of(outline, name) if _can_be_substituted(name) else None
    if not _can_be_substituted(name):
        remedy = f"use letters, digits and underscores only, in {shown} and in the configuration"
    elif guess is not None:
        remedy = f"write ${{{guess}}}"
    else:
        remedy = f"declare {name!r} in the configuration (`--var` alone does not add it)"
    return outline.finding(
        place,
        "unknown-variable",
        f"{shown} is nothing that the core finds in the configuration or a group of secrets: "
        + (f"unless the control {setter!r} sets it when it runs, " if setter else "")
        + f"the text {shown} itself is passed on",
        remedy,
        Severity.WARNING if setter else Severity.ERROR,
    )


def _is_read_by_a_shell(activity: Activity) -> bool:
    """The core starts a process whose arguments are one text in a shell."""
    provider = activity.provider
    return activity.provider_type == "process" and (
        isinstance(provider.get("arguments"), str)
        or PurePath(text(provider.get("path"))).name in SHELLS
    )


def _of_the_shell(outline: Outline, place: Place, name: str) -> Finding:
    return outline.finding(
        place,
        "unknown-variable",
        f"${{{name}}} is nothing that the core finds in the configuration or a group of secrets: "
        "the shell puts in what it has by that name, or nothing",
        f"declare {name!r} in the configuration, unless a variable of the shell is meant",
        Severity.WARNING,
    )


def _can_be_substituted(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _not_substituted(outline: Outline, place: Place, name: str) -> Finding:
    if "tolerance" in place:
        happens = "is not substituted in a range or list: it is refused, or crashes the run"
        remedy = (
            "give the bounds to the probe as arguments and let its tolerance be true, or use a "
            "tolerance function"
        )
    else:
        happens = f"is not substituted in {place[-1]!r}: it is taken literally"
        remedy = "write the value itself"
    return outline.finding(place, "not-substituted", f"${{{name}}} {happens}", remedy)
