"""Runs that are killed at activity boundaries and at random times leave nothing: the short form.

The long one is `python -m tests.campaign --kills 200`.
"""

import pytest

from tests.campaign import EXPERIMENTS, Campaign, own_servers, run_folder

KILLS = 8

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_a_few_kills_leave_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with own_servers() as servers, run_folder() as folder:
        campaign = Campaign(servers, folder, print)
        report = campaign.run(
            [EXPERIMENTS / "vpc_latency.json"],
            KILLS,
            seed=7,
            variants=["configured parts", "own stand"],
        )
    assert len(report.outcomes) == KILLS
    assert (report.left, report.unreadable) == ([], []), report.text
