"""What a run needs of this machine, checked by having it once."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from chaosnetra.errors import ChaosnetraError

if TYPE_CHECKING:
    from chaosnetra.addresses import DatabaseAddress

CONNECT_SECONDS = 10.0
ENOUGH_BYTES = 500_000_000


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One thing that a run needs.

    Attributes:
        name: of the thing.
        state: `warning`: runs work, but not as well; `failed`: they do not.
        says: what was found, and what to change where it is not ok.
    """

    name: str
    state: State
    says: str


def examine() -> Iterator[Check]:
    """Check one thing after the other; each is there as soon as it is known.

    PostgreSQL is started and stopped (about a second); nothing else is changed.

    Returns:
        In this order: Python, settings, database, Toxiproxy, processes, folders, the persistent
        stand, and what killed runs left.
    """
    for name, check in _CHECKS.items():
        try:
            state, says = check()
        except (ChaosnetraError, OSError) as error:
            state, says = State.FAILED, str(error)
        yield Check(name, state, says)


Found = tuple[State, str]


def _python() -> Found:
    from importlib.metadata import version

    ours = ".".join(map(str, sys.version_info[:3]))
    toolkit = f"chaostoolkit {version('chaostoolkit')}, library {version('chaostoolkit-lib')}"
    return State.OK, f"{ours}, {toolkit}"


def _settings() -> Found:
    """As they are without an experiment."""
    from chaosnetra.settings.sources import sources_here

    sources = sources_here()
    settings = sources.settings()
    told = sources.told()
    shown = f"; given: {told}" if told else ""
    return State.OK, f"profile {settings.profile.name}, target {settings.target.shown}{shown}"


def _database() -> Found:
    from chaosnetra.settings.sources import sources_here
    from chaosnetra.stand.postgres import start_postgres

    settings = sources_here().settings()
    address = settings.database
    if address is not None:
        return State.OK, f"{asyncio.run(_answered(address))}: {address.shown}"
    server = start_postgres("doctor", programs=settings.postgres_programs)
    server.stop()
    return State.OK, f"{server.version} started and stopped"


async def _answered(address: "DatabaseAddress") -> str:
    from chaosnetra.postgres.connect import connection

    async with connection(address, CONNECT_SECONDS) as opened:
        return str(await opened.fetchval("SHOW server_version"))


def _toxiproxy() -> Found:
    from chaosnetra.settings import SETTINGS
    from chaosnetra.settings.sources import sources_here
    from chaosnetra.stand.toxiproxy_program import PROGRAM, installed_program, program_version

    url = SETTINGS["toxiproxy_url"].read(sources_here().configuration, os.environ)
    if url:
        from chaosnetra.toxiproxy.client import ToxiproxyClient

        return State.OK, f"{ToxiproxyClient(url).version()}: {url}"
    found = shutil.which(PROGRAM)
    program = Path(found) if found else installed_program()
    if program.exists():
        return State.OK, f"{program_version(program)}: {program}"
    if shutil.which("go"):
        return State.OK, (
            "Go builds it beside the first run, in about half a minute; until then an embedded "
            "server with the same API takes its place"
        )
    return State.WARNING, (
        f"neither {PROGRAM} nor Go is on the PATH: an embedded server with the same API takes its "
        "place; install either for the real one"
    )


def _processes() -> Found:
    from chaosnetra.processes.cpu_meter import usable_cores

    count = usable_cores()
    shown = f"{count} {'core' if count == 1 else 'cores'}"
    if sys.platform != "linux":
        return State.WARNING, (
            f"{shown}; without Linux, what a target leaves in another session is not ended, and "
            "how long startups waited for a core is not known"
        )
    if not Path("/proc/self/schedstat").exists():
        return State.WARNING, f"{shown}; the kernel does not tell how long startups wait for one"
    return State.OK, shown


def _folders() -> Found:
    from chaosnetra.stand.folders import cache_folder, state_folder

    for folder in (cache_folder(), state_folder()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    temporary = Path(tempfile.gettempdir())
    free = shutil.disk_usage(temporary).free
    if free < ENOUGH_BYTES:
        return State.WARNING, (
            f"{temporary} has {free / 1e6:.0f} MB free, and a run may take "
            f"{ENOUGH_BYTES / 1e6:.0f} MB: make room, or set TMPDIR to another folder"
        )
    return State.OK, f"{cache_folder()}, {state_folder()}, {temporary} can be written"


def _stand() -> Found:
    from chaosnetra.stand.persistent import find_persistent_stand

    found = find_persistent_stand()
    if found is None:
        return State.OK, "none is up; each run starts its own parts"
    return State.OK, f"up, held by process {found.pid}: {found.postgres_version}"


def _leftovers() -> Found:
    from chaosnetra.safety.recovery import leftovers

    count = len(leftovers())
    if not count:
        return State.OK, "nothing is left of killed runs"
    runs = "1 killed run" if count == 1 else f"{count} killed runs"
    return State.WARNING, f"{runs} left something behind: `chaosnetra recover` undoes it"


_CHECKS: dict[str, Callable[[], Found]] = {
    "Python": _python,
    "settings": _settings,
    "PostgreSQL": _database,
    "Toxiproxy": _toxiproxy,
    "processes": _processes,
    "folders": _folders,
    "persistent stand": _stand,
    "leftovers": _leftovers,
}
