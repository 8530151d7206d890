"""The parts that all trials of a search share: started once, and gone with it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from chaosnetra.processes.identity import started
from chaosnetra.settings import Settings
from chaosnetra.stand.part import write_private
from chaosnetra.stand.persistent import STAND_FILE, PersistentStand, find_persistent_stand
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy


@contextmanager
def shared_stand(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Parts for all trials; those that are configured or up already are used as they are.

    They end with this process, however it ends.

    Yields:
        The environment variables by which a run finds them.

    Raises:
        PartUnavailable: one of them cannot be had; says what to change.
    """
    if settings.database is not None or find_persistent_stand() is not None:
        yield {}
        return
    with ExitStack() as stack:
        postgres = start_postgres(max_connections=settings.profile.max_connections)
        stack.callback(postgres.stop)
        toxiproxy = start_toxiproxy(server=settings.toxiproxy_server, seed=settings.seed)
        stack.callback(toxiproxy.stop)
        folder = Path(tempfile.mkdtemp(prefix="chaosnetra-search-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        held = PersistentStand(
            pid=os.getpid(),
            process_started=started(os.getpid()),
            database_url=postgres.database.url,
            admin_url=postgres.admin.url,
            postgres_version=postgres.version,
            toxiproxy_url=toxiproxy.url,
            toxiproxy_version=toxiproxy.version,
            since=time.time(),
        )
        file = folder / "stand.json"
        write_private(file, asdict(held))
        yield {STAND_FILE: str(file)}
