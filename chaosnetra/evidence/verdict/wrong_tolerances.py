"""Tolerances that cannot judge what their probe answers: then they are wrong, not the system.

The core compares a tolerance with the whole answer, or raises, and calls both "not met".
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chaosnetra.quantities import finite_or_none
from chaosnetra.text import cut

HELD = (
    '{"type": "probe", "name": "held", "provider": {"type": "python", "module": '
    '"chaosnetra.tolerances", "func": "held", "arguments": {}}}'
)
_OTHERS = "a jsonpath, a regex or a range with a target, or a tolerance function"
LONGEST_SHOWN = 60


def wrong_tolerance(tolerance: Any, answer: Any) -> str | None:
    """Why a tolerance can never be met by an answer of that shape; None where it can.

    Args:
        tolerance: as the experiment has it.
        answer: what the probe returned; None, numbers and text are left to the core.
    """
    if not isinstance(answer, (dict, list)):
        return None
    if isinstance(tolerance, dict):
        return _of_a_kind(tolerance, answer)
    told = isinstance(answer, dict) and "status" in answer
    if told and finite_or_none(tolerance) is not None:
        return None  # the core looks at the status
    if isinstance(tolerance, list) and (told or any(one == answer for one in tolerance)):
        return None
    shown = cut(json.dumps(tolerance, default=repr), LONGEST_SHOWN)
    return _wrong(f"{shown} never matches", answer)


def without_target(tolerance: Any, answer: Any) -> str | None:
    """The same before the run, when only the kind of the answer is known: `{}` or `[]`."""
    if isinstance(tolerance, str) and "${" in tolerance:
        return None
    if isinstance(tolerance, list) and any(isinstance(one, (str, dict, list)) for one in tolerance):
        return None
    if isinstance(tolerance, dict) and tolerance.get("target"):
        return None
    return wrong_tolerance(tolerance, answer)


def wrong_tolerances(runs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why tolerances of a journal's probes are wrong, by the probe's name.

    One that was met once is not: then it is the system that answers otherwise at times.

    Args:
        runs: every check of every probe.
    """
    wrong: dict[str, str] = {}
    met = set()
    for run in runs:
        name = str(run["activity"].get("name"))
        if run.get("tolerance_met") is True:
            met.add(name)
        elif "tolerance" in run["activity"]:
            why = wrong_tolerance(run["activity"]["tolerance"], run["output"])
            if why is not None:
                wrong.setdefault(name, why)
    return {name: why for name, why in wrong.items() if name not in met}


def _of_a_kind(tolerance: Mapping[Any, Any], answer: Any) -> str | None:
    kind, target = tolerance.get("type"), tolerance.get("target")
    if kind not in ("regex", "range"):
        return None
    judged = answer
    if target and isinstance(target, str) and isinstance(answer, dict):
        if target not in answer:
            return _wrong(f"a {kind} looks at {target!r}, which is not in", answer)
        judged = answer[target]
    if kind == "regex" and not isinstance(judged, str):
        return _wrong(f"a regex judges text, and {_what(target, judged)} is not, in", answer)
    if kind == "range" and isinstance(judged, (dict, list)):
        return _wrong(f"a range judges a number, and {_what(target, judged)} is not, in", answer)
    return None


def _what(target: Any, judged: Any) -> str:
    return f"{target!r}" if target else _named(judged)


def _wrong(how: str, answer: Any) -> str:
    remedy = HELD if isinstance(answer, dict) and ("held" in answer or not answer) else _OTHERS
    return f"{how} {_named(answer)}, which its probe answers with; use {remedy}"


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "the answer"
