"""The settings of a run: declared once, read from the experiment's configuration.

A value comes from the experiment's `configuration` block; where the experiment does not
declare the key, from its environment variable; else from the default.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.hints import ARGUMENT, key_hint, variable_of
from chaosnetra.profiles import Profile, load_profile
from chaosnetra.quantities import LARGEST_TIME_SCALE, duration, number, whole_number
from chaosnetra.templates import STATE_FOLDER, fill_template

REFERENCE_TARGET = "chaosnetra.orchestrator.app:app"
LOCAL_TIME_SCALE = 0.1
LONGEST_BARRIER_SECONDS = 1800
LONGEST_WAIT_SECONDS = 900
LONGEST_DWELL_SECONDS = 600
_INSTANCE = re.compile(r"[^:\s]+(?::[^:\s]+)?:[^:\s]+:[^:\s]+")
_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Setting:
    """One setting: its key in `configuration`, its default, and what it means."""

    key: str
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return variable_of(self.key)


SETTINGS = {
    setting.key: setting
    for setting in (
        Setting("profile", "issue-1278", "name of a profile, or the path of one's own JSON file"),
        Setting(
            "environment",
            "local",
            "where the experiment acts: local, on the stand; staging, on Cloud Run and Cloud SQL, "
            "or on a local Cloud Run endpoint (a rehearsal)",
        ),
        Setting(
            "allow_list",
            "",
            "path of the JSON file that names what may be touched in staging; see "
            "`chaosnetra/safety/allowlist.py`",
        ),
        Setting(
            "consent",
            "",
            "in staging, the hash that `chaosnetra plan EXPERIMENT` printed; yes: whatever the "
            "plan, within the allow-list (for CI)",
        ),
        Setting(
            "time_scale",
            "auto",
            "multiplies budgets and fault durations; auto is 0.1 with the reference orchestrator "
            "and 1 with a target of one's own; always 1 in staging, but for a rehearsal",
        ),
        Setting("database_url", "", "PostgreSQL to run against; empty: the stand brings its own"),
        Setting(
            "cloud_sql_instance",
            "",
            "project:region:instance of the database, for evidence from Cloud Monitoring and for "
            "the Cloud SQL connector",
        ),
        Setting(
            "cloud_sql_path",
            "address",
            "how the database is opened: address, by host and port, or Unix socket, of "
            "database_url; connector, by the Cloud SQL connector (the extra cloudsql)",
        ),
        Setting(
            "toxiproxy_url",
            "",
            "control URL of a Toxiproxy server; empty: the stand brings its own",
        ),
        Setting(
            "toxiproxy_server",
            "auto",
            "which server the stand brings: real; embedded, our own one that speaks the same API; "
            "auto: the real one where it can be had",
        ),
        Setting(
            "toxiproxy_listen_host",
            "127.0.0.1",
            "address that the proxies listen on, as the Toxiproxy server's machine knows it",
        ),
        Setting(
            "connector",
            "none",
            "emulator: an emulated VPC connector stands between the target and Toxiproxy; "
            "none: nothing does; auto: the emulator, and none in staging, where the real one is",
        ),
        Setting(
            "cloud_run_endpoint",
            "",
            "host:port of a local Cloud Run endpoint; empty: the persistent stand's "
            "(`chaosnetra stand up --cloud-run`)",
        ),
        Setting("project", "", "Google Cloud project, id or number; empty: the persistent stand's"),
        Setting(
            "region", "", "region of the Cloud Run service and job; empty: the persistent stand's"
        ),
        Setting("service", "", "id of the Cloud Run service; empty: the persistent stand's"),
        Setting("job", "", "id of the Cloud Run job; empty: the persistent stand's"),
        Setting(
            "barrier_seconds",
            "auto",
            "how long after an execution of the job was asked for its startups begin, all at once; "
            "real seconds; auto: 60, and less with a local endpoint",
        ),
        Setting(
            "job_hold_seconds",
            30,
            "how long after that a startup of the job that is ready stays up, so that it holds its "
            "connections while others start; at time scale 1",
        ),
        Setting(
            "job_connections",
            "auto",
            "connections to the database that one startup of the job opens at most, which the plan "
            "holds against the caps of the allow-list; auto: the profile's pool with its overflow",
        ),
        Setting(
            "monitoring",
            "off",
            "on: after a run in staging its evidence is read from Cloud Monitoring (the extra "
            "monitoring)",
        ),
        Setting(
            "monitoring_wait_seconds",
            240,
            "how long after the run to wait for samples, which show 2 to 4 minutes late; real "
            "seconds, 0 to 900",
        ),
        Setting(
            "monitoring_endpoint",
            "",
            "host:port of a local Monitoring endpoint; empty: Google's, for a run on Google's "
            "Cloud Run",
        ),
        Setting("seed", 0, "whole number that everything random in the run is drawn from"),
        Setting(
            "target",
            "",
            "orchestrator to start: module:app (run under uvicorn) or a command line; "
            "empty: the reference orchestrator",
        ),
        Setting("target_directory", "", "working directory of the target; empty: the current one"),
        Setting("target_python", "", "Python interpreter for a module:app target; empty: this one"),
        Setting(
            "target_environment",
            {"DATABASE_URL": "{url}"},
            "JSON object: environment variables for the target, with {url}, {host}, {port}, "
            "{user}, {password}, {database}, {host_quoted}, {user_quoted}, {password_quoted}, "
            "{state_folder}",
        ),
        Setting(
            "readiness",
            "",
            "how a target shows that it is ready: an http:// URL, tcp://host:port, log:REGEX "
            "or exit ({port} is the port it was given); empty: tcp for module:app, exit for a "
            "command",
        ),
        Setting(
            "startup_method",
            "auto",
            "fork: startups of a module:app target are copies of a process that has imported it "
            "once, so what it reads or opens on import is shared; spawn: each is a new "
            "interpreter; auto: fork for the reference orchestrator on Linux, else spawn",
        ),
        Setting("readiness_timeout_seconds", 5, "limit of one readiness check, not scaled"),
        Setting(
            "startup_timeout_seconds",
            "",
            "limit of one startup at time scale 1; empty: the profile's (Cloud Run: 240)",
        ),
        Setting(
            "dwell_seconds",
            2,
            "how long a startup that is ready must stay so to count, 0 to 600; real seconds, times "
            "the time scale with the reference orchestrator; 0: one answer is enough",
        ),
        Setting(
            "time_to_live_seconds",
            7200,
            "when a run must have ended, in real seconds; its watchdog then ends it and takes "
            "back what it injected",
        ),
        Setting(
            "database_state",
            "auto",
            "shared: all startups use the database as it is; auto: the same, but an empty one is "
            "first prepared by one start of the target, so that all startups meet its tables; "
            "fresh: each gets a copy of it as it was at the start (of an empty one: a first "
            "deployment each)",
        ),
        Setting(
            "state_folder",
            "",
            "folder that the target keeps state in beside the database: each start gets a copy of "
            "its own as {state_folder}, in target and target_environment; empty: an empty folder",
        ),
    )
}


@dataclass(frozen=True)
class Target:
    """What to start. Either `import_path` or `command` is set."""

    import_path: str | None
    command: tuple[str, ...]
    directory: Path | None = None
    python: str | None = None

    @property
    def is_reference(self) -> bool:
        return self.import_path == REFERENCE_TARGET

    @property
    def shown(self) -> str:
        return self.import_path or shlex.join(self.command)


def names_staging(configuration: Mapping[str, Any] | None) -> bool:
    """Whether the settings ask for staging, also where others of them cannot be used."""
    return _Reader(configuration or {}, os.environ).text("environment") == "staging"


@dataclass(frozen=True)
class Settings:
    """The validated settings of one run; durations are in seconds at time scale 1."""

    profile: Profile
    environment: str
    allow_list: str
    consent: str
    time_scale: float
    database: DatabaseAddress | None
    toxiproxy_url: str | None
    toxiproxy_server: str
    toxiproxy_listen_host: str
    connector: str
    cloud_run_endpoint: str
    project: str
    region: str
    service: str
    job: str
    cloud_sql_instance: str
    monitoring: bool
    monitoring_wait_seconds: float
    monitoring_endpoint: str
    barrier_seconds: float | None
    job_hold_seconds: float
    job_connections: int | None
    seed: int
    target: Target
    target_environment: Mapping[str, str] = field(repr=False)
    readiness: str
    startup_method: str
    readiness_timeout_seconds: float
    startup_timeout_seconds: float
    dwell_seconds: float
    time_to_live_seconds: float
    database_state: str
    state_folder: Path | None

    @classmethod
    def from_configuration(
        cls,
        configuration: Mapping[str, Any] | None,
        environ: Mapping[str, str] | None = None,
    ) -> "Settings":
        """Read and check all settings.

        Args:
            configuration: the experiment's configuration as Chaos Toolkit loaded it.
            environ: environment variables; this process's by default.

        Raises:
            InvalidInput: a value cannot be used; names the setting's environment variable.
        """
        read = _Reader(configuration or {}, os.environ if environ is None else environ)
        target = _target(read)
        profile = load_profile(read.text("profile"), read.hint("profile"))
        environment = read.choice("environment", ("local", "staging"))
        if environment == "staging":
            _refuse_stand(read)
        timeout = read.text("startup_timeout_seconds")
        return cls(
            profile=profile,
            environment=environment,
            allow_list=read.text("allow_list"),
            consent=read.text("consent"),
            time_scale=_time_scale(read, environment, target),
            database=_database(read),
            toxiproxy_url=_toxiproxy_url(read),
            toxiproxy_server=_toxiproxy_server(read),
            toxiproxy_listen_host=read.text("toxiproxy_listen_host") or "127.0.0.1",
            connector=_connector(read, environment),
            cloud_run_endpoint=read.text("cloud_run_endpoint"),
            project=read.text("project"),
            region=read.text("region"),
            service=read.text("service"),
            job=read.text("job"),
            cloud_sql_instance=read.text("cloud_sql_instance"),
            monitoring=read.choice("monitoring", ("off", "on")) == "on",
            monitoring_wait_seconds=number(
                "monitoring_wait_seconds",
                read.raw("monitoring_wait_seconds"),
                minimum=0,
                maximum=LONGEST_WAIT_SECONDS,
                setting=read.hint("monitoring_wait_seconds"),
            ),
            monitoring_endpoint=read.text("monitoring_endpoint"),
            barrier_seconds=_barrier_seconds(read),
            job_hold_seconds=duration(
                "job_hold_seconds",
                read.raw("job_hold_seconds"),
                setting=read.hint("job_hold_seconds"),
            ),
            job_connections=_job_connections(read),
            seed=whole_number(
                "seed",
                read.raw("seed"),
                minimum=0,
                maximum=2**32 - 1,
                setting=read.hint("seed"),
            ),
            target=target,
            target_environment=_target_environment(read),
            readiness=_readiness(read, target),
            startup_method=_startup_method(read, target),
            readiness_timeout_seconds=number(
                "readiness_timeout_seconds",
                read.raw("readiness_timeout_seconds"),
                above=0,
                setting=read.hint("readiness_timeout_seconds"),
            ),
            startup_timeout_seconds=(
                duration(
                    "startup_timeout_seconds", timeout, setting=read.hint("startup_timeout_seconds")
                )
                if timeout
                else profile.startup_deadline_seconds
            ),
            dwell_seconds=number(
                "dwell_seconds",
                read.raw("dwell_seconds"),
                minimum=0,
                maximum=LONGEST_DWELL_SECONDS,
                setting=read.hint("dwell_seconds"),
            ),
            time_to_live_seconds=number(
                "time_to_live_seconds",
                read.raw("time_to_live_seconds"),
                above=0,
                setting=read.hint("time_to_live_seconds"),
            ),
            database_state=read.choice("database_state", ("auto", "shared", "fresh")),
            state_folder=_state_folder(read, target),
        )

    @property
    def in_staging(self) -> bool:
        """Whether the run acts on what is not its own, by the rules of staging."""
        return self.environment == "staging"

    @property
    def is_rehearsal(self) -> bool:
        """Whether staging is played against a local Cloud Run endpoint."""
        return self.in_staging and bool(self.cloud_run_endpoint)

    @property
    def real_dwell_seconds(self) -> float:
        """`dwell_seconds` as it is in this run: a service of one's own knows no time scale."""
        return self.scaled(self.dwell_seconds) if self.target.is_reference else self.dwell_seconds

    def scaled(self, seconds: float) -> float:
        """A duration at time scale 1, as it is in this run."""
        return seconds * self.time_scale


def toxiproxy_server_setting(environ: Mapping[str, str]) -> str:
    """The setting `toxiproxy_server` alone, for a stand that belongs to no run.

    Raises:
        InvalidInput: it is not one of its values.
    """
    return _toxiproxy_server(_Reader({}, environ))


def profile_setting(environ: Mapping[str, str]) -> Profile:
    """The profile alone, for a stand that belongs to no run.

    Raises:
        InvalidInput: it cannot be loaded.
    """
    read = _Reader({}, environ)
    return load_profile(read.text("profile"), read.hint("profile"))


def raw_settings(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Each setting as it was given, by its key; unchecked."""
    read = _Reader(configuration, environ)
    return {key: read.raw(key) for key in SETTINGS}


def setting_hint(key: str) -> str:
    """How to change a setting, or an argument of an activity, for error messages.

    Which of an experiment's own settings feeds an argument is known at the edge only: see
    `chaosnetra.running.arguments`.
    """
    if key in SETTINGS:
        return key_hint(key, SETTINGS[key].variable)
    return ARGUMENT.replace("NAME", key)


class _Reader:
    """Looks a setting up in the configuration, the environment and the defaults."""

    def __init__(self, configuration: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._environ = environ

    def hint(self, key: str) -> str:
        return setting_hint(key)

    def raw(self, key: str) -> Any:
        setting = SETTINGS[key]
        if key in self._configuration:
            return self._configuration[key]
        return self._environ.get(setting.variable, setting.default)

    def text(self, key: str) -> str:
        value = self.raw(key)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InvalidInput(f"{key} must be text, got {value!r}", self.hint(key))
        try:
            return str(value).strip()
        except ValueError:  # Python refuses to print whole numbers of thousands of digits
            raise InvalidInput(f"{key} is far too long a number", self.hint(key)) from None

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise InvalidInput(
                f"{key} must be {' or '.join(allowed)}, got {value!r}", self.hint(key)
            )
        return value

    def mapping(self, key: str) -> dict[str, str]:
        value = self.raw(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise InvalidInput(f"{key} is not valid JSON: {error}", self.hint(key)) from None
        if not isinstance(value, dict) or not all(
            isinstance(name, str) and isinstance(text, str) for name, text in value.items()
        ):
            raise InvalidInput(f"{key} must be a JSON object of texts", self.hint(key))
        return value


def _names_endpoint(read: _Reader) -> bool:
    """In staging, what tells a rehearsal from Google's: see `Settings.is_rehearsal`."""
    return bool(read.text("cloud_run_endpoint"))


def _time_scale(read: _Reader, environment: str, target: Target) -> float:
    text, hint = read.text("time_scale"), read.hint("time_scale")
    real = environment == "staging" and not _names_endpoint(read)
    if text in ("", "auto"):
        return LOCAL_TIME_SCALE if target.is_reference and not real else 1.0
    scale = number("time_scale", text, above=0, maximum=LARGEST_TIME_SCALE, setting=hint)
    if real and scale != 1:
        raise InvalidInput(
            f"time_scale must be 1 in staging, where nothing of the real parts is scaled, "
            f"got {scale:g}",
            hint,
        )
    return scale


def _refuse_stand(read: _Reader) -> None:
    """In staging nothing is started: refuse what asks for a part of the stand.

    Raises:
        InvalidInput: no database is named; or Toxiproxy, the emulator or copies of the database
            are asked for.
    """
    if not _names_endpoint(read) and not read.text("database_url"):
        raise InvalidInput(
            "no database is named, and in staging none is started", read.hint("database_url")
        )
    for key, asked, why in (
        ("toxiproxy_url", read.text("toxiproxy_url"), "nothing stands before the database"),
        (
            "connector",
            read.text("connector") == "emulator",
            "the real one stands before the database",
        ),
        (
            "database_state",
            read.text("database_state") == "fresh",
            "no copy of the database is made",
        ),
        ("state_folder", read.text("state_folder"), "the job's container has its own folders"),
    ):
        if asked:
            raise InvalidInput(
                f"{key} is for one's own machine; in staging {why}: leave it out, or set "
                "environment to local",
                read.hint(key),
            )


def _connector(read: _Reader, environment: str) -> str:
    """`none` or `emulator`."""
    connector = read.choice("connector", ("none", "emulator", "auto"))
    if connector == "auto":
        return "none" if environment == "staging" else "emulator"
    return connector


def _target(read: _Reader) -> Target:
    text = read.text("target")
    directory_text = read.text("target_directory")
    directory = _directory(read, directory_text, "target_directory") if directory_text else None
    python = read.text("target_python") or None
    if python and python.startswith("~"):  # a Path would turn ./python into python
        try:
            python = str(Path(python).expanduser())
        except RuntimeError as error:
            raise InvalidInput(
                f"target_python {python!r}: {error}", read.hint("target_python")
            ) from None
    if not text:
        return Target(import_path=REFERENCE_TARGET, command=())
    if _IMPORT_PATH.fullmatch(text):
        return Target(import_path=text, command=(), directory=directory, python=python)
    try:
        command = tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidInput(
            f"target {text!r} cannot be split into words: {error}", read.hint("target")
        ) from None
    return Target(import_path=None, command=command, directory=directory)


def _directory(read: _Reader, text: str, key: str) -> Path:
    try:
        directory = Path(text).expanduser()
        found = directory.is_dir()
    except (OSError, ValueError, RuntimeError):
        found = False
    if not found:
        raise InvalidInput(f"{key} {text!r} is not a directory", read.hint(key))
    return directory


def _state_folder(read: _Reader, target: Target) -> Path | None:
    text = read.text("state_folder")
    if not text:
        return None
    words = (*target.command, *_target_environment(read).values())
    if not any(f"{{{STATE_FOLDER}}}" in word for word in words):
        raise InvalidInput(
            "state_folder is given, and nothing refers to it",
            f"target_environment or target so that {{{STATE_FOLDER}}} is in it, by "
            f"{read.hint('target_environment')}",
        )
    return _directory(read, text, "state_folder").absolute()


def _toxiproxy_url(read: _Reader) -> str | None:
    url = read.text("toxiproxy_url")
    if not url:
        return None
    hint = read.hint("toxiproxy_url")
    try:
        parts = urlsplit(url)
        plain = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in url)
        usable = parts.scheme == "http" and parts.hostname and plain
        port = parts.port
    except ValueError:
        usable, port = False, None
    if not usable:
        # Not repeated in the message: somebody may have put a password into it.
        raise InvalidInput("toxiproxy_url must look like http://host:8474", hint)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{host}:{port or 8474}"


def _database(read: _Reader) -> DatabaseAddress | None:
    url, instance = read.text("database_url"), read.text("cloud_sql_instance")
    by_connector = read.choice("cloud_sql_path", ("address", "connector")) == "connector"
    if instance and not _INSTANCE.fullmatch(instance):
        raise InvalidInput(
            f"cloud_sql_instance must be project:region:instance, got {instance!r}",
            read.hint("cloud_sql_instance"),
        )
    if by_connector and not instance:
        raise InvalidInput(
            "the Cloud SQL connector needs to know an instance", read.hint("cloud_sql_instance")
        )
    if by_connector and not url:
        raise InvalidInput(
            "the Cloud SQL connector knows where the database is, and not as whom to open it",
            f"{read.hint('database_url')} to postgresql://user:password@private-ip/database",
        )
    if not url:
        return None
    address = DatabaseAddress.parse(url, read.hint("database_url"))
    return address.by_cloud_sql(instance) if by_connector else address


def _barrier_seconds(read: _Reader) -> float | None:
    """None: as many as the endpoint needs."""
    text = read.text("barrier_seconds")
    if text in ("", "auto"):
        return None
    return number(
        "barrier_seconds",
        text,
        minimum=0,
        maximum=LONGEST_BARRIER_SECONDS,
        setting=read.hint("barrier_seconds"),
    )


def _job_connections(read: _Reader) -> int | None:
    """None: as many as the profile's pool."""
    text = read.text("job_connections")
    if text in ("", "auto"):
        return None
    return whole_number("job_connections", text, minimum=0, setting=read.hint("job_connections"))


def _toxiproxy_server(read: _Reader) -> str:
    return read.choice("toxiproxy_server", ("auto", "real", "embedded"))


def _target_environment(read: _Reader) -> dict[str, str]:
    templates = read.mapping("target_environment")
    known = {**DatabaseAddress("h", 1, "u", "p", "d").placeholders, STATE_FOLDER: ""}
    for name, template in templates.items():
        if not _can_be_variable(name, template):
            raise InvalidInput(
                f"target_environment: {name!r} cannot be an environment variable with that value",
                read.hint("target_environment"),
            )
        fill_template(
            f"target_environment[{name}]", template, known, read.hint("target_environment")
        )
    return templates


def _can_be_variable(name: str, text: str) -> bool:
    """Whether the system takes it as an environment variable."""
    try:
        whole = os.fsencode(name) + os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return bool(name) and "=" not in name and b"\0" not in whole


def _readiness(read: _Reader, target: Target) -> str:
    text = read.text("readiness")
    if not text:
        if target.is_reference:
            return "http://127.0.0.1:{port}/ready"
        return "tcp://127.0.0.1:{port}" if target.import_path else "exit"
    return text


def _startup_method(read: _Reader, target: Target) -> str:
    """`fork` or `spawn`."""
    method = read.choice("startup_method", ("auto", "fork", "spawn"))
    if method == "auto":
        return "fork" if target.is_reference and sys.platform == "linux" else "spawn"
    if method == "fork" and target.import_path is None:
        raise InvalidInput(
            f"startup_method fork needs a module:app target, got the command {target.shown!r}",
            read.hint("startup_method"),
        )
    return method
