"""The picture in the README: imports point one way, and areas do not know each other."""

import ast
from pathlib import Path

import chaosnetra

ROOT = Path(chaosnetra.__file__).parent
AREAS = {"orchestrator", "startup", "toxiproxy", "postgres", "stand"}
# What meets the Chaos Toolkit; it may use everything.
ENTRY_POINTS = {"actions", "probes", "activity", "tolerances", "cli", "session"}


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


def test_the_folder_of_the_server_never_hides_the_client_package() -> None:
    assert not (ROOT.parent / "toxiproxy" / "__init__.py").exists()
