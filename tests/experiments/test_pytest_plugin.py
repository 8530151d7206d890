"""An experiment of this project as a pytest item, with the budgets that it breaks."""

from pathlib import Path

import pytest

from tests.support.repository import EXPERIMENTS

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("nothing_left")

HOME = str(Path.home())
VPC_LATENCY = EXPERIMENTS / "vpc_latency.json"


def test_a_violated_budget_is_the_text_of_the_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", HOME)  # the programs of the stand are kept there
    monkeypatch.setenv("CHAOSNETRA_PROFILE", "issue-1263")
    # Not with the settings of this checkout, where the experiment lies.
    pytester.makeini("[pytest]\n")
    result = pytester.runpytest_inprocess("-c", "tox.ini", "--chaos-experiments", VPC_LATENCY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "the system does not hold its steady state: violated: after the method, *",
            "1. startups-succeed, after the method",
            "   expected  at most 20% of 5 startups fail or time out",
            "   observed  0 of 5 ready, 5 failed",
            "   phase     database",
            "   budget    table_setup, 1 s",
            "   error     CRITICAL STARTUP FAILURE: *",
            "run it alone: chaos run *vpc_latency.json",
            "journal: *journal.json",
        ],
        consecutive=False,
    )
