"""The faults of a run as its tasks have them: ordered, measured there, and what counts for it.

Each startup of a run in staging is a task of a job, and has a path to the database of its own:

startup -> observer -> [connector emulator] -> toxics -> database

What is in place on the run's own path is ordered for the path of each task. A startup whose fault
was not measured in its task, before and after, is no trial.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.connector.faults import ConnectorChanged
from chaosnetra.errors import InvalidInput, PartUnavailable
from chaosnetra.faults import Effect, Injected, in_all
from chaosnetra.redaction import Redactor
from chaosnetra.running.session import Session
from chaosnetra.settings import Settings, setting_hint
from chaosnetra.startup.orders import FaultKind, OrderedFault, PathOrder, measuring_groups
from chaosnetra.startup.outcome import ExitReason, StartupOutcome
from chaosnetra.startup.reports import TaskReport
from chaosnetra.startup.uncounted import Uncounted
from chaosnetra.task_path.faults import measuring_seconds
from chaosnetra.task_path.variables import (
    VERIFIES_NAME,
    database_templates,
    named_database,
    unnamed_variables,
)
from chaosnetra.text import effect_text, how_many, plain_names
from chaosnetra.toxiproxy.faults import ProxySwitched
from chaosnetra.toxiproxy.toxic_faults import ToxicAdded, ToxicUpdated

logger = logging.getLogger("chaostoolkit")


def ordered_variables(settings: Settings, redactor: Redactor) -> dict[str, str]:
    """The variables of the job that name its database, and their templates, for an order.

    An order stands in the execution, where many may read it.

    Args:
        settings: the run's.
        redactor: it knows the run's secrets.

    Raises:
        InvalidInput: there is none, or a template holds a secret.
    """
    hint = setting_hint("target_environment")
    found = database_templates(settings.target_environment)
    if not found:
        raise InvalidInput(
            "no variable is named that the job's container has its database in, so nothing can "
            "stand before it",
            f'{hint} to its name and its shape, such as {{"DATABASE_URL": "{{url}}"}}',
        )
    own = Redactor()
    own.learn(found)
    for name, template in found.items():
        if own.text(redactor.text(template)) != template:
            raise InvalidInput(
                f"the template of {name} holds a secret, which the order of a task would show: "
                "write {password} in its place",
                hint,
            )
    return found


def refuse_checked_name(address: DatabaseAddress) -> None:
    """Refuse an address whose clients hold the server's certificate against its name.

    Raises:
        InvalidInput: they do, and would not find that name at what stands before the database.
    """
    if not address.is_socket and dict(address.options).get("sslmode") == VERIFIES_NAME:
        raise InvalidInput(
            f"with sslmode={VERIFIES_NAME} the server's name is checked, and what stands before it "
            "for a fault has another one: use verify-ca, or a Unix socket",
            setting_hint("database_url"),
        )


def check_job_variables(
    templates: Mapping[str, str], variables: Mapping[str, str | None]
) -> list[str]:
    """Hold a job's own variables against the templates, as far as they are known.

    Args:
        templates: see `ordered_variables`.
        variables: that the job's configuration sets; None: a secret.

    Returns:
        What may keep a path from standing, and is known in the container alone; and what of the
        service may go past it. Each in one line.

    Raises:
        InvalidInput: no path can stand before what they name.
    """
    missing = [name for name in templates if name not in variables]
    if missing:
        unset = f"the job's configuration does not set {', '.join(missing)}"
        return [f"{unset}: unless its image does, no startup under a fault will count"]
    known = {name: text for name, text in variables.items() if text is not None}
    if not templates.keys() <= known.keys():
        return []
    # Whether a hosts entry of the container leads a name that TLS checks to it, is known there.
    named = named_database(templates, known, lambda host: True)
    unnamed = unnamed_variables(templates, known, named.address)
    warnings = [unnamed] if unnamed else []
    try:
        named_database(templates, known)
    except InvalidInput as error:
        warnings.append(str(error))
    return warnings


def path_order(session: Session, tasks: int) -> PathOrder | None:
    """What is to stand before the database of each of so many tasks; None: nothing in this run.

    Raises:
        InvalidInput: see `ordered_variables`.
    """
    if not session.staging.has_path:
        return None
    faults = _faults_in_place(session)
    variables = ordered_variables(session.settings, session.redactor)
    return PathOrder(
        variables,
        faults,
        measure_seconds=measuring_seconds(faults),
        groups=measuring_groups(tasks),
        seed=session.settings.seed,
    )


def refuse_changed(session: Session, order: PathOrder) -> None:
    """Refuse what was launched where the run's faults have changed since: the tasks have others.

    Raises:
        PartUnavailable: they have.
    """
    now = _faults_in_place(session)
    if now != order.faults:
        before, after = ({fault.name for fault in faults} for faults in (order.faults, now))
        what = ", ".join(sorted(before ^ after)) or "a fault"
        raise PartUnavailable(
            f"{what} was put in place, changed or taken away while the tasks ran, which have what "
            "was in place before: launch startups between such actions, not beside them"
        )


def _faults_in_place(session: Session) -> tuple[OrderedFault, ...]:
    """What is in place on the run's own path, for those of its tasks."""
    found = (_ordered(held) for held in session.injector.in_place)
    return tuple(fault for fault in found if fault is not None)


def _ordered(held: Injected) -> OrderedFault | None:
    """A fault of the run's own path for those of its tasks; None: it is no fault of the path."""
    fault, name = held.fault, plain_names(held.name)
    if isinstance(fault, ToxicAdded | ToxicUpdated):
        toxic = fault.toxic.to_server()
        return OrderedFault(name, FaultKind.TOXIC, {**toxic, "name": plain_names(fault.toxic.name)})
    if isinstance(fault, ProxySwitched) and not fault.enabled:
        return OrderedFault(name, FaultKind.PROXY, {"enabled": False})
    if isinstance(fault, ConnectorChanged):
        return OrderedFault(name, FaultKind.CONNECTOR, fault.model.to_json())
    return None


@dataclass(frozen=True)
class Counted:
    """The startups of one execution, told apart by whether their faults were measured.

    Attributes:
        outcomes: of those that count, in order.
        reports: of their tasks, in that order.
        uncounted: the others; None: there are none.
    """

    outcomes: list[StartupOutcome]
    reports: list[TaskReport]
    uncounted: Uncounted | None

    @classmethod
    def of(
        cls,
        order: PathOrder,
        outcomes: Sequence[StartupOutcome],
        reports: Mapping[int, TaskReport],
    ) -> "Counted":
        """The startups of an execution.

        Args:
            order: what the tasks were told of their path.
            outcomes: of all.
            reports: by the index of their task.
        """
        counted, found, gaps = [], [], []
        for outcome in outcomes:
            report = reports.get(outcome.number - 1)
            gap = _gap(order, outcome, report)
            if gap:
                gaps.append(gap)
                continue
            counted.append(outcome)
            if report is not None:
                found.append(report)
        uncounted = Uncounted(len(gaps), len(outcomes), gaps[0]) if gaps else None
        return cls(counted, found, uncounted)

    def tell(self, session: Session, order: PathOrder) -> None:
        """Tell the run what the tasks measured of its faults."""
        unmeasured = self.uncounted.startups if self.uncounted else 0
        own_names = {plain_names(held.name): held.name for held in session.injector.in_place}
        for fault in order.faults:
            measured = [
                one
                for report in self.reports
                if report.path is not None
                for one in report.path.faults
                if one.name == fault.name
            ]
            before = _known(one.before for one in measured)
            after = _known(one.after for one in measured)
            name = own_names.get(fault.name, fault.name)
            session.injector.measured_in_tasks(name, before, after, unmeasured)
            found = in_all(before, "before")
            if found is not None:
                where = f"in {len(before)} of {how_many(len(before) + unmeasured, 'task')}"
                logger.info(f"{fault.name}: {effect_text(found.to_json(), where)}")


def path_seen(reports: Sequence[TaskReport]) -> dict[str, Any]:
    """What the paths of tasks cost them: the longest time until one was ready, the most memory."""
    paths = [report.path for report in reports if report.path is not None]
    ready = (path.ready_seconds for path in paths if path.ready_seconds is not None)
    memory = (path.memory_bytes for path in paths if path.memory_bytes is not None)
    return {
        "ready_seconds_max": max(ready, default=None),
        "memory_bytes_max": max(memory, default=None),
    }


def _known(effects: Iterable[Effect | None]) -> list[Effect]:
    return [effect for effect in effects if effect is not None]


def _gap(order: PathOrder, outcome: StartupOutcome, report: TaskReport | None) -> str:
    """Why a startup is no trial, in one line; empty: it is one."""
    if report is None or outcome.exit_reason is ExitReason.RETRIED:
        # Without a fault nothing had to be measured: how it ended is known all the same.
        why = outcome.error.text if outcome.error else "its task reported nothing"
        return why if order.faults else ""
    if report.path is None:
        return "its task says nothing of its path to the database"
    return report.path.gap(order)
