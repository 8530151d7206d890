"""Journals of launches with known courses, and the courses themselves."""

from collections.abc import Sequence
from typing import Any

from chaosnetra.connector.model import OPEN_CONNECTOR, ConnectorModel
from chaosnetra.whatif.course import Course, Stretch
from chaosnetra.wire.observation import End, Observation
from tests.support.journals import journal, probe, state
from tests.support.measured import PROFILE
from tests.support.observations import connection, observation, startup

BOOT, HELD, REST, EACH, TRIPS = 0.5, 0.6, 0.2, 0.002, 20
# What one takes by itself.
ALONE = BOOT + HELD + REST + TRIPS * EACH


def course(
    *, boot: float = BOOT, held: float = HELD, rest: float = REST, trips: int = TRIPS,
    keeps: bool = False, opens: int = 1,
) -> Course:  # fmt: skip
    """Work, connections that are held, work."""
    return Course(
        (
            Stretch(boot, 0, 0, opens=opens),
            Stretch(held, trips * EACH, trips, EACH, closes=0 if keeps else opens),
            Stretch(rest, 0, 0),
        )
    )


def connector(slots: int, **told: Any) -> ConnectorModel:
    """One of so many slots, that does not scale and lets everybody wait."""
    return OPEN_CONNECTOR.changed(
        {"connections_per_instance": slots, "queue_timeout_seconds": 3600, **told}
    )


def seen(
    waited_before: float = 0.0, latency: float = 0.0, own: float = 0.0, keeps: bool = False
) -> Observation:
    """A startup of that course on the wire.

    Args:
        waited_before: for a slot, as a wait of its login.
        latency: that each round trip took longer.
        own: that its start took longer.
        keeps: whether it keeps its connection.
    """
    each = EACH + latency
    opened = BOOT + own
    waits, at = [], opened
    for number in range(TRIPS):
        end = at + each + (waited_before if number == 0 else 0.0)
        waits.append((at, end))
        at = end + HELD / TRIPS
    ended = None if keeps else at
    return observation(
        at + REST,
        [connection(1, opened, ended, end=End.OPEN if keeps else End.CLIENT, session=waits[3][1],
                    trips=TRIPS, waited_seconds=sum(end - start for start, end in waits))],
        waits,
    )  # fmt: skip


def launch(found: Sequence[Observation | None], *, share: float = 0.0, **told: Any) -> Any:
    """The probe that launched them; with what each waited for a core, in seconds."""
    startups = [
        startup(
            number, 1.3 if one is None else one.seconds, one,
            processors={"cpu_seconds": 0.05, "delayed_seconds": share}, ended_by="launcher",
        )
        for number, one in enumerate(found, start=1)
    ]  # fmt: skip
    output = {
        "held": True, "attempts": len(found), "failures": 0, "startup_timeout_seconds": 60.0,
        "machine_share": {"cores": 2}, "added_round_trip_ms": 0.0, "startups": startups, **told,
    }  # fmt: skip
    return probe("startups", output=output)


def calibrating(
    count: int = 5, *, before: Any = None, after: Any = None, faults: Any = (), **facts: Any
) -> dict[str, Any]:
    """A journal of a run that started so many at once, before and after a method without faults."""
    plain = launch([seen(own=number / 100) for number in range(count)])
    told = {"profile": PROFILE, "time_scale": 1.0, "target": "python service.py", **facts}
    return journal(
        before=state(before or plain), after=state(after or plain), faults=list(faults), **told
    )
