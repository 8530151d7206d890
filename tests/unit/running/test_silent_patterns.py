"""A run says which patterns of phases find nothing that they must find."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaosnetra.phase_patterns import parse
from chaosnetra.running.launching import warn_of_silent_patterns
from chaosnetra.running.session import Session
from chaosnetra.startup.outcome import StartupOutcome, Status

PATTERNS = {"start": "begin (?P<phase>.+)"}


def warned(caplog: pytest.LogCaptureFixture, patterns: Any, *outcomes: StartupOutcome) -> list[str]:
    settings = SimpleNamespace(phase_patterns=parse("phase_patterns", patterns))
    with caplog.at_level(logging.WARNING, logger="chaostoolkit"):
        warn_of_silent_patterns(cast(Session, SimpleNamespace(settings=settings)), outcomes)
    return [record.getMessage() for record in caplog.records]


def ready(**spans: tuple[float, float | None]) -> StartupOutcome:
    return StartupOutcome(1, Status.READY, 1.0, phase_spans=spans)


def test_that_no_line_matched_is_said(caplog: pytest.LogCaptureFixture) -> None:
    (text,) = warned(caplog, PATTERNS, ready(), ready())
    assert text.startswith("phase_patterns: no line that the 2 startups printed matches")


def test_that_no_line_ended_a_phase_is_said(caplog: pytest.LogCaptureFixture) -> None:
    (text,) = warned(caplog, PATTERNS, ready(schema=(0.1, None), cache=(0.2, 0.3)))
    assert text.startswith("phase_patterns: no line ended schema of startups that were ready")


def test_nothing_is_said_of_what_is_well_or_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    failed = StartupOutcome(1, Status.FAILED, 1.0, phase_spans={"schema": (0.1, None)})
    assert warned(caplog, PATTERNS, ready(schema=(0.1, 0.2)), failed) == []
    assert warned(caplog, "", ready()) == []
