"""One startup on its way: its process, what it prints, whether it is ready, how it ended."""

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import IO, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import MachineryFailed, is_our_own
from chaosnetra.processes.copies import release, withhold
from chaosnetra.processes.forking import Files
from chaosnetra.processes.listening import listens
from chaosnetra.processes.supervisor import AT_ONCE
from chaosnetra.startup.causes import Found
from chaosnetra.startup.exits import exit_reason
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.outcome import EndedBy, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.output import Output
from chaosnetra.startup.readiness import Check, HttpCheck, TcpCheck
from chaosnetra.startup.starting import Started, Starter

CHUNK_BYTES = 1 << 16
# How late an interruption may be noticed.
LONGEST_PAUSE_SECONDS = 0.1
# Who says the same so often tries for ever.
TIMES_OF_A_LOOP = 3


@dataclass(frozen=True)
class Limits:
    """Time limits of one launch, in real seconds.

    Attributes:
        startup_seconds: when a startup must be ready.
        kill_margin_seconds: how long after that it is let live, to end by itself and say why.
            A service's own limit overruns on a slow link, by some round trips.
        readiness_seconds: limit of one readiness check.
        dwell_seconds: how long one that is ready must stay so; not counted in its seconds.
    """

    startup_seconds: float
    kill_margin_seconds: float
    readiness_seconds: float
    dwell_seconds: float = 0.0


@dataclass
class _Exit:
    code: int | None = None
    signal: int | None = None
    asked: bool = False
    at: float = 0.0


@dataclass
class StartupAttempt:
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
    silent_at: float | None = None
    decided_at: float = 0.0
    exit: _Exit | None = None
    processes_left: int = 0
    checks: dict[str, int] = field(default_factory=dict)
    start_error: str = ""
    failure: MachineryFailed | None = None

    def __post_init__(self) -> None:
        self.output = Output(self.plan.readiness.log_pattern)
        self._exited = asyncio.Event()
        self._supervisor: Started | None = None
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
                self._supervisor = await self.starter.start(
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
                await self._supervisor.wait()

    def let_go(self) -> None:
        """Tell the supervisor, by the end of its standard input, to end everything."""
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline < 0:
            return
        if self.interrupted():
            with contextlib.suppress(OSError):
                os.write(lifeline, AT_ONCE)  # whoever stops a run does not wait for graces
        release(lifeline)
        os.close(lifeline)

    async def decide(self) -> None:
        """Wait until it is ready and stayed so for its dwell, has ended, or is out of time."""
        kill_at = Deadline(
            self.started_at + self.limits.startup_seconds + self.limits.kill_margin_seconds
        )
        checking = (
            asyncio.create_task(self._check_until_ready())
            if self.plan.readiness.is_network
            else None
        )
        try:
            while not kill_at.passed and not self._is_over:
                if self.ready_at is None and self.output.matched:
                    self.ready_at = time.monotonic()
                if self.ready_at is not None:
                    break
                await self._pause(self.poll_seconds)
        finally:
            if checking is not None:
                checking.cancel()
                await asyncio.gather(checking, return_exceptions=True)
        ended_well = self.exit is not None and self.exit.code == 0
        if self.plan.readiness.on_exit and ended_well and self.exit is not None:
            self.ready_at = self.exit.at
        elif self._is_in_time:
            await self._dwell()
        self.decided_at = time.monotonic()

    @property
    def _is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self._exited.is_set() or self.failure is not None or self.interrupted()

    @property
    def _is_in_time(self) -> bool:
        ready_at = self.ready_at
        return ready_at is not None and ready_at <= self.started_at + self.limits.startup_seconds

    async def _pause(self, seconds: float) -> None:
        """Wait; shorter when it ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), seconds)

    async def _dwell(self) -> None:
        """See whether it is still there, and still ready, after its dwell.

        A check that fails then is made again for as long as another dwell: one answer may get
        lost, and the worker that gave it be replaced.
        """
        dwell = Deadline.after(self.limits.dwell_seconds)
        while not dwell.passed and not self._is_over:
            await self._pause(min(dwell.remaining_seconds, LONGEST_PAUSE_SECONDS))
        if not self.plan.readiness.is_network or not self.limits.dwell_seconds:
            return
        check = self.plan.readiness.check(self.port)
        again, silent_at = Deadline.after(self.limits.dwell_seconds), time.monotonic()
        while not self._is_over and await self._asked(check) is not Check.READY:
            if again.passed:
                self.silent_at = silent_at
                return
            await self._pause(self.poll_seconds)

    @property
    def lost(self) -> bool:
        """Whether its supervisor went without a word: somebody killed it."""
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
            was_ready_seconds=round(self.ready_at - self.started_at, 4)
            if status is Status.FAILED and self.ready_at is not None
            else None,
            boot_seconds=None if first_event is None else round(first_event - self.started_at, 4),
            phase=self._phase(status),
            phases_after_failure=output.phases_after_failure,
            phase_seconds=output.phase_seconds,
            steps=output.steps,
            exit_code=self.exit.code if self.exit else None,
            signal=self.exit.signal if self.exit else None,
            ended_by=EndedBy.ITSELF if ended_by_itself else EndedBy.LAUNCHER,
            exit_reason=exit_reason(output.lines, error, output.failed_phase)
            if status is Status.FAILED and ended_by_itself
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

    @property
    def _gone_at(self) -> float | None:
        """When it was not ready any more although it had been: it ended, or stopped answering."""
        if not self._is_in_time or self.plan.readiness.on_exit or not self.limits.dwell_seconds:
            return None
        if self.exit is not None and not self.exit.asked:
            return self.exit.at
        return self.silent_at

    def _status(self, ended_by_itself: bool) -> Status:
        if self._gone_at is not None:
            return Status.FAILED
        if self.ready_at is not None:
            if self.ready_at - self.started_at > self.limits.startup_seconds:
                return Status.TIMED_OUT
            return Status.READY if self.output.degraded_phase is None else Status.DEGRADED
        return Status.FAILED if ended_by_itself else Status.TIMED_OUT

    def _end(self) -> float:
        if self._gone_at is not None:
            return self._gone_at
        if self.ready_at is not None:
            return self.ready_at
        if self.exit is not None and not self.exit.asked:
            return self.exit.at
        return self.decided_at or time.monotonic()

    def _error(self, status: Status) -> StartupFailure:
        if self.start_error:
            return StartupFailure(text=f"the process could not be started: {self.start_error}")
        if status is Status.TIMED_OUT:
            limit = self.limits.startup_seconds
            told = self.output.found
            if told is not None and not told.is_error:
                told = None
            return StartupFailure(
                text=f"{self._lateness(told)} (limit {limit:g} s)",
                error_class=told.error.error_class if told else None,
                sqlstate=told.error.sqlstate if told else None,
                budget="startup",
                budget_seconds=limit,
                causes=self.output.lines_that_matter,
            )
        found = self.output.error
        if self._gone_at is not None:
            loss = self._loss(self._gone_at)
            return replace(found, text=f"{loss}: {found.text}") if found else StartupFailure(loss)
        return found or StartupFailure(text=f"it ended {self._how_it_ended} and printed nothing")

    @property
    def _how_it_ended(self) -> str:
        if self.exit is None:
            return "with no exit code"
        if self.exit.signal is not None:
            return f"by signal {self.exit.signal}"
        return f"with exit code {self.exit.code}"

    def _loss(self, gone_at: float) -> str:
        """How one that was ready did not stay so."""
        ready_at = self.ready_at or gone_at
        after = f"{max(0.0, gone_at - ready_at):.2f} s later"
        text = f"it was ready after {ready_at - self.started_at:.2f} s, and"
        if self.exit is None or self.exit.asked:
            return f"{text} did not answer as ready any more {after}"
        text = f"{text} ended {self._how_it_ended} {after}"
        if self.exit.code == 0 and self.processes_left:
            # As a container does: it ends with its first process.
            text += f", and left {self.processes_left} running: run it in the foreground"
        return text

    def _lateness(self, told: Found | None) -> str:
        if self.ready_at is not None:
            return f"ready only after {self.ready_at - self.started_at:.2f} s"
        on_exit = self.plan.readiness.on_exit
        if told is not None and (told.is_named or not on_exit):
            tries = told.times >= TIMES_OF_A_LOOP
            how = "it tries for ever" if tries else "it did not end by itself"
            times = f" {told.times} times" if tries else ""
            return f"not ready: {how}, and said{times}: {told.error.text}"
        if on_exit:
            return "still running; a service that keeps running needs the setting readiness"
        if not self.plan.readiness.is_network:
            return "no line of its output matched readiness"
        met = ", ".join(f"{count} {kind}" for kind, count in self.checks.items()) or "none"
        return f"not ready, and it named no cause; readiness checks: {met}"

    async def _check_until_ready(self) -> None:
        check = self.plan.readiness.check(self.port)
        while (answer := await self._asked(check)) is not None:
            if answer is Check.READY:
                self.ready_at = time.monotonic()
                return
            self.checks[answer] = self.checks.get(answer, 0) + 1
            await asyncio.sleep(self.poll_seconds)

    async def _asked(self, check: TcpCheck | HttpCheck) -> Check | None:
        """What a check met; None when it could not be made, which `failure` then tells."""
        try:
            answer = await check.run(self.limits.readiness_seconds)
            if answer in (Check.READY, Check.NOT_READY) and not self._is_ours(check.port):
                # Left over from somebody else: an answer, but not of this startup.
                return Check.FOREIGN
        except MachineryFailed as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the target's
            self.failure = MachineryFailed(error)
        else:
            return answer
        return None

    def _is_ours(self, port: int) -> bool:
        """Whether the answer came from this startup's own processes."""
        assert self._supervisor is not None  # noqa: S101 - it runs
        return listens(self._supervisor.pid, port)

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
                number = re.match(r"\[Errno (\d+)\]", self.start_error)
                error = OSError(int(number[1]), self.start_error) if number else None
                if error is not None and is_our_own(error):
                    self.failure = MachineryFailed(error)
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
