"""The parts that all trials of a search share: started once, and gone with it."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes.program import module_command
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.search.holder import GRACE_SECONDS, STAND
from chaosnetra.settings import Settings
from chaosnetra.stand.folders import temporary_folder
from chaosnetra.stand.part import last_line, wait_for_answer
from chaosnetra.stand.persistent import (
    STAND_FILE,
    UP_SECONDS,
    find_persistent_stand,
    read_stand,
)


@contextmanager
def shared_stand(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Parts for all trials; those that are configured or up already are used as they are.

    They end after this process, however it ends, once the trial that was running is undone.

    Yields:
        The environment variables by which a run finds them.

    Raises:
        PartUnavailable: one of them cannot be had; says what to change.
    """
    if settings.database is not None or find_persistent_stand() is not None:
        yield {}
        return
    folder = temporary_folder("search")
    environment = {
        **os.environ,
        "CHAOSNETRA_PROFILE": settings.profile.source,
        "CHAOSNETRA_TOXIPROXY_SERVER": settings.toxiproxy_server,
        "CHAOSNETRA_POSTGRES_PROGRAMS": settings.postgres_programs,
    }
    with tempfile.TemporaryFile() as log:
        process = SupervisedProcess(
            module_command("chaosnetra.search.holder", str(folder)),
            output=log,
            environment=environment,
            grace_seconds=GRACE_SECONDS,
            remove=[folder],
        )
        try:
            file = folder / STAND
            if (
                wait_for_answer(lambda: read_stand(file), lambda: process.exited, UP_SECONDS)
                is None
            ):
                log.seek(0)
                said = last_line(log.read().decode(errors="replace"))
                raise PartUnavailable(f"the stand of the search did not come up: {said}")
            yield {STAND_FILE: str(file)}
        finally:
            process.stop()
