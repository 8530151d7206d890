"""What a game day is: the plan that its file holds.

These models say once what a file may hold, how it is checked, and what its JSON schema is; how
what is wrong is told to people is in `reading`.
"""

import json
import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticCustomError

from chaosnetra.errors import InvalidInput

LONGEST_TEXT = 4000
MOST_STEPS = MOST_PEOPLE = MOST_CONDITIONS = 50
LONGEST_MINUTES = 24 * 60
NOT_EMPTY = r"\S"
NAME = "^[a-z0-9][a-z0-9-]{0,39}$"


def _wrong(message: str, remedy: str) -> PydanticCustomError:
    """A rule that no schema can tell, in the words of `reading`."""
    return PydanticCustomError("gameday", "{message}", {"message": message, "remedy": remedy})


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "it holds a NUL character")
    return text


def _moment(text: str) -> str:
    if text:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            remedy = "write a moment such as 2026-12-03T09:00:00+01:00"
            raise _wrong(f"starts_at is {text[:60]!r}", remedy) from None
    return text


def _parameter(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _wrong("it is neither text nor a number", "write one of them")
    return f"{value}"


def _condition(value: Any) -> Any:
    from chaosnetra.running.abort_conditions import Condition

    try:
        Condition(value)
    except InvalidInput as error:
        raise _wrong(str(error), "see the abort control") from None
    return value


def _experiment(value: Any, info: ValidationInfo) -> Any:
    """The path of a file that is named from the folder of the day's; it has to be there."""
    if not isinstance(value, str):
        return value  # what is wrong with it is said by its type
    if not value.strip():
        raise PydanticCustomError("empty", "it is empty")
    if len(value) > LONGEST_TEXT:
        raise PydanticCustomError("string_too_long", "it is too long")
    context = info.context or {}
    day: Path = context["path"]
    path = Path(os.path.normpath(day.parent / value))
    try:
        missing = bool(context["check_files"]) and not path.is_file()
    except (OSError, ValueError):
        missing = True
    if missing:
        raise _wrong(
            f"there is no experiment {value[:200]!r} beside {day.name}",
            "name a file that is there, seen from the folder of the game day",
        )
    return path


AnyText = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_without_nul)]
Text = Annotated[
    str, Field(max_length=LONGEST_TEXT, pattern=NOT_EMPTY), AfterValidator(_without_nul)
]
# Of a text that may be left out; `null` is as left out.
OptionalText = Annotated[AnyText, BeforeValidator(lambda text: "" if text is None else text)]
Number = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
_ParameterSchema = WithJsonSchema({"type": ["string", "number"], "maxLength": LONGEST_TEXT})
Parameters = dict[str, Annotated[AnyText, BeforeValidator(_parameter), _ParameterSchema]]
ExperimentFile = Annotated[
    Path,
    BeforeValidator(_experiment),
    WithJsonSchema({"type": "string", "maxLength": LONGEST_TEXT, "pattern": NOT_EMPTY}),
]


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base's signature
        return False


class Asked(StrEnum):
    """What each person predicts before a step is run."""

    HELD = "held"
    STARTUP_SECONDS = "startup_seconds"


class Part(BaseModel):
    """An object of the file; `called` is what people know it as."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    called: ClassVar[str]


class Role(Part):
    """Who does what on the day."""

    called = "a role"

    role: Text
    """Such as conductor, observer, scribe."""
    person: Text


class AbortCondition(Part):
    """A probe that must go on holding, as the control chaosnetra.controls.abort takes it."""

    name: str = ""
    provider: dict[str, Any]
    tolerance: Any = None
    """As in a steady-state hypothesis; without it, `held` of the result counts."""
    window: int = Field(1, ge=1, le=100_000)
    """So many of the last checks count."""
    max_failure_rate: float = Field(0, ge=0, le=1)
    """How much of the window may fail."""


_ConditionSchema = WithJsonSchema(AbortCondition.model_json_schema(schema_generator=_WithoutTitles))


class Abort(Part):
    """When the day has to end, whatever step it is at; checked from its beginning to the last."""

    called = "abort"

    conditions: Annotated[
        tuple[Annotated[dict[str, Any], BeforeValidator(_condition), _ConditionSchema], ...],
        Field(max_length=MOST_CONDITIONS),
    ] = ()
    """As the control chaosnetra.controls.abort takes them: each a probe that must go on holding."""
    frequency_seconds: Annotated[Number, Field(le=3600)] = 1.0
    """Between two checks of all conditions."""


class DayStep(Part):
    """One experiment of the day."""

    called = "a step"

    name: str = Field(pattern=NAME)
    """Short, and unique in the day."""
    experiment: ExperimentFile
    """Its file, seen from the folder of this one."""
    parameters: Parameters = {}
    """Keys of the experiment's configuration, or settings."""
    announcement: OptionalText = ""
    """Read out before it."""
    predict: Annotated[
        tuple[Asked, ...], AfterValidator(lambda asked: tuple(dict.fromkeys(asked)))
    ] = (Asked.HELD,)
    """What each person present is asked: does it hold; how long does a startup take under the
    fault?"""
    observe: tuple[Text, ...] = ()
    """What to look at while it runs."""
    go_on_when_violated: StrictBool = True
    """Whether the day may go on when the steady state did not hold."""
    maximum_seconds: Annotated[Number, Field(le=LONGEST_MINUTES * 60)] | None = None
    """Its run is stopped then, and undoes everything."""


class DayFile(Part):
    """A planned exercise with people: `chaosnetra gameday run FILE` leads through it."""

    called = "a game day"

    version: Literal[1]
    """Of this format."""
    title: Text
    """What the day is called."""
    environment: Literal["local", "staging"]
    """Where the runs act. staging asks for a plan and somebody's consent; --rehearse acts on the
    local stand instead."""
    roles: tuple[Role, ...] = Field(min_length=1, max_length=MOST_PEOPLE)
    """Who does what. Whoever is named first says what nobody else is named for."""
    steps: tuple[DayStep, ...] = Field(min_length=1, max_length=MOST_STEPS)
    json_schema: Annotated[Any, WithJsonSchema({"type": "string"})] = Field("", alias="$schema")
    """This schema, for editors."""
    purpose: OptionalText = ""
    """What is to be learned."""
    starts_at: Annotated[OptionalText, AfterValidator(_moment)] = ""
    """When it is planned for, ISO 8601, such as 2026-12-03T09:00:00+01:00."""
    duration_minutes: Annotated[Number, Field(le=LONGEST_MINUTES)] = 60.0
    """How long it is planned to take; people are told when it is over."""
    abort: Abort = Abort()
    parameters: Parameters = {}
    """For every step whose experiment has them, and for the abort criteria."""


class GameDay(DayFile):
    """A day's plan, with the file that it was read from.

    Attributes:
        path: of the file.
        data: what the file holds; kept in the record, so that a day goes on as it began.
    """

    path: Path
    data: dict[str, Any] = Field(repr=False)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who has a role, in the order of the file."""
        return tuple(dict.fromkeys(role.person for role in self.roles))

    def acting(self, *, rehearsal: bool) -> Self:
        """The day as its runs are told of it: where they act.

        A rehearsal acts on the local stand, whatever the file says.
        """
        environment = "local" if rehearsal else self.environment
        parameters = {**self.parameters, "environment": environment}
        return self.model_copy(update={"environment": environment, "parameters": parameters})


def day_schema() -> str:
    """The JSON schema of a game day's file, for editors."""
    made = DayFile.model_json_schema(schema_generator=_WithoutTitles)
    draft = {"$schema": _WithoutTitles.schema_dialect}
    whole = json.dumps({**draft, **made, "title": "A game day of chaosnetra"}, indent=2)
    return whole.replace("\\n", " ")  # line ends of the docstrings above
