"""Hostile settings."""

import json
import math
import os
import random
from pathlib import Path
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import ChaosnetraError
from chaosnetra.settings import SETTINGS, Settings
from chaosnetra.startup.target_plan import make_plan
from tests.long.fuzz.checks import Failed, Report, one_line
from tests.long.fuzz.hostile import hostile

# Values that are wrong, or right and unusual, by setting; no address of anybody else.
ENVIRONMENT: dict[str, list[str]] = {
    "target": ["false", "true", "sh -c 'exit 3'", "no_such:app", "json:dumps", "'", "-", "true \\"],
    "readiness": ["exit", "log:(", "log:.*", "log:(?P<a>", "tcp://127.0.0.1:{port}", "udp://x"],
    "target_environment": [
        "{}", '{"A=B": "x"}', '{"": "x"}', '{"A": "\\u0000"}', '{"A\\u0000": "x"}',
        '{"A": "\\ud800"}', '{"A": "{nope}"}', '{"A": "{{url}}"}', '{"PATH": ""}',
        '{"LD_PRELOAD": "/no/such"}', "[]", '{"A": 1}',
    ],
    "database_state": ["fresh", "SHARED", "auto"],
    "profile": ["issue-1263", "./none.json", "/etc/passwd.json", "/", "\\", "..", "/dev/null"],
    "target_directory": ["/", "/no/such", "~", "~nobody-here", "/etc/passwd"],
    "target_python": ["python3", "/no/such", "~", "true"],
    "time_scale": ["0", "0.001", "10", "11", "-1", "auto", "AUTO"],
    "startup_timeout_seconds": ["0", "0.001", "-1", "1e9", "soon"],
    "readiness_timeout_seconds": ["0", "0.001", "-5", "5s"],
    "dwell_seconds": ["0", "0.001", "600", "1e9", "-1", "2s"],
    "startup_method": ["fork", "spawn", "auto", "FORK", "", "thread"],
    "time_to_live_seconds": ["0", "1e12", "-1", "0.0001"],
    "toxiproxy_listen_host": ["", "localhost", "no such host", "256.1.1.1", "::1", "127.0.0.1:1"],
    "database_url": [
        "postgresql://u:hidden-word@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d",
        "postgresql://[::1", "postgresql://127.0.0.1:70000/d", "mysql://u:p@127.0.0.1/d",
        "postgresql://u:%zz%00@127.0.0.1:1/%00",
    ],
    "toxiproxy_url": [
        "http://127.0.0.1:1", "http://u:p@127.0.0.1", "ftp://x", "http://127.0.0.1:0",
    ],
    "environment": ["production", "LOCAL", ""],
    "connector": ["none", "emulator", "auto", "EMULATOR", "vpc"],
    "seed": ["0", "-1", "1.5", "18446744073709551616", "x"],
    "toxiproxy_server": ["auto", "real", "embedded", "REAL"],
    "cloud_run_endpoint": ["127.0.0.1:1", "127.0.0.1", ":1", "[::1", "http://127.0.0.1:1"],
    "project": ["p", "../p", "P_", "0"],
    "region": ["europe-west1", "..", "a/b"],
    "service": ["s", "a/b", "-"],
    "job": ["j", "a/b", "-"],
    "count": ["0", "-1", "1001", "1.5", "two", "1e30"],
    "latency_ms": ["-1", "0", "1e30", "nan", "3600001"],
    "max_failure_rate": ["2", "-0.1", "nan"],
}  # fmt: skip


def hostile_setting(rng: random.Random, key: str) -> Any:
    known = ENVIRONMENT.get(key)  # a new setting may have no values of its own here yet
    return rng.choice(known) if known and rng.random() < 0.7 else hostile(rng)


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
        settings.real_dwell_seconds,
    ):
        if not math.isfinite(seconds) or seconds < 0:
            raise Failed(f"a setting became {seconds}")
