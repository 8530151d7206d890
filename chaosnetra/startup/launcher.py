"""Launches startups as real local processes, all at once, and reaps them whatever happens.

Each process has a supervisor (see `chaosnetra.processes.supervisor`), a port and a deadline of its
own. A startup that is ready must stay so for a dwell, and stays up until all are decided, as
instances of a service do: it goes on holding its connections while the others start.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import Interrupted, PartUnavailable
from chaosnetra.ports import LOOPBACK, free_ports
from chaosnetra.startup.attempt import StartupAttempt
from chaosnetra.startup.kept_output import Different, Keeping
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.observed import Limits
from chaosnetra.startup.outcome import ExitReason, StartupOutcome
from chaosnetra.startup.starting import Spawn, Starter

__all__ = ["Limits", "launch"]

# A ready service is asked to stop and given this long; what it then does is not under test.
GRACE_SECONDS = 3.0
SHORTEST_POLL_SECONDS = 0.02
POLL_SECONDS_A_STARTUP = 0.002
PORT_TRIES = 3
SPAWN = Spawn()

Progress = Callable[[StartupOutcome], None]


async def _no_longer() -> None:
    """Let what is ready go as soon as all are decided."""


async def launch(
    plan: LaunchPlan,
    databases: Sequence[DatabaseAddress],
    limits: Limits,
    *,
    starter: Starter = SPAWN,
    ports: Sequence[int] | None = None,
    folders: Sequence[Path | None] = (),
    environments: Sequence[Mapping[str, str]] = (),
    progress: Progress = lambda outcome: None,
    hold: Callable[[], Awaitable[None]] = _no_longer,
    interrupted: Callable[[], bool] = lambda: False,
    keeping: Keeping | None = None,
) -> list[StartupOutcome]:
    """Run one startup for each of `databases`, all at once.

    Args:
        plan: what to start.
        databases: the address that each startup gets, one each.
        limits: its time limits.
        starter: how the processes come to be.
        ports: the port that each startup gets; by default one that is free, and another when
            somebody takes it before the startup does: that says nothing about the target.
        folders: that each startup keeps its state in, one each; empty: none needs one.
        environments: more variables that each startup gets, one mapping each; empty: none does.
        progress: called with each outcome as it is decided.
        hold: awaited once all are decided, while those that are ready stay up.
        interrupted: asked often; once true, everything is ended at once.
        keeping: how the outputs of those that are not ready are kept; of a launch only those that
            differ: see `chaosnetra.startup.kept_output.Different`.

    Returns:
        The outcomes in the order of `databases`.

    Raises:
        PartUnavailable: a fixed readiness port is in use already, or more than one startup
            would need it; or somebody killed what keeps a startup.
        MachineryFailed: this machine has nothing left to start or to check one with.
        Interrupted: `interrupted` became true.
    """
    fixed = plan.readiness.fixed_port
    if fixed is not None:
        _check_fixed_port(plan, fixed, len(databases))
    poll_seconds = max(SHORTEST_POLL_SECONDS, POLL_SECONDS_A_STARTUP * len(databases))
    ours = ports is None and fixed is None
    if ports is None:
        ports = free_ports(len(databases)) if fixed is None else [fixed]

    def attempt(number: int, port: int) -> StartupAttempt:
        own = plan.in_folder(folders[number]) if folders else plan
        return StartupAttempt(
            number + 1,
            own.with_environment(environments[number]) if environments else own,
            databases[number],
            port,
            limits,
            starter,
            GRACE_SECONDS,
            poll_seconds,
            interrupted,
            keeping or Keeping(),
            len(databases),
        )

    decided, different = Different(), Different()
    numbers = range(len(databases))
    attempts = {number: attempt(number, port) for number, port in zip(numbers, ports, strict=True)}
    waiting = list(attempts)
    robbed: list[int] = []

    async def decide(number: int, *, again: bool) -> None:
        await attempts[number].decide()
        if interrupted() or attempts[number].lost or attempts[number].failure:
            return
        outcome = attempts[number].outcome()
        found_taken = outcome.exit_reason is ExitReason.PORT_IN_USE
        if again and found_taken and outcome.was_ready_seconds is None:
            robbed.append(number)
        else:
            progress(decided.of(outcome))

    async with contextlib.AsyncExitStack() as stack:
        try:
            for left in reversed(range(PORT_TRIES)):
                for number in waiting:
                    await stack.enter_async_context(attempts[number].running())
                async with asyncio.TaskGroup() as group:
                    for number in waiting:
                        group.create_task(decide(number, again=ours and left > 0))
                waiting, robbed[:] = list(robbed), []
                for number, port in zip(waiting, free_ports(len(waiting)), strict=True):
                    attempts[number] = attempt(number, port)
            await hold()
        finally:
            for one in attempts.values():  # all at once; leaving the stack then waits for each
                one.let_go()
    if interrupted():
        raise Interrupted("the run was interrupted during startups")
    for one in attempts.values():
        if one.failure is not None:
            raise one.failure
    if any(one.lost for one in attempts.values()):
        raise PartUnavailable("the supervisor of a startup was killed, so its end is not known")
    return [different.of(one.outcome()) for one in attempts.values()]


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
