"""Whether a task with a path of its own would work in this image: said line by line.

    ok  Python 3.12.3
    no  google-re2 is not installed: …

The variables are those of the setting `target_environment`: as arguments NAME=TEMPLATE, from
`CHAOSNETRA_TARGET_ENVIRONMENT`, or `DATABASE_URL={url}`. The database is asked one thing directly
and through a path, which is begun for that and ended. What is not built in is imported where it is
needed, so that a package that is missing is a line like the others.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chaosnetra.errors import ChaosnetraError, DatabaseUnavailable, InvalidInput, PartUnavailable
from chaosnetra.redaction import Redactor

if TYPE_CHECKING:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.task_path.path import TaskPath
    from chaosnetra.task_path.variables import NamedDatabase

TARGET_ENVIRONMENT = "CHAOSNETRA_TARGET_ENVIRONMENT"
DEFAULT = {"DATABASE_URL": "{url}"}
LEAST_PYTHON = (3, 11)
EXTRA = "install chaostoolkit-netra[task] in the image"
# By the name that is imported.
PACKAGES = {"psutil": "psutil", "asyncpg": "asyncpg", "re2": "google-re2"}
SESSION_SECONDS = 10.0
QUERIES = 50
LONGEST_SECONDS = 120.0
MEBIBYTE = 1 << 20

Found = TypeVar("Found")
# A line, and what was found.
Look = Callable[[], tuple[str, Found]]


def check(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Print a line for each thing that a task needs.

    Args:
        arguments: NAME=TEMPLATE of each variable that names the database; none: see above.
        environ: the variables of this container.

    Returns:
        The exit code: 0 where all of it works, 1 where not.
    """
    told = _Told(environ)
    told.tell(_python)
    for module, package in PACKAGES.items():
        told.tell(partial(_package, module, package))
    if not told.failed:
        told.tell(_size)
        _look_at_path(told, arguments, environ)
    return 1 if told.failed else 0


class _Told:
    """Prints lines, without a secret, and counts those that say no."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._redactor = Redactor()
        self._redactor.learn_environment(environ)
        self.failed = 0

    def tell(self, look: Look[Found]) -> Found | None:
        """What a look has found; None where the line says no."""
        found = None
        try:
            line, found = look()
        except (ChaosnetraError, OSError) as error:
            line, self.failed = f"no  {error}", self.failed + 1
        else:
            line = f"ok  {line}"
        print(self._redactor.text(line), flush=True)  # noqa: T201 - it is what is asked for
        return found

    def hide(self, database: "DatabaseAddress") -> None:
        self._redactor.add(database.password)


def _look_at_path(told: _Told, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Each thing needs those before it."""
    named = told.tell(partial(_variables, arguments, environ))
    if named is None:
        return
    told.hide(named.address)
    if told.tell(partial(_database, named.address, "the database")) is None:
        return
    told.tell(partial(_report_database, environ, named.address))
    begun = told.tell(partial(_path, named))
    if begun is None:
        return
    with begun as path:
        told.tell(partial(_costs, path))


def added_seconds(path: "TaskPath", queries: int) -> float:
    """What a path adds to a round trip: a median, of queries directly and through it in turn.

    Raises:
        DatabaseUnavailable: a session cannot be had.
    """
    from chaosnetra.postgres.path import PostgresPath

    whole = PostgresPath(direct=path.measured.direct, proxied=path.database)
    return whole.added_round_trips(queries, SESSION_SECONDS)[queries // 2]


def _python() -> tuple[str, bool]:
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        raise InvalidInput(f"Python {shown}: a task needs {least}")
    return f"Python {shown}", True


def _package(module: str, package: str) -> tuple[str, bool]:
    if find_spec(module) is None:
        raise InvalidInput(f"{package} is not installed: {EXTRA}")
    try:
        return f"{package} {version(package)}", True
    except PackageNotFoundError:  # put there otherwise than by an installer
        return package, True


def _size() -> tuple[str, bool]:
    """What is there for tasks alone, in files of this image."""
    modules = ("chaosnetra", *PACKAGES)
    folders = [
        folder
        for module in modules
        if (spec := find_spec(module)) is not None
        for folder in spec.submodule_search_locations or ()
    ]
    files = [one for folder in folders for one in Path(folder).rglob("*") if one.is_file()]
    total = sum(one.stat().st_size for one in files)
    return f"these packages and chaosnetra itself take {total / 1e6:.0f} MB", True


def _variables(arguments: Sequence[str], environ: Mapping[str, str]) -> "tuple[str, NamedDatabase]":
    from chaosnetra.startup.orders import PathOrder
    from chaosnetra.task_path.conduct import read_database
    from chaosnetra.task_path.reporting import own_database
    from chaosnetra.task_path.variables import database_templates

    templates = database_templates(_templates(arguments, environ))
    named = read_database(PathOrder(templates), environ, own_database(environ))
    names = ", ".join(templates)
    return f"{names} lead{'' if ',' in names else 's'} to {named.address.shown}", named


def _templates(arguments: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, str]:
    if arguments:
        pairs = [argument.partition("=") for argument in arguments]
        if wrong := [name for name, equals, template in pairs if not (name and template)]:
            raise InvalidInput(f"{wrong[0]!r} must be NAME=TEMPLATE, as DATABASE_URL={{url}} is")
        return {name: template for name, _, template in pairs}
    text = environ.get(TARGET_ENVIRONMENT)
    if not text:
        return DEFAULT
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise InvalidInput(f"{TARGET_ENVIRONMENT} must be a JSON object of templates")
    return found


def _database(address: "DatabaseAddress", what: str) -> tuple[str, bool]:
    from chaosnetra.postgres.connect import server_version
    from chaosnetra.task_path.faults import in_container

    began = time.perf_counter()
    try:
        found = asyncio.run(server_version(address, SESSION_SECONDS))
    except DatabaseUnavailable as error:
        raise PartUnavailable(in_container(error)) from None
    milliseconds = 1000 * (time.perf_counter() - began)
    return f"{what} takes a session: PostgreSQL {found}, after {milliseconds:.0f} ms", True


def _report_database(environ: Mapping[str, str], database: "DatabaseAddress") -> tuple[str, bool]:
    from chaosnetra.task_path.reporting import REPORT_DATABASE, own_database

    own = own_database(environ)
    if own is None or own == database:
        return "reports go to the same database", True
    return _database(own, f"the database of {REPORT_DATABASE}")


def _path(named: "NamedDatabase") -> "tuple[str, TaskPath]":
    from chaosnetra.task_path.conduct import require_answer
    from chaosnetra.task_path.path import begin_path

    began = time.perf_counter()
    path = begin_path(named, seed=0, has_connector=False, longest_seconds=LONGEST_SECONDS)
    try:
        require_answer(path)
    except BaseException:
        path.__exit__(None, None, None)
        raise
    seconds = time.perf_counter() - began
    where = path.database.network_address
    return f"a path listens at {where}, and the database answers: {seconds:.2f} s", path


def _costs(path: "TaskPath") -> tuple[str, bool]:
    added = max(0.0, added_seconds(path, QUERIES))
    memory = path.ask("memory") / MEBIBYTE
    return f"it adds {1000 * added:.2f} ms a round trip, and has {memory:.0f} MiB in memory", True
