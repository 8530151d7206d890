"""The prepared statements and portals of one connection, by name."""

import re

from chaosnetra.wire.log import NO_STATEMENT

# Of each kind: more are not remembered.
MOST_NAMES = 1_000
# The server cuts names there as well.
_LONGEST_NAME = 63
_FORGETS = re.compile(
    rb'\s*(?:DEALLOCATE\s+(?:PREPARE\s+)?("(?:[^"]|"")*"|[^\s;]+)|DISCARD\s+(ALL)\b)', re.IGNORECASE
)


class Names:
    """What a connection has prepared and bound; each is the number of a statement's text."""

    __slots__ = ("_portals", "_statements")

    def __init__(self) -> None:
        self._statements: dict[bytes, int] = {}
        self._portals: dict[bytes, int] = {}

    def prepare(self, name: bytes, statement: int) -> bool:
        """Whether no other statement had to be forgotten for it."""
        return _remember(self._statements, name, statement)

    def bind(self, portal: bytes, name: bytes) -> int:
        """A portal is made of a prepared statement, which is returned."""
        statement = self._statements.get(name[:_LONGEST_NAME], NO_STATEMENT)
        _remember(self._portals, portal, statement)
        return statement

    def of_portal(self, name: bytes) -> int:
        return self._portals.get(name[:_LONGEST_NAME], NO_STATEMENT)

    def find(self, prepared: bool, name: bytes) -> int:
        """A prepared statement, or else a portal."""
        known = self._statements if prepared else self._portals
        return known.get(name[:_LONGEST_NAME], NO_STATEMENT)

    def close(self, prepared: bool, name: bytes) -> int:
        """The same, for the last time."""
        known = self._statements if prepared else self._portals
        return known.pop(name[:_LONGEST_NAME], NO_STATEMENT)

    def forget_by(self, text: bytes) -> None:
        """Forget prepared statements where SQL tells the server to."""
        if text[:1] not in b"dD \n\t":
            return
        found = _FORGETS.match(text)
        if found is None:
            return
        name: bytes = found[1] or found[2]
        if name.upper() == b"ALL":
            self._statements.clear()
            return
        quoted = name.startswith(b'"')
        name = name[1:-1].replace(b'""', b'"') if quoted else name.lower()
        self._statements.pop(name[:_LONGEST_NAME], None)


def _remember(names: dict[bytes, int], name: bytes, statement: int) -> bool:
    """Whether none had to be forgotten for it."""
    name = name[:_LONGEST_NAME]
    names.pop(name, None)  # the last one named is forgotten last
    names[name] = statement
    if len(names) <= MOST_NAMES:
        return True
    del names[next(iter(names))]
    return False
