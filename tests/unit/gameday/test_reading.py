"""The file of a game day: what is wrong is said with its line, and the schema agrees."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.documents.document import Document, read_document
from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.gameday.plan.day import Asked, GameDay, day_schema
from chaosnetra.gameday.plan.parameters import check_parameters, for_experiment, own_limit, passed
from chaosnetra.gameday.plan.reading import parse_gameday, read_gameday
from tests.support.helpers import present
from tests.support.repository import EXPERIMENTS

ROOT = EXPERIMENTS
SHIPPED = ("vpc", "cloudsql", "staging")
SCHEMA = json.loads((ROOT / "gamedays" / "gameday.schema.json").read_text(encoding="utf-8"))


def plan(**changed: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "title": "A day",
        "environment": "local",
        "roles": [{"role": "conductor", "person": "Ada"}],
        "steps": [{"name": "first", "experiment": "experiment.json"}],
        **changed,
    }


def step(**changed: Any) -> dict[str, Any]:
    return {"name": "first", "experiment": "experiment.json", **changed}


def written(folder: Path, data: Any) -> Path:
    (folder / "experiment.json").write_text("{}")
    path = folder / "day.json"
    path.write_text(json.dumps(data, indent=1))
    return path


def day_of(path: Path) -> GameDay:
    """The day of a file in which nothing is wrong."""
    day, findings = read_gameday(path)
    assert findings == []
    return present(day)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_days_that_are_shipped_are_what_the_schema_says(name: str) -> None:
    data = json.loads((ROOT / "gamedays" / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, SCHEMA)
    assert data["$schema"] == "gameday.schema.json"


@pytest.mark.parametrize("name", SHIPPED)
def test_the_days_that_are_shipped_can_be_read(name: str) -> None:
    path = ROOT / "gamedays" / f"{name}.json"
    day, findings = parse_gameday(read_document(path), path, check_files=False)
    assert findings == []
    assert day is not None
    for one in day.steps:
        if one.experiment.is_file():
            document = read_document(one.experiment)
            assert check_parameters(day, one, document.data, document) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_a_day_is_read_whatever_its_editor_wrote_it_in(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, plan(title="Größe 1 €"))
    data = json.loads(path.read_text())
    path.write_bytes(json.dumps(data, ensure_ascii=False).encode(encoding))
    assert day_of(path).title == "Größe 1 €"


def test_the_schema_is_one_and_is_what_is_shipped() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(day_schema()) == SCHEMA


def test_a_day_is_read_whole(tmp_path: Path) -> None:
    data = plan(
        purpose="to learn",
        starts_at="2026-12-03T09:00:00+01:00",
        duration_minutes=30,
        parameters={"profile": "issue-1263"},
        steps=[
            step(
                parameters={"count": 2},
                announcement="now",
                predict=["held", "startup_seconds"],
                observe=["phases"],
                go_on_when_violated=False,
                maximum_seconds=60,
            )
        ],
    )
    jsonschema.validate(data, SCHEMA)
    day = day_of(written(tmp_path, data))
    (only,) = day.steps
    assert only.parameters == {"count": "2"}
    assert only.predict == (Asked.HELD, Asked.STARTUP_SECONDS)
    assert (only.go_on_when_violated, only.maximum_seconds) == (False, 60)
    assert only.experiment == tmp_path / "experiment.json"
    assert day.people == ("Ada",)
    assert day.acting(rehearsal=True).parameters["environment"] == "local"


WRONG: list[tuple[str, dict[str, Any], str, bool]] = [
    ("version", plan(version=2), "write 1", True),
    ("a key", plan(stepps=[]), "write 'steps'", True),
    ("no title", {k: v for k, v in plan().items() if k != "title"}, "lacks 'title'", True),
    ("empty title", plan(title=" "), "title is empty", True),
    ("environment", plan(environment="production"), "local or staging", True),
    ("no steps", plan(steps=[]), "steps is empty", True),
    ("steps", plan(steps={"a": 1}), "steps is no list", True),
    ("a step", plan(steps=["latency"]), "it is no object", True),
    ("name", plan(steps=[step(name="Two Words")]), "small letters", True),
    ("twice", plan(steps=[step(), step()]), "two called 'first'", False),
    ("missing", plan(steps=[step(experiment="gone.json")]), "no experiment 'gone.json'", False),
    ("NUL", plan(steps=[step(experiment="a\0b.json")]), "no experiment", False),
    ("number", plan(steps=[step(maximum_seconds="long")]), "must be a number", True),
    ("zero", plan(duration_minutes=0), "more than 0", True),
    ("predict", plan(steps=[step(predict=["luck"])]), "write held or startup_seconds", True),
    ("go on", plan(steps=[step(go_on_when_violated="no")]), "neither true nor false", True),
    ("parameter", plan(steps=[step(parameters={"count": [2]})]), "neither text nor a", True),
    ("moment", plan(starts_at="tomorrow"), "2026-12-03T09:00:00", False),
    ("role", plan(roles=[{"role": "conductor"}]), "lacks 'person'", True),
    ("condition", plan(abort={"conditions": [{"name": "x"}]}), "provider", True),
    (
        "window",
        plan(abort={"conditions": [{"provider": {"type": "python"}, "window": 0}]}),
        "window",
        True,
    ),
    ("long", plan(purpose="x" * 5000), "at most 4,000", True),
    ("half a character", plan(purpose="\ud800"), "half a character", False),
    ("not finite", plan(duration_minutes=float("inf")), "a finite number", True),
    ("too many", plan(steps=[step(name=f"s{n}") for n in range(51)]), "more than 50 steps", True),
    ("a key of a role", plan(roles=[{"role": "r", "person": "P", "who": 1}]), "no 'who'", True),
]


@pytest.mark.parametrize(
    ("data", "named", "in_schema"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_what_is_wrong_is_one_line_with_its_place(
    tmp_path: Path, data: dict[str, Any], named: str, in_schema: bool
) -> None:
    path = written(tmp_path, data)
    day, findings = read_gameday(path)
    assert day is None
    assert any(named in finding.text for finding in findings), findings
    for finding in findings:
        assert "\n" not in finding.text
        assert finding.text.startswith(f"{path}:{finding.line}: ")
    assert not any("is empty" in one.text for one in findings) or "empty" in named
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(data)
    assert valid is not in_schema


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (plan(steps=[step(experiment=" ")]), "experiment is empty"),
        (plan(steps=[step(experiment="e" * 5000)]), "experiment has 5,000 characters"),
        (plan(steps=[step(name="")]), "name is empty"),
        (plan(version=2**63), "version is 9223372036854775808"),
        (plan(version=None), "version is None"),
        (plan(duration_minutes=10**400), "got 1" + "0" * 59 + "…"),
        (plan(parameters={"latency_ms": "\0"}), "latency_ms holds a NUL character"),
        (plan(steps=[step(name="?")] * 51), "there are more than 50 steps"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(
    tmp_path: Path, data: dict[str, Any], message: str
) -> None:
    _, findings = read_gameday(written(tmp_path, data))
    assert any(message in finding.text for finding in findings), findings
    assert all(len(finding.text) < 400 for finding in findings)


def test_null_is_as_left_out(tmp_path: Path) -> None:
    """Records of earlier days may have it."""
    data = plan(purpose=None, starts_at=None, steps=[step(announcement=None)])
    day = day_of(written(tmp_path, data | {"$schema": None}))
    assert (day.purpose, day.starts_at, day.steps[0].announcement) == ("", "", "")


def test_the_line_is_that_of_the_place(tmp_path: Path) -> None:
    path = written(tmp_path, plan(steps=[step(), step(name="second", experiment="gone.json")]))
    _, findings = read_gameday(path)
    (finding,) = findings
    assert '"gone.json"' in path.read_text().splitlines()[finding.line - 1]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 5000, b"x" * 1_000_001])
def test_what_is_no_json_is_unreadable(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "day.json"
    path.write_bytes(raw)
    with pytest.raises(Unreadable) as caught:
        read_gameday(path)
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=20,
)


@given(st.sampled_from([*plan(), "abort", "parameters", "purpose"]), json_values)
def test_whatever_stands_there_it_is_a_day_or_findings(key: str, value: Any) -> None:
    data = copy.deepcopy(plan())
    data[key] = value
    day, findings = parse_gameday(Document("day.json", data, {}), Path("day.json"))
    assert (day is None) == bool(findings)
    assert all("\n" not in finding.text for finding in findings)


EXPERIMENT = {
    "configuration": {
        "latency_ms": {"type": "env", "key": "MY_LATENCY", "default": "500"},
        "fixed": 3,
    }
}


def test_parameters_reach_a_run_by_their_own_variable_or_as_var() -> None:
    handed = passed(EXPERIMENT, {"latency_ms": "800", "fixed": "4", "profile": "issue-1263"})
    assert handed.environment == {"MY_LATENCY": "800", "CHAOSNETRA_PROFILE": "issue-1263"}
    assert handed.variables == {"fixed": "4"}


def test_an_unknown_parameter_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="'latencyms'; did you mean latency_ms"):
        passed(EXPERIMENT, {"latencyms": "800"})
    with pytest.raises(InvalidInput, match="NUL"):
        passed(EXPERIMENT, {"latency_ms": "\0"})


@pytest.mark.parametrize("value", ["abc", "-3", "nan", "inf", ""])
@pytest.mark.parametrize("key", ["latency_ms", "fixed"])
def test_a_value_that_is_no_number_where_the_experiment_has_one_is_named(
    key: str, value: str
) -> None:
    with pytest.raises(InvalidInput, match=f"{key} must be"):
        passed(EXPERIMENT, {key: value})
    assert passed({"configuration": {key: "text"}}, {key: value}).variables == {key: value}


def test_a_step_acts_where_its_day_acts(tmp_path: Path) -> None:
    day = day_of(written(tmp_path, plan()))
    with pytest.raises(InvalidInput, match="the day has one for all"):
        for_experiment(EXPERIMENT, day, day.steps[0], {"environment": "staging"})


def test_an_unknown_parameter_of_a_step_has_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, plan(steps=[step(parameters={"countt": 1})]))
    day = day_of(path)
    document = read_document(path)
    (finding,) = check_parameters(day, day.steps[0], EXPERIMENT, document)
    assert "countt" in path.read_text().splitlines()[finding.line - 1]
    assert "latency_ms" in finding.text


def test_parameters_of_the_day_are_for_the_experiments_that_have_them(tmp_path: Path) -> None:
    path = written(tmp_path, plan(parameters={"latency_ms": 1, "rate": 2}))
    day = day_of(path)
    handed = for_experiment(EXPERIMENT, day, day.steps[0], {"latency_ms": "3"})
    assert handed.environment == {"MY_LATENCY": "3"}
    assert handed.variables == {}


def test_the_limit_of_an_experiments_own_abort_control_is_known() -> None:
    provider = {"module": "chaosnetra.controls.abort", "arguments": {"maximum_seconds": 90}}
    assert own_limit({"controls": [{"name": "abort", "provider": provider}]}) == 90
    assert own_limit({"controls": "none"}) is None
