"""The layers of the package: imports point downwards, and nowhere in a circle."""

import ast
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import chaosnetra

ROOT = Path(chaosnetra.__file__).parent

# From the top. A module belongs to the longest name that it begins with. It imports what lies in
# a layer below, or in its own folder; folders of one layer do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    # How a person or another program comes in.
    ("cli", "pytest_plugin"),
    ("commands", "testing"),
    ("controls",),
    ("scaffold",),
    ("trying",),
    ("doctor", "gameday", "ci", "kept", "search", "whatif"),
    # Of documents and journals alone.
    ("lint", "runner"),
    ("report",),
    # What an experiment names. They compose the areas, and live in the folder of theirs.
    ("pressure",),
    (
        "cloudrun.actions",
        "cloudrun.probes",
        "connector.actions",
        "connector.probes",
        "postgres.actions",
        "postgres.attempt_probes",
        "postgres.probes",
        "postgres.transfer_probes",
        "startup.probes",
        "toxiproxy.actions",
        "toxiproxy.probes",
    ),
    # One run.
    ("consent", "roundtrips"),
    ("running",),
    # Alone in a container.
    ("startup.task",),
    ("task_path",),
    ("rehearsal",),
    ("stand",),
    # The areas.
    ("cloudrun", "connector", "orchestrator", "postgres", "startup", "toxiproxy", "wire"),
    # What they share.
    ("relay", "progress"),
    ("running.run",),  # who undoes something asks the run in progress how long it may take
    ("safety",),
    ("processes",),
    ("evidence",),
    ("wire.observation",),  # what journals, and all who read them, have of it
    ("settings",),
    ("phase_patterns", "profiles"),
    ("documents",),
    # Foundations.
    ("first_answers", "redaction", "standard_streams", "tolerances"),
    ("faults", "paths", "ports", "streams", "templates", "temporary"),
    ("addresses", "durations"),
    ("hints", "line_patterns", "quantities"),
    ("errors",),
    ("repository", "text", "whole_file"),
    ("",),  # the package itself: its version
)
# Everything else says nothing to Chaos Toolkit, and hears nothing from it.
KNOW_THE_TOOLKIT = (
    "controls",
    *next(layer for layer in LAYERS if "postgres.probes" in layer),
    "pressure",
    "tolerances",
    "running.abort_conditions",
    "running.activity",
    "running.precheck",
    "evidence.journal.jsonsafe",
    # Asks the Chaos Toolkit what it refuses, so that lint need not guess.
    "lint.core",
    "",
)
# They use other clients of Google's, which are optional.
GOOGLES_OTHERS = ("postgres.cloudsql",)


def name_of(path: Path) -> str:
    """A module's name without the package's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that some code imports, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.removeprefix("chaosnetra.") in SOURCES else str(node.module)


@cache
def imports_of(name: str) -> frozenset[str]:
    return frozenset(imported(ast.parse(SOURCES[name].read_text(encoding="utf-8"))))


@cache
def arrows_of(name: str) -> frozenset[str]:
    """The modules of this package that a module imports."""
    ours = {found.partition(".") for found in imports_of(name)}
    return frozenset(rest for top, _, rest in ours if top == "chaosnetra") - {name}


def is_in(name: str, *folders: str) -> bool:
    return any(name == folder or (folder and name.startswith(f"{folder}.")) for folder in folders)


def place_of(name: str) -> tuple[int, str]:
    """The layer of a module, counted from the top, and its folder there."""
    found = [
        (number, folder)
        for number, layer in enumerate(LAYERS)
        for folder in layer
        if is_in(name, folder)
    ]
    assert found, f"{name} is in no layer"
    return max(found, key=lambda place: len(place[1]))


def test_every_import_points_downwards() -> None:
    wrong = []
    for name in SOURCES:
        layer, folder = place_of(name)
        for other in arrows_of(name):
            other_layer, other_folder = place_of(other)
            same_folder = other_folder.partition(".")[0] == folder.partition(".")[0]
            if other_layer < layer or (other_layer == layer and not same_folder):
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_every_folder_of_a_layer_is_there() -> None:
    declared = [folder for layer in LAYERS for folder in layer]
    assert sorted(declared) == sorted(set(declared))
    assert set(declared) <= set(SOURCES)


def test_no_modules_import_each_other_in_a_circle() -> None:
    rest = {name: set(arrows_of(name)) for name in SOURCES}
    while free := [name for name, arrows in rest.items() if not arrows & rest.keys()]:
        for name in free:
            del rest[name]
    # What is left leads into a circle: follow one.
    way = sorted(rest)[:1]
    while way and way[-1] not in way[:-1]:
        way.append(min(rest[way[-1]] & rest.keys()))
    circle = way[way.index(way[-1]) :] if way else []
    assert [f"{name} imports {other}" for name, other in pairwise(circle)] == []


def test_only_controls_and_activities_know_the_chaos_toolkit() -> None:
    wrong = [
        f"{name} imports {module}"
        for name in SOURCES
        if not is_in(name, *KNOW_THE_TOOLKIT)
        for module in imports_of(name)
        if module.split(".")[0] in ("chaoslib", "chaostoolkit")
    ]
    assert wrong == []


def test_reports_rest_on_the_evidence_alone() -> None:
    """So they can be made of any journal, anywhere."""
    allowed = ("report", "evidence", "wire.observation", "errors", "quantities", "text", "")
    wrong = [
        f"{name} imports {other}"
        for name in SOURCES
        if is_in(name, "report")
        for other in arrows_of(name)
        if not is_in(other, *allowed)
    ]
    assert wrong == []


def imported_at_once(name: str) -> set[str]:
    """What a module imports as soon as it is imported itself."""
    body = ast.parse(SOURCES[name].read_text(encoding="utf-8")).body
    return {
        module
        for node in body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for module in imported(node)
    }


def test_only_cloudrun_knows_googles_client_and_imports_it_when_it_is_called() -> None:
    """Its import costs half a second and 60 MB; the local endpoint is a program of its own."""
    google, local = ("google", "grpc", "proto"), "chaosnetra.cloudrun.emulator"
    wrong = []
    for name in SOURCES:
        if is_in(name, "cloudrun.emulator"):
            continue
        knows = is_in(name, "cloudrun", *GOOGLES_OTHERS)
        seen = imported_at_once(name) if knows else imports_of(name)
        wrong += [
            f"{name} imports {module}"
            for module in {*seen, *(one for one in imports_of(name) if one.startswith(local))}
            if module.split(".")[0] in google or module.startswith(local)
        ]
    assert wrong == []


def test_the_folder_of_the_server_never_hides_the_client_package() -> None:
    assert not (ROOT.parent / "toxiproxy" / "__init__.py").exists()
