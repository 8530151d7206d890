"""Arguments are checked before the first activity of a run, by the activities themselves."""

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from chaoslib.configuration import load_configuration
from hypothesis import given
from hypothesis import strategies as st

import chaosnetra
from chaosnetra.errors import InvalidInput
from chaosnetra.running.activity import edge
from chaosnetra.running.precheck import check_arguments
from chaosnetra.running.session import current_session
from chaosnetra.running.unread import INTERNAL, unread_variables
from chaosnetra.settings import SETTINGS
from chaosnetra.startup.probes import budgets_suffice
from tests.support.repository import EXPERIMENTS

ROOT = Path(chaosnetra.__file__).parent
MODULES = sorted(
    f"chaosnetra.{path.parent.name}.{path.stem}"
    for pattern in ("*/actions.py", "*/probes.py")
    for path in ROOT.glob(pattern)
)
# One that can be used, for each argument that has no default.
USABLE: dict[str, Any] = {
    "attributes": {"latency_ms": 5}, "average_size_bytes": 10, "delay_ms": 1, "hold_ms": 10,
    "latency_ms": 5, "limit_bytes": 5, "limits": {},
    "local": {"module": "chaosnetra.toxiproxy.actions", "func": "delete_proxy"}, "name": "one",
    "rate_kb_per_second": 1, "staging": {}, "timeout_ms": 1, "upstream": "127.0.0.1:1",
}  # fmt: skip
USABLE["local"]["arguments"] = {"name": "one"}
# Names of somebody else's things, which the server knows or does not.
ANY_TEXT = {"application_name", "execution", "proxy", "revision"}


def activity(module: str, function: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "func": function, "arguments": arguments}
    return {"type": "action", "name": "one of ours", "provider": provider, **more}


def latency(**arguments: Any) -> dict[str, Any]:
    return activity("chaosnetra.toxiproxy.actions", "add_latency", arguments)


def refusal(*method: dict[str, Any], **configuration: Any) -> str | None:
    try:
        check_arguments({"method": list(method)}, {"connector": "emulator", **configuration}, {})
    except InvalidInput as error:
        return str(error)
    return None


def activities() -> Iterator[tuple[ModuleType, str]]:
    for module in map(importlib.import_module, MODULES):
        yield from ((module, name) for name in module.__all__)


def parameters(module: ModuleType, name: str) -> dict[str, inspect.Parameter]:
    found = inspect.signature(getattr(module, name)).parameters
    return {key: one for key, one in found.items() if key not in ("configuration", "secrets")}


def test_every_activity_refuses_each_argument_that_it_cannot_use_and_brings_no_part() -> None:
    accepted = []
    for module, name in activities():
        taken = parameters(module, name)
        given = {key: USABLE[key] for key, one in taken.items() if one.default is one.empty}
        if name != "scale_service":  # it needs one of three
            assert refusal(activity(module.__name__, name, given)) is None, name
        for key in taken.keys() - ANY_TEXT:
            if name == "sessions_by_application" and key == "name":
                continue  # a name at the server too
            for bad in ({"no": "such"}, [1]):
                wrong = {**given, key: {"latency_ms": bad} if key == "attributes" else bad}
                if refusal(activity(module.__name__, name, wrong)) is None:
                    accepted.append((module.__name__, name, key, bad))
    assert accepted == []
    assert current_session().resources.parts == []
    assert current_session().injector.faults == []


def test_every_activity_goes_through_the_one_edge_first() -> None:
    """Else to check its arguments would be to run it."""
    edged = edge(lambda session: None).__code__
    wrong = [
        f"{module.__name__}.{name}"
        for module, name in activities()
        if getattr(module, name).__code__ is not edged
    ]
    assert wrong == []


def test_the_value_is_named_as_the_core_will_give_it_and_the_setting_behind_it() -> None:
    experiment = {
        "configuration": {
            "latency_ms": {"type": "env", "key": "CHAOSNETRA_LATENCY_MS", "default": "5"}
        },
        "method": [latency(latency_ms="${latency_ms}")],
    }
    chaosnetra.running.run.current_run().experiment = experiment
    with pytest.raises(InvalidInput) as refused:
        check_arguments(experiment, {"latency_ms": "500ms"}, {})
    assert str(refused.value) == (
        "action 'one of ours': latency_ms must be a number, got '500ms'; set latency_ms in the "
        "experiment's configuration or CHAOSNETRA_LATENCY_MS"
    )


def test_steady_state_method_and_rollbacks_are_all_checked_and_the_first_three_are_told() -> None:
    probe = activity("chaosnetra.startup.probes", "startups_succeed", {"count": 0}, type="probe")
    experiment = {
        "steady-state-hypothesis": {"probes": [probe]},
        "method": [latency(latency_ms=-1), latency(latency_ms=-1), latency(latency_ms=-2)],
        "rollbacks": [
            activity("chaosnetra.toxiproxy.actions", "remove_toxic", {"name": "a/b"}),
            activity("chaosnetra.postgres.actions", "release_pressure", {"name": "a b"}),
        ],
    }
    with pytest.raises(InvalidInput) as refused:
        check_arguments(experiment, {}, {})
    text = str(refused.value)
    assert text.startswith("probe 'one of ours': count must be at least 1, got 0")
    assert text.count("got -1") == 1
    assert text.endswith("; and 2 more")


def test_what_is_known_only_later_is_left_to_the_activity() -> None:
    assert refusal(latency(latency_ms="${of_a_probe}")) is None
    assert refusal(latency(latency_ms="${of_a_probe}"), of_a_probe="x") is not None
    assert refusal(latency(latency_ms=5, proxy="${of_a_probe}")) is None
    assert refusal(latency(latency_ms="${given}"), given="5") is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (latency(), "add_latency: missing a required argument: 'latency_ms'"),
        (latency(latency_ms=1, jitter=2), "got an unexpected keyword argument 'jitter'"),
    ],
)
def test_arguments_that_do_not_fit_are_told(wrong: dict[str, Any], message: str) -> None:
    assert message in str(refusal(wrong))


def test_checking_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    local = {
        "module": "chaosnetra.toxiproxy.actions",
        "func": "delete_proxy",
        "arguments": {"name": "x"},
    }
    arguments = {"local": local, "staging": {}}
    with caplog.at_level("INFO", logger="chaostoolkit"):
        assert refusal(activity("chaosnetra.pressure.actions", "apply_pressure", arguments)) is None
    assert caplog.records == []


def test_an_activity_outside_of_a_run_leaves_the_check_to_the_first_of_the_run() -> None:
    """As a condition of the abort control is, which is asked before any of them."""
    assert budgets_suffice()["findings"]
    assert current_session()._wrong_arguments is None


def test_what_is_not_ours_is_not_called() -> None:
    others = [
        activity("os", "abort", {}),
        activity("chaosnetra.running.session", "end_session", {}),
        activity("chaosnetra.no_such.actions", "act", {}),
        activity("chaosnetra.toxiproxy.actions", "_add", {"no": 1}),
        {"type": "action", "name": "p", "provider": {"type": "process", "path": "false"}},
        {"ref": "somewhere"},
    ]
    assert refusal(*others) is None


def test_the_action_of_the_environment_is_checked_where_one_is_chosen() -> None:
    local = {
        "module": "chaosnetra.toxiproxy.actions",
        "func": "add_latency",
        "arguments": {"latency_ms": "much"},
    }
    chosen = activity("chaosnetra.pressure.actions", "apply_pressure", {"staging": {}})
    chosen["provider"]["arguments"]["local"] = local
    assert "latency_ms must be a number, got 'much'" in str(refusal(chosen))


TIMES = [
    ("toxiproxy.actions", "add_latency", "latency_ms", 1),
    ("toxiproxy.actions", "add_timeout", "timeout_ms", 1),
    ("toxiproxy.actions", "add_reset_peer", "timeout_ms", 1),
    ("toxiproxy.actions", "add_slow_close", "delay_ms", 1),
    ("toxiproxy.actions", "add_slicer", "delay_us", 1000),
    ("postgres.probes", "connections_succeed", "timeout_ms", 1),
    ("postgres.probes", "pool_checkouts_succeed", "hold_ms", 1),
    ("connector.actions", "limit_connector", "queue_timeout_seconds", 0.001),
    ("connector.actions", "change_connector", "pressure_delay_seconds", 0.001),
]


@pytest.mark.parametrize("scale", [0.1, 1, 10])
@pytest.mark.parametrize(("module", "function", "name", "unit"), TIMES)
def test_bounds_hold_for_what_is_written_at_every_time_scale(
    module: str, function: str, name: str, unit: float, scale: float
) -> None:
    def asked(value: float) -> str | None:
        arguments: dict[str, Any] = {name: value}
        if module == "connector.actions":
            arguments = {"limits": arguments}
        if function == "add_slicer":
            arguments["average_size_bytes"] = 10
        return refusal(activity(f"chaosnetra.{module}", function, arguments), time_scale=scale)

    assert asked(3_600_000 * unit) is None
    assert f"got {30_000_000 * unit!r}" in str(asked(30_000_000 * unit))


@given(st.floats(0.001, 10), st.floats(0, 3_600_000))
def test_a_time_within_its_bounds_is_within_those_of_the_server_at_every_scale(
    scale: float, latency_ms: float
) -> None:
    from chaosnetra.toxiproxy.toxics import make_toxic

    toxic = make_toxic("t", "latency", "downstream", 1, {"latency_ms": latency_ms}, scale)
    assert toxic.attributes["latency"] == pytest.approx(latency_ms * scale, abs=1)
    assert (toxic.attributes["latency"] == 0) == (latency_ms == 0)


def test_a_variable_that_nothing_reads_is_named_with_what_was_meant() -> None:
    experiment = {
        "configuration": {
            "count": {"type": "env", "key": "CHAOSNETRA_COUNT", "default": 5},
            "profile": "issue-1263",
            "hold_ms": 3,
        },
        "secrets": {"s": {"p": {"type": "env", "key": "CHAOSNETRA_PASS"}}},
        "method": [{"provider": {"type": "process", "arguments": "echo $CHAOSNETRA_MINE"}}],
    }
    environ = dict.fromkeys(
        [
            "CHAOSNETRA_COUNTS", "CHAOSNETRA_COUNT", "CHAOSNETRA_MINE", "CHAOSNETRA_PASS",
            "CHAOSNETRA_PROFILE", "CHAOSNETRA_SCHEMA", "CHAOSNETRA_SEED", "CHAOSNETRA_TIMESCALE",
            "CHAOSNETRA_XYZZY", "CHAOSNETRA_HOLD_MS", "CHAOSNETRA_CONNECT", "CHAOSNETRA_CONTEXT",
            "CHAOSNETRA_OTHER_INSTANCES", "CHAOSNETRA_SCALE_TO", "OTHER",
        ],
        "",
    )  # fmt: skip
    assert unread_variables(environ, experiment) == [
        "CHAOSNETRA_CONNECT is set, and nothing reads it; did you mean CHAOSNETRA_CONNECTOR?",
        "CHAOSNETRA_CONTEXT is set, and nothing reads it",  # and not CHAOSNETRA_CONSENT
        "CHAOSNETRA_COUNTS is set, and nothing reads it; did you mean CHAOSNETRA_COUNT?",
        (
            "CHAOSNETRA_HOLD_MS is set, and nothing reads it: the experiment's configuration has "
            "its own hold_ms"
        ),
        (
            "CHAOSNETRA_OTHER_INSTANCES is set, and this experiment does not read it: it is a "
            "parameter of cloudrun_scale_out"
        ),
        (
            "CHAOSNETRA_PROFILE is set, and nothing reads it: the experiment's configuration has "
            "its own profile"
        ),
        (
            "CHAOSNETRA_SCALE_TO is set, and this experiment does not read it: it is a parameter "
            "of cloudrun_scale_out"
        ),
        "CHAOSNETRA_TIMESCALE is set, and nothing reads it; did you mean CHAOSNETRA_TIME_SCALE?",
        "CHAOSNETRA_XYZZY is set, and nothing reads it",
    ]
    assert unread_variables(environ, {}) != []
    assert unread_variables({}, experiment) == []


def test_a_target_that_no_activity_starts_is_told() -> None:
    """As with an experiment on the database alone, which says nothing of the target."""
    set_to = {"CHAOSNETRA_TARGET": "node server.js"}
    experiment: dict[str, Any] = {"configuration": {"target": {"key": "CHAOSNETRA_TARGET"}}}
    assert unread_variables(set_to, experiment) == [
        "CHAOSNETRA_TARGET is set, and this experiment starts no target"
    ]
    experiment["method"] = [{"provider": {"module": "chaosnetra.startup.probes"}}]
    assert unread_variables(set_to, experiment) == []
    assert unread_variables({"CHAOSNETRA_TARGET": ""}, {}) == []


def test_every_variable_that_this_package_names_is_known() -> None:
    """So that none of our own is ever told as one that nothing reads."""
    known = {setting.variable for setting in SETTINGS.values()} | INTERNAL
    texts = {
        node.value
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    named = {text for text in texts if text.startswith("CHAOSNETRA_") and text.isidentifier()}
    assert named - {"CHAOSNETRA_"} - known == set()


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_experiment_of_ours_passes_with_its_defaults(path: Path) -> None:
    experiment = json.loads(path.read_text())
    check_arguments(experiment, load_configuration(experiment["configuration"], {}), {})
