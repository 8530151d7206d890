"""The probe of a service's instances: what it does when it learns nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.cloudrun.actions import scale_service
from chaosnetra.cloudrun.probes import instances_start
from chaosnetra.running.session import end_session
from chaosnetra.stand.postgres import PostgresServer
from tests.integration.cloudrun.conftest import PLACE, Stage


@pytest.fixture
def settings(stage: Stage, postgres: PostgresServer) -> Iterator[dict[str, Any]]:
    yield {
        "cloud_run_endpoint": stage.local.endpoint,
        "project": PLACE.project,
        "region": PLACE.region,
        "service": "orchestrator",
        "database_url": postgres.database.url,
        "startup_timeout_seconds": "1",
        "time_scale": "1",
    }
    assert end_session() == []


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_one_reading_without_an_answer_is_no_failed_probe(
    stage: Stage, settings: dict[str, Any], code: str
) -> None:
    stage.rule("GetService", refuse=code)
    result = instances_start(configuration=settings)
    assert stage.local.rules.left == 0
    assert (result["attempts"], result["failures"], result["held"]) == (1, 1, False)


def test_nothing_holds_where_this_run_left_no_instance(
    stage: Stage, settings: dict[str, Any]
) -> None:
    scale_service(minimum=0, configuration=settings)
    with pytest.raises(ActivityFailed, match=r"this run binds service orchestrator .* to no inst"):
        instances_start(configuration=settings)
