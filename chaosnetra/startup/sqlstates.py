"""PostgreSQL's error codes in what clients print, as a code or in words."""

import re

_NAMED = re.compile(
    r"(?:SQLSTATE|[Ss]ql_?[Ss]tate|\bcode)\W{1,4}(?=[0-9A-Z]*\d)([0-9A-Z]{5})(?![0-9A-Za-z])"
)
# As Npgsql writes it, `53300: sorry, …`: five characters alone may be any number, so only codes
# that a startup can meet are taken.
_KNOWN = (
    "08000 08001 08003 08004 08006 08007 08P01 0A000 22023 23502 23503 23505 23514 25006 25P02 "
    "25P03 28000 28P01 3D000 3F000 40001 40P01 42501 42601 42703 42704 42710 42723 42804 42883 "
    "42P01 42P04 42P06 42P07 53000 53100 53200 53300 53400 54000 55000 55006 55P03 55P04 57000 "
    "57014 57P01 57P02 57P03 57P04 57P05 58000 58030 XX000 XX001 XX002"
)
_CODES = frozenset(_KNOWN.split())
_BARE = re.compile(r"(?<![\w:.,/-])([0-9A-Z]{5}): (?=\D)")
# For clients that print no code: texts of the server, in its untranslated form.
_TEXTS = (
    ("too many clients already", "53300"),
    ("too many connections for role", "53300"),
    ("too many connections for database", "53300"),
    ("remaining connection slots are reserved", "53300"),
    ("number of requested standby connections exceeds", "53300"),
    ("password authentication failed", "28P01"),
    ("no pg_hba.conf entry for", "28000"),
    ("is not permitted to log in", "28000"),
    ("the database system is starting up", "57P03"),
    ("the database system is shutting down", "57P03"),
    ("the database system is in recovery mode", "57P03"),
    ("the database system is not yet accepting connections", "57P03"),
    ("canceling statement due to statement timeout", "57014"),
    ("canceling statement due to user request", "57014"),
    ("canceling statement due to lock timeout", "55P03"),
    ("terminating connection due to administrator command", "57P01"),
    ("terminating connection because of crash of another server process", "57P02"),
    ("terminating connection due to idle-session timeout", "57P05"),
    ("terminating connection due to idle-in-transaction timeout", "25P03"),
    ("cannot execute INSERT in a read-only transaction", "25006"),
    ("deadlock detected", "40P01"),
)
_MISSING = re.compile(
    r'FATAL:\s+(?:(database)|(role)) "[^"]{1,200}" does not exist'
    r'|ERROR:\s+(relation) "[^"]{1,200}" does not exist'
)
# Of psycopg and psycopg2, whose classes are named after the server's conditions.
_CLASSES = {
    "TooManyConnections": "53300",
    "InvalidPassword": "28P01",
    "InvalidAuthorizationSpecification": "28000",
    "InvalidCatalogName": "3D000",
    "CannotConnectNow": "57P03",
    "AdminShutdown": "57P01",
    "CrashShutdown": "57P02",
    "QueryCanceled": "57014",
    "LockNotAvailable": "55P03",
    "UndefinedTable": "42P01",
    "DuplicateTable": "42P07",
    "UniqueViolation": "23505",
    "InsufficientPrivilege": "42501",
    "DeadlockDetected": "40P01",
    "DiskFull": "53100",
    "ReadOnlySqlTransaction": "25006",
}


def sqlstate_in(text: str) -> str | None:
    """The error code that a text names; None where it names none.

    Args:
        text: bounded, any.
    """
    match = _NAMED.search(text)
    if match:
        return match[1]
    bare = next((code for code in _BARE.findall(text) if code in _CODES), None)
    if bare:
        return str(bare)
    found = next((code for words, code in _TEXTS if words in text), None)
    if found is None and (missing := _MISSING.search(text)):
        return "3D000" if missing[1] else "28000" if missing[2] else "42P01"
    return found


def sqlstate_of_class(name: str) -> str | None:
    """The error code that a driver's class stands for: asyncpg and psycopg have one for each."""
    if name in _CLASSES:
        return _CLASSES[name]
    import asyncpg

    return getattr(getattr(asyncpg.exceptions, name, None), "sqlstate", None)
