"""Where a database is, and with what credentials."""

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlencode

from chaosnetra.addresses.database_options import (
    FILES,
    Refused,
    connect_timeout_seconds,
    options_for_driver,
    without_tls,
)
from chaosnetra.addresses.database_url import DEFAULT_PORT, DatabaseUrl, read_url, socket_path
from chaosnetra.errors import InvalidInput

__all__ = ["DEFAULT_PORT", "DatabaseAddress", "Place", "parse_network_address", "shown_address"]

CLOUD_SQL_INSTANCE = "cloud_sql_instance"
# Host and port, or the path of a Unix socket.
Place = tuple[str, int] | str


@dataclass(frozen=True)
class DatabaseAddress(DatabaseUrl):
    """A PostgreSQL address: what a URL says, and what can be done with it."""

    @classmethod
    def parse(cls, url: str) -> "DatabaseAddress":
        """Read `postgresql://user:password@host:port/database?option=value`.

        A driver suffix (`postgresql+asyncpg://`) is accepted and dropped. Host, port, user,
        password and database may also be options; no other option may be a secret, for options
        are shown and kept. Files that options name are made absolute: an undo is played from
        wherever `recover` is called.

        Raises:
            InvalidInput: not such a URL, or it asks for what is not done here. The message never
                repeats the URL, which may hold a password.
        """
        try:
            read = read_url(url)
        except Refused as error:
            raise InvalidInput(str(error)) from None
        options = tuple(_absolute(option) for option in read.options)
        return cls(**{**vars(read), "options": options})

    @property
    def url(self) -> str:
        """The address as a URL, password included: for connecting, never for showing."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        return f"postgresql://{quote(self.user, safe='')}{secret}@{self._tail}"

    @property
    def dsn(self) -> str:
        """The address as libpq's keywords and values, password included; see `url`."""
        parts = {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
            **dict(self.options),
        }
        return " ".join(f"{name}={_quoted(text)}" for name, text in parts.items() if text)

    @property
    def driver_url(self) -> str:
        """The same in the words of asyncpg, which sends those that it does not know to the server.

        `connect_timeout_seconds` is not in it.
        """
        options = options_for_driver(self.options, on_socket=self.is_socket)
        return replace(self, options=options).url

    @property
    def connect_timeout_seconds(self) -> float | None:
        """How long opening a session may take by `connect_timeout`; None: it sets no limit."""
        return connect_timeout_seconds(self.options)

    @property
    def shown(self) -> str:
        """The address without its password, for people."""
        return f"postgresql://{quote(self.user, safe='')}@{self._tail}"

    @property
    def is_socket(self) -> bool:
        """Whether it is reached by a Unix socket."""
        return self.host.startswith("/")

    @property
    def place(self) -> Place:
        """What is connected to."""
        return socket_path(self.host, self.port) if self.is_socket else (self.host, self.port)

    @property
    def network_address(self) -> str:
        """`host:port`, an IPv6 host in brackets; the path of a Unix socket."""
        if self.is_socket:
            return socket_path(self.host, self.port)
        return shown_address(self.host, self.port)

    @property
    def cloud_sql_instance(self) -> str:
        """`project:region:instance` where the Cloud SQL connector opens it; empty: nothing does."""
        return dict(self.options).get(CLOUD_SQL_INSTANCE, "")

    def by_cloud_sql(self, instance: str) -> "DatabaseAddress":
        """The same database, opened by the Cloud SQL connector; empty: by its host and port."""
        others = tuple(option for option in self.options if option[0] != CLOUD_SQL_INSTANCE)
        added = ((CLOUD_SQL_INSTANCE, instance),) if instance else ()
        return replace(self, options=(*others, *added))

    def at(self, host: str, port: int) -> "DatabaseAddress":
        """The same database reached through another host and port.

        What a Unix socket ends behind has no TLS, and libpq asks for none on a socket.
        """
        moved = replace(self.by_cloud_sql(""), host=host, port=port)
        if self.is_socket:
            return replace(moved, options=without_tls(moved.options))
        return moved

    def in_folder(self, folder: str) -> "DatabaseAddress":
        """The same database reached through a Unix socket of the same name in another folder."""
        return replace(self, host=folder)

    def named(self, database: str) -> "DatabaseAddress":
        """Another database of the same server."""
        return replace(self, database=database)

    @property
    def placeholders(self) -> dict[str, str]:
        """What a target's environment template may refer to.

        `url` is the whole URL, `dsn` the same as libpq's keywords and values; in a URL that a
        template builds itself `url_without_scheme` is all behind `://`, and `host_quoted`,
        `user_quoted` and `password_quoted` are safe. `database_port` is `port` by a name that
        cannot be taken for the service's own.
        """
        return {
            "url": self.url,
            "url_without_scheme": self.url.partition("://")[2],
            "dsn": self.dsn,
            "host": self.host,
            "port": str(self.port),
            "database_port": str(self.port),
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "host_quoted": self._host_quoted,
            "user_quoted": quote(self.user, safe=""),
            "password_quoted": quote(self.password, safe=""),
        }

    @property
    def _host_quoted(self) -> str:
        if ":" in self.host and not self.is_socket:
            return f"[{quote(self.host, safe=':')}]"
        return quote(self.host, safe="")

    @property
    def _tail(self) -> str:
        place, options = f"{self._host_quoted}:{self.port}", self.options
        if self.is_socket and self.host_as_option:
            place = ""
            options = (("host", self.host), ("port", str(self.port)), *options)
        # libpq takes a + as it is.
        query = f"?{urlencode(options, safe='/:', quote_via=quote)}" if options else ""
        return f"{place}/{quote(self.database, safe='')}{query}"


def _absolute(option: tuple[str, str]) -> tuple[str, str]:
    name, text = option
    if name not in FILES or text in ("", "system"):
        return option
    try:
        return name, str(Path(text).absolute())
    except OSError:  # the working directory was removed
        return option


def _quoted(text: str) -> str:
    """A value of libpq's connection string."""
    if text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def shown_address(host: str, port: int) -> str:
    """`host:port`, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_network_address(name: str, text: str) -> tuple[str, int]:
    """Split `host:port` (`[host]:port` for IPv6).

    Raises:
        InvalidInput: no such pair, or a port outside 0 to 65535.
    """
    host, separator, port = text.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not separator or not host or not digits or int(port) > 65535:
        raise InvalidInput(f"{name} must be host:port, got {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
