"""The experiment that tries a service again, as a file of the Chaos Toolkit. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Probes and actions by their names in the file, which the screen tells its stages by.
STEADY = "it-starts"
SLOW = "it-starts-on-a-slow-path"
REFUSED = "what-it-does-when-the-database-refuses"
SILENT = "what-it-does-when-the-database-is-silent"
_LATENCY, _BLACK_HOLE = "slow-path", "black-hole"
_HELD = {
    "type": "probe",
    "name": "held",
    "provider": {
        "type": "python",
        "module": "chaosnetra.tolerances",
        "func": "held",
    },
}


@dataclass(frozen=True)
class Tried:
    """What is tried.

    Attributes:
        name: of the service, for people.
        configuration: settings of the service, without secrets.
        latency_ms: that is put on each round trip.
        count: starts at once.
    """

    name: str
    configuration: Mapping[str, Any]
    latency_ms: int
    count: int


WRITTEN_BY = "chaosnetra try"


def experiment_of(tried: Tried, written_by: str = WRITTEN_BY) -> dict[str, Any]:
    """All stages, one after the other: clean, slow, refused, silent, and clean again.

    On a slow path it has to be ready. What it does without its database is written down, and
    nothing is demanded of it.
    """
    return {
        "title": f"{tried.name} starts on a slow path, and recovers from a database that is lost",
        "description": f"Written by `{written_by}`. It has to be ready without a fault, and with "
        "latency_ms more on each round trip to its database. What it does when that refuses, and "
        "when it is silent, is in the journal; max_failure_rate 0 demands that it is ready there "
        "too.",
        "tags": ["startup", "database", "latency"],
        **_frame(tried),
        "method": [
            _add_latency(),
            _starts(SLOW, 0, is_judged=True),
            _action("end-the-latency", "remove_toxic", name=_LATENCY),
            _action("refuse-connections", "disable_proxy"),
            _starts(REFUSED, 1),
            _action("accept-connections", "enable_proxy"),
            _action("let-nothing-pass", "add_timeout", timeout_ms=0, name=_BLACK_HOLE),
            _starts(SILENT, 1),
            _action("let-everything-pass", "remove_toxic", name=_BLACK_HOLE),
        ],
        "rollbacks": [
            _action("let-everything-pass-if-nothing-does", "remove_toxic", name=_BLACK_HOLE),
            _action("accept-connections-if-refused", "enable_proxy"),
            _action("end-the-latency-if-it-lasts", "remove_toxic", name=_LATENCY),
        ],
    }


def latency_experiment_of(tried: Tried, written_by: str = WRITTEN_BY) -> dict[str, Any]:
    """The latency alone, as a search varies it."""
    return {
        "title": f"{tried.name} starts on a slow path",
        "description": f"Written by `{written_by}`: ready with latency_ms more on each round trip "
        "to its database.",
        "tags": ["startup", "database", "latency"],
        **_frame(tried),
        "method": [_add_latency()],
        "rollbacks": [_action("end-the-latency", "remove_toxic", name=_LATENCY)],
    }


def _frame(tried: Tried) -> dict[str, Any]:
    return {
        "runtime": {"rollbacks": {"strategy": "always"}},
        "controls": [
            {
                "name": "journal",
                "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
            }
        ],
        "configuration": {
            **tried.configuration,
            "latency_ms": tried.latency_ms,
            "count": tried.count,
        },
        "steady-state-hypothesis": {
            "title": "Its startups succeed",
            "probes": [_starts(STEADY, 0, is_judged=True)],
        },
    }


def _add_latency() -> dict[str, Any]:
    return _action("slow-the-path", "add_latency", latency_ms="${latency_ms}", name=_LATENCY)


def _action(name: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    return _activity("action", name, "chaosnetra.toxiproxy.actions", function, arguments)


def _starts(name: str, max_failure_rate: int, *, is_judged: bool = False) -> dict[str, Any]:
    arguments = {"count": "${count}", "max_failure_rate": max_failure_rate}
    probe = _activity("probe", name, "chaosnetra.startup.probes", "startups_succeed", arguments)
    return {**probe, "tolerance": _HELD} if is_judged else probe


def _activity(
    kind: str, name: str, module: str, function: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    provider: dict[str, Any] = {"type": "python", "module": module, "func": function}
    if arguments:
        provider["arguments"] = dict(arguments)
    return {"type": kind, "name": name, "provider": provider}
