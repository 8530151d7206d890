"""What kind of value a probe answers, which a tolerance then has to judge.

It is known for process and http providers, and for a python function as far as its annotation
says.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, get_origin, get_type_hints, is_typeddict

from chaosnetra.lint.outline import Activity, Outline


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
