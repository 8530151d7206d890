"""The modules that the experiments of these tests name."""

from pathlib import Path

import pytest

from tests.support.lint_traps import CONTROL, HELPERS, SETTERS


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Activities and controls of other packages, and the one variable that is set."""
    (tmp_path / "lint_helpers.py").write_text(HELPERS)
    (tmp_path / "lint_control.py").write_text(CONTROL)
    (tmp_path / "lint_async_control.py").write_text("async def after_method_control(context): ...")
    (tmp_path / "lint_broken.py").write_text("import sys\nprint('noise')\nsys.exit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, source in SETTERS.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setenv("PASSWORD", "p")
