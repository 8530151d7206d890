"""A connection storm: many connections, each begun when it was to begin, whatever the others do.

Each attempt is a real connection, authentication and query by asyncpg, with the TLS mode that
the address or asyncpg's default (`prefer`) asks for. With `prefer` asyncpg itself tries without
TLS where the first try is lost: one attempt all the same, as it is for a service.
"""

import asyncio
import contextlib
import resource
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import Interrupted, InvalidInput
from chaosnetra.postgres.attempts import Attempt, AttemptOutcome, failure_of
from chaosnetra.postgres.dialing import Dial, dialing

if TYPE_CHECKING:
    import asyncpg

CLOSE_SECONDS = 2.0
INTERRUPTION_POLL_SECONDS = 0.1
# Files that the process may open meanwhile for something else: a log, a cancelled query.
SPARE_FILES = 20

Progress = Callable[[Attempt], None]


@dataclass(frozen=True)
class StormPlan:
    """What a storm does; times in real seconds.

    Attributes:
        count: attempts.
        interval_seconds: from the intended start of one to that of the next; 0: all at once.
        hold_seconds: how long each keeps its connection after the first query.
        slow_after_seconds: an answer later than this after the intended start is slow.
        timeout_seconds: an attempt is given up so long after its intended start.
    """

    count: int
    interval_seconds: float
    hold_seconds: float
    slow_after_seconds: float
    timeout_seconds: float

    @property
    def limit_seconds(self) -> float:
        """When the last attempt has been answered or given up, and has let go."""
        last = (self.count - 1) * self.interval_seconds
        return last + self.timeout_seconds + self.hold_seconds


async def run_storm(
    address: DatabaseAddress,
    plan: StormPlan,
    application_name: str,
    interrupted: Callable[[], bool] = lambda: False,
    progress: Progress = lambda attempt: None,
) -> list[Attempt]:
    """Open the connections of a plan.

    Args:
        address: the database, by the path to be tried.
        plan: how many, when, and by what limits.
        application_name: what the sessions are called at the server.
        interrupted: asked often; once true, everything is given up.
        progress: called with each attempt once it has ended and no longer holds its connection.

    Returns:
        The attempts, in the order in which they were to begin.

    Raises:
        InvalidInput: this process may not open so many files.
        Interrupted: `interrupted` became true.
    """
    check_open_files(plan.count)
    async with dialing(address) as dial:
        started = asyncio.get_running_loop().time()
        return await gather_attempts(
            [
                _attempt(dial, plan, application_name, number, started)
                for number in range(1, plan.count + 1)
            ],
            interrupted,
            progress,
        )


async def gather_attempts(
    attempts: Sequence[Coroutine[Any, Any, Attempt]],
    interrupted: Callable[[], bool],
    progress: Progress,
) -> list[Attempt]:
    """Run attempts beside each other until all have ended; see `run_storm`."""
    tasks = [asyncio.create_task(attempt) for attempt in attempts]
    pending = set(tasks)
    try:
        while pending:
            ended, pending = await asyncio.wait(pending, timeout=INTERRUPTION_POLL_SECONDS)
            for task in ended:
                progress(task.result())
            if interrupted():
                raise Interrupted("the run was interrupted during connection attempts")
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return [task.result() for task in tasks]


def check_open_files(count: int) -> None:
    """Refuse a storm that would fail for want of file descriptors, and blame the database.

    Raises:
        InvalidInput: says how many there may be.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = most - psutil.Process().num_fds() - SPARE_FILES
    if most != resource.RLIM_INFINITY and count > free:
        raise InvalidInput(
            f"{count} connections at once need as many open files, and this process may open "
            f"{max(0, free)} more",
            "count, or a higher limit with ulimit -n",
        )


async def _attempt(
    dial: Dial, plan: StormPlan, application_name: str, number: int, started: float
) -> Attempt:
    clock = asyncio.get_running_loop().time
    intended = started + (number - 1) * plan.interval_seconds
    await asyncio.sleep(max(0.0, intended - clock()))
    lag = max(0.0, clock() - intended)
    opened: asyncpg.Connection[Any] | None = None
    connected: float | None = None
    try:
        async with asyncio.timeout_at(intended + plan.timeout_seconds):
            opened = await dial(
                timeout=None,
                statement_cache_size=0,
                server_settings={"application_name": application_name},
            )
            connected = clock() - intended
            await opened.execute("SELECT 1")  # one round trip, as the simple protocol has it
            answered = clock() - intended
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is how it ended
        # What we took to notice that its time was over is no time that it waited.
        waited = min(clock() - intended, plan.timeout_seconds)
        failure = failure_of(error, waited)
        if opened is not None:
            if failure.outcome is AttemptOutcome.FAILED and opened.is_closed():
                # asyncpg then says "connection is closed"
                failure = replace(failure, outcome=AttemptOutcome.RESET)
            opened.terminate()
        return Attempt(
            number,
            intended - started,
            lag,
            seconds=waited,
            connect_seconds=connected,
            **asdict(failure),
        )
    except BaseException:
        if opened is not None:
            opened.terminate()
        raise
    slow = answered > plan.slow_after_seconds
    await _hold_and_close(opened, plan.hold_seconds)
    return Attempt(
        number,
        intended - started,
        lag,
        AttemptOutcome.SLOW if slow else AttemptOutcome.OK,
        answered,
        connected,
        answered - connected,
    )


async def _hold_and_close(opened: "asyncpg.Connection[Any]", hold_seconds: float) -> None:
    """Close with the protocol's goodbye; what goes wrong now is no longer the attempt's outcome."""
    try:
        await asyncio.sleep(hold_seconds)
        with contextlib.suppress(Exception):
            await opened.close(timeout=CLOSE_SECONDS)
    finally:
        opened.terminate()
