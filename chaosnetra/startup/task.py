"""One startup as a task of a job: `python -m chaosnetra.startup.task -- COMMAND…`.

The command starts the orchestrator as its service does; `{port}` in it stands for a free port,
which `PORT` also holds. The task waits for the barrier that its order names (`CHAOSNETRA_TASK`,
set by whoever runs the job), launches the startup as on one's own machine, keeps one that is
ready up for a while, and reports: a row in the database, by a connection of its own once its
startup has ended, and the same as one line of JSON on standard output, for the logs.

`DATABASE_URL`, or `CHAOSNETRA_REPORT_DATABASE_URL` where that is another, says where the row
goes. The exit code is 0 for a startup that was ready, its own where it failed, 124 where it was
out of time, 143 where the task was cancelled, 64 where the task cannot be understood or failed
itself.

Besides this package's own modules it needs psutil and asyncpg only, and google-re2 where the run
has `phase_patterns` or its readiness is `log:REGEX`.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    ChaosnetraError,
    Interrupted,
    InvalidInput,
    MachineryFailed,
    changed_by,
)
from chaosnetra.phase_patterns import parse as parse_patterns
from chaosnetra.processes.signals import noted
from chaosnetra.redaction import Redactor
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import launch
from chaosnetra.startup.observed import Limits
from chaosnetra.startup.orders import (
    NOT_UNDERSTOOD,
    ORDER_VARIABLE,
    REPORT_KEY,
    TaskOrder,
    TaskReport,
    insert_statement,
)
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.startup.readiness import Readiness

REPORT_DATABASE = "CHAOSNETRA_REPORT_DATABASE_URL"
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
ONE_REPORT_SECONDS = 5.0
# So many tasks begin to report in a second: thousands at once would be a storm of their own.
REPORTS_PER_SECOND = 50
OUT_OF_TIME, CANCELLED, FAILED = 124, 143, 1


@dataclass(frozen=True)
class Task:
    """What this process is to do.

    Attributes:
        order: how to launch its startup.
        command: the orchestrator's command.
        execution: id of the execution that it belongs to.
        index: which of its tasks.
        attempt: 0 for the first.
        environment: variables for the orchestrator.
        database: where the report goes.
    """

    order: TaskOrder
    command: Sequence[str]
    execution: str
    index: int
    attempt: int
    environment: Mapping[str, str]
    database: DatabaseAddress

    @classmethod
    def of(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> "Task":
        """Read the command line and the environment.

        Raises:
            InvalidInput: something is missing or wrong; says what.
        """
        if len(arguments) < 2 or arguments[0] != "--":
            raise InvalidInput("usage: python -m chaosnetra.startup.task -- COMMAND…")
        order = environ.get(ORDER_VARIABLE)
        if order is None:
            raise InvalidInput(
                f"{ORDER_VARIABLE} is not set: run the job by startups_succeed with the setting "
                "environment at staging"
            )
        url = environ.get(REPORT_DATABASE) or environ.get("DATABASE_URL", "")
        hint = f"DATABASE_URL or {REPORT_DATABASE} in the job's container"
        if not url:
            raise InvalidInput("no database is named to report to", hint)
        with changed_by(hint):
            database = DatabaseAddress.parse(url)
        ours = (ORDER_VARIABLE, REPORT_DATABASE)
        return cls(
            order=TaskOrder.parse(order),
            command=tuple(arguments[1:]),
            execution=environ.get("CLOUD_RUN_EXECUTION", ""),
            index=_whole(environ, "CLOUD_RUN_TASK_INDEX"),
            attempt=_whole(environ, "CLOUD_RUN_TASK_ATTEMPT"),
            environment={name: text for name, text in environ.items() if name not in ours},
            database=database,
        )

    @property
    def plan(self) -> LaunchPlan:
        patterns = parse_patterns("phase_patterns", self.order.phase_patterns)
        return LaunchPlan(
            shown=self.command[0],
            command=self.command,
            environment=self.environment,
            directory=None,
            readiness=Readiness.parse(self.order.readiness),
            readiness_timeout_seconds=self.order.readiness_seconds,
            target_environment={},  # the job's container has its own
            phase_lines=PhaseLines(patterns) if patterns else None,
        )

    async def run(self, interrupted: Callable[[], bool], mask: Callable[[str], str]) -> TaskReport:
        """Wait for the barrier, and launch the startup.

        Args:
            interrupted: asked often; once true, everything is ended at once.
            mask: a text without the secrets that this process knows.

        Raises:
            Interrupted: `interrupted` became true; nothing of it is left.
            PartUnavailable: it cannot be started.
            MachineryFailed: this machine has nothing left to start or to check it with.
        """
        order, arrived_at, plan = self.order, time.time(), self.plan
        while (left := order.barrier_at - time.time()) > 0:
            if interrupted():
                raise Interrupted("the task was cancelled before its startup began")
            await asyncio.sleep(min(left, SHORTEST_PAUSE_SECONDS))
        begun_at = time.time()
        hold = Deadline.after(order.hold_seconds)

        decided: list[StartupOutcome] = []

        async def stay_up() -> None:
            """As an instance does, while others start."""
            ready = decided and decided[-1].status in (Status.READY, Status.DEGRADED)
            while ready and not hold.passed and not interrupted():  # noqa: ASYNC110 - set by a signal
                await asyncio.sleep(min(hold.remaining_seconds, SHORTEST_PAUSE_SECONDS))

        (outcome,) = await launch(
            plan,
            [self.database],
            Limits(
                order.startup_seconds,
                order.kill_margin_seconds,
                order.readiness_seconds,
                order.dwell_seconds,
            ),
            progress=decided.append,
            hold=stay_up,
            interrupted=interrupted,
            keeping=Keeping(mask, order.output_bytes),
        )
        return TaskReport(self.execution, self.index, self.attempt, arrived_at, begun_at, outcome)

    async def report(self, text: str, interrupted: Callable[[], bool]) -> str | None:
        """Write the report into the database; tried again until its time is up.

        Returns:
            Why it is not there; None when it is.
        """
        import asyncpg

        deadline = Deadline.after(self.order.report_seconds)
        pause = SHORTEST_PAUSE_SECONDS
        await asyncio.sleep(min(self.index / REPORTS_PER_SECOND, deadline.remaining_seconds))
        while True:
            try:
                async with asyncio.timeout(ONE_REPORT_SECONDS):
                    connection = await asyncpg.connect(
                        self.database.driver_url,
                        # None, which the stubs do not know, is no limit.
                        timeout=self.database.connect_timeout_seconds,  # type: ignore[arg-type]
                        server_settings={"application_name": "chaosnetra-report"},
                    )
                    try:
                        await connection.execute(
                            insert_statement(self.order.schema),
                            self.execution,
                            self.index,
                            self.attempt,
                            text,
                        )
                    finally:
                        connection.terminate()
                return None
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if deadline.passed or interrupted():
                    return f"{type(error).__name__}: {error}"
            await asyncio.sleep(min(deadline.remaining_seconds, pause * random.uniform(0.5, 1.5)))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def exit_code_of(outcome: StartupOutcome) -> int:
    """What the task ends with: the platform then tells what the startup came to."""
    if outcome.status in (Status.READY, Status.DEGRADED):
        return 0
    if outcome.status is Status.TIMED_OUT:
        return OUT_OF_TIME
    if outcome.signal is not None:
        return 128 + outcome.signal
    return outcome.exit_code or FAILED


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    stopped = noted(("SIGTERM", "SIGINT"))
    redactor = Redactor()
    redactor.learn_environment(environ)

    def say(text: str) -> None:
        print(redactor.text(text), flush=True)  # noqa: T201 - the logs are read

    try:
        task = Task.of(arguments, environ)
        redactor.add(task.database.password)
        report = asyncio.run(task.run(lambda: bool(stopped), redactor.text))
    except Interrupted as error:
        say(str(error))
        return CANCELLED
    except ChaosnetraError as error:
        say(f"chaosnetra: {error}")
        return NOT_UNDERSTOOD
    except Exception as error:  # noqa: BLE001 - ours, and not the orchestrator's
        say(f"chaosnetra: {MachineryFailed(error)}")
        return NOT_UNDERSTOOD
    data = redactor.data(report.to_json())
    say(json.dumps({REPORT_KEY: data}))
    missing = asyncio.run(task.report(json.dumps(data), lambda: bool(stopped)))
    if missing is not None:
        say(f"chaosnetra: the report did not reach the database: {missing}")
    return exit_code_of(report.outcome)


def _whole(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "0")
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{name} must be a whole number, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
