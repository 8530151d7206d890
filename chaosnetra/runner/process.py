"""One experiment in a `chaos run` process of its own, ended cleanly whatever happens to us."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from chaosnetra.processes.signals import ENDING, held_back
from chaosnetra.runner.child import ChildRun
from chaosnetra.runner.ending import end_and_undo
from chaosnetra.runner.files import Experiment, RunFiles
from chaosnetra.runner.outcome import RunOutcome, judge_run, shown_line

LIMIT_SECONDS = 3600.0
# What an interrupted run may take to undo everything, check it, and write its journal.
UNDO_SECONDS = 60.0
LAST_OUTPUT_SECONDS = 5.0


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    limit_seconds: float = LIMIT_SECONDS,
    variables: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    given_by: str = "--var",
    told: Callable[[str], None] = lambda line: None,
) -> RunOutcome:
    """Run an experiment as its user would, and wait for its end.

    Args:
        experiment: what to run, in this process's directory and with its environment.
        folder: for its journal, events and output; made if need be.
        limit_seconds: a run that takes longer is interrupted, and proves nothing.
        variables: of its configuration, in place of those in its file.
        environment: what it has besides this process's.
        options: of `chaos run`, beside those for its journal.
        given_by: the option that the variables come from.
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
        run = ChildRun(
            experiment.path,
            files,
            subprocess.PIPE,
            variables=variables,
            environment=environment,
            options=options,
            given_by=given_by,
        )
        assert run.process.stdout is not None  # noqa: S101 - it is a pipe
        pipe = (run.process.stdout, output, told)
        copier = threading.Thread(target=_copy, args=pipe, daemon=True)
        copier.start()
        try:
            run.let_begin(watched=True)
            if not run.identity.has_ended(limit_seconds):
                given_up = f"it took more than {limit_seconds:g} s"
        finally:
            _end(run)
            run.close()
            # Only a process that the run left behind could keep it open.
            copier.join(LAST_OUTPUT_SECONDS)
    returncode, seconds = run.process.returncode, time.monotonic() - started
    return judge_run(experiment, files, returncode, seconds, given_up)


def _copy(stream: IO[bytes], output: IO[bytes], told: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            with suppress(OSError, ValueError):  # a full disk; or closed, after the run has ended
                output.write(line)
                output.flush()
            with suppress(OSError, ValueError):  # nobody reads any more
                told(shown_line(line.decode(errors="replace")))


def _end(run: ChildRun) -> None:
    """Interrupt a run and wait until it has undone everything; who insists has to wait too."""
    # An exception of a signal may leave the lock of a Popen that waits held for good.
    with held_back(lambda: None, ENDING):
        if run.identity.is_alive():
            run.identity.ask_to_end(signal.SIGINT)
            end_and_undo(run.identity, UNDO_SECONDS, asked=True)
        run.process.wait()
