"""Errors of the server that a service hides while it is ready."""

import pytest

from chaosnetra.evidence.verdict.verdict import Outcome
from tests.support.journals import judged
from tests.support.seen_on_the_wire import (
    error,
    failed,
    latency,
    observation,
    outcome,
    ready,
    run_of_a_silent_service,
)

EXPOSED = {"exposure": {"launches": []}}


def meeting(*sqlstates: str) -> object:
    seen = ready()
    return observation(
        *seen.connections, standing=seen.standing, errors=tuple(map(error, sqlstates))
    )


@pytest.mark.parametrize(
    ("before", "under", "told"),
    [
        ([], [], None),
        ([], ["53300"], "1 of 5 startups that were ready under the fault had met errors of"),
        (["42P07"], ["42P07"], None),
        (["42P07"], ["42P07", "57P01", "53300"], "(SQLSTATE 53300, 57P01)"),
    ],
)
def test_those_that_are_new_under_the_fault_are_told_of_a_run_that_held(
    before: list[str], under: list[str], told: str | None
) -> None:
    run = run_of_a_silent_service(
        [outcome(1, meeting(*under)), *(outcome(number, ready()) for number in range(2, 6))],
        latency(0.2),
        [outcome(number, meeting(*before)) for number in range(1, 4)],
        **EXPOSED,
    )
    found, _ = judged(run)
    assert found.outcome is Outcome.HELD
    assert ("met errors of the server" in found.reason) == (told is not None)
    assert (told or "") in found.reason


def test_a_failure_says_its_own_error() -> None:
    under = [failed(number, meeting("53300")) for number in range(1, 6)]
    found, _ = judged(run_of_a_silent_service(under, latency(0.2), **EXPOSED))
    assert found.outcome is Outcome.VIOLATED
    assert "met errors of the server" not in found.reason
