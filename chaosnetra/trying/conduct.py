"""A try from a command to its journal: look, guess anew where it was wrong, run the experiment."""

import math
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chaosnetra.documents.json_layout import laid_out
from chaosnetra.errors import NotTried, UndoFailed
from chaosnetra.roundtrips.start import latencies_ms
from chaosnetra.runner.files import RunFiles, find_experiments
from chaosnetra.runner.outcome import RunOutcome
from chaosnetra.runner.process import run_experiment
from chaosnetra.runner.reports import write_reports
from chaosnetra.running.alone import session_alone
from chaosnetra.running.session import Session
from chaosnetra.settings import Settings
from chaosnetra.settings.sources import Source, Sources, find_sources
from chaosnetra.stand.postgres_programs import extension_hint
from chaosnetra.trying.corrections import Correction, asks_for_migrations, correction
from chaosnetra.trying.experiment import (
    REFUSED,
    SILENT,
    SLOW,
    STEADY,
    Tried,
    experiment_of,
    latency_experiment_of,
)
from chaosnetra.trying.given import BY_OPTION, places_of_address
from chaosnetra.trying.guessing import (
    Guess,
    guess_environment,
    guess_preparation,
    guess_python,
)
from chaosnetra.trying.naming import name_of
from chaosnetra.trying.page_names import NamedPages
from chaosnetra.trying.reading import sources_of
from chaosnetra.trying.scouting import Sight, look, prepare
from chaosnetra.whole_file import written_whole

FOLDER = "chaosnetra-try"
MOST_FOLDERS = 1000
EXPERIMENT, LATENCY_EXPERIMENT, REPORT = "experiment.json", "latency.json", "report.html"
# A first start, and one for each thing that it may say of a wrong guess.
MOST_STARTS = 4
# One that starts quickly is started once more, and one that asked so much that it may have made its
# tables: without that it makes other round trips.
QUICK_SECONDS = 6.0
MANY_ROUND_TRIPS = 100
# Of one start: above the common limit of 30 s, and some times what a clean one takes.
LIMIT_SECONDS = 35.0
TIMES_A_CLEAN_START = 3.0
FIRST_SECONDS = 90.0
_ACTIVITY = re.compile(r"(?:Probe|Action): (\S+)$")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What a try was asked for. What is None or empty is guessed.

    Attributes:
        words: of the command; of a `module:app` that alone.
        target: the same as the setting has it.
        directory: where it is started.
        python: interpreter for a `module:app`.
        ready: how it shows that it is ready, as the setting `readiness`.
        port: that it opens by itself.
        variables: templates by variable, which carry the database's address.
        environment: other variables for it, with placeholders; they are written down.
        exported: names of variables that this process was given for it; their values are not.
        config_template: a file to render for each start.
        postgres_programs: which PostgreSQL is its own.
        prepare_command: that makes its tables; empty: there is none.
        database_url: its database; None: an empty one.
        latency_ms: to put on each round trip.
        count: starts at once.
        limit_seconds: of one start; None: as its clean start suggests.
        folder: for what is written.
    """

    words: Sequence[str]
    target: str
    directory: Path | None = None
    python: str | None = None
    ready: str | None = None
    port: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    exported: Sequence[str] = ()
    config_template: Path | None = None
    postgres_programs: str | None = None
    prepare_command: str | None = None
    database_url: str | None = None
    latency_ms: int | None = None
    count: int = 1
    limit_seconds: float | None = None
    folder: Path | None = None

    @property
    def is_import_path(self) -> bool:
        """Whether it is a `module:app`."""
        return len(self.words) == 1 and ":" in self.target and "/" not in self.target


@dataclass(frozen=True)
class Found:
    """A service that can be tried.

    Attributes:
        guess: what it is given.
        sight: its last start.
        corrections: that earlier starts pointed to.
        limit_seconds: of one start.
        tried: what the experiment is made of.
    """

    guess: Guess
    sight: Sight
    corrections: tuple[Correction, ...]
    limit_seconds: float
    tried: Tried


def find(wanted: Wanted, say: Say) -> Found:
    """Look at a service until it can be tried.

    Args:
        wanted: what was asked for.
        say: takes a line before each start.

    Raises:
        NotTried: a guess is wrong, and no better one is known; names its option.
        KeyboardInterrupt: it was interrupted, and everything is undone.
        ChaosnetraError: anything else that was in the way.
    """
    guess = _guess(wanted)
    try:
        configuration = _configuration(wanted, guess) | _database(wanted)
        with session_alone(_sources(wanted, configuration).configuration) as session:
            return _Finding(wanted, session, say).found(guess)
    except UndoFailed as error:
        raise NotTried(f"{error}; `chaosnetra recover` undoes what is left") from error


def write(wanted: Wanted, found: Found) -> tuple[Path, Path]:
    """Write the experiments: the one that tries it again, and the latency alone.

    Raises:
        OSError: they cannot be written.
    """
    folder = wanted.folder or _new_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if wanted.folder is None:  # ours alone: git has nothing to keep of it
        with written_whole(folder / ".gitignore") as file:
            file.write("*\n")
    made = folder / EXPERIMENT, folder / LATENCY_EXPERIMENT
    for path, data in zip(
        made, (experiment_of(found.tried), latency_experiment_of(found.tried)), strict=True
    ):
        with written_whole(path) as file:
            file.write(f"{laid_out(data)}\n")
    return made


def run(wanted: Wanted, found: Found, path: Path, say: Say) -> tuple[RunOutcome, str | None]:
    """Run the experiment, and write its report beside it.

    Returns:
        How it ended, and why there is no report, if there is none.

    Raises:
        KeyboardInterrupt: it was interrupted, and everything is undone.
        OSError: the folder cannot be written.
    """
    (experiment,) = find_experiments([path])
    texts = {
        STEADY: "starting it without a fault",
        SLOW: f"starting it with {found.tried.latency_ms} ms more on each round trip",
        REFUSED: "starting it while the database refuses connections",
        SILENT: "starting it while the database is silent",
    }

    def told(line: str) -> None:
        match = _ACTIVITY.search(line)
        if match is not None and match[1] in texts:
            say(texts[match[1]])

    outcome = run_experiment(experiment, path.parent, environment=_environment(wanted), told=told)
    files = RunFiles(path.parent)
    if outcome.journal is None:
        return outcome, None
    return outcome, write_reports([files.journal], [path.parent / REPORT])


def _environment(wanted: Wanted) -> dict[str, str]:
    """What a run needs beside its file: never in a file, as it may hold a password."""
    url = wanted.database_url
    return {} if url is None else {"CHAOSNETRA_DATABASE_URL": url}


def _database(wanted: Wanted) -> dict[str, Any]:
    return {} if wanted.database_url is None else {"database_url": wanted.database_url}


def _guess(wanted: Wanted) -> Guess:
    folder = wanted.directory or Path()
    path = os.environ.get("PATH")
    command = [] if wanted.is_import_path else list(wanted.words)
    python = wanted.python
    if wanted.is_import_path and python is None:
        python = guess_python(folder, os.environ)
    pages = NamedPages()
    environment, named_in = guess_environment(pages.noted(sources_of(folder, command, path)))
    prepared = wanted.prepare_command, ""
    if wanted.prepare_command is None:
        prepared = guess_preparation(folder, command, python, path)
    named = {**wanted.variables, **wanted.environment}
    templates = {**named, **environment, **wanted.environment, **wanted.variables}
    return Guess(
        {name: text for name, text in templates.items() if name not in wanted.exported},
        {**named_in, **dict.fromkeys(named, BY_OPTION)},
        prepared[0] or "",
        prepared[1],
        python,
        pages.paths(),
    )


def _configuration(
    wanted: Wanted, guess: Guess, readiness: str | None = None, limit_seconds: float | None = None
) -> dict[str, Any]:
    """The settings of a service that is given what was guessed; without secrets.

    What is empty is left out, unless a `chaosnetra.toml` gives it: that may be for another service.
    """
    given = {
        "target": wanted.target,
        "target_directory": str(wanted.directory) if wanted.directory else "",
        "target_python": guess.python if wanted.is_import_path else "",
        "target_environment": dict(guess.environment),
        "readiness": readiness or wanted.ready or "",
        "prepare_command": guess.prepare_command,
        "config_template": str(wanted.config_template) if wanted.config_template else "",
        "postgres_programs": wanted.postgres_programs or "",
        "startup_timeout_seconds": limit_seconds,
    }
    elsewhere = _sources(wanted, {}).given
    return {
        key: value or ""
        for key, value in given.items()
        if value or elsewhere[key].source is Source.FILE
    }


def _sources(wanted: Wanted, configuration: Mapping[str, Any]) -> Sources:
    """All settings of a run whose experiment has a configuration."""
    return find_sources(wanted.folder or Path(FOLDER), configuration)


def _new_folder() -> Path:
    for number in range(1, MOST_FOLDERS):
        folder = Path(FOLDER if number == 1 else f"{FOLDER}-{number}")
        if not folder.exists():
            return folder
    raise FileExistsError(f"there are {MOST_FOLDERS:,} folders {FOLDER}: give --output-folder")


class _Finding:
    """Starts of one service, until one was ready and used the database."""

    def __init__(self, wanted: Wanted, session: Session, say: Say) -> None:
        self._wanted = wanted
        self._session = session
        self._say = say
        self._is_prepared = False
        # The first start may make its tables, and read its programs from a disk.
        self._limit_seconds = wanted.limit_seconds or FIRST_SECONDS

    def found(self, guess: Guess) -> Found:
        """See `find`."""
        corrections: list[Correction] = []
        tried: list[Mapping[str, str]] = []
        exported = self._wanted.exported
        kept = (*self._wanted.variables, *self._wanted.environment, *exported)
        while True:
            sight, lines = self._start(guess)
            if sight.readiness is not None and sight.uses_database:
                break
            better = correction(lines, guess.environment, kept, tried)
            if better is None or len(corrections) + 1 >= MOST_STARTS:
                raise NotTried(self._why_not(guess, sight, lines))
            self._say(f"it said {better.said!r}: trying {better.change}")
            corrections.append(better)
            tried.append(guess.environment)
            guess = replace(guess, environment=better.environment)
        if self._wanted.count > 1 and sight.own_port is not None:
            raise NotTried(
                f"it opens port {sight.own_port} whatever it is given, so that only one can run at "
                "a time: leave out --count"
            )
        sight = self._once_more(guess, sight)
        latency_ms = self._wanted.latency_ms or latencies_ms(sight.seen)[1]
        limit_seconds = self._wanted.limit_seconds or limit_for(sight.seconds)
        configuration = _configuration(self._wanted, guess, sight.readiness, limit_seconds)
        name = name_of(self._wanted.words, self._wanted.directory or Path())
        if self._is_prepared and self._wanted.database_url is not None:
            configuration.pop("prepare_command")  # this database has its tables, and keeps them
        made = Tried(name, configuration, latency_ms, self._wanted.count)
        return Found(guess, sight, tuple(corrections), limit_seconds, made)

    def _start(self, guess: Guess) -> tuple[Sight, list[str]]:
        """A start, and the lines that may tell what is wrong with it."""
        settings = self._settings(guess)
        if guess.prepare_command and not self._is_prepared:
            self._say(f"preparing its database: {guess.prepare_command}")
            why = prepare(self._session, settings)
            if why:
                raise NotTried(
                    f"{guess.prepare_command!r}, which is to prepare its database, failed: {why}: "
                    "name another command by --first COMMAND, or none by --first ''"
                )
            self._is_prepared = True
        self._say("starting it to see how it shows that it is ready")
        sight = look(
            self._session,
            settings,
            self._limit_seconds,
            is_known=self._wanted.ready is not None,
            port=self._wanted.port,
            paths=guess.paths,
        )
        return sight, [*sight.lines, sight.why_not]

    def _once_more(self, guess: Guess, sight: Sight) -> Sight:
        """The same start, ready as was found: its round trips when its tables are there."""
        if not may_differ_next_time(sight):
            return sight
        self._say(f"starting it once more, ready by {sight.readiness}")
        settings = self._settings(guess, sight.readiness)
        again = look(self._session, settings, self._limit_seconds, is_known=True)
        if again.readiness is None:
            raise NotTried(
                f"it was ready once, by {sight.readiness}, and the second time not: "
                f"{again.why_not}: say how it shows that it is ready by --ready"
            )
        kept = replace(again, page_round_trips=sight.page_round_trips, own_port=sight.own_port)
        return kept if kept.uses_database else sight

    def _settings(self, guess: Guess, readiness: str | None = None) -> Settings:
        configuration = _configuration(self._wanted, guess, readiness)
        sources = _sources(self._wanted, {**configuration, **_database(self._wanted)})
        return sources.settings()

    def _why_not(self, guess: Guess, sight: Sight, lines: Sequence[str]) -> str:
        """What is wrong, and the option that says it better."""
        wanted = self._wanted
        given = places_of_address(
            wanted.words, wanted.config_template, guess.environment, guess.named_in
        )
        if sight.readiness is None:
            said = f"it was not ready: {sight.why_not}"
            if self._wanted.database_url is None:
                programs = self._settings(guess).postgres_programs
                hint = extension_hint([*lines, sight.why_not], programs, by_options=True)
                if hint is not None:
                    return f"{said}: {hint}"
            if sight.is_port_taken:
                return f"{said}: its port is taken; end what uses it, or let it take {{port}}"
            if missing := asks_for_migrations(lines):
                return (
                    f"{said} ({missing}): name the command that makes its tables by --first COMMAND"
                )
            if sight.is_silent:
                return (
                    f"{said}; it has a session of the database and printed nothing, so that "
                    "nothing shows when it is ready: let it print a line, and name that by --ready "
                    "log:REGEX, or a page by --ready URL"
                )
            if sight.seen.round_trips:
                return (
                    f"{said}: say how it shows that it is ready by --ready, give it longer by "
                    "--limit-seconds, or what else it needs by --environment NAME=VALUE"
                )
            return (
                f"{said}; it did not use the database, which it was given in {given}: name the "
                "variable that it reads by --database-variable NAME[=FORM], what else it needs by "
                "--environment NAME=VALUE, or how it shows that it is ready by --ready"
            )
        did = "opened no connection" if not sight.seen.connection_count else "got no answer"
        return (
            f"it was ready after {sight.seconds:.1f} s, by {sight.readiness}, and {did} at the "
            f"database's address, which it was given in {given}: name the variable that it reads "
            "by --database-variable NAME[=FORM], or a page that needs the database by --ready URL"
        )


def may_differ_next_time(sight: Sight) -> bool:
    """Whether it is worth another start: it costs little, or this one may have made the tables."""
    return sight.seconds <= QUICK_SECONDS or sight.seen.round_trips >= MANY_ROUND_TRIPS


def limit_for(clean_seconds: float) -> float:
    """How long a start may take, by what a clean one took."""
    return max(LIMIT_SECONDS, 5.0 * math.ceil(TIMES_A_CLEAN_START * clean_seconds / 5.0))


def shown_command(words: Sequence[str]) -> str:
    """A command for people, who would type it so."""
    return " ".join(word if "{" in word else shlex.quote(word) for word in words)
