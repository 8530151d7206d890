"""Activities: what references stand for; modules, functions and arguments of python providers."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from chaosnetra import ACTION_MODULES, PROBE_MODULES, TOLERANCE_MODULES
from chaosnetra.documents.findings import Finding, Severity, instead
from chaosnetra.lint.modules import member
from chaosnetra.lint.outline import OURS, Activity, Outline, Role
from chaosnetra.lint.rules.controls import setter_of

OUR_MODULES = (*ACTION_MODULES, *PROBE_MODULES, *TOLERANCE_MODULES)

GIVEN_BY_THE_CORE = ("configuration", "secrets")
# Of a reference to what is not there.
_HAPPENS = {
    Role.METHOD: "`chaos validate` refuses the experiment",
    Role.HYPOTHESIS: "validation passes, and the run ends with a traceback and without a journal",
    Role.ROLLBACK: (
        "validation passes, and the run ends with a traceback in the rollbacks: those after it "
        "are not played, and there is no journal"
    ),
}


def check(outline: Outline) -> Iterator[Finding]:
    """`module-not-importable`, `function-not-found`, `async-activity`, `unknown-argument`, …

    Also `missing-argument` and `unknown-secrets`.
    """
    for written in outline.activities:
        for activity in (written, *outline.meant(written)):
            if activity.ref is None and activity.module and activity.function:
                yield from _check(outline, activity)


def _check(outline: Outline, activity: Activity) -> Iterator[Finding]:
    loaded = outline.modules.load(activity.module)
    if loaded.module is None:
        yield outline.finding(
            (*activity.provider_place, "module"),
            "module-not-importable",
            f"the module {activity.module!r} {loaded.problem}, so `chaos validate` fails, and its "
            "functions were not checked",
            instead(
                activity.module,
                OUR_MODULES if activity.module.startswith(OURS) else (),
                "install what holds it, or put its folder on PYTHONPATH",
            ),
        )
        return
    function = outline.modules.function(activity.module, activity.function)
    if function is None:
        yield _no_function(outline, activity, member(loaded.module, activity.function))
        return
    yield from _kind_of_function(outline, activity, function)
    yield from _arguments(outline, activity)
    yield from _secrets(outline, activity)


def _no_function(outline: Outline, activity: Activity, found: Any) -> Finding:
    module = outline.modules.load(activity.module).module
    if found is not None:
        message = (
            f"{activity.function!r} of {activity.module!r} is a {type(found).__name__}, and the "
            "core takes plain functions only, so `chaos validate` refuses it"
        )
        remedy = "wrap it in a function"
    else:
        message = (
            f"{activity.module!r} has no function {activity.function!r}, and `chaos validate` "
            "refuses the experiment"
        )
        public = (name for name in dir(module) if not name.startswith("_"))
        functions = [name for name in public if inspect.isfunction(member(module, name))]
        remedy = instead(activity.function, functions, f"see `help({activity.module!r})`")
    place = (*activity.provider_place, "func")
    return outline.finding(place, "function-not-found", message, remedy)


def _kind_of_function(
    outline: Outline, activity: Activity, function: Callable[..., Any]
) -> Iterator[Finding]:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        what, remedy = "async, and the core never awaits it", "wrap it: `asyncio.run(…)`"
    elif inspect.isgeneratorfunction(function):
        what, remedy = "a generator, and the core never runs it", "return a list"
    else:
        return
    happens = (
        "every value is taken as within tolerance"
        if activity.role is Role.TOLERANCE
        else "nothing is done, and the journal breaks off where its output should be"
    )
    yield outline.finding(
        (*activity.provider_place, "func"),
        "async-activity",
        f"{activity.function!r} is {what}: {happens}",
        remedy,
    )


def _arguments(outline: Outline, activity: Activity) -> Iterator[Finding]:
    signature = outline.modules.signature(activity.module, activity.function)
    place = (*activity.provider_place, "arguments")
    if signature is None:
        return
    parameters = signature.parameters.values()
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    by_name = [
        one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    given = set(activity.arguments)
    if activity.role is Role.TOLERANCE:
        given.add("value")
        if "value" not in by_name and not takes_any:
            yield outline.finding(
                (*activity.provider_place, "func"),
                "unknown-argument",
                f"{activity.function!r} takes no argument 'value', in which a tolerance gets "
                "the probe's result: validation passes, and the tolerance is never met",
                "use a function with a parameter 'value'",
            )
    for name in activity.arguments:
        if name not in by_name and not takes_any:
            unused = [known for known in by_name if known not in (*given, *GIVEN_BY_THE_CORE)]
            yield outline.finding(
                (*place, name),
                "unknown-argument",
                f"{activity.function!r} has no argument {name!r}, and `chaos validate` refuses "
                "the experiment",
                instead(str(name), unused, f"it has {', '.join(by_name) or 'none'}"),
            )
    for one in parameters:
        required = one.default is one.empty and one.kind not in (
            one.VAR_KEYWORD,
            one.VAR_POSITIONAL,
        )
        # The core looks before it puts the probe's result in as 'value'.
        if required and one.name not in (*activity.arguments, *GIVEN_BY_THE_CORE):
            yield outline.finding(
                place,
                "missing-argument",
                f"{activity.function!r} needs the argument {one.name!r}, and `chaos validate` "
                "refuses the experiment",
                f"add {one.name!r} to the arguments",
            )


def _secrets(outline: Outline, activity: Activity) -> Iterator[Finding]:
    signature = outline.modules.signature(activity.module, activity.function)
    wanted = signature.parameters.get("secrets") if signature is not None else None
    groups = activity.provider.get("secrets")
    place = (*activity.provider_place, "secrets")
    if wanted is not None and wanted.default is wanted.empty and "secrets" not in activity.provider:
        yield outline.finding(
            activity.provider_place,
            "missing-argument",
            f"{activity.function!r} needs secrets, which the core passes only to a provider that "
            "lists groups of them: validation passes, and the activity fails",
            "add 'secrets', a list of groups, to the provider",
        )
    known = [str(name) for name in outline.secrets]
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        if group not in known:
            setter = setter_of(outline, str(group))
            yield outline.finding(
                (*place, index),
                "unknown-secrets",
                f"there is no group of secrets {group!r}: it is left out without a word"
                + (f", unless the control {setter!r} sets it when it runs" if setter else ""),
                instead(str(group), known, "declare it under the experiment's 'secrets'"),
                Severity.WARNING if setter else Severity.ERROR,
            )


def check_references(outline: Outline) -> Iterator[Finding]:
    """`unknown-ref`: a reference finds activities of the hypothesis and the method only."""
    for activity in outline.activities:
        if activity.ref is None or outline.resolved(activity) is not None:
            continue
        known = ", ".join(outline.names) or "none has a name"
        yield outline.finding(
            (*activity.place, "ref"),
            "unknown-ref",
            f"no activity of the hypothesis or the method is called {activity.ref!r}: "
            f"{_HAPPENS.get(activity.role, 'the activity fails')}",
            instead(activity.ref, outline.names, f"name one of these ({known}), or write it out"),
        )
