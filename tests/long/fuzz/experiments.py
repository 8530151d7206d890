"""Hostile experiments: whole runs, each in a sandbox of its own."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaosnetra.stand.folders import cache_folder
from tests.long.fuzz.checks import (
    CALL_SECONDS,
    TRACEBACK,
    Failed,
    Report,
    listing,
    package_frames,
    processes_of,
    strict_json,
)
from tests.long.fuzz.hostile import as_text, mutate
from tests.long.fuzz.settings import hostile_environment
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
RUN_SECONDS = 60.0
CLEAN_SECONDS = 30.0
# Refused or failed by the core before anything reaches the package; counted apart.
CORE = "traceback of the core alone"


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
                    "conditions": [{"name": "c", "window": 2, "max_failure_rate": 0.5, **HELD}],
                },
            },
        },
    ],
}


ABORTED["controls"][1]["provider"]["arguments"]["conditions"][0].pop("type")


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
