"""A limit that a message names ("timeout after 25.0s"), held against what was seen. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chaosnetra.evidence.wire.limits import Failed, LimitKind, OwnLimit, is_same
from chaosnetra.text import tenths_text
from chaosnetra.wire.observation import Observation

LONGEST_LOOKED_AT = 2000
_OF_ASKED = (LimitKind.ANSWER, LimitKind.CALL)
_OF_WAITS = (*_OF_ASKED, LimitKind.CONNECTION)
# By their beginnings, longer ones first.
_UNITS = (("ms", 0.001), ("milli", 0.001), ("m", 60.0), ("s", 1.0))
_UNIT = r"(ms|msecs?|milliseconds?|m|mins?|minutes?|s|secs?|seconds?)\b"
_LIMIT = r"(?:time[d -]?\s?-?out|deadline|time limit|gave up|expired)"
_NAMED = (
    re.compile(rf"{_LIMIT}[^\d\n]{{0,30}}?(\d{{1,9}}(?:\.\d{{1,6}})?)\s?{_UNIT}", re.IGNORECASE),
    re.compile(rf"(\d{{1,9}}(?:\.\d{{1,6}})?)\s?-?{_UNIT}\s?{_LIMIT}", re.IGNORECASE),
)


def named_seconds(text: str) -> float | None:
    """The length of the limit that a message names, in seconds; None where it names none.

    Where it names several, the last one: a message goes from what failed to why.
    """
    found = [
        (match.start(), float(match[1]) * _factor(match[2]))
        for pattern in _NAMED
        for match in pattern.finditer(text[:LONGEST_LOOKED_AT])
    ]
    return max(found)[1] if found else None


@dataclass(frozen=True)
class Lasted:
    """How long the phase lasted that a startup failed in, else the startup, and its round trips.

    Attributes:
        phase: None: the startup names none, or not how long it took.
        seconds: how long.
        round_trips: one after the other; where those of the phase are not known, of the startup.
        is_counted: whether both are those of the phase.
        trips_text: `round_trips` for people.
    """

    phase: str | None
    seconds: float
    round_trips: int
    is_counted: bool
    trips_text: str

    @classmethod
    def of(cls, seen: Observation, phase: str | None, phase_seconds: float | None) -> "Lasted":
        if phase is None or phase_seconds is None:
            phase, phase_seconds, trips = None, seen.seconds, None
        else:
            trips = seen.phase_round_trips.get(phase)
        is_counted = trips is not None
        counted = seen if trips is None else replace(seen, serial_round_trips=trips)
        return cls(
            phase, phase_seconds, counted.serial_round_trips, is_counted, counted.serial_text
        )

    @property
    def text(self) -> str:
        """All of it as a clause."""
        what = f"phase {self.phase}" if self.phase else "the startup"
        made = f"with {self._trips}" if self.round_trips else "without an answer"
        return f"{what} had lasted {tenths_text(self.seconds)}, {made}"

    @property
    def in_phase(self) -> str | None:
        """The round trips of the phase, as a clause; None: they are not known."""
        if not self.is_counted:
            return None
        made = f"made {self._trips}" if self.round_trips else "got no answer from the database"
        return f"in phase {self.phase} it {made}, in {tenths_text(self.seconds)}"

    @property
    def _trips(self) -> str:
        if self.trips_text == "1":
            return "1 round trip"
        return f"{self.trips_text} round trips one after the other"


def refutation(
    first: Failed, limits: Sequence[OwnLimit], named: float, name: str | None, lasted: Lasted
) -> str | None:
    """Why a limit that the output names cannot have ended a startup; None: it may have.

    It may have where something began so long before the end that it may have been meant.

    Args:
        first: the startup.
        limits: of its own, as they show.
        named: seconds of the limit.
        name: of it, where the output has one.
        lasted: how long the phase lasted that it failed in.
    """
    seen, end = first.seen, first.gave_up_seconds
    if not first.ended_itself:
        return None
    begun = [0.0, *(one.opened_seconds for one in seen.connections)]
    begun += [one.session_seconds for one in seen.connections if one.session_seconds is not None]
    if any(is_same(named, span) for span in (*(end - at for at in begun), lasted.seconds)):
        return None
    shown = [limit for limit in limits if limit.kind in _OF_WAITS][:1]
    too_short = min(lasted.seconds, seen.seconds) < named
    if not too_short:
        if all(is_same(named, limit.amount) for limit in shown):
            return None
        # What startups did alike since a connection was opened may have been bounded later on.
        of_asked = any(limit.kind in _OF_ASKED for limit in shown)
        if not of_asked and first.asked_before(named):
            return None
    limit = f"the {name} limit of {named:g} s" if name else f"{named:g} s"
    why = ", and ".join([lasted.text, *(limit.text for limit in shown)])
    return f"{limit}, which its output names, cannot be the limit that ended it: {why}"


def _factor(unit: str) -> float:
    return next(factor for start, factor in _UNITS if unit.lower().startswith(start))
