"""A Toxiproxy server of our own: the real one, found or installed once with the Go toolchain.

Where it cannot be had, our own program that speaks its API takes its place, and says so.
"""

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.durations import Deadline
from chaosnetra.errors import PartUnavailable
from chaosnetra.ports import LOOPBACK, free_port
from chaosnetra.processes.listening import listens
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.stand.folders import cache_folder, temporary_folder
from chaosnetra.stand.program import start_program

logger = logging.getLogger("chaostoolkit")

MODULE = "github.com/Shopify/toxiproxy/v2"
VERSION = "2.12.0"
# What Go's checksum database holds for the module; a program built from anything else is refused.
MODULE_CHECKSUM = "h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg="
PROGRAM = "toxiproxy-server"
INSTALL_SECONDS = 300.0
START_SECONDS = 10.0
PORT_TRIES = 5

NO_SERVER = (
    "no Toxiproxy server: set CHAOSNETRA_TOXIPROXY_URL to a running one, or put "
    f"{PROGRAM} on the PATH, or install Go, with which it is built once, or set "
    "CHAOSNETRA_TOXIPROXY_SERVER to embedded"
)
# How the embedded server calls itself in its version, and so in a journal.
EMBEDDED = "embedded"


@dataclass(frozen=True)
class ToxiproxyServer:
    """A running server of this run."""

    url: str
    version: str
    program: Path
    process: SupervisedProcess

    def stop(self) -> None:
        self.process.stop()


def is_embedded(version: str) -> bool:
    """Whether a server that names this version is the embedded one."""
    return EMBEDDED in version


def suits(version: str, server: str) -> bool:
    """Whether a server of that version is what the setting `toxiproxy_server` asks for."""
    return server == "auto" or is_embedded(version) == (server == "embedded")


def start_toxiproxy(
    label: str = "", server: str = "real", seed: int = 0, *, counting: bool = False
) -> ToxiproxyServer:
    """Serve Toxiproxy's control API on a free port of 127.0.0.1.

    Args:
        label: becomes part of the name of its folder.
        server: `real`; `embedded`; or `auto`, the real one where it can be had.
        seed: of what the embedded one draws.
        counting: whether the real one counts what each proxy carries, as the embedded one does.

    Raises:
        PartUnavailable: there is no server and no way to build one, or it does not start.
    """
    if server == "embedded":
        return _start_embedded(seed)
    try:
        return _start_real(label, counting=counting)
    except PartUnavailable as error:
        if server == "real":
            raise
        logger.warning(f"The embedded Toxiproxy takes the real one's place: {error}")
    return _start_embedded(seed)


def _start_embedded(seed: int) -> ToxiproxyServer:
    program = Path(sys.executable)
    url, process = start_program(
        "the embedded Toxiproxy",
        # Without -P a module of the current directory could take the place of one of ours.
        [str(program), "-P", "-m", "chaosnetra.toxiproxy.embedded", "--seed", str(seed)],
    )
    try:
        return ToxiproxyServer(url, _version_answered(url), program, process)
    except BaseException:
        process.stop()
        raise


def _version_answered(url: str) -> str:
    import requests

    try:
        answer = requests.get(f"{url}/version", timeout=START_SECONDS, proxies={"http": ""})
        return str(answer.json()["version"])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise PartUnavailable(f"the embedded Toxiproxy does not answer at {url}: {error}") from None


def _start_real(label: str, *, counting: bool) -> ToxiproxyServer:
    program = find_program()
    flags = _counting(program) if counting else []
    for _ in range(PORT_TRIES):
        folder = temporary_folder(label)  # its supervisor removes it with the server
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        process = _serve(program, port, folder, flags)
        try:
            if _ready(url, port, process):
                return ToxiproxyServer(url, program_version(program), program, process)
            # On another port it would not answer either.
            raise PartUnavailable(
                f"{program} did not serve on {LOOPBACK}:{port} within {START_SECONDS:g} s; "
                "set CHAOSNETRA_TOXIPROXY_URL to a running server"
            )
        except PortTaken:
            process.stop()
        except BaseException:
            process.stop()
            raise
    raise PartUnavailable(
        f"{program} found {PORT_TRIES} free ports of {LOOPBACK} taken by others; "
        "set CHAOSNETRA_TOXIPROXY_URL to a running server"
    )


class PortTaken(Exception):
    """Somebody else was quicker to listen on a port that was free."""


def _serve(program: Path, port: int, folder: Path, flags: list[str]) -> SupervisedProcess:
    try:
        return SupervisedProcess(
            [str(program), "-host", LOOPBACK, "-port", str(port), *flags],
            output=subprocess.DEVNULL,
            # Its own variables (LOG_LEVEL, PORT…) must not come from ours.
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            directory=folder,
            remove=[folder],
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _counting(program: Path) -> list[str]:
    """The flag by which the server counts what each proxy carries; servers before 2.5 have none."""
    flag = "-proxy-metrics"
    if program != installed_program() and flag not in _said(program, "-h"):
        return []
    return [flag]


def _said(program: Path, flag: str) -> str:
    """What the program prints for a flag; empty when it does not run."""
    try:
        answer = subprocess.run(
            [str(program), flag], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout + answer.stderr


def find_program() -> Path:
    """The server program: on the PATH, installed earlier, or installed now.

    Raises:
        PartUnavailable: none of these; the message says the three ways to get it.
    """
    found = shutil.which(PROGRAM)
    if found:
        return Path(found)
    installed = installed_program()
    if installed.exists():
        return installed
    go = shutil.which("go")
    if go is None:
        raise PartUnavailable(NO_SERVER)
    return _install(Path(go), installed)


def installed_program() -> Path:
    """Where the program is that an earlier run installed, its checksum compared then."""
    return cache_folder() / f"{PROGRAM}-{VERSION}"


def program_version(program: Path) -> str:
    """The server's version, and where it is from.

    A server built with `go install` calls itself `git`; the module version that is written in
    the program is the true one.
    """
    module = _module_line(program)
    if module is None and program == installed_program():
        module = (f"v{VERSION}", MODULE_CHECKSUM)  # no Go here to read it with
    if module:
        return f"{module[0]} ({MODULE})"
    try:
        answer = subprocess.run(
            [str(program), "-version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


def _install(go: Path, installed: Path) -> Path:
    try:
        return _installed_once(go, installed)
    except OSError as error:  # a lock's timeout is one
        raise PartUnavailable(
            f"Toxiproxy cannot be built with {go} under {installed.parent}: {error}; {NO_SERVER}"
        ) from None


def _installed_once(go: Path, installed: Path) -> Path:
    from filelock import FileLock

    installed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{installed}.lock", timeout=INSTALL_SECONDS):
        if installed.exists():  # another run was quicker
            return installed
        logger.info(f"Installing Toxiproxy {VERSION} with Go, once, under {installed.parent}")
        folder = installed.with_name(f"{installed.name}.unfinished")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            built = subprocess.run(
                [str(go), "install", f"{MODULE}/cmd/server@v{VERSION}"],
                env={**os.environ, "GOBIN": str(folder)},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
            program = folder / "server"
            if built.returncode != 0 or not program.exists():
                lines = built.stderr.strip().splitlines() or ["no message"]
                raise PartUnavailable(
                    f"building Toxiproxy with {go} failed: {lines[-1]}; {NO_SERVER}"
                )
            module = _module_line(program)
            if module != (f"v{VERSION}", MODULE_CHECKSUM):
                raise PartUnavailable(
                    f"the Toxiproxy that {go} built is {module}, not v{VERSION} with checksum "
                    f"{MODULE_CHECKSUM}; it is not used. {NO_SERVER}"
                )
            program.rename(installed)
        except subprocess.TimeoutExpired:
            raise PartUnavailable(
                f"building Toxiproxy took over {INSTALL_SECONDS:g} s; {NO_SERVER}"
            ) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return installed


def _module_line(program: Path) -> tuple[str, str] | None:
    """Module version and checksum that Go wrote into the program; None without Go or them."""
    go = shutil.which("go")
    if go is None:
        return None
    try:
        answer = subprocess.run(
            [go, "version", "-m", str(program)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(
        rf"^\s*mod\s+{re.escape(MODULE)}\s+(\S+)\s+(\S+)", answer.stdout, re.MULTILINE
    )
    return (match[1], match[2]) if match else None


def _ready(url: str, port: int, process: SupervisedProcess) -> bool:
    """Whether our server answers in time.

    Raises:
        PortTaken: somebody else has the port.
    """
    import requests

    deadline = Deadline.after(START_SECONDS)
    while not deadline.passed and not process.exited:
        if not listens(process.pid, port):
            if _accepts(port):
                raise PortTaken  # the server does not end by itself when it cannot listen
            time.sleep(0.005)
            continue
        try:
            # Not /version: it answers even when the collection of proxies hangs. And no HTTP
            # proxy of the environment: this is our own machine.
            if requests.get(f"{url}/proxies", timeout=1, proxies={"http": ""}).ok:
                return True
        except requests.RequestException:
            time.sleep(0.005)
    return False


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
