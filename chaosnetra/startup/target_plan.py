"""How the target of a run is started: its program looked up, its environment composed."""

import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput, changed_by
from chaosnetra.hints import PREFIX
from chaosnetra.settings import Settings, Target, setting_hint
from chaosnetra.startup.config_file import ConfigTemplate
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.startup.readiness import Readiness
from chaosnetra.templates import CONFIG_FILE, SERVICE_PORT, STATE_FOLDER, placeholders_in

_HINT = setting_hint("target")
# `{port}` in a command is the port that the target listens on.
_OF_DATABASE = frozenset(DatabaseAddress("h", 1, "u", "p", "d").placeholders) - {"port"}
_KNOWN = (*sorted(_OF_DATABASE), "port", SERVICE_PORT, STATE_FOLDER, CONFIG_FILE)
_IN_FILE = (*_OF_DATABASE, SERVICE_PORT, STATE_FOLDER)
# Those that hold the password.
_SECRET = frozenset({"url", "url_without_scheme", "dsn", "password", "password_quoted"})
# What uvicorn imports only when it starts; what is not there it does without. The event loop itself
# is made by each start: importing uvloop makes none, nor threads, which is checked.
_UVICORN = (
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)


def make_plan(settings: Settings, environ: Mapping[str, str], schema: str | None) -> LaunchPlan:
    """The plan for the target of the settings.

    Args:
        settings: the run's settings.
        environ: this process's environment. Its chaosnetra variables are not handed on: they
            hold the direct address of the database.
        schema: PostgreSQL schema with the reference orchestrator's tables.

    Raises:
        InvalidInput: the program or the module does not exist, or a template of the environment
            cannot carry the address.
    """
    target = settings.target
    _refuse_socket_in_authority(settings)
    _check_placeholders(target, settings.database)
    _refuse_file_without_template(settings)
    environment = {name: text for name, text in environ.items() if not name.startswith(PREFIX)}
    environment["CHAOSNETRA_PROFILE"] = settings.profile.source
    environment["CHAOSNETRA_TIME_SCALE"] = repr(settings.time_scale)
    if schema is not None:
        environment["CHAOSNETRA_SCHEMA"] = schema
    readiness = Readiness.parse(settings.readiness)
    return LaunchPlan(
        shown=target.shown,
        command=_uvicorn(target, readiness) if target.import_path else _command(target, environ),
        environment=environment,
        directory=target.directory,
        readiness=readiness,
        readiness_timeout_seconds=settings.readiness_timeout_seconds,
        target_environment=settings.target_environment,
        imports=(*_UVICORN, target.import_path.partition(":")[0])
        if target.import_path and settings.startup_method != "spawn"
        else (),
        phase_lines=PhaseLines(settings.phase_patterns) if settings.phase_patterns else None,
        config_template=_config_template(settings.config_template),
    )


def make_prepare_plan(
    settings: Settings, environ: Mapping[str, str], plan: LaunchPlan
) -> LaunchPlan:
    """The plan for the setting `prepare_command`: as the target's, ready when it ends with 0.

    Raises:
        InvalidInput: there is no such program.
    """
    command = Target(None, settings.prepare_command, settings.target.directory)
    _check_placeholders(command, settings.database, "prepare_command")
    return replace(
        plan,
        shown=command.shown,
        command=_command(command, environ, "prepare_command"),
        readiness=Readiness.parse("exit"),
        imports=(),
        phase_lines=None,
    )


def _refuse_socket_in_authority(settings: Settings) -> None:
    """Refuse a template that builds a URL in which the folder of a socket would be no host."""
    database = settings.database
    if database is None or not database.is_socket:
        return
    for name, template in settings.target_environment.items():
        if re.search(r"://[^/?#]*\{host\}", template):
            raise InvalidInput(
                f"target_environment: {name} puts {{host}} into a URL, and the database is behind "
                "a Unix socket: use {url}, or {host_quoted} in its place",
                setting_hint("target_environment"),
            )


def _config_template(path: Path | None) -> ConfigTemplate | None:
    if path is None:
        return None
    with changed_by(setting_hint("config_template")):
        return ConfigTemplate.read(path, _IN_FILE)


def _refuse_file_without_template(settings: Settings) -> None:
    """Refuse the path of a file that is rendered from nothing."""
    words = [
        *settings.target.command,
        *settings.prepare_command,
        *settings.target_environment.values(),
    ]
    if settings.config_template is None and any(f"{{{CONFIG_FILE}}}" in word for word in words):
        raise InvalidInput(
            f"the target is given {{{CONFIG_FILE}}}, and there is no template to render it from",
            setting_hint("config_template"),
        )


def _check_placeholders(target: Target, given: DatabaseAddress | None, key: str = "target") -> None:
    """Refuse a command with a placeholder that nothing fills, or that would show a password.

    That of the stand's own database is made for the run, and goes with it.
    """
    for name in (name for word in target.command for name in placeholders_in(word)):
        if name not in _KNOWN:
            raise InvalidInput(
                f"{key} has {{{name}}} in its command, which nothing fills; known are "
                f"{', '.join(_KNOWN)}",
                setting_hint(key),
            )
        if name in _SECRET and given is not None and given.password:
            raise InvalidInput(
                f"{key} has {{{name}}} in its command, where other users of the machine "
                "could read the password: give it the database's address in environment "
                "variables, which a command reads by sh -c 'exec … \"$DATABASE_URL\"'",
                setting_hint("target_environment"),
            )


def _uvicorn(target: Target, readiness: Readiness) -> list[str]:
    module = (target.import_path or "").partition(":")[0]
    top = module.partition(".")[0]
    python = sys.executable
    if target.python is None:
        folder = str(target.directory or Path.cwd())
        if PathFinder.find_spec(top, [folder]) is None and find_spec(top) is None:
            raise InvalidInput(
                f"target {target.import_path!r} does not import: there is no module {top!r} "
                f"in {folder} or in this Python",
                f"{_HINT}, CHAOSNETRA_TARGET_DIRECTORY or CHAOSNETRA_TARGET_PYTHON",
            )
    else:
        found = shutil.which(target.python)
        if found is None:
            raise InvalidInput(
                f"target_python {target.python!r} is no program", setting_hint("target_python")
            )
        python = str(Path(found).absolute())  # the target's folder may be another
    return [
        python,
        "-m",
        "uvicorn",
        target.import_path or "",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        # Under `auto` uvicorn starts to serve even when the lifespan has raised.
        "--lifespan",
        "on",
        "--log-level",
        # Its lines on a startup are what a readiness by log waits for.
        "warning" if readiness.log_pattern is None else "info",
    ]


def _command(target: Target, environ: Mapping[str, str], key: str = "target") -> list[str]:
    program = target.command[0] if target.command else ""
    if "/" in program and target.directory is not None:
        found = shutil.which(str(target.directory / program))
    else:
        found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        raise InvalidInput(
            f"{key} {target.shown!r}: there is no program {program!r} that can be run",
            setting_hint(key),
        )
    return [str(Path(found).absolute()), *target.command[1:]]
