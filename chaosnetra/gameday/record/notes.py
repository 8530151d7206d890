"""What people say at any time: observations, decisions, follow-ups, surprises."""

from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.people.interface import NOTES, Command, Does
from chaosnetra.gameday.people.predictions import checked_answer, follow_up
from chaosnetra.gameday.record.record import Record
from chaosnetra.gameday.record.states import Kind


def take_note(record: Record, command: Command, people: tuple[str, ...]) -> str:
    """Write down what somebody said.

    Args:
        record: of the day.
        command: one of the notes.
        people: who may be named in front of it, as in `Ada: it is slow`.

    Returns:
        One line that says that it was written down.

    Raises:
        InvalidInput: it is empty, or no follow-up.
        RecordLost: it could not be written.
    """
    assert command.does in NOTES  # noqa: S101 - the caller has looked
    by, text = said_by(checked_answer(command.text), people)
    data: dict[str, Any] = {
        "what": command.does.value,
        "by": by,
        "text": text,
        "typing_seconds": round(command.typing_seconds, 2),
        "step": record.state.step,
        "attempt": record.state.attempt,
    }
    if command.does is Does.FOLLOW_UP:
        data |= follow_up(text)
    entry = record.write(Kind.NOTED, data)
    return f"noted at {entry.at[11:19]} UTC: {command.does} of {by}: {entry.data['text']}"


def said_by(text: str, people: tuple[str, ...]) -> tuple[str, str]:
    """Who says it, and what: `Ada: it is slow`; without a name it is the first of the people.

    Raises:
        InvalidInput: there is a name and nothing after it.
    """
    name, colon, rest = text.partition(":")
    found = next((one for one in people if one.lower() == name.strip().lower()), None)
    if colon and found is not None:
        if not rest.strip():
            raise InvalidInput(f"{found} says nothing; type what")
        return found, rest.strip()
    return (people[0] if people else "nobody in particular"), text
