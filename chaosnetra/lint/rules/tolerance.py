"""Tolerances that raise, or that are never met.

What kind of value a probe answers is known for process and http providers, and for a python
function as far as its annotation says.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from importlib.util import find_spec
from typing import Any, get_origin, get_type_hints, is_typeddict

from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.places import Place
from chaosnetra.lint.outline import Activity, Outline, Role, text


class Answer(Enum):
    """A kind of value, with its words in a sentence."""

    STATUS = "an object with 'status'"
    OBJECT = "an object"
    NUMBER = "a number"
    TEXT = "text"
    OTHER = "a value that is neither a number nor text"
    UNKNOWN = "anything"

    @property
    def is_object(self) -> bool:
        return self in (Answer.STATUS, Answer.OBJECT)


# What the objects of these providers always hold.
KEYS = {"process": ("status", "stdout", "stderr"), "http": ("status", "headers", "body")}
_ANNOTATED: dict[Any, Answer] = {
    int: Answer.NUMBER,
    float: Answer.NUMBER,
    bool: Answer.NUMBER,
    Decimal: Answer.NUMBER,
    str: Answer.TEXT,
    dict: Answer.OBJECT,
    Mapping: Answer.OBJECT,
    list: Answer.OTHER,
    type(None): Answer.OTHER,
    None: Answer.OTHER,
}
_CRASH = "the run ends with a traceback, without a journal and without rollbacks"
_FAILS = "the probe fails each time: the baseline is not met, and the method is skipped"
_SKIPPED = "the baseline is not met, the method is skipped, and the run exits with 0"
_FUNCTION = 'use a tolerance function: {"type": "probe", "name": …, "provider": …}'
# Numbers that an answer with a status, or a text, is never equal to, and the other way round.
_NEVER_EQUAL = {
    Answer.STATUS: (bool, str),
    Answer.OBJECT: (bool, str),
    Answer.NUMBER: (str,),
    Answer.TEXT: (bool, int),
    Answer.OTHER: (bool, int, str),
}


def check(outline: Outline) -> Iterator[Finding]:
    """`tolerance-crashes`, `tolerance-never-met`, `tolerance-refused`.

    With the journal control a tolerance that raises fails its probe and nothing worse, so what
    may crash is reported only where the control is not declared, and what must is then never met.
    """
    for activity in outline.of(Role.HYPOTHESIS):
        if "tolerance" not in activity.data:
            continue
        place = activity.tolerance_place
        tolerance = activity.data["tolerance"]
        answer = answer_of(outline, activity)
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
        elif isinstance(tolerance, _NEVER_EQUAL.get(answer, ())):
            if isinstance(tolerance, str) and "${" in tolerance:
                continue  # it may stand for a number
            yield outline.finding(
                place,
                "tolerance-never-met",
                f"the probe answers {answer.value}, which is never equal to {tolerance!r}: "
                f"{_SKIPPED}",
                "write the status as a number, or a regex or jsonpath with a target"
                if answer.is_object
                else "write what the probe answers, or a tolerance function",
            )


def _object(
    outline: Outline, place: Place, tolerance: dict[Any, Any], answer: Answer
) -> Iterator[Finding]:
    kind = text(tolerance.get("type"))
    if kind == "probe":
        yield from _probe(outline, Activity(place, tolerance, Role.TOLERANCE))
    elif kind == "jsonpath" and find_spec("jsonpath2") is None:
        yield outline.finding(
            place,
            "tolerance-refused",
            "jsonpath2 is not installed here, so `chaos validate` refuses jsonpath tolerances",
            "pip install 'chaostoolkit-lib[jsonpath]'",
        )
    elif kind in ("range", "regex"):
        yield from _judged(outline, place, tolerance, answer)


def _judged(
    outline: Outline, place: Place, tolerance: dict[Any, Any], answer: Answer
) -> Iterator[Finding]:
    """A range or a regex, and whether it can judge such an answer."""
    kind = text(tolerance.get("type"))
    right = Answer.NUMBER if kind == "range" else Answer.TEXT
    target = tolerance.get("target")
    if kind == "range" and _is_reversed(tolerance.get("range")):
        yield _reversed(outline, place, tolerance["range"])
    elif target and answer in (Answer.NUMBER, Answer.TEXT):
        yield from _crashes(outline, place, f"{answer.value} has no {target!r}", certain=True)
    elif target and answer is Answer.STATUS:
        yield from _target(outline, place, kind, target)
    elif answer is Answer.UNKNOWN or target:
        happens = f"a {kind} tolerance raises when the probe does not answer {right.value}"
        yield from _crashes(outline, place, happens, certain=False)
    elif answer is not right and not (kind == "range" and answer is Answer.TEXT):
        remedy = _FUNCTION
        if answer.is_object:
            remedy = 'name what is to be judged: "target": "stdout", "body" or "status" for example'
        happens = f"a {kind} tolerance cannot judge {answer.value}"
        yield from _crashes(outline, place, happens, certain=True, remedy=remedy)


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
    if tolerance.provider_type != "python":
        return
    arguments = tolerance.provider.get("arguments")
    given_by_control = arguments is None and outline.has_journal_control
    if not (given_by_control or isinstance(arguments, dict)):
        happens = "a tolerance function needs 'arguments', if only {}: the core puts 'value' in"
        yield from _crashes(
            outline, tolerance.provider_place, happens, certain=True, remedy='"arguments": {}'
        )


def _list(
    outline: Outline, place: Place, tolerance: list[Any], answer: Answer
) -> Iterator[Finding]:
    if answer is Answer.STATUS:
        # The core checks whether the status is in the list.
        if all(isinstance(one, str) and "${" not in one for one in tolerance):
            yield outline.finding(
                place,
                "tolerance-never-met",
                f"the status is a number, and none of {tolerance!r} is one: {_SKIPPED}",
                "write statuses as numbers",
            )
    elif not tolerance:
        yield outline.finding(
            place,
            "tolerance-never-met",
            f"nothing is in an empty list: {_SKIPPED}",
            "write what the probe may answer",
        )
    elif len(tolerance) != 2 or answer is Answer.OBJECT:
        return  # the core checks whether the value is in the list, or its status if it has one
    elif _is_reversed(tolerance):
        yield _reversed(outline, place, tolerance)
    elif any(isinstance(bound, str) for bound in tolerance):
        return  # texts are reported elsewhere, and so are variables
    elif answer is Answer.UNKNOWN:
        happens = "a range raises when the probe answers nothing or text"
        yield from _crashes(outline, place, happens, certain=False)
    elif answer is not Answer.NUMBER:
        yield from _crashes(outline, place, f"a range cannot judge {answer.value}", certain=True)


def _is_reversed(bounds: Any) -> bool:
    if not isinstance(bounds, list) or len(bounds) != 2:
        return False
    low, high = bounds
    numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
    texts = isinstance(low, str) and isinstance(high, str) and "${" not in low + high
    return bool((numbers or texts) and low > high)


def _reversed(outline: Outline, place: Place, bounds: list[Any]) -> Finding:
    low, high = bounds
    return outline.finding(
        place,
        "tolerance-never-met",
        f"nothing is within a range from {low!r} to {high!r}: {_SKIPPED}",
        f"write [{high!r}, {low!r}], or a tolerance function if these two values are meant",
    )


def _crashes(
    outline: Outline, place: Place, happens: str, *, certain: bool, remedy: str = _FUNCTION
) -> Iterator[Finding]:
    if not outline.has_journal_control:
        yield outline.finding(
            place,
            "tolerance-crashes",
            f"{happens}: {_CRASH}",
            f"{remedy}; or declare the control chaosnetra.controls.journal, which mends it",
            Severity.ERROR if certain else Severity.WARNING,
        )
    elif certain:
        yield outline.finding(place, "tolerance-never-met", f"{happens}: {_FAILS}", remedy)


def answer_of(outline: Outline, activity: Activity) -> Answer:
    """What a probe, or the one that it refers to, answers."""
    probe = outline.resolved(activity)
    if probe is None:
        return Answer.UNKNOWN
    if probe.provider_type in KEYS:
        return Answer.STATUS
    function = outline.modules.function(probe.module, probe.function) if probe.module else None
    if function is None:
        return Answer.UNKNOWN
    try:
        annotation = get_type_hints(function).get("return", Answer)
        if is_typeddict(annotation):
            return Answer.OBJECT
        return _ANNOTATED.get(get_origin(annotation) or annotation, Answer.UNKNOWN)
    except Exception:  # noqa: BLE001 - anybody's annotations, which are evaluated here
        return Answer.UNKNOWN
