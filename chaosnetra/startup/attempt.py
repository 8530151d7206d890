"""One startup on its way: its process is started, observed and ended."""

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import IO, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import MachineryFailed, is_our_own
from chaosnetra.processes.copies import release, withhold
from chaosnetra.processes.cpu_meter import CpuMeter
from chaosnetra.processes.forking import Files
from chaosnetra.processes.listening import listens
from chaosnetra.processes.supervisor import AT_ONCE
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.observed import Exit, Limits, Observed
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.startup.output import Output
from chaosnetra.startup.readiness import Check, HttpCheck, TcpCheck
from chaosnetra.startup.starting import Start, Started, Starter

CHUNK_BYTES = 1 << 16
# How late an interruption may be noticed.
LONGEST_PAUSE_SECONDS = 0.1


@dataclass
class StartupAttempt:
    """One startup on its way."""

    number: int
    plan: LaunchPlan
    database: DatabaseAddress
    port: int
    limits: Limits
    starter: Starter
    grace_seconds: float
    poll_seconds: float
    interrupted: Callable[[], bool]
    keeping: Keeping = field(default_factory=Keeping)
    at_once: int = 1
    failure: MachineryFailed | None = None

    def __post_init__(self) -> None:
        readiness = self.plan.readiness
        output = Output(readiness.log_pattern, phase_lines=self.plan.phase_lines)
        self.seen = Observed(readiness, self.limits, output)
        self._exited = asyncio.Event()
        self._supervisor: Started | None = None
        self._meter: CpuMeter | None = None
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

                (stdout, out), (stderr, err), (status, report) = pipe(), pipe(), pipe()
                stdin, self._lifeline = os.pipe()
                theirs.callback(os.close, stdin)
                ours.callback(self.let_go)
                os.set_blocking(withhold(self._lifeline), False)
                self.seen.started_at = time.monotonic()
                files = Files(stdin, out, err, report)
                start = Start(self.plan, self.port, self.database, files, self.grace_seconds)
                start.render_config()
                self._supervisor = await self.starter.start(start)
                self._meter = CpuMeter(self._supervisor.pid, self.at_once)
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
        assert self._meter is not None  # noqa: S101 - it runs
        kill_at = Deadline(
            self.seen.started_at + self.limits.startup_seconds + self.limits.kill_margin_seconds
        )
        checking = (
            asyncio.create_task(self._check_until_ready())
            if self.plan.readiness.is_network
            else None
        )
        try:
            while not kill_at.passed and not self._is_over:
                if self.seen.ready_at is None and self.seen.output.matched:
                    self._is_ready()
                if self.seen.ready_at is not None:
                    break
                self._meter.read_if_due()
                await self._pause(self.poll_seconds)
        finally:
            if checking is not None:
                checking.cancel()
                await asyncio.gather(checking, return_exceptions=True)
        if self.seen.ready_at is None:
            self._meter.read()
        self.seen.processors = self._meter.use
        ended = self.seen.exit
        if self.plan.readiness.on_exit and ended is not None and ended.code == 0:
            self.seen.ready_at = ended.at
        elif self.seen.is_in_time:
            await self._dwell()
        self.seen.decided_at = time.monotonic()
        self.seen.output.is_decided()

    def _is_ready(self) -> None:
        self.seen.ready_at = time.monotonic()
        if self._meter is not None:
            self._meter.read()  # what it does from now on is not part of its startup

    @property
    def pid(self) -> int:
        """Of the supervisor, whose descendants are all that it started; it must run."""
        assert self._supervisor is not None  # noqa: S101 - it runs
        return self._supervisor.pid

    @property
    def has_ended(self) -> bool:
        """Whether its first process has ended, and all that it printed was read."""
        return self._exited.is_set()

    @property
    def _is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self._exited.is_set() or self.failure is not None or self.interrupted()

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
                self.seen.silent_at = silent_at
                return
            await self._pause(self.poll_seconds)

    @property
    def lost(self) -> bool:
        """Whether its supervisor went without a word: somebody killed it."""
        return self._exited.is_set() and self.seen.exit is None

    def outcome(self) -> StartupOutcome:
        """What is known of it now."""
        return self.seen.outcome(self.number, self.keeping)

    async def _check_until_ready(self) -> None:
        check = self.plan.readiness.check(self.port)
        while (answer := await self._asked(check)) is not None:
            if answer is Check.READY:
                self._is_ready()
                return
            self.seen.checks[answer] += 1
            await asyncio.sleep(self.poll_seconds)

    async def _asked(self, check: TcpCheck | HttpCheck) -> Check | None:
        """What a check met; None when it could not be made, which `failure` then says."""
        try:
            answer = await check.run(self.limits.readiness_seconds)
            is_answer = answer in (Check.READY, Check.NOT_READY)
            if is_answer and not listens(self.pid, check.port):
                # Left over from somebody else: an answer, but not of this startup's processes.
                return Check.FOREIGN
        except MachineryFailed as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the target's
            self.failure = MachineryFailed(error)
        else:
            return answer
        return None

    async def _read_output(self, name: str, pipe: IO[bytes]) -> None:
        async with _reading(pipe) as stream:
            while chunk := await stream.read(CHUNK_BYTES):
                self.seen.output.feed(name, chunk)
        self.seen.output.feed(name, b"")

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
                text = self.seen.start_error = record["error"]
                number = re.match(r"\[Errno (\d+)\]", text)
                error = OSError(int(number[1]), text) if number else None
                if error is not None and is_our_own(error):
                    self.failure = MachineryFailed(error)
            case "exited":
                self.seen.exit = Exit(
                    record["code"], record["signal"], record["asked"], record["at"]
                )
            case "gone":
                self.seen.processes_left = record["left"]
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
