"""What a profile means for a service that is not the reference orchestrator."""

from typing import Any

import pytest

from chaosnetra.running.profile_meaning import profile_meaning
from chaosnetra.settings import Settings
from tests.support.experiments import EMPTY, experiment, ours

LIMITED = ours("action", "connector", "limit_connector", limits={})
LIMIT = "the limit of a startup (240 s)"
POSTGRES = "max_connections of its PostgreSQL (200)"
PRESSURE = ours("action", "pressure", "apply_pressure", local=LIMITED["provider"])


@pytest.mark.parametrize(
    ("given", "made", "expected"),
    [
        (
            {},
            EMPTY,
            f"for this service it gives {LIMIT}, {POSTGRES}, and nothing else",
        ),
        (
            {"startup_timeout_seconds": "30"},
            EMPTY,
            f"for this service it gives {POSTGRES}, and nothing else",
        ),
        (
            {"startup_timeout_seconds": 30, "database_url": "postgresql://h/d"},
            EMPTY,
            "nothing of it applies to this service",
        ),
        (
            {"startup_timeout_seconds": 30, "database_url": "postgresql://h/d"},
            experiment(PRESSURE, probes=[]),
            "for this service it gives the connector's limits, and nothing else",
        ),
    ],
)
def test_only_what_applies_is_said(
    given: dict[str, Any], made: dict[str, Any], expected: str
) -> None:
    configuration = {"target": "shop:app", "profile": "tight", **given}
    settings = Settings.from_configuration(configuration, {})
    said = profile_meaning(settings, made, configuration)
    assert said == f"Profile tight: {expected}"
