"""What can be varied, and what is refused before anything is run."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.search.subject import read_subject
from tests.support.experiments import HELD, activity, experiment, ours
from tests.support.repository import ROOT

VPC = ROOT / "experiments" / "vpc_latency.json"
PROBE = {**ours("probe", "startup", "startups_succeed", count="${count}"), "tolerance": HELD}


def written(folder: Path, **configuration: Any) -> Path:
    path = folder / "experiment.json"
    action = ours("action", "toxiproxy", "add_bandwidth_limit", rate_kb_per_second="${rate}")
    undo = ours("action", "toxiproxy", "remove_toxic", name="bandwidth")
    values = {"count": 5, "rate": 100, "unused": 1, "word": "many", **configuration}
    made = experiment(action, probes=[PROBE], rollbacks=[undo], configuration=values)
    path.write_text(json.dumps(made))
    return path


def test_a_latency_is_known_as_one() -> None:
    found = read_subject(VPC, "latency_ms", {})
    assert found.is_latency
    assert not found.whole
    assert found.resolution == 10.0  # a millisecond at time scale 0.1
    assert [one.shown for one in found.fed] == ["latency_ms of add_latency"]
    found.check_bounds(0, 2000)


def test_a_count_takes_whole_numbers(tmp_path: Path) -> None:
    found = read_subject(written(tmp_path), "count", {})
    assert (found.whole, found.is_latency, found.resolution) == (True, False, 1.0)
    with pytest.raises(InvalidInput, match=r"whole numbers, got 1\.5 and 4"):
        found.check_bounds(1.5, 4)


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        (500, 20, "--from must be less than --to for latency_ms, got 500 and 20"),
        (20, 20, "--from must be less than --to"),
        (float("nan"), 20, "--from must be a finite number"),
        (20, float("inf"), "--to must be a finite number"),
        (-1, 20, "at least 0 for latency_ms of add_latency"),
        (20, 1e9, "at most 3.6e"),
    ],
)
def test_bounds_that_bound_nothing_are_refused(lower: float, upper: float, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_subject(VPC, "latency_ms", {}).check_bounds(lower, upper)


@pytest.mark.parametrize(
    ("key", "variables", "said"),
    [
        ("latncy_ms", {}, "did you mean latency_ms"),
        ("time_scale", {}, "time_scale is 'auto', which is no number"),
        ("zzz", {}, "the configuration, latency_ms, .* has no 'zzz'"),
        ("latency_ms", {"cuont": "5"}, "did you mean count"),
        ("latency_ms", {"latency_ms": "5"}, "--set cannot"),
    ],
)
def test_a_key_that_cannot_be_varied_is_refused(
    key: str, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as raised:
        read_subject(VPC, key, variables)
    assert "\n" not in str(raised.value)


def named(module: str, function: str, **arguments: Any) -> dict[str, Any]:
    """An action as it is named for one environment."""
    return {"module": module, "func": function, "arguments": arguments}


STAGING = {"environment": "staging", "cloud_run_endpoint": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("key", "elsewhere", "environment", "variables"),
    [("near", "far", "local", {}), ("far", "near", "staging", STAGING)],
)
def test_of_an_action_for_each_environment_that_of_this_one_is_varied(
    tmp_path: Path, key: str, elsewhere: str, environment: str, variables: dict[str, str]
) -> None:
    toxics, services = "chaosnetra.toxiproxy.actions", "chaosnetra.cloudrun.actions"
    press, relieve = (
        activity("action", "chaosnetra.pressure.actions", name, local=local, staging=staging)
        for name, local, staging in (
            (
                "apply_pressure",
                named(toxics, "add_latency", latency_ms="${near}", name="l"),
                named(services, "scale_service", minimum="${far}"),
            ),
            (
                "relieve_pressure",
                named(toxics, "remove_toxic", name="l"),
                named(services, "restore_service"),
            ),
        )
    )
    values = {"near": 1, "far": 2, "count": 3}
    made = experiment(press, probes=[PROBE], rollbacks=[relieve], configuration=values)
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(made))
    assert len(read_subject(path, key, variables).fed) == 1
    said = f"uses {elsewhere} in the environment {environment}: write"
    with pytest.raises(InvalidInput, match=said):
        read_subject(path, elsewhere, variables)


@pytest.mark.parametrize(
    ("key", "said"), [("unused", "nothing in the experiment uses unused"), ("word", "no number")]
)
def test_a_key_that_does_nothing_is_refused(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_subject(written(tmp_path), key, {})


def test_an_empty_default_can_be_varied_unless_it_is_a_setting(tmp_path: Path) -> None:
    assert read_subject(written(tmp_path, rate=""), "rate", {}).falls
    with pytest.raises(InvalidInput, match="target is '', which is no number"):
        read_subject(VPC, "target", {})


def test_a_search_goes_on_with_another_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_subject(VPC, "latency_ms", {})
    monkeypatch.setenv("CHAOSNETRA_CONSENT", "0" * 32)
    assert read_subject(VPC, "latency_ms", {}).given == first.given


def test_an_experiment_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "experiment.json"
    for content, error in (("{}", InvalidInput), ("{", Unreadable), ("[1]", InvalidInput)):
        path.write_text(content)
        with pytest.raises(error):
            read_subject(path, "key", {})
    broken = json.loads(written(tmp_path).read_text())
    broken["method"][0]["provider"]["func"] = "no_such"
    path.write_text(json.dumps(broken))
    with pytest.raises(InvalidInput, match="the experiment is not valid"):
        read_subject(path, "rate", {})


def test_a_setting_counts_whether_it_is_declared_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_subject(VPC, "latency_ms", {"profile": "issue-1263", "time_scale": "0.2"})
    assert (found.settings.profile.name, found.settings.time_scale) == ("issue-1263", 0.2)
    monkeypatch.setenv("CHAOSNETRA_DWELL_SECONDS", "3")
    assert read_subject(VPC, "dwell_seconds", {}).fed


@pytest.mark.parametrize("declared", [True, False])
def test_a_target_is_told_without_its_secrets(
    declared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://user:fallback-secret@127.0.0.1:1/db"
    given = {"database_url": url, "target": f"serve --database {url}", "readiness": "exit"}
    if not declared:
        for key, value in given.items():
            monkeypatch.setenv(f"CHAOSNETRA_{key.upper()}", value)
    found = read_subject(written(tmp_path, **(given if declared else {})), "count", {})
    assert "fallback-secret" not in found.target
    assert found.target.startswith("serve --database ")


def test_a_search_has_the_settings_of_its_trials(tmp_path: Path) -> None:
    path = written(tmp_path, count={"type": "env", "key": "MY_COUNT", "default": 5})
    file = tmp_path / "chaosnetra.toml"
    file.write_text('profile = "tight"\nseed = 3\n[parameters]\ncount = "several"\n')
    found = read_subject(path, "rate", {"seed": "4"})
    assert (found.settings.profile.name, found.settings.seed) == ("tight", 4)
    with pytest.raises(InvalidInput, match="'several', which is no number"):
        read_subject(path, "count", {})
    file.write_text("sed = 3")
    with pytest.raises(InvalidInput, match=r"chaosnetra.toml:1: .*did you mean seed"):
        read_subject(path, "rate", {})
