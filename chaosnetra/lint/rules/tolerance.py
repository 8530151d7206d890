"""Tolerances that raise, that are never met, or that are always met.

What a probe answers is known for process and http providers (an object with `status`), and for
a python function as far as its annotation tells.
"""

import inspect
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, get_origin

from chaosnetra.lint.document import Place
from chaosnetra.lint.findings import Finding, Severity
from chaosnetra.lint.outline import Activity, Outline, Role, text

_CRASH = "the run ends with a traceback, without a journal and without rollbacks"
_FUNCTION = 'use a tolerance function: {"type": "probe", "name": …, "provider": …}'


class Answer(StrEnum):
    """What kind of value a tolerance has to judge."""

    STATUS = "an object with 'status'"
    NUMBER = "a number"
    TEXT = "text"
    OTHER = "neither a number nor text"
    UNKNOWN = "anything"


_ANNOTATED = {
    int: Answer.NUMBER,
    float: Answer.NUMBER,
    bool: Answer.NUMBER,
    Decimal: Answer.NUMBER,
    str: Answer.TEXT,
    dict: Answer.OTHER,
    list: Answer.OTHER,
    type(None): Answer.OTHER,
    None: Answer.OTHER,
}


def check(outline: Outline) -> Iterator[Finding]:
    """`tolerance-crashes`, `tolerance-never-met`, `tolerance-always-met`, `tolerance-refused`, …

    Also `tolerance-is-a-range`. With the journal control a tolerance that raises fails its probe
    and nothing worse, so crashes are told only where the control is not declared.
    """
    for activity in outline.of(Role.HYPOTHESIS):
        if "tolerance" not in activity.data:
            continue
        place = (*activity.place, "tolerance")
        tolerance = activity.data["tolerance"]
        answer = _answer(outline, activity)
        if isinstance(tolerance, dict):
            yield from _object(outline, place, tolerance, answer)
        elif isinstance(tolerance, list):
            yield from _list(outline, place, tolerance, answer)
        elif not isinstance(tolerance, (bool, int, str)):
            yield outline.finding(
                place,
                "tolerance-refused",
                f"{tolerance!r} is no tolerance, and `chaos validate` refuses it",
                'write {"type": "range", "range": [low, high]}, or a tolerance function',
            )
        elif isinstance(tolerance, (bool, str)) and answer in (Answer.STATUS, Answer.OTHER):
            if isinstance(tolerance, str) and "${" in tolerance:
                continue  # it may stand for a number
            yield outline.finding(
                place,
                "tolerance-never-met",
                f"the probe answers {answer.value}, which is never equal to {tolerance!r}: the "
                "baseline is not met, the method is skipped, and the run exits with 0",
                "write the status as a number, or a regex or jsonpath with a target"
                if answer is Answer.STATUS
                else _FUNCTION,
            )


def _object(
    outline: Outline, place: Place, tolerance: dict[Any, Any], answer: Answer
) -> Iterator[Finding]:
    kind = text(tolerance.get("type"))
    if kind == "probe":
        yield from _probe(outline, Activity(place, Role.TOLERANCE, tolerance))
    elif kind == "jsonpath" and find_spec("jsonpath2") is None:
        yield outline.finding(
            place,
            "tolerance-refused",
            "jsonpath2 is not installed here, so `chaos validate` refuses jsonpath tolerances",
            "pip install 'chaostoolkit-lib[jsonpath]'",
        )
    elif kind in ("range", "regex"):
        right = Answer.NUMBER if kind == "range" else Answer.TEXT
        target = tolerance.get("target")
        if target and answer in (Answer.NUMBER, Answer.TEXT):
            yield from _crashes(outline, place, f"{answer.value} has no {target!r}", certain=True)
        elif target and answer is Answer.STATUS:
            yield from _target(outline, place, kind, target)
        elif answer is Answer.UNKNOWN or target:
            happens = f"a {kind} tolerance raises when the probe answers no {right.value}"
            yield from _crashes(outline, place, happens, certain=False)
        elif answer is not right and not (kind == "range" and answer is Answer.TEXT):
            happens = f"a {kind} tolerance cannot judge {answer.value}"
            yield from _crashes(outline, place, happens, certain=True)


def _target(outline: Outline, place: Place, kind: str, target: Any) -> Iterator[Finding]:
    """Of a process (`status`, `stdout`, `stderr`) or of an HTTP call (`status`, `body`, …)."""
    if kind == "regex" and target == "status":
        yield from _crashes(outline, place, "a regex cannot judge a number", certain=True)
    elif kind == "regex" and target == "body":
        happens = "a regex raises when the body is JSON, which arrives as an object"
        yield from _crashes(outline, place, happens, certain=False)
    elif target not in ("status", "stdout", "stderr", "body", "headers"):
        yield from _crashes(
            outline, place, f"the answer has no {target!r}, so all of it is judged", certain=True
        )


def _probe(outline: Outline, tolerance: Activity) -> Iterator[Finding]:
    if tolerance.provider_type == "python":
        if not isinstance(tolerance.provider.get("arguments"), dict):
            happens = "a tolerance function needs 'arguments', if only {}: the core puts 'value' in"
            yield from _crashes(
                outline, tolerance.provider_place, happens, certain=True, remedy='"arguments": {}'
            )
    elif tolerance.provider_type in ("process", "http"):
        yield outline.finding(
            tolerance.provider_place,
            "tolerance-always-met",
            f"the answer of a {tolerance.provider_type} provider is an object, which counts as "
            "true whatever the status: this tolerance holds for every value",
            "use a python function",
        )


def _list(
    outline: Outline, place: Place, tolerance: list[Any], answer: Answer
) -> Iterator[Finding]:
    if answer is Answer.STATUS or len(tolerance) != 2:
        return  # the core looks whether the value is in the list
    if all(isinstance(bound, str) and "${" not in bound for bound in tolerance):
        low, high = tolerance
        yield outline.finding(
            place,
            "tolerance-is-a-range",
            f"a list of two is a range: every text from {low!r} to {high!r} is within tolerance",
            f"write a regex (^({low}|{high})$), or a tolerance function",
        )
    elif any(isinstance(bound, str) for bound in tolerance):
        return  # variables: their own rule tells
    elif answer is Answer.UNKNOWN:
        happens = "a range raises when the probe answers nothing or text"
        yield from _crashes(outline, place, happens, certain=False)
    elif answer is not Answer.NUMBER:
        yield from _crashes(outline, place, f"a range cannot judge {answer.value}", certain=True)


def _crashes(
    outline: Outline, place: Place, happens: str, *, certain: bool, remedy: str = _FUNCTION
) -> Iterator[Finding]:
    if outline.has_journal_control:
        return
    yield outline.finding(
        place,
        "tolerance-crashes",
        f"{happens}: {_CRASH}",
        f"{remedy}; or declare the control chaosnetra.controls.journal, which mends it",
        Severity.ERROR if certain else Severity.WARNING,
    )


def _answer(outline: Outline, activity: Activity) -> Answer:
    """What the probe of a hypothesis, or the one it refers to, answers."""
    probe = outline.resolved(activity)
    if probe is None:
        return Answer.UNKNOWN
    if probe.provider_type in ("process", "http"):
        return Answer.STATUS
    signature = outline.modules.signature(probe.module, probe.function) if probe.module else None
    if signature is None or signature.return_annotation is inspect.Signature.empty:
        return Answer.UNKNOWN
    annotation = signature.return_annotation
    try:
        return _ANNOTATED.get(get_origin(annotation) or annotation, Answer.UNKNOWN)
    except TypeError:  # an annotation that has no hash
        return Answer.UNKNOWN
