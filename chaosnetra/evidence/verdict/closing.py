"""What a run says at its end: a screen that is read in one look."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.values import object_or_empty, objects
from chaosnetra.evidence.verdict.bounds import at_least, at_most
from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.text import PRINTED_NOTHING, cut, effect_text, how_many, one_line

MOST_LINES = 15  # on a narrow terminal what comes last is left out
MOST_CHECKS = 4
MOST_FAULTS = 2
MOST_LINES_OF_A_TEXT = 3
_LABEL = 14


class Line(NamedTuple):
    """One line of the screen.

    Attributes:
        text: of it.
        good: whether it says something good or bad; None: neither.
    """

    text: str
    good: bool | None = None


def closing_lines(
    title: str,
    section: Mapping[str, Any],
    journal_path: str,
    width: int = 80,
    last: Sequence[tuple[str, str]] = (),
) -> list[Line]:
    """The end of a run.

    Args:
        title: of the experiment.
        section: ours of its journal, complete and masked.
        journal_path: where it was written.
        width: of the terminal, in characters.
        last: labels and texts of the last lines; without any, the command that reports on it.

    Returns:
        At most 15 lines, none but the last ones longer than the terminal is wide: verdict, what
        held, each fault with its effect, what broke first, what the trials prove, and what to do
        next.
    """
    verdict = Outcome(section["verdict"])
    good = {Outcome.HELD: True, Outcome.VIOLATED: False}.get(verdict)
    found = [Line(f"{verdict.value.upper()}  {one_line(title)}", good)]
    found += _checks(section)
    for fault in _faults(section):
        found += _told("fault", fault, width)
    command = f"chaosnetra report {shlex.quote(journal_path)} -o report.html"
    last = last or [("next", command)]
    violations = list(objects(section["violations"]))
    if violations and verdict is Outcome.VIOLATED:
        found += _told("broke first", _broke(violations[0]), width)
    elif verdict is not Outcome.HELD:
        left = MOST_LINES - len(found) - len(last)  # it ends with what to change
        found += _told("because", str(section["reason"]), width, max(MOST_LINES_OF_A_TEXT, left))
    for proof in list(objects(section["proofs"]))[:1]:
        if verdict is not Outcome.INCONCLUSIVE:
            found += _told("proves", _proven(proof, verdict), width)
    return [
        *(Line(cut(line.text, width), line.good) for line in found[: MOST_LINES - len(last)]),
        # Whole, however long: they are there to be copied.
        *(Line(f"  {label:<{_LABEL}}{one_line(text)}") for label, text in last),
    ]


def _checks(section: Mapping[str, Any]) -> Iterator[Line]:
    """The statements of the steady state at each stage, as far as they could be measured."""
    measured = [one for one in objects(section["measurements"]) if "stage" in one]
    names_probe = len({one["probe"] for one in measured}) > 1
    # What did not hold is never among those that are left out.
    shown = sorted(measured, key=lambda one: one["held"] is True)[:MOST_CHECKS]
    longest = max((len(Stage(one["stage"]).when) for one in shown), default=0)
    for one in measured:
        if one not in shown:
            continue
        held = one["held"] is True
        when = Stage(one["stage"]).when
        name = f"{one['probe']}: " if names_probe else ""
        median = one.get("ready_seconds_p50")
        took = f", median {median:.3g} s" if isinstance(median, int | float) else ""
        text = one_line(f"{'✓' if held else '✗'} {when:<{longest}}  {name}{one['observed']}{took}")
        yield Line(f"  {text}", held)
    if len(measured) > len(shown):
        yield Line(f"    and {len(measured) - len(shown)} more that held")


def _faults(section: Mapping[str, Any]) -> list[str]:
    """Each with what it was to do and did."""
    told = []
    for fault in objects(section.get("faults")):
        effect = object_or_empty(fault.get("effect"))
        if effect:
            kind = object_or_empty(fault.get("parameters"))
            name = kind.get("type") or kind.get("kind") or "fault"
            told.append(f"{name}: {effect_text(effect, _in_tasks(fault))}")
    more = len(told) - MOST_FAULTS
    return [*told[:MOST_FAULTS], *([f"and {more} more"] if more > 0 else [])]


def _in_tasks(fault: Mapping[str, Any]) -> str:
    """In how many tasks of a job it was measured; empty where none of them had it."""
    counts = object_or_empty(fault.get("tasks"))
    counted, left = counts.get("counted"), counts.get("unmeasured")
    if not isinstance(counted, int) or not isinstance(left, int):
        return ""
    return f"in {counted} of {how_many(counted + left, 'task')}"


def _broke(violation: Mapping[str, Any]) -> str:
    parts = []
    if violation.get("phase"):
        parts.append(f"phase {violation['phase']}")
    if violation.get("budget"):
        seconds = violation.get("budget_seconds")
        length = f" of {seconds:g} s" if isinstance(seconds, int | float) else ""
        parts.append(f"budget {violation['budget']}{length}")
    for key, shown in (("exit_code", "exit code"), ("sqlstate", "SQLSTATE")):
        if violation.get(key) is not None:
            parts.append(f"{shown} {violation[key]}")
    # A service that names no phase, or says nothing, is told by what it did on the wire.
    error = str(violation.get("error") or "")
    is_silent = error.endswith(PRINTED_NOTHING) and violation.get("on_the_wire")
    said = error if parts and not is_silent else None
    limit = violation.get("own_limit") if said and not violation.get("budget") else None
    said = said or violation.get("on_the_wire") or violation.get("error") or violation["observed"]
    if limit:  # first, as the text of an error may fill the lines that there are
        said = f"{limit}; {said}"
    return f"{', '.join(parts)}: {said}" if parts else str(said)


def _proven(proof: Mapping[str, Any], verdict: Outcome) -> str:
    low, high = proof["failure_rate_bounds"]
    all_failed = proof["failures"] == proof["trials"]
    says_least = proof["failures"] and (verdict is Outcome.VIOLATED or all_failed)
    rate = at_least(low) if says_least else at_most(high)
    text = f"a failure rate of {rate} with {proof['confidence']:.0%} confidence"
    needed, most = proof.get("clean_trials_needed"), proof.get("max_failure_rate")
    if verdict is Outcome.HELD and needed and most is not None and high > most and not says_least:
        text += f"; at most {100 * most:.3g}% takes {how_many(needed, 'startup')} without a failure"
    return text


def _told(
    label: str, text: str, width: int, most_lines: int = MOST_LINES_OF_A_TEXT
) -> Iterable[Line]:
    """A text beside its label, over as few lines as it needs."""
    lines: Sequence[str] = wrap(
        one_line(text),
        max(20, width - _LABEL - 2),
        max_lines=most_lines,
        placeholder=" …",
    )
    return [
        Line(f"  {label if number == 0 else '':<{_LABEL}}{line}")
        for number, line in enumerate(lines)
    ]
