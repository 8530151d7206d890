"""How a pipeline makes a service ready to be started, by the files of its folder."""

from collections.abc import Iterator
from pathlib import Path

from chaosnetra.scaffold.service import Service

# Where the pipeline's own interpreter for chaosnetra is.
OWN_PYTHON = '"$HOME/chaosnetra/bin/python"'
_VENV = ".venv/bin/"
# What is not there says nothing; the first that is there does.
_BUILDS = (
    ("package-lock.json", "npm ci"),
    ("yarn.lock", "corepack enable && yarn install --immutable"),
    ("pnpm-lock.yaml", "corepack enable && pnpm install --frozen-lockfile"),
    ("package.json", "npm install"),
    ("mvnw", "./mvnw --batch-mode --no-transfer-progress package -DskipTests"),
    ("pom.xml", "mvn --batch-mode --no-transfer-progress package -DskipTests"),
    ("gradlew", "./gradlew build -x test"),
    ("go.mod", "go build ./..."),
    ("Cargo.toml", "cargo build --release"),
)


def build_commands(service: Service, folder: Path) -> list[str]:
    """Commands for a POSIX shell, in the service's folder; none: nothing tells how."""
    found = [command for name, command in _BUILDS if (folder / name).is_file()][:1]
    return [*_python_commands(service, folder), *found]


def _python_commands(service: Service, folder: Path) -> Iterator[str]:
    what = _requirements(folder)
    if what is None:
        return
    words = (service.python or "", *service.programs)
    if any(word.removeprefix("./").startswith(_VENV) for word in words):
        yield "python3 -m venv .venv"
        python = f"{_VENV}python"
    elif service.is_import_path:  # it is started by the interpreter that chaosnetra has
        python = OWN_PYTHON
    else:
        python = "python3"
    yield f"{python} -m pip install --quiet {what}"


def _requirements(folder: Path) -> str | None:
    if (folder / "requirements.txt").is_file():
        return "-r requirements.txt"
    has_package = any((folder / name).is_file() for name in ("pyproject.toml", "setup.py"))
    return "." if has_package else None
