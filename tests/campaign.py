# ruff: noqa: T201
"""Kills runs at every activity boundary and at random times, and looks at what is left.

    python -m tests.campaign --kills 200 [--seed N] [--experiments DIR]

Each run is a `chaos run` with a folder, a state folder and a temporary folder of its own. Most
use a PostgreSQL and a Toxiproxy of the campaign's that outlive them, some the run's own stand.
The same seed makes the same plan. Exit code 1 when anything was left.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
CLEAN_SECONDS = 5.0
RUN_SECONDS = 90.0
SIGNAL_SECONDS = 30.0
POLL_SECONDS = 0.01
MARK = "chaosnetra"
# After each of these events a run is killed.
BOUNDARIES = ("activity.", "fault.", "run.started", "session.closing", "run.ended")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
NEIGHBOUR = "somebody_elses"

# What runs differ in besides the experiment: which parts they use, and how.
VARIANTS: dict[str, dict[str, str]] = {
    "configured parts": {},
    "configured parts, fresh databases": {"CHAOSNETRA_DATABASE_STATE": "fresh"},
    "own stand": {},
    "own PostgreSQL, configured Toxiproxy": {},
}


@dataclass(frozen=True)
class Servers:
    """Real parts that outlive the runs."""

    database: DatabaseAddress
    admin: DatabaseAddress
    toxiproxy_url: str

    def environment(self, variant: str) -> dict[str, str]:
        given = dict(VARIANTS[variant])
        if variant.startswith("configured"):
            given["CHAOSNETRA_DATABASE_URL"] = self.database.url
        if variant != "own stand":
            given["CHAOSNETRA_TOXIPROXY_URL"] = self.toxiproxy_url
        return given

    def left(self) -> list[str]:
        """What bears a run's name, or belongs to one, on these servers."""
        return toxiproxy_left(ToxiproxyClient(self.toxiproxy_url)) + postgres_left(
            self.admin, self.database
        )

    def sweep(self) -> None:
        """Remove what a run left, so that the next is not blamed for it."""
        client = ToxiproxyClient(self.toxiproxy_url)
        for name in client.proxies():
            if name.startswith(MARK):
                client.delete_proxy(name)
        asyncio.run(_sweep(self.admin, self.database))


def toxiproxy_left(client: ToxiproxyClient) -> list[str]:
    found = []
    for proxy in client.proxies().values():
        if proxy.name.startswith(MARK):
            found.append(f"proxy {proxy.name}")
        found += [
            f"toxic {toxic.name} on proxy {proxy.name}"
            for toxic in proxy.toxics
            if toxic.name.startswith(MARK) or proxy.name.startswith(MARK)
        ]
    return found


def postgres_left(admin: DatabaseAddress, database: DatabaseAddress) -> list[str]:
    """Databases, schemas and roles named for a run, and sessions of the role that runs use."""
    return asyncio.run(_postgres_left(admin, database))


async def _postgres_left(admin: DatabaseAddress, database: DatabaseAddress) -> list[str]:
    import asyncpg

    found = []
    queries = {
        "database": "SELECT datname FROM pg_database WHERE datname LIKE $1",
        "role": "SELECT rolname FROM pg_roles WHERE rolname LIKE $1",
        "schema": "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1",
    }
    connection = await asyncpg.connect(admin.named(database.database).url, timeout=10)
    try:
        for kind, query in queries.items():
            rows = await connection.fetch(query, f"{MARK}%", timeout=10)
            found += [f"{kind} {row[0]}" for row in rows]
        sessions = await connection.fetch(
            "SELECT usename, datname, application_name, state, query FROM pg_stat_activity "
            "WHERE usename = $1 OR datname LIKE $2 OR application_name LIKE $2",
            database.user,
            f"{MARK}%",
            timeout=10,
        )
        found += [f"session {tuple(row)}" for row in sessions]
    finally:
        await connection.close()
    return found


class Run:
    """One `chaos run` with folders of its own.

    Args:
        folder: where everything of it goes; others must be able to pass through it.
        experiment: the file.
        environment: settings, in addition to this process's environment without ours.
    """

    def __init__(self, folder: Path, experiment: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.work, self.temporary, self.state = (
            folder / name for name in ("work", "temporary", "state")
        )
        for place in (folder, self.work, self.temporary):
            place.mkdir(exist_ok=True)
            place.chmod(0o755)
        clean = {key: value for key, value in os.environ.items() if "CHAOSNETRA" not in key}
        self.environment = {
            **clean,
            "CHAOSNETRA_COUNT": "1",
            "CHAOSNETRA_LATENCY_MS": "200",
            "XDG_STATE_HOME": str(self.state),
            "TMPDIR": str(self.temporary),
            **environment,
        }
        self.output = folder / "output"
        self.started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("chaos")),
                    "--no-version-check",
                    "run",
                    str(experiment.resolve()),
                ],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def events_path(self) -> Path:
        return self.work / "journal.events.jsonl"

    @property
    def journal_path(self) -> Path:
        return self.work / "journal.json"

    @property
    def ledgers(self) -> list[Path]:
        return sorted((self.state / MARK / "runs").glob("*"))

    def events(self) -> list[dict[str, Any]]:
        """Events that are whole so far."""
        with contextlib.suppress(FileNotFoundError):
            lines = self.events_path.read_bytes().split(b"\n")[:-1]
            return [json.loads(line) for line in lines]
        return []

    def boundaries(self) -> list[str]:
        return [one["event"] for one in self.events() if one["event"].startswith(BOUNDARIES)]

    def wait_for(self, reached: Callable[[], object], seconds: float = RUN_SECONDS) -> bool:
        """Until `reached`; False when the run ended before, or time is up."""
        until = time.monotonic() + seconds
        while not reached():
            if self.process.poll() is not None or time.monotonic() > until:
                return bool(reached())
            time.sleep(POLL_SECONDS / 5)
        return True

    def watchdogs(self) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("safety/watchdog.py" in word for word in process.cmdline()):
                    found.append(process)
        return found

    def processes(self) -> list[psutil.Process]:
        """Every process whose command, environment or working folder names this run's folder."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid != os.getpid() and self._is_ours(process)
        ]

    def left(self) -> list[str]:
        """What is left of this run on this machine."""
        found = [f"ledger {path}" for path in self.ledgers]
        found += [f"temporary {path}" for path in self.temporary.iterdir()]
        found += [_described(process) for process in self.processes()]
        for event in self.events():
            if event["event"] == "stand.part" and event["source"] == "started for this run":
                address = event["address"].rpartition("@")[2] or event["address"]
                host, _, port = address.removeprefix("http://").partition("/")[0].rpartition(":")
                with socket.socket() as probe:
                    probe.settimeout(1)
                    if probe.connect_ex((host, int(port))) == 0:
                        found.append(f"port {port} of {event['kind']}")
        return found

    def unreadable(self) -> list[str]:
        """Files of this run that are not what they should be."""
        found = []
        if self.journal_path.exists():
            try:
                json.loads(self.journal_path.read_bytes())
            except ValueError as error:
                found.append(f"{self.journal_path}: {error}")
        if self.events_path.exists():
            raw = self.events_path.read_bytes()
            if raw and not raw.endswith(b"\n"):
                found.append(f"{self.events_path}: the last line is torn")
            for number, line in enumerate(raw.split(b"\n")[:-1], 1):
                try:
                    assert isinstance(json.loads(line)["event"], str)
                except (ValueError, KeyError, TypeError, AssertionError) as error:
                    found.append(f"{self.events_path}:{number}: {error!r}")
        return found

    def end(self) -> None:
        """End whatever is left of it, so that the next run starts clean."""
        for process in [*self.processes()]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)

    def _is_ours(self, process: psutil.Process) -> bool:
        place = str(self.folder)
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if any(place in word for word in process.cmdline()):
                return True
        except psutil.Error:
            return False
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd().startswith(place):
                return True
        with contextlib.suppress(psutil.Error, OSError):
            return any(place in value for value in process.environ().values())
        return False


def _described(process: psutil.Process) -> str:
    try:
        ports = [
            link.laddr.port
            for link in process.net_connections(kind="tcp")
            if link.status == psutil.CONN_LISTEN
        ]
        command = " ".join(process.cmdline())[:160]
    except psutil.Error:
        return f"process {process.pid}"
    return f"process {process.pid} ({command})" + (f" listening on {ports}" if ports else "")


def until_clean(left: Callable[[], list[str]], seconds: float) -> tuple[list[str], float]:
    """Wait until nothing is left.

    Returns:
        What is still there when the time is up, and how long it took.
    """
    started = time.monotonic()
    while True:
        found = left()
        taken = time.monotonic() - started
        if not found or taken > seconds:
            return found, taken
        time.sleep(POLL_SECONDS * 5)


@dataclass(frozen=True)
class Kill:
    """One run that is killed: at the n-th boundary, or after a part of its usual time."""

    experiment: Path
    variant: str
    number: signal.Signals
    boundary: int | None = None
    fraction: float = 0.0
    delay_seconds: float = 0.0


@dataclass
class Rehearsal:
    """What a run does that nobody kills."""

    boundaries: list[str]
    seconds: float


@dataclass
class Outcome:
    """What became of one kill."""

    kill: Kill
    place: str
    left: list[str]
    unreadable: list[str]
    clean_seconds: float
    returncode: int | None

    @property
    def line(self) -> str:
        state = "clean" if not self.left and not self.unreadable else "LEFT"
        return (
            f"{self.kill.number.name:7} {self.kill.experiment.stem}, {self.kill.variant}, "
            f"{self.place}: exit {self.returncode}, {state} in {self.clean_seconds:.2f} s"
        )


@dataclass
class Report:
    """The counts of a campaign."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def left(self) -> list[str]:
        return [f"{each.line}: {what}" for each in self.outcomes for what in each.left]

    @property
    def unreadable(self) -> list[str]:
        return [f"{each.line}: {what}" for each in self.outcomes for what in each.unreadable]

    @property
    def text(self) -> str:
        signals = Counter(each.kill.number.name for each in self.outcomes)
        places = Counter(each.place for each in self.outcomes)
        variants = Counter(each.kill.variant for each in self.outcomes)
        codes = Counter(f"{each.kill.number.name} {each.returncode}" for each in self.outcomes)
        slowest = max((each.clean_seconds for each in self.outcomes), default=0.0)
        lines = [f"{len(self.outcomes)} kills"]
        for title, counts in (
            ("by signal", signals),
            ("by place", places),
            ("by parts", variants),
            ("exit codes", codes),
        ):
            lines.append(f"{title}: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
        lines.append(f"leftovers: {len(self.left)}")
        lines += [f"  {what}" for what in self.left]
        lines.append(f"unreadable files: {len(self.unreadable)}")
        lines += [f"  {what}" for what in self.unreadable]
        lines.append(f"longest time to clean: {slowest:.2f} s")
        return "\n".join(lines)


class Campaign:
    """Runs and kills on servers of its own.

    Args:
        servers: parts that outlive the runs.
        folder: where the runs' folders go.
        say: takes each line of progress.
    """

    def __init__(self, servers: Servers, folder: Path, say: Callable[[str], None]) -> None:
        self._servers = servers
        self._folder = folder
        self._say = say
        self._client = ToxiproxyClient(servers.toxiproxy_url)
        self._numbers = 0

    def run(
        self, experiments: list[Path], kills: int, seed: int, variants: Iterable[str] = VARIANTS
    ) -> Report:
        self._client.create_proxy(NEIGHBOUR, "127.0.0.1:0", "127.0.0.1:9")
        self._client.add_toxic(
            NEIGHBOUR, Toxic("theirs", "latency", "downstream", 1.0, {"latency": 7, "jitter": 0})
        )
        neighbour = self._neighbour()
        rehearsals = {
            (experiment, variant): self._rehearse(experiment, variant)
            for experiment in experiments
            for variant in variants
        }
        report = Report()
        try:
            for kill in plan(rehearsals, kills, seed):
                outcome = self._kill(kill, rehearsals[kill.experiment, kill.variant])
                if self._neighbour() != neighbour:
                    outcome.left.append("somebody else's proxy was changed")
                report.outcomes.append(outcome)
                self._say(outcome.line)
        finally:
            self._client.delete_proxy(NEIGHBOUR)
        return report

    def _neighbour(self) -> Proxy | None:
        return self._client.proxy(NEIGHBOUR)

    def _rehearse(self, experiment: Path, variant: str) -> Rehearsal:
        with self._started(experiment, variant) as run:
            run.process.wait(RUN_SECONDS)
            seconds = time.monotonic() - run.started
            found, _ = until_clean(self._left(run), CLEAN_SECONDS)
            if found or run.unreadable():
                raise RuntimeError(f"a run that nobody killed left {found} {run.unreadable()}")
            boundaries = run.boundaries()
            if not boundaries:
                raise RuntimeError(f"{experiment} told no events: {run.output.read_text()}")
        self._say(f"{experiment.stem}, {variant}: {len(boundaries)} boundaries, {seconds:.1f} s")
        return Rehearsal(boundaries, seconds)

    def _kill(self, kill: Kill, rehearsal: Rehearsal) -> Outcome:
        with self._started(kill.experiment, kill.variant) as run:
            if kill.boundary is None:
                moment = run.started + kill.fraction * rehearsal.seconds
                run.wait_for(lambda: time.monotonic() >= moment)
                place = "random time"
            else:
                wanted = kill.boundary
                run.wait_for(lambda: len(run.boundaries()) > wanted)
                time.sleep(kill.delay_seconds)
                place = rehearsal.boundaries[wanted]
            run.process.send_signal(kill.number)
            problems = []
            try:
                returncode: int | None = run.process.wait(SIGNAL_SECONDS)
            except subprocess.TimeoutExpired:
                returncode = None
                problems.append(f"the run did not end within {SIGNAL_SECONDS:g} s")
                run.process.kill()
                run.process.wait()
            found, seconds = until_clean(self._left(run), CLEAN_SECONDS)
            outcome = Outcome(kill, place, problems + found, run.unreadable(), seconds, returncode)
        if found:
            self._servers.sweep()
        return outcome

    def _left(self, run: Run) -> Callable[[], list[str]]:
        return lambda: run.left() + self._servers.left()

    @contextmanager
    def _started(self, experiment: Path, variant: str) -> Iterator[Run]:
        self._numbers += 1
        folder = self._folder / f"run{self._numbers}"
        run = Run(folder, experiment, self._servers.environment(variant))
        try:
            yield run
        finally:
            run.end()
            shutil.rmtree(folder, ignore_errors=True)


async def _sweep(admin: DatabaseAddress, database: DatabaseAddress) -> None:
    import asyncpg

    connection = await asyncpg.connect(admin.named(database.database).url, timeout=10)
    try:
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1"
        for row in await connection.fetch(schemas, f"{MARK}%"):
            await connection.execute(f'DROP SCHEMA "{row[0]}" CASCADE')
        databases = "SELECT datname FROM pg_database WHERE datname LIKE $1"
        for row in await connection.fetch(databases, f"{MARK}%"):
            await connection.execute(f'DROP DATABASE "{row[0]}" WITH (FORCE)')
    finally:
        await connection.close()


def plan(rehearsals: dict[tuple[Path, str], Rehearsal], kills: int, seed: int) -> list[Kill]:
    """Two of three kills at boundaries, each of them before any for the second time."""
    chance = random.Random(seed)
    places = [
        (experiment, variant, boundary)
        for (experiment, variant), rehearsal in rehearsals.items()
        for boundary in range(len(rehearsal.boundaries))
    ]
    chance.shuffle(places)
    made = []
    for number in range(kills):
        which = chance.choice(SIGNALS) if number % 5 == 4 else signal.SIGKILL
        if number % 3 == 2:
            experiment, variant = chance.choice(list(rehearsals))
            made.append(Kill(experiment, variant, which, fraction=chance.random()))
        else:
            experiment, variant, boundary = places[(number - number // 3) % len(places)]
            delay = chance.choice([0.0, 0.0, 0.02, 0.1])
            made.append(Kill(experiment, variant, which, boundary, delay_seconds=delay))
    return made


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Parts of the campaign's own."""
    postgres = start_postgres()
    try:
        toxiproxy = start_toxiproxy()
        try:
            yield Servers(postgres.database, postgres.admin, toxiproxy.url)
        finally:
            toxiproxy.stop()
    finally:
        postgres.stop()


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder that every user may pass through: PostgreSQL is another one's, for root."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--experiments", type=Path, default=EXPERIMENTS)
    given = parser.parse_args()
    experiments = sorted(given.experiments.glob("*.json"))
    if not experiments:
        parser.error(f"no experiments in {given.experiments}")
    with own_servers() as servers, run_folder() as folder:
        campaign = Campaign(servers, folder, lambda line: print(line, flush=True))
        report = campaign.run(experiments, given.kills, given.seed)
    print(f"seed {given.seed}")
    print(report.text)
    return 1 if report.left or report.unreadable else 0


if __name__ == "__main__":
    sys.exit(main())
