"""Traps in its variables and secrets."""

from typing import Any

from tests.support.lint_traps import (
    METHOD,
    PROCESS,
    PROVIDER,
    RANGE,
    REGEX,
    UNKNOWN,
    control,
    put,
    shell,
    together,
    tolerance,
)

VARIABLE_TRAPS: list[Any] = [
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
        "unknown-secrets",
        put(*PROVIDER, "secrets", value=["gruop"]),
        "write 'group'",
        put(*PROVIDER, "secrets", value=["group"]),
    ),
]
