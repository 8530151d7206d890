"""A stand that is kept between runs: `chaosnetra stand up`, `status` and `down`.

`up` starts a process of its own that holds the parts and outlives the command; the file it writes,
readable by its user only, says where they are. Runs use a persistent stand when there is one.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import ChaosnetraError, PartUnavailable
from chaosnetra.processes.identity import started
from chaosnetra.processes.program import module_command
from chaosnetra.processes.signals import noted
from chaosnetra.settings import SETTINGS
from chaosnetra.settings.sources import sources_here
from chaosnetra.stand.cloudrun import CLOUD_RUN_NAMES, CLOUD_SQL_INSTANCE, start_cloud_run
from chaosnetra.stand.folders import state_folder
from chaosnetra.stand.part import Part, last_line, wait_for_answer, write_private
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.postgres_programs import AUTO
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.stand.toxiproxy_build import begin

# Names the file of a stand that is held for some runs only, such as those of a search.
STAND_FILE = "CHAOSNETRA_STAND_FILE"
UP_SECONDS = 330.0  # the first time it may have to build Toxiproxy
DOWN_SECONDS = 30.0
TAKE_DOWN = "take it down first: `chaosnetra stand down`"
CLOUD_RUN, UNIX_SOCKET = "--cloud-run", "--unix-socket"


@dataclass(frozen=True)
class PersistentStand:
    """Where a persistent stand's parts are. The URLs hold passwords.

    `cloud_run` names a local Cloud Run endpoint and what is in it: `endpoint`, `url` (its control
    API), `project`, `project_number`, `region`, `service`, `job`. `postgres_programs` is the
    setting that its PostgreSQL was started by.
    """

    pid: int
    process_started: float
    database_url: str
    admin_url: str
    postgres_version: str
    toxiproxy_url: str
    toxiproxy_version: str
    since: float
    cloud_run: Mapping[str, str] | None = None
    postgres_programs: str = AUTO

    @property
    def has_socket(self) -> bool:
        """Whether its PostgreSQL is behind a Unix socket."""
        return DatabaseAddress.parse(self.database_url).is_socket

    def has_programs(self, wanted: str) -> bool:
        """Whether its PostgreSQL is what the setting `postgres_programs` asks for."""
        return wanted in (AUTO, self.postgres_programs)


def state_file() -> Path:
    return state_folder() / "stand.json"


def logs_folder() -> Path:
    """Where what the tasks of its Cloud Run print goes; it goes with the stand."""
    return state_folder() / "rehearsal-logs"


def find_persistent_stand() -> PersistentStand | None:
    """The stand that is up, or None. A file whose process is gone is not a stand."""
    named = os.environ.get(STAND_FILE)
    return read_stand(Path(named) if named else state_file())


def read_stand(path: Path) -> PersistentStand | None:
    """The stand that a file names, or None: there is none, or its process is gone."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        stand = PersistentStand(**data)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return stand if _is_well_formed(stand) and _same_process(stand) else None


def _is_well_formed(stand: PersistentStand) -> bool:
    """Whether every value is of its type: the file may be another program's, or damaged."""
    texts = [getattr(stand, field.name) for field in fields(stand) if field.type is str]
    if stand.cloud_run is not None:
        if not isinstance(stand.cloud_run, dict) or not set(stand.cloud_run) >= {*CLOUD_RUN_NAMES}:
            return False
        texts += stand.cloud_run.values()
    return (
        type(stand.pid) is int
        and stand.pid > 0
        and all(type(value) in (int, float) for value in (stand.process_started, stand.since))
        and all(isinstance(text, str) for text in texts)
    )


def keep_stand_up(*, cloud_run: bool = False, unix_socket: bool = False) -> PersistentStand:
    """Start a stand that stays, or answer with the one that is up.

    Args:
        cloud_run: whether it has to have a local Cloud Run endpoint.
        unix_socket: whether its PostgreSQL has to be behind a Unix socket.

    Raises:
        PartUnavailable: it did not come up; says why.
    """
    from filelock import FileLock

    folder = state_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / "stand.lock", timeout=UP_SECONDS):
            options = [
                *([CLOUD_RUN] if cloud_run else []),
                *([UNIX_SOCKET] if unix_socket else []),
            ]
            standing = find_persistent_stand() or _start(folder, options)
    except OSError as error:  # a lock's timeout is one
        raise PartUnavailable(
            f"the folder of the stand's state, {folder}, cannot be used: {error}; "
            "set XDG_STATE_HOME to another one"
        ) from None
    lacking = (
        ("a Cloud Run endpoint", cloud_run and standing.cloud_run is None),
        ("a Unix socket", unix_socket and not standing.has_socket),
    )
    for what, is_lacking in lacking:
        if is_lacking:
            raise PartUnavailable(f"the stand is up without {what}; {TAKE_DOWN}")
    return standing


def _start(folder: Path, options: Sequence[str]) -> PersistentStand:
    log = folder / "stand.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            module_command("chaosnetra.stand.persistent", *options),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    standing = None
    try:
        standing = wait_for_answer(
            find_persistent_stand, lambda: process.poll() is not None, UP_SECONDS
        )
    finally:
        if standing is None and process.poll() is None:
            process.terminate()  # whoever asked for it does not wait any more
    if standing is None:
        reason = last_line(log.read_text(errors="replace"))
        raise PartUnavailable(f"the stand did not come up: {reason}")
    return standing


def take_stand_down() -> bool:
    """Stop the persistent stand; False when none was up.

    Raises:
        PartUnavailable: it does not go down.
    """
    stand = find_persistent_stand()
    if stand is None:
        with contextlib.suppress(NotADirectoryError):  # there cannot be one
            state_file().unlink(missing_ok=True)
        shutil.rmtree(logs_folder(), ignore_errors=True)
        return False
    process = psutil.Process(stand.pid)
    process.terminate()
    try:
        process.wait(timeout=DOWN_SECONDS)
    except psutil.TimeoutExpired:
        raise PartUnavailable(
            f"the stand (process {stand.pid}) did not go down within {DOWN_SECONDS:g} s"
        ) from None
    shutil.rmtree(logs_folder(), ignore_errors=True)
    return True


def _same_process(stand: PersistentStand) -> bool:
    """Whether the process is the one that wrote the file: a number may be used again."""
    return stand.process_started != 0 and started(stand.pid) == stand.process_started


@contextmanager
def stand_up(
    *, cloud_run: bool = False, unix_socket: bool = False
) -> Iterator[tuple[PersistentStand, list[Part]]]:
    """A stand of this process's, by the settings of its environment and folder; gone at the end.

    Args:
        cloud_run: whether it has a local Cloud Run endpoint.
        unix_socket: whether its PostgreSQL is behind a Unix socket, as Cloud SQL is there.

    Raises:
        InvalidInput: a setting cannot be used.
        PartUnavailable: a part does not start; says why.
    """
    given = sources_here().configuration
    keys = ("profile", "toxiproxy_server", "postgres_programs")
    profile, server, programs = (SETTINGS[key].read(given, os.environ) for key in keys)
    parts: list[Part] = []
    try:
        if server == "auto":
            begin()
        postgres = start_postgres(
            max_connections=profile.max_connections,
            programs=programs,
            cloud_sql_instance=CLOUD_SQL_INSTANCE if unix_socket else "",
        )
        parts.append(postgres)
        toxiproxy = start_toxiproxy(server=server)
        parts.append(toxiproxy)
        endpoint = start_cloud_run(logs=logs_folder()) if cloud_run else None
        parts += [endpoint] if endpoint is not None else []
        stand = PersistentStand(
            pid=os.getpid(),
            process_started=started(os.getpid()),
            database_url=postgres.database.url,
            admin_url=postgres.admin.url,
            postgres_version=postgres.version,
            toxiproxy_url=toxiproxy.url,
            toxiproxy_version=toxiproxy.version,
            since=time.time(),
            cloud_run=endpoint.names if endpoint is not None else None,
            postgres_programs=programs,
        )
        yield stand, parts
    finally:
        for part in reversed(parts):
            part.stop()


def _hold(options: Sequence[str]) -> None:
    """Bring the parts up, say where they are, and hold them until asked to stop."""
    stops = noted()
    wanted = {"cloud_run": CLOUD_RUN in options, "unix_socket": UNIX_SOCKET in options}
    with stand_up(**wanted) as (stand, parts):
        write_private(state_file(), asdict(stand))
        try:
            # Without its file nobody could find the stand any more, nor take it down.
            while not stops and _is_ours() and not any(part.process.exited for part in parts):
                time.sleep(0.2)
        finally:
            if _is_ours():
                state_file().unlink(missing_ok=True)


def _is_ours() -> bool:
    stand = find_persistent_stand()
    return stand is not None and stand.pid == os.getpid()


if __name__ == "__main__":
    try:
        _hold(sys.argv[1:])
    except ChaosnetraError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
