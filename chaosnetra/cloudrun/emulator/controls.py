"""How an experimenter directs the endpoint: rules, and bodies of its control API, checked."""

import threading
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

import grpc
from google.cloud import run_v2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from chaosnetra.errors import InvalidInput

MOST_SECONDS = 3600.0
SOMEBODY_ELSE = "somebody-else@local-cloud-run.example"


def _one_of(names: Any, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
Code = Annotated[str, _one_of(("", *grpc.StatusCode.__members__), "a gRPC status code")]
State = Annotated[str, _one_of(run_v2.Condition.State.__members__, "a state of a condition")]
Severity = Annotated[str, _one_of(run_v2.Condition.Severity.__members__, "a condition's severity")]


class Body(BaseModel):
    """What all bodies have: no key that is not known, and values of the type that is asked for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Check JSON data.

        Raises:
            InvalidInput: a key that is not known, or a value that it cannot have; says which.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            what, first = f"a {cls.__name__.lower()}", error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        match first["type"]:
            case "extra_forbidden" if len(first["loc"]) > 1:
                raise InvalidInput(f"{what} has no {key}")
            case "extra_forbidden":
                known = ", ".join(sorted(cls.model_fields))
                raise InvalidInput(f"{what} has no {key}; it has {known}")
            case "missing":
                raise InvalidInput(f"{what} needs {key}")
            case "model_type":
                problem = "be a JSON object"
            case "greater_than_equal":
                problem = f"be at least {first['ctx']['ge']:g}"
            case "less_than_equal":
                problem = f"be at most {first['ctx']['le']:g}"
            case _:
                problem = (
                    first["msg"].partition(", must ")[2] or first["msg"].partition(" should ")[2]
                )
        raise InvalidInput(f"{key or what} must {problem}, got {first['input']!r}")


class StateCondition(Body):
    """A condition of a service, as the API has it."""

    type: str
    state: State
    message: str = ""
    severity: Severity = "ERROR"


class Deployment(Body):
    """Somebody else's change of a service.

    Without any change of `env`, `scaling` or `labels` a variable of the container is changed.

    Attributes:
        service: its id; the only one when there is but one.
        env: variables of the container: a new revision.
        scaling: fields of it.
        labels: what is added to them.
        seconds: that it takes (0: at once).
        fails: the revision does not become ready, and says so.
        by: who changes it.
    """

    service: str | None = None
    env: dict[str, str] | None = None
    scaling: dict[str, Any] | None = None
    labels: dict[str, str] | None = None
    seconds: Seconds = 0.0
    fails: bool = False
    by: str = SOMEBODY_ELSE


class Rule(Body):
    """What happens at some calls of one method; from top to bottom, in this order.

    Attributes:
        call: the method, such as `UpdateService` or `GetOperation`.
        skip: how many calls of it pass untouched first.
        times: how many calls after these it is for.
        delay_seconds: the call waits this long.
        deploy_before: somebody else's change that comes first.
        drop: `before` or `after`: where in all this every connection is cut.
        refuse: a gRPC status code that it answers; nothing is carried out.
        stale_etag: the resource it answers with has an etag that is no longer current.
        operation_seconds: how long the operation that it starts takes.
        operation_error: the status code that this operation ends with.
        later_conditions: of the service, once this operation has succeeded, until its next change.
            Its readiness stays.
        later_seconds: how long after the operation's end they come.
        unset_exit_code: tasks of the execution that it starts end without an exit code.
        failed_tasks: so many of them that succeeded are counted as failed by the execution.
        deploy_after: somebody else's change that follows at once.
        lose_answer: the status code that it answers although it was carried out.
    """

    call: str
    skip: Count = 0
    times: Annotated[int, Field(ge=1)] = 1
    delay_seconds: Seconds = 0.0
    deploy_before: Deployment | None = None
    drop: Literal["", "before", "after"] = ""
    refuse: Code = ""
    stale_etag: bool = False
    operation_seconds: Seconds | None = None
    operation_error: Code = ""
    later_conditions: list[StateCondition] = []
    later_seconds: Seconds = 0.0
    unset_exit_code: bool = False
    failed_tasks: Count = 0
    deploy_after: Deployment | None = None
    lose_answer: Code = ""


NO_RULE = Rule(call="")


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
