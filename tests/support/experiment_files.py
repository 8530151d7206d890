"""Small experiments for tests of what runs experiments."""

from typing import Any

CONTROL = {
    "name": "journal",
    "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
}


def exists(path: str, *, tolerance: bool | None = None) -> dict[str, Any]:
    """A probe of whether a path exists."""
    provider = {
        "type": "python",
        "module": "os.path",
        "func": "exists",
        "arguments": {"path": path},
    }
    probe: dict[str, Any] = {"type": "probe", "name": "path-exists", "provider": provider}
    return probe if tolerance is None else {**probe, "tolerance": tolerance}


def action() -> dict[str, Any]:
    """An action that does nothing: what is not met before it is a baseline, and no finding."""
    return {**exists("/"), "type": "action", "name": "act"}


def experiment(title: str, path: str = "/", *method: dict[str, Any]) -> dict[str, Any]:
    """States that a path exists; held, unless the method or the path says otherwise."""
    return {
        "title": title,
        "description": title,
        "runtime": {"rollbacks": {"strategy": "always"}},
        "controls": [CONTROL],
        "steady-state-hypothesis": {"title": "it exists", "probes": [exists(path, tolerance=True)]},
        "method": list(method) or [exists("/")],
        "rollbacks": [],
    }


EMPTY = experiment("empty")
