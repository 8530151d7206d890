"""What the client of one connection asked and waits for, and what is written down of that."""

from collections import deque
from enum import IntEnum

from chaosnetra.text import one_line
from chaosnetra.wire.log import (
    MOST_ERRORS,
    MOST_TEXTS,
    MOST_TRIPS,
    NO_STATEMENT,
    ConnectionLog,
    ErrorSeen,
    StartupLog,
)
from chaosnetra.wire.masking import masked_message, normalized_bytes
from chaosnetra.wire.observation import Reached

MOST_OUTSTANDING = 10_000
OTHER_STATEMENTS = "(other statements)"
EMPTY_QUERY = "(empty query)"
_FATAL = ("FATAL", "PANIC")


class Answer(IntEnum):
    """What answers a question in full."""

    LOGIN = 0  # the next request of the server, an error, or that it is ready
    READY = 1  # that the server is ready again, after a simple query
    SYNCED = 2  # the same, after a batch of messages
    FLUSHED = 3  # as many answers of a batch as were asked for


class Question:
    """One question.

    Attributes:
        began: when.
        answer: what answers it.
        statement: that it is for.
        batch: the statement of each message that is answered by one of the server.
        target: after how many of these answers a flush is answered.
    """

    __slots__ = ("answer", "batch", "began", "statement", "target")

    def __init__(
        self,
        began: float,
        answer: Answer,
        statement: int = NO_STATEMENT,
        batch: list[int] | None = None,
        target: int = 0,
    ) -> None:
        self.began = began
        self.answer = answer
        self.statement = statement
        self.batch = batch
        self.target = target


class Questions:
    """The questions of one connection that are not answered, oldest first.

    Attributes:
        first: the oldest; None: there is none.
    """

    __slots__ = ("_connection", "_log", "_rest", "_untracked", "_untracked_since", "first")

    def __init__(self, log: StartupLog, connection: ConnectionLog) -> None:
        self._log = log
        self._connection = connection
        self.first: Question | None = None
        self._rest: deque[Question] | None = None
        # Those that are too many to be held: how many, and since when.
        self._untracked = 0
        self._untracked_since = 0.0

    def __bool__(self) -> bool:
        return self.first is not None or self._untracked > 0

    def ask(self, question: Question) -> None:
        if self.first is None and not self._untracked:
            self.first = question
            self._connection.received_before = self._connection.received_bytes
            self._wait_for(question)
            return
        if self._rest is None:
            self._rest = deque()
        if len(self._rest) < MOST_OUTSTANDING and not self._untracked:
            self._rest.append(question)
            return
        self._log.complete = False
        if question.answer is not Answer.FLUSHED:
            if not self._untracked:
                self._untracked_since = question.began
            self._untracked += 1

    def ask_before_others(self, question: Question) -> None:
        """One that is answered before those that are waited for already."""
        first = self.first
        if first is not None:
            if self._rest is None:
                self._rest = deque()
            self._rest.appendleft(first)
        self.first = question
        self._wait_for(question)

    def answered(self, at: float) -> None:
        """The oldest is."""
        question = self.first
        if question is None:
            if self._untracked:
                self._untracked -= 1
                self._log.trips += 1
                self._next()
            return
        log_trip(self._log, self._connection, question.began, at, question.statement)
        self._next()

    def drop_first(self) -> None:
        """It will not be answered."""
        self._next()

    def drop_all(self) -> None:
        self._rest = None
        self._untracked = 0
        self._next()

    def any_waits_for(self, answer: Answer) -> bool:
        return any(one.answer is answer for one in (self.first, *(self._rest or ())) if one)

    def _next(self) -> None:
        connection = self._connection
        if self._rest:
            self.first = self._rest.popleft()
            self._wait_for(self.first)
        else:
            self.first = self._rest = None
            connection.waiting_since = self._untracked_since if self._untracked else None
            connection.waiting_for = NO_STATEMENT

    def _wait_for(self, question: Question) -> None:
        connection = self._connection
        connection.waiting_since = question.began
        connection.waiting_for = question.statement


def log_trip(
    log: StartupLog, connection: ConnectionLog, began: float, at: float, statement: int
) -> None:
    """A round trip was answered."""
    log.trips += 1
    if log.trips > MOST_TRIPS:
        log.complete = False
        return
    connection.sent_at.append(began)
    connection.answered_at.append(at)
    connection.statements.append(statement)


def log_execution(log: StartupLog, connection: ConnectionLog, at: float, statement: int) -> None:
    """A statement was sent to be executed."""
    log.executions += 1
    if log.executions > MOST_TRIPS:
        log.complete = False
        return
    connection.executed_at.append(at)
    connection.executed.append(statement)


def log_error(
    log: StartupLog, connection: ConnectionLog, at: float, body: bytes, statement: int
) -> bool:
    """The server told an error.

    Args:
        body: of the ErrorResponse, as far as it was kept.
        statement: that it answers.

    Returns:
        Whether it ends the connection.
    """
    severity = localised = sqlstate = message = ""
    for field in body.split(b"\0"):
        letter, text = field[:1], field[1:]
        if letter == b"V":
            severity = one_line(text[:20].decode("utf-8", "replace"))
        elif letter == b"S":
            localised = one_line(text[:20].decode("utf-8", "replace"))
        elif letter == b"C":
            sqlstate = one_line(text[:5].decode("ascii", "replace"))
        elif letter == b"M":
            message = text.decode("utf-8", "replace")
        elif not letter:
            break
    severity = severity or localised
    log.errors += 1
    if log.errors > MOST_ERRORS:
        log.complete = False
    else:
        reached = connection.stages[-1][1] if connection.stages else Reached.TCP
        asked = log.texts[statement] if 0 <= statement < len(log.texts) else ""
        shown = masked_message(message, asked)
        connection.errors.append(ErrorSeen(at, sqlstate, severity, shown, statement, reached))
    return severity in _FATAL


def number_of(log: StartupLog, text: bytes, whole: bool = True) -> int:
    """The number of a statement in `StartupLog.texts`, where it is added if need be.

    Args:
        text: as it is sent.
        whole: whether that is all of it.
    """
    shown = normalized_bytes(text, whole) or EMPTY_QUERY
    number = log.numbers.get(shown)
    if number is None:
        if len(log.texts) >= MOST_TEXTS - 1:
            log.complete = False
            shown = OTHER_STATEMENTS
            if len(log.texts) >= MOST_TEXTS:
                return MOST_TEXTS - 1
        number = log.numbers[shown] = len(log.texts)
        log.texts.append(shown)
    return number
