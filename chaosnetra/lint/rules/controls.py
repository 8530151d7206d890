"""Controls that the core leaves out without a word, and those that set something when they run."""

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from chaosnetra.documents.findings import Finding, instead
from chaosnetra.lint.modules import member
from chaosnetra.lint.outline import OURS, Outline, Provided, Role

LEVELS = ("loading_experiment", "experiment", "hypothesis", "method", "rollback", "activity")
HOOKS = tuple(f"{when}_{level}_control" for level in LEVELS for when in ("before", "after"))
CONFIGURE = "configure_control"
# What the core passes to a hook that has such a parameter.
GIVEN = ("context", "state", "experiment", "configuration", "secrets", "settings", "extensions")
GIVEN_TO_CONFIGURE = ("experiment", "configuration", "secrets", "settings", "event_registry")
# Through these a control can change what the core substitutes; all of them are the run's own.
_CHANGEABLE = {"configuration", "secrets", "experiment"}
OTEL_CONTROL = "chaosnetra.controls.otel"
OUR_CONTROLS = ("chaosnetra.controls.journal", "chaosnetra.controls.abort", OTEL_CONTROL)


def check(outline: Outline) -> Iterator[Finding]:
    """`control-not-importable`, `control-without-hooks`, `control-arguments`, `async-activity`, …

    Also `no-journal-control` and `secrets-in-journal`.
    """
    for control in outline.controls:
        if control.module:
            yield from _check(outline, control)
    if outline.uses_our_activities and not outline.has_journal_control:
        yield outline.finding(
            ("controls",),
            "no-journal-control",
            "the control chaosnetra.controls.journal is not declared: there is no verdict, and "
            "the exit code is 0 also when the baseline is not met, an action fails or a "
            "rollback fails",
            'write "controls": [{"name": "journal", "provider": {"type": "python", "module": '
            '"chaosnetra.controls.journal"}}]',
        )
    if outline.data.get("secrets") and not outline.has_journal_control:
        for activity in outline.of(Role.CONFIGURATION):
            yield outline.finding(
                activity.place,
                "secrets-in-journal",
                "for a probe in the configuration the core writes all secrets in clear into the "
                "journal",
                "take the value from the environment, or declare chaosnetra.controls.journal, "
                "which takes them out",
            )


def _check(outline: Outline, control: Provided) -> Iterator[Finding]:
    place = (*control.provider_place, "module")
    loaded = outline.modules.load(control.module)
    if loaded.module is None:
        yield outline.finding(
            place,
            "control-not-importable",
            f"the control {control.module!r} {loaded.problem}: the run goes on without it and "
            "exits with 0",
            instead(
                control.module,
                OUR_CONTROLS if control.module.startswith(OURS) else (),
                "install what holds it, or correct its name",
            ),
        )
        return
    hooks = {name: member(loaded.module, name) for name in (CONFIGURE, *HOOKS)}
    found = {name: hook for name, hook in hooks.items() if callable(hook)}
    if not found:
        yield outline.finding(
            place,
            "control-without-hooks",
            f"{control.module!r} has none of a control's functions: it does nothing",
            f"name a module with, for example, {HOOKS[2]}",
        )
    for name, hook in found.items():
        yield from _hook(outline, control, name, hook)
    if control.module in OUR_CONTROLS:
        yield from _options(outline, control, member(loaded.module, "OPTIONS"))


def _options(outline: Outline, control: Provided, known: tuple[str, ...]) -> Iterator[Finding]:
    """Our own hooks take any argument, and do not go on when they do not know one."""
    then = "traces nothing" if control.module == OTEL_CONTROL else "refuses the run"
    for name in control.arguments:
        if name not in known:
            yield outline.finding(
                (*control.provider_place, "arguments", name),
                "control-arguments",
                f"{control.module!r} has no argument {name!r} and {then}",
                instead(str(name), known, f"it has {', '.join(known) or 'none'}"),
            )


def _hook(
    outline: Outline, control: Provided, name: str, hook: Callable[..., Any]
) -> Iterator[Finding]:
    place = (*control.provider_place, "arguments")
    if inspect.iscoroutinefunction(hook):
        yield outline.finding(
            (*control.provider_place, "module"),
            "async-activity",
            f"{name} of {control.module!r} is async, and the core never awaits it: it does nothing",
            "make it a plain function",
        )
        return
    try:
        signature = inspect.signature(hook)
    except (ValueError, TypeError):
        return
    given = dict.fromkeys(map(str, control.arguments))
    core = GIVEN_TO_CONFIGURE if name == CONFIGURE else GIVEN
    given |= dict.fromkeys(one for one in core if one in signature.parameters)
    if name != CONFIGURE:
        given["context"] = None
    try:
        signature.bind(**given)
    except TypeError as error:
        yield outline.finding(
            place,
            "control-arguments",
            f"{name} of {control.module!r} cannot be called with these arguments ({error}): the "
            "core leaves it out without a word",
            f"give it what it has: {', '.join(signature.parameters)}",
        )


def setter_of(outline: Outline, name: str) -> str | None:
    """A control that may set a variable of this name, or a group of secrets; None if none does.

    It is one of another package that is given the configuration, the secrets or the experiment,
    that names the variable itself, or that is not installed here, so that nobody knows.
    """
    for control in outline.controls:
        if not control.module or control.module.startswith(OURS):
            continue
        module = outline.modules.load(control.module).module
        if module is None or _is_given_them(module) or _names(module, name):
            return control.module
    return None


def _is_given_them(module: ModuleType) -> bool:
    for hook in (member(module, name) for name in (CONFIGURE, *HOOKS)):
        try:
            if _CHANGEABLE & inspect.signature(hook).parameters.keys():
                return True
        except (ValueError, TypeError):
            continue
    return False


def _names(module: ModuleType, name: str) -> bool:
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return False
    return re.search(rf"""["']{re.escape(name)}["']""", source) is not None
