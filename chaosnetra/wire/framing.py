"""Messages of one direction of a conversation, found in chunks as they come.

Nothing but the beginning of a message that tells something is held: the payloads of rows and of
COPY are passed over, whatever their length.
"""

import struct

# What is kept of one message. Statements and errors are cut far below this.
LONGEST_KEPT = 8_192
# PostgreSQL's own limit (PQ_LARGE_MESSAGE_LIMIT).
_LONGEST_MESSAGE = 0x3FFF_FFFF
# Longer ones of a short kind are no message (libpq says 30000); descriptions of 65,535 parameters
# and authentication go beyond.
_LONGEST_SHORT_MESSAGE = 300_000
_LENGTH_BYTES = 4
_HEADER = struct.Struct(">BI")
_UNKNOWN = 0

Message = tuple[int, bytes]


class Kinds:
    """The messages that one side may send.

    Args:
        told: letters of those whose payload tells something.
        passed_over: letters of those that need no look, of any length.
        bulk: the letter of the one of these that comes most often.
        empty: letters among `told` that have no payload.
        long: letters among `told` that may be long.
    """

    __slots__ = ("bulk", "limits", "told")

    def __init__(self, told: str, passed_over: str, bulk: str, empty: str, long: str) -> None:
        limits = [_UNKNOWN] * 256
        for letter in passed_over:
            limits[ord(letter)] = _LONGEST_MESSAGE
        for letter in told:
            limits[ord(letter)] = _LONGEST_MESSAGE if letter in long else _LONGEST_SHORT_MESSAGE
        for letter in empty:
            limits[ord(letter)] = _LENGTH_BYTES
        self.limits = tuple(limits)
        self.told = frozenset(map(ord, told))
        self.bulk = ord(bulk)


OF_CLIENT = Kinds(told="QPBDECSHpFcfX", passed_over="d", bulk="d", empty="SHcX", long="QPBFp")
OF_SERVER = Kinds(
    told="ZCEIRTnsGW123VK", passed_over="DdHNAtvcS", bulk="D", empty="In123s", long="ETV"
)


class Framer:
    """Takes the chunks of one direction, after its first message, and gives messages.

    Attributes:
        broken: what came is no message; there are no more.
    """

    __slots__ = ("_begun", "_held", "_kinds", "_left", "broken")

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self.broken = False
        self._held = b""  # the beginning of a message: of its header, or of all that is kept
        self._left = 0  # bytes that are still to be passed over
        self._begun: Message | None = None  # a long one that is told when these have come

    @property
    def midway(self) -> bool:
        """Whether a message that tells something has begun and is not complete."""
        return self._begun is not None or bool(self._held)

    def messages(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, each as its letter and at most the first
        `LONGEST_KEPT` bytes of its payload.
        """
        found: list[Message] = []
        at = self._left
        if at:
            if at > len(data):
                self._left = at - len(data)
                return found
            self._left = 0
            if self._begun is not None:
                found.append(self._begun)
                self._begun = None
        elif self._held:
            data = self._held + data
            self._held = b""
        elif self.broken:
            return found
        size = len(data)
        last = size - 5
        unpack, bulk = _HEADER.unpack_from, self._kinds.bulk
        limits, told = self._kinds.limits, self._kinds.told
        start = at
        while at <= last:
            start = at
            kind, length = unpack(data, at)
            at += length + 1
            if kind == bulk:
                # One that is too long ends beyond this chunk, and is seen there.
                if length >= _LENGTH_BYTES:
                    continue
                self.broken = True
                return found
            if not _LENGTH_BYTES <= length <= limits[kind]:
                self.broken = True
                return found
            if kind in told and at <= size:
                if length <= LONGEST_KEPT:
                    found.append((kind, data[start + 5 : at]))
                else:
                    found.append((kind, data[start + 5 : start + 5 + LONGEST_KEPT]))
        if at > size:
            self._stop_within(data, start, at)
        elif at < size:
            self._held = data[at:]
        return found

    def _stop_within(self, data: bytes, start: int, end: int) -> None:
        """The message at `start` ends after this chunk."""
        kind, length = _HEADER.unpack_from(data, start)
        if length > self._kinds.limits[kind]:
            self.broken = True
        elif kind not in self._kinds.told:
            self._left = end - len(data)
        elif len(data) - start - 5 >= LONGEST_KEPT:
            self._begun = (kind, data[start + 5 : start + 5 + LONGEST_KEPT])
            self._left = end - len(data)
        else:
            self._held = data[start:]
