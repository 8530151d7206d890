"""Where a database is, and with what credentials."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from chaosnetra.errors import InvalidInput

DEFAULT_PORT = 5432
_SCHEMES = ("postgresql", "postgres")
CLOUD_SQL_INSTANCE = "cloud_sql_instance"
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_UNREADABLE = (
    "the database URL cannot be read: the port must be a number, and special characters in user "
    "or password must be percent-encoded"
)


@dataclass(frozen=True)
class DatabaseAddress:
    """A PostgreSQL address; its representation never shows the password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, url: str, setting: str | None = None) -> "DatabaseAddress":
        """Read `postgresql://user:password@host:port/database?option=value`.

        A driver suffix (`postgresql+asyncpg://`) is accepted and dropped. A password may also be
        an option; no other option may be a secret, for options are shown and kept. Files that
        options name are made absolute: an undo is played from wherever `recover` is called.

        Raises:
            InvalidInput: not such a URL. The message never repeats the URL, which may hold a
                password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # Its text may quote a part of the password.
            raise InvalidInput(_UNREADABLE, setting) from None
        if parts.fragment or "@" in parts.path + parts.query:
            raise InvalidInput(_UNREADABLE, setting)  # a password with # / or ? in it
        if port == 0:
            raise InvalidInput("the database URL must not name port 0", setting)
        if parts.scheme.split("+")[0] not in _SCHEMES:
            raise InvalidInput(
                "the database URL must begin with postgresql://, "
                f"got {(parts.scheme or 'no scheme')!r}",
                setting,
            )
        if not parts.hostname:
            raise InvalidInput(
                "the database URL must name a host "
                "(a Unix socket cannot be put behind a TCP proxy)",
                setting,
            )
        options = parse_qsl(parts.query, keep_blank_values=True)
        if "sslpassword" in dict(options):
            raise InvalidInput(
                "the database URL must not hold sslpassword, for its options are shown: "
                "name an sslkey that has no password",
                setting,
            )
        user = unquote(parts.username or "") or "postgres"
        return cls(
            host=parts.hostname,
            port=port or DEFAULT_PORT,
            user=user,
            password=unquote(parts.password or "") or dict(options).get("password", ""),
            database=unquote(parts.path.lstrip("/")) or user,
            options=tuple(_absolute(option) for option in options if option[0] != "password"),
        )

    @property
    def url(self) -> str:
        """The address as a URL, password included: for connecting, never for showing."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        return f"postgresql://{quote(self.user, safe='')}{secret}@{self._tail}"

    @property
    def shown(self) -> str:
        """The address without its password, for people."""
        return f"postgresql://{quote(self.user, safe='')}@{self._tail}"

    @property
    def network_address(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

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
        """The same database reached through another host and port."""
        return replace(self.by_cloud_sql(""), host=host, port=port)

    def named(self, database: str) -> "DatabaseAddress":
        """Another database of the same server."""
        return replace(self, database=database)

    @property
    def placeholders(self) -> dict[str, str]:
        """What a target's environment template may refer to.

        `url` is the whole URL; `user_quoted` and `password_quoted` are safe inside a URL that
        a template builds itself.
        """
        return {
            "url": self.url,
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "user_quoted": quote(self.user, safe=""),
            "password_quoted": quote(self.password, safe=""),
        }

    @property
    def _tail(self) -> str:
        query = f"?{urlencode(self.options)}" if self.options else ""
        return f"{self.network_address}/{quote(self.database, safe='')}{query}"


def _absolute(option: tuple[str, str]) -> tuple[str, str]:
    name, text = option
    if name not in _FILES or not text:
        return option
    try:
        return name, str(Path(text).absolute())
    except OSError:  # the working directory was removed
        return option


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
