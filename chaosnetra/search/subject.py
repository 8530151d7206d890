"""What a search varies: a number in the configuration of an experiment, and what it feeds."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import read_document
from chaosnetra.documents.findings import Severity, nearest
from chaosnetra.errors import InvalidInput
from chaosnetra.lint.check import lint_file
from chaosnetra.lint.modules import Modules
from chaosnetra.pressure.choice import ENVIRONMENTS, HERE
from chaosnetra.quantities import number
from chaosnetra.redaction import Redactor
from chaosnetra.repository import folder_of
from chaosnetra.running.recorded import recorded_configuration, recorded_settings
from chaosnetra.settings import SETTINGS, Settings
from chaosnetra.settings.sources import find_sources

LATENCY = ("chaosnetra.toxiproxy.actions", "add_latency", "latency_ms")
# What a value may be at least, and at most, by how its argument is called.
_AT_LEAST_ONE = (
    *("count", "attempts", "connections", "startups", "instances", "slots"),
    *("connections_per_instance", "maximum_instances"),
)
_SHARES = ("toxicity", "max_failure_rate", "min_confidence", "fraction")
# Of these more makes it easier.
_FALLING = (
    *("connections_per_instance", "instances", "maximum_instances", "rate_kb_per_second"),
    *("limit_bytes", "average_size_bytes", "max_seconds", "maximum_ms", "slow_after_ms"),
    *("max_failure_rate", "startup_timeout_seconds", "readiness_timeout_seconds"),
)
_HOUR_MS = 3_600_000.0


@dataclass(frozen=True)
class Fed:
    """An argument that the value becomes.

    Attributes:
        module: of the function; empty for a setting.
        function: likewise.
        argument: its name; of a setting, the setting's.
        whole: whether it takes whole numbers only.
    """

    module: str
    function: str
    argument: str
    whole: bool = False

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.argument} of {self.function}" if self.function else self.argument


@dataclass(frozen=True)
class Subject:
    """An experiment, and the key of its configuration that is varied.

    Attributes:
        path: of the experiment.
        title: as it calls itself.
        key: that is varied.
        fed: what becomes of it, at least one.
        settings: of its runs.
        target: that they start, for people, without a secret.
        given: settings and values of the configuration that its runs have, as text, secrets masked.
        same_baseline: whether the steady state before the method is the same check for all values.
    """

    path: Path
    title: str
    key: str
    fed: tuple[Fed, ...]
    settings: Settings
    target: str
    given: Mapping[str, str]
    same_baseline: bool

    @property
    def whole(self) -> bool:
        return any(one.whole for one in self.fed)

    @property
    def falls(self) -> bool:
        """Whether it is expected to get harder as the value falls, by what it is used for."""
        return all(one.argument in _FALLING for one in self.fed)

    @property
    def is_latency(self) -> bool:
        """Whether it is what each round trip to the database takes longer, in milliseconds."""
        return any((one.module, one.function, one.argument) == LATENCY for one in self.fed)

    @property
    def may_adopt(self) -> bool:
        """Whether a trial may have the baseline that another one left.

        Not where startups leave a state in the database that those under the fault then meet.
        """
        settings = self.settings
        leaves_state = not settings.target.is_reference and settings.database_state != "auto"
        return self.same_baseline and not leaves_state

    @property
    def resolution(self) -> float:
        """Values that lie nearer to each other cannot be told apart; 0: any can.

        Toxiproxy takes whole milliseconds of a run's own time.
        """
        if self.is_latency:
            return 1 / self.settings.time_scale
        return 1.0 if self.whole else 0.0

    def check_bounds(self, lower: float, upper: float) -> None:
        """Refuse ends between which nothing can be searched.

        Raises:
            InvalidInput: they are not finite, not in order, or beyond what the key allows.
        """
        number("--from", lower)
        number("--to", upper)
        if lower >= upper:
            raise InvalidInput(
                f"--from must be less than --to for {self.key}, got {lower:g} and {upper:g}"
            )
        for one in self.fed:
            least, most = _bounds(one.argument)
            if least is not None and lower < least:
                raise InvalidInput(f"--from must be at least {least:g} for {one.shown}: {lower:g}")
            if most is not None and upper > most:
                raise InvalidInput(f"--to must be at most {most:g} for {one.shown}, got {upper:g}")
        if self.whole and not (lower.is_integer() and upper.is_integer()):
            raise InvalidInput(f"{self.key} takes whole numbers, got {lower:g} and {upper:g}")


def read_subject(path: Path, key: str, variables: Mapping[str, str]) -> Subject:
    """What is to be searched, checked as far as it can be without running it.

    Args:
        path: of the experiment.
        key: of its configuration, to be varied.
        variables: of the configuration, in place of those in its file.

    Raises:
        Unreadable: it cannot be read.
        InvalidInput: it is not valid, or the key cannot be varied.
    """
    experiment = read_document(path).data
    if not isinstance(experiment, dict) or "method" not in experiment:
        raise InvalidInput(f"{path} is no experiment: it has no method")
    configuration = experiment.get("configuration")
    declared: Mapping[str, Any] = configuration if isinstance(configuration, dict) else {}
    for name in (key, *variables):
        if name not in declared and name not in SETTINGS:
            guess = nearest(name, (*declared, *SETTINGS))
            meant = f"; did you mean {guess}?" if guess else ""
            known = ", ".join(map(str, declared)) or "nothing"
            raise InvalidInput(f"the configuration, {known}, has no {name!r}{meant}")
    if key in variables:
        raise InvalidInput(f"{key} is varied, so --set cannot give it a value")
    sources = find_sources(folder_of(str(path)), declared, variables)
    values = {**sources.configuration, key: sources.given[key].value}
    settings = sources.settings(**{key: values[key]})
    # An empty text is what a value has that is left out, unless it is one of ours.
    if values[key] != "" or key in SETTINGS:
        try:
            number(key, values[key])
        except InvalidInput:
            raise InvalidInput(f"{key} is {values[key]!r}, which is no number to vary") from None
    fed = tuple(_fed(experiment, key, settings.environment))
    if not fed:
        other = any(_fed(experiment, key, one) for one in ENVIRONMENTS)
        where = f" in the environment {settings.environment}" if other else ""
        raise InvalidInput(
            f"nothing in the experiment uses {key}{where}: write ${{{key}}} where it counts"
        )
    wrong = [one for one in lint_file(path, Modules()) if one.severity is Severity.ERROR]
    if wrong:
        raise InvalidInput(f"the experiment is not valid: {wrong[0].text}")
    redactor = Redactor()
    redactor.learn(values)
    redactor.learn_environment(os.environ)
    title = experiment.get("title")
    return Subject(
        path,
        title if isinstance(title, str) else "",
        key,
        fed,
        settings,
        redactor.text(settings.target.shown),
        _given(settings, values, declared, redactor),
        _same_baseline(experiment, key),
    )


def _given(
    settings: Settings, values: Mapping[str, Any], declared: Mapping[str, Any], redactor: Redactor
) -> dict[str, str]:
    """What a run's journal would have of it, without the consent, which each call needs anew."""
    given = {
        **recorded_settings(settings, values, os.environ),
        **recorded_configuration(values, declared),
    }
    return {
        name: redactor.text(_as_text(value)) for name, value in given.items() if name != "consent"
    }


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _fed(experiment: Mapping[str, Any], key: str, environment: str) -> Iterator[Fed]:
    """Every argument, other place and setting that a key is used for in an environment."""
    if key in SETTINGS:
        yield Fed("", "", key)
    parts = {name: part for name, part in experiment.items() if name != "configuration"}
    yield from _in(_meant(parts, environment), _used(key))


def _meant(part: Any, environment: str) -> Any:
    """A part of an experiment; of an action for each environment, that of one environment."""
    if isinstance(part, list):
        return [_meant(one, environment) for one in part]
    if not isinstance(part, dict):
        return part
    arguments = part.get("arguments")
    if part.get("module") == HERE and isinstance(arguments, dict):
        return _meant(arguments.get(environment), environment)
    return {name: _meant(one, environment) for name, one in part.items()}


def _same_baseline(experiment: Mapping[str, Any], key: str) -> bool:
    hypothesis = experiment.get("steady-state-hypothesis")
    runtime = experiment.get("runtime")
    own_strategy = isinstance(runtime, dict) and "hypothesis" in runtime
    return key not in SETTINGS and not own_strategy and not any(_in(hypothesis, _used(key)))


def _used(key: str) -> re.Pattern[str]:
    return re.compile(rf"\$\{{{re.escape(key)}\}}|\${re.escape(key)}\b")


def _in(part: Any, used: re.Pattern[str], inside: str = "the experiment") -> Iterator[Fed]:
    if isinstance(part, dict):
        module, function, arguments = part.get("module"), part.get("func"), part.get("arguments")
        if isinstance(module, str) and isinstance(function, str) and isinstance(arguments, dict):
            for name, value in arguments.items():
                if isinstance(value, str) and used.search(value):
                    yield Fed(module, function, str(name), _takes_whole(module, function, name))
                else:
                    yield from _in(value, used, str(name))
            return
        for name, value in part.items():
            yield from _in(value, used, str(name))
    elif isinstance(part, list):
        for value in part:
            yield from _in(value, used, inside)
    elif isinstance(part, str) and used.search(part):
        yield Fed("", "", inside, inside in _AT_LEAST_ONE)


def _takes_whole(module: str, function: str, argument: str) -> bool:
    """Whether a function declares that an argument is a whole number."""
    signature = Modules().signature(module, function)
    declared = signature.parameters.get(argument) if signature is not None else None
    return declared is not None and declared.annotation in (int, "int")


def _bounds(argument: str) -> tuple[float | None, float | None]:
    """What an argument may be, by its name, as far as that tells."""
    if argument in _SHARES:
        return 0.0, 1.0
    if argument in _AT_LEAST_ONE:
        return 1.0, None
    if argument.endswith("_ms"):
        return 0.0, _HOUR_MS
    return (0.0, None) if argument.endswith(("_seconds", "_bytes", "_per_second")) else (None, None)
