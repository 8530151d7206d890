"""The program of the real Toxiproxy: found, or built once with the Go toolchain."""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chaosnetra.errors import PartUnavailable
from chaosnetra.stand.folders import cache_folder

logger = logging.getLogger("chaostoolkit")

MODULE = "github.com/Shopify/toxiproxy/v2"
VERSION = "2.12.0"
# What Go's checksum database holds for the module; a program built from anything else is refused.
MODULE_CHECKSUM = "h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg="
PROGRAM = "toxiproxy-server"
INSTALL_SECONDS = 300.0

NO_SERVER = (
    "no Toxiproxy server: set CHAOSNETRA_TOXIPROXY_URL to a running one, or put "
    f"{PROGRAM} on the PATH, or install Go, with which it is built once, or set "
    "CHAOSNETRA_TOXIPROXY_SERVER to embedded"
)


def find_program() -> Path:
    """The server program: on the PATH, installed earlier, or installed now.

    Raises:
        PartUnavailable: none of these; the message says the three ways to get it.
    """
    program = ready_program()
    if program is not None:
        return program
    go = shutil.which("go")
    if go is None:
        raise PartUnavailable(NO_SERVER)
    installed = installed_program()
    try:
        return _install(Path(go), installed)
    except OSError as error:  # a lock's timeout is one
        raise PartUnavailable(
            f"Toxiproxy cannot be built with {go} under {installed.parent}: {error}; {NO_SERVER}"
        ) from None


def ready_program() -> Path | None:
    """The server program that needs no build: on the PATH, or installed earlier."""
    found = shutil.which(PROGRAM)
    if found:
        return Path(found)
    installed = installed_program()
    return installed if installed.exists() else None


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
    return (_printed([str(program), "-version"]) or "").strip() or "unknown"


def _install(go: Path, installed: Path) -> Path:
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
    text = _printed([go, "version", "-m", str(program)], 30) if go is not None else None
    match = re.search(rf"^\s*mod\s+{re.escape(MODULE)}\s+(\S+)\s+(\S+)", text or "", re.MULTILINE)
    return (match[1], match[2]) if match else None


def _printed(
    command: Sequence[str], seconds: float = 10, *, with_errors: bool = False
) -> str | None:
    """What a program prints; None when it does not run, or not to its end in time."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout + answer.stderr if with_errors else answer.stdout
