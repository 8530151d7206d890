"""What follows the startup message: authentication, queries and their answers."""

from enum import Enum

from chaosnetra.wire.framing import LONGEST_KEPT, OF_CLIENT, OF_SERVER, Framer
from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, StartupLog
from chaosnetra.wire.names import Names
from chaosnetra.wire.observation import Reached
from chaosnetra.wire.questions import (
    MOST_OUTSTANDING,
    Answer,
    Question,
    Questions,
    log_error,
    log_execution,
    number_of,
)

# Requests of the server that the client answers.
_AUTHENTICATION_REQUESTS = frozenset(
    code.to_bytes(4, "big") for code in (2, 3, 5, 6, 7, 8, 9, 10, 11)
)

_QUERY, _PARSE, _BIND, _DESCRIBE, _EXECUTE = map(ord, "QPBDE")
_CLOSE, _SYNC, _FLUSH, _PASSWORD, _CALL = map(ord, "CSHpF")
_NAMED = (_DESCRIBE, _CLOSE)
_COPY_ENDS = tuple(map(ord, "cf"))
_READY, _COMPLETE, _ERROR, _AUTHENTICATION, _ROW_DESCRIPTION = map(ord, "ZCERT")
_BACKEND_KEY = ord("K")
_COPY_STARTS = tuple(map(ord, "GW"))
_OF_BATCH = frozenset(map(ord, "123CTnIs"))


class _Copy(Enum):
    """Which messages end a COPY that the client sends."""

    NONE = 0
    SIMPLE = 1  # CopyDone asks
    BATCH = 2  # Sync does, after it


class Session:
    """One connection from its startup message on; its questions are written down.

    Attributes:
        questions: that are not answered.
        broken: what came is not PostgreSQL's protocol.
        terminated: the client has said that it ends it; the server then closes first, mostly.
    """

    __slots__ = (
        "_batch",
        "_began",
        "_client",
        "_connection",
        "_copied",
        "_copy",
        "_copy_ended",
        "_executed",
        "_flushed",
        "_log",
        "_names",
        "_replies",
        "_sent",
        "_server",
        "_skipping",
        "broken",
        "questions",
        "terminated",
    )

    def __init__(self, log: StartupLog, connection: ConnectionLog, questions: Questions) -> None:
        self._log = log
        self._connection = connection
        self.questions = questions
        self.broken = False
        self.terminated = False
        self._client = Framer(OF_CLIENT)
        self._server = Framer(OF_SERVER)
        self._names = Names()
        # When the question began that is being sent; None: none is.
        self._began: float | None = None
        # Of the batch that is being sent: statements of its messages, how many these are, and
        # how many of them were asked for by a flush.
        self._batch: list[int] = []
        self._sent = self._flushed = 0
        self._executed = NO_STATEMENT
        # The server ignores what is sent before the next Sync.
        self._skipping = False
        # Of the batch that is being answered.
        self._replies = 0
        self._copy = _Copy.NONE
        self._copied = NO_STATEMENT
        # When the client began to end one that the server has not agreed to yet.
        self._copy_ended: float | None = None

    # The client

    def client_sent(self, data: bytes, at: float) -> None:
        began = at if self._began is None else self._began
        begun = self._began is not None
        client, names = self._client, self._names
        for kind, body in client.messages(data):
            if kind == _QUERY:
                self._query(body, began, at)
            elif kind == _PARSE:
                self._parse(body)
                begun = True
                continue
            elif kind == _BIND:
                portal, _, rest = body.partition(b"\0")
                self._add(names.bind(portal, rest.partition(b"\0")[0]))
                begun = True
                continue
            elif kind == _EXECUTE:
                statement = names.of_portal(body.partition(b"\0")[0])
                self._executed = statement
                log_execution(self._log, self._connection, at, statement)
                self._add(statement)
                begun = True
                continue
            elif kind in _NAMED:
                self._named(kind, body)
                begun = True
                continue
            elif kind == _SYNC:
                self._end_batch(began)
            elif kind == _FLUSH:
                if not self._flush(began):
                    continue
            elif kind == _PASSWORD:
                self.questions.ask(Question(began, Answer.LOGIN))
            elif kind == _CALL:
                self.questions.ask(Question(began, Answer.READY))
            elif kind in _COPY_ENDS:
                if self._copy is _Copy.BATCH:
                    self._copy = _Copy.NONE
                    begun = True
                    continue
                if self._copy is _Copy.NONE:  # asyncpg does not wait for the server's consent
                    self._copy_ended = began if self.questions else None
                else:
                    self.questions.ask(Question(began, Answer.READY, self._copied))
            else:  # Terminate
                self.terminated = True
                continue
            began, begun = at, False
        if client.broken:
            self.broken = True
        self._began = began if begun or client.midway else None

    def _query(self, body: bytes, began: float, at: float) -> None:
        text, _, _ = body.partition(b"\0")
        number = number_of(self._log, text, whole=len(body) < LONGEST_KEPT)
        self._names.forget_by(text)
        log_execution(self._log, self._connection, at, number)
        self.questions.ask(Question(began, Answer.READY, number))

    def _parse(self, body: bytes) -> None:
        name, _, rest = body.partition(b"\0")
        text, ended, _ = rest.partition(b"\0")
        number = number_of(self._log, text, whole=bool(ended))
        self._names.forget_by(text)
        if not self._names.prepare(name, number):
            self._log.complete = False
        self._add(number)

    def _named(self, kind: int, body: bytes) -> None:
        """A prepared statement or a portal is described, or forgotten."""
        find = self._names.close if kind == _CLOSE else self._names.find
        self._add(find(body[:1] == b"S", body[1:].partition(b"\0")[0]))

    def _add(self, statement: int) -> None:
        """A message of a batch, which the server answers."""
        self._sent += 1
        if self._sent <= MOST_OUTSTANDING:
            self._batch.append(statement)

    def _statement_of_batch(self) -> int:
        """What a batch is for: what it executes last, or else the last that it names."""
        if self._executed != NO_STATEMENT:
            return self._executed
        return next((one for one in reversed(self._batch) if one != NO_STATEMENT), NO_STATEMENT)

    def _end_batch(self, began: float) -> None:
        question = Question(began, Answer.SYNCED, self._statement_of_batch(), self._batch)
        self.questions.ask(question)
        self._batch = []
        self._sent = self._flushed = 0
        self._executed = NO_STATEMENT
        self._skipping = False

    def _flush(self, began: float) -> bool:
        """Whether something is to come."""
        target = self._sent
        if self._skipping or self._copy is _Copy.BATCH or target <= self._flushed:
            return False
        if not self.questions and self._replies >= target:
            return False
        self._flushed = target
        question = Question(began, Answer.FLUSHED, self._statement_of_batch(), self._batch, target)
        self.questions.ask(question)
        return True

    # The server

    def server_sent(self, data: bytes, at: float) -> None:
        server = self._server
        for kind, body in server.messages(data):
            if kind in _OF_BATCH:
                self._reply(at)
            elif kind == _READY:
                self._ready(at)
            elif kind == _ERROR:
                self._error(body, at)
            elif kind == _AUTHENTICATION:
                self._reach(Reached.AUTHENTICATION, at)
                first = self.questions.first
                if (
                    first is not None
                    and first.answer is Answer.LOGIN
                    and body[:4] in _AUTHENTICATION_REQUESTS
                ):
                    self.questions.answered(at)
            elif kind in _COPY_STARTS:
                self._copy_in(at)
            elif kind == _BACKEND_KEY:  # its secret is not kept
                self._connection.backend = int.from_bytes(body[:4])
        if server.broken:
            self.broken = True

    def _reach(self, stage: Reached, at: float) -> None:
        """Stages come in this order: of one that was reached already, nothing is said."""
        stages = self._connection.stages
        if not any(one is stage or one is Reached.SESSION for _, one in stages):
            stages.append((at, stage))

    def _reply(self, at: float) -> None:
        """A message of a batch was answered."""
        first = self.questions.first
        if first is None:
            self._replies += 1
        elif first.answer >= Answer.SYNCED:
            self._replies += 1
            if first.answer is Answer.FLUSHED and self._replies >= first.target:
                self.questions.answered(at)

    def _ready(self, at: float) -> None:
        if self._connection.stages[-1][1] is not Reached.SESSION:
            self._reach(Reached.SESSION, at)
        questions = self.questions
        while questions.first is not None and questions.first.answer is Answer.FLUSHED:
            questions.drop_first()
        questions.answered(at)
        self._replies = 0
        self._copy = _Copy.NONE
        self._copy_ended = None

    def _error(self, body: bytes, at: float) -> None:
        questions, first = self.questions, self.questions.first
        statement = NO_STATEMENT
        if first is not None and first.answer < Answer.SYNCED:
            statement = first.statement
        else:
            batch = self._batch if first is None or first.batch is None else first.batch
            if self._replies < len(batch):
                statement = batch[self._replies]
            elif first is not None:
                statement = first.statement
        if log_error(self._log, self._connection, at, body, statement):
            questions.answered(at)
            questions.drop_all()
        elif first is None:
            self._skipping = self._sent > 0
        elif first.answer is Answer.LOGIN:
            questions.answered(at)
        elif first.answer >= Answer.SYNCED:
            while questions.first is not None and questions.first.answer is Answer.FLUSHED:
                questions.answered(at)
            self._skipping = not questions.any_waits_for(Answer.SYNCED)

    def _copy_in(self, at: float) -> None:
        """The server waits for data."""
        first = self.questions.first
        if first is None:
            return
        self._copied = first.statement
        self._copy = _Copy.SIMPLE if first.answer is Answer.READY else _Copy.BATCH
        if first.answer is Answer.SYNCED:  # it ignores that Sync
            self._replies = 0
            self._add(first.statement)
        self.questions.answered(at)
        if self._copy_ended is not None and self._copy is _Copy.SIMPLE:
            question = Question(self._copy_ended, Answer.READY, self._copied)
            self.questions.ask_before_others(question)
            self._copy_ended = None
