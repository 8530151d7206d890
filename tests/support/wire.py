"""Messages of PostgreSQL's protocol, as bytes, for tests of what reads them."""

import struct
from collections.abc import Iterable
from itertools import pairwise

SSL_REQUEST = struct.pack(">II", 8, 80_877_103)
GSS_REQUEST = struct.pack(">II", 8, 80_877_104)
CANCEL_REQUEST = struct.pack(">IIII", 16, 80_877_102, 4711, 1234)


def message(letter: str, body: bytes = b"") -> bytes:
    """A message with a letter."""
    return letter.encode() + struct.pack(">I", len(body) + 4) + body


def texts(*values: str) -> bytes:
    """Each value with the zero byte that ends it."""
    return b"".join(value.encode() + b"\0" for value in values)


# The client's


def startup(user: str = "app", database: str | None = "shop", minor: int = 0) -> bytes:
    options = texts("user", user)
    if database is not None:
        options += texts("database", database)
    body = struct.pack(">HH", 3, minor) + options + b"\0"
    return struct.pack(">I", len(body) + 4) + body


def password(value: str = "secret") -> bytes:
    return message("p", texts(value))


def query(text: str) -> bytes:
    return message("Q", texts(text))


def parse(text: str, name: str = "") -> bytes:
    return message("P", texts(name, text) + b"\0\0")


def bind(portal: str = "", statement: str = "", value: bytes = b"") -> bytes:
    values = struct.pack(">HHI", 0, 1, len(value)) + value
    return message("B", texts(portal, statement) + values + b"\0\0")


def describe(kind: str = "S", name: str = "") -> bytes:
    return message("D", kind.encode() + texts(name))


def execute(portal: str = "") -> bytes:
    return message("E", texts(portal) + b"\0\0\0\0")


def close(kind: str = "S", name: str = "") -> bytes:
    return message("C", kind.encode() + texts(name))


def copy_fail(reason: str = "no") -> bytes:
    return message("f", texts(reason))


SYNC = message("S")
FLUSH = message("H")
COPY_DONE = message("c")
TERMINATE = message("X")
FUNCTION_CALL = message("F", struct.pack(">IHHH", 1, 0, 0, 0))

# Both


def copy_data(data: bytes) -> bytes:
    return message("d", data)


# The server's


def authentication(code: int, body: bytes = b"") -> bytes:
    return message("R", struct.pack(">I", code) + body)


AUTHENTICATED = authentication(0)
CLEARTEXT_PASSWORD = authentication(3)
MD5_PASSWORD = authentication(5, b"salt")
SASL = authentication(10, b"SCRAM-SHA-256\0\0")
SASL_CONTINUE = authentication(11, b"r=1,s=2,i=4096")
SASL_FINAL = authentication(12, b"v=abc")
KEY_DATA = message("K", struct.pack(">II", 4711, 1234))
NEGOTIATE = message("v", struct.pack(">II", 0, 0))
PARSED = message("1")
BOUND = message("2")
CLOSED = message("3")
NO_DATA = message("n")
PARAMETERS = message("t", b"\0\0")
SUSPENDED = message("s")
EMPTY_QUERY = message("I")
COPY_IN = message("G", b"\0\0\0")
COPY_OUT = message("H", b"\0\0\0")
COPY_BOTH = message("W", b"\0\0\0")
FUNCTION_RESULT = message("V", b"\xff\xff\xff\xff")


def ready(status: str = "I") -> bytes:
    return message("Z", status.encode())


def parameter(name: str = "TimeZone", value: str = "UTC") -> bytes:
    return message("S", texts(name, value))


def notification(channel: str = "orders") -> bytes:
    return message("A", struct.pack(">I", 4711) + texts(channel, "payload"))


def notice(text: str = "there") -> bytes:
    return message("N", _fields(("S", "NOTICE"), ("V", "NOTICE"), ("C", "00000"), ("M", text)))


def columns(*names: str) -> bytes:
    described = b"".join(texts(name) + bytes(18) for name in names)
    return message("T", struct.pack(">H", len(names)) + described)


def row(*values: bytes) -> bytes:
    columns_ = b"".join(struct.pack(">I", len(value)) + value for value in values)
    return message("D", struct.pack(">H", len(values)) + columns_)


def complete(tag: str = "SELECT 1") -> bytes:
    return message("C", texts(tag))


def error(
    sqlstate: str = "42P01",
    text: str = 'relation "orders" does not exist',
    severity: str = "ERROR",
    localised: str | None = None,
) -> bytes:
    """Args: localised: how the server's language calls the severity."""
    named = (("S", localised or severity), ("V", severity), ("C", sqlstate), ("M", text))
    return message("E", _fields(*named, ("F", "parse_relation.c"), ("L", "1392")))


def _fields(*fields: tuple[str, str]) -> bytes:
    return b"".join(letter.encode() + texts(value) for letter, value in fields) + b"\0"


# Whole exchanges, as what each side sends in turn


def logged_in(scram: bool = False) -> list[tuple[str, bytes]]:
    """A login without encryption: `client` or `server`, and what it sends."""
    steps = [("client", startup())]
    if scram:
        steps += [
            ("server", SASL),
            ("client", password("SCRAM-SHA-256")),
            ("server", SASL_CONTINUE),
            ("client", password("c=biws")),
        ]
    final = SASL_FINAL if scram else b""
    steps.append(("server", final + AUTHENTICATED + parameter() + KEY_DATA + ready()))
    return steps


def answered(count: int = 1, tag: str = "SELECT") -> bytes:
    """The answer to a simple query with so many rows."""
    rows = b"".join(row(b"1") for _ in range(count))
    return columns("a") + rows + complete(f"{tag} {count}") + ready()


def chunks(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` cut at these offsets; those outside are passed over."""
    borders = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]
