"""One variable that says where a database is: what it says, and the same with another address.

A variable holds a URL, libpq's keywords and values, pairs such as `Host=…;Port=…`, or one part.
All but the address stays as it is, sign for sign. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.addresses.database_options import Refused
from chaosnetra.addresses.database_url import read_url

HOST, HOSTADDR, PORT = "host", "hostaddr", "port"
USER, PASSWORD, DATABASE, SSLMODE = "user", "password", "database", "sslmode"
_OF_DATABASE = frozenset(DatabaseAddress("h", 1, "u", "p", "d").placeholders)
# Of a URL, what our own sessions need; drivers have many more, of which asyncpg takes none.
_OWN_OPTIONS = (
    *("host", "port", "user", "password", "dbname", "database"),
    *("ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslnegotiation"),
)
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.:-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)"
    r"(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_PLACE = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?", re.DOTALL)
_DSN_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)
_PAIR = re.compile(r"\s*([^=;]+?)\s*=\s*(\"[^\"]*\"|'[^']*'|[^;]*?)\s*(?:;|$)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_OF_PLACEHOLDER = {
    "host_quoted": HOST,
    "database_port": PORT,
    "user_quoted": USER,
    "password_quoted": PASSWORD,
}
# What drivers call these, in pairs; compared without spaces, and in small letters.
_KEYS = {
    **dict.fromkeys(("host", "server"), HOST),
    **dict.fromkeys(("user", "username", "userid", "uid"), USER),
    **dict.fromkeys(("password", "pwd"), PASSWORD),
    **dict.fromkeys(("database", "dbname", "db"), DATABASE),
    **dict.fromkeys(("sslmode",), SSLMODE),
    "hostaddr": HOSTADDR,
    "port": PORT,
}
_DIGITS = re.compile(r"[0-9]{1,5}")


class NotSo(ValueError):
    """A variable does not say what its template has; its text is a clause without a secret."""


@dataclass(frozen=True)
class Place:
    """Where a service is to find its database instead.

    Attributes:
        host: name or address; with a / at its beginning the folder of a Unix socket.
        port: of it; of a socket it is the one that it had.
    """

    host: str
    port: int


@dataclass(frozen=True)
class Said:
    """What a variable says of a database.

    Attributes:
        parts: by the names above, as far as it says them; a port is text.
        options: of TLS, in libpq's words.
        pieces: the text in pieces: one that begins with a name of an address's parts and a way of
            writing holds that, and is the only one that changes.
        ends_with_port: what is put behind all where the port has to be named, which it was not:
            a format with `{port}` in it; empty: nothing can be.
    """

    parts: Mapping[str, str]
    options: tuple[tuple[str, str], ...]
    pieces: tuple["Piece", ...]
    ends_with_port: str = ""

    @property
    def names_host(self) -> bool:
        return any(piece.part in (HOST, HOSTADDR) for piece in self.pieces)

    @property
    def names_port(self) -> bool:
        return any(piece.part == PORT for piece in self.pieces)

    def as_address(self) -> "Said":
        """The same where the host is an address beside a host's name, as in `PGHOSTADDR`."""
        parts = {HOSTADDR if name == HOST else name: text for name, text in self.parts.items()}
        pieces = tuple(
            replace(piece, part=HOSTADDR) if piece.part == HOST else piece for piece in self.pieces
        )
        return replace(self, parts=parts, pieces=pieces)

    def at(self, place: Place, *, keeps_host: bool = False) -> str:
        """The same text with another address.

        Args:
            place: instead.
            keeps_host: whether the host stays, for it leads there by itself, or its address does.
        """
        written = []
        for piece in self.pieces:
            if piece.part == PORT and not place.host.startswith("/"):
                written.append(f":{place.port}" if piece.quoting == "colon" else str(place.port))
            elif piece.part == HOSTADDR or (piece.part == HOST and not keeps_host):
                written.append(piece.written(place.host))
            else:
                written.append(piece.text)
        is_said = place.host.startswith("/") or self.names_port
        ending = "" if is_said else self.ends_with_port.format(port=place.port)
        return "".join(written) + ending


@dataclass(frozen=True)
class Piece:
    """A piece of a text: of an address where `part` says which, `quoting` how it is written."""

    text: str
    part: str = ""
    quoting: str = ""

    def written(self, host: str) -> str:
        before, is_socket, number = unquote(self.text).rpartition("/.s.PGSQL.")
        ending = f"{is_socket}{number}" if before else ""  # the socket itself, not its folder
        if self.quoting == "authority":
            is_ipv6 = ":" in host and not host.startswith("/")
            return f"[{quote(host, safe=':')}]" if is_ipv6 else quote(host + ending, safe="")
        if self.quoting == "query":
            return quote(host + ending, safe="/:.")
        if self.quoting == "dsn" and self.text.startswith("'"):
            return f"'{host}{ending.rstrip(chr(39))}'"
        return host + ending


def holds_database(template: str) -> bool:
    """Whether a template has a part of the database's address or login in it."""
    return any(name in _OF_DATABASE for name in _PLACEHOLDER.findall(template))


def read(template: str, text: str) -> Said:
    """What a variable says, by the template that says how it is written.

    Raises:
        NotSo: it is written otherwise.
    """
    names = _PLACEHOLDER.findall(template)
    if "://" in template or {"url", "url_without_scheme"} & set(names):
        return _without_scheme(text) if template == "{url_without_scheme}" else _url(text)
    if "dsn" in names or re.fullmatch(r"\s*(\w+\s*=\s*'?\{\w+\}'?\s*){2,}", template):
        return _dsn(text)
    if re.fullmatch(r"\s*([^=;{}]+=\s*\{\w+\}\s*;?\s*)+", template) and ";" in template:
        return _pairs(text)
    return _by_template(template, text)


def _without_scheme(text: str) -> Said:
    said = _url(f"postgresql://{text}")
    first, *others = said.pieces
    shorter = Piece(first.text.removeprefix("postgresql://"), first.part, first.quoting)
    return Said(said.parts, said.options, (shorter, *others), said.ends_with_port)


def _url(text: str) -> Said:
    """A URL of any driver."""
    found = _URL.fullmatch(text)
    if found is None:
        raise NotSo("is no URL")
    scheme, authority, path, query = found["scheme"], found["authority"], found["path"], ""
    given = [pair.partition("=") for pair in (found["query"] or "").split("&") if pair]
    query = "&".join(f"{name}={value}" for name, _, value in given if name in _OWN_OPTIONS)
    try:
        address = read_url(f"postgresql://{authority}{path}{f'?{query}' if query else ''}")
    except Refused as error:
        raise NotSo(f"cannot be used: {error}") from None
    userinfo, at, place = authority.rpartition("@")
    where = _PLACE.fullmatch(place)
    if where is None:
        raise NotSo("has no host and port that can be read")
    pieces = [Piece(f"{scheme}://{userinfo}{at}")]
    queried = {name for name, _, _ in given}
    # Beside `?host=` of a socket, some drivers want `localhost` there.
    is_place = HOST not in queried or unquote(where["host"]).lower() == address.host
    pieces.append(Piece(where["host"], HOST if is_place and where["host"] else "", "authority"))
    if where["port"] is not None:
        pieces += [Piece(":"), Piece(where["port"], PORT)]
    elif PORT not in queried and where["host"] and is_place:
        pieces.append(Piece("", PORT, "colon"))
    pieces.append(Piece(path))
    parts = {HOST: address.host, PORT: str(address.port), DATABASE: address.database}
    for number, (name, equals, value) in enumerate(given):
        pieces.append(Piece(f"{'&' if number else '?'}{name}{equals}"))
        pieces.append(Piece(value, name if name in (HOST, HOSTADDR, PORT) else "", "query"))
        if name == HOSTADDR:
            parts[HOSTADDR] = unquote(value)
    parts[USER], parts[PASSWORD] = address.user, address.password
    options = dict(address.options)
    if scheme.startswith("jdbc:") and options.get("ssl", "false") != "false":
        options = {"sslmode": "verify-full", **options}  # what its driver takes it for
        del options["ssl"]
    ends = f"{'&' if given else '?'}port={{port}}" if HOST in queried else ""
    return Said(parts, tuple(options.items()), tuple(pieces), ends)


def _dsn(text: str) -> Said:
    """libpq's keywords and values."""
    pieces, parts, options, end = [], {}, {}, 0
    for pair in _DSN_PAIR.finditer(text):
        if pair.start() != end:
            break
        end = pair.end()
        name, value = pair[1].lower(), pair[2]
        plain = re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)
        pieces.append(Piece(text[pair.start() : pair.start(2)]))
        is_address = name in (HOST, HOSTADDR, PORT)
        pieces.append(Piece(value, name if is_address else "", "dsn"))
        if name.startswith("ssl"):
            options[name] = plain
        if name in _KEYS:
            parts[_KEYS[name]] = plain
    if end == 0 or text[end:].strip():
        raise NotSo("is not written as libpq's keywords and values")
    pieces.append(Piece(text[end:]))
    return Said(_checked(parts), tuple(options.items()), tuple(pieces), " port={port}")


def _pairs(text: str) -> Said:
    """Pairs such as `Host=…;Port=…`."""
    pieces, parts, options, end = [], {}, {}, 0
    for pair in _PAIR.finditer(text):
        if pair.start() != end:
            break
        end = pair.end()
        name, value = _KEYS.get(re.sub(r"[\s_]", "", pair[1]).lower(), ""), pair[2]
        plain = value[1:-1] if value[:1] in ("'", '"') and value else value
        pieces.append(Piece(text[pair.start() : pair.start(2)]))
        pieces.append(Piece(value, name if name in (HOST, HOSTADDR, PORT) else "", "pair"))
        pieces.append(Piece(text[pair.end(2) : end]))
        if name == SSLMODE:
            options[SSLMODE] = re.sub(r"(?<=verify)-?(?=[a-z])", "-", plain.lower())
        elif name:
            parts[name] = plain
    if end != len(text) or not parts:
        raise NotSo("is not written as pairs of a key and a value")
    ends = "Port={port}" if text.rstrip().endswith(";") else ";Port={port}"
    return Said(_checked(parts), tuple(options.items()), tuple(pieces), ends)


def _by_template(template: str, text: str) -> Said:
    """What a template has between its words."""
    words = _PLACEHOLDER.split(template)
    pattern, seen = "", []
    for number, word in enumerate(words):
        if number % 2 == 0:
            pattern += re.escape(word)
        elif word in _OF_DATABASE:
            seen.append(word)
            pattern += r"([0-9]{1,5})" if _OF_PLACEHOLDER.get(word, word) == PORT else "(.+?)"
        else:
            pattern += r"(?:.*?)"
    found = re.fullmatch(pattern, text, re.DOTALL)
    if found is None:
        raise NotSo(f"is not written as {template}")
    pieces: list[Piece] = []
    parts: dict[str, str] = {}
    end = 0
    for number, word in enumerate(seen, start=1):
        part, value = _OF_PLACEHOLDER.get(word, word), found[number]
        quoted = word.endswith("_quoted")
        plain = unquote(value) if quoted else value
        if parts.get(part, plain) != plain:
            raise NotSo(f"says two things of the {part}")
        parts[part] = plain
        is_address = part in (HOST, PORT)
        pieces.append(Piece(text[end : found.start(number)]))
        pieces.append(Piece(value, part if is_address else "", "authority" if quoted else ""))
        end = found.end(number)
    pieces.append(Piece(text[end:]))
    return Said(_checked(parts), (), tuple(pieces))


def _checked(parts: Mapping[str, str]) -> Mapping[str, str]:
    """The parts of an address, where they can be such; the host as addresses have it.

    Raises:
        NotSo: they cannot.
    """
    checked = dict(parts)
    port = parts.get(PORT)
    if port is not None and not (_DIGITS.fullmatch(port) and 0 < int(port) < 65536):
        raise NotSo("names a port that is none")
    for name in (HOST, HOSTADDR):
        if name not in parts:
            continue
        host = checked[name] = _host(parts[name])
        if not host or "," in host or any(sign.isspace() for sign in host):
            raise NotSo("names no host, or several")
    return checked


def _host(text: str) -> str:
    """A socket's folder, also of a socket that is named itself; a name in small letters."""
    text = text.strip()
    if text.startswith("/"):
        folder, is_socket, number = text.rpartition("/.s.PGSQL.")
        return (folder if is_socket and number.isdigit() else text).rstrip("/") or "/"
    return text.removeprefix("[").removesuffix("]").lower()


def agreed(said: Mapping[str, Said], part: str) -> str | None:
    """What variables say of one part; None: none says anything.

    Raises:
        NotSo: two say two things.
    """
    values = {name: one.parts[part] for name, one in said.items() if part in one.parts}
    if len(set(values.values())) > 1:
        (first, value), (second, other) = next(
            (one, another)
            for one in values.items()
            for another in values.items()
            if one[1] != another[1]
        )
        if part == HOST and value.startswith("/") != other.startswith("/"):
            socket, address = (first, second) if value.startswith("/") else (second, first)
            raise NotSo(f"{socket} names a Unix socket, and {address} another host")
        raise NotSo(f"{first} and {second} name two {part}s")
    return next(iter(values.values()), None)
