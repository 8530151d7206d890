"""A step of a game day in staging runs only with consent to its plan."""

import json
from pathlib import Path

import pytest

from chaosnetra.gameday.conduct.step_run import consent_to
from tests.support.staged import Staging


@pytest.fixture
def experiment(staging: Staging, tmp_path: Path) -> Path:
    path = tmp_path / "step.json"
    path.write_text(json.dumps(staging.experiment))
    return path


def test_without_consent_it_may_not_run_and_its_hash_is_told(
    staging: Staging, experiment: Path
) -> None:
    before = staging.endpoint.message
    consent = consent_to(experiment, {})
    assert not consent.given
    assert "consent is not given: read `chaosnetra plan" in consent.text
    made = consent.text.rpartition("(")[2].rstrip(")")
    given = consent_to(experiment, {"CHAOSNETRA_CONSENT": made})
    assert given.given
    assert given.environment == {"CHAOSNETRA_CONSENT": made}
    assert staging.endpoint.message == before


def test_a_consent_to_another_plan_is_none_and_yes_is_one(experiment: Path) -> None:
    other = consent_to(experiment, {"CHAOSNETRA_CONSENT": "0" * 32})
    assert not other.given
    assert "consent is for another plan" in other.text
    assert consent_to(experiment, {"CHAOSNETRA_CONSENT": "yes"}).given


def test_a_plan_that_is_refused_takes_no_consent(staging: Staging, tmp_path: Path) -> None:
    staging.allowed["caps"] = {"instances": 2}
    path = tmp_path / "step.json"
    path.write_text(json.dumps(staging.experiment))
    consent = consent_to(path, {"CHAOSNETRA_CONSENT": "yes"})
    assert not consent.given
    assert "its plan is refused" in consent.text
    assert "\n" not in consent.text


def test_a_plan_that_cannot_be_made_says_why(staging: Staging, tmp_path: Path) -> None:
    staging.settings["allow_list"] = ""
    path = tmp_path / "step.json"
    path.write_text(json.dumps(staging.experiment))
    consent = consent_to(path, {"CHAOSNETRA_CONSENT": "yes"})
    assert not consent.given
    assert "its plan cannot be made" in consent.text
    assert "allow-list" in consent.text
