"""What was seen of one startup on its way to the database, as data.

Moments are seconds from the start of its process. A list that is bounded says in a count beside
it how many there were. Texts hold no secret: literals of statements are masked, and what a server
said is cut.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

MOST_CONNECTIONS = 50
MOST_STATEMENTS = 50
MOST_REPEATED = 20
MOST_ERRORS = 20
MOST_WAITS = 200
MOST_PHASES = 200
LONGEST_TEXT = 300
# Two readings of one moment, by different hands.
SAME_MOMENT_SECONDS = 0.05


class End(StrEnum):
    """How a connection ended, as the side that ended it did."""

    OPEN = "open"  # it had not ended
    CLIENT = "client"  # the startup closed it
    SERVER = "server"  # the server, or a fault before it, closed it
    CLIENT_RESET = "client_reset"
    SERVER_RESET = "server_reset"
    REFUSED = "refused"  # the next hop refused it
    UNANSWERED = "unanswered"  # the next hop did not answer before it was given up


class Reached(StrEnum):
    """How far a connection came."""

    TCP = "tcp"  # the next hop has not accepted it
    TLS = "tls"  # encryption (TLS or GSSAPI) was asked for, or is being agreed
    STARTUP = "startup"  # nothing was answered to the startup message
    AUTHENTICATION = "authentication"
    SESSION = "session"  # it was ready for a query
    CANCEL = "cancel"  # it carried the request to cancel a query
    UNREAD = "unread"  # encrypted, or not PostgreSQL's protocol: counted by turns of direction


class Encryption(StrEnum):
    """What became of TLS in a connection."""

    NONE = "none"  # not asked for
    DECLINED = "declined"  # asked for; the server has none, and it went on without: a round trip
    TLS = "tls"
    GSS = "gss"


@dataclass(frozen=True)
class Canceled:
    """What a startup waited for when it asked the server to cancel it.

    Attributes:
        connection: number of the one that it waited on.
        waited_seconds: how long it had waited then; what is answered afterwards came too late.
        statement: that it waited for; None: for none, or that is not known.
        call_seconds: how long before it had begun to prepare that; None: it took no round trip of
            its own to prepare.
    """

    connection: int
    waited_seconds: float
    statement: str | None
    call_seconds: float | None


@dataclass(frozen=True)
class Connection:
    """One connection.

    Attributes:
        number: from 1, in the order in which they were opened.
        opened_seconds: when it was accepted.
        ended_seconds: None: it had not ended.
        end: how it ended.
        reached: how far it came.
        session_seconds: when it was ready for its first query; None: it never was, or that
            could not be read.
        encryption: what became of TLS.
        round_trips: in all.
        setup_round_trips: of these, until the session was reached.
        waited_seconds: in them, and in the one that was not answered.
        user: that it named; None: it named none that could be read.
        database: likewise.
        sqlstate: of the error that ended it, where the server told one.
        sent_bytes: by the startup.
        received_bytes: by the startup.
        unanswered_seconds: how long a question of it had waited for its answer when it ended;
            None: it waited for none, or has not ended.
        unanswered_statement: the statement that it waited for.
        call_seconds: since when the statement was being prepared whose answer it waited for when it
            ended, or at the end of the observation, in seconds before that; None: it waited for
            none that took a round trip of its own to prepare.
        longest_call_seconds: the longest that such a statement took, both answers included; None:
            it had none. One that it asked to cancel does not count.
        answer_bytes: that had come of what it waited for last, complete or not; of what cannot be
            read 0.
        silent_seconds: since the last byte came, when it ended or at the end of the observation;
            None: none came, or that is not known.
        canceled: of one that carried a request to cancel; None: it did not, or what it was to
            cancel is not known.
    """

    number: int
    opened_seconds: float
    ended_seconds: float | None
    end: End
    reached: Reached
    session_seconds: float | None
    encryption: Encryption
    round_trips: int
    setup_round_trips: int
    waited_seconds: float
    user: str | None
    database: str | None
    sqlstate: str | None
    sent_bytes: int
    received_bytes: int
    unanswered_seconds: float | None = None
    unanswered_statement: str | None = None
    call_seconds: float | None = None
    longest_call_seconds: float | None = None
    answer_bytes: int = 0
    silent_seconds: float | None = None
    canceled: Canceled | None = None

    @property
    def was_declined(self) -> bool:
        """Whether it was closed since the server declined encryption: some clients (pgx) then open
        another connection without it."""
        return (
            self.encryption is Encryption.DECLINED
            and self.reached is Reached.TLS
            and self.end in (End.CLIENT, End.CLIENT_RESET)
            and self.unanswered_seconds is None
        )

    @property
    def has_asked(self) -> bool:
        """Whether anything was asked in its session."""
        in_session = self.round_trips > self.setup_round_trips
        waits = self.unanswered_seconds is not None
        return self.session_seconds is not None and (in_session or waits)


@dataclass(frozen=True)
class Statement:
    """A statement, by its text without literals.

    Attributes:
        text: masked and cut.
        times: how often it was executed.
        round_trips: waits that it took, and that were answered.
        waited_seconds: in them, and in the one that was not answered.
        most_in_a_row: the longest series of executions one after the other on one connection,
            nothing else in between.
    """

    text: str
    times: int
    round_trips: int
    waited_seconds: float
    most_in_a_row: int


@dataclass(frozen=True)
class ServerError:
    """An error that the server told, whether or not the startup says so.

    Attributes:
        sqlstate: of it.
        severity: ERROR, FATAL or PANIC.
        message: masked and cut.
        times: how often.
        first_seconds: when first.
        statement: that it answered; None: it answered none, such as one that ended a login.
        reached: how far its connection had come then.
    """

    sqlstate: str
    severity: str
    message: str
    times: int
    first_seconds: float
    statement: str | None
    reached: Reached


class Doing(StrEnum):
    """What a startup was doing at the end of the observation."""

    NOTHING_OPENED = "nothing_opened"  # no connection was ever opened
    CONNECTING = "connecting"  # waiting for the next hop to accept a connection
    LOGGING_IN = "logging_in"  # waiting for an answer in the set-up of a session
    WAITING = "waiting"  # waiting for the answer to a statement
    BY_ITSELF = "by_itself"  # at work, or waiting, by itself: nothing was asked of the database


# In these it waits for an answer.
UNANSWERED = (Doing.CONNECTING, Doing.LOGGING_IN, Doing.WAITING)


@dataclass(frozen=True)
class Standing:
    """How a startup stood at the end of the observation.

    Attributes:
        doing: what.
        seconds: for how long already.
        text: the same for people, as a clause: "waiting 10.2 s for the answer to the 29th round
            trip, SELECT … FROM orders".
        connection: number of the connection that it waited on; else of the one opened last, where
            that had ended, or of the one on which something happened last.
        round_trip: which one of the startup it waited for, from 1; None: for none.
        statement: that it waited for, or that was the last answered.
        ended: how the last connection had ended, where it had and the startup was by itself.
        ended_ago_seconds: how long before.
        sqlstate: of the last error of the server, where it ended that connection.
    """

    doing: Doing
    seconds: float
    text: str
    connection: int | None = None
    round_trip: int | None = None
    statement: str | None = None
    ended: End | None = None
    ended_ago_seconds: float | None = None
    sqlstate: str | None = None


@dataclass(frozen=True)
class Observation:
    """What one startup did with its database, from its start until it was ready, or its end.

    Attributes:
        seconds: how long it was observed.
        connections: the first of them.
        connection_count: of all.
        most_at_once: most connections open at the same time.
        sessions: connections that reached one; of those that cannot be read, that got an answer.
        given_up: logins that were not done when they ended, whoever ended them, by how far they
            had come; one opened and closed without a word is `tcp`; none that was refused.
        refused: connections that the next hop refused.
        round_trips: of all connections.
        setup_round_trips: of these, before sessions were reached.
        serial_round_trips: the longest chain of waits one after the other: what latency is
            multiplied by (how it is told: `chaosnetra.wire.serial`).
        serial_setup_round_trips: of these, in the set-up of sessions.
        waited_seconds: time in which it waited for the database, on any connection.
        own_seconds: the rest.
        waits: the same as intervals, each from and to; merged where there are too many.
        statements: most executed first.
        statement_count: of different ones.
        executions: of all statements.
        repeated: statements that were executed five times or more in a row, each time with a wait
            of its own, as texts and times; a block of up to four that came so often is one text,
            joined by "; ".
        errors: of the server, first ones first.
        error_count: of all.
        unread: connections that could not be read, and were counted by turns of direction.
        complete: whether everything was counted; False: it was too much to keep, or more
            connections waited to be accepted, and figures are at least.
        standing: how it stood at the end.
        serial_is_exact: False where it asked on several connections at the same time, so that
            `serial_round_trips` is mostly too many: others may have run side by side unseen.
        phase_round_trips: of each phase that the startup tells of, the longest chain of round
            trips that were answered in it. A phase is where its lines came, and they are read a
            little late: without a latency, a few trips may be counted for the phase beside.
    """

    seconds: float
    connections: tuple[Connection, ...]
    connection_count: int
    most_at_once: int
    sessions: int
    given_up: Mapping[str, int]
    refused: int
    round_trips: int
    setup_round_trips: int
    serial_round_trips: int
    serial_setup_round_trips: int
    waited_seconds: float
    own_seconds: float
    waits: tuple[tuple[float, float], ...]
    statements: tuple[Statement, ...]
    statement_count: int
    executions: int
    repeated: tuple[tuple[str, int], ...]
    errors: tuple[ServerError, ...]
    error_count: int
    unread: int
    complete: bool
    standing: Standing
    serial_is_exact: bool = True
    phase_round_trips: Mapping[str, int] = field(default_factory=dict)

    @property
    def serial_text(self) -> str:
        """`serial_round_trips` for people, who read from it whether it is exact."""
        least = "" if self.serial_is_exact else "about "
        return f"{least if self.complete else 'at least '}{self.serial_round_trips:,}"

    def brief(self) -> "Observation":
        """The same with its lists left out; the figures beside them stay."""
        return replace(self, connections=(), waits=(), statements=(), repeated=(), errors=())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Observation":
        """What `to_json` gave.

        Raises:
            ValueError: it is not that; also `KeyError` and `TypeError`.
        """
        standing = data["standing"]
        ended = standing["ended"]
        return cls(
            **{
                **data,
                "connections": tuple(
                    Connection(
                        **{
                            **one,
                            "end": End(one["end"]),
                            "reached": Reached(one["reached"]),
                            "encryption": Encryption(one["encryption"]),
                            "canceled": Canceled(**told) if (told := one.get("canceled")) else None,
                        }
                    )
                    for one in data["connections"]
                ),
                "waits": tuple((float(start), float(end)) for start, end in data["waits"]),
                "statements": tuple(Statement(**one) for one in data["statements"]),
                "repeated": tuple((str(text), int(times)) for text, times in data["repeated"]),
                "errors": tuple(
                    ServerError(**{**one, "reached": Reached(one["reached"])})
                    for one in data["errors"]
                ),
                "standing": Standing(
                    **{
                        **standing,
                        "doing": Doing(standing["doing"]),
                        "ended": None if ended is None else End(ended),
                    }
                ),
            }
        )
