"""Traps in its activities and controls: what they call, and with what."""

from typing import Any

from tests.support.lint_traps import (
    FUNC,
    JUDGE,
    PROVIDER,
    control,
    put,
    python,
    together,
    tolerance,
)

ACTIVITY_TRAPS: list[Any] = [
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
]
