"""Runs that are disturbed at activity boundaries and at random times leave nothing: the short form.

The long one is `python -m tests.long.campaign --kills 200`.
"""

import pytest

from tests.long.campaign import Campaign, Counts, own_beds, run_folder
from tests.long.crash.disturbances import OF_SERVERS, Kind
from tests.support.helpers import target_of
from tests.support.repository import EXPERIMENTS

LANES = 2
# Of these the run has toxics, and holds no sessions.
DISTURBANCES = set(OF_SERVERS) - {Kind.SESSIONS_ENDED}
COUNTS = Counts(kills=2, signals=1, servers=len(DISTURBANCES))
# A service that starts with less work than the reference orchestrator, and as many round trips.
TARGET = target_of(24)

# Some twenty runs, one after the other in each lane.
pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.timeout(400)]


def test_a_few_disturbances_leave_nothing() -> None:
    with own_beds(LANES) as beds, run_folder() as folder:
        campaign = Campaign(
            beds, folder, print, {"CHAOSNETRA_LATENCY_MS": "80", "CHAOSNETRA_TARGET": TARGET}
        )
        report = campaign.run(
            [EXPERIMENTS / "vpc_latency.json"],
            COUNTS,
            seed=7,
            variants=["configured parts", "own stand"],
        )
    assert report.bad == [], report.text
    done = {outcome.disturbance.kind for outcome in report.outcomes if outcome.done}
    assert done >= DISTURBANCES, report.text
    assert [each.felt for each in report.outcomes if each.disturbance.kind is Kind.WEDGED] == [True]
