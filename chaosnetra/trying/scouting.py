"""Starts a service and looks how it shows that it is ready, and whether it uses the database.

The start is observed on the wire, as those of an experiment are, and no fault is in place.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from chaosnetra.durations import Deadline
from chaosnetra.errors import Interrupted
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.processes.listening import ports_of
from chaosnetra.running.observing import ObservedStartups
from chaosnetra.running.process_launcher import ProcessLauncher
from chaosnetra.running.session import Session
from chaosnetra.settings import Settings
from chaosnetra.stand.postgres_programs import extension_hint
from chaosnetra.startup.attempt import StartupAttempt
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import GRACE_SECONDS
from chaosnetra.startup.observed import Limits
from chaosnetra.startup.outcome import ExitReason, Status
from chaosnetra.startup.starting import Spawn
from chaosnetra.startup.target_plan import make_plan
from chaosnetra.templates import SERVICE_PORT
from chaosnetra.trying.page_names import PATHS
from chaosnetra.trying.pages import (
    NO_PAGE,
    answer_of,
    followed,
    is_good,
    may_become_good,
)
from chaosnetra.trying.quiet import Quiet, sign_in
from chaosnetra.wire.observation import Observation

POLL_SECONDS = 0.1
# Of one page; of a page that opens its database first.
PAGE_SECONDS = 5.0
# How long after its port was open a page may still answer with an error.
PAGES_SECONDS = 10.0
# A service may connect beside its readiness.
LATE_SECONDS = 2.0
MOST_PORTS = 4


@dataclass(frozen=True)
class Sight:
    """What was seen of one start.

    Attributes:
        readiness: how it shows that it is ready, as the setting; None: it was not ready.
        seconds: until it was ready, ended, or was given up.
        seen: of it on the wire, until then.
        page_round_trips: that its page made, where that is how it shows that it is ready.
        is_used_late: whether what was seen of the database came only after it was ready.
        own_port: that it opened, where that is not the one it was given.
        lines: that it printed.
        why_not: why it was not ready, one line; empty: it was.
        is_port_taken: whether it ended because somebody else has its port.
        is_silent: whether it has a session, goes on, and has printed nothing.
    """

    readiness: str | None
    seconds: float
    seen: Observation
    page_round_trips: int = 0
    is_used_late: bool = False
    own_port: int | None = None
    lines: tuple[str, ...] = ()
    why_not: str = ""
    is_port_taken: bool = False
    is_silent: bool = False

    @property
    def uses_database(self) -> bool:
        """Whether it got answers from the database, by itself or for its page."""
        return bool(self.seen.round_trips or self.page_round_trips)


def look(
    session: Session,
    settings: Settings,
    limit_seconds: float,
    *,
    is_known: bool = False,
    port: int | None = None,
    paths: Sequence[str] = PATHS,
) -> Sight:
    """Start the target once, and end it.

    Args:
        session: whose parts it is started on.
        settings: of the target.
        limit_seconds: how long it may take.
        is_known: whether its readiness is that of the settings, and nothing else is looked at.
        port: the one that it opens by itself, where that is known.
        paths: of pages that may say that it is ready, the best first; the start page last.

    Raises:
        InvalidInput: there is no such program.
        PartUnavailable: a part cannot be brought.
        Interrupted: a signal came.
    """
    plan = make_plan(settings, os.environ, None)
    with _observed(session, plan) as (startups, plan_here), session.run.polled():
        run = session.run
        attempt = StartupAttempt(
            number=1,
            plan=plan_here,
            database=startups.addresses[0],
            port=free_port(),
            limits=Limits(limit_seconds, 0.0, PAGE_SECONDS),
            starter=Spawn(),
            grace_seconds=GRACE_SECONDS,
            poll_seconds=POLL_SECONDS,
            interrupted=lambda: run.interrupted_by is not None,
            keeping=Keeping(run.redactor.text),
        )
        sight = asyncio.run(_Look(attempt, startups, limit_seconds, is_known, port, paths).sight())
    if run.interrupted_by is not None:
        raise Interrupted("interrupted while it was started")
    return sight


def prepare(session: Session, settings: Settings) -> str:
    """Run the settings' `prepare_command` once against the session's database.

    Returns:
        Why it failed, one line; empty: it did not.
    """
    plan = make_plan(settings, os.environ, None)
    limits = Limits(0.0, 0.0, PAGE_SECONDS)
    outcome = ProcessLauncher(session, 1, plan, Spawn(), limits).prepared(session.database)
    if session.run.interrupted_by is not None:
        raise Interrupted("interrupted while its database was prepared")
    if outcome.status is Status.READY:
        return ""
    told = outcome.error.told if outcome.error else "it says nothing"
    hint = None
    if settings.database is None:
        lines = [told, *outcome.output]
        hint = extension_hint(lines, settings.postgres_programs, by_options=True)
    return f"{told}; {hint}" if hint else told


@contextmanager
def _observed(session: Session, plan: LaunchPlan) -> Iterator[tuple[ObservedStartups, LaunchPlan]]:
    with (
        session.state.folders(1, wanted=plan.keeps_state) as folders,
        session.observing.observed([session.proxied_database]) as startups,
    ):
        yield startups, plan.in_folder(folders[0])


@dataclass(frozen=True)
class _Page:
    """A page that is ready, and the round trips that it made."""

    url: str
    round_trips: int


class _Look:
    """At one start."""

    def __init__(
        self,
        attempt: StartupAttempt,
        startups: ObservedStartups,
        limit_seconds: float,
        is_known: bool,
        port: int | None,
        paths: Sequence[str],
    ) -> None:
        self._paths = paths
        self._attempt = attempt
        self._startups = startups
        self._limit_seconds = limit_seconds
        self._is_known = is_known
        self._port = port
        self._wants_port = _wants_port(attempt.plan)
        self._quiet = Quiet(attempt)
        self._opened: list[int] = []
        self._opened_at = 0.0
        self._mute: set[int] = set()

    async def sight(self) -> Sight:
        """See `look`."""
        async with self._attempt.running():
            found = await self._found()
            if found.readiness is not None and not found.uses_database:
                await asyncio.sleep(LATE_SECONDS)
                found = replace(found, seen=self._seen(time.monotonic()), is_used_late=True)
            return replace(found, lines=tuple(self._attempt.seen.output.lines))

    async def _found(self) -> Sight:
        if self._is_known:
            await self._attempt.decide()
            outcome = self._attempt.outcome()
            is_ready = outcome.status in (Status.READY, Status.DEGRADED)
            at = self._attempt.seen.started_at + outcome.seconds
            return Sight(
                self._attempt.plan.readiness.text if is_ready else None,
                outcome.seconds,
                self._seen(at),
                why_not="" if is_ready or outcome.error is None else outcome.error.told,
                is_port_taken=outcome.exit_reason is ExitReason.PORT_IN_USE,
            )
        deadline = Deadline.after(self._limit_seconds)
        while not self._attempt.interrupted():
            if self._attempt.has_ended:
                return self._ended()
            is_last, is_quiet = deadline.passed, self._quiet.is_now()
            ports = self._ports()
            if ports != self._opened:
                self._opened, self._opened_at = ports, time.monotonic()
            # Its own may follow one that it has for itself, such as a cluster's.
            is_own = self._attempt.port in ports or self._port is not None
            if ports and (is_own or is_last or not self._wants_port):
                is_settled = is_last or is_quiet or self._is_long_open
                is_all = is_own or (is_settled and not self._wants_port)
                if (sight := await self._at(ports, deadline, is_all=is_all)) is not None:
                    return sight
            elif is_quiet and not self._wants_port and (sight := self._by_log()) is not None:
                return sight
            if is_last:
                break
            await asyncio.sleep(POLL_SECONDS)
        what = "opened no port"
        if self._opened and self._port is None:
            others = ", ".join(map(str, self._opened))
            what = f"did not open the port that COMMAND gives it, only {others}, which has no page,"
        return self._given_up(f"it {what} and did not end within {self._limit_seconds:g} s")

    @property
    def _is_long_open(self) -> bool:
        return time.monotonic() - self._opened_at > PAGES_SECONDS

    def _ended(self) -> Sight:
        self._attempt.seen.decided_at = time.monotonic()
        ended = self._attempt.seen.exit
        at = ended.at if ended is not None else time.monotonic()
        if ended is not None and ended.code == 0:
            return Sight("exit", self._after(at), self._seen(at))
        outcome = self._attempt.outcome()
        return Sight(
            None,
            outcome.seconds,
            self._seen(at),
            why_not=outcome.error.told if outcome.error else "it says nothing",
            is_port_taken=outcome.exit_reason is ExitReason.PORT_IN_USE,
        )

    def _given_up(self, why: str) -> Sight:
        now = time.monotonic()
        said = self._attempt.seen.output.error
        why = f"{why}; it said: {said.told}" if said is not None else why
        seen = self._seen(now)
        is_silent = bool(seen.sessions) and not self._attempt.seen.output.lines
        return Sight(None, self._after(now), seen, why_not=why, is_silent=is_silent)

    # Ports and pages

    def _ports(self) -> list[int]:
        """Ports that it has opened, the one that it was given first."""
        opened = ports_of(self._attempt.pid)
        if self._port is not None:
            return [self._port] if self._port in opened else []
        given = self._attempt.port
        return [given] if given in opened else opened[:MOST_PORTS]

    async def _at(self, ports: list[int], deadline: Deadline, *, is_all: bool) -> Sight | None:
        """The start, by what its ports answer; None: it ended meanwhile, or has more to open.

        Args:
            ports: that are open.
            deadline: of the start.
            is_all: whether a port that speaks no HTTP will do, as no other comes.
        """
        ready_at = time.monotonic()
        seen = self._seen(ready_at)
        until = min(Deadline.after(PAGES_SECONDS), deadline, key=lambda one: one.at)
        while True:
            pages: list[_Page] = []
            may_come = speaks_http = False
            for port in ports:
                if port in self._mute and not is_all:
                    continue
                if (answers := await self._pages(port)) is None:
                    self._mute.add(port)
                    continue
                speaks_http = True
                pages += answers[0]
                may_come = may_come or answers[1]
            if self._attempt.has_ended:
                return None
            if pages or not may_come or until.passed or self._attempt.interrupted():
                break
            await asyncio.sleep(POLL_SECONDS * 3)
            ready_at = time.monotonic()
        port = ports[0]
        if not (pages or speaks_http or is_all):
            return None
        if not pages:
            is_given = port == self._attempt.port
            ready_at = ready_at if is_given else self._opened_at
            return Sight(
                f"tcp://{LOOPBACK}:{self._shown(port)}",
                self._after(ready_at),
                seen if is_given else self._seen(ready_at),
                own_port=None if is_given else port,
            )
        # What asks the database proves more; a service that has asked already need not.
        uses = [page for page in pages if page.round_trips]
        page = uses[0] if uses and not seen.round_trips else pages[0]
        own = next((one for one in ports if f":{one}/" in page.url), port)
        return Sight(
            page.url.replace(f":{own}/", f":{self._shown(own)}/", 1),
            self._after(ready_at),
            seen,
            page_round_trips=page.round_trips,
            own_port=None if own == self._attempt.port else own,
        )

    def _shown(self, port: int) -> str:
        return "{port}" if port == self._attempt.port else str(port)

    async def _pages(self, port: int) -> tuple[list[_Page], bool] | None:
        """The pages of a port that are ready, and whether another may become so.

        None: it speaks no HTTP.
        """
        host = LOOPBACK
        nothing = await answer_of(host, port, NO_PAGE, PAGE_SECONDS)
        if nothing is None:
            host = "localhost"  # where it listens by IPv6 alone
            nothing = await answer_of(host, port, NO_PAGE, PAGE_SECONDS)
            if nothing is None:
                return None
        found: dict[str, _Page] = {}
        waits = False
        for path in self._paths:
            before = self._seen(time.monotonic()).round_trips
            answer = await answer_of(host, port, path, PAGE_SECONDS)
            # A start page counts also where every path is answered as it is.
            if answer is not None and (path == self._paths[-1] or not answer.is_like(nothing)):
                answer = await followed(host, port, answer, PAGE_SECONDS)
                if answer is not None and is_good(answer):
                    made = self._seen(time.monotonic()).round_trips - before
                    page = _Page(f"http://{host}:{port}{answer.path}", made)
                    found.setdefault(answer.path, page)
            waits = waits or may_become_good(answer)
        for path in [*found]:  # where `/health` answers for all that begins so, it is the page
            begins = any(path != one != "/" and path.startswith(one) for one in found)
            if begins and is_good(await answer_of(host, port, f"{path}-", PAGE_SECONDS)):
                del found[path]
        return [*found.values()], waits

    # Without a port

    def _by_log(self) -> Sight | None:
        """The start, by the last of its lines that says so.

        None: it prints none, or has not used the database.
        """
        if not self._seen(time.monotonic()).sessions:
            return None
        words = sign_in(self._attempt.seen.output.lines)
        if not words:
            return None
        at = self._quiet.since
        return Sight(f"log:{words}", self._after(at), self._seen(at))

    def _seen(self, until_at: float) -> Observation:
        began_at = self._attempt.seen.started_at
        return self._startups.so_far(1, began_at, max(began_at, until_at))

    def _after(self, at: float) -> float:
        return at - self._attempt.seen.started_at


def _wants_port(plan: LaunchPlan) -> bool:
    """Whether its command says which port it is to open."""
    return any(f"{{{name}}}" in word for word in plan.command for name in ("port", SERVICE_PORT))
