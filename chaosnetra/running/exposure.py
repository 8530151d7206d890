"""What the startups of a run used of the path to its database, as seen on the wire.

What they had before the fault decides whether a startup under it is well.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.running.database import Database
from chaosnetra.running.resources import Resources
from chaosnetra.running.sessions_seen import (
    asked_to_the_end,
    fewest_open,
    has_broken_off,
    has_failed,
    has_open_session,
    is_welcome,
    open_sessions,
    refused_with,
    was_lost,
)
from chaosnetra.startup.outcome import StartupFailure, StartupOutcome, Status
from chaosnetra.text import plain_names
from chaosnetra.wire.observation import Observation, Reached

if TYPE_CHECKING:
    from chaosnetra.postgres.server import Counts

logger = logging.getLogger("chaostoolkit")

# Placeholders of a template that tell a target where the database is.
_ADDRESS = (
    *("{url}", "{url_without_scheme}", "{dsn}"),
    *("{host}", "{host_quoted}", "{port}", "{database_port}"),
)
# Of a launch, what the exposure is judged by.
_COUNTED = (
    *("startups", "connected", "answered", "welcomed", "ready", "ready_with_session"),
    *("ready_without", "killed", "refused_with"),
    *("connections", "sessions", "round_trips", "sessions_open", "fewer_sessions"),
)
WITHOUT_SESSION = "ready, but without the database session that startups had before the fault"
CUT_SHORT = "ready, but its session was cut short in what startups did in it before the fault"


@dataclass(frozen=True)
class LaunchUse:
    """One launch, and what its startups used.

    Attributes:
        startups: that were started.
        faults: that were in place, if only for a part of it.
        connected: startups that opened a connection at the address that they were given.
        answered: startups that got an answer there.
        welcomed: of these, not merely an error, or that there is no encryption.
        refused_with: the SQLSTATE that logins were refused with; None: none was.
        ready: startups that were ready.
        ready_with_session: of these, reached a session before their dwell was over.
        ready_without: startups that were ready and had opened no connection.
        connections: that they opened.
        sessions: that they reached.
        round_trips: that they made.
        killed: sessions in their databases that somebody else's command ended meanwhile; None:
            not known, or they may have been ended by the experiment.
        tables_before: in the run's database; None: not known.
        tables_after: likewise.
        sessions_open: the fewest that one of those that were ready had open when its dwell was
            over; None: none was ready, or not all connections were listed.
        fewer_sessions: startups that were ready, had lost a connection, and had fewer open than
            each that was ready before the fault.
    """

    startups: int
    faults: tuple[str, ...]
    connected: int
    answered: int
    welcomed: int
    refused_with: str | None
    ready: int
    ready_with_session: int
    ready_without: int
    connections: int
    sessions: int
    round_trips: int
    killed: int | None
    tables_before: int | None
    tables_after: int | None
    sessions_open: int | None = None
    fewer_sessions: int = 0


@dataclass(frozen=True)
class FreeLaunch:
    """A launch without a fault, and what its startups had.

    Attributes:
        use: what they used.
        had_session: whether each that was ready had a session; None: none was ready.
        kept_session: and whether it still had one then.
        asked: the fewest round trips of one of these, in sessions that did not break off; 0 where
            those of one all had; None: none was ready.
        met: SQLSTATEs that they met.
    """

    use: LaunchUse
    had_session: bool | None
    kept_session: bool | None
    asked: int | None
    met: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FreeLaunch":
        """What `dataclasses.asdict` gave.

        Raises:
            KeyError: it is not that; so does a TypeError.
        """
        use = {**data["use"], "faults": tuple(data["use"]["faults"])}
        had, kept = data["had_session"], data["kept_session"]
        return cls(LaunchUse(**use), had, kept, data["asked"], tuple(data["met"]))


@dataclass(frozen=True)
class LaunchBegun:
    """What was so before a launch."""

    at: float
    faults: tuple[str, ...]
    changes: int
    counts: "Counts | None"
    databases: frozenset[str]


class Exposure:
    """Keeps what each launch of a run used."""

    def __init__(self, resources: Resources, database: Database) -> None:
        self._resources = resources
        self._database = database
        # Whether each startup that was ready before the fault had a session; None: none was ready.
        self._had_session: bool | None = None
        # And whether it still had one then.
        self._kept_session: bool | None = None
        # How much each asked at least, in sessions that did not break off; 0: in none of them.
        self._asked: int | None = None
        # The fewest sessions that one of them had open; None: not known.
        self._open: int | None = None
        # SQLSTATEs that startups met before the fault, which therefore did not cause them.
        self._met_before: set[str] = set()
        self.launches: list[LaunchUse] = []
        # Those since a fault was in place.
        self.free: list[FreeLaunch] = []

    def recall(self, launches: Iterable[FreeLaunch]) -> None:
        """Take launches of another run for those before the fault."""
        for one in launches:
            self._learn(one)
            self.launches.append(one.use)

    def begun(self, databases: Sequence[DatabaseAddress]) -> LaunchBegun:
        """Look before a launch.

        Args:
            databases: the address that each startup gets.
        """
        resources = self._resources
        at, faults = time.monotonic(), tuple(resources.faults_in_effect)
        names = frozenset(address.database for address in databases)
        return LaunchBegun(at, faults, resources.injector.changes, self._database.counts(), names)

    def ended(
        self, begun: LaunchBegun, outcomes: Sequence[StartupOutcome]
    ) -> tuple[LaunchUse, list[StartupOutcome]]:
        """What a launch used, and its outcomes, judged by what startups had before the fault.

        Args:
            begun: from before it.
            outcomes: of all its startups, each with what was seen of it.
        """
        resources, after = self._resources, self._database.counts()
        met = resources.met_since(begun.at)
        names = (plain_names(held.name) for held in met)
        faults = tuple(dict.fromkeys((*begun.faults, *names)))
        unchanged = begun.changes == resources.injector.changes
        killed = None
        by_experiment = resources.run.foreign_action_since(begun.at)
        if begun.counts and after and unchanged and not by_experiment:
            killed = after.killed_since(begun.counts, begun.databases)
        seen = [(one.status, wire) for one in outcomes if (wire := _settled(one)) is not None]
        use = LaunchUse(
            startups=len(outcomes),
            faults=faults,
            connected=sum(wire.connection_count > 0 for _, wire in seen),
            answered=sum(wire.round_trips > 0 for _, wire in seen),
            welcomed=sum(is_welcome(wire) for _, wire in seen),
            refused_with=next((told for _, wire in seen if (told := refused_with(wire))), None),
            ready=sum(status is Status.READY for status, _ in seen),
            ready_with_session=sum(
                status is Status.READY and wire.sessions > 0 for status, wire in seen
            ),
            ready_without=sum(
                status is Status.READY and not wire.connection_count for status, wire in seen
            ),
            connections=sum(wire.connection_count for _, wire in seen),
            sessions=sum(wire.sessions for _, wire in seen),
            round_trips=sum(wire.round_trips for _, wire in seen),
            killed=killed,
            tables_before=begun.counts.tables if begun.counts else None,
            tables_after=after.tables if after else None,
            sessions_open=fewest_open(wire for status, wire in seen if status is Status.READY),
        )
        for held in met:
            late_seconds = (held.injected_monotonic or begun.at) - begun.at
            # What comes once a startup is decided has not met it.
            those = [outcome for outcome in outcomes if outcome.seconds >= late_seconds]
            wires = (_settled(outcome) for outcome in those)
            held.tried.startups += len(those)
            held.tried.connections += sum(wire.connection_count for wire in wires if wire)
        ready = [wire for status, wire in seen if status is Status.READY]
        free = FreeLaunch(
            use,
            all(wire.sessions for wire in ready) if ready else None,
            all(has_open_session(wire) for wire in ready) if ready else None,
            min(map(asked_to_the_end, ready), default=None),
            tuple({error.sqlstate for _, wire in seen for error in wire.errors}),
        )
        if not faults and not any(one.faults for one in self.launches):
            self._learn(free)
            judged = list(outcomes)
        else:
            judged = [self._judged(outcome) for outcome in outcomes]
            use = replace(use, fewer_sessions=sum(map(self._has_fewer, judged)))
        self.free = [] if faults else [*self.free, free]
        self.launches.append(use)
        return use, [replace(outcome, settled=None) for outcome in judged]

    def _learn(self, free: FreeLaunch) -> None:
        """What startups have before the fault."""
        self._met_before.update(free.met)
        if free.kept_session is not None:
            self._kept_session = free.kept_session and self._kept_session is not False
        if free.use.sessions_open is not None:
            known = free.use.sessions_open if self._open is None else self._open
            self._open = min(known, free.use.sessions_open)
        if free.had_session is not None:
            self._had_session = free.had_session and self._had_session is not False
        if free.asked is not None:
            self._asked = free.asked if self._asked is None else min(self._asked, free.asked)

    def facts(self) -> dict[str, Any]:
        """For the journal: see `chaosnetra.evidence.verdict.exposure`."""
        return {
            "variables": self.variables(),
            "proxy": self._resources.identifier,
            "counted_by": {"connected": "observer", "killed": "pg_stat_database"},
            "launches": [
                {"faults": list(one.faults)} | {name: getattr(one, name) for name in _COUNTED}
                for one in self.launches
            ],
        }

    def _judged(self, outcome: StartupOutcome) -> StartupOutcome:
        """An outcome; of one that is ready without the session that it should have, degraded.

        One that tried nothing was not kept from anything by the fault.
        """
        wire = _settled(outcome)
        if outcome.status is not Status.READY or not self._had_session or wire is None:
            return outcome
        if not wire.connection_count:
            return outcome
        if not wire.sessions or self._has_lost(wire):
            what = WITHOUT_SESSION
        elif self._is_cut_short(wire):
            what = CUT_SHORT
        else:
            return outcome
        error = StartupFailure(f"{what}: {wire.standing.text}", sqlstate=self._told(wire))
        # In which of its phases it lost the session, if in any, none of them says.
        return replace(
            outcome,
            status=Status.DEGRADED,
            error=error,
            phase=None,
            cause_kept=False,
            wire=wire,
        )

    def _has_fewer(self, outcome: StartupOutcome) -> bool:
        """Whether one that is ready lost a connection and has fewer sessions than all before.

        It is not degraded: what is left may serve, and a pool opens another when it needs one.
        """
        wire = _settled(outcome)
        if outcome.status is not Status.READY or wire is None or self._open is None:
            return False
        if len(wire.connections) < wire.connection_count:
            return False
        return open_sessions(wire) < self._open and any(map(was_lost, wire.connections))

    def _told(self, wire: Observation) -> str | None:
        """The SQLSTATE that the server refused the last session with, where it told one."""
        errors = [error.sqlstate for error in reversed(wire.errors)]
        told = [code for code in (wire.standing.sqlstate, *errors) if code is not None]
        new = (code for code in told if code not in self._met_before)
        return next(new, told[0] if told else None)

    def _has_lost(self, wire: Observation) -> bool:
        """Whether the session is gone that startups still had, when they were ready.

        One that closed its sessions itself has done what it wanted with them.
        """
        return (
            self._kept_session is True
            and not has_open_session(wire)
            and any(has_failed(one) for one in wire.connections)
        )

    def _is_cut_short(self, wire: Observation) -> bool:
        """Whether a connection broke off, and it asked less than before the fault, and stays so.

        A service that closes its sessions when it has asked all has lost none then, but has not
        done what it did. One that tries again does, in the end.
        """
        if not self._asked or has_open_session(wire):
            return False
        broken = [
            one.round_trips
            for one in wire.connections
            if has_broken_off(one) and one.reached is not Reached.CANCEL
        ]
        return bool(broken) and asked_to_the_end(wire) + max(broken) < self._asked

    def variables(self) -> list[str]:
        """Names of the target's variables that carry the database's address."""
        environment = self._resources.settings.target_environment
        return sorted(
            name
            for name, template in environment.items()
            if any(placeholder in template for placeholder in _ADDRESS)
        )


def _settled(outcome: StartupOutcome) -> Observation | None:
    """What was seen of a startup until its dwell was over.

    One that connects beside its readiness has its session by then, or has lost it.
    """
    return outcome.settled or outcome.wire
