"""How a pipeline makes a service ready to be started, by the files of its folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.scaffold.service import Service

# Where the pipeline's own interpreter for chaosnetra is.
OWN_PYTHON = '"$HOME/chaosnetra/bin/python"'
_VENV = ".venv/bin/"


@dataclass(frozen=True)
class Machine:
    """What a job's container has.

    Attributes:
        image: of it.
        packages: that apt gets into it.
    """

    image: str
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Tools:
    """What builds and runs a service.

    Attributes:
        image: that has them.
        packages: the same in Debian, for the image of Python.
    """

    image: str
    packages: tuple[str, ...]


_PYTHON = Machine("python:3.12")
_NODE = _Tools("node:22", ("nodejs", "npm"))
_JAVA = _Tools("eclipse-temurin:21", ("default-jdk-headless",))
_MAVEN = _Tools("maven:3-eclipse-temurin-21", ("default-jdk-headless", "maven"))
_GO = _Tools("golang:1", ("golang-go",))
_RUST = _Tools("rust:1", ("cargo",))
# What is not there says nothing; the first that is there does.
_BUILDS = (
    ("package-lock.json", "npm ci", _NODE),
    ("yarn.lock", "corepack enable && yarn install --immutable", _NODE),
    ("pnpm-lock.yaml", "corepack enable && pnpm install --frozen-lockfile", _NODE),
    ("package.json", "npm install", _NODE),
    ("mvnw", "./mvnw --batch-mode --no-transfer-progress package -DskipTests", _JAVA),
    ("pom.xml", "mvn --batch-mode --no-transfer-progress package -DskipTests", _MAVEN),
    ("gradlew", "./gradlew build -x test", _JAVA),
    ("go.mod", "go build ./...", _GO),
    ("Cargo.toml", "cargo build --release", _RUST),
)


def build_commands(service: Service, folder: Path) -> list[str]:
    """Commands for a POSIX shell, in the service's folder; none: nothing tells how."""
    found = [command for command, _ in _builds(folder)]
    return [*_python_commands(service, folder), *found]


def machine_for(service: Service, folder: Path) -> Machine:
    """What a container has to have for these commands, for the service, and for chaosnetra."""
    tools = next((tools for _, tools in _builds(folder)), None)
    if tools is None:
        return _PYTHON
    if list(_python_commands(service, folder)):
        return Machine(_PYTHON.image, tools.packages)
    return Machine(tools.image, ("python3", "python3-venv"))


def _builds(folder: Path) -> list[tuple[str, _Tools]]:
    found = [(command, tools) for name, command, tools in _BUILDS if (folder / name).is_file()]
    return found[:1]


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
