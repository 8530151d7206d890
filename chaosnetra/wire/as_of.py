"""A connection as it stood at a moment: what happened later did not happen."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from chaosnetra.wire.intervals import Interval, one_after_the_other, union
from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, ErrorSeen
from chaosnetra.wire.observation import Encryption, End, Reached

FATAL = ("FATAL", "PANIC")
ANSWERS_OF_A_SESSION = 2  # to a connection that cannot be read
# In TLS a login that is refused has one less: two of the handshake, three of SCRAM.
ANSWERS_OF_A_SESSION_IN_TLS = 6


@dataclass(frozen=True)
class ConnectionAsOf:
    """One connection at a moment. Bytes are those of the whole connection: they have no times.

    Attributes:
        number: from 1, in the order in which connections were opened.
        log: the connection, with all that came later.
        at: the moment.
        sent_at: of each round trip that was answered by then, when its question began.
        answered_at: when its answer was complete.
        statements: what each was for.
        waiting_since: when the first question began that was not answered by then.
        waiting_for: its statement.
        left_out: round trips that came before those here; see `answered_in`.
    """

    number: int
    log: ConnectionLog
    at: float
    sent_at: "array[float]"
    answered_at: "array[float]"
    statements: "array[int]"
    waiting_since: float | None
    waiting_for: int
    left_out: int = 0

    @classmethod
    def of(cls, number: int, log: ConnectionLog, at: float) -> "ConnectionAsOf":
        answered = bisect_right(log.answered_at, at)
        if answered < len(log.answered_at):
            since: float | None = log.sent_at[answered]
            waiting_for = log.statements[answered]
        else:
            since, waiting_for = log.waiting_since, log.waiting_for
        if since is None or since > at:
            since, waiting_for = None, NO_STATEMENT
        return cls(
            number=number,
            log=log,
            at=at,
            sent_at=log.sent_at[:answered],
            answered_at=log.answered_at[:answered],
            statements=log.statements[:answered],
            waiting_since=since,
            waiting_for=waiting_for,
        )

    def answered_in(self, start: float, end: float) -> "ConnectionAsOf":
        """The same with only those round trips that were answered after `start` and by `end`."""
        first = bisect_right(self.answered_at, start)
        last = max(first, bisect_right(self.answered_at, end))
        return replace(
            self,
            sent_at=self.sent_at[first:last],
            answered_at=self.answered_at[first:last],
            statements=self.statements[first:last],
            left_out=first,
        )

    @cached_property
    def dialed_at(self) -> float | None:
        return self._by_then(self.log.dialed_at)

    @cached_property
    def ended_at(self) -> float | None:
        return self._by_then(self.log.ended_at)

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def end(self) -> End:
        return End.OPEN if self.ended_at is None else self.log.end

    @cached_property
    def reached(self) -> Reached:
        reached = Reached.TCP
        for at, stage in self.log.stages:
            if at <= self.at:
                reached = stage
        return reached

    @cached_property
    def session_at(self) -> float | None:
        """When it was ready for its first query; in TLS, when that was seen at the latest."""
        if self.log.encryption is Encryption.TLS:
            seen = self._by_then(self.log.session_seen_at)
            answers = self._answers_unread[ANSWERS_OF_A_SESSION_IN_TLS - 1 :]
            return seen if seen is not None or not answers else answers[0]
        return self._first(Reached.SESSION)

    @property
    def _answers_unread(self) -> Sequence[float]:
        """When it got the answers that could not be read."""
        if self.unread_at is None:
            return ()
        return self.answered_at[bisect_right(self.answered_at, self.unread_at) :]

    @cached_property
    def unread_at(self) -> float | None:
        """From when it could not be read."""
        return self._first(Reached.UNREAD)

    @cached_property
    def round_trips(self) -> list[int]:
        """The answered ones that do not overlap, as indices: pipelined ones cost one wait."""
        return one_after_the_other(self.sent_at, self.answered_at)

    @cached_property
    def set_up_until(self) -> float:
        """Questions before it are part of the set-up of a session, as far as that can be read."""
        known = self.session_at if self.session_at is not None else self.unread_at
        return float("inf") if known is None else known

    def asked_before(self, moment: float) -> int:
        """How many of `round_trips` were asked before a moment."""
        return bisect_left(self.round_trips, moment, key=self.sent_at.__getitem__)

    @property
    def has_session(self) -> bool:
        """Whether it reached one; of what is unread and not TLS, whether it got so many answers."""
        if self.unread_at is None or self.log.encryption is Encryption.TLS:
            return self.session_at is not None
        return len(self._answers_unread) >= ANSWERS_OF_A_SESSION

    @property
    def waiting_until(self) -> float:
        """Until when the question that is not answered was waited for, up to the moment."""
        return self.at if self.ended_at is None else self.ended_at

    @cached_property
    def waited(self) -> list[Interval]:
        """When it waited for answers, also for the one that was not given."""
        waits = list(zip(self.sent_at, self.answered_at, strict=True))
        if self.waiting_since is not None:
            waits.append((self.waiting_since, self.waiting_until))
        return union(waits)

    def dialing(self) -> Interval:
        """The time in which the next hop had not accepted it."""
        return self.log.opened_at, self.waiting_until if self.dialed_at is None else self.dialed_at

    def errors(self) -> list[ErrorSeen]:
        return [error for error in self.log.errors if error.at <= self.at]

    def sqlstate_of_end(self) -> str | None:
        """Of the error that ended it, where the server told one."""
        if self.ended_at is None:
            return None
        fatal = [error.sqlstate for error in self.errors() if error.severity in FATAL]
        return fatal[-1] if fatal else None

    def _by_then(self, at: float | None) -> float | None:
        return at if at is not None and at <= self.at else None

    def _first(self, stage: Reached) -> float | None:
        for at, one in self.log.stages:
            if one is stage and at <= self.at:
                return at
        return None
