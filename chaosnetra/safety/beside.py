"""Faults on one path: what each of them does there, and not what the others do.

A fault that is put on a path on which others are in effect is held against a look at the path
before it. That look tells as long as the same others are there, and no more.
"""

from collections.abc import Sequence

from chaosnetra.errors import ChaosnetraError
from chaosnetra.faults import Effect, Fault, Injected, Look, MeasuredOnPath, Watched
from chaosnetra.text import NOT_MEASURED, plain_names


def subject(fault: Fault | None) -> str:
    """What a fault changes; of several with one subject the last one is in effect."""
    return fault.subject if isinstance(fault, Watched) else getattr(fault, "name", "")


def is_superseded(held: Injected, active: Sequence[Injected]) -> bool:
    """Whether a later fault has taken its place, or another's undo has ended it."""
    if held.ended_with is not None:
        return True
    later = active[active.index(held) + 1 :] if held in active else ()
    return any(
        other.ended_with is None
        and other.injected_at is not None
        and subject(other.fault) == subject(held.fault)
        for other in later
    )


def look_without(
    fault: Fault, replaced: Sequence[Injected], active: Sequence[Injected]
) -> tuple[tuple[str, ...], Look | None]:
    """What can be seen on a fault's path before it is put there, where others are on it.

    Args:
        fault: nothing of it is in place.
        replaced: what it takes the place of: nothing, or one.
        active: all faults in place, in the order in which they were injected.

    Returns:
        The names of the others, and the look; None where there are none, or nothing can be seen.
    """
    others = _others(fault, active)
    beside = tuple(other.name for other in others)
    if not others or not isinstance(fault, MeasuredOnPath):
        return beside, None
    for former in replaced:  # it was looked for before that one
        return beside, former.without if former.beside == beside else None
    try:
        return beside, fault.look()
    except ChaosnetraError:
        return beside, None


def measured(held: Injected, active: Sequence[Injected]) -> Effect | None:
    """The effect of a fault in place; one that could not be measured says so."""
    fault, first = held.fault, held.effect
    if fault is None:
        return None
    gap = not_told_apart(held, active)
    if gap:
        return unmeasured(first, gap)
    others = _others(fault, active)
    try:
        if not others or held.without is None or not isinstance(fault, MeasuredOnPath):
            return fault.measure()
        return fault.measure_beside(held.without).with_detail(f"beside {_names(others)}")
    except ChaosnetraError as error:
        return unmeasured(first, str(error))


def unmeasured(first: Effect | None, why: str) -> Effect:
    """An effect that could not be measured; `first` is how it was, where it was measured."""
    quantity, expected = (first.quantity, first.expected) if first else ("effect", "measured")
    return Effect(quantity, expected, NOT_MEASURED, in_effect=False, detail=why)


def not_told_apart(held: Injected, active: Sequence[Injected]) -> str:
    """Why what a fault does cannot be told from what others on its path do; empty: it can be."""
    others = _others(held.fault, active)
    if not others:
        return ""
    names = _names(others)
    apart = f"it cannot be told apart from {names}"
    partial = [other for other in others if _is_partial(other)]
    if partial:
        return (
            f"it cannot be told apart from {_names(partial)}, on a share of the connections: put "
            "such faults in place one at a time"
        )
    if tuple(other.name for other in others) != held.beside:
        return f"{apart}: it was put in place beside {_listed(held.beside) or 'no other'}"
    if held.without is None:
        return f"{apart}, beside which nothing could be measured before it"
    return ""


def _others(fault: Fault | None, active: Sequence[Injected]) -> list[Injected]:
    """Other faults in effect on the path that a fault is measured on."""
    return [
        other
        for other in active
        if other.effect is not None
        and subject(other.fault) != subject(fault)
        and are_on_one_path(other.fault, fault)
        and not is_superseded(other, active)
    ]


def are_on_one_path(one: Fault | None, other: Fault | None) -> bool:
    """Whether what one does may show where the other is measured."""
    if not isinstance(one, MeasuredOnPath) or not isinstance(other, MeasuredOnPath):
        return False
    # A connector names no proxy: it stands before that of the run.
    return one.place == other.place or not (one.place and other.place)


def _is_partial(held: Injected) -> bool:
    return isinstance(held.fault, MeasuredOnPath) and held.fault.is_partial


def _names(faults: Sequence[Injected]) -> str:
    return _listed([fault.name for fault in faults])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(plain_names, names))
