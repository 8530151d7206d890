"""The plan of a search: what all of its trials may do, and the hash by which that is consented to.

A trial is a run of its own, which is planned anew as it begins. It is a trial of the search that
was consented to when its plan differs from the search's in the values that are varied alone, and
these lie within their ranges. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.consent.demands import PlannedActivity, tasks_of
from chaosnetra.consent.plan import ExperimentPlan, allowance, digest
from chaosnetra.errors import InvalidInput, NotAllowed
from chaosnetra.quantities import number
from chaosnetra.text import how_many

# Of a trial, beside its executions: it is planned, the service is scaled, everything is undone.
OTHER_SECONDS = 60.0
# The steady state is checked before the method, after it, and after the rollbacks.
CHECKS = 3


@dataclass(frozen=True)
class Range:
    """A key of the configuration that is varied, and between which values."""

    key: str
    lower: float
    upper: float

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.key} from {self.lower:g} to {self.upper:g}"


@dataclass(frozen=True)
class End:
    """A corner of what is searched: the values there, and what a trial would do with them."""

    values: Mapping[str, float]
    plan: ExperimentPlan

    @property
    def shown(self) -> str:
        """For people."""
        return ", ".join(f"{key} {value:g}" for key, value in self.values.items())


def frame_of(
    plan: ExperimentPlan, steps: Sequence[PlannedActivity], keys: Sequence[str]
) -> dict[str, Any]:
    """What the plans of all trials of a search have in common.

    Args:
        plan: of one of them.
        steps: its activities, with the varied keys as they are written.
        keys: that are varied.
    """
    # Of a service or a job the etag changes with what the trials do.
    target = {
        kind: {name: value for name, value in one.items() if name != "etag"}
        if isinstance(one, Mapping)
        else one
        for kind, one in plan.target.items()
    }
    settings = {**plan.task_settings, "job_connections": plan.pool["per_startup"]}
    return {
        "content": plan.content,
        "environment": plan.environment,
        "target": target,
        "lasting": dict(plan.lasting),
        "steps": list(map(asdict, steps)),
        "pool": {name: plan.pool[name] for name in ("size", "max_overflow")},
        "told": {name: value for name, value in settings.items() if name not in keys},
        "path": dict(plan.path.variables) if plan.path else None,
        "allowed": plan.what_is_allowed,
    }


@dataclass(frozen=True)
class SearchPlan:
    """What a search would do. More of each varied key makes more or less of everything, so that
    the ends of the ranges bound what is between.

    Attributes:
        ranges: what is varied.
        trials: that are still to be made, at most.
        executions: of the job, in one trial, at most.
        seconds: how long all of it may take.
        frame: see `frame_of`.
        ends: every corner of the ranges.
        uncounted: why nobody can tell how many executions there will be; empty: it is told.
    """

    ranges: Sequence[Range]
    trials: int
    executions: int
    seconds: float
    frame: Mapping[str, Any]
    ends: Sequence[End]
    uncounted: str = ""

    @property
    def tasks(self) -> int:
        """Of one execution, at most."""
        return max(end.plan.tasks for end in self.ends)

    @property
    def execution_seconds(self) -> float:
        """After which an execution is cancelled."""
        return max(end.plan.execution_seconds for end in self.ends)

    @property
    def trial_seconds(self) -> float:
        """That are reckoned for one trial."""
        return self.executions * self.execution_seconds + OTHER_SECONDS

    @property
    def task_seconds(self) -> float:
        """Of all tasks together, at most: executions of one search run one after another."""
        by_executions = self.trials * self.executions * self.execution_seconds
        return self.tasks * min(self.seconds, by_executions)

    @property
    def connections(self) -> int | None:
        """At once, at most; None: there are none to tell of."""
        sums = [end.plan.arithmetic for end in self.ends]
        return max((one.total for one in sums if one is not None), default=None)

    @property
    def rests_on(self) -> dict[str, Any]:
        """All that a consent to it rests on."""
        return {
            "frame": dict(self.frame),
            "ranges": list(map(asdict, self.ranges)),
            "trials": self.trials,
            "seconds": self.seconds,
            "ends": [{"at": dict(end.values), "hash": end.plan.hash} for end in self.ends],
        }

    @property
    def hash(self) -> str:
        return digest(self.rests_on)

    @property
    def warnings(self) -> list[str]:
        return self._said([end.plan.warnings for end in self.ends])

    @property
    def refusals(self) -> list[str]:
        """Why it may not be carried out; none when it may."""
        found = self._said([end.plan.refusals for end in self.ends])
        if self.uncounted:
            found.append(self.uncounted)
        if self.trial_seconds > self.seconds:
            found.append(
                f"one trial may take {self.trial_seconds:.0f} s, and the whole search has "
                f"{self.seconds:g} s: raise seconds in caps of the allow-list and "
                "time_to_live_seconds, or ask for shorter startups"
            )
        return found

    def _said(self, lines: Sequence[Sequence[str]]) -> list[str]:
        """What is said at the ends; where it is not said at all of them, with the values."""
        found = []
        for line in dict.fromkeys(line for some in lines for line in some):
            where = [end for end, some in zip(self.ends, lines, strict=True) if line in some]
            found.append(line if len(where) == len(self.ends) else f"at {where[0].shown}: {line}")
        return found

    def to_json(self) -> dict[str, Any]:
        return {
            "hash": self.hash,
            "title": self.ends[0].plan.title,
            "ranges": list(map(asdict, self.ranges)),
            "trials": self.trials,
            "executions_a_trial": self.executions,
            "executions": self.trials * self.executions,
            "tasks": self.tasks,
            "task_seconds": self.task_seconds,
            "connections": self.connections,
            "trial_seconds": self.trial_seconds,
            "seconds": self.seconds,
            "ends": [{"at": dict(end.values), "plan": end.plan.to_json()} for end in self.ends],
            "warnings": self.warnings,
            "refusals": self.refusals,
        }

    @property
    def text(self) -> str:
        """For people."""
        first = self.ends[0].plan
        varied = " and ".join(one.shown for one in self.ranges)
        lines = [f"plan of a search: {first.title}", f"varied: {varied}", *first.whom]
        # A line that ends so begins what is indented below it.
        told = [line for line in first.what if not line.startswith(" ") and not line.endswith(":")]
        alike = [line for line in told if all(line in end.plan.what for end in self.ends)]
        for end in self.ends:
            own = [line for line in end.plan.what if line not in alike]
            lines += [f"at {end.shown}:", *(f"  {line}" for line in own)]
        lines += [f"at any value: {line}" for line in alike]
        lines.append(f"trials: {self.trials} at most, one after another")
        if self.executions:
            lines.append(
                f"executions of the job: {self.trials * self.executions} at most, "
                f"{self.executions} a trial, of {how_many(self.tasks, 'task')} each at most; "
                f"{self.task_seconds:.0f} task-seconds in all at most"
            )
        if self.connections is not None:
            lines.append(f"connections at once: {self.connections} at most")
        lines.append(
            f"deadline: {self.seconds:g} s for the whole search; a trial is reckoned to take up to "
            f"{self.trial_seconds:.0f} s, so none begins after "
            f"{max(0.0, self.seconds - self.trial_seconds):.0f} s"
        )
        lines += allowance(first.allowed, self.warnings, self.refusals)
        return "\n".join([*lines, f"hash: {self.hash}"])


@dataclass(frozen=True)
class SearchConsent:
    """What a search was consented to, as its trials are told.

    Attributes:
        rests_on: see `SearchPlan`.
        lease: name of the search's lease.
    """

    rests_on: Mapping[str, Any]
    lease: str

    @property
    def hash(self) -> str:
        return digest(self.rests_on)

    @property
    def keys(self) -> list[str]:
        """That are varied."""
        return [str(one["key"]) for one in self.rests_on["ranges"]]

    def require(
        self, plan: ExperimentPlan, frame: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        """Refuse a run that is no trial of the search.

        Args:
            plan: of the run.
            frame: see `frame_of`.
            values: that it has for the varied keys.

        Raises:
            NotAllowed: says what differs.
        """
        mine, agreed = (digest_of_each(one) for one in (frame, self.rests_on["frame"]))
        other = [name for name in agreed if mine.get(name) != agreed[name]]
        if other:
            raise NotAllowed(
                "the search was consented to with another "
                f"{', '.join(_CALLED[name] for name in other)} than there is now: somebody has "
                "changed it since; look at the plan of the search again"
            )
        for one in self.rests_on["ranges"]:
            key, lower, upper = one["key"], one["lower"], one["upper"]
            try:
                number(key, values[key], minimum=lower, maximum=upper)
            except InvalidInput as error:
                raise NotAllowed(f"the search was consented to for other values: {error}") from None
        if plan.seconds > self.rests_on["seconds"]:
            raise NotAllowed(
                f"the run may take {plan.seconds:g} s, and the search was consented to for "
                f"{self.rests_on['seconds']:g} s"
            )


# What the parts of a frame are called.
_CALLED = {
    "content": "experiment",
    "environment": "environment",
    "target": "target",
    "lasting": "version of the service or the job",
    "steps": "set of activities",
    "pool": "connection pool",
    "told": "set of settings of the tasks",
    "path": "set of the job's variables",
    "allowed": "allow-list",
}


def digest_of_each(frame: Mapping[str, Any]) -> dict[str, str]:
    """Of each part of a frame: one that was written as JSON has lists in place of tuples."""
    return {name: digest(part) for name, part in frame.items()}


def executions_a_trial(steps: Sequence[PlannedActivity], recovery_checks: int) -> int:
    """Executions of the job in one trial, at most.

    Args:
        steps: of the experiment.
        recovery_checks: how often the steady state may be checked after the rollbacks.
    """
    launching = [step for step in steps if tasks_of([step])]
    in_method = sum(step.in_method for step in launching)
    return in_method + (len(launching) - in_method) * (CHECKS - 1 + recovery_checks)
