"""What README and docs say of settings, commands, files and links is what there is."""

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chaosnetra import PROBE_MODULES
from chaosnetra.cli import netra
from chaosnetra.lint.undo_actions import UNDONE_BY
from chaosnetra.profiles import known_profiles
from chaosnetra.repository import SETTINGS_FILE
from chaosnetra.running.abort_conditions import Condition
from chaosnetra.safety.allowlist import load_allow_list
from chaosnetra.scaffold.repository_files import LATENCY, STAGES
from chaosnetra.settings import SETTINGS, Group
from chaosnetra.settings.file import read_file
from chaosnetra.task_path.footprint import FOOTPRINT
from tests.support.repository import ROOT

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "docs/decisions/*.md",
        "experiments/*.md",
        "toxiproxy/*.md",
    )
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# By `chaosnetra init`, in another repository.
MADE = {f"experiments/{name}" for name in (STAGES, LATENCY)}
# Read by the package, and no setting of an experiment.
OTHER_VARIABLES = {"CHAOSNETRA_REPORT_DATABASE_URL", "CHAOSNETRA_TASK"}  # of a task


def blocks(text: str, *kinds: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text) if kind in kinds]


def anchors(page: Path) -> set[str]:
    """Of each heading, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `chaosnetra` of each call, also where it stands inside a line."""
    text = page.read_text(encoding="utf-8")
    kinds = {kind for kind, _ in BLOCK.findall(text) if kind.partition(" ")[0] in ("sh", "")}
    calls = [line for block in blocks(text, *kinds) for line in block.splitlines()]
    calls += re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    for call in calls:
        found = re.match(
            r"(?:\$ )?(?:[A-Z_]+=(?:'[^']*'|\S+) )*(?:chaosnetra|chaos netra) ([a-z].*)", call
        )
        if found:
            yield found[1].split()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_their_options_are_there(page: Path) -> None:
    context = click.Context(netra)
    for words in commands(page):
        command: click.Command = netra
        while isinstance(command, click.Group) and words and not words[0].startswith(("-", "…")):
            found = command.get_command(context, words.pop(0).rstrip(":,"))
            assert found is not None, (page.name, words)
            command = found
        known = {option for parameter in command.params for option in parameter.opts}
        ours = words[: words.index("--")] if "--" in words else words
        used = {word.partition("=")[0] for word in ours if word.startswith("--")}
        assert used <= known | {"--help"}, (page.name, words)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_and_modules_that_are_named_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(
        r"(?<![\w/.…])((?:experiments|benchmarks|tests|docs|chaosnetra)/[\w/.-]+\.\w+)", text
    )
    for module in re.findall(r"python -m ((?:chaosnetra|tests)[\w.]*)", text):
        path = module.replace(".", "/")
        named.append(path if (ROOT / path / "__main__.py").exists() else f"{path}.py")
    missing = [name for name in named if name not in MADE and not (ROOT / name).exists()]
    assert missing == []


def test_variables_that_are_named_are_read() -> None:
    known = {setting.variable for setting in SETTINGS.values()} | OTHER_VARIABLES
    for experiment in (ROOT / "experiments").glob("*.json"):
        known |= set(re.findall(r"CHAOSNETRA_\w+", experiment.read_text(encoding="utf-8")))
    for page in PAGES:
        named = set(re.findall(r"(?<!_)CHAOSNETRA_[A-Z_]+\b", page.read_text(encoding="utf-8")))
        assert named <= known, page.name


def summary(module: str, name: str) -> str:
    """The first sentence of a docstring, in one line."""
    documented = getattr(importlib.import_module(module), name).__doc__
    return " ".join(documented.split("\n\n")[0].split())


# What many have, and one rarely sets; the page says it once.
SHARED = ("configuration", "secrets", "name", "proxy", "direction", "toxicity")


def arguments(module: str, name: str) -> str:
    """Those of an activity that are its own, each with its default where it has one."""
    own = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    told = [
        f"`{one.name}`{default_of(one)}"
        for one in own
        if one.name not in SHARED or one.default is one.empty
    ]
    return ", ".join(told) or "none"


def default_of(argument: inspect.Parameter) -> str:
    if argument.default is argument.empty:
        return ""
    if argument.default in (None, ""):
        return " (none)"
    default = argument.default
    return f" ({default if isinstance(default, str) else json.dumps(default)})"


def test_the_tables_of_activities_are_what_there_is() -> None:
    page = (ROOT / "docs" / "writing-experiments.md").read_text(encoding="utf-8")
    actions = [
        f"| `{module}.{action}` | {arguments(module, action)} | `{undone_by}` "
        f"| {summary(module, action)} |"
        for (module, action), undone_by in UNDONE_BY.items()
    ]
    assert "\n".join(actions) in page
    probes = [
        f"| `{module}.{probe}` | {arguments(module, probe)} | {summary(module, probe)} |"
        for module in PROBE_MODULES
        for probe in importlib.import_module(module).__all__
    ]
    assert "\n".join(probes) in page


def test_the_documented_experiment_has_no_mistake(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "writing-experiments.md").read_text(encoding="utf-8")
    [experiment] = blocks(page, "json experiment")
    (tmp_path / "two.json").write_text(experiment, encoding="utf-8")
    linted = CliRunner().invoke(netra, ["lint", str(tmp_path / "two.json")])
    assert (linted.exit_code, linted.output) == (0, ""), linted.output


def test_the_documented_abort_conditions_can_be_used() -> None:
    [control] = blocks((ROOT / "docs" / "trouble.md").read_text(encoding="utf-8"), "json control")
    provider = json.loads(control)["provider"]
    assert set(provider["arguments"]) <= set(importlib.import_module(provider["module"]).OPTIONS)
    assert [Condition(one).name for one in provider["arguments"]["conditions"]]


def test_the_documented_allow_list_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "staging.md").read_text(encoding="utf-8")
    [listed] = [block for block in blocks(page, "json") if '"caps"' in block]
    (tmp_path / "allowed.json").write_text(listed, encoding="utf-8")
    assert load_allow_list(str(tmp_path / "allowed.json")).project == "acme-staging"


@pytest.mark.parametrize("page", ["README.md", "docs/staging-jobs.md"])
def test_what_a_path_adds_to_a_container_is_told_as_the_plan_tells_it(page: str) -> None:
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert FOOTPRINT in text


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180


@pytest.mark.parametrize("group", Group)
def test_the_tables_of_settings_are_what_they_declare(group: Group) -> None:
    rows = []
    for setting in SETTINGS.values():
        if setting.group is group:
            given = setting.default
            default = given if isinstance(given, str) else json.dumps(given)
            shown = f"`{default}`" if default else ""
            meaning = setting.meaning.replace("|", "\\|")
            rows.append(f"| `{setting.key}` | `{setting.variable}` | {shown} | {meaning} |")
    section = SETTINGS_PAGE.partition(f"## {group.value.capitalize()}")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == rows


def test_the_documented_settings_file_can_be_used(tmp_path: Path) -> None:
    [example, *_] = blocks(SETTINGS_PAGE, "toml")
    (tmp_path / SETTINGS_FILE).write_text(example, encoding="utf-8")
    file = read_file(tmp_path / SETTINGS_FILE)
    assert file.settings["target_directory"] == str(tmp_path)
    assert file.parameters == {"latency_ms": 300}


def test_every_profile_is_named() -> None:
    for name in known_profiles():
        short = f"`-{name.removeprefix('issue-1263-')}`"
        assert f"`{name}`" in SETTINGS_PAGE or short in SETTINGS_PAGE


def test_the_example_proxies_are_a_configuration_for_the_server() -> None:
    proxies = json.loads((ROOT / "toxiproxy" / "proxies.json").read_text(encoding="utf-8"))
    assert [set(proxy) for proxy in proxies] == [{"name", "listen", "upstream", "enabled"}]
    assert all(proxy["listen"].startswith("127.0.0.1:") for proxy in proxies)
