"""Traps in its tolerances."""

from typing import Any

from tests.support.lint_traps import (
    HTTP,
    JSON_PATH,
    JUDGE,
    METHOD,
    PROCESS,
    RANGE,
    REGEX,
    WITH_JOURNAL,
    put,
    python,
    statuses,
    together,
    tolerance,
)

# Without arguments: the journal control gives it some.
HELD = {
    "type": "probe",
    "name": "held",
    "provider": {"type": "python", "module": "chaosnetra.tolerances", "func": "held"},
}

TOLERANCE_TRAPS: list[Any] = [
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
        together(
            tolerance({**JUDGE, "provider": {**python("judge"), "arguments": []}}), WITH_JOURNAL
        ),
        '"arguments": {}',
        together(tolerance(HELD), WITH_JOURNAL),
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
]
