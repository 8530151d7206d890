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
            "VIOLATED  Startups survive the latency of a VPC connector under pressure",
            "  ✓ before the method    5 of 5 ready, median *",
            "  ✗ after the method     0 of 5 ready, 5 failed",
            "  ✓ after the rollbacks  5 of 5 ready, median *",
            "  fault         latency: added_latency_ms * measured, 50 expected",
            "  broke first   phase database, budget table_setup of 1 s, exit code 3: CRITICAL",
            "                STARTUP FAILURE: *",
            "  proves        a failure rate of at least 54% with 95% confidence",
            "  report        *report.html",
            "  journal       *journal.json",
            "  again         chaos run *vpc_latency.json",
        ],
        consecutive=False,
    )
