"""One startup on its way: its process, what it prints, whether it is ready, how it ended."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import IO, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.processes.copies import release, withhold
from chaosnetra.processes.forking import Files
from chaosnetra.processes.keeper import AT_ONCE
from chaosnetra.processes.listening import listens
from chaosnetra.startup.exits import exit_reason
from chaosnetra.startup.outcome import EndedBy, StartupError, StartupOutcome, Status
from chaosnetra.startup.output import Output
from chaosnetra.startup.plan import LaunchPlan
from chaosnetra.startup.readiness import Check
from chaosnetra.startup.starting import Started, Starter

CHUNK_BYTES = 1 << 16


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


@dataclass
class _Exit:
    code: int | None = None
    signal: int | None = None
    asked: bool = False
    at: float = 0.0


@dataclass
class Trial:
    """One startup on its way; what it has seen so far."""

    number: int
    plan: LaunchPlan
    database: DatabaseAddress
    port: int
    limits: Limits
    starter: Starter
    grace_seconds: float
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
        self._keeper: Started | None = None
        self._lifeline = -1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The process, started; at the end it and all its descendants are gone."""
        with contextlib.ExitStack() as ours:
            with contextlib.ExitStack() as theirs:

                def pipe() -> tuple[IO[bytes], int]:
                    read, write = os.pipe()
                    theirs.callback(os.close, write)
                    return ours.enter_context(os.fdopen(read, "rb", 0)), write

                (stdout, out), (stderr, err), (status, told) = pipe(), pipe(), pipe()
                stdin, self._lifeline = os.pipe()
                theirs.callback(os.close, stdin)
                ours.callback(self.let_go)
                os.set_blocking(withhold(self._lifeline), False)
                self.started_at = time.monotonic()
                self._keeper = await self.starter.start(
                    self.plan,
                    self.port,
                    self.database,
                    Files(stdin, out, err, told),
                    self.grace_seconds,
                )
            readers = [
                asyncio.create_task(self._read_output("stdout", stdout)),
                asyncio.create_task(self._read_output("stderr", stderr)),
                asyncio.create_task(self._read_status(status)),
            ]
            try:
                yield
            finally:
                self.let_go()
                await asyncio.gather(*readers)
                await self._keeper.wait()

    def let_go(self) -> None:
        """Tell the keeper, by the end of its standard input, to end everything."""
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline < 0:
            return
        if self.interrupted():
            with contextlib.suppress(OSError):
                os.write(lifeline, AT_ONCE)  # whoever stops a run does not wait for graces
        release(lifeline)
        os.close(lifeline)

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

    @property
    def lost(self) -> bool:
        """Whether its keeper went without a word: somebody killed it."""
        return self._exited.is_set() and self.exit is None

    def outcome(self) -> StartupOutcome:
        """What is known of it now."""
        ended_by_itself = self.exit is not None and not self.exit.asked
        status = self._status(ended_by_itself)
        error = None if status is Status.READY else self._error(status)
        output = self.output
        first_event = output.first_event_at
        return StartupOutcome(
            number=self.number,
            status=status,
            seconds=round(self._end() - self.started_at, 4),
            boot_seconds=None if first_event is None else round(first_event - self.started_at, 4),
            phase=self._phase(status),
            phases_after_failure=output.phases_after_failure,
            phase_seconds=output.phase_seconds,
            steps=output.steps,
            exit_code=self.exit.code if self.exit else None,
            signal=self.exit.signal if self.exit else None,
            ended_by=EndedBy.ITSELF if ended_by_itself else EndedBy.LAUNCHER,
            exit_reason=exit_reason(output.lines, error, output.failed_phase)
            if status is Status.FAILED
            else None,
            error=error,
            cause_kept=bool(error.causes)
            if error is not None and status is not Status.TIMED_OUT
            else None,
            answered=Check.NOT_READY in self.checks
            or (self.plan.readiness.is_network and self.ready_at is not None),
            checks=dict(self.checks),
            processes_left=self.processes_left,
        )

    def _phase(self, status: Status) -> str | None:
        """Where it failed or lost something, whatever it did later; else how far it came."""
        found = {
            Status.DEGRADED: self.output.degraded_phase,
            Status.FAILED: self.output.failed_phase,
        }
        return found.get(status) or self.output.phase

    def _status(self, ended_by_itself: bool) -> Status:
        if self.ready_at is not None:
            if self.ready_at - self.started_at > self.limits.startup_seconds:
                return Status.TIMED_OUT
            return Status.READY if self.output.degraded_phase is None else Status.DEGRADED
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
            if answer in (Check.READY, Check.NOT_READY) and not self._is_ours(check.port):
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

    async def _read_output(self, name: str, pipe: IO[bytes]) -> None:
        async with _reading(pipe) as stream:
            while chunk := await stream.read(CHUNK_BYTES):
                self.output.feed(name, chunk)
        self.output.feed(name, b"")

    async def _read_status(self, pipe: IO[bytes]) -> None:
        try:
            async with _reading(pipe) as stream:
                while line := await stream.readline():
                    self._take_status(json.loads(line))
        finally:
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


@contextlib.asynccontextmanager
async def _reading(pipe: IO[bytes]) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        yield reader
    finally:
        transport.close()
