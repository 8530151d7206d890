"""What the rules make of odd values, of files that are no experiments, and of what they know."""

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import ensure_experiment_is_valid
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra import ACTION_MODULES
from chaosnetra.documents.document import Document
from chaosnetra.documents.findings import Severity
from chaosnetra.documents.json_text import parse_json
from chaosnetra.errors import Unreadable
from chaosnetra.lint.check import lint_document, lint_file
from chaosnetra.lint.rules.keys import check as check_keys
from chaosnetra.lint.schema import ACTIVITY, EXPERIMENT, PROVIDERS
from chaosnetra.lint.undo_actions import NEEDS_NONE, UNDONE_BY
from tests.support.lint_traps import (
    CLEAN,
    HTTP,
    JUDGE,
    PROCESS,
    PROVIDER,
    RANGE,
    REGEX,
    control,
    found,
    put,
    python,
    tolerance,
)


@pytest.mark.parametrize("pattern", ["", ".*", "x*", "ok|", "^", "$", "(?s).*", "(?!error)", "()"])
def test_each_pattern_that_matches_everything_is_an_error(pattern: str) -> None:
    (finding,) = found(tolerance({**REGEX, "pattern": pattern, "target": "stdout"}, PROCESS))
    assert (finding.rule, finding.severity) == ("tolerance-always-met", Severity.ERROR)


@pytest.mark.parametrize("place", [("method", 0), ("title",), ("tolerance",), ("controls",)])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_chaos_validate_refuses_is_told(place: tuple[Any, ...], data: st.DataObject) -> None:
    """Whatever stands in one place of a valid experiment."""
    experiment = copy.deepcopy(CLEAN)
    value = data.draw(
        st.none()
        | st.sampled_from([True, 0, 0.5, "", "x", [], [1, 2], {}, {"ref": ""}, {"ref": "number"}])
        | st.dictionaries(
            st.sampled_from(["type", "name", "provider", "pauses", "background", "ref", "range"]),
            st.sampled_from(
                ["", "probe", "action", "range", PROCESS, HTTP, {}, [], 1, None, [1, 2]]
            ),
        )
    )
    change = tolerance(value) if place == ("tolerance",) else put(*place, value=value)
    if place == ("controls",) and isinstance(value, dict):
        change = put("controls", value=[value])
    change(experiment)
    told = [one for one in found(change) if one.severity is Severity.ERROR]
    refused = "no"
    try:
        ensure_experiment_is_valid(experiment)
    except Exception as error:  # noqa: BLE001 - the core does not always refuse in words
        refused = str(error)
    assert refused == "no" or any("`chaos validate`" in one.message for one in told), refused


def test_validation_says_nothing_itself(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    found(control("lint_absent"))
    assert caplog.messages == []
    assert capsys.readouterr().out == ""


def test_a_package_that_is_missing_is_told_as_that_and_none_is_guessed() -> None:
    (finding,) = found(control("chaostracing.controls.journal"))
    assert "is not installed here (ModuleNotFoundError" in finding.message
    assert "chaosnetra" not in finding.text
    provider = python("startups_succeed", "chaosnetwork.startup.probes")
    (finding,) = found(put(*PROVIDER, value=provider))
    assert "is not installed here (ModuleNotFoundError" in finding.message
    assert "write" not in finding.remedy


def test_a_text_in_a_range_tolerance_is_no_crash() -> None:
    """The core catches what is no number, and nothing else."""
    assert found(tolerance(RANGE, python("answer"))) == []


def test_a_finding_stands_on_the_line_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text('{\n"title": "t",\n"description": "d",\n"method": [],\n"rolbacks": []}')
    (finding,) = lint_file(path)
    assert (finding.line, finding.severity) == (5, Severity.ERROR)


def test_yaml_is_linted_alike(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "title: t\ndescription: d\nmethod:\n- ref: nope\nrollbacks: []\nrollbacks: []\n"
    )
    assert [(finding.line, finding.rule) for finding in lint_file(path)] == [
        (4, "unknown-ref"),
        (6, "duplicate-key"),
    ]


def test_what_a_module_prints_does_not_spoil_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    found(put(*PROVIDER, "module", value="lint_broken"))
    assert capsys.readouterr() == ("", "noise\n")


def test_every_action_of_ours_is_known_with_its_counterpart() -> None:
    from importlib import import_module

    known = {*UNDONE_BY, *NEEDS_NONE}
    all_there_are = {
        (module, name) for module in ACTION_MODULES for name in import_module(module).__all__
    }
    assert known == all_there_are
    assert {(module, undo) for (module, _), undo in UNDONE_BY.items()} <= NEEDS_NONE


KEYS = st.sampled_from(
    sorted(
        {*EXPERIMENT.keys, *ACTIVITY.keys, "ref", "tolerance", "probes", "strategy", "range"}
        | {key for shape in PROVIDERS.values() for key in shape.keys}
    )
)


TEXTS = st.sampled_from(
    [
        *("probe", "action", "python", "process", "http", "env", "range", "regex", "jsonpath"),
        *("lint_helpers", "anything", "coroutine", "chaosnetra.toxiproxy.actions", "add_latency"),
        *("${known}", "${", "always", "", "."),
    ]
)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=8)
        | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=40,
)


@given(data=ANYTHING)
@settings(max_examples=300)
def test_any_json_has_findings_or_none_and_never_a_traceback(data: Any) -> None:
    read, lines, duplicates = parse_json(json.dumps(data))
    for finding in lint_document(Document("e.json", read, lines, tuple(duplicates))):
        assert "\n" not in finding.text
        assert finding.line == 1
        json.dumps(asdict(finding))


@given(data=st.data())
@settings(max_examples=300)
def test_a_valid_experiment_with_anything_in_one_place_is_linted(data: st.DataObject) -> None:
    experiment = copy.deepcopy(CLEAN)
    experiment["controls"] = [
        {"name": "c", "provider": {"type": "python", "module": "lint_control"}}
    ]
    experiment["steady-state-hypothesis"]["probes"][0]["tolerance"] = copy.deepcopy(JUDGE)
    at: Any = experiment
    while True:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(ANYTHING)
    read, lines, duplicates = parse_json(json.dumps(experiment))
    lint_document(Document("e.json", read, lines, tuple(duplicates)))


@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_gives_findings_or_one_readable_line(
    raw: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(raw)
    try:
        said = [finding.text for finding in lint_file(path)]
    except Unreadable as error:
        said = [str(error)]
    assert said
    assert not any("\n" in line for line in said)


@pytest.mark.parametrize(
    "content",
    [
        "{" + ",".join(f'"{n:05}":0' for n in range(90_000)) + "}",
        json.dumps({"method": [{"name": f"{n}", "ref": f"x{n}"} for n in range(15_000)]}),
        json.dumps({"method": [{"pauses": {"after": "${x}" * 3}}] * 20_000}),
        '{"a":' * 90 + "0" + "}" * 90,
    ],
    ids=["keys", "references", "variables", "depth"],
)
def test_a_file_full_of_traps_is_no_hang(tmp_path: Path, content: str) -> None:
    path = tmp_path / "e.json"
    path.write_text(content)
    findings = lint_file(path)
    assert 1 <= len(findings) <= 1001
    assert all(len(finding.text) < 2000 for finding in findings)


def test_rules_look_at_notes_as_notes() -> None:
    document = Document("e", {"title": "t", "description": "d", "method": [], "_x": 1}, {})
    from chaosnetra.lint.modules import Modules
    from chaosnetra.lint.outline import Outline

    assert list(check_keys(Outline(document, Modules()))) == []
