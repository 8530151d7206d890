"""The package as Chaos Toolkit sees it."""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

import chaosnetra
from chaosnetra import ACTION_MODULES, PROBE_MODULES, TOLERANCE_MODULES, discover
from tests.support.programs import captured

ROOT = Path(chaosnetra.__file__).parent
MODULES = (*ACTION_MODULES, *PROBE_MODULES, *TOLERANCE_MODULES)
FILES = {"actions.py", "probes.py", "tolerances.py"}
ACTIVITIES = [
    pytest.param(getattr(import_module(module), name), id=f"{module}.{name}")
    for module in MODULES
    for name in import_module(module).__all__
]


def in_the_tree() -> set[str]:
    return {
        ".".join(("chaosnetra", *path.relative_to(ROOT).with_suffix("").parts))
        for path in ROOT.rglob("*.py")
        if path.name in FILES
    }


def test_every_module_of_activities_in_the_tree_is_listed_once() -> None:
    assert in_the_tree() == set(MODULES)
    assert len(set(MODULES)) == len(MODULES)


def test_actions_and_probes_are_listed_as_what_they_are() -> None:
    assert all(module.endswith(".actions") for module in ACTION_MODULES)
    assert not any(module.endswith(".actions") for module in PROBE_MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_activities_exports_some(module: str) -> None:
    assert import_module(module).__all__


@pytest.mark.parametrize("module", MODULES)
def test_annotations_are_real_types_in_modules_of_activities(module: str) -> None:
    tree = ast.parse(Path(import_module(module).__file__ or "").read_text())
    postponed = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert postponed == []


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_every_activity_is_a_function_that_the_core_can_call(activity: Callable[..., Any]) -> None:
    assert inspect.isfunction(activity)
    assert not inspect.iscoroutinefunction(activity)
    assert not inspect.isgeneratorfunction(activity)
    parameters = list(inspect.signature(activity).parameters.values())
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert [parameter.name for parameter in parameters[-2:]] == ["configuration", "secrets"]
    assert [parameter.default for parameter in parameters[-2:]] == [None, None]
    assert inspect.getdoc(activity)
    is_tolerance = activity.__module__ == "chaosnetra.tolerances"
    assert hasattr(activity, "__wrapped__") or is_tolerance, "it lacks @edge"


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_every_parameter_is_documented(activity: Callable[..., Any]) -> None:
    """Here or in the activity of the same module that the text refers to."""
    text = inspect.getdoc(activity) or ""
    for other in re.findall(r"See `(\w+)`", text):
        text += inspect.getdoc(getattr(sys.modules[activity.__module__], other)) or ""
    of_core = () if activity.__module__ == "chaosnetra.tolerances" else ("configuration", "secrets")
    undocumented = [
        name
        for name in inspect.signature(activity).parameters
        if f"{name}: " not in text and name not in of_core
    ]
    assert undocumented == []


@pytest.fixture(scope="module")
def discovered() -> dict[str, dict[str, Any]]:
    discovery = discover(discover_system=False)
    json.dumps(discovery)
    assert discovery["extension"]["version"] == chaosnetra.__version__
    return {
        f"{activity['mod']}.{activity['name']}": activity for activity in discovery["activities"]
    }


def test_discovery_lists_every_activity_once(discovered: dict[str, dict[str, Any]]) -> None:
    offered = [param.id or "" for param in ACTIVITIES]
    # A tolerance is no probe: the wizard of `chaos init` would offer it as one.
    assert sorted(discovered) == sorted(set(offered) - {"chaosnetra.tolerances.held"})
    assert len(discover()["activities"]) == len(discovered)


def test_discovery_knows_the_type_of_every_argument(discovered: dict[str, dict[str, Any]]) -> None:
    untyped = [
        (name, argument["name"])
        for name, activity in discovered.items()
        for argument in activity["arguments"]
        if argument.get("type") in (None, "object")
    ]
    assert untyped == []


def test_discovery_tells_actions_from_probes(discovered: dict[str, dict[str, Any]]) -> None:
    for activity in discovered.values():
        expected = "action" if activity["mod"] in ACTION_MODULES else "probe"
        assert activity["type"] == expected
        assert activity["doc"]


def test_the_version_is_the_distributions() -> None:
    assert chaosnetra.__version__ == version("chaostoolkit-netra")


def test_there_are_no_other_names_made_up() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        chaosnetra.nothing  # noqa: B018


def test_both_command_lines_are_entry_points() -> None:
    (plugin,) = entry_points(group="chaostoolkit.cli_plugins", name="netra")
    (script,) = entry_points(group="console_scripts", name="chaosnetra")
    assert plugin.load().name == "netra"
    assert callable(script.load())


def test_importing_the_package_and_its_command_line_loads_nothing_heavy() -> None:
    heavy = ["asyncpg", "sqlalchemy", "fastapi", "scipy", "google", "psutil", "requests"]
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import chaosnetra, chaosnetra.cli\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = captured([sys.executable, "-c", code], check=True)
    loaded = done.stdout.split()
    assert "chaosnetra" in loaded
    assert [name for name in heavy if name in loaded] == []
