"""Each trap: an experiment that has it, and one beside it that has not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import ensure_experiment_is_valid
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra import ACTION_MODULES
from chaosnetra.documents.document import Document
from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.json_text import parse_json
from chaosnetra.errors import Unreadable
from chaosnetra.lint.check import lint_document, lint_file
from chaosnetra.lint.rules.keys import check as check_keys
from chaosnetra.lint.schema import ACTIVITY, EXPERIMENT, PROVIDERS
from chaosnetra.lint.undo_actions import NEEDS_NONE, UNDONE_BY

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


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lint_helpers.py").write_text(HELPERS)
    (tmp_path / "lint_control.py").write_text(CONTROL)
    (tmp_path / "lint_async_control.py").write_text("async def after_method_control(context): ...")
    (tmp_path / "lint_broken.py").write_text("import sys\nprint('noise')\nsys.exit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, source in SETTERS.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setenv("PASSWORD", "p")


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
    return [finding for finding in findings if rule in (None, finding.rule)]


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


# rule, an experiment that has the trap, what the finding says, and one beside it without.
TRAPS: list[Any] = [
    (
        "unknown-key",
        rename("steady-state-hypothesis", to="steady_state_hypothesis"),
        "exits with 0; write 'steady-state-hypothesis'",
        put("x-team", value="a note"),
    ),
    ("unknown-key", rename("rollbacks", to="rollback"), "nothing is rolled back", None),
    ("unknown-key", rename(*PROVIDER, "arguments", to="argument"), "write 'arguments'", None),
    ("unknown-key", put(*METHOD, "pauses", value={"befor": 1}), "write 'before'", None),
    (
        "unknown-key",
        rename("configuration", "known", "default", to="defualt"),
        "the variable must be set",
        put("configuration", "known", "env_var_type", value="int"),
    ),
    ("unknown-key", put("zzz", value=1), "an experiment has version, title", None),
    ("unknown-key", put(*METHOD, value={"ref": "number", "pauses": {}}), "a reference", None),
    ("ignored-key", put(*METHOD, "timeout", value=3), "nothing bounds the time", None),
    (
        "ignored-key",
        put(*PROVIDER, "timeout", value=3),
        "ignored by python providers",
        put(*METHOD, "provider", value={**PROCESS, "timeout": 3}),
    ),
    ("ignored-key", put(*METHOD, "dry", value="actions"), "out of every dry mode", None),
    ("ignored-key", put("dry", value="actions"), "`chaos run --dry", None),
    (
        "ignored-key",
        put(*METHOD, "tolerance", value=True),
        "nothing is checked here",
        together(put(*METHOD, "tolerance", value=True), WITH_JOURNAL),
    ),
    (
        "unknown-key",
        together(put(*METHOD, "tolerance", value={**RANGE, "rnge": [0, 1]}), WITH_JOURNAL),
        "'rnge' is no key of a range tolerance",
        together(put(*METHOD, "tolerance", value=RANGE), WITH_JOURNAL),
    ),
    (
        "ignored-key",
        put("secrets", "group", "password", "default", value="x"),
        "the variable must be set",
        put("secrets", "group", "password", value={"type": "vault", "path": "p", "key": "k"}),
    ),
    (
        "unset-variable",
        put("configuration", "token", value={"type": "env", "key": "LINT_UNSET"}),
        "warning: LINT_UNSET is not set here: `chaos validate` and `chaos run` refuse",
        put("configuration", "token", value={"type": "env", "key": "PASSWORD"}),
    ),
    (
        "unset-variable",
        put("secrets", "group", "token", value={"type": "env", "key": "LINT_UNSET"}),
        "set LINT_UNSET where the experiment is run",
        None,
    ),
    (
        "refused",
        put(*METHOD, "provider", value={**PROCESS, "path": "no-such-program"}),
        "`chaos validate` refuses the experiment: path 'no-such-program' cannot be found",
        put(*METHOD, "provider", value={**PROCESS, "path": "sh"}),
    ),
    ("refused", tolerance({**REGEX, "pattern": "(", "target": "stdout"}, PROCESS), "invalid", None),
    ("refused", put("title", value=""), "requires a title", None),
    ("refused", put("tags", value=["a", 1]), "tags must be", put("tags", value=["a"])),
    ("refused", tolerance({**RANGE, "range": [0]}), "two values", None),
    ("refused", put(*METHOD, "name", value=""), "must have a name", None),
    ("refused", put(*METHOD, "pauses", value={"after": "1s"}), "pause must be a number", None),
    ("refused", control("lint_refuses"), "not today", None),
    ("missing-key", rename("title", to="_title"), "needs 'title'", None),
    ("missing-key", put("method", value=[{"type": "action", "name": "a"}]), "'provider'", None),
    ("wrong-kind", put("method", value={}), "must be a list", put("method", value=[])),
    ("wrong-kind", put("method", value=["ref"]), "each element of 'method'", None),
    ("wrong-kind", put(*METHOD, "provider", value={**PROCESS, "timeout": "3"}), "a number", None),
    ("wrong-kind", put(*METHOD, "background", value="yes"), "true or false", None),
    (
        "wrong-kind",
        put("secrets", "token", value={"type": "env", "key": "K"}),
        "in no group",
        put("secrets", "other", value={"token": "t"}),
    ),
    ("unknown-type", put(*METHOD, "type", value="acton"), "write 'action'", None),
    ("unknown-type", put(*PROVIDER, "type", value="pyhton"), "write 'python'", None),
    ("unknown-type", tolerance({"type": "rnge", "range": [0, 1]}), "write 'range'", None),
    (
        "unknown-ref",
        put("rollbacks", 0, value={"ref": "numbr"}),
        "those after it are not played, and there is no journal; write 'number'",
        put("rollbacks", 0, value={"ref": "act"}),
    ),
    ("unknown-ref", put(*METHOD, value={"ref": "undo"}), "`chaos validate` refuses", None),
    (
        "rollbacks-not-always",
        rename("runtime", to="x-runtime"),
        "warning: with the strategy 'default' rollbacks are not played when a probe raises",
        together(
            rename("runtime", to="x-runtime"),
            put("rollbacks", value=[]),
            put("method", value=[]),
        ),
    ),
    (
        "rollbacks-not-always",
        together(
            rename("runtime", to="x-runtime"),
            put(*METHOD, value=toxic("restore_path", proxy="database")),
        ),
        "[rollbacks-not-always] with the strategy 'default'",  # and no warning
        None,
    ),
    (
        "rollbacks-not-always",
        put("runtime", "rollbacks", "strategy", value="never"),
        "[rollbacks-not-always] with the strategy 'never' rollbacks are never played",
        None,
    ),
    (
        "unknown-strategy",
        put("runtime", "rollbacks", "strategy", value="allways"),
        "no rollback is played, without a word; write 'always'",
        None,
    ),
    (
        "unknown-strategy",
        put("runtime", "hypothesis", value={"strategy": "continuous"}),
        "write 'continuously'",
        put("runtime", "hypothesis", value={"strategy": "continuously"}),
    ),
    (
        "unknown-variable",
        put(*PROVIDER, "arguments", "path", value="a ${knwon}"),
        "write ${known}",
        put(*PROVIDER, "arguments", "path", value="a ${known} ${password} $${not} $HOME"),
    ),
    (
        "unknown-variable",
        put(*PROVIDER, "arguments", "path", value="${zz}"),
        "`--var` alone does not add it",
        None,
    ),
    (
        "unknown-variable",
        together(
            put("configuration", "my-key", value=1),
            put(*PROVIDER, "arguments", "path", value="${my-key}"),
        ),
        "letters, digits and underscores only",
        None,
    ),
    (
        "unknown-variable",
        tolerance({**REGEX, "pattern": "${zz}", "target": "stdout"}, PROCESS),
        "is passed on",
        tolerance({**REGEX, "pattern": "${known}", "target": "stdout"}, PROCESS),
    ),
    (
        "unknown-variable",
        put(*METHOD, "provider", value={"type": "process", "path": "ls", "arguments": "${HOME}"}),
        "warning: ${HOME} is nothing that the core finds",
        put(*METHOD, "provider", value={"type": "process", "path": "ls", "arguments": "${a:-.}"}),
    ),
    (
        "unknown-variable",
        put(*METHOD, "provider", value=shell("echo ${HOME}")),
        "warning: ${HOME} is nothing that the core finds",
        put(*METHOD, "provider", value=shell("echo ${known} $HOME ${#} ${1:-x} ${a%.*}")),
    ),
    (
        "unknown-variable",
        put(*METHOD, "provider", value=shell("echo ${knwon}")),
        "[unknown-variable] ${knwon} is nothing",  # and no warning
        None,
    ),
    (
        "unknown-variable",
        put(*METHOD, "provider", value={**shell("${HOME}"), "path": "ls"}),
        "[unknown-variable] ${HOME} is nothing",  # there is no shell
        None,
    ),
    (
        "unknown-variable",
        together(UNKNOWN, control("lint_setter")),
        "warning: ${zz} is nothing that the core finds",
        None,
    ),
    ("unknown-variable", together(UNKNOWN, control("lint_writer")), "'lint_writer' sets it", None),
    ("unknown-variable", together(UNKNOWN, control("lint_absent")), "'lint_absent' sets it", None),
    (
        "unknown-variable",
        together(UNKNOWN, control("lint_tracer")),
        "[unknown-variable] ${zz} is nothing",  # and no warning
        None,
    ),
    (
        "unknown-secrets",
        together(put(*PROVIDER, "secrets", value=["other"]), control("lint_setter")),
        "warning: ",
        None,
    ),
    ("unknown-variable", put(*METHOD, "pauses", value={"after": "${zz}"}), "passed on", None),
    (
        "unknown-variable",
        put(*METHOD, "provider", value={"type": "http", "url": "http://${zz}"}),
        "passed on",
        put(*METHOD, "provider", value={"type": "http", "url": "http://${known}"}),
    ),
    (
        "pause-is-text",
        put(*METHOD, "pauses", value={"after": "${known}"}),
        "the method is aborted",
        together(
            put("configuration", "known", "env_var_type", value="float"),
            put(*METHOD, "pauses", value={"after": "${known}", "before": 2}),
        ),
    ),
    (
        "not-substituted",
        tolerance(["${known}", 2]),
        "arguments and let its tolerance be true",
        tolerance("${known}"),
    ),
    ("not-substituted", tolerance({**RANGE, "range": ["${known}", 2]}), "refused, or", None),
    (
        "not-substituted",
        put(*METHOD, "provider", value={**PROCESS, "path": "${known}"}),
        "taken literally",
        put(*METHOD, "provider", value={**PROCESS, "arguments": ["${known}"]}),
    ),
    (
        "module-not-importable",
        put(*PROVIDER, "module", value="lint_helpres"),
        "No module named 'lint_helpres'",
        None,
    ),
    (
        "module-not-importable",
        put(*PROVIDER, "module", value="chaosnetra.toxiproxy.action"),
        "write 'chaosnetra.toxiproxy.actions'",
        None,
    ),
    ("module-not-importable", put(*PROVIDER, "module", value="lint_broken"), "SystemExit: 3", None),
    ("module-not-importable", put(*PROVIDER, "module", value=".relative"), "TypeError", None),
    ("function-not-found", put(*FUNC, value="anythin"), "write 'anything'", None),
    ("function-not-found", put(*FUNC, value="cached"), "wrap it in a function", None),
    ("async-activity", put(*FUNC, value="coroutine"), "the journal breaks off", None),
    ("async-activity", put(*FUNC, value="generator"), "return a list", None),
    (
        "async-activity",
        tolerance({**JUDGE, "provider": python("coroutine")}),
        "every value is taken as within tolerance",
        tolerance(JUDGE),
    ),
    ("unknown-argument", put(*PROVIDER, "arguments", value={"pth": 1}), "write 'path'", None),
    (
        "unknown-argument",
        tolerance({**JUDGE, "provider": python("blind")}),
        "no argument 'value'",
        None,
    ),
    (
        "missing-argument",
        together(
            put(*FUNC, value="needs"),
            put(*PROVIDER, "secrets", value=["group"]),
            put(*PROVIDER, "arguments", value={}),
        ),
        "needs the argument 'path'",
        together(put(*FUNC, value="needs"), put(*PROVIDER, "secrets", value=["group"])),
    ),
    ("missing-argument", put(*FUNC, value="needs"), "the activity fails; add 'secrets'", None),
    (
        "missing-argument",
        tolerance({**JUDGE, "provider": python("judge")}),
        "needs the argument 'value', and `chaos validate` refuses",
        tolerance(JUDGE),
    ),
    (
        "unknown-secrets",
        put(*PROVIDER, "secrets", value=["gruop"]),
        "write 'group'",
        put(*PROVIDER, "secrets", value=["group"]),
    ),
    ("tolerance-crashes", tolerance(RANGE, python("answer")), None, tolerance(RANGE)),
    ("tolerance-crashes", tolerance(REGEX), "cannot judge a number", None),
    (
        "tolerance-crashes",
        tolerance(REGEX, PROCESS),
        "without a journal and without rollbacks",
        tolerance({**REGEX, "target": "stdout"}, PROCESS),
    ),
    (
        "tolerance-crashes",
        tolerance({**REGEX, "target": "status"}, PROCESS),
        "a regex cannot judge a number",
        tolerance({**RANGE, "target": "status"}, PROCESS),
    ),
    ("tolerance-crashes", tolerance({**REGEX, "target": "out"}, PROCESS), "no 'out'", None),
    ("tolerance-crashes", tolerance({**RANGE, "target": "x"}), "has no 'x'", None),
    (
        "tolerance-crashes",
        tolerance(RANGE, python("anything")),
        "warning: a range tolerance raises",
        together(tolerance(RANGE, python("anything")), WITH_JOURNAL),
    ),
    (
        "tolerance-crashes",
        tolerance([0, 1], python("anything")),
        "warning: ",
        tolerance([0, 1, 2], python("anything")),
    ),
    (
        "tolerance-crashes",
        tolerance([0, 1], python("answer")),
        "a range cannot judge text",
        tolerance([0, 1], PROCESS),
    ),
    (
        "tolerance-crashes",
        tolerance(
            {**JUDGE, "provider": {k: v for k, v in python("judge").items() if k != "arguments"}}
        ),
        '"arguments": {}',
        tolerance(JUDGE),
    ),
    (
        "tolerance-never-met",
        together(tolerance(REGEX, PROCESS), WITH_JOURNAL),
        'and the method is skipped; name what is to be judged: "target": "stdout"',
        together(tolerance({**REGEX, "target": "stdout"}, PROCESS), WITH_JOURNAL),
    ),
    (
        "tolerance-never-met",
        together(tolerance({**REGEX, "target": "status"}, HTTP), WITH_JOURNAL),
        "a regex cannot judge a number",
        together(tolerance({**REGEX, "target": "body"}, HTTP), WITH_JOURNAL),
    ),
    (
        "tolerance-never-met",
        together(tolerance(REGEX, python("details")), WITH_JOURNAL),
        "cannot judge an object",
        together(tolerance({**REGEX, "target": "a"}, python("details")), WITH_JOURNAL),
    ),
    ("tolerance-never-met", tolerance(True, python("details")), "never equal to True", None),
    ("tolerance-never-met", tolerance("1", python("number")), "'1'", None),
    ("tolerance-never-met", tolerance(1, python("answer")), "1", None),
    ("tolerance-never-met", tolerance(["200", "204"], HTTP), "the status is a number", None),
    ("tolerance-never-met", tolerance([], python("number")), "an empty list", None),
    ("tolerance-never-met", tolerance([5, 1]), "write [1, 5]", tolerance([404, 200], HTTP)),
    ("tolerance-never-met", tolerance({**RANGE, "range": [1, 0]}), "from 1 to 0", None),
    (
        "tolerance-always-met",
        tolerance({**REGEX, "pattern": "", "target": "stdout"}, PROCESS),
        "the pattern '' matches every text",
        tolerance({**REGEX, "pattern": "^(?!.*error)", "target": "stdout"}, PROCESS),
    ),
    (
        "tolerance-always-met",
        together(
            put("configuration", "pattern", value="ok|"),
            tolerance({**REGEX, "pattern": "${pattern}"}, python("answer")),
        ),
        "'ok|'",
        together(
            put("configuration", "pattern", value="ok|ready"),
            tolerance({**REGEX, "pattern": "${pattern}"}, python("answer")),
        ),
    ),
    (
        "tolerance-always-met",
        together(
            put("configuration", "known", "default", value=".*"),
            tolerance({**REGEX, "pattern": "${known}"}, python("answer")),
        ),
        "warning: the pattern '.*'",  # the environment can say something else
        tolerance({**REGEX, "pattern": "${known}"}, python("answer")),
    ),
    (
        "tolerance-always-met",
        tolerance({**REGEX, "pattern": "^.*$"}, python("answer")),
        "warning: the pattern '^.*$' matches every text of one line",
        tolerance({**REGEX, "pattern": "^.+$"}, python("answer")),
    ),
    ("tolerance-always-met", tolerance({**JSON_PATH, "path": "$"}), "every answer", None),
    (
        "tolerance-always-met",
        together(
            put(*METHOD, "provider", value=PROCESS),
            put(*METHOD, "tolerance", value={**REGEX, "pattern": "x*", "target": "stderr"}),
            WITH_JOURNAL,
        ),
        "the pattern 'x*' matches every text",
        together(
            put(*METHOD, "provider", value=PROCESS),
            put(*METHOD, "tolerance", value={**REGEX, "target": "stderr"}),
            WITH_JOURNAL,
        ),
    ),
    (
        "tolerance-always-met",
        tolerance({**JSON_PATH, "path": "$ . body"}, HTTP),
        "'$ . body'",
        None,
    ),
    ("tolerance-always-met", tolerance({**JSON_PATH, "path": "$['stdout']"}, PROCESS), "add", None),
    (
        "tolerance-always-met",
        tolerance(statuses(200, 599), HTTP),
        "every HTTP status is within [200, 599]",
        tolerance(statuses(200, 499), HTTP),
    ),
    (
        "tolerance-always-met",
        tolerance(statuses(0, 255), PROCESS),
        "warning: every exit code",
        tolerance(statuses(0, 254), PROCESS),
    ),
    (
        "tolerance-always-met",
        tolerance([200, 599]),
        "warning: every HTTP status",
        tolerance([100, 500]),
    ),
    (
        "tolerance-always-met",
        tolerance({**JUDGE, "provider": python("sees")}),
        "an object counts as true",
        None,
    ),
    (
        "tolerance-is-a-set",
        tolerance([200, 599], HTTP),
        '{"type": "range", "range": [200, 599], "target": "status"}',
        tolerance([200, 404], HTTP),
    ),
    ("tolerance-is-a-set", tolerance([200, 299], HTTP), "only 200 and 299", None),
    (
        "tolerance-is-a-set",
        tolerance([200, 300], HTTP),
        "warning: ",
        tolerance([200, 201, 299], HTTP),
    ),
    (
        "tolerance-is-a-range",
        tolerance([200, 404]),
        "warning: for a number a list of two is a range: all from 200 to 404",
        tolerance([200, 404, 410]),
    ),
    (
        "tolerance-is-a-range",
        together(tolerance([200, 204], python("anything")), WITH_JOURNAL),
        "those between as well",
        together(tolerance([200, 400], python("anything")), WITH_JOURNAL),
    ),
    ("tolerance-refused", tolerance(0.5), "is no tolerance", tolerance(5)),
    ("tolerance-refused", tolerance({"type": "jsonpath", "path": "$.a"}), "jsonpath2", None),
    ("tolerance-never-met", tolerance(True, PROCESS), "exits with 0", tolerance(0, PROCESS)),
    ("tolerance-never-met", tolerance("ok", PROCESS), "'ok'", tolerance("${known}", PROCESS)),
    (
        "tolerance-always-met",
        tolerance({**JUDGE, "provider": PROCESS}),
        "holds for every value",
        None,
    ),
    (
        "tolerance-is-a-range",
        tolerance(["ok", "ready"], python("answer")),
        "every text from 'ok' to 'ready'",
        tolerance(["ok", "ready", "up"], python("answer")),
    ),
    (
        "control-not-importable",
        control("chaosnetra.controls.jurnal"),
        "goes on without it and exits with 0; write 'chaosnetra.controls.journal'",
        control("chaosnetra.controls.journal", recovery_timeout_seconds=3),
    ),
    (
        "control-not-importable",
        control("chaostracing.controls.journal"),
        "exits with 0; install what holds it, or correct its name",
        None,
    ),
    (
        "control-not-importable",
        control("lint_helpers.control"),
        "'lint_helpers.control' cannot be imported here",
        None,
    ),
    ("control-without-hooks", control("lint_helpers"), "it does nothing", control("lint_control")),
    (
        "control-arguments",
        control("lint_control", levl=2),
        "after_activity_control of 'lint_control' cannot be called",
        control("lint_control", level=2),
    ),
    (
        "control-arguments",
        control("chaosnetra.controls.journal", recovery_timeout=3),
        "write 'recovery_timeout_seconds'",
        None,
    ),
    ("async-activity", control("lint_async_control"), "it does nothing", None),
    (
        "no-journal-control",
        together(put(*METHOD, value=LATENCY), put("controls", value=[])),
        "there is no verdict",
        together(
            WITH_JOURNAL,
            put(*METHOD, value=LATENCY),
            put("rollbacks", 0, value=toxic("remove_toxic", name="slow")),
        ),
    ),
    (
        "secrets-in-journal",
        put("configuration", "asked", value=activity(python(), "probe")),
        "all secrets in clear",
        together(WITH_JOURNAL, put("configuration", "asked", value=activity(python(), "probe"))),
    ),
    (
        "no-undo",
        together(WITH_JOURNAL, put(*METHOD, value=LATENCY)),
        '\'remove_toxic\' and the arguments {"name": "slow"}',
        None,
    ),
    (
        "no-undo",
        together(
            WITH_JOURNAL,
            put(*METHOD, value=LATENCY),
            put("rollbacks", 0, value=toxic("remove_toxic", name="fast")),
        ),
        "no rollback undoes 'add_latency'",
        None,
    ),
    (
        "no-undo",
        together(
            WITH_JOURNAL,
            put(*METHOD, value=toxic("add_timeout", timeout_ms=0)),
            put("rollbacks", 0, value=toxic("remove_toxic", name="timeout", proxy="other")),
        ),
        '{"name": "timeout"}',
        together(
            WITH_JOURNAL,
            put(*METHOD, value=toxic("add_timeout", timeout_ms=0)),
            put("rollbacks", 0, value=toxic("remove_toxic", name="timeout", proxy="database")),
        ),
    ),
    (
        "no-undo",
        put("rollbacks", value=[]),
        "warning: the action 'act'",
        together(put("rollbacks", value=[]), put(*METHOD, "type", value="probe")),
    ),
]


def test_the_experiment_that_all_others_differ_from_is_clean() -> None:
    assert found(lambda experiment: None) == []


@pytest.mark.parametrize(
    ("rule", "trap", "says"),
    [(rule, trap, says) for rule, trap, says, _ in TRAPS if says is not None],
    ids=[f"{index}-{trap[0]}" for index, trap in enumerate(TRAPS) if trap[2] is not None],
)
def test_the_trap_is_found(rule: str, trap: Change, says: str) -> None:
    findings = found(trap, rule=rule)
    assert len(findings) == 1, found(trap)
    assert says in findings[0].text
    assert findings[0].text.startswith(f"e.json:{findings[0].line}: [{rule}] ")


@pytest.mark.parametrize(
    "beside",
    [beside for _, _, _, beside in TRAPS if beside is not None],
    ids=[f"{index}-{trap[0]}" for index, trap in enumerate(TRAPS) if trap[3] is not None],
)
def test_what_stands_beside_the_trap_is_clean(beside: Change) -> None:
    assert found(beside) == []


@pytest.mark.parametrize("pattern", ["", ".*", "x*", "ok|", "^", "$", "(?s).*", "(?!error)", "()"])
def test_each_pattern_that_matches_everything_is_an_error(pattern: str) -> None:
    (finding,) = found(tolerance({**REGEX, "pattern": pattern, "target": "stdout"}, PROCESS))
    assert (finding.rule, finding.severity) == ("tolerance-always-met", Severity.ERROR)


@pytest.mark.parametrize("place", [("method", 0), ("title",), ("tolerance",), ("controls",)])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_chaos_validate_refuses_is_told(place: tuple[Any, ...], data: st.DataObject) -> None:
    """Whatever stands in one place of a valid experiment."""
    experiment = copy.deepcopy(CLEAN)
    value = data.draw(
        st.none()
        | st.sampled_from([True, 0, 0.5, "", "x", [], [1, 2], {}, {"ref": ""}, {"ref": "number"}])
        | st.dictionaries(
            st.sampled_from(["type", "name", "provider", "pauses", "background", "ref", "range"]),
            st.sampled_from(
                ["", "probe", "action", "range", PROCESS, HTTP, {}, [], 1, None, [1, 2]]
            ),
        )
    )
    change = tolerance(value) if place == ("tolerance",) else put(*place, value=value)
    if place == ("controls",) and isinstance(value, dict):
        change = put("controls", value=[value])
    change(experiment)
    told = [one for one in found(change) if one.severity is Severity.ERROR]
    refused = "no"
    try:
        ensure_experiment_is_valid(experiment)
    except Exception as error:  # noqa: BLE001 - the core does not always refuse in words
        refused = str(error)
    assert refused == "no" or any("`chaos validate`" in one.message for one in told), refused


def test_validation_says_nothing_itself(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    found(control("lint_absent"))
    assert caplog.messages == []
    assert capsys.readouterr().out == ""


def test_a_package_that_is_missing_is_told_as_that_and_none_is_guessed() -> None:
    (finding,) = found(control("chaostracing.controls.journal"))
    assert "is not installed here (ModuleNotFoundError" in finding.message
    assert "chaosnetra" not in finding.text
    provider = python("startups_succeed", "chaosnetwork.startup.probes")
    (finding,) = found(put(*PROVIDER, value=provider))
    assert "is not installed here (ModuleNotFoundError" in finding.message
    assert "write" not in finding.remedy


def test_a_text_in_a_range_tolerance_is_no_crash() -> None:
    """The core catches what is no number, and nothing else."""
    assert found(tolerance(RANGE, python("answer"))) == []


def test_a_finding_stands_on_the_line_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text('{\n"title": "t",\n"description": "d",\n"method": [],\n"rolbacks": []}')
    (finding,) = lint_file(path)
    assert (finding.line, finding.severity) == (5, Severity.ERROR)


def test_yaml_is_linted_alike(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "title: t\ndescription: d\nmethod:\n- ref: nope\nrollbacks: []\nrollbacks: []\n"
    )
    assert [(finding.line, finding.rule) for finding in lint_file(path)] == [
        (4, "unknown-ref"),
        (6, "duplicate-key"),
    ]


def test_what_a_module_prints_does_not_spoil_the_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found(put(*PROVIDER, "module", value="lint_broken"))
    assert capsys.readouterr() == ("", "noise\n")


def test_every_action_of_ours_is_known_with_its_counterpart() -> None:
    from importlib import import_module

    known = {*UNDONE_BY, *NEEDS_NONE}
    all_there_are = {
        (module, name) for module in ACTION_MODULES for name in import_module(module).__all__
    }
    assert known == all_there_are
    assert {(module, undo) for (module, _), undo in UNDONE_BY.items()} <= NEEDS_NONE


KEYS = st.sampled_from(
    sorted(
        {*EXPERIMENT.keys, *ACTIVITY.keys, "ref", "tolerance", "probes", "strategy", "range"}
        | {key for shape in PROVIDERS.values() for key in shape.keys}
    )
)
TEXTS = st.sampled_from(
    [
        *("probe", "action", "python", "process", "http", "env", "range", "regex", "jsonpath"),
        *("lint_helpers", "anything", "coroutine", "chaosnetra.toxiproxy.actions", "add_latency"),
        *("${known}", "${", "always", "", "."),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=8)
        | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=40,
)


@given(data=ANYTHING)
@settings(max_examples=300)
def test_any_json_has_findings_or_none_and_never_a_traceback(data: Any) -> None:
    read, lines, duplicates = parse_json(json.dumps(data))
    for finding in lint_document(Document("e.json", read, lines, tuple(duplicates))):
        assert "\n" not in finding.text
        assert finding.line == 1
        json.dumps(finding.to_json())


@given(data=st.data())
@settings(max_examples=300)
def test_a_valid_experiment_with_anything_in_one_place_is_linted(data: st.DataObject) -> None:
    experiment = copy.deepcopy(CLEAN)
    experiment["controls"] = [
        {"name": "c", "provider": {"type": "python", "module": "lint_control"}}
    ]
    experiment["steady-state-hypothesis"]["probes"][0]["tolerance"] = copy.deepcopy(JUDGE)
    at: Any = experiment
    while True:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(ANYTHING)
    read, lines, duplicates = parse_json(json.dumps(experiment))
    lint_document(Document("e.json", read, lines, tuple(duplicates)))


@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_gives_findings_or_one_readable_line(
    raw: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(raw)
    try:
        said = [finding.text for finding in lint_file(path)]
    except Unreadable as error:
        said = [str(error)]
    assert said
    assert not any("\n" in line for line in said)


@pytest.mark.parametrize(
    "content",
    [
        "{" + ",".join(f'"{n:05}":0' for n in range(90_000)) + "}",
        json.dumps({"method": [{"name": f"{n}", "ref": f"x{n}"} for n in range(15_000)]}),
        json.dumps({"method": [{"pauses": {"after": "${x}" * 3}}] * 20_000}),
        '{"a":' * 90 + "0" + "}" * 90,
    ],
    ids=["keys", "references", "variables", "depth"],
)
def test_a_file_full_of_traps_is_no_hang(tmp_path: Path, content: str) -> None:
    path = tmp_path / "e.json"
    path.write_text(content)
    findings = lint_file(path)
    assert 1 <= len(findings) <= 1001
    assert all(len(finding.text) < 2000 for finding in findings)


def test_rules_look_at_notes_as_notes() -> None:
    document = Document("e", {"title": "t", "description": "d", "method": [], "_x": 1}, {})
    from chaosnetra.lint.modules import Modules
    from chaosnetra.lint.outline import Outline

    assert list(check_keys(Outline(document, Modules()))) == []
