"""What was written down of one startup's traffic, while it passed; bounded, and compact.

Nothing is decided here: `chaosnetra.wire.observing` makes the observation from it, for any span of
time, afterwards. Moments are readings of the monotonic clock, which processes of one machine share.
"""

from array import array
from dataclasses import dataclass, field

from chaosnetra.wire.observation import Encryption, End, Reached

MOST_TRIPS = 200_000
MOST_CONNECTIONS = 10_000
MOST_TEXTS = 2_000
MOST_ERRORS = 1_000
NO_STATEMENT = -1


@dataclass(slots=True)
class ErrorSeen:
    """One error of the server.

    `statement` is a number of `StartupLog.texts`, or `NO_STATEMENT`; `message` is masked and cut.
    """

    at: float
    sqlstate: str
    severity: str
    message: str
    statement: int
    reached: Reached


@dataclass(slots=True)
class ConnectionLog:
    """One connection.

    Attributes:
        opened_at: when it was accepted.
        queued_since: since when it may have waited to be accepted, behind others; None: it has not.
        dialed_at: when the next hop had accepted it; None: it has not.
        ended_at: when it ended; None: it has not.
        end: how.
        stages: how far it came, and when; the first is `Reached.TCP` at `opened_at`.
        session_seen_at: when one in TLS got the answer that begins a session.
        encryption: what became of TLS.
        user: of the startup message.
        database: likewise.
        backend: number of the server's process that serves it, where it told that.
        cancels: of the one whose statement it asked to cancel.
        sent_at: of each round trip that was answered, when its question began.
        answered_at: when its answer was complete; in order, as `sent_at` is too.
        statements: what each was for, as a number of `StartupLog.texts`, or `NO_STATEMENT`.
        waiting_since: when the question began that is not answered yet; None: there is none.
        waiting_for: its statement.
        executed_at: of each execution of a statement, when it was sent, in order.
        executed: its statement.
        errors: of the server.
        sent_bytes: by the startup.
        received_bytes: by the startup.
        received_before: of these, before it began to wait last, after it had waited for nothing; of
            what cannot be read that is not known.
        received_at: when the last of them came; None: none did.
    """

    opened_at: float
    queued_since: float | None = None
    dialed_at: float | None = None
    ended_at: float | None = None
    end: End = End.OPEN
    stages: list[tuple[float, Reached]] = field(default_factory=list)
    session_seen_at: float | None = None
    encryption: Encryption = Encryption.NONE
    user: str | None = None
    database: str | None = None
    backend: int | None = None
    cancels: int | None = None
    sent_at: "array[float]" = field(default_factory=lambda: array("d"))
    answered_at: "array[float]" = field(default_factory=lambda: array("d"))
    statements: "array[int]" = field(default_factory=lambda: array("i"))
    waiting_since: float | None = None
    waiting_for: int = NO_STATEMENT
    executed_at: "array[float]" = field(default_factory=lambda: array("d"))
    executed: "array[int]" = field(default_factory=lambda: array("i"))
    errors: list[ErrorSeen] = field(default_factory=list)
    sent_bytes: int = 0
    received_bytes: int = 0
    received_before: int = 0
    received_at: float | None = None


@dataclass(slots=True)
class StartupLog:
    """All connections of one startup.

    Attributes:
        connections: in the order in which they were opened, up to `MOST_CONNECTIONS`.
        texts: statements without their literals, each once, up to `MOST_TEXTS`; the last one then
            stands for all others.
        trips: answered round trips of all connections, also those that were not kept.
        opened: connections, also those that were not kept.
        complete: whether everything was kept.
        executions: of statements on all connections, also those that were not kept.
        errors: of the server on all connections, likewise.
        numbers: of `texts`, by text.
    """

    connections: list[ConnectionLog] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    trips: int = 0
    opened: int = 0
    complete: bool = True
    executions: int = 0
    errors: int = 0
    numbers: dict[str, int] = field(default_factory=dict, repr=False)
