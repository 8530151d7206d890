"""The local stand that a rehearsal runs on: Cloud Run with the orchestrator in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chaosnetra.gameday.conduct.signals import Signals
from chaosnetra.gameday.people.interface import Style
from chaosnetra.gameday.record.entries import Entry
from chaosnetra.stand.persistent import (
    PersistentStand,
    find_persistent_stand,
    keep_stand_up,
    take_stand_down,
)

Say = Callable[[str, Style], None]
# In the entries of who leads: the stand that the day brought, as its process and when it started.
STAND = "stand"


@contextmanager
def stand_for_rehearsal(
    wanted: bool, say: Say, signals: Signals, former: Iterable[Entry]
) -> Iterator[Mapping[str, Any]]:
    """Keep a stand with a local Cloud Run up while inside; one that was up before stays.

    Args:
        wanted: whether the day is a rehearsal.
        say: shows a line.
        signals: may end the wait for the stand.
        former: what the day's record has; a stand that it brought before goes with it.

    Yields:
        What the record has to say of it.

    Raises:
        ChaosnetraError: it does not come up, or the one that is up has no Cloud Run.
        KeyboardInterrupt: a signal came before it was up.
    """
    if not wanted:
        yield {}
        return
    from chaosnetra.rehearsal.deployed import deploy_on_stand

    standing = find_persistent_stand()
    own = standing is None or _brought(former, standing)
    try:
        with signals.interrupting():
            kept = keep_stand_up(cloud_run=True)
            deploy_on_stand(kept)
        names = kept.cloud_run or {}
        say(f"rehearsal: local Cloud Run {names.get('endpoint')}", Style.QUIET)
        yield {STAND: _identity(kept)} if own else {}
    finally:
        if own:
            take_stand_down()


def take_down_stand_of(entries: Iterable[Entry]) -> bool:
    """Take down the stand that a day brought, if it is still up; whether it was.

    Raises:
        PartUnavailable: it does not go down.
    """
    standing = find_persistent_stand()
    return standing is not None and _brought(entries, standing) and take_stand_down()


def _brought(entries: Iterable[Entry], stand: PersistentStand) -> bool:
    return any(entry.data.get(STAND) == _identity(stand) for entry in entries)


def _identity(stand: PersistentStand) -> dict[str, Any]:
    return {"pid": stand.pid, "started": stand.process_started}
