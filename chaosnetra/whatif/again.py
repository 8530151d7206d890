"""How the experiment of the journals is run again with another figure."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.evidence.advice.runs import Run
from chaosnetra.evidence.journal.values import object_or_empty

_SUBSTITUTED = re.compile(r"\$\{(\w+)\}")


def another_count(run: Run, value: str = "N") -> str:
    """What starts so many at once in the experiment of a run.

    Args:
        run: of which its journal holds the experiment.
        value: the number, or what stands for it.
    """
    return _again(run, "startups_succeed", "count", value)


def another_latency(run: Run, value: str = "N") -> str:
    """What makes its path slower; the shipped experiment, where its own does not.

    Args:
        run: of which its journal holds the experiment.
        value: milliseconds, or what stands for them.
    """
    if not any(_arguments(run, "add_latency")):
        return f"startups_succeed under add_latency with latency_ms {value}"
    return _again(run, "add_latency", "latency_ms", value)


def _again(run: Run, function: str, argument: str, value: str) -> str:
    """By `--var` where the experiment takes the argument from its configuration: that works for a
    value that is written there as for one that an environment variable gives."""
    declared = object_or_empty(run.data["experiment"].get("configuration"))
    for arguments in _arguments(run, function):
        key = _SUBSTITUTED.fullmatch(str(arguments.get(argument)))
        if key and key[1] in declared:
            file = shlex.quote(run.file) if run.file else "EXPERIMENT"
            return f"chaos run --var {key[1]}={value} {file}"
    return f"{run.file or 'the experiment'} with {argument} {value} for {function}"


def _arguments(run: Run, function: str) -> Iterator[Mapping[str, Any]]:
    """Of each use of a function in the experiment."""

    def within(value: Any) -> Iterator[Mapping[str, Any]]:
        if isinstance(value, Mapping):
            if value.get("func") == function:
                yield object_or_empty(value.get("arguments"))
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from within(one)

    return within(run.data["experiment"])
