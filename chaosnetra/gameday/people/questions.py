"""What is asked on a day, and how the answers are read. Pure."""

from collections.abc import Callable, Sequence

from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.people.interface import Does, Question
from chaosnetra.gameday.people.predictions import (
    ABSTAIN,
    checked_answer,
    follow_up,
    held_probability,
    seconds_range,
)
from chaosnetra.gameday.plan.day import Asked, DayStep

_WORDS = ("go on", "repeat", "end")


def present(people: Sequence[str]) -> Question:
    """Who is there and will predict."""
    everybody = ", ".join(people)
    return Question(
        "present",
        f"Who is present? Names with commas between them (Enter: {everybody})",
        lambda answer: named(answer, people),
        default=everybody,
    )


def named(answer: str, people: Sequence[str]) -> tuple[str, ...]:
    """The people that an answer names; others than those of the plan may come too.

    Raises:
        InvalidInput: a name is empty.
    """
    known = {_plain(person): person for person in people}
    parts, found = answer.split(","), []
    while parts:
        # A name of the plan may hold commas itself; the longest counts.
        ends = range(len(parts), 0, -1)
        end = next((end for end in ends if _plain(",".join(parts[:end])) in known), 1)
        name = ",".join(parts[:end]).strip()
        if not name:
            raise InvalidInput("a name is empty; type names with one comma between them")
        found.append(known.get(_plain(name), name))
        parts = parts[end:]
    return tuple(dict.fromkeys(found))


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def announced(step: DayStep) -> Question:
    """That people have heard what comes."""
    return Question(
        f"{step.name} announced",
        "Read it out; Enter when everybody has heard it",
        default="done",
        unattended="done",
    )


def go(step: DayStep) -> Question:
    """Whether the step is to be run."""
    return Question(
        f"{step.name} go", "Go, or no-go and why?", go_or_not, default=None, unattended="go"
    )


def go_or_not(answer: str) -> tuple[bool, str]:
    """Whether to go, and what else was said.

    Raises:
        InvalidInput: it is neither.
    """
    word, _, rest = answer.strip().partition(" ")
    word = word.lower().rstrip(",:;")
    if word in ("go", "y", "yes"):
        return True, rest.strip()
    if word in ("no-go", "nogo", "n", "no"):
        why = rest.strip().removeprefix("go ").strip() if word == "no" else rest.strip()
        if not why:
            raise InvalidInput("a no-go needs its reason; type no-go and why")
        return False, why
    raise InvalidInput(f"{answer[:40]!r} is neither go nor no-go; type go, or no-go and why")


def prediction(step: DayStep, person: str, asked: Asked, time_scale: float) -> Question:
    """What a person says of the run that comes."""
    key = f"{step.name} predict {person} {asked.value}"
    if asked is Asked.HELD:
        text = f"{person}: does it hold? (yes, no, yes 90%, no 70%, - for no opinion)"
        return Question(key, text, held_probability)
    scale = f", at time scale {time_scale:g}" if time_scale != 1 else ""
    text = f"{person}: how long does a startup take under the fault? (seconds{scale}: 4, 3-6 or -)"
    return Question(key, text, seconds_range)


def what_next(
    step: DayStep, check_changes: Callable[[str], object], *, may_go_on: bool
) -> Question:
    """What happens after a run."""

    def check(answer: str) -> None:
        word, rest = next_word(answer)
        if word == "repeat":
            check_changes(rest)
        elif word == "go on" and not may_go_on:
            raise InvalidInput(
                f"step {step.name} was violated, and the plan does not go on then; "
                "type repeat or end"
            )

    go_on = "go on, " if may_go_on else ""
    default = "go on" if may_go_on else None
    enter = " (Enter: go on; /pause first for a pause)" if may_go_on else ""
    return Question(
        f"{step.name} next",
        f"What next: {go_on}repeat KEY=VALUE …, end and why?{enter}",
        check,
        default=default,
        unattended=default or "end the plan does not go on after a violation",
        ends_the_day=lambda answer: next_word(answer)[0] == "end",
    )


def next_word(answer: str) -> tuple[str, str]:
    """`go on`, `repeat` or `end`, and what comes after it.

    Raises:
        InvalidInput: it is none of them.
    """
    text = answer.strip()
    for word in _WORDS:
        if text.lower() == word or text.lower().startswith(f"{word} "):
            return word, text[len(word) :].strip()
    raise InvalidInput(f"{text[:40]!r} is none of {', '.join(_WORDS)}; type one of them")


CONTINUE = Question("continue", "Enter when the day goes on", default="go on", unattended="go on")


def _follow_up_or_none(answer: str) -> None:
    if answer not in ABSTAIN:
        follow_up(checked_answer(answer))


# Each is asked until there are no more.
WRAP_UP = tuple(
    (does, Question(does.value, f"{text} (Enter: nothing more)", check, default="-"))
    for does, text, check in (
        (Does.SURPRISE, "What was a surprise?", str),
        (Does.DECIDE, "What was decided?", str),
        (
            Does.FOLLOW_UP,
            "What is to be done? what; owner; due date such as 2026-12-10",
            _follow_up_or_none,
        ),
    )
)
