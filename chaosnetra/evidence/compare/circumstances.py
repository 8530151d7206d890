"""What was run, and how: whether the runs that are compared are about the same thing.

What a journal does not hold is not known, and compared with nothing.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.samples import checks
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.timeline import faults
from chaosnetra.evidence.journal.values import object_or_empty, text_or_none
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import cut, one_line


class Kind(StrEnum):
    """What makes a comparison meaningless where it differs."""

    TARGET = "target"
    FAULTS = "faults"
    COUNT = "count"
    DATABASE_STATE = "database_state"


@dataclass(frozen=True, order=True)
class Circumstance:
    """One of them.

    Attributes:
        name: what it is, for people.
        kind: of those that make a comparison meaningless; None for one that is only told.
        is_digest: its value is a digest, which says nothing to people.
    """

    name: str
    kind: Kind | None = None
    is_digest: bool = False


@dataclass(frozen=True)
class Difference:
    """What was not the same before and after.

    Attributes:
        circumstance: what it is.
        before: its values, in the order of the runs.
        after: likewise.
        refused: whether it makes the comparison meaningless.
    """

    circumstance: Circumstance
    before: tuple[str, ...]
    after: tuple[str, ...]
    refused: bool

    @property
    def line(self) -> str:
        """It for people."""
        name = self.circumstance.name
        if self.circumstance.is_digest:
            text = f"{name} differs"
        else:
            before, after = (
                " and ".join(value or "nothing" for value in values)
                for values in (self.before, self.after)
            )
            text = f"{name} was {before} before and {after} after"
        return f"not comparable: {text}" if self.refused else text

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.circumstance.name,
            "kind": self.circumstance.kind,
            "before": list(self.before),
            "after": list(self.after),
            "refused": self.refused,
        }


Circumstances = Mapping[Circumstance, list[str]]

_TARGET = Circumstance("the target", Kind.TARGET)
_STATE = Circumstance("the database state", Kind.DATABASE_STATE)
_FAULTS = Circumstance("what was injected", Kind.FAULTS)
_PATH = Circumstance("the path of the startups to their database")
_SUBSTITUTED = re.compile(r"\$\{(\w+)\}")
# They count as many trials as their experiment asks for, whatever the profile.
_ASKED_FOR = ("startups", "connections")
# Compared by themselves; or each run has its own; or they say where, not what.
_NOT_TOLD = frozenset(
    {
        *("profile", "environment", "time_scale", "target", "database_state"),
        *("seed", "database_url", "toxiproxy_url", "toxiproxy_listen_host", "time_to_live_seconds"),
    }
)
_SETTINGS = Circumstance("what was set other than by default")
LONGEST_SHOWN = 300


def circumstances(journal: Journal) -> Iterator[tuple[Circumstance, str]]:
    """Those of one run, as far as its journal holds them."""
    section, experiment = journal.section, journal.data["experiment"]
    target = text_or_none(section.get("target"))
    if target is not None:
        yield _TARGET, target
    yield from _of_checks(journal.data)
    written = _written_faults(experiment, section)
    if written is not None:
        yield _FAULTS, written
    scale = finite_or_none(section.get("time_scale"))
    toxics = f"what Toxiproxy did at time scale {'unknown' if scale is None else f'{scale:g}'}"
    yield Circumstance(toxics, Kind.FAULTS), _toxics(journal.data)
    yield from _of_settings(section)
    profile = section.get("profile")
    contents = [
        ("the steady state of the experiment", experiment.get("steady-state-hypothesis")),
        ("the method of the experiment", experiment.get("method")),
    ]
    if isinstance(profile, dict):
        figures = {key: profile.get(key) for key in ("budgets", "pool", "infrastructure")}
        contents.append((f"the content of profile {profile.get('name')}", figures))
    for name, content in contents:
        yield Circumstance(name, is_digest=True), _digest(content)


def differences(
    before: Circumstances, after: Circumstances, *, one_environment: bool, allowed: frozenset[Kind]
) -> list[Difference]:
    """What differs, what makes the comparison meaningless first.

    Args:
        before: of all runs before the change.
        after: likewise.
        one_environment: whether both acted in the same; in another one everything is another,
            and that is what is looked at.
        allowed: what may differ all the same.
    """
    found = []
    known = sorted(before.keys() & after.keys())
    for one in known:
        if one.kind is Kind.FAULTS and one != _FAULTS and _FAULTS in known:
            continue  # what was asked for says it better
        mixed = one.kind is Kind.TARGET and len(before[one]) > 1
        if mixed or set(before[one]) != set(after[one]):
            refused = one_environment and one.kind is not None and one.kind not in allowed
            values = tuple(before[one]), tuple(after[one])
            if one == _SETTINGS:
                values = _what_differs(*values)
            found.append(Difference(one, *values, refused))
    return sorted(found, key=lambda difference: not difference.refused)


def _of_checks(data: Mapping[str, Any]) -> Iterator[tuple[Circumstance, str]]:
    for check in checks(data):
        attempts = check.output.get("attempts")
        if type(attempts) is int and any(key in check.output for key in _ASKED_FOR):
            without = " without the fault" if check.stage is Stage.BEFORE else ""
            name = f"how many {check.probe} tried at once{without}"
            yield Circumstance(name, Kind.COUNT), str(attempts)
        most = finite_or_none(check.output.get("max_failure_rate"))
        if most is not None:
            yield Circumstance(f"the share that may fail in {check.probe}"), f"{most:.0%}"
        path = _path(check.output)
        if path is not None:
            yield _PATH, path
        state = object_or_empty(check.output.get("database_state"))
        mode = text_or_none(state.get("mode"))
        if mode is not None:
            yield _STATE, mode


def _path(output: Mapping[str, Any]) -> str | None:
    """What stood between the startups of a launch and their database; None: it launched none."""
    method = text_or_none(output.get("startup_method"))
    if method is None:
        return None
    if method != "job":
        return "this machine's"
    return "each task's own" if "path" in object_or_empty(output.get("launch")) else "their own"


def _written_faults(experiment: Mapping[str, Any], section: Mapping[str, Any]) -> str | None:
    """The actions of the method as they were asked for: at time scale 1, and by no profile.

    None where the journal does not hold the values that were put into them.
    """
    values = section.get("configuration")
    told = []
    for action in experiment["method"]:
        provider = action.get("provider")
        if not isinstance(provider, dict) or action.get("type") != "action":
            continue
        # Of a provider that names several actions, the one that is meant for the environment.
        meant = object_or_empty(provider.get("arguments")).get(str(section.get("environment")))
        chosen = meant if isinstance(meant, dict) and "func" in meant else provider
        if values is None and _SUBSTITUTED.search(json.dumps(chosen, default=str)):
            return None
        told.append(_shown(_resolved(chosen, object_or_empty(values))))
    return ", ".join(told)


def _resolved(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _SUBSTITUTED.fullmatch(value)
        if whole and whole[1] in given:
            return _plain(given[whole[1]])
        return _plain(_SUBSTITUTED.sub(lambda name: str(given.get(name[1], name[0])), value))
    if isinstance(value, dict):
        return {key: _resolved(one, given) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, given) for one in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    """A number however it is written: as text, whole or not."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    try:
        number = finite_or_none(float(value))
    except (ValueError, OverflowError):
        return value
    return value if number is None else f"{number:.12g}"


def _shown(provider: Mapping[str, Any]) -> str:
    if "func" not in provider:
        return json.dumps(provider, sort_keys=True, default=str)
    given = dict(object_or_empty(provider.get("arguments")))
    if str(provider.get("module")).startswith("chaosnetra."):
        given.pop("name", None)  # of the fault within the run
    told = ", ".join(
        f"{key} {value if isinstance(value, str) else json.dumps(value, sort_keys=True)}"
        for key, value in sorted(given.items())
    )
    return f"{provider['func']}({told})"


def _toxics(data: Mapping[str, Any]) -> str:
    """Those that were injected, as the server had them: in the time of the run."""
    return ", ".join(
        f"{parameters.get('type')} {json.dumps(parameters.get('attributes'), sort_keys=True)}"
        for parameters in (fault.parameters for fault in faults(data))
        if parameters.get("kind") == "toxic"
    )


def _of_settings(section: Mapping[str, Any]) -> Iterator[tuple[Circumstance, str]]:
    """Settings beside those that have a place of their own; one that is left out is by default."""
    settings = section.get("settings")
    if not isinstance(settings, dict):
        return
    told = []
    for key, value in settings.items():
        if key not in _NOT_TOLD:
            parts = value if isinstance(value, dict) else {"": value}
            told += [
                f"{key}{f'.{part}' if part else ''}="
                f"{one if isinstance(one, str) else json.dumps(one, sort_keys=True)}"
                for part, one in parts.items()
            ]
    yield _SETTINGS, "\n".join(one_line(text) for text in sorted(told))


def _what_differs(
    before: tuple[str, ...], after: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Settings without those that every run of both sides has alike."""
    alike = set.intersection(*(set(text.split("\n")) for text in (*before, *after)))

    def rest(text: str) -> str:
        return cut(", ".join(one for one in text.split("\n") if one not in alike), LONGEST_SHOWN)

    return tuple(map(rest, before)), tuple(map(rest, after))


def _digest(value: Any) -> str:
    text = json.dumps(_without_values(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _without_values(value: Any) -> Any:
    """Without what the core leaves in a tolerance: the answer that it judged."""
    if isinstance(value, dict):
        return {
            key: {name: arg for name, arg in one.items() if name != "value"}
            if key == "arguments" and isinstance(one, dict)
            else _without_values(one)
            for key, one in value.items()
        }
    return [_without_values(one) for one in value] if isinstance(value, list) else value
