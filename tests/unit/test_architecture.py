"""The picture in the README: imports point one way, and areas do not know each other."""

import ast
from pathlib import Path

import chaosnetra

ROOT = Path(chaosnetra.__file__).parent
AREAS = {"orchestrator", "startup", "toxiproxy", "connector", "cloudrun", "postgres", "stand"}
# What meets the Chaos Toolkit; it may use everything.
ENTRY_POINTS = {
    "actions",
    "probes",
    "attempt_probes",
    "transfer_probes",
    "activity",
    "precheck",
    "preview",
    "tolerances",
    "cli",
    "session",
    "launchers",
    "pytest_plugin",
}
# Asks the Chaos Toolkit what it refuses, so that lint need not guess.
ASKS_THE_TOOLKIT = {Path("lint/core.py")}
# They use other clients of Google's, which are optional.
GOOGLES_OTHERS = {Path("postgres/cloudsql.py")}


def imported(path: Path) -> set[str]:
    """Every module of this package that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def sources() -> list[Path]:
    return [path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts]


def test_areas_do_not_import_each_other() -> None:
    wrong = []
    for path in sources():
        area = path.relative_to(ROOT).parts[0]
        if area not in AREAS or path.stem in ENTRY_POINTS:
            continue
        for module in imported(path):
            parts = module.split(".")
            if parts[0] == "chaosnetra" and len(parts) > 1 and parts[1] in AREAS - {area}:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_only_entry_points_and_controls_know_the_chaos_toolkit() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources()
        if path.stem not in ENTRY_POINTS | {"__init__", "jsonsafe"}
        and path.relative_to(ROOT).parts[0] != "controls"
        and path.relative_to(ROOT) not in ASKS_THE_TOOLKIT
        for module in imported(path)
        if module.split(".")[0] in ("chaoslib", "chaostoolkit")
    ]
    assert wrong == []


def test_foundations_import_no_area_and_no_session() -> None:
    wrong = [
        f"{path.name} imports {module}"
        for path in ROOT.glob("*.py")
        if path.stem not in ENTRY_POINTS | {"__init__"}
        for module in imported(path)
        if module.split(".")[:1] == ["chaosnetra"]
        and [*module.split("."), ""][1] in AREAS | ENTRY_POINTS | {"controls"}
    ]
    assert wrong == []


def test_reports_rest_on_the_evidence_alone() -> None:
    """So they can be made of any journal, anywhere."""
    allowed = ("chaosnetra.report", "chaosnetra.evidence")
    foundations = {"chaosnetra", "chaosnetra.errors", "chaosnetra.quantities", "chaosnetra.text"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in (ROOT / "report").rglob("*.py")
        for module in imported(path)
        if module.split(".")[0] in ("chaosnetra", "chaoslib", "chaostoolkit")
        and not module.startswith(allowed)
        and module not in foundations
    ]
    assert wrong == []


def imported_at_once(path: Path) -> set[str]:
    """What a file imports as soon as it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    plain = [node for node in tree.body if isinstance(node, ast.Import)]
    return found | {alias.name for node in plain for alias in node.names}


def test_only_cloudrun_knows_googles_client_and_imports_it_when_it_is_called() -> None:
    """Its import costs half a second and 60 MB; the local endpoint is a program of its own."""
    google, local = ("google", "grpc", "proto"), "chaosnetra.cloudrun.emulator"
    wrong = []
    for path in sources():
        place = path.relative_to(ROOT)
        if place.parts[:2] == ("cloudrun", "emulator"):
            continue
        knows = place.parts[0] == "cloudrun" or place in GOOGLES_OTHERS
        seen = imported_at_once(path) if knows else imported(path)
        wrong += [
            f"{place} imports {module}"
            for module in seen | {module for module in imported(path) if module.startswith(local)}
            if module.split(".")[0] in google or module.startswith(local)
        ]
    assert wrong == []


def test_the_folder_of_the_server_never_hides_the_client_package() -> None:
    assert not (ROOT.parent / "toxiproxy" / "__init__.py").exists()
