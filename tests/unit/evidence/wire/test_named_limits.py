"""Limits that messages name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.wire.named_limits import named_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Database initialization timeout after 25.0s in staging environment", 25.0),
        ("timed out after 30 seconds", 30.0),
        ("Timeout of 30000ms exceeded", 30.0),
        ("connection timeout: 1500 ms", 1.5),
        ("deadline exceeded after 2m", 120.0),
        ("gave up after 4.5 s", 4.5),
        ("the 15s timeout ran out", 15.0),
        ("request timeout after 60s: connect timeout after 10s", 10.0),
        ("it took 25.0s", None),
        ("timeout", None),
        ("timeout after 3 tries", None),
        ("", None),
    ],
)
def test_a_limit_is_found_with_its_unit(text: str, seconds: float | None) -> None:
    assert named_seconds(text) == seconds


@given(st.text(max_size=3000))
def test_whatever_a_service_says(text: str) -> None:
    seconds = named_seconds(text)
    assert seconds is None or seconds >= 0
