"""What a game day is: the plan that its file holds, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any


class Asked(StrEnum):
    """What each person predicts before a step is run."""

    HELD = "held"
    STARTUP_SECONDS = "startup_seconds"


@dataclass(frozen=True)
class Role:
    """Who does what on the day."""

    role: str
    person: str


@dataclass(frozen=True)
class Abort:
    """When the day has to end, whatever step it is at.

    Attributes:
        conditions: as the abort control takes them; see `chaosnetra.controls.abort`.
        frequency_seconds: between two checks of all of them.
    """

    conditions: tuple[Mapping[str, Any], ...] = ()
    frequency_seconds: float = 1.0


@dataclass(frozen=True)
class DayStep:
    """One experiment of the day.

    Attributes:
        name: short, unique in the day.
        experiment: its file.
        parameters: values of its configuration, by key, as text.
        announcement: to be read out before it.
        predict: what each person is asked.
        observe: what to look at while it runs.
        go_on_when_violated: whether the day may go on when the steady state did not hold.
        maximum_seconds: that its run may take; it is stopped then. None: no limit of its own.
    """

    name: str
    experiment: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    announcement: str = ""
    predict: tuple[Asked, ...] = (Asked.HELD,)
    observe: tuple[str, ...] = ()
    go_on_when_violated: bool = True
    maximum_seconds: float | None = None


@dataclass(frozen=True)
class GameDay:
    """A day's plan.

    Attributes:
        path: the file that it was read from.
        data: what the file holds; kept in the record, so that a day goes on as it began.
        environment: `local` or `staging`.
        starts_at: when it is planned for, ISO 8601; empty when the file does not say.
        duration_minutes: how long it is planned to take; people are told when it is over.
    """

    path: Path
    data: Mapping[str, Any] = field(repr=False)
    title: str
    purpose: str
    environment: str
    starts_at: str
    duration_minutes: float
    roles: tuple[Role, ...]
    abort: Abort
    parameters: Mapping[str, str]
    steps: tuple[DayStep, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who has a role, in the order of the file."""
        return tuple(dict.fromkeys(role.person for role in self.roles))

    def acting(self, *, rehearsal: bool) -> "GameDay":
        """The day as its runs are told of it: where they act.

        A rehearsal acts on the local stand, whatever the file says.
        """
        environment = "local" if rehearsal else self.environment
        parameters = {**self.parameters, "environment": environment}
        return replace(self, environment=environment, parameters=parameters)
