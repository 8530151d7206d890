"""Traps in its rollbacks, and in what the journal needs."""

from typing import Any

from tests.support.lint_traps import (
    LATENCY,
    METHOD,
    WITH_JOURNAL,
    activity,
    put,
    python,
    rename,
    together,
    toxic,
)

ROLLBACK_TRAPS: list[Any] = [
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
            rename("runtime", to="x-runtime"), put("rollbacks", value=[]), put("method", value=[])
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
