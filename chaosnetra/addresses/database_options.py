"""The options of a database URL: which are taken, and what our own driver makes of them.

Options are libpq's words. A target gets them as they were given. Our own sessions go by asyncpg,
which sends every word that it does not know to the server, as a setting of the session.
"""

import re
from collections.abc import Iterable

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What `ssl` means in the dialects that have it.
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
_SESSION_KINDS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_WHOLE = re.compile(r"-?[0-9]{1,9}")

_CHOICES = {
    "sslmode": SSL_MODES,
    "ssl": (*_SSL_WORDS, *SSL_MODES),
    "target_session_attrs": _SESSION_KINDS,
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "sslnegotiation": ("postgres", "direct"),
}
_INSTEAD = {
    "channel_binding": "chaosnetra's own sessions have no channel binding; prefer lets a target "
    "bind where it can",
    "gssencmode": "chaosnetra's own sessions have no GSSAPI encryption",
}
_NOT_TAKEN = {
    "sslpassword": "for its options are shown: name an sslkey that has no password",
    "hostaddr": "which names a second address: write the IP address as the host",
    "service": "for service files are not read: write host, user and database into the URL",
    "servicefile": "for service files are not read: write host, user and database into the URL",
    "passfile": "for password files name the host that a proxy replaces: write the password "
    "into the URL",
    "unix_sock": "which one driver has: write host=FOLDER, the folder of the socket",
    "requirepeer": "which a proxy cannot meet: leave it out",
    "require_auth": "which chaosnetra's own sessions do not check: leave it out",
    "replication": "for such a session takes no queries: leave it out",
    "sslcrldir": "which chaosnetra's own sessions do not read: name a file by sslcrl",
}
# Words of libpq that change nothing of what our own sessions do, or that those settle themselves.
_NOT_FOR_DRIVER = {
    "connect_timeout",
    "channel_binding",
    "gssencmode",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "load_balance_hosts",
    "sslcertmode",
    "sslcompression",
    "sslsni",
}
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
# In their values an @ is no sign of a password that was not quoted.
MAY_HOLD_AT = {
    *FILES,
    "host",
    "user",
    "password",
    "dbname",
    "database",
    "application_name",
    "fallback_application_name",
    "options",
}
_NAMED = {*MAY_HOLD_AT, *_CHOICES, *_NOT_FOR_DRIVER, "port"}


class Refused(Exception):
    """Part of a database URL that cannot be taken; its text holds nothing secret."""


def check_options(options: Iterable[tuple[str, str]]) -> None:
    """Refuse what would not mean to us what it says.

    Raises:
        Refused: an option that is not taken, or a value that an option does not have.
    """
    names: set[str] = set()
    for name, value in options:
        if name in _NOT_TAKEN:
            raise Refused(f"the database URL must not hold {name}, {_NOT_TAKEN[name]}")
        if name in names:
            named = f" {name}" if name in _NAMED else ""
            raise Refused(f"the database URL names an option{named} twice: leave one out")
        names.add(name)
        choices = _CHOICES.get(name)
        if choices is not None and value not in choices:
            why = f" ({_INSTEAD[name]})" if name in _INSTEAD else ""
            raise Refused(
                f"{name} in the database URL must be {', '.join(choices)}, got {value!r:.40}{why}"
            )
        if name == "connect_timeout" and not _WHOLE.fullmatch(value):
            raise Refused(
                "connect_timeout in the database URL must be a whole number of seconds, "
                f"got {value!r:.40}"
            )
    if {"ssl", "sslmode"} <= names:
        raise Refused("the database URL names both ssl and sslmode: leave one out")


def without_tls(options: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The options without those on TLS, which a Unix socket has none of; it is not tried either."""
    others = (option for option in options if not option[0].startswith("ssl"))
    return (*others, ("sslmode", "disable"))


def options_for_driver(
    options: Iterable[tuple[str, str]], *, on_socket: bool
) -> tuple[tuple[str, str], ...]:
    """The options in asyncpg's words.

    Args:
        options: as the URL has them.
        on_socket: whether the server is reached by a Unix socket, where TLS is not used.
    """
    kept = [option for option in options if option[0] not in _NOT_FOR_DRIVER]
    if on_socket:
        return without_tls(kept)
    return tuple(
        ("sslmode", _SSL_WORDS.get(value, value)) if name == "ssl" else (name, value)
        for name, value in kept
    )


def connect_timeout_seconds(options: Iterable[tuple[str, str]]) -> float | None:
    """What `connect_timeout` allows; None: no limit, which 0 and less mean too."""
    seconds = int(dict(options).get("connect_timeout", "0"))
    return float(seconds) if seconds > 0 else None
