# ruff: noqa: T201
"""Hostile input: broken experiments, settings, profiles, journals, ledgers and target output.

    python -m tests.fuzz --seconds 60 --seed 1 [--case AREA:INDEX] [--save FOLDER]

Each case is made from the seed, its area and its number alone, so `--case` plays one again.
Exit code 1 when a check failed; what was fed in then lies in the folder that is printed.
"""

import argparse
import asyncio
import contextlib
import copy
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import chaosnetra
from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import ChaosnetraError
from chaosnetra.evidence.section import complete
from chaosnetra.evidence.verdict import judge
from chaosnetra.faults import UNDO_PLAYERS
from chaosnetra.profiles import known_profiles, load_profile
from chaosnetra.safety.recovery import recover
from chaosnetra.settings import SETTINGS, Settings
from chaosnetra.stand.places import cache_folder
from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.startup.output import LONGEST_ERROR, Output
from chaosnetra.startup.plan import make_plan
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.unit import journals

PACKAGE = str(Path(chaosnetra.__file__).parent)
EXPERIMENT = Path(__file__).parents[1] / "experiments" / "vpc_latency.json"
PROFILES = Path(PACKAGE) / "profiles" / "data"
RUN_SECONDS = 30.0
CALL_SECONDS = 5.0
CLEAN_SECONDS = 8.0
TRACEBACK = "Traceback (most recent call last):"
# What stands in a file as it is, because no JSON encoder would write it.
RAW = {
    "@deep@": "[" * 3000 + "]" * 3000,
    "@deeper@": '{"a":' * 60_000 + "1" + "}" * 60_000,
    "@digits@": "7" * 5000,
    "@overflow@": "1e999",
    "@octal@": "007",
}
# Refused or failed by the core before anything reaches the package; counted apart.
CORE = "traceback of the core alone"


class Failed(Exception):
    """A check did not hold."""


@dataclass
class Report:
    """What was fed in and what came of it."""

    cases: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


# --- Making hostile data -------------------------------------------------------------------


def nested(depth: int) -> Any:
    made: Any = "x"
    for level in range(depth):
        made = [made] if level % 2 else {"k": made}
    return made


def hostile(rng: random.Random, escape: str = "/no/such/place") -> Any:
    """One value that nobody expects. `escape` is a path that must not come into being."""
    numbers = [0, -1, 2.5, 1e308, -1e308, 5e-324, 2**63, 10**30, math.nan, math.inf, True, None]
    texts = [
        "",
        " ",
        "x" * 100_000,
        "\0",
        "a\0b",
        "\x1b[31mred\x07\r",
        "\u202eabc\u2028\ufeff",
        "\ud800",
        "\udcff/\U0001f600",
        "../../x",
        "../../../" + "y" * 300,
        escape,
        "/etc/passwd",
        "one\ntwo",
        "%s%n%(x)s",
        "{port}{url}{nope}{}",
        "${latency_ms}",
        "${nope}",
        "'; DROP SCHEMA public CASCADE; --",
        "NaN",
        "1e999",
        "-0",
        "\u0663",
        "0x10",
        "@digits@",
        "a" * 300 + ".json",
        "~no-such-user/x.json",
        "[::1",
        "http://[",
        "tcp://127.0.0.1:99999",
    ]
    raws = ["@deep@", "@deeper@", "@digits@", "@overflow@", "@octal@"]
    made: list[Any] = [[], {}, [None], {"": ""}, nested(60), nested(400), [[], {}, "x", 1]]
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(numbers)
    if kind < 0.75:
        return rng.choice(texts)
    if kind < 0.82:
        return f"@RAW{rng.choice(raws)}"
    return copy.deepcopy(rng.choice(made))


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in JSON-like data."""
    found: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        one = waiting.pop()
        keys: Any = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                waiting.append(one[key])
    return found


def mutate(rng: random.Random, data: Any, escape: str = "", times: int | None = None) -> Any:
    """A copy of `data` with some of it dropped, replaced, renamed, added or repeated."""
    data = json.loads(json.dumps(data))  # unlike a deep copy, nothing in it is shared
    for _ in range(times or rng.choice((1, 1, 1, 2, 3))):
        found = places(data)
        if not found:
            return data
        container, key = rng.choice(found)
        match rng.randrange(7):
            case 0:
                del container[key]
            case 1 | 2 | 3:
                container[key] = hostile(rng, escape)
            case 4:
                if isinstance(container, dict):
                    name = hostile(rng, escape)
                    container[name if isinstance(name, str) else "unknown"] = hostile(rng, escape)
                else:
                    container.append(hostile(rng, escape))
            case 5:
                if isinstance(container, dict) and isinstance(key, str):
                    container[f"{key}x"] = container.pop(key)
                else:
                    container.append(copy.deepcopy(container[key]))
            case 6:
                container[key] = rng.choice(([container[key]], {"type": container[key]}))
    return data


def as_text(rng: random.Random, data: Any) -> bytes:
    """JSON, and at times what is not quite JSON."""
    text = json.dumps(data, indent=1, ensure_ascii=rng.random() < 0.8)
    for mark, raw in RAW.items():
        text = text.replace(f'"@RAW{mark}"', raw)
    encoded = text.encode(errors="surrogatepass")
    if rng.random() > 0.15:
        return encoded
    middle = rng.randrange(len(encoded))
    match rng.randrange(6):
        case 0:  # a key twice
            names = re.findall(r'"(\w+)": ', text)
            if names:
                name = rng.choice(names)
                text = text.replace(f'"{name}": ', f'"{name}": "first", "{name}": ', 1)
            return text.encode(errors="surrogatepass")
        case 1:
            return encoded[:middle]
        case 2:
            return b"\xef\xbb\xbf" + encoded
        case 3:
            return encoded[:middle] + b"\0" + encoded[middle:]
        case 4:
            return encoded[:middle] + b"\xff\xfe" + encoded[middle:]
    return encoded + b"}"


def strict_json(text: str) -> Any:
    """Parse JSON as the standard has it: no NaN, no infinity."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


# --- Checks --------------------------------------------------------------------------------


def package_frames(output: str) -> list[str]:
    """Frames of printed tracebacks that lie in the package.

    What the logging module prints when it cannot write the core's log file is passed over.
    """
    found, inside, logging_error = [], False, False
    for line in output.splitlines():
        if line.startswith("--- Logging error ---"):
            logging_error = True
        elif line.startswith("Arguments:"):
            logging_error = inside = False
        elif TRACEBACK in line:
            inside = True
        elif inside and not logging_error and f'File "{PACKAGE}' in line:
            found.append(line.strip())
    return found


def listing(folder: Path, leave_out: tuple[Path, ...] = ()) -> dict[str, tuple[int, int]]:
    """Size and time of everything under `folder`."""
    found = {}
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        folders[:] = [name for name in folders if here / name not in leave_out]
        for name in [*folders, *files]:
            stat = (here / name).lstat()
            found[str(here / name)] = (stat.st_size if name in files else 0, stat.st_mtime_ns)
    # A folder's own time changes with the folders that are left out.
    return {path: facts if facts[0] else (0, 0) for path, facts in found.items()}


def processes_of(home: Path) -> list[str]:
    """Living processes that were started with that HOME."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("HOME") == str(home):
                found.append(" ".join(process.cmdline())[:200])
    return found


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Fail when the code inside takes longer."""

    def too_long(number: int, frame: Any) -> None:
        raise Failed(f"no end within {seconds:g} s")

    former = signal.signal(signal.SIGALRM, too_long)
    # A test's own limit uses the same timer; it gets back what is left of it.
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        signal.setitimer(signal.ITIMER_REAL, remaining)


def where(error: BaseException) -> str:
    """An exception with the innermost place in the package that it passed."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(PACKAGE):
            place = f"{file.removeprefix(PACKAGE)[1:]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}: {str(error)[:150]}"


# --- Whole runs ----------------------------------------------------------------------------

CONTROL = {
    "name": "journal",
    "provider": {
        "type": "python",
        "module": "chaosnetra.controls.journal",
        "arguments": {"recovery_timeout_seconds": 0},
    },
}
TINY: dict[str, Any] = {
    "title": "nothing",
    "description": "nothing",
    "controls": [CONTROL],
    "runtime": {"rollbacks": {"strategy": "always"}},
    "steady-state-hypothesis": {"title": "nothing", "probes": []},
    "method": [],
    "rollbacks": [],
}
HELD = {
    "type": "probe",
    "name": "held",
    "tolerance": True,
    "provider": {
        "type": "python",
        "module": "chaosnetra.tolerances",
        "func": "held",
        "arguments": {"value": {"held": True}},
    },
}
# With an activity of the package the settings are read, but no part is brought.
SMALL: dict[str, Any] = {
    **TINY,
    "configuration": {"profile": "issue-1278", "time_scale": "auto", "latency_ms": 1},
    "secrets": {"a": {"token": "hidden-word"}},
    "steady-state-hypothesis": {"title": "held", "probes": [HELD]},
    "method": [HELD],
    "rollbacks": [],
}
ABORTED: dict[str, Any] = {
    **SMALL,
    "controls": [
        CONTROL,
        {
            "name": "abort",
            "provider": {
                "type": "python",
                "module": "chaosnetra.controls.abort",
                "arguments": {
                    "maximum_seconds": 60,
                    "frequency_seconds": 0.2,
                    "conditions": [
                        {"name": "c", "window": 2, "max_failure_rate": 0.5, **HELD},
                    ],
                },
            },
        },
    ],
}
ABORTED["controls"][1]["provider"]["arguments"]["conditions"][0].pop("type")

# Values that are wrong, or right and unusual, by setting; no address of anybody else.
ENVIRONMENT: dict[str, list[str]] = {
    "target": ["false", "true", "sh -c 'exit 3'", "no_such:app", "json:dumps", "'", "-", "true \\"],
    "readiness": ["exit", "log:(", "log:.*", "log:(?P<a>", "tcp://127.0.0.1:{port}", "udp://x"],
    "target_environment": [
        "{}",
        '{"A=B": "x"}',
        '{"": "x"}',
        '{"A": "\\u0000"}',
        '{"A\\u0000": "x"}',
        '{"A": "\\ud800"}',
        '{"A": "{nope}"}',
        '{"A": "{{url}}"}',
        '{"PATH": ""}',
        '{"LD_PRELOAD": "/no/such"}',
        "[]",
        '{"A": 1}',
    ],
    "database_state": ["fresh", "SHARED"],
    "profile": ["issue-1263", "./none.json", "/etc/passwd.json", "/", "\\", "..", "/dev/null"],
    "target_directory": ["/", "/no/such", "~", "~nobody-here", "/etc/passwd"],
    "target_python": ["python3", "/no/such", "~", "true"],
    "time_scale": ["0", "0.001", "10", "11", "-1", "auto", "AUTO"],
    "startup_timeout_seconds": ["0", "0.001", "-1", "1e9", "soon"],
    "readiness_timeout_seconds": ["0", "0.001", "-5", "5s"],
    "time_to_live_seconds": ["0", "1e12", "-1", "0.0001"],
    "toxiproxy_listen_host": ["", "localhost", "no such host", "256.1.1.1", "::1", "127.0.0.1:1"],
    "database_url": [
        "postgresql://u:hidden-word@127.0.0.1:1/d",
        "postgresql://u@127.0.0.1:1/d",
        "postgresql://[::1",
        "postgresql://127.0.0.1:70000/d",
        "mysql://u:p@127.0.0.1/d",
        "postgresql://u:%zz%00@127.0.0.1:1/%00",
    ],
    "toxiproxy_url": [
        "http://127.0.0.1:1",
        "http://u:p@127.0.0.1",
        "ftp://x",
        "http://127.0.0.1:0",
    ],
    "environment": ["production", "LOCAL", ""],
    "count": ["0", "-1", "1001", "1.5", "two", "1e30"],
    "latency_ms": ["-1", "0", "1e30", "nan", "3600001"],
    "max_failure_rate": ["2", "-0.1", "nan"],
}


def hostile_setting(rng: random.Random, key: str) -> Any:
    return rng.choice(ENVIRONMENT[key]) if rng.random() < 0.7 else hostile(rng)


def hostile_environment(rng: random.Random, most: int = 3) -> dict[str, str]:
    """Environment variables for a run; what an environment cannot hold is left out."""
    made = {}
    for key in rng.sample(sorted(ENVIRONMENT), rng.randint(1, most)):
        value = hostile_setting(rng, key)
        text = value if isinstance(value, str) else json.dumps(value)
        text = text.encode(errors="surrogatepass").decode(errors="surrogateescape")
        if "\0" not in text:
            made[f"CHAOSNETRA_{key.upper()}"] = text[:100_000]
    return made


class Runs:
    """Runs `chaos run` on a mutated experiment, each in a sandbox of its own."""

    def __init__(self, seed: str, base: dict[str, Any], environment: dict[str, str]) -> None:
        self.base = base
        self.environment = environment
        self.seed = seed
        self.after: Callable[[], None] = lambda: None

    def play(self, rng: random.Random, report: Report, saved: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
            parent = Path(name)
            parent.chmod(0o755)
            self._play(rng, report, saved, parent)

    def _play(self, rng: random.Random, report: Report, saved: Path, parent: Path) -> None:
        # Two levels down, so that ../../x still lies in the sandbox.
        run, state, temporary, home = (
            parent / "a" / "b" / part for part in ("run", "state", "tmp", "home")
        )
        for folder in (run, state, temporary, home):
            folder.mkdir(parents=True)
        data, extra = self.base, hostile_environment(rng)
        if rng.random() < 0.85:
            data, extra = mutate(rng, data, str(parent / "escaped")), {}
        raw = as_text(rng, data) if not extra else json.dumps(data).encode()
        (run / "experiment.json").write_bytes(raw)
        options = rng.choice(([], [], [], ["--no-validation"], ["--rollback-strategy=always"]))
        (saved / "experiment.json").write_bytes(raw)
        (saved / "run.json").write_text(json.dumps({"options": options, "environment": extra}))
        environment = {
            **{key: text for key, text in os.environ.items() if "CHAOSNETRA_" not in key},
            **self.environment,
            "HOME": str(home),
            "XDG_STATE_HOME": str(state),
            "XDG_CACHE_HOME": str(cache_folder().parent),
            "TMPDIR": str(temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
            **extra,
        }
        # Go, asked for the version of the Toxiproxy that it built, keeps notes of its own.
        guarded = (run, state, temporary, home / ".config")
        (home / ".config").mkdir()
        before = listing(parent, guarded), Path("/etc/passwd").stat().st_mtime_ns
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("chaos")),
                "--no-version-check",
                "run",
                *options,
                "experiment.json",
            ],
            cwd=run,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output = process.communicate(timeout=RUN_SECONDS)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(RUN_SECONDS)
            process.kill()
            output = process.communicate(timeout=CALL_SECONDS)[0].decode(errors="replace")
            (saved / "output.txt").write_text(output)
            raise Failed(f"no end within {RUN_SECONDS:g} s") from None
        (saved / "output.txt").write_text(output)
        journal = run / "journal.json"
        if journal.exists():
            shutil.copy(journal, saved / "journal.json")
        self._wait_until_clean(home, temporary)
        if (listing(parent, guarded), Path("/etc/passwd").stat().st_mtime_ns) != before:
            changed = sorted(set(listing(parent, guarded)) ^ set(before[0]))
            raise Failed(f"written outside of the run's folders: {changed}")
        ledgers = list(state.rglob("*.ledger.jsonl"))
        if ledgers:
            raise Failed(f"a ledger is left: {ledgers[0].read_text()[:500]}")
        self._judge(process.returncode, output, run, report)
        self.after()

    def _wait_until_clean(self, home: Path, temporary: Path) -> None:
        until = time.monotonic() + CLEAN_SECONDS
        while (left := processes_of(home)) and time.monotonic() < until:
            time.sleep(0.05)
        if left:
            raise Failed(f"processes are left: {left}")
        if list(temporary.iterdir()):
            raise Failed(f"left in TMPDIR: {sorted(path.name for path in temporary.iterdir())}")

    def _judge(self, code: int, output: str, run: Path, report: Report) -> None:
        report.seen[f"exit code {code}"] += 1
        frames = package_frames(output)
        if frames:
            raise Failed(f"a traceback of ours: {frames[-1]}")
        if TRACEBACK in output:
            report.seen[CORE] += 1
        if code not in (0, 1, 2):
            raise Failed(f"exit code {code}")
        for line in output.splitlines():
            if "journal control failed" in line and "ERROR" in line:
                report.seen[f"NOTE {line.split('ERROR] ', 1)[1][:160]}"] += 1
        ours = self._events(run)
        journal = run / "journal.json"
        if not journal.exists():
            if ours:
                raise Failed("events, but no journal")
            return
        try:
            text = journal.read_text(encoding="utf-8")
            section = strict_json(text).get("chaosnetra")
        except (ValueError, RecursionError) as error:
            if not ours:
                report.seen["journal without our control that is not JSON"] += 1
                return
            raise Failed(f"journal.json is not strict JSON: {error}") from None
        if section is None:
            report.seen["journal without our section"] += 1
            if ours:
                raise Failed("events, but no section in the journal")
            return
        report.seen[f"verdict {section['verdict']}"] += 1
        if (code == 0) != (section["verdict"] == "held"):
            raise Failed(f"exit code {code} with verdict {section['verdict']}")
        if ours and "Verdict: " not in output:
            raise Failed("no verdict was printed")

    def _events(self, run: Path) -> bool:
        """Whether our control began the run; checks each line of its events."""
        files = list(run.glob("*.events*.jsonl"))
        for file in files:
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    strict_json(line)
                except ValueError as error:
                    raise Failed(f"an event is not JSON: {error}: {line[:200]}") from None
        return any(file.stat().st_size for file in files)


# --- In this process -----------------------------------------------------------------------


def fuzz_settings(rng: random.Random, report: Report, saved: Path) -> None:
    keys = rng.sample(sorted(SETTINGS), rng.randint(1, 4))
    configuration: dict[str, Any] = {}
    environ: dict[str, str] = {"CHAOSNETRA_TARGET": "true", "PATH": os.environ["PATH"]}
    for key in keys:
        value = hostile_setting(rng, key)
        if rng.random() < 0.5 or not isinstance(value, str):
            configuration[key] = value
        else:
            environ[SETTINGS[key].variable] = value
    (saved / "input.txt").write_text(repr((configuration, environ)))
    try:
        settings = Settings.from_configuration(configuration, environ)
        plan = make_plan(settings, environ, None)
        plan.environment_for(1, DatabaseAddress("127.0.0.1", 1, "u", "p", "d"))
    except ChaosnetraError as error:
        report.seen["settings refused"] += 1
        one_line(error)
        return
    report.seen["settings taken"] += 1
    for seconds in (
        settings.time_scale,
        settings.startup_timeout_seconds,
        settings.time_to_live_seconds,
        settings.readiness_timeout_seconds,
    ):
        if not math.isfinite(seconds) or seconds < 0:
            raise Failed(f"a setting became {seconds}")


def fuzz_profiles(rng: random.Random, report: Report, saved: Path) -> None:
    data = json.loads((PROFILES / f"{rng.choice(known_profiles())}.json").read_text())
    file = saved / "profile.json"
    file.write_bytes(as_text(rng, mutate(rng, data)))
    try:
        profile = load_profile(str(file), "CHAOSNETRA_PROFILE")
        seconds = profile.startup_deadline_seconds
    except ChaosnetraError as error:
        report.seen["profile refused"] += 1
        one_line(error)
        return
    report.seen["profile taken"] += 1
    json.dumps([vars(profile.budgets), vars(profile.pool), seconds], allow_nan=False)


def one_line(error: ChaosnetraError) -> None:
    """An error that a user is to read."""
    text = str(error)
    if not text.strip():
        raise Failed("an error without a text")
    if "\n" in text and "\\n" not in text:
        raise Failed(f"an error of several lines: {text[:200]!r}")


# What the core or somebody's activity can put into a journal; the rest the core writes itself.
OUTSIDE = ("output", "exception", "activity", "experiment")


def fuzz_journals(rng: random.Random, report: Report, saved: Path) -> None:
    ours = {"name": "f", "parameters": {}, "effect": {"in_effect": False, "detail": "d"}}
    journal = journals.journal(
        before=rng.choice((journals.GOOD, journals.BAD, None)),
        after=rng.choice(
            (journals.state(journals.startups(1, 3)), journals.state(journals.failed_probe()), None)
        ),
        during=(journals.GOOD,),
        method=(journals.run_of("x", status="failed"),),
        rollbacks=(journals.run_of("y"),),
        recovery=rng.choice((None, journals.GOOD, journals.BAD)),
        faults=[ours],
        control_failures=[],
    )
    journal = json.loads(json.dumps(journal))  # nothing in it is shared
    anywhere = rng.random() < 0.3
    if anywhere:
        journal = without_nan(mutate(rng, journal))
    else:
        found = [place for place in places(journal) if place[1] in OUTSIDE]
        for container, key in rng.sample(found, rng.randint(1, 2)):
            container[key] = from_outside(rng, key, container[key])
    (saved / "journal.json").write_bytes(json.dumps(journal).encode())
    facts = journal.get("chaosnetra") or {}
    try:
        judge(journal)
        verdict = complete(journal, facts)
        json.dumps(journal["chaosnetra"], allow_nan=False)
        if "\n" in verdict.line:
            report.seen["NOTE a verdict of several lines"] += 1
    except Exception as error:
        if not anywhere:
            raise
        # Nobody writes such a journal, and the control turns the exception into a failed run.
        text = where(error)
        report.seen[f"damaged journal: {text[: text.find(':', text.find(' at ') + 4) + 5]}"] += 1
    else:
        report.seen["journal judged"] += 1


def from_outside(rng: random.Random, key: str, value: Any) -> Any:
    """What an activity or an experiment can really put there: JSON, of the shape the core keeps."""
    if key == "activity":
        return without_nan({**mutate(rng, {**value, "type": "probe"}), "name": hostile_text(rng)})
    if key == "exception":
        return [hostile_text(rng), hostile_text(rng)]
    if key == "experiment":
        keep = {"steady-state-hypothesis": {"title": hostile_text(rng), "probes": [{}]}}
        return without_nan({**mutate(rng, {"configuration": {"a": {"b": 1}}}), **keep})
    counted = {"held": False, "attempts": 5, "ready": 2, "expected": "e", "observed": "o"}
    counted |= {"phase": "database", "budget": "table_setup", "budget_seconds": 1.0}
    numbers = [10**30, 10**400, -5, 2**63, 1e308, True, 10**6]
    if rng.random() < 0.5:
        counted[rng.choice(("attempts", "ready", "budget_seconds"))] = rng.choice(numbers)
    return without_nan(rng.choice((hostile(rng), mutate(rng, counted), counted)))


def hostile_text(rng: random.Random) -> str:
    value = hostile(rng)
    return value if isinstance(value, str) else repr(value)[:1000]


def without_nan(data: Any) -> Any:
    """The control replaces what is not JSON before the journal is judged."""
    return json.loads(re.sub(r"\b(?:NaN|Infinity)\b", "1e3", json.dumps(data)))


def fuzz_ledgers(rng: random.Random, report: Report, saved: Path) -> None:
    unreachable = "http://127.0.0.1:1"
    toxic = {
        "name": "t",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
        "attributes": {},
    }
    arguments = {
        "url": unreachable,
        "proxy": "p",
        "toxic": toxic,
        "before": {"listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": True},
        "ours": toxic,
        "name": "n",
        "enabled": True,
        "upstream": "127.0.0.1:1",
        "database": "postgresql://u@127.0.0.1:1/d",
        "schema": "s",
    }
    folder = saved / "runs"
    folder.mkdir()
    canary = saved / "canary"
    canary.write_text("not an event file\n")
    records: list[Any] = [
        {"version": 1, "run": "run-1", "pid": 1, "at": 1.0, "events": str(canary)},
        {"part": "127.0.0.1:1", "pid": 1, "started": 1.0},
    ]
    for number in range(1, 4):
        kind = rng.choice([*UNDO_PLAYERS, "test.unknown", ""])
        chosen = rng.sample(sorted(arguments), rng.randint(0, len(arguments)))
        undo = {"kind": kind, "description": "take it back"}
        undo["arguments"] = {key: arguments[key] for key in chosen}
        records.append({"entry": number, "at": 1.0, "undo": undo})
    records.append({"done": 2, "at": 1.0, "result": "done"})
    if rng.random() < 0.8:
        # An address that is not the loopback's must not come out of this.
        records = mutate(rng, records)
    lines = [as_text(rng, record).replace(b"\n", b"") for record in records]
    file = folder / "run-1.ledger.jsonl"
    file.write_bytes(b"\n".join(lines) + (b"" if rng.random() < 0.2 else b"\n"))
    shutil.copy(file, saved / "ledger.jsonl")
    before = listing(saved, (folder,))
    results = list(recover(file))
    for result in results:
        if "\n" in result.line and "\\n" not in result.line:
            report.seen["NOTE a result of recovery of several lines"] += 1
        report.seen["undo failed" if result.report is None else "undo answered"] += 1
    if listing(saved, (folder,)) != before:
        raise Failed("recovery wrote to a file that is no event file of its run")
    if file.exists() and not any(result.report is None for result in results):
        raise Failed("the ledger is still there, and nothing was said to have failed")


def fuzz_output(rng: random.Random, report: Report, saved: Path) -> None:
    event = {"phase": "database", "status": "failed", "number": 3, "seconds": 0.2, "error": "e"}
    event |= {"cause": ["a", "b"], "budget": "b", "budget_seconds": 1.0, "sqlstate": "08006"}
    pieces = []
    for _ in range(rng.randint(1, 30)):
        made = json.dumps(mutate(rng, {"startup_phase": event}))
        for mark, raw in RAW.items():
            made = made.replace(f'"@RAW{mark}"', raw)
        pieces.append(
            rng.choice(
                (
                    made.encode(),
                    json.dumps({"startup_phase": event}).encode()[: rng.randrange(90)],
                    b'{"startup_phase":' + b"[" * rng.choice((10, 70_000)),
                    TRACEBACK.encode(),
                    b"  | " + TRACEBACK.encode(),
                    b"asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already",
                    b"a." * 5000 + b"Error: x",
                    b"Error(" * 3000,
                    b"code: " + b"1A" * 20_000,
                    b"SQLSTATE" + b" " * 30_000,
                    b"ERROR: " * rng.choice((1, 9000)),
                    bytes(rng.randrange(256) for _ in range(200)),
                    b"\0\x1b[2J\r\r",
                    hostile_text(rng).encode(errors="surrogatepass"),
                    b"x" * rng.choice((10, 70_000, 300_000)),
                    b"KeyError",
                    b"PostgresError: code 1",
                    b"ExceptionGroup: " + b"+ " * 2000,
                )
            )
        )
    raw = b"\n".join(pieces)
    (saved / "output.bin").write_bytes(raw)
    output = Output(re.compile("ready"))
    begun = time.monotonic()
    at = 0
    while at < len(raw):
        size = rng.choice((1, 7, 4096, 65_536)) if at < 2000 else 65_536
        output.feed(rng.choice(("stdout", "stdout", "stderr")), raw[at : at + size])
        at += size
    output.feed("stdout", b"")
    output.feed("stderr", b"")
    error = output.error
    told = [output.lines, output.phase, output.phase_seconds]
    json.dumps(told, allow_nan=False)
    if time.monotonic() - begun > 3:
        raise Failed(f"reading {len(raw)} bytes took {time.monotonic() - begun:.1f} s")
    report.seen["output with an error" if error else "output without an error"] += 1
    if error is not None:
        for text in (error.text, *error.causes):
            if "\n" in text or len(text) > LONGEST_ERROR:
                raise Failed(f"an error text that is not one short line: {text[:100]!r}")


# --- The whole -----------------------------------------------------------------------------

Play = Callable[[random.Random, Report, Path], None]
IN_PROCESS: dict[str, Play] = {
    "settings": fuzz_settings,
    "profiles": fuzz_profiles,
    "journals": fuzz_journals,
    "ledgers": fuzz_ledgers,
    "output": fuzz_output,
}
CALLS_A_ROUND = {"settings": 40, "profiles": 40, "journals": 40, "ledgers": 20, "output": 8}
RUNS_A_ROUND = {"tiny": 2, "small": 3, "aborted": 1}
OWN_STAND_EVERY = 4


class Fuzz:
    """All areas; `real` runs need a PostgreSQL and a Toxiproxy, which are started for them."""

    def __init__(self, seed: int, save: Path) -> None:
        self.seed = seed
        self.save = save
        self.report = Report()
        self.stack = ExitStack()
        fast = {
            "CHAOSNETRA_COUNT": "1",
            "CHAOSNETRA_TARGET": "true",
            "CHAOSNETRA_LATENCY_MS": "50",
        }
        self.bases = {"tiny": TINY, "small": SMALL, "aborted": ABORTED}
        self.fast = fast
        self._configured: dict[str, str] | None = None
        self._check: Callable[[], None] = lambda: None

    def case(self, area: str, index: int) -> None:
        """Play one case and note what comes of it."""
        rng = random.Random(f"{self.seed}:{area}:{index}")
        self.report.cases[area] += 1
        saved = self.save / f"{area}-{index}"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir(parents=True)
        try:
            if area in IN_PROCESS:
                with limited(CALL_SECONDS):
                    IN_PROCESS[area](rng, self.report, saved)
            else:
                self._runs(area, index).play(rng, self.report, saved)
        except Failed as error:
            self._failed(area, index, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            self._failed(area, index, where(error))
        else:
            shutil.rmtree(saved)

    def _failed(self, area: str, index: int, text: str) -> None:
        line = f"{area}:{index}: {text}"
        self.report.failures.append(line)
        print(f"FAILED seed {self.seed} case {line}", flush=True)

    def _runs(self, area: str, index: int) -> Runs:
        if area != "real":
            return Runs(f"{self.seed}", self.bases[area], self.fast)
        base = json.loads(EXPERIMENT.read_text())
        base["configuration"].pop("profile")
        if index % OWN_STAND_EVERY == OWN_STAND_EVERY - 1:
            return Runs(f"{self.seed}", base, self.fast)
        runs = Runs(f"{self.seed}", base, {**self.fast, **self._servers()})
        runs.after = self._check
        return runs

    def _servers(self) -> dict[str, str]:
        if self._configured is None:
            postgres = start_postgres()
            self.stack.callback(postgres.stop)
            toxiproxy = start_toxiproxy()
            self.stack.callback(toxiproxy.stop)
            self._configured = {
                "CHAOSNETRA_DATABASE_URL": postgres.database.url,
                "CHAOSNETRA_TOXIPROXY_URL": toxiproxy.url,
            }
            client = ToxiproxyClient(toxiproxy.url)

            def check() -> None:
                left = [*client.proxies(), *databases_left(postgres)]
                if left:
                    for name in client.proxies():
                        client.delete_proxy(name)
                    raise Failed(f"left on the servers: {left}")

            self._check = check
        return self._configured

    def play(self, *, seconds: float, rounds: int | None = None, real: bool = True) -> Report:
        """Rounds of all areas, until they are played or the time is over."""
        until = time.monotonic() + seconds
        played = 0
        with self.stack:
            while time.monotonic() < until and (rounds is None or played < rounds):
                for area, many in {**CALLS_A_ROUND, **RUNS_A_ROUND, "real": int(real)}.items():
                    for index in range(played * many, (played + 1) * many):
                        if time.monotonic() > until:
                            return self.report
                        self.case(area, index)
                played += 1
        return self.report


def databases_left(server: PostgresServer) -> list[str]:
    import asyncpg

    async def ask() -> list[str]:
        opened = await asyncpg.connect(server.admin.url, timeout=CALL_SECONDS)
        try:
            rows = await opened.fetch(
                "SELECT datname FROM pg_database WHERE datname LIKE 'chaosnetra%'"
            )
        finally:
            await opened.close()
        return [row["datname"] for row in rows]

    return asyncio.run(ask())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", help="AREA:INDEX, to play one case again")
    parser.add_argument("--no-real", action="store_true", help="no runs with real parts")
    parser.add_argument("--save", type=Path, help="where failed cases go")
    chosen = parser.parse_args()
    save = chosen.save or Path(tempfile.mkdtemp(prefix="fuzz-failures-"))
    fuzz = Fuzz(chosen.seed, save)
    if chosen.case:
        area, _, index = chosen.case.partition(":")
        with fuzz.stack:
            fuzz.case(area, int(index))
        report = fuzz.report
    else:
        report = fuzz.play(seconds=chosen.seconds, real=not chosen.no_real)
    print(f"seed {chosen.seed}; cases: {dict(report.cases)}")
    for text, count in sorted(report.seen.items()):
        print(f"{count:6} {text}")
    for line in report.failures:
        print(f"FAILED {line}")
    print(f"{len(report.failures)} failures" + (f", saved in {save}" if report.failures else ""))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
