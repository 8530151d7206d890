# ruff: noqa: T201
"""Proves that a search finds where services of other people break, against what they really bear.

    python -m tests.long.breaking_points [--only node shell …] [--folder DIR]

A FastAPI, a Django, a Node and a shell service, each with a limit of its own, are first started
one after the other under latencies of a Toxiproxy server, without anything of a run, until it is
known within 1 % where they break. Then `chaosnetra search` has to find that by configuration
alone, in at most six trials, with an interval that holds it. Packages are fetched by pip and npm;
a service whose tool is not there is left out. It takes some five minutes for each. Exit code 1
where a search misses.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.record import FILE, read_search
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic
from tests.support.repository import ROOT

SERVICES = Path(__file__).parent / "services"
PROXY = "database"
READY_SECONDS = 60
SEARCH_SECONDS = 1800
WITHIN = 0.01
MOST_TRIALS = 6
HEALTH = "http://127.0.0.1:{port}/healthz"
PARTS = {
    "DB_HOST": "{host}",
    "DB_PORT": "{port}",
    "DB_USER": "{user}",
    "DB_PASSWORD": "{password}",
    "DB_NAME": "{database}",
}


@dataclass(frozen=True)
class Service:
    """A service: its folder, the tool that it takes, packages, command, and the span to search."""

    tool: str
    packages: tuple[str, ...]
    command: str
    upper_ms: int
    readiness: str = HEALTH
    variables: Mapping[str, str] | None = None
    prepares: str | None = None


FOUND = {
    "fastapi": Service(
        sys.executable,
        ("fastapi", "uvicorn", "asyncpg"),
        "bin/uvicorn service:app --port {port}",
        1000,
    ),
    "django": Service(
        sys.executable,
        ("django", "gunicorn", "psycopg[binary]"),
        "bin/gunicorn --bind 127.0.0.1:{port} --timeout 120 service:application",
        1000,
        variables=PARTS,
        prepares="bin/python service.py migrate",
    ),
    "node": Service("npm", ("pg",), "node service.js", 2000),
    "shell": Service("psql", (), "sh service.sh", 1000, readiness="exit"),
}


def built(name: str, service: Service, folder: Path) -> Path:
    """The service with its packages, in a folder of its own."""
    place = folder / name
    shutil.copytree(SERVICES / name, place, dirs_exist_ok=True)
    if service.tool == sys.executable and not (place / "bin").exists():
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "pip"), "install", "--quiet", *service.packages]
        subprocess.run(pip, check=True)
    elif service.tool == "npm":
        npm = ["npm", "install", "--silent", "--prefix", str(place), *service.packages]
        subprocess.run(npm, check=True)
    return place


class Directly:
    """Starts a service behind a latency, without anything of a run."""

    def __init__(
        self, place: Path, service: Service, proxy: ToxiproxyClient, database: DatabaseAddress
    ) -> None:
        self._place, self._service, self._proxy = place, service, proxy
        given = {"DATABASE_URL": "{url}", **(service.variables or {})}
        told = {
            "url": database.url,
            "host": database.host,
            "port": database.port,
            "user": database.user,
            "password": database.password,
            "database": database.database,
        }
        self._environment = {key: value.format(**told) for key, value in given.items()}
        if service.prepares:
            subprocess.run(
                shlex.split(service.prepares),
                cwd=place,
                env={**os.environ, **self._environment},
                check=True,
            )

    def breaks_at(self) -> tuple[float, float]:
        """Two latencies in milliseconds, as near as 1 %: it bears the first and not the second."""
        low, high = 0.0, float(self._service.upper_ms)
        if not self.is_ready(0):
            raise SystemExit(f"{self._place.name} is not ready without latency")
        while high - low > max(2.0, WITHIN * high):
            middle = round((low + high) / 2)
            low, high = (middle, high) if self.is_ready(middle) else (low, middle)
        return low, high

    def is_ready(self, latency_ms: int) -> bool:
        attributes = {"latency": latency_ms, "jitter": 0}
        toxic = Toxic("latency", "latency", "downstream", 1.0, attributes)
        self._proxy.add_toxic(PROXY, toxic)
        try:
            return self._starts()
        finally:
            self._proxy.delete_toxic(PROXY, toxic.name)

    def _starts(self) -> bool:
        port = free_port()
        command = shlex.split(self._service.command.format(port=port))
        process = subprocess.Popen(
            command,
            cwd=self._place,
            env={**os.environ, **self._environment, "PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + READY_SECONDS
        try:
            while time.monotonic() < until:
                if process.poll() is not None:
                    return self._service.readiness == "exit" and process.returncode == 0
                if self._service.readiness != "exit" and _answers(port):
                    return True
                time.sleep(0.05)
            return False
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(port: int) -> bool:
    try:
        return requests.get(HEALTH.format(port=port), timeout=5).status_code == 200
    except requests.RequestException:
        return False


def searched(place: Path, service: Service, folder: Path) -> tuple[str, int, float, float]:
    """What a search says, its trials, and its interval; by configuration alone."""
    out = folder / f"{place.name}-search"
    command = service.command
    if service.prepares:
        command = f"sh -c {shlex.quote(f'{service.prepares} && exec {command}')}"
    given = {
        "TARGET": command,
        "TARGET_DIRECTORY": str(place),
        "READINESS": service.readiness,
        "COUNT": "3",
        "DWELL_SECONDS": "0.3",
        "STARTUP_TIMEOUT_SECONDS": str(READY_SECONDS),
        "TARGET_ENVIRONMENT": json.dumps(service.variables or {"DATABASE_URL": "{url}"}),
    }
    experiment = ROOT / "experiments" / "vpc_latency.json"
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("chaosnetra")), "search", str(experiment)),
            *("--vary", "latency_ms", "--from", "20", "--to", str(service.upper_ms)),
            *("--output-folder", str(out)),
        ],
        env={**os.environ, **{f"CHAOSNETRA_{key}": value for key, value in given.items()}},
        capture_output=True,
        text=True,
        timeout=SEARCH_SECONDS,
        check=False,
    )
    if not (out / FILE).exists():
        raise SystemExit(f"{place.name}: {done.stderr[-500:]}")
    search = read_search(out / FILE)
    point = conclude(search).point
    low = point.low if point is not None and point.low is not None else float("nan")
    high = point.high if point is not None and point.high is not None else float("nan")
    return done.stdout, len(search.trials), low, high


def proven(name: str, service: Service, folder: Path) -> bool:
    """Whether a search finds where a service breaks."""
    place = built(name, service, folder)
    postgres, toxiproxy = start_postgres("breaking"), start_toxiproxy()
    try:
        proxy, port = ToxiproxyClient(toxiproxy.url), free_port()
        database = postgres.database
        proxy.create_proxy(PROXY, f"{LOOPBACK}:{port}", f"{database.host}:{database.port}")
        bears, breaks = Directly(place, service, proxy, database.at(LOOPBACK, port)).breaks_at()
    finally:
        toxiproxy.stop()
        postgres.stop()
    print(f"{name}: bears {bears:.0f} ms and not {breaks:.0f} ms", flush=True)
    began = time.monotonic()
    said, trials, low, high = searched(place, service, folder)
    print(said, flush=True)
    is_right = trials <= MOST_TRIALS and low <= breaks and bears <= high
    took = time.monotonic() - began
    word = "as it should" if is_right else "WRONG"
    print(
        f"{name}: {low:.0f} to {high:.0f} in {trials} trials and {took:.0f} s: {word}", flush=True
    )
    return is_right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FOUND, default=list(FOUND))
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        there = [name for name in given.only if shutil.which(FOUND[name].tool)]
        wrong = [name for name in there if not proven(name, FOUND[name], folder)]
    if wrong or not there:
        raise SystemExit(f"wrong: {', '.join(wrong) or 'no tool is there'}")


if __name__ == "__main__":
    main()
