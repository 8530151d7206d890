"""One connection as it is seen by a hop in between: every byte, in the order in which it passes."""

import struct
from enum import Enum

from chaosnetra.wire.framing import OF_SERVER, Framer
from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, StartupLog
from chaosnetra.wire.masking import masked_name
from chaosnetra.wire.observation import Encryption, End, Reached
from chaosnetra.wire.questions import Answer, Question, Questions, log_error
from chaosnetra.wire.session import Session
from chaosnetra.wire.tls_records import TlsRecords
from chaosnetra.wire.unread import Turns

# The first message of a client has no letter: a length, then one of these, or a version.
_CANCEL_REQUEST = 80_877_102
_SSL_REQUEST = 80_877_103
_GSS_REQUEST = 80_877_104
_PROTOCOL_MAJOR = 3
_FIRST = struct.Struct(">II")
_LONGEST_FIRST = 10_000  # PostgreSQL's MAX_STARTUP_PACKET_LENGTH
_TLS_HANDSHAKE = 0x16
_ERROR = ord("E")


class _State(Enum):
    FIRST = "first"  # the client's next message has no letter
    ASKED = "asked"  # for encryption; the server's next byte decides
    REFUSED = "refused"  # the server answers the first message with an error, and will end it
    SESSION = "session"
    CANCEL = "cancel"
    UNREAD = "unread"
    OVER = "over"


_NOT_READ = (_State.CANCEL, _State.REFUSED, _State.OVER)


class Conversation:
    """Reads what passes through one connection, and writes it into its log.

    It holds no payload, and raises nothing: what it cannot read it counts by turns of direction.
    Moments are readings of the monotonic clock.

    Args:
        log: of the startup whose connection it is.
        connection: its own log, which is in there.
    """

    __slots__ = (
        "_asked",
        "_connection",
        "_framer",
        "_held",
        "_log",
        "_passes",
        "_questions",
        "_records",
        "_session",
        "_stages_ahead",
        "_state",
        "_turns",
    )

    def __init__(self, log: StartupLog, connection: ConnectionLog) -> None:
        self._log = log
        self._connection = connection
        self._state = _State.FIRST
        self._asked = Encryption.NONE
        self._held = b""  # of the client, until it can be read
        self._questions = Questions(log, connection)
        self._session: Session | None = None
        self._framer: Framer | None = None  # of the server, before there is a session
        self._turns: Turns | None = None
        self._records: TlsRecords | None = None
        self._passes = False  # to the next hop
        # Reached by what the client sent before the next hop had accepted it.
        self._stages_ahead: list[Reached] = []
        if not connection.stages:
            connection.stages.append((connection.opened_at, Reached.TCP))

    def dialed(self, at: float) -> None:
        """The next hop accepted the connection."""
        self._connection.dialed_at = at
        self._catch_up(at)

    def client_sent(self, data: bytes, at: float) -> None:
        """The client sent some bytes."""
        self._connection.sent_bytes += len(data)
        session = self._session
        if session is not None:
            session.client_sent(data, at)
            if session.broken:
                self._read_no_more(at)
        elif self._turns is not None:
            self._turns.client_sent(at)
            if self._records is not None:
                self._records.client_sent()
        elif data:
            self._client_began(data, at)

    def server_sent(self, data: bytes, at: float) -> None:
        """The server sent some bytes."""
        self._connection.received_bytes += len(data)
        self._connection.received_at = at
        if not self._passes:
            self._catch_up(at)
        self._read_server(data, at)

    def ended(self, end: End, at: float) -> None:
        """The connection ended; what still passes is counted in bytes alone."""
        if end is End.SERVER and self._session is not None and self._session.terminated:
            end = End.CLIENT  # it waits for the server to close
        self._connection.end = end
        self._connection.ended_at = at
        self._held = b""
        self._session = self._framer = None
        self._state = _State.OVER
        self._turns = self._records = None

    def _read_server(self, data: bytes, at: float) -> None:
        session = self._session
        if session is not None:
            session.server_sent(data, at)
            if session.broken:
                self._server_unreadable(at)
        elif self._turns is not None:
            self._server_unread(at)
            if self._records is not None and self._records.begins_session(data):
                self._connection.session_seen_at = at
                self._records = None
        elif data:
            self._server_began(data, at)

    # Before there is a session

    def _client_began(self, data: bytes, at: float) -> None:
        if self._state in _NOT_READ:
            return
        data = self._held + data
        self._held = b""
        while data:
            if self._state is not _State.FIRST:
                self._hold(data, at)
                return
            if data[0] == _TLS_HANDSHAKE:
                self._reach(Reached.TLS, at)
                self._encrypted(Encryption.TLS, at, sent=True)
                return
            if data[0] or (len(data) >= 2 and data[1]):  # longer than any first message
                self._read_no_more(at)
                return
            if len(data) < _FIRST.size:
                self._hold(data, at)
                return
            length, code = _FIRST.unpack_from(data)
            if not _FIRST.size <= length <= _LONGEST_FIRST or not _is_known(code):
                self._read_no_more(at)
                return
            if len(data) < length:
                self._hold(data, at)
                return
            self._first_message(code, data[_FIRST.size : length], at)
            data = data[length:]
            if self._state in _NOT_READ:
                return
            if self._session is not None:
                if data:
                    self._session.client_sent(data, at)
                    if self._session.broken:
                        self._read_no_more(at)
                return

    def _hold(self, data: bytes, at: float) -> None:
        if len(data) > _LONGEST_FIRST:
            self._read_no_more(at)
        else:
            self._held = data

    def _first_message(self, code: int, body: bytes, at: float) -> None:
        if code == _CANCEL_REQUEST:
            self._reach(Reached.CANCEL, at)
            self._connection.cancels = int.from_bytes(body[:4])
            self._state = _State.CANCEL
            return
        self._questions.ask(Question(at, Answer.LOGIN))
        if code in (_SSL_REQUEST, _GSS_REQUEST):
            self._reach(Reached.TLS, at)
            self._asked = Encryption.TLS if code == _SSL_REQUEST else Encryption.GSS
            self._state = _State.ASKED
            return
        self._reach(Reached.STARTUP, at)
        values = body.split(b"\0")
        options = dict(zip(values[::2], values[1::2], strict=False))
        self._connection.user = _name(options.get(b"user"))
        self._connection.database = _name(options.get(b"database"))
        self._session = Session(self._log, self._connection, self._questions)
        self._state = _State.SESSION

    def _server_began(self, data: bytes, at: float) -> None:
        if self._state in (_State.CANCEL, _State.OVER):
            return
        if self._state is _State.REFUSED:
            self._read_refusal(data, at)
            return
        sign = data[:1]
        if self._state is _State.ASKED:
            if sign == (b"S" if self._asked is Encryption.TLS else b"G"):
                self._questions.answered(at)
                self._encrypted(self._asked, at, sent=bool(self._held))
                if len(data) > 1:
                    self._read_server(data[1:], at)
                return
            if sign == b"N":
                self._decline(at)
                if len(data) > 1:
                    self._read_server(data[1:], at)
                return
        if sign == b"E":
            if self._asked is Encryption.TLS and self._state is _State.ASKED:
                self._connection.encryption = Encryption.DECLINED
            self._state = _State.REFUSED
            self._framer = Framer(OF_SERVER)
            self._read_refusal(data, at)
            return
        self._server_unreadable(at)

    def _decline(self, at: float) -> None:
        """The server has no encryption of that kind; the client may go on without."""
        self._questions.answered(at)
        if self._asked is Encryption.TLS:
            self._connection.encryption = Encryption.DECLINED
        self._state = _State.FIRST
        held, self._held = self._held, b""
        if held:
            self._client_began(held, at)

    def _read_refusal(self, data: bytes, at: float) -> None:
        framer = self._framer
        if framer is None:
            return
        for kind, body in framer.messages(data):
            if kind == _ERROR:
                log_error(self._log, self._connection, at, body, NO_STATEMENT)
                self._questions.answered(at)
        if framer.broken:
            self._server_unreadable(at)

    # What cannot be read

    def _encrypted(self, encryption: Encryption, at: float, *, sent: bool) -> None:
        """Args: sent: whether the client sent something encrypted already."""
        self._connection.encryption = encryption
        self._held = b""
        self._state = _State.UNREAD
        self._turns = Turns(self._log, self._connection)
        self._records = TlsRecords() if encryption is Encryption.TLS else None
        if sent:
            self._turns.client_sent(at)

    def _read_no_more(self, at: float) -> None:
        """What the client sent is not PostgreSQL's protocol, from here on."""
        self._count_turns(at)
        if self._turns is not None:
            self._turns.client_sent(at)

    def _server_unreadable(self, at: float) -> None:
        """What the server sent is not."""
        held = self._held
        self._count_turns(at)
        if held and self._turns is not None:
            self._turns.client_sent(at)
        self._server_unread(at)

    def _count_turns(self, at: float) -> None:
        self._reach(Reached.UNREAD, at)
        self._held = b""
        self._session = self._framer = None
        self._turns = Turns(self._log, self._connection)
        self._state = _State.UNREAD

    def _server_unread(self, at: float) -> None:
        self._reach(Reached.UNREAD, at)
        if self._turns is not None:
            self._turns.server_sent(at)

    # Stages

    def _reach(self, stage: Reached, at: float) -> None:
        if not self._passes:
            if self._connection.dialed_at is None:
                self._stages_ahead.append(stage)
                return
            self._passes = True
        if self._connection.stages[-1][1] is not stage:
            self._connection.stages.append((at, stage))

    def _catch_up(self, at: float) -> None:
        self._passes = True
        for stage in self._stages_ahead:
            self._reach(stage, at)
        self._stages_ahead = []


def _is_known(code: int) -> bool:
    return code in (_CANCEL_REQUEST, _SSL_REQUEST, _GSS_REQUEST) or code >> 16 == _PROTOCOL_MAJOR


def _name(name: bytes | None) -> str | None:
    return masked_name(name) if name else None
