"""How the process of a startup comes to be: as a new interpreter, or as a copy of one.

Either way it is a process of its own with a supervisor of its own, which reports the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput, PartUnavailable
from chaosnetra.hints import key_hint, variable_of
from chaosnetra.processes.forking import Files, ForkServer
from chaosnetra.processes.supervised import supervisor_command
from chaosnetra.startup.launch_plan import LaunchPlan

IMPORT_SECONDS = 120.0


@dataclass(frozen=True)
class Started:
    """A supervisor that runs: its process id, and how to wait until the system has it no more."""

    pid: int
    wait: Callable[[], Awaitable[object]]


class Starter(Protocol):
    """Starts the process of one startup under a supervisor.

    `method` is its name; `import_seconds` what was imported once for all startups took, None
    where each startup imports for itself.
    """

    method: str
    import_seconds: float | None

    async def start(
        self,
        plan: LaunchPlan,
        port: int,
        database: DatabaseAddress,
        files: Files,
        grace_seconds: float,
    ) -> Started:
        """Start it; `files` are the supervisor's, and closed by the caller."""


class Spawn:
    """A new process that runs the plan's command."""

    method = "spawn"
    import_seconds: float | None = None

    async def start(
        self,
        plan: LaunchPlan,
        port: int,
        database: DatabaseAddress,
        files: Files,
        grace_seconds: float,
    ) -> Started:
        try:
            supervisor = await asyncio.create_subprocess_exec(
                *supervisor_command(
                    plan.command_for(port), status_fd=files.status, grace_seconds=grace_seconds
                ),
                stdin=files.stdin,
                stdout=files.stdout,
                stderr=files.stderr,
                env=plan.environment_for(port, database),
                cwd=plan.directory,
                pass_fds=(files.status,),
                start_new_session=True,
            )
        except OSError as error:
            raise PartUnavailable(f"{plan.shown} cannot be started: {error}") from error
        return Started(supervisor.pid, supervisor.wait)


class Fork:
    """A copy of a process that has imported the target already."""

    method = "fork"

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self.import_seconds: float | None = server.import_seconds

    async def start(
        self,
        plan: LaunchPlan,
        port: int,
        database: DatabaseAddress,
        files: Files,
        grace_seconds: float,
    ) -> Started:
        _python, _m, module, *arguments = plan.command_for(port)
        pid = await self._server.start(
            module,
            arguments,
            environment=plan.environment_for(port, database),
            files=files,
            grace_seconds=grace_seconds,
        )
        return Started(pid, _nothing)


async def _nothing() -> None:
    """The process that forked the supervisor collects it."""


def fork_server(plan: LaunchPlan) -> ForkServer:
    """The process that the startups of a plan are forked from, its imports done.

    Raises:
        PartUnavailable: it cannot be started, or its imports do not end.
        InvalidInput: a copy of it would not be well.
    """
    instead = f"{key_hint('startup_method', variable_of('startup_method'))} to spawn"
    try:
        server = ForkServer(
            plan.command[0],
            plan.imports,
            environment=plan.environment,
            directory=plan.directory,
            import_seconds=IMPORT_SECONDS,
        )
    except PartUnavailable as error:
        raise PartUnavailable(f"{error}; set {instead}") from error
    if server.unforkable:
        server.stop()
        raise InvalidInput(f"{plan.shown} cannot be forked: {server.unforkable}", instead)
    return server
