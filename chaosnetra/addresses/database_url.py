"""Reads a PostgreSQL URL: which host, as whom, which database, with what options."""

import os
import re
import sys
import unicodedata
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from chaosnetra.addresses.database_options import MAY_HOLD_AT, Refused, check_options

Said = TypeVar("Said", str, int | None)

DEFAULT_PORT = 5432
_SCHEMES = ("postgresql", "postgres")
# What the kernel takes as the path of a socket, without the NUL at its end.
LONGEST_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
_SOCKET_FILE = re.compile(r"(.*)/\.s\.PGSQL\.([0-9]{1,5})", re.DOTALL)
_UNREADABLE = (
    "the database URL cannot be read: the port must be a number, and special characters in user "
    "or password must be percent-encoded"
)
_AT = (
    "the database URL has an @ behind its host: write it as %40; special characters in user or "
    "password must be percent-encoded"
)
_PAIRS = (
    "each option of the database URL must be NAME=VALUE, and special characters in user or "
    "password must be percent-encoded"
)
_SEVERAL = "the database URL names several hosts: name one, for the run's proxy leads to one server"
_NO_HOST = (
    "the database URL must name a host, or the folder of a Unix socket, as "
    "?host=/cloudsql/PROJECT:REGION:INSTANCE does"
)


@dataclass(frozen=True)
class DatabaseUrl:
    """What a URL says; its representation never shows the password.

    Attributes:
        host: name or IP address; with a / at its beginning the folder of a Unix socket, whose
            name `port` is a part of.
        options: in order, without those that are one of these.
        host_as_option: whether such a folder is named by `?host=`, and not, percent-encoded, in
            the place of the host.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    host_as_option: bool = field(default=True, repr=False, compare=False)


def socket_path(folder: str, port: int) -> str:
    """Where a server with that port number has its Unix socket in a folder."""
    return f"{folder.rstrip('/')}/.s.PGSQL.{port}"


def is_too_long(path: str) -> bool:
    """Whether the system takes no socket of that path."""
    return len(os.fsencode(path)) > LONGEST_SOCKET_PATH_BYTES


def read_url(url: str) -> DatabaseUrl:
    """Read a URL, as libpq and asyncpg take it.

    Raises:
        Refused: it cannot be read, or says something that we do not do. The text repeats neither
            the URL nor what may be a part of a password.
    """
    url = url.strip()
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in url):
        raise Refused("the database URL holds a control character: percent-encode it")
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    userinfo, _, place = authority.rpartition("@")
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its text may quote a part of the password.
        several = "," in place and ("@" in authority or "@" not in url)
        raise Refused(_SEVERAL if several else _UNREADABLE) from None
    if parts.scheme.split("+")[0] not in _SCHEMES:
        raise Refused(
            f"the database URL must begin with postgresql://, got {(parts.scheme or 'no scheme')!r}"
        )
    if parts.fragment:
        raise Refused(_UNREADABLE)  # a password with a # in it
    if "@" in parts.path:
        raise Refused(_AT)  # or one with a /
    options = _pairs(parts.query)
    if "," in place:
        raise Refused(_SEVERAL)
    host, port = _host_and_port(place)
    name, _, password = userinfo.partition(":")
    user = _decoded(name)
    check_options(options)
    given = dict(options)
    as_option = given.pop("host", "")
    if as_option:
        host, port = _host_of_option(as_option, host, port)
    port = _same("ports", port, _port(given.pop("port", ""))) or DEFAULT_PORT
    host, port = _checked(host, port)
    user = _same("users", user, given.pop("user", "")) or "postgres"
    secret = _decoded(password) or given.pop("password", "")
    named = _same("databases", given.pop("dbname", ""), given.pop("database", ""))
    database = _same("databases", _decoded(parts.path.lstrip("/")), named) or user
    given.pop("password", None)
    for text in (host, user, secret, database, *given, *given.values()):
        if "\0" in text:
            raise Refused("the database URL holds a %00, which PostgreSQL has in no text")
    return DatabaseUrl(host, port, user, secret, database, tuple(given.items()), bool(as_option))


def _pairs(query: str) -> list[tuple[str, str]]:
    found = []
    for pair in filter(None, query.split("&")):
        raw_name, equals, raw_value = pair.partition("=")
        name, value = _decoded(raw_name, plus=True), _decoded(raw_value, plus=True)
        if not equals or not name:
            raise Refused(_PAIRS)  # a password with a ? in it
        if "@" in pair and name not in MAY_HOLD_AT:
            raise Refused(_AT)
        found.append((name, value))
    return found


def _decoded(text: str, *, plus: bool = False) -> str:
    """Text without its percent-encoding; `plus`: a + is a space, as drivers of Python have it."""
    try:
        return unquote(text.replace("+", " ") if plus else text, errors="strict")
    except UnicodeDecodeError:
        raise Refused("the database URL percent-encodes something that is not UTF-8") from None


def _host_and_port(place: str) -> tuple[str, int | None]:
    """Split what stands between user and path."""
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Refused(_UNREADABLE)
        return _decoded(host), _port(rest[1:])
    host, _, port = place.partition(":")
    folder = _decoded(host)
    if folder.startswith("/") and not port.isdecimal() and port:
        raise Refused(
            "a : in the folder of a Unix socket must be written %3A in the place of the host"
        )
    return folder, _port(port)


def _host_of_option(text: str, host: str, port: int | None) -> tuple[str, int | None]:
    if "," in text:
        raise Refused(_SEVERAL)
    if text.startswith("/"):
        found, with_it = text, None
        if host == "localhost":  # where a URL must have a host, as Prisma's must
            host = ""
    elif text.count(":") > 1 and not text.startswith("["):
        found, with_it = text, None  # an IPv6 address
    else:
        found, with_it = _host_and_port(text.replace("%", "%25"))
    return _same("hosts", host, found), _same("ports", port, with_it)


def _port(text: str) -> int | None:
    if not text:
        return None
    if "," in text:
        raise Refused(_SEVERAL)
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise Refused(_UNREADABLE)
    if int(text) == 0:
        raise Refused("the database URL must not name port 0")
    return int(text)


def _same(what: str, one: Said, other: Said) -> Said:
    """What both say, or the one that says something.

    Raises:
        Refused: they say two things; drivers do not agree which of them counts.
    """
    if one and other and one != other:
        raise Refused(f"the database URL names two {what}: leave one out")
    return one or other


def _checked(host: str, port: int) -> tuple[str, int]:
    """The host as we write it, and the port.

    Raises:
        Refused: it is none that can be connected to.
    """
    if not host:
        raise Refused(_NO_HOST)
    if "," in host:
        raise Refused(_SEVERAL)
    if host.startswith("@"):
        raise Refused("the database URL names an abstract Unix socket: name one of a folder")
    if not host.startswith("/"):
        if "/" in host:
            raise Refused(
                "the database URL names the folder of a Unix socket by a relative path: "
                "write the absolute one"
            )
        if not host.isprintable() or any(sign in " []?#%<>\"'\\@" for sign in host.split("%")[0]):
            raise Refused("the database URL names a host that cannot be one")
        return host.lower(), port
    whole = _SOCKET_FILE.fullmatch(host)
    if whole is not None:  # the socket itself, as asyncpg takes it
        host = whole[1] or "/"
        port = _same("ports", port if port != DEFAULT_PORT else None, _port(whole[2])) or port
    host = host.rstrip("/") or "/"
    path = socket_path(host, port)
    if is_too_long(path):
        raise Refused(
            f"the path of the database's Unix socket has {len(os.fsencode(path))} bytes, and the "
            f"system takes at most {LONGEST_SOCKET_PATH_BYTES}: name its folder by a shorter "
            "path, as a symbolic link is"
        )
    return host, port
