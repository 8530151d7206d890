"""Which answer inside TLS was the one that begins a session: told by the lengths of its records."""

import struct

HANDSHAKE = 22
APPLICATION_DATA = 23
_HEADER = struct.Struct(">BxxH")
# With the session a server tells about fourteen parameters, 300 to 500 bytes in one record. What
# it refuses a login with, and what it asks for in one, is shorter.
SHORTEST_OF_A_SESSION_BYTES = 280


class TlsRecords:
    """Reads the records of what a server sends; in TLS 1.3 the handshake is mostly hidden in such
    of application data, but an answer that begins in the open is part of it (RFC 8446, 5.1)."""

    __slots__ = ("_header", "_in_handshake", "_to_skip")

    def __init__(self) -> None:
        self._header = b""
        self._to_skip = 0
        self._in_handshake = False

    def client_sent(self) -> None:
        """What the server sends from now on is another answer."""
        self._in_handshake = False

    def begins_session(self, data: bytes) -> bool:
        """Whether a record that only a session has begins in these bytes of the server."""
        found, position, size = False, self._to_skip, len(data)
        while position < size:
            header = self._header + data[position : position + 5 - len(self._header)]
            if len(header) < _HEADER.size:
                self._header = header
                self._to_skip = 0
                return found
            position += _HEADER.size - len(self._header)
            self._header = b""
            kind, length = _HEADER.unpack(header)
            if kind == HANDSHAKE:
                self._in_handshake = True
            elif kind == APPLICATION_DATA and not self._in_handshake:
                found = found or length >= SHORTEST_OF_A_SESSION_BYTES
            position += length
        self._to_skip = position - size
        return found
