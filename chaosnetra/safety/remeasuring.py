"""Measures a fault again before its undo: was it in effect until then?

What can be measured is measured; where another fault, injected after it, hinders that, it counts
that the fault is in place as its server lists it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chaosnetra.errors import ChaosnetraError
from chaosnetra.faults import Effect, Fault, Injected, UndoReport, UndoResult, Watched
from chaosnetra.safety.beside import are_on_one_path, measured, not_told_apart
from chaosnetra.text import NOT_MEASURED, plain_names, utc_now

logger = logging.getLogger("chaostoolkit")

AS_LISTED = "in place as its server lists it"
ENDED_WITH_SERVER = UndoReport(UndoResult.ALREADY_DONE, "it ended with its server")


class Remeasuring:
    """Says of a run's faults whether they were in effect until their undo.

    Args:
        note: takes (event name, JSON data).
        hurried: whether nothing is to be measured now.
    """

    def __init__(
        self, note: Callable[[str, dict[str, Any]], None], hurried: Callable[[], bool]
    ) -> None:
        self._note = note
        self._hurried = hurried

    def measure_again(self, held: Injected, active: Sequence[Injected]) -> None:
        """See whether a fault was in effect until now.

        Args:
            held: the fault, before its undo or the fault that replaces it.
            active: all faults in place, in the order in which they were injected.
        """
        if self._hurried() or held.is_gone or held.is_settled or held.undo_was_tried:
            return
        after = remeasured(held, active)
        if after is None:
            return
        if not after.in_effect:
            self.found_gone(held, after.detail, after.observed)
            return
        held.last_in_effect_at = utc_now()
        if held.effect is not None:
            if held.in_tasks is not None:
                after = in_both(after, held.in_tasks.effect_after) or after
            held.effect_after = after
            self._note("fault.measured_again", {"name": held.name, "effect": after.to_json()})

    def found_gone(self, held: Injected, why: str, observed: Any = "gone") -> None:
        """Keep and report that a fault is not in effect any more."""
        after = held.effect_after = _gone(held, why, observed)
        self._note(
            "fault.gone",
            {
                "name": held.name,
                "effect": after.to_json(),
                "last_in_effect_at": held.last_in_effect_at,
            },
        )
        logger.warning(
            f"{plain_names(held.name)} is not in effect any more: expected {after.expected}, "
            f"observed {observed} ({after.quantity}) {plain_names(why)}; "
            f"last seen in effect at {held.last_in_effect_at}"
        )

    def judge_undo(self, held: Injected, report: UndoReport) -> None:
        """An undo that found nothing to undo says that somebody else took the fault away.

        Not one that was tried before, and not of a change that had changed nothing.
        """
        if report.result is UndoResult.DONE or report is ENDED_WITH_SERVER:
            return
        if held.is_gone or held.is_settled:
            return
        was_in_effect = held.effect.in_effect if held.effect else isinstance(held.fault, Watched)
        unchanged = held.undo.arguments.get("unchanged")
        if was_in_effect and not (held.undo_was_tried or unchanged or self._hurried()):
            self.found_gone(held, f"its undo found: {report.detail}")


def in_both(here: Effect | None, in_tasks: Effect | None) -> Effect | None:
    """The effect of a fault here and in tasks: theirs, save where it was in none here."""
    if in_tasks is None or here is None or not here.in_effect:
        return here
    return in_tasks


def within(fault: Fault | None) -> tuple[str, ...]:
    """Names of the faults whose undo ends this one too."""
    return fault.within if isinstance(fault, Watched) else ()


def remeasured(held: Injected, active: Sequence[Injected]) -> Effect | None:
    """The effect before the undo.

    Args:
        held: the fault, to all knowledge in place.
        active: all faults in place, in the order in which they were injected.

    Returns:
        The effect; None where there is none: a fault that was never in effect, or a
        change without an effect on the system that cannot be inspected.
    """
    fault, first = held.fault, held.effect
    if fault is None or (first is not None and not first.in_effect):
        return None
    listed = isinstance(fault, Watched)
    if isinstance(fault, Watched):
        try:
            why = fault.inspect()
        except ChaosnetraError as error:
            why = f"it cannot be seen any more: {error}"
        if why is not None:
            return _gone(held, why)
    if first is None:
        return _gone(held, "", "in place", in_effect=True) if listed else None
    later = [other for other in active[active.index(held) + 1 :] if other.effect is not None]
    hiding = [other for other in later if _hides(other, fault)]
    if listed and hiding:
        return _as_listed(replace(first, observed=NOT_MEASURED), "", hiding)
    gap = not_told_apart(held, active)
    if listed and gap:
        # What was beside it then is gone: as it was measured, it counts while it is listed.
        return replace(first, observed=NOT_MEASURED, detail=f"{AS_LISTED}; {gap}")
    after = measured(held, active)
    if after is not None and not after.in_effect and listed:
        # A machine that is busy for an instant must not cost a run that is sound.
        after = measured(held, active)
    if after is not None and not after.in_effect and listed and later:
        return _as_listed(after, after.detail, later)
    return after


def _gone(held: Injected, why: str, observed: Any = "gone", *, in_effect: bool = False) -> Effect:
    """The effect of a fault that was found gone."""
    first = held.effect
    return Effect(
        first.quantity if first else "presence",
        first.expected if first else "in place",
        observed,
        in_effect=in_effect,
        detail=why,
    )


def _hides(other: Injected, fault: Fault) -> bool:
    """Whether a later fault keeps an earlier one from being measured, or shows in its place."""
    if are_on_one_path(other.fault, fault):
        return True
    place = fault.place if isinstance(fault, Watched) else ""
    return (
        bool(place)
        and isinstance(other.fault, Watched)
        and other.fault.place == place
        and other.effect is not None
        and other.effect.in_effect
        and other.effect.stops_path
    )


def _as_listed(effect: Effect, detail: str, others: Sequence[Injected]) -> Effect:
    names = ", ".join(plain_names(other.name) for other in others)
    listed = f"{AS_LISTED}; measured no more under {names}"
    return replace(effect, in_effect=True, detail=f"{detail}; {listed}" if detail else listed)
