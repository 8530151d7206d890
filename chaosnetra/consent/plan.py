"""The plan of an experiment: what it would change, what it needs, and the hash of all of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling_plan import ScalingPlan
from chaosnetra.consent.demands import Connections, PlannedActivity
from chaosnetra.errors import NotAllowed
from chaosnetra.postgres.connect import Slots
from chaosnetra.profiles import PoolSettings
from chaosnetra.safety.allowlist import AllowList
from chaosnetra.task_path.footprint import FOOTPRINT

HASH_DIGITS = 32


@dataclass(frozen=True)
class InstanceChange:
    """One scaling, and the instances that the service is bound to have by it."""

    step: str
    scaling: ScalingPlan
    before: int
    after: int

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "instances_before": self.before,
            "instances_after": self.after,
            **self.scaling.to_json(),
        }


@dataclass(frozen=True)
class Arithmetic:
    """Connections against slots.

    Attributes:
        pool: of one instance, by the profile.
        instances_before: that the service is bound to have.
        instances_after: at most, by the scalings of the method.
        opened: what the steps open themselves.
        total: connections that the run may cause at once, at most.
        slots: of the database, as they are now; None when it could not be asked.
    """

    pool: PoolSettings
    instances_before: int
    instances_after: int
    opened: Sequence[Connections]
    total: int
    slots: Slots | None

    def to_json(self) -> dict[str, Any]:
        each, new = self.pool.connections, self.instances_after - self.instances_before
        return {
            "pool_size": self.pool.size,
            "pool_max_overflow": self.pool.max_overflow,
            "instances_before": self.instances_before,
            "instances_after": self.instances_after,
            "of_all_instances": self.instances_after * each,
            "of_new_instances": new * each,
            "opened": {one.step: one.count for one in self.opened},
            "total": self.total,
            "free_slots": self.slots.free if self.slots else None,
            "max_connections": self.slots.max_connections if self.slots else None,
            "reserved": self.slots.reserved if self.slots else None,
        }


@dataclass(frozen=True)
class PathPlan:
    """What stands before the database of a run in staging, and of each of its tasks.

    Attributes:
        steps: that put faults there.
        variables: the job's variables that name its database, and their templates; none without
            tasks.
    """

    steps: Sequence[PlannedActivity]
    variables: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        faults = [
            {"step": step.name, "action": step.shown_action, "arguments": dict(step.arguments)}
            for step in self.steps
        ]
        return {"faults": faults, "variables": dict(self.variables)}


@dataclass(frozen=True)
class ExperimentPlan:
    """What an experiment would do, as it was inspected.

    Attributes:
        title: the experiment's.
        content: digest of its file's content.
        environment: `local` or `staging`.
        target: whom it acts on: endpoint, service and job with their uid and etag, database.
        steps: the activities of ours.
        changes: scalings of the service, in order.
        arithmetic: connections; None for an experiment without any.
        path: what stands before the database; None: nothing of ours does.
        tasks: of one execution of the job, at most.
        task_settings: the settings that reach them; none without tasks.
        pool: connections of an instance (`size`, `max_overflow`) and of one startup
            (`per_startup`).
        seconds: how long all of it may take.
        allowed: the allow-list; None outside of staging.
        lasting: of the target, what our own changes leave as it was once they are undone; by
            `service` and `job`.
        warnings: what its reader should know.
        refusals: why it may not be carried out; none when it may.
        search: hash of the search's plan that this is a trial of; empty: of none.
        execution_seconds: after which an execution of the job is cancelled; 0 without tasks.
    """

    title: str
    content: str
    environment: str
    target: Mapping[str, Any]
    steps: Sequence[PlannedActivity]
    changes: Sequence[InstanceChange]
    arithmetic: Arithmetic | None
    path: PathPlan | None
    tasks: int
    task_settings: Mapping[str, Any]
    pool: Mapping[str, int]
    seconds: float
    allowed: AllowList | None
    lasting: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = field(default=())
    refusals: Sequence[str] = field(default=())
    search: str = ""
    execution_seconds: float = 0.0

    @property
    def what_is_allowed(self) -> dict[str, Any] | None:
        """The allow-list, wherever it was read."""
        allowed = self.allowed.to_json() if self.allowed else None
        if allowed is not None:
            del allowed["source"]
        return allowed

    @property
    def hash(self) -> str:
        """Over all that a consent rests on; not over what only time changes, as free slots."""
        rests_on = {
            "content": self.content,
            "environment": self.environment,
            "target": dict(self.target),
            "steps": list(map(asdict, self.steps)),
            "changes": [
                {
                    "rows": [row.to_json() for row in change.scaling.rows],
                    "before": change.before,
                    "after": change.after,
                }
                for change in self.changes
            ],
            "pool": dict(self.pool),
            "path": self.path.to_json() if self.path else None,
            "tasks": self.tasks,
            "told": dict(self.task_settings),
            "seconds": self.seconds,
            "allowed": self.what_is_allowed,
        }
        return digest(rests_on)

    @property
    def has_path(self) -> bool:
        """Whether something of ours stands before the database."""
        return self.path is not None

    def require(self, kind: str, name: str, etag: str) -> None:
        """Refuse another version of the service or the job than the one that was inspected.

        Args:
            kind: `service` or `job`.
            name: its full name.
            etag: of the version that is there.

        Raises:
            NotAllowed: somebody has changed it since, or it is in no plan.
        """
        seen = self.target.get(kind) or {}
        if seen.get("name") != name:
            raise NotAllowed(
                f"{shown(name)} is not in the plan that was consented to; read `chaosnetra plan "
                "EXPERIMENT` again"
            )
        if seen["etag"] != etag:
            raise NotAllowed(
                f"{shown(name)} was changed by somebody after it was consented to (etag "
                f"{seen['etag']} then, {etag} now); read `chaosnetra plan EXPERIMENT` again"
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "hash": self.hash,
            "title": self.title,
            "content": self.content,
            "environment": self.environment,
            "target": dict(self.target),
            "changes": [change.to_json() for change in self.changes],
            "connections": self.arithmetic.to_json() if self.arithmetic else None,
            "path": self.path.to_json() if self.path else None,
            "tasks": self.tasks,
            "tasks_are_told": dict(self.task_settings),
            "seconds": self.seconds,
            "allow_list": self.allowed.to_json() if self.allowed else None,
            "warnings": list(self.warnings),
            "refusals": list(self.refusals),
            **({"search": self.search} if self.search else {}),
        }

    @property
    def text(self) -> str:
        """For people."""
        lines = [f"plan of: {self.title}", *self.whom, *self.what]
        lines.append(f"deadline: {self.seconds:g} s for the whole experiment")
        lines += allowance(self.allowed, self.warnings, self.refusals)
        return "\n".join([*lines, f"hash: {self.hash}"])

    @property
    def whom(self) -> list[str]:
        """Lines for people: on whom it acts."""
        target = self.target
        lines = [f"environment: {self.environment}"]
        if target.get("endpoint"):
            lines.append(f"Cloud Run: {target['endpoint']}")
        for kind in ("service", "job"):
            if target.get(kind):
                seen = target[kind]
                lines.append(f"{shown(seen['name'])}: uid {seen['uid']}, etag {seen['etag']}")
        if target.get("database"):
            lines.append(f"database: {target['database']}")
        if target.get("cloud_sql_instance"):
            lines.append(f"Cloud SQL instance: {target['cloud_sql_instance']}")
        return lines

    @property
    def what(self) -> list[str]:
        """Lines for people: what it changes and opens there."""
        lines = []
        for change in self.changes:
            lines.append(f"{change.step}:")
            lines += [
                f"  {row.path}: {_value(row.before)} -> {_value(row.after)}"
                + ("" if row.written else " (changes along)")
                for row in change.scaling.rows
            ]
            delta = change.after - change.before
            lines.append(f"  instances: {change.before} -> {change.after} ({delta:+d})")
        lines += self._path_lines()
        lines += self._connection_lines()
        if self.tasks:
            lines.append(
                f"tasks of the job: {self.tasks} at once, which report into a schema of the run's "
                f"own in the database; each opens up to {self.pool['per_startup']} connections "
                "(job_connections)"
            )
            given = (f"{name} {_value(value)}" for name, value in self.task_settings.items())
            lines.append(f"settings of the tasks: {', '.join(given)}")
        return lines

    def _path_lines(self) -> list[str]:
        """What is put before the database, for whom, and what it adds to a container."""
        if self.path is None:
            return []
        whose = "each task's startup and " if self.tasks else ""
        scale = self.task_settings.get("time_scale", 1)
        scaled = f", at time scale {scale:g}" if scale != 1 else ""
        lines = [f"faults before the database, of {whose}this run's own connections alone{scaled}:"]
        for step in self.path.steps:
            given = ", ".join(f"{name} {_value(value)}" for name, value in step.arguments.items())
            lines.append(f"  {step.name}: {step.function} {given}".rstrip())
        if self.tasks:
            names = ", ".join(self.path.variables)
            lines.append(
                f"  each task gives its service another address in {names}, and measures each "
                "fault before its startup and after it"
            )
            lines.append(f"added to each container: {FOOTPRINT}")
        return lines

    def _connection_lines(self) -> list[str]:
        sums = self.arithmetic
        if sums is None:
            return []
        lines = []
        if self.changes:
            each, new = sums.pool.connections, sums.instances_after - sums.instances_before
            lines.append(
                f"connections of the service: pool {sums.pool.size} + {sums.pool.max_overflow}, "
                f"x {sums.instances_after} instances = {sums.instances_after * each}, "
                f"of them {new * each} new"
            )
        lines += [f"connections of {one.step}: {one.count}" for one in sums.opened]
        free = (
            f"{sums.slots.free} of {sums.slots.max_connections} slots are free "
            f"({sums.slots.reserved} reserved)"
            if sums.slots
            else "the free slots are not known"
        )
        lines.append(f"connections in all: {sums.total} at most; {free}")
        return lines


def allowance(
    allowed: AllowList | None, warnings: Sequence[str], refusals: Sequence[str]
) -> list[str]:
    """Lines for people: what a plan is held against, and whether it may be carried out."""
    lines = []
    if allowed is not None:
        caps = ", ".join(f"{name} {value:g}" for name, value in vars(allowed.caps).items())
        lines += [f"allow-list: {allowed.source}", f"caps: {caps}"]
    lines += [f"warning: {warning}" for warning in warnings]
    lines += [f"refused: {refusal}" for refusal in refusals]
    if not refusals:
        lines.append("allowed" if allowed is not None else "nothing is refused")
    return lines


def digest(data: Any) -> str:
    """Of JSON data, whatever the order of its keys."""
    raw = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.sha256(raw).hexdigest()[:HASH_DIGITS]


def _value(value: Any) -> str:
    return "not set" if value is None else str(value)
