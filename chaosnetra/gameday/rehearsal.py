"""The local stand that a rehearsal runs on: Cloud Run with the orchestrator in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chaosnetra.gameday.interface import Style

Say = Callable[[str, Style], None]


@contextmanager
def stand_for_rehearsal(wanted: bool, say: Say) -> Iterator[None]:
    """Keep a stand with a local Cloud Run up while inside; one that was up before stays.

    Raises:
        ChaosnetraError: it does not come up, or the one that is up has no Cloud Run.
    """
    if not wanted:
        yield
        return
    from chaosnetra.commands.rehearsal import deploy_orchestrator
    from chaosnetra.stand.kept import find_kept_stand, keep_stand_up, take_stand_down

    was_up = find_kept_stand() is not None
    kept = keep_stand_up(cloud_run=True)
    try:
        deploy_orchestrator(kept)
        names = kept.cloud_run or {}
        say(f"rehearsal: local Cloud Run {names.get('endpoint')}", Style.QUIET)
        yield
    finally:
        if not was_up:
            take_stand_down()
