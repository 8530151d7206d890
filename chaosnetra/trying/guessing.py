"""What is guessed of a service before it is started: its variables, interpreter and migrations."""

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.trying.page_names import PATHS
from chaosnetra.trying.reading import Source, interpreter_of
from chaosnetra.trying.variables import USUAL, carries, form_in, template_of

# How far below its name the default of a variable may stand, as code is broken into lines.
LINES_OF_EVIDENCE = 3
LONGEST_LINE = 2000
MOST_VARIABLES = 60
_NAME = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{2,60}(?![A-Za-z0-9_])")
_FIELD = re.compile(r"^\s+([a-z][a-z0-9_]{2,40})\s*:\s", re.MULTILINE)
_PREFIX = re.compile(r"""env_prefix["']?\s*[=:]\s*["'](\w+)["']""")
# At the end of a line of code that goes on in the next one.
_GOES_ON = (",", "(", "\\", "=", "||", "??")
# Searched in compiled programs, where one text runs into the next.
_IN_PROGRAMS = (
    *("DATABASE_URL", "DATABASE_URI", "DATABASE_DSN", "DB_URL", "DB_DSN", "POSTGRES_URL"),
    *("POSTGRES_DSN", "DB_HOST", "DB_PORT", "DB_USER", "DB_USERNAME", "DB_PASSWORD", "DB_NAME"),
    *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"),
)
_SPRING = re.compile(r"spring-boot|org/springframework|org\.springframework|spring\.datasource")
_SPRING_VARIABLES = (
    *("SPRING_DATASOURCE_URL", "SPRING_DATASOURCE_USERNAME", "SPRING_DATASOURCE_PASSWORD"),
)
# Makes a service that reads it bring its tables up to date by itself.
_SWITCHES = {"RUN_MIGRATIONS": "1"}


@dataclass(frozen=True)
class Guess:
    """What a service is given.

    Attributes:
        environment: templates by variable.
        named_in: of variables, the file that names them; those that are not in it are only usual.
        prepare_command: that makes its tables; empty: none was found.
        prepare_from: the file that says so.
        python: interpreter for a `module:app`; None: this one.
        paths: of pages that may say that it is ready, the best first.
    """

    environment: Mapping[str, str]
    named_in: Mapping[str, str]
    prepare_command: str = ""
    prepare_from: str = ""
    python: str | None = None
    paths: Sequence[str] = PATHS


def guess_environment(sources: Iterable[Source]) -> tuple[dict[str, str], dict[str, str]]:
    """Templates by variable, and the files that name them.

    Args:
        sources: what says it best first. A name in several has the form that the first shows.
    """
    templates: dict[str, str] = {}
    named_in: dict[str, str] = {}
    shown: set[str] = set()
    for source in sources:
        for name, evidence in _names_in(source):
            template = template_of(name, evidence)
            if template is None and name in _SWITCHES:
                template = _SWITCHES[name]
            if template is None or (len(templates) >= MOST_VARIABLES and name not in templates):
                continue
            is_shown = form_in(evidence) is not None
            if name not in templates or (is_shown and name not in shown):
                templates[name] = template
                named_in[name] = source.name
            if is_shown:
                shown.add(name)
        if _SPRING.search(source.text):
            for name in _SPRING_VARIABLES:
                templates.setdefault(name, template_of(name) or "")
                named_in.setdefault(name, source.name)
            templates.setdefault("SERVER_PORT", "{service_port}")
            named_in.setdefault("SERVER_PORT", source.name)
    for name in USUAL:
        templates.setdefault(name, template_of(name) or "")
    return templates, named_in


def _names_in(source: Source) -> Iterable[tuple[str, str]]:
    """Variables that a text names, in capitals, each with what stands beside it."""
    if source.is_program:
        for name in (*_IN_PROGRAMS, *_SWITCHES):
            if name in source.text:
                yield name, ""
        return
    text = source.text
    for match in _NAME.finditer(text):
        if carries(match[0]) or match[0] in _SWITCHES:
            yield match[0], _beside(text, match.end(), source)
    if "BaseSettings" in text:  # pydantic's: fields are variables
        prefix = next(iter(_PREFIX.findall(text)), "")
        for match in _FIELD.finditer(text):
            name = f"{prefix}{match[1]}".upper()
            if carries(name):
                yield name, _beside(text, match.end(), source)


def _beside(text: str, start: int, source: Source) -> str:
    """The rest of a name's line, and where it is code of the next ones, up to the next name.

    Of a class it is the next texts of its pool.
    """
    first, *rest = text[start : start + LONGEST_LINE].split("\n")[:LINES_OF_EVIDENCE]
    found = [first]
    is_class = source.name.endswith(".class")
    for line in [] if source.is_environment else rest:
        goes_on = is_class or found[-1].rstrip().endswith(_GOES_ON)
        if _NAME.search(line) or not goes_on:
            break
        found.append(line)
    return "\n".join(found)


def guess_python(folder: Path, environ: Mapping[str, str]) -> str | None:
    """The interpreter for a `module:app`: of the folder's own environment, else the active one."""
    for place in (
        folder / ".venv",
        folder / "venv",
        Path(environ.get("VIRTUAL_ENV") or os.devnull),
    ):
        program = place / "bin" / "python"
        if program.is_file():
            return os.path.abspath(program)  # noqa: PTH100 - the link is what makes it one
    return None


def guess_preparation(
    folder: Path, command: Sequence[str], python: str | None, path: str | None
) -> tuple[str, str]:
    """The command that makes the service's tables, and the file that says so; empty: none.

    Args:
        folder: where it is started.
        command: its words; empty: it is a `module:app`.
        python: interpreter of that.
        path: where programs are looked for.
    """
    own = python or (_interpreter(folder, command[0], path) if command else None) or "python3"
    name = Path(own).name
    if "python" not in name:
        own = "python3"
    elif python is None and shutil.which(name, path=path) == own:
        own = name  # found as the command is, by whoever starts it
    if (folder / "manage.py").is_file():
        return shlex.join([own, "manage.py", "migrate", "--noinput"]), "manage.py"
    if (folder / "alembic.ini").is_file():
        return shlex.join([own, "-m", "alembic", "upgrade", "head"]), "alembic.ini"
    return "", ""


def _interpreter(folder: Path, program: str, path: str | None) -> str | None:
    """The one of the environment that a program is named in, written as that is; else its own."""
    beside = Path(program).parent / "python"
    if "/" in program and os.access(folder / beside, os.X_OK):
        return str(beside)
    return interpreter_of(folder, program, path)
