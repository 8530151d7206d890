"""Launches startups as real local processes, all at once, and reaps them whatever happens.

Each process has a keeper (see `chaosnetra.processes.keeper`), a port and a deadline of its own.
A startup that is ready stays up until all are decided, as instances of a service do: it goes on
holding its connections while the others start.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import Interrupted, PartUnavailable
from chaosnetra.ports import LOOPBACK, free_ports
from chaosnetra.processes.keeper import AT_ONCE
from chaosnetra.processes.kept import keeper_command
from chaosnetra.processes.listening import listens
from chaosnetra.startup.outcome import EndedBy, StartupError, StartupOutcome, Status
from chaosnetra.startup.output import Output
from chaosnetra.startup.plan import LaunchPlan
from chaosnetra.startup.readiness import Check

# A ready service is told to stop and given this long; what it then does is not under test.
GRACE_SECONDS = 3.0
SHORTEST_POLL_SECONDS = 0.02
POLL_SECONDS_A_STARTUP = 0.002
CHUNK_BYTES = 1 << 16

Progress = Callable[[StartupOutcome], None]


@dataclass(frozen=True)
class Limits:
    """Time limits of one launch, in real seconds.

    Attributes:
        startup_seconds: when a startup must be ready.
        kill_margin_seconds: how long after that it is let live, to end by itself and say why.
            A service's own limit overruns on a slow link, by some round trips.
        readiness_seconds: limit of one readiness check.
    """

    startup_seconds: float
    kill_margin_seconds: float
    readiness_seconds: float


async def launch(
    plan: LaunchPlan,
    databases: Sequence[DatabaseAddress],
    limits: Limits,
    *,
    progress: Progress = lambda outcome: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[StartupOutcome]:
    """Run one startup for each of `databases`, all at once.

    Args:
        plan: what to start.
        databases: the address that each startup gets, one each.
        limits: its time limits.
        progress: called with each outcome as it is decided.
        interrupted: asked often; once true, everything is ended at once.

    Returns:
        The outcomes in the order of `databases`.

    Raises:
        PartUnavailable: a fixed readiness port is in use already, or more than one startup
            would need it.
        Interrupted: `interrupted` became true.
    """
    fixed = plan.readiness.fixed_port
    if fixed is not None:
        _check_fixed_port(plan, fixed, len(databases))
    poll_seconds = max(SHORTEST_POLL_SECONDS, POLL_SECONDS_A_STARTUP * len(databases))
    ports = [fixed] if fixed is not None else free_ports(len(databases))
    trials = [
        _Trial(number, plan, database, port, limits, poll_seconds, interrupted)
        for number, (database, port) in enumerate(zip(databases, ports, strict=True), start=1)
    ]

    async def decide(trial: "_Trial") -> None:
        await trial.decide()
        if not interrupted():
            progress(trial.outcome())

    async with contextlib.AsyncExitStack() as stack:
        for trial in trials:
            await stack.enter_async_context(trial.running())
        try:
            async with asyncio.TaskGroup() as group:
                for trial in trials:
                    group.create_task(decide(trial))
        finally:
            for trial in trials:  # all at once; leaving the stack then waits for each
                trial.let_go()
    if interrupted():
        raise Interrupted("the run was interrupted during startups")
    return [trial.outcome() for trial in trials]


@dataclass
class _Exit:
    code: int | None = None
    signal: int | None = None
    asked: bool = False
    at: float = 0.0


@dataclass
class _Trial:
    """One startup on its way; what it has seen so far."""

    number: int
    plan: LaunchPlan
    database: DatabaseAddress
    port: int
    limits: Limits
    poll_seconds: float
    interrupted: Callable[[], bool]
    output: Output = field(init=False)
    started_at: float = 0.0
    ready_at: float | None = None
    decided_at: float = 0.0
    exit: _Exit | None = None
    processes_left: int = 0
    checks: dict[str, int] = field(default_factory=dict)
    start_error: str = ""

    def __post_init__(self) -> None:
        self.output = Output(self.plan.readiness.log_pattern)
        self._exited = asyncio.Event()
        self._keeper: asyncio.subprocess.Process | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The process, started; at the end it and all its descendants are gone."""
        status_read, status_write = os.pipe()
        try:
            self.started_at = time.monotonic()
            self._keeper = await asyncio.create_subprocess_exec(
                *keeper_command(
                    self.plan.command_for(self.port),
                    status_fd=status_write,
                    grace_seconds=GRACE_SECONDS,
                ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.plan.environment_for(self.port, self.database),
                cwd=self.plan.directory,
                pass_fds=(status_write,),
                start_new_session=True,
            )
        except OSError as error:
            os.close(status_read)
            raise PartUnavailable(f"{self.plan.shown} cannot be started: {error}") from error
        except BaseException:
            os.close(status_read)
            raise
        finally:
            os.close(status_write)
        assert self._keeper.stdout is not None  # noqa: S101 - they are pipes
        assert self._keeper.stderr is not None  # noqa: S101
        readers = [
            asyncio.create_task(self._read_output("stdout", self._keeper.stdout)),
            asyncio.create_task(self._read_output("stderr", self._keeper.stderr)),
            asyncio.create_task(self._read_status(status_read)),
        ]
        try:
            yield
        finally:
            self.let_go()
            await asyncio.gather(*readers)
            await self._keeper.wait()

    def let_go(self) -> None:
        """Tell the keeper, by the end of its standard input, to end everything."""
        if self._keeper is not None and self._keeper.stdin is not None:
            if self.interrupted() and not self._keeper.stdin.is_closing():
                self._keeper.stdin.write(AT_ONCE)  # whoever stops a run does not wait for graces
            self._keeper.stdin.close()

    async def decide(self) -> None:
        """Wait until it is ready, has ended, or is out of time."""
        kill_at = Deadline(
            self.started_at + self.limits.startup_seconds + self.limits.kill_margin_seconds
        )
        checking = (
            asyncio.create_task(self._check_until_ready())
            if self.plan.readiness.is_network
            else None
        )
        try:
            while not kill_at.passed and not self._exited.is_set() and not self.interrupted():
                if self.ready_at is None and self.output.matched:
                    self.ready_at = time.monotonic()
                if self.ready_at is not None:
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._exited.wait(), self.poll_seconds)
        finally:
            if checking is not None:
                checking.cancel()
                await asyncio.gather(checking, return_exceptions=True)
        ended_well = self.exit is not None and self.exit.code == 0
        if self.plan.readiness.on_exit and ended_well and self.exit is not None:
            self.ready_at = self.exit.at
        self.decided_at = time.monotonic()

    def outcome(self) -> StartupOutcome:
        """What is known of it now."""
        ended_by_itself = self.exit is not None and not self.exit.asked
        status = self._status(ended_by_itself)
        first_event = self.output.first_event_at
        return StartupOutcome(
            number=self.number,
            status=status,
            seconds=round(self._end() - self.started_at, 4),
            boot_seconds=None if first_event is None else round(first_event - self.started_at, 4),
            phase=self.output.phase,
            phase_seconds=self.output.phase_seconds,
            exit_code=self.exit.code if self.exit else None,
            signal=self.exit.signal if self.exit else None,
            ended_by=EndedBy.ITSELF if ended_by_itself else EndedBy.LAUNCHER,
            error=None if status is Status.READY else self._error(status),
            checks=dict(self.checks),
            processes_left=self.processes_left,
        )

    def _status(self, ended_by_itself: bool) -> Status:
        if self.ready_at is not None:
            late = self.ready_at - self.started_at > self.limits.startup_seconds
            return Status.TIMED_OUT if late else Status.READY
        return Status.FAILED if ended_by_itself else Status.TIMED_OUT

    def _end(self) -> float:
        if self.ready_at is not None:
            return self.ready_at
        if self.exit is not None and not self.exit.asked:
            return self.exit.at
        return self.decided_at or time.monotonic()

    def _error(self, status: Status) -> StartupError:
        if self.start_error:
            return StartupError(text=f"the process could not be started: {self.start_error}")
        if status is Status.TIMED_OUT:
            limit = self.limits.startup_seconds
            return StartupError(
                text=f"{self._lateness()} (limit {limit:g} s)",
                budget="startup",
                budget_seconds=limit,
                causes=tuple(self.output.lines[-3:]),
            )
        found = self.output.error
        if found is not None:
            return found
        how = f"exit code {self.exit.code}" if self.exit else "no exit code"
        return StartupError(text=f"it ended with {how} and printed nothing")

    def _lateness(self) -> str:
        if self.ready_at is not None:
            return f"ready only after {self.ready_at - self.started_at:.2f} s"
        if self.plan.readiness.on_exit:
            return "still running; a service that keeps running needs the setting readiness"
        if not self.plan.readiness.is_network:
            return "no line of its output matched readiness"
        met = ", ".join(f"{count} {kind}" for kind, count in self.checks.items()) or "none"
        return f"not ready; readiness checks: {met}"

    async def _check_until_ready(self) -> None:
        check = self.plan.readiness.check(self.port)
        while True:
            answer = await check.run(self.limits.readiness_seconds)
            if answer is Check.READY and not self._is_ours(check.port):
                # Left over from somebody else: an answer, but not of this startup.
                answer = Check.FOREIGN
            if answer is Check.READY:
                self.ready_at = time.monotonic()
                return
            self.checks[answer] = self.checks.get(answer, 0) + 1
            await asyncio.sleep(self.poll_seconds)

    def _is_ours(self, port: int) -> bool:
        """Whether the answer came from this startup's own processes."""
        assert self._keeper is not None  # noqa: S101 - it runs
        return listens(self._keeper.pid, port)

    async def _read_output(self, name: str, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(CHUNK_BYTES):
            self.output.feed(name, chunk)
        self.output.feed(name, b"")

    async def _read_status(self, descriptor: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
        )
        try:
            while line := await reader.readline():
                self._take_status(json.loads(line))
        finally:
            transport.close()
            self._exited.set()

    def _take_status(self, record: dict[str, Any]) -> None:
        match record["event"]:
            case "started":
                self.start_error = record["error"]
            case "exited":
                self.exit = _Exit(record["code"], record["signal"], record["asked"], record["at"])
            case "gone":
                self.processes_left = record["left"]
                # Only now has everything that it printed gone into the pipes.
                self._exited.set()


def _check_fixed_port(plan: LaunchPlan, port: int, count: int) -> None:
    if count > 1:
        raise PartUnavailable(
            f"readiness {plan.readiness.text!r} names the one port {port}, but {count} startups "
            "run at once; use {port} in readiness and target, or start one at a time"
        )
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((LOOPBACK, port)) == 0:
            raise PartUnavailable(
                f"port {port} of readiness {plan.readiness.text!r} is in use before the start; "
                "end what uses it, or use {port} in readiness and target"
            )
