"""One experiment in a `chaos run` process of its own, ended cleanly whatever happens to us."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from chaosnetra.processes.signals import handled
from chaosnetra.runner.files import Experiment
from chaosnetra.runner.outcome import RunFiles, RunOutcome, judge_run, shown_line

LIMIT_SECONDS = 3600.0
# What an interrupted run may take to undo everything, check it, and write its journal.
UNDO_SECONDS = 60.0
LAST_OUTPUT_SECONDS = 5.0


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    limit_seconds: float = LIMIT_SECONDS,
    told: Callable[[str], None] = lambda line: None,
) -> RunOutcome:
    """Run an experiment as its user would, and wait for its end.

    Args:
        experiment: what to run, in this process's directory and with its environment.
        folder: for its journal, events and output; made if need be.
        limit_seconds: a run that takes longer is interrupted, and proves nothing.
        told: called with each line that it says, in another thread.

    Raises:
        OSError: the folder cannot be written.
        BaseException: whatever interrupts the wait, as a KeyboardInterrupt, once the run has
            ended and undone everything.
    """
    files = RunFiles(folder.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    files.remove()
    started = time.monotonic()
    given_up = None
    with files.output.open("wb") as output:
        ours, lifeline = _started(experiment, files)
        assert ours.stdout is not None  # noqa: S101 - it is a pipe
        copier = threading.Thread(target=_copy, args=(ours.stdout, output, told), daemon=True)
        copier.start()
        try:
            ours.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            given_up = f"it took more than {limit_seconds:g} s"
        finally:
            _end(ours)
            os.close(lifeline)
            # Only a process that the run left behind could keep it open.
            copier.join(LAST_OUTPUT_SECONDS)
    return judge_run(experiment, files, ours.returncode, time.monotonic() - started, given_up)


def _started(experiment: Experiment, files: RunFiles) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and the end of its lifeline that must stay open."""
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",  # as the `chaos` command, which does not import from the directory
                "-m",
                "chaosnetra.runner.lifeline",
                str(reading),
                "--no-version-check",
                "--log-file",
                str(files.log),
                "run",
                "--journal-path",
                str(files.journal),
                str(experiment.path),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(reading,),
            start_new_session=True,  # Ctrl-C is ours, and passed on once
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return process, writing


def _copy(stream: IO[bytes], output: IO[bytes], told: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            with suppress(OSError, ValueError):  # a full disk; or closed, after the run has ended
                output.write(line)
                output.flush()
            with suppress(OSError, ValueError):  # nobody reads any more
                told(shown_line(line.decode(errors="replace")))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt a run and wait until it has undone everything; who insists has to wait too."""
    if process.poll() is not None:
        return
    with handled(lambda number, frame: None, ("SIGINT",)):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(UNDO_SECONDS)
        if process.poll() is None:
            process.kill()  # its watchdog takes back what it injected
            process.wait()
