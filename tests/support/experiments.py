"""Experiments for tests, and the activities, tolerances and controls that they are made of."""

from typing import Any


def python(module: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    """A provider that calls a function."""
    return {"type": "python", "module": module, "func": function, "arguments": arguments}


def activity(kind: str, module: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    """A probe or an action that calls a function, and has its name."""
    return {"type": kind, "name": function, "provider": python(module, function, **arguments)}


def ours(kind: str, area: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    """A probe or an action of one of this package's areas."""
    return activity(kind, f"chaosnetra.{area}.{kind}s", function, **arguments)


def process(path: str, *arguments: str, kind: str = "action", **keys: Any) -> dict[str, Any]:
    """An activity that is a process: the core looks at no exit code."""
    provider = {"type": "process", "path": path, "arguments": list(arguments)}
    return {"type": kind, "name": path, "provider": provider, **keys}


def control(module: str = "chaosnetra.controls.journal", **arguments: Any) -> dict[str, Any]:
    """A control, by its module."""
    provider: dict[str, Any] = {"type": "python", "module": module}
    if arguments:
        provider["arguments"] = arguments
    return {"name": module.rpartition(".")[2], "provider": provider}


CONTROL = control()
HELD = activity("probe", "chaosnetra.tolerances", "held")


def experiment(
    *method: dict[str, Any],
    probes: list[dict[str, Any]],
    rollbacks: list[dict[str, Any]] | None = None,
    controls: list[dict[str, Any]] | None = None,
    strategy: str | None = "always",
    **keys: Any,
) -> dict[str, Any]:
    """An experiment with the journal control.

    Args:
        *method: its activities.
        probes: those of the hypothesis.
        rollbacks: none, unless they are named.
        controls: instead of the journal control.
        strategy: when rollbacks are played; None for what the core does by itself.
        **keys: what else stands in it, as "title" and "configuration".
    """
    made = {
        "title": "a test's",
        "description": "a test's",
        "controls": [CONTROL] if controls is None else controls,
        "steady-state-hypothesis": {"title": "it is well", "probes": probes},
        "method": list(method),
        "rollbacks": rollbacks or [],
        **keys,
    }
    return made if strategy is None else {**made, "runtime": {"rollbacks": {"strategy": strategy}}}


def exists(path: str, *, tolerance: bool | None = None) -> dict[str, Any]:
    """A probe of whether a path exists."""
    probe = activity("probe", "os.path", "exists", path=path) | {"name": "path-exists"}
    return probe if tolerance is None else {**probe, "tolerance": tolerance}


def act() -> dict[str, Any]:
    """An action that does nothing: what is not met before it is a baseline, and no finding."""
    return {**exists("/"), "type": "action", "name": "act"}


def states(title: str, path: str = "/", *method: dict[str, Any]) -> dict[str, Any]:
    """States that a path exists; held, unless the method or the path says otherwise."""
    return experiment(
        *(method or (exists("/"),)), probes=[exists(path, tolerance=True)], title=title
    )


EMPTY = states("empty")
