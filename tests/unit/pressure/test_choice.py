"""One experiment, two environments: which action is meant, and what lint says of it."""

import copy
import json
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.documents.document import Document
from chaosnetra.documents.findings import Finding
from chaosnetra.documents.json_text import parse_json
from chaosnetra.errors import InvalidInput
from chaosnetra.lint.check import lint_document
from chaosnetra.pressure.actions import apply_pressure
from chaosnetra.pressure.choice import choose
from tests.support.repository import EXPERIMENTS

LATENCY = {
    "module": "chaosnetra.toxiproxy.actions",
    "func": "add_latency",
    "arguments": {"latency_ms": 5, "name": "n"},
}
SCALE = {"module": "chaosnetra.cloudrun.actions", "func": "scale_service", "arguments": {}}


def test_the_environment_chooses() -> None:
    both = {"local": LATENCY, "staging": SCALE}
    assert choose("local", both).shown == "chaosnetra.toxiproxy.actions.add_latency"
    assert choose("local", both).arguments == {"latency_ms": 5, "name": "n"}
    assert choose("staging", both).shown == "chaosnetra.cloudrun.actions.scale_service"


@pytest.mark.parametrize(
    ("staging", "words"),
    [
        ({}, "names no action for the environment staging: add the argument staging"),
        ([SCALE], "staging must be an object with module, func and arguments"),
        ({"module": "os"}, "must be an object with module, func and arguments"),
        ({"module": "os", "func": "getcwd"}, "module must be one of chaosnetra.cloudrun.actions"),
        ({**SCALE, "module": "chaosnetra.pressure.actions"}, "module must be one of"),
        ({**SCALE, "func": "logger"}, "has the actions restore_service, scale_service"),
        ({**SCALE, "arguments": {"minimun": 3}}, "unexpected keyword argument 'minimun'"),
        ({**SCALE, "more": 1}, "must be an object"),
    ],
)
def test_what_is_no_action_of_ours_is_refused(staging: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        choose("staging", {"local": LATENCY, "staging": staging})


def test_a_mistake_for_the_other_environment_is_found_here_too() -> None:
    wrong = {**SCALE, "arguments": {"minimun": 3}}
    with pytest.raises(ActivityFailed, match=r"staging: chaosnetra\.cloudrun\.actions\.scale_serv"):
        apply_pressure(local=LATENCY, staging=wrong, configuration={})


@pytest.fixture
def vpc_latency() -> dict[str, Any]:
    """The experiment, with another action in staging than locally."""
    data: dict[str, Any] = json.loads((EXPERIMENTS / "vpc_latency.json").read_text())
    given(data, "method")["staging"] = copy.deepcopy(SCALE)
    given(data, "rollbacks")["staging"] = {**SCALE, "func": "restore_service"}
    return data


def findings(experiment: dict[str, Any]) -> list[Finding]:
    text = json.dumps(experiment, indent=1)
    data, lines, duplicates = parse_json(text)
    return lint_document(Document("e.json", data, lines, tuple(duplicates)))


def given(experiment: dict[str, Any], where: str) -> Any:
    return experiment[where][0]["provider"]["arguments"]


def test_lint_has_nothing_to_say_of_the_experiment(vpc_latency: dict[str, Any]) -> None:
    assert findings(vpc_latency) == []
    same = json.loads((EXPERIMENTS / "vpc_latency.json").read_text())
    assert given(same, "method")["staging"] == given(same, "method")["local"]
    assert findings(same) == []


def test_lint_looks_into_each_environment(vpc_latency: dict[str, Any]) -> None:
    given(vpc_latency, "method")["staging"]["arguments"] = {"minimun": 3}
    (found,) = findings(vpc_latency)
    assert found.rule == "unknown-argument"
    assert "'minimun'" in found.message


def test_lint_misses_the_counterpart_of_one_environment(vpc_latency: dict[str, Any]) -> None:
    given(vpc_latency, "rollbacks")["staging"] = {}
    (found,) = findings(vpc_latency)
    assert found.rule == "no-undo"
    assert "scale_service" in found.message


def test_what_takes_back_for_another_environment_does_not_count(
    vpc_latency: dict[str, Any],
) -> None:
    arguments = given(vpc_latency, "rollbacks")
    arguments["local"], arguments["staging"] = arguments["staging"], arguments["local"]
    assert [found.rule for found in findings(vpc_latency)] == ["no-undo", "no-undo"]


def test_another_name_is_another_fault(vpc_latency: dict[str, Any]) -> None:
    given(vpc_latency, "rollbacks")["local"]["arguments"]["name"] = "other"
    (found,) = findings(vpc_latency)
    assert found.rule == "no-undo"


def test_no_relief_at_all(vpc_latency: dict[str, Any]) -> None:
    vpc_latency["rollbacks"] = []
    (found,) = findings(vpc_latency)
    assert found.rule == "no-undo"
    assert "'apply_pressure'" in found.message


@pytest.mark.parametrize("name", ["vpc_latency", "vpc_concurrency", "smd_cascade"])
def test_the_experiments_have_a_pressure_for_each_environment(name: str) -> None:
    data = json.loads((EXPERIMENTS / f"{name}.json").read_text())
    for where in ("method", "rollbacks"):
        for environment in ("local", "staging"):
            choose(environment, given(data, where))
