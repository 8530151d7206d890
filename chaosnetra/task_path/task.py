"""What a task of a job does with its one startup; `chaosnetra.startup.task` is its program.

The task waits for the barrier that its order names (`CHAOSNETRA_TASK`,
set by whoever runs the job), launches the startup as on one's own machine, keeps one that is
ready up for a while, and reports: a row in the database, by a connection of its own once its
startup has ended, and the same as one line of JSON on standard output, for the logs.

Where the order has a path, the task puts it between its startup and the database that the job's
variables name (see `chaosnetra.task_path`), measures its faults before the startup and after it,
and reports that too.

`CHAOSNETRA_REPORT_DATABASE_URL` says where the row goes; without it `DATABASE_URL`, or the
database that the variables of the path name. The exit code is 0 for a startup that was ready, its
own where it failed, 124 where it was out of time, 143 where the task was cancelled, 64 where the
task cannot be understood or failed itself, or its path did not stand. After its time to live it
ends, and everything that it began with it.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import ChaosnetraError, Interrupted, InvalidInput, MachineryFailed
from chaosnetra.phase_patterns import parse as parse_patterns
from chaosnetra.processes.signals import noted
from chaosnetra.redaction import Redactor
from chaosnetra.startup.kept_output import Keeping
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import launch
from chaosnetra.startup.observed import Limits
from chaosnetra.startup.orders import LONGEST_SECONDS, ORDER_VARIABLE, PathOrder, TaskOrder
from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.startup.readiness import Readiness
from chaosnetra.startup.reports import (
    NOT_UNDERSTOOD,
    REPORT_KEY,
    PathReport,
    TaskReport,
    output_bytes,
)
from chaosnetra.task_path.conduct import Launch, StartupOnPath, read_database
from chaosnetra.task_path.lifetime import time_to_live
from chaosnetra.task_path.reporting import (
    REPORT_DATABASE,
    ReportRow,
    database_of_service,
    own_database,
    write_report,
)
from chaosnetra.task_path.variables import NamedDatabase, unnamed_variables

SHORTEST_PAUSE_SECONDS = 0.1
OUT_OF_TIME, CANCELLED, FAILED = 124, 143, 1
# Of the time to live, what lies beyond every limit: to begin the path and to end it.
MARGIN_SECONDS = 60.0
LONGEST_DIGITS = 10
# What clocks of machines that are kept in step may differ by, and an order take to arrive.
CLOCK_SECONDS = 1.0


@dataclass(frozen=True)
class Task:
    """What this process is to do.

    Attributes:
        order: how to launch its startup.
        command: the orchestrator's command.
        execution: id of the execution that it belongs to.
        index: which of its tasks.
        attempt: 0 for the first.
        count: of the tasks.
        environment: variables for the orchestrator.
        database: where the report goes.
        arrived_at: when it began, seconds since 1970.
        named: the database as the variables name it; None: nothing stands before it.
        unusable: why there can be no path to it, in one line; empty: there can, or need not.
    """

    order: TaskOrder
    command: Sequence[str]
    execution: str
    index: int
    attempt: int
    count: int
    environment: Mapping[str, str]
    database: DatabaseAddress
    arrived_at: float
    named: NamedDatabase | None = None
    unusable: str = ""

    @classmethod
    def of(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> "Task":
        """Read the command line and the environment.

        Raises:
            InvalidInput: something is missing or wrong; says what.
        """
        if len(arguments) < 2 or arguments[0] != "--":
            raise InvalidInput("usage: python -m chaosnetra.startup.task -- COMMAND…")
        text = environ.get(ORDER_VARIABLE)
        if text is None:
            raise InvalidInput(
                f"{ORDER_VARIABLE} is not set: run the job by startups_succeed with the setting "
                "environment at staging"
            )
        order, own = TaskOrder.parse(text), own_database(environ)
        named, unusable = None, ""
        if order.path is not None:
            try:
                named = read_database(order.path, environ, own)
            except InvalidInput as error:
                unusable = str(error)
        ours = (ORDER_VARIABLE, REPORT_DATABASE)
        return cls(
            order=order,
            command=tuple(arguments[1:]),
            execution=environ.get("CLOUD_RUN_EXECUTION", ""),
            index=_whole(environ, "CLOUD_RUN_TASK_INDEX"),
            attempt=_whole(environ, "CLOUD_RUN_TASK_ATTEMPT"),
            count=max(1, _whole(environ, "CLOUD_RUN_TASK_COUNT")),
            environment={name: text for name, text in environ.items() if name not in ours},
            database=own or (named.address if named else database_of_service(environ)),
            arrived_at=time.time(),
            named=named,
            unusable=unusable,
        )

    def plan(self, variables: Mapping[str, str]) -> LaunchPlan:
        """How its startup is launched; `variables` take the place of its container's."""
        patterns = parse_patterns("phase_patterns", self.order.phase_patterns)
        return LaunchPlan(
            shown=self.command[0],
            command=self.command,
            environment={**self.environment, **variables},
            directory=None,
            readiness=Readiness.parse(self.order.readiness),
            readiness_timeout_seconds=self.order.readiness_seconds,
            target_environment={},  # the job's container has its own
            phase_lines=PhaseLines(patterns) if patterns else None,
        )

    @property
    def barrier_seconds(self) -> float:
        """How long from its arrival to the barrier, at most.

        No longer than from the order to the barrier, which its clock cannot stretch.
        """
        asked = self.order.barrier_at - self.order.ordered_at
        return max(0.0, min(asked, self.order.barrier_at - self.arrived_at, LONGEST_SECONDS))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of its clock, and of its variables."""
        notes = []
        behind = self.order.ordered_at - self.arrived_at
        if behind > CLOCK_SECONDS:
            notes.append(
                f"its clock is at least {behind:.1f} s behind: it came before it was ordered"
            )
        path = self.order.path
        if path is not None and path.faults and self.named is not None:
            unnamed = unnamed_variables(path.variables, self.environment, self.named.address)
            notes += [unnamed] if unnamed else []
        return tuple(notes)

    def run(self, interrupted: Callable[[], bool], mask: Callable[[str], str]) -> TaskReport:
        """Wait for the barrier, and launch the startup, on its path where it has one.

        Args:
            interrupted: asked often; once true, everything is ended at once.
            mask: a text without the secrets that this process knows.

        Raises:
            Interrupted: `interrupted` became true; nothing of it is left.
            PartUnavailable: it cannot be started.
            MachineryFailed: this machine has nothing left to start or to check it with.
        """
        barrier = Deadline.after(self.barrier_seconds)
        begun_at: list[float] = []

        def pause(seconds: float) -> None:
            deadline = Deadline.after(seconds)
            while not deadline.passed:
                if interrupted():
                    raise Interrupted("the task was cancelled before its startup began")
                time.sleep(min(deadline.remaining_seconds, SHORTEST_PAUSE_SECONDS))

        def launched(database: DatabaseAddress, variables: Mapping[str, str]) -> StartupOutcome:
            pause(barrier.remaining_seconds)
            begun_at.append(time.time())
            return asyncio.run(self._launched(database, variables, interrupted, mask))

        path: PathReport | None = None
        if self.order.path is None:
            outcome = launched(self.database, {})
        else:
            outcome, path = self._on_path(self.order.path, launched, interrupted, pause, barrier.at)
        return TaskReport(
            self.execution,
            self.index,
            self.attempt,
            self.arrived_at,
            begun_at[0] if begun_at else time.time(),
            outcome,
            path,
            self.notes,
        ).fitting(output_bytes(self.count))

    @property
    def seconds_to_live(self) -> float:
        """From its arrival until it and its path have ended, whatever happens."""
        return self.barrier_seconds + self.order.longest_seconds + MARGIN_SECONDS

    def _on_path(
        self,
        order: PathOrder,
        launched: Launch,
        interrupted: Callable[[], bool],
        pause: Callable[[float], None],
        barrier_at: float,
    ) -> tuple[StartupOutcome, PathReport]:
        """The outcome of its startup on its path, and what is known of that."""
        if self.named is None:
            path = PathReport(failure=self.unusable)
            return _not_started(self.unusable), path
        startup = StartupOnPath(
            order, self.named, self.index, self.seconds_to_live, launched, interrupted, pause
        )
        groups_left = order.groups - order.group_of(self.index)
        outcome = startup.run(barrier_at - groups_left * order.measure_seconds)
        return outcome or _not_started(startup.report.gap(order)), startup.report

    async def _launched(
        self,
        database: DatabaseAddress,
        variables: Mapping[str, str],
        interrupted: Callable[[], bool],
        mask: Callable[[str], str],
    ) -> StartupOutcome:
        order = self.order
        hold = Deadline.after(order.hold_seconds)
        decided: list[StartupOutcome] = []

        async def stay_up() -> None:
            """As an instance does, while others start."""
            ready = decided and decided[-1].status in (Status.READY, Status.DEGRADED)
            while ready and not hold.passed and not interrupted():  # noqa: ASYNC110 - set by a signal
                await asyncio.sleep(min(hold.remaining_seconds, SHORTEST_PAUSE_SECONDS))

        (outcome,) = await launch(
            self.plan(variables),
            [database],
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
        return outcome

    async def report(self, text: str, interrupted: Callable[[], bool]) -> str | None:
        """Write the report into the database; tried again until its time is up.

        Returns:
            Why it is not there; None when it is.
        """
        row = ReportRow(self.order.schema, self.execution, self.index, self.attempt, text)
        return await write_report(
            self.database, row, self.count, self.order.report_seconds, interrupted
        )


def exit_code_of(outcome: StartupOutcome) -> int:
    """What the task ends with: the platform then tells what the startup came to."""
    if outcome.status in (Status.READY, Status.DEGRADED):
        return 0
    if outcome.status is Status.TIMED_OUT:
        return OUT_OF_TIME
    if outcome.exit_reason is ExitReason.NOT_STARTED:
        return NOT_UNDERSTOOD
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
        for database in (task.database, task.named and task.named.address):
            redactor.add(database.password if database else "")
        time_to_live(task.seconds_to_live, OUT_OF_TIME)
        report = task.run(lambda: bool(stopped), redactor.text)
    except Interrupted as error:
        say(str(error))
        return CANCELLED
    except ChaosnetraError as error:
        say(f"chaosnetra: {error}")
        return NOT_UNDERSTOOD
    except Exception as error:  # noqa: BLE001 - ours, and not the orchestrator's
        say(f"chaosnetra: {MachineryFailed(error)}")
        return NOT_UNDERSTOOD
    for line in report.outcome.output:  # of a startup that was not ready
        say(line)
    data = redactor.data(report.to_json())
    say(json.dumps({REPORT_KEY: redactor.data(report.brief.to_json())}))
    missing = asyncio.run(task.report(json.dumps(data), lambda: bool(stopped)))
    if missing is not None:
        say(f"chaosnetra: the report did not reach the database: {missing}")
    return exit_code_of(report.outcome)


def _not_started(why: str) -> StartupOutcome:
    return StartupOutcome(
        number=1,
        status=Status.FAILED,
        seconds=0.0,
        ended_by=EndedBy.LAUNCHER,
        exit_reason=ExitReason.NOT_STARTED,
        error=StartupFailure(why),
        cause_kept=False,
    )


def _whole(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < LONGEST_DIGITS):
        raise InvalidInput(f"{name} must be a whole number, got {text!r:.100}")
    return int(text)
