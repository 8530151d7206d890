"""Each trap: an experiment that has it, and one beside it that has not."""

import pytest

from tests.support.lint_traps import Change, found
from tests.unit.lint.traps.activities import ACTIVITY_TRAPS
from tests.unit.lint.traps.keys import KEY_TRAPS
from tests.unit.lint.traps.rollbacks import ROLLBACK_TRAPS
from tests.unit.lint.traps.tolerances import TOLERANCE_TRAPS
from tests.unit.lint.traps.variables import VARIABLE_TRAPS

TRAPS = [*KEY_TRAPS, *VARIABLE_TRAPS, *ACTIVITY_TRAPS, *ROLLBACK_TRAPS, *TOLERANCE_TRAPS]


def test_the_experiment_that_all_others_differ_from_is_clean() -> None:
    assert found(lambda experiment: None) == []


@pytest.mark.parametrize(
    ("rule", "trap", "says"),
    [(rule, trap, says) for rule, trap, says, _ in TRAPS if says is not None],
    ids=[f"{index}-{trap[0]}" for index, trap in enumerate(TRAPS) if trap[2] is not None],
)
def test_the_trap_is_found(rule: str, trap: Change, says: str) -> None:
    findings = found(trap, rule=rule)
    assert len(findings) == 1, found(trap)
    assert says in findings[0].text
    assert findings[0].text.startswith(f"e.json:{findings[0].line}: [{rule}] ")


@pytest.mark.parametrize(
    "beside",
    [beside for _, _, _, beside in TRAPS if beside is not None],
    ids=[f"{index}-{trap[0]}" for index, trap in enumerate(TRAPS) if trap[3] is not None],
)
def test_what_stands_beside_the_trap_is_clean(beside: Change) -> None:
    assert found(beside) == []
