"""What a measurement showed of a fault, for people: the one wording of it. Pure."""

from collections.abc import Mapping
from typing import Any

NOT_MEASURED = "not measured"


def effect_text(effect: Mapping[str, Any], where: str = "") -> str:
    """What was measured and what was expected; that nothing was, where nothing was.

    Args:
        effect: as `chaosnetra.faults.Effect.to_json` has it.
        where: it was measured, with its preposition; empty: here.
    """
    observed, expected = effect.get("observed"), effect.get("expected")
    if observed == NOT_MEASURED:
        return f"effect {NOT_MEASURED}"
    where = f" {where}" if where else ""
    measured = f"{effect.get('quantity')} {value_text(observed)} measured{where}"
    return f"{measured}, {value_text(expected)} expected"


def effect_and_why(effect: Mapping[str, Any]) -> str:
    """It, and how it was measured; of what was not measured, why."""
    detail = effect.get("detail")
    if detail and effect.get("observed") == NOT_MEASURED:
        return str(detail)
    return f"{effect_text(effect)}: {detail}" if detail else effect_text(effect)


def value_text(value: Any) -> str:
    """What was expected or observed: a number, a word, or several by name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {value_text(one)}" for key, one in value.items())
    return "unset" if value is None else str(value)
