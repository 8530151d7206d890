"""The database that a job's variables name, and the same variables with another address. Pure.

How each variable is written its template says, as the setting `target_environment` has them; see
`chaosnetra.task_path.wording`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chaosnetra import ports
from chaosnetra.addresses import DatabaseAddress
from chaosnetra.addresses.database_options import SSL_MODES
from chaosnetra.addresses.database_url import DEFAULT_PORT
from chaosnetra.errors import InvalidInput
from chaosnetra.hints import PREFIX, key_hint, variable_of
from chaosnetra.task_path.wording import (
    DATABASE,
    HOST,
    HOSTADDR,
    PASSWORD,
    PORT,
    SSLMODE,
    USER,
    NotSo,
    Place,
    Said,
    agreed,
    holds_database,
    read,
)

# What libpq, and our own driver, take where nothing else names it.
_OF_LIBPQ = {
    HOST: "PGHOST",
    PORT: "PGPORT",
    USER: "PGUSER",
    PASSWORD: "PGPASSWORD",
    DATABASE: "PGDATABASE",
}
HINT = key_hint("target_environment", variable_of("target_environment"))
VERIFIES_NAME = "verify-full"
# Of a variable that nobody has named, so that any text is looked through in no time.
LONGEST_LOOKED_AT = 4096
_URL_OF_DATABASE = re.compile(r"(r2dbc:|jdbc:)?(postgres(ql)?|postgis|ecto)(\+\w+)?://")
WHAT_TO_DO = (
    "name its IP address by hostaddr, or PGHOSTADDR as {host}, which libpq connects to while it "
    "checks the name; or give the container a hosts entry that leads the name to 127.0.0.1, and "
    "CHAOSNETRA_REPORT_DATABASE_URL the IP address; or use the Unix socket"
)


def database_templates(target_environment: Mapping[str, str]) -> dict[str, str]:
    """Of the setting, the variables that have something of the database in them."""
    return {
        name: template for name, template in target_environment.items() if holds_database(template)
    }


@dataclass(frozen=True)
class NamedDatabase:
    """A database as the variables of a job name it.

    Attributes:
        address: for our own sessions, directly.
        keeps_host: whether the service goes on naming the host, for TLS to check, while a hosts
            entry or a `hostaddr` leads it to the address that it is given.
        is_led_here: whether it is a hosts entry, so that the address does not lead to the database.
        fixed_port: the port that its address must have, for no variable names another; None: any.
    """

    address: DatabaseAddress
    keeps_host: bool
    is_led_here: bool
    fixed_port: int | None
    _said: Mapping[str, Said] = field(repr=False)

    def variables_at(self, place: Place) -> dict[str, str]:
        """The variables with another address, and else as they were."""
        return {
            name: said.at(place, keeps_host=self.keeps_host) for name, said in self._said.items()
        }

    def at(self, place: Place) -> DatabaseAddress:
        """The database at another address, for our own sessions."""
        if self.address.is_socket and place.host.startswith("/"):
            return self.address.in_folder(place.host)
        return self.address.at(place.host, place.port)


def named_database(
    templates: Mapping[str, str],
    environ: Mapping[str, str],
    is_loopback: Callable[[str], bool] = lambda host: False,
) -> NamedDatabase:
    """Read the database out of the variables that a job's own configuration has set.

    Args:
        templates: of the variables, by name; those without a part of the database do not count.
        environ: the variables as they are set.
        is_loopback: whether a host's name leads to this machine, as by a hosts entry.

    Raises:
        InvalidInput: one is not set, is written otherwise, or they name two databases; or a
            client checks a name that it would not find. In one line, without a secret.
    """
    used = database_templates(templates)
    if missing := [name for name in used if not environ.get(name)]:
        raise InvalidInput(
            f"the job's container does not set {', '.join(missing)}: name the variables that "
            "it has the database in",
            HINT,
        )
    said: dict[str, Said] = {}
    for name, template in used.items():
        try:
            one = read(template, environ[name])
            said[name] = one.as_address() if name == "PGHOSTADDR" else one
        except NotSo as error:
            raise InvalidInput(f"{name} {error}", HINT) from None
    if environ.get("PGHOSTADDR") and "PGHOSTADDR" not in said:
        raise InvalidInput(
            "the job's container sets PGHOSTADDR, by which libpq would go past the task's path: "
            "name it too, as {host}",
            HINT,
        )
    if not any(one.names_host for one in said.values()):
        names = ", ".join(used) or "the variables"
        raise InvalidInput(f"none of {names} names the database's host", HINT)
    parts = _parts(said, environ)
    address = _address(said, parts, environ)
    keeps_host = is_led_here = False
    if dict(address.options).get(SSLMODE) == VERIFIES_NAME and not address.is_socket:
        is_led_here = HOSTADDR not in parts and is_loopback(parts[HOST])
        keeps_host = HOSTADDR in parts or is_led_here
        if not keeps_host:
            raise InvalidInput(
                f"the service checks that {parts[HOST]} is the name in the server's certificate "
                f"(sslmode {VERIFIES_NAME}), which it would not find at another address: "
                f"{WHAT_TO_DO}"
            )
        address = _by_no_name(address)
    fixed = None if address.is_socket or _names_port(said) else address.port
    return NamedDatabase(address, keeps_host, is_led_here, fixed, said)


def unnamed_variables(
    templates: Mapping[str, str], environ: Mapping[str, str], address: DatabaseAddress
) -> str | None:
    """Say which other variables lead to a database, by which a service would go past its path.

    Args:
        templates: of the variables that are named.
        environ: all variables of the service.
        address: of the database that the named ones lead to.

    Returns:
        One line with their names alone; None: there are none.
    """
    used = database_templates(templates)
    found = [
        name
        for name, text in sorted(environ.items())
        if name not in used and not name.startswith(PREFIX) and _leads_to(address, name, text)
    ]
    if not found:
        return None
    lead, are, them = ("leads", "is", "it") if len(found) == 1 else ("lead", "are", "them")
    return (
        f"{', '.join(found)} of the job {lead} to a database too, and {are} not in "
        f"target_environment: what its service asks by {them} meets no fault"
    )


def _leads_to(address: DatabaseAddress, name: str, text: str) -> bool:
    """Whether a variable leads to that database, or to one that may be it by another name."""
    if not text or len(text) > LONGEST_LOOKED_AT:
        return False
    if name == "PGHOST" or _URL_OF_DATABASE.match(text):
        return True
    for shape in ("{dsn}", "Host={host};Port={port}"):
        try:
            parts = read(shape, text).parts
        except NotSo:
            continue
        where = parts.get(HOSTADDR) or parts.get(HOST), int(parts.get(PORT, DEFAULT_PORT))
        if where == (address.host, address.port):
            return True
    return text == address.host and not ports.is_loopback(text)


def _names_port(said: Mapping[str, Said]) -> bool:
    """Whether each variable that names the host can name a port too, or another variable does."""
    hosts = [one for one in said.values() if one.names_host]
    apart = any(one.names_port for one in said.values() if not one.names_host)
    return apart or all(one.names_port or one.ends_with_port for one in hosts)


def _parts(said: Mapping[str, Said], environ: Mapping[str, str]) -> dict[str, str]:
    """Of the variables; what they do not name, libpq's own variables may."""
    parts: dict[str, str] = {}
    for part in (HOST, HOSTADDR, PORT, USER, PASSWORD, DATABASE):
        try:
            found = agreed(said, part)
        except NotSo as error:
            raise InvalidInput(
                f"{error}: leave one of them out, for a path leads to one database", HINT
            ) from None
        own = environ.get(_OF_LIBPQ.get(part, ""), "")
        if found is not None:
            parts[part] = found
        elif own and part != HOSTADDR:
            parts[part] = own
    if parts.get(HOST, "").startswith("/") and HOSTADDR in parts:
        raise InvalidInput(
            "the variables name a Unix socket and an address: leave one of them out, for a path "
            "leads to one database",
            HINT,
        )
    return parts


def _address(
    said: Mapping[str, Said], parts: Mapping[str, str], environ: Mapping[str, str]
) -> DatabaseAddress:
    """For our own sessions."""
    host = parts.get(HOSTADDR) or parts[HOST]
    options: dict[str, str] = {}
    for one in said.values():
        options.update(one.options)
    if not {"ssl", SSLMODE} & options.keys() and environ.get("PGSSLMODE") in SSL_MODES:
        options[SSLMODE] = environ["PGSSLMODE"]
    if options.get("ssl") in SSL_MODES:
        options[SSLMODE] = options.pop("ssl")
    user = parts.get(USER, "postgres")
    return DatabaseAddress(
        host=host,
        port=int(parts.get(PORT, DEFAULT_PORT)),
        user=user,
        password=parts.get(PASSWORD, ""),
        database=parts.get(DATABASE, user),
        options=tuple(options.items()),
    )


def _by_no_name(address: DatabaseAddress) -> DatabaseAddress:
    """The address for sessions of ours, which do not check the name that others check."""
    options = ((name, "verify-ca" if name == SSLMODE else text) for name, text in address.options)
    return replace(address, options=tuple(options))
