"""How the endpoint is told to misbehave: rules, each for some calls of one method."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import grpc
from google.cloud import run_v2

from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import duration, whole_number

MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class Rule:
    """What happens at some calls of one method; from top to bottom, in this order.

    Attributes:
        call: the method, such as `UpdateService` or `GetOperation`.
        skip: how many calls of it pass untouched first.
        times: how many calls after these it is for.
        delay_seconds: the call waits this long.
        deploy_before: somebody else's change that comes first: see `Services.deploy`.
        drop: `before` or `after`: where in all this every connection is cut.
        refuse: a gRPC status code that it answers; nothing is carried out.
        stale_etag: the resource it answers with has an etag that is no longer current.
        operation_seconds: how long the operation that it starts takes.
        operation_error: the status code that this operation ends with.
        later_conditions: of the service, once this operation has succeeded, until its next change:
            each with `type`, `state`, `message`, and perhaps `severity`. Its readiness stays.
        later_seconds: how long after the operation's end they come.
        unset_exit_code: tasks of the execution that it starts end without an exit code.
        failed_tasks: so many of them that succeeded are counted as failed by the execution.
        deploy_after: somebody else's change that follows at once.
        lose_answer: the status code that it answers although it was carried out.
    """

    call: str
    skip: int = 0
    times: int = 1
    delay_seconds: float = 0.0
    deploy_before: Mapping[str, Any] | None = None
    drop: str = ""
    refuse: str = ""
    stale_etag: bool = False
    operation_seconds: float | None = None
    operation_error: str = ""
    later_conditions: Sequence[Mapping[str, str]] = ()
    later_seconds: float = 0.0
    unset_exit_code: bool = False
    failed_tasks: int = 0
    deploy_after: Mapping[str, Any] | None = None
    lose_answer: str = ""

    def __post_init__(self) -> None:
        whole_number("skip", self.skip, minimum=0)
        whole_number("times", self.times, minimum=1)
        whole_number("failed_tasks", self.failed_tasks, minimum=0)
        for name in ("delay_seconds", "operation_seconds", "later_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and duration(name, seconds) > MOST_SECONDS:
                raise InvalidInput(f"{name} must be at most {MOST_SECONDS:g}, got {seconds!r}")
        for name in ("refuse", "operation_error", "lose_answer"):
            code = getattr(self, name)
            if code and code not in grpc.StatusCode.__members__:
                raise InvalidInput(f"{name} must be a gRPC status code, got {code!r}")
        if self.drop not in ("", "before", "after"):
            raise InvalidInput(f"drop must be before or after, got {self.drop!r}")
        for condition in self.later_conditions:
            check_condition(condition)


def check_condition(condition: Any) -> None:
    """Refuse what is no condition of the API.

    Raises:
        InvalidInput: a key or a value that no condition has.
    """
    known = {"type", "state", "message", "severity"}
    if (
        not isinstance(condition, Mapping)
        or not {"type", "state"} <= set(condition) <= known
        or condition["state"] not in run_v2.Condition.State.__members__
        or condition.get("severity", "ERROR") not in run_v2.Condition.Severity.__members__
    ):
        raise InvalidInput(
            f"a condition has a type, a state of the API's and a message, got {condition!r}"
        )


NO_RULE = Rule("")


def parse_rule(data: Any) -> Rule:
    """A rule from JSON data.

    Raises:
        InvalidInput: a key or a value that no rule has.
    """
    known = {field.name for field in fields(Rule)}
    if not isinstance(data, dict) or not isinstance(data.get("call"), str):
        raise InvalidInput("a rule must be a JSON object with the name of a call")
    unknown = sorted(set(data) - known)
    if unknown:
        raise InvalidInput(f"a rule has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    try:
        return Rule(**data)
    except TypeError as error:
        raise InvalidInput(f"the rule cannot be used: {error}") from None


@dataclass
class _Waiting:
    rule: Rule
    skip: int
    times: int


@dataclass
class Rules:
    """The rules that still wait for their calls, and how often each method was called."""

    calls: dict[str, int] = field(default_factory=dict)
    _waiting: list[_Waiting] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._waiting.append(_Waiting(rule, rule.skip, rule.times))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, call: str) -> Rule:
        """The rule for this call of a method; of several the one that was added first."""
        with self._lock:
            self.calls[call] = self.calls.get(call, 0) + 1
            found = NO_RULE
            for waiting in [waiting for waiting in self._waiting if waiting.rule.call == call]:
                if waiting.skip:
                    waiting.skip -= 1
                elif found is NO_RULE:
                    found = waiting.rule
                    waiting.times -= 1
                    if not waiting.times:
                        self._waiting.remove(waiting)
            return found

    @property
    def left(self) -> int:
        """How many rules still wait."""
        with self._lock:
            return len(self._waiting)
