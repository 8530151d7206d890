"""A Toxiproxy server of our own: the real one where it can be had.

Where it cannot be had, our own program that speaks its API takes its place, and says so.
"""

import logging
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.errors import PartUnavailable
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.processes.listening import listens
from chaosnetra.processes.program import start_server
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.stand.folders import temporary_folder
from chaosnetra.stand.part import Part, stopped_on_error, wait_for_answer
from chaosnetra.stand.toxiproxy_build import program_in_time
from chaosnetra.stand.toxiproxy_program import find_program, program_version

logger = logging.getLogger("chaostoolkit")

START_SECONDS = 10.0
PORT_TRIES = 5
POLL_SECONDS = 0.005
# How the embedded server calls itself in its version, and so in a journal.
EMBEDDED = "embedded"


@dataclass(frozen=True)
class ToxiproxyServer(Part):
    """A running server of this run."""

    url: str
    version: str


def is_embedded(version: str) -> bool:
    """Whether a server that names this version is the embedded one."""
    return EMBEDDED in version


def suits(version: str, server: str) -> bool:
    """Whether a server of that version is what the setting `toxiproxy_server` asks for."""
    return server == "auto" or is_embedded(version) == (server == "embedded")


def start_toxiproxy(label: str = "", server: str = "real", seed: int = 0) -> ToxiproxyServer:
    """Serve Toxiproxy's control API on a free port of 127.0.0.1.

    Args:
        label: becomes part of the name of its folder.
        server: `real`, which is waited for while it is built; `embedded`; or `auto`, the real one
            where it is there in time.
        seed: of what the embedded one draws.

    Raises:
        PartUnavailable: there is no server and no way to build one, or it does not start.
    """
    if server == "embedded":
        return _start_embedded(seed)
    if server == "real":
        return _start_real(find_program(), label)
    try:
        return _start_real(program_in_time(), label)
    except PartUnavailable as error:
        logger.warning(f"The embedded Toxiproxy takes the real one's place: {error}")
    return _start_embedded(seed)


def _start_embedded(seed: int) -> ToxiproxyServer:
    module = "chaosnetra.toxiproxy.embedded"
    url, process = start_server("the embedded Toxiproxy", module, "--seed", str(seed))
    with stopped_on_error(process):
        return ToxiproxyServer(process, url, _version_answered(url))


def _version_answered(url: str) -> str:
    import requests

    try:
        answer = requests.get(f"{url}/version", timeout=START_SECONDS, proxies={"http": ""})
        return str(answer.json()["version"])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise PartUnavailable(f"the embedded Toxiproxy does not answer at {url}: {error}") from None


def _start_real(program: Path, label: str) -> ToxiproxyServer:
    for _ in range(PORT_TRIES):
        folder = temporary_folder(label)  # its supervisor removes it with the server
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        process = _serve(program, port, folder)
        try:
            with stopped_on_error(process):
                _wait_until_ready(url, port, process, program)
                return ToxiproxyServer(process, url, program_version(program))
        except PortTaken:
            continue
    raise PartUnavailable(
        f"{program} found {PORT_TRIES} free ports of {LOOPBACK} taken by others; "
        "set CHAOSNETRA_TOXIPROXY_URL to a running server"
    )


class PortTaken(Exception):
    """Somebody else was quicker to listen on a port that was free."""


def _serve(program: Path, port: int, folder: Path) -> SupervisedProcess:
    try:
        return SupervisedProcess(
            [str(program), "-host", LOOPBACK, "-port", str(port)],
            output=subprocess.DEVNULL,
            # Its own variables (LOG_LEVEL, PORT…) must not come from ours.
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            directory=folder,
            remove=[folder],
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _wait_until_ready(url: str, port: int, process: SupervisedProcess, program: Path) -> None:
    """Return once our server answers.

    Raises:
        PortTaken: somebody else has the port.
        PartUnavailable: it does not answer in time; on another port it would not either.
    """
    import requests

    def answers() -> bool | None:
        if not listens(process.pid, port):
            if _accepts(port):
                raise PortTaken  # the server does not end by itself when it cannot listen
            return None
        try:
            # Not /version: it answers even when the collection of proxies hangs. And no HTTP
            # proxy of the environment: this is our own machine.
            return requests.get(f"{url}/proxies", timeout=1, proxies={"http": ""}).ok or None
        except requests.RequestException:
            return None

    if not wait_for_answer(answers, lambda: process.exited, START_SECONDS, POLL_SECONDS):
        raise PartUnavailable(
            f"{program} did not serve on {LOOPBACK}:{port} within {START_SECONDS:g} s; "
            "set CHAOSNETRA_TOXIPROXY_URL to a running server"
        )


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
