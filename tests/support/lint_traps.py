"""An experiment without a trap, and the changes that put traps into it."""

import copy
import json
from collections.abc import Callable
from typing import Any

from chaosnetra.documents.document import Document
from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.json_text import parse_json
from chaosnetra.lint.check import lint_document

HELPERS = """
import functools

def number() -> float:
    return 1.0

def answer() -> str:
    return "ok"

def anything(path=None, configuration=None, secrets=None):
    return path

def needs(path, secrets):
    return path

def judge(value, configuration=None):
    return bool(value)

def details() -> "dict[str, int]":
    return {"a": 1}

def sees(value=None) -> dict:
    return {"seen": value}

def blind():
    return True

async def coroutine(value=None):
    return True

def generator():
    yield 1

cached = functools.lru_cache(number)
"""


CONTROL = """
def before_experiment_control(context, level=1, **kwargs):
    pass

def after_activity_control(context, state=None, level=1):
    pass
"""


# Controls of another package: one is given the configuration, one names a variable, one looks on.
SETTERS = {
    "lint_setter": "def configure_control(configuration, experiment): ...",
    "lint_writer": "def before_method_control(context): context['x'] = {'zz': 1}",
    "lint_refuses": (
        "def validate_control(control): raise ValueError('not today')\n"
        "def before_method_control(context): ..."
    ),
    "lint_tracer": "def before_method_control(context, state=None): ...",
}


JOURNAL = {
    "name": "journal",
    "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
}


def python(func: str = "anything", module: str = "lint_helpers", **arguments: Any) -> Any:
    return {"type": "python", "module": module, "func": func, "arguments": arguments}


def activity(provider: Any, kind: str = "action", name: str = "act", **more: Any) -> Any:
    return {"type": kind, "name": name, "provider": provider, **more}


def shell(script: str) -> Any:
    return {"type": "process", "path": "/bin/sh", "arguments": ["-c", script]}


def toxic(func: str, **arguments: Any) -> Any:
    return activity(python(func, "chaosnetra.toxiproxy.actions", **arguments), name=func)


CLEAN: dict[str, Any] = {
    "title": "t",
    "description": "d",
    "runtime": {"rollbacks": {"strategy": "always"}},
    "controls": [],
    "configuration": {"known": {"type": "env", "key": "KNOWN", "default": "1"}},
    "secrets": {"group": {"password": {"type": "env", "key": "PASSWORD"}}},
    "steady-state-hypothesis": {
        "title": "h",
        "probes": [activity(python("number"), "probe", "number", tolerance=1)],
    },
    "method": [activity(python(path="x"))],
    "rollbacks": [activity(python(path="y"), name="undo")],
}


Change = Callable[[dict[str, Any]], None]


def found(change: Change, *, rule: str | None = None) -> list[Finding]:
    experiment = copy.deepcopy(CLEAN)
    change(experiment)
    text = json.dumps(experiment, indent=1)
    data, lines, duplicates = parse_json(text)
    findings = lint_document(Document("e.json", data, lines, tuple(duplicates)))
    rows = text.split("\n")
    assert all(1 <= finding.line <= len(rows) for finding in findings)
    # A hint is no trap.
    return [
        finding
        for finding in findings
        if finding.severity is not Severity.HINT and rule in (None, finding.rule)
    ]


def tolerance(value: Any, provider: Any = None) -> Change:
    """The hypothesis' probe with this tolerance."""

    def change(experiment: dict[str, Any]) -> None:
        probe = experiment["steady-state-hypothesis"]["probes"][0]
        probe["tolerance"] = value
        probe["provider"] = provider or probe["provider"]

    return change


def put(*place: Any, value: Any) -> Change:
    def change(experiment: dict[str, Any]) -> None:
        at: Any = experiment
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = value

    return change


def rename(*place: Any, to: str) -> Change:
    def change(experiment: dict[str, Any]) -> None:
        at: Any = experiment
        for key in place[:-1]:
            at = at[key]
        at[to] = at.pop(place[-1])

    return change


def control(module: str, **arguments: Any) -> Change:
    provider = {"type": "python", "module": module, "arguments": arguments}
    return put("controls", value=[{"name": "c", "provider": provider}])


def together(*changes: Change) -> Change:
    def change(experiment: dict[str, Any]) -> None:
        for one in changes:
            one(experiment)

    return change


PROCESS = {"type": "process", "path": "true"}
METHOD = ("method", 0)
PROVIDER = ("method", 0, "provider")
FUNC = (*PROVIDER, "func")
JUDGE = {"type": "probe", "name": "j", "provider": python("judge", value=None)}
REGEX = {"type": "regex", "pattern": "ok"}
RANGE = {"type": "range", "range": [0, 1]}
HTTP = {"type": "http", "url": "http://127.0.0.1"}
JSON_PATH = {"type": "jsonpath"}
WITH_JOURNAL = put("controls", value=[JOURNAL])
UNKNOWN = put(*PROVIDER, "arguments", "path", value="${zz}")
LATENCY = toxic("add_latency", latency_ms=1, name="slow")


def statuses(low: int, high: int) -> dict[str, Any]:
    return {"type": "range", "range": [low, high], "target": "status"}
