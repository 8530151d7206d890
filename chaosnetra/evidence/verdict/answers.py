"""What an action says of itself: the core calls every action that does not raise a success."""

import json
from collections.abc import Mapping
from typing import Any

from chaosnetra.evidence.verdict.tolerance import has_tolerance, tolerance_met
from chaosnetra.redaction import Redactor
from chaosnetra.text import cut, one_line

LONGEST_TOLD = 200
FIRST_ERROR_STATUS = 400
# The core's own word for it in its journals, and those of Kubernetes and of HTTP APIs.
FAILED = frozenset({"failed", "failure", "error"})
# What says by `false` that an action did not work.
WORKED = ("success", "succeeded", "ok")


def own_failure(run: Mapping[str, Any]) -> str | None:
    """Why an action did not work although the core calls it a success; None if it did work.

    Its tolerance decides, where it has one. Else these answers are failures: of a process an
    exit code other than 0, of an HTTP request a status of 400 or more, and of any other action
    `false`, or an object whose `status` is "failed", "failure" or "error", or whose `success`,
    `succeeded` or `ok` is `false`. No other answer is interpreted.

    Args:
        run: an activity of the method or the rollbacks, from a journal.

    Returns:
        What it answered, with a short part of its output that shows no password of a URL.
    """
    activity, output = run["activity"], run["output"]
    if run["status"] != "succeeded" or activity.get("type") == "probe":
        return None
    if has_tolerance(activity):
        met = tolerance_met(run)
        if met is True:
            return None
        answer = f"{_told(output)}, tolerance {_told(activity['tolerance'])}"
        if met is None:
            return f"nobody judged whether its answer is within its tolerance: answer {answer}"
        return f"its answer is outside its tolerance: answer {answer}"
    if output is False:
        return "it answered false"
    return _told_failure(activity, output) if isinstance(output, dict) else None


def _told_failure(activity: Mapping[str, Any], output: Mapping[str, Any]) -> str | None:
    status = output.get("status")
    says_so = isinstance(status, str) and status.lower() in FAILED
    if says_so or any(output.get(key) is False for key in WORKED):
        return f"it answered that it failed: {_told(output)}"
    if type(status) is not int:
        return None
    provider = activity.get("provider")
    match provider.get("type") if isinstance(provider, dict) else None:
        case "process" if status != 0:
            ended = f"exit code {status}" if status > 0 else f"signal {-status}"
            return f"its process ended with {ended}{_said(output)}"
        case "http" if status >= FIRST_ERROR_STATUS:
            body = output.get("body")
            return f"it was answered with status {status}" + (f": {_told(body)}" if body else "")
    return None


def _said(output: Mapping[str, Any]) -> str:
    """The end of what a process wrote, where its reason is."""
    for stream in ("stderr", "stdout"):
        text = output.get(stream)
        if isinstance(text, str) and text.strip():
            line = one_line(_masked(text[-20 * LONGEST_TOLD :]).strip())
            return f": {line if len(line) <= LONGEST_TOLD else f'…{line[1 - LONGEST_TOLD :]}'}"
    return ""


def _told(value: Any) -> str:
    """The beginning of a value as one line."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return cut(one_line(_masked(text[: 20 * LONGEST_TOLD]).strip()), LONGEST_TOLD)


def _masked(text: str) -> str:
    """Without passwords in URLs: a journal of somebody else's was written without a mask."""
    redactor = Redactor()
    redactor.learn(text)
    return redactor.text(text)
