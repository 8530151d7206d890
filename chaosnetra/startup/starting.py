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


@dataclass(frozen=True)
class Start:
    """What one start gets; `files` are the supervisor's, and closed by the caller."""

    plan: LaunchPlan
    port: int
    database: DatabaseAddress
    files: Files
    grace_seconds: float

    def render_config(self) -> None:
        """Write the file that the target reads, where it has one.

        Raises:
            PartUnavailable: it cannot be written.
        """
        try:
            self.plan.render_config(self.port, self.database)
        except OSError as error:
            raise PartUnavailable(f"the configuration of {self.plan.shown}: {error}") from error

    @property
    def command(self) -> list[str]:
        return self.plan.command_for(self.port, self.database)

    @property
    def environment(self) -> dict[str, str]:
        return self.plan.environment_for(self.port, self.database)


class Starter(Protocol):
    """Starts the process of one startup under a supervisor.

    `method` is its name; `import_seconds` what was imported once for all startups took, None
    where each startup imports for itself.
    """

    method: str
    import_seconds: float | None

    async def start(self, start: Start) -> Started:
        """Start it."""


class Spawn:
    """A new process that runs the plan's command."""

    method = "spawn"
    import_seconds: float | None = None

    async def start(self, start: Start) -> Started:
        files = start.files
        try:
            supervisor = await asyncio.create_subprocess_exec(
                *supervisor_command(
                    start.command, status_fd=files.status, grace_seconds=start.grace_seconds
                ),
                stdin=files.stdin,
                stdout=files.stdout,
                stderr=files.stderr,
                env=start.environment,
                cwd=start.plan.directory,
                pass_fds=(files.status,),
                start_new_session=True,
            )
        except OSError as error:
            raise PartUnavailable(f"{start.plan.shown} cannot be started: {error}") from error
        return Started(supervisor.pid, supervisor.wait)


class Fork:
    """A copy of a process that has imported the target already."""

    method = "fork"

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self.import_seconds: float | None = server.import_seconds

    async def start(self, start: Start) -> Started:
        _python, _m, module, *arguments = start.command
        pid = await self._server.start(
            module,
            arguments,
            environment=start.environment,
            files=start.files,
            grace_seconds=start.grace_seconds,
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
