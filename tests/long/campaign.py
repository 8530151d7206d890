# ruff: noqa: T201
"""Disturbs runs and their servers everywhere and at random times, and looks at what is left.

    python -m tests.long.campaign --kills 200 [--seed N] [--experiments DIR]

Each run is a `chaos run` with a folder, a state folder and a temporary folder of its own. Most
use a PostgreSQL and a Toxiproxy of the campaign's that outlive them, some the run's own stand.
Besides `--kills` times kill -9, a quarter as many runs get another signal, and half as many see
a server wedged, killed, frozen or restarted, or a fault taken away. A verdict must then be true
all the same: neither held nor violated where what was done makes the trials worthless.
The same seed makes the same plan. Exit code 1 when anything was left, damaged or untrue.
"""

import argparse
import json
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.long.crash.bed import Bed, own_beds
from tests.long.crash.disturbances import (
    OWN_LOST,
    PART_LOST,
    PATH_LOST,
    TAKES_FAULT,
    Disturbance,
    Done,
    Kind,
    disturb,
)
from tests.long.crash.plan import Counts, Rehearsal, plan
from tests.long.crash.report import Outcome, Report
from tests.long.crash.run import RUN_SECONDS, Run, run_folder, until_clean
from tests.long.crash.servers import VARIANTS, Servers, postgres_left, toxiproxy_left
from tests.long.crash.verdicts import checks, contradictions
from tests.support.repository import EXPERIMENTS

__all__ = [
    "Campaign", "Counts", "Report", "Run", "Servers", "own_beds", "postgres_left", "run_folder",
    "toxiproxy_left", "until_clean",
]  # fmt: skip

SETTINGS = {"CHAOSNETRA_LATENCY_MS": "200"}
CLEAN_SECONDS = 30.0
# Some undos wait for a server that hangs; a watchdog tries for as long.
WATCHDOG_SECONDS = 60.0
SIGNAL_SECONDS = 30.0
TRACEBACK = "Traceback (most recent call last):"

Task = TypeVar("Task")
Result = TypeVar("Result")


class Campaign:
    """Runs, disturbed, on servers of its own.

    Args:
        beds: servers; so many runs are in progress at a time.
        folder: where the runs' folders go.
        say: takes each line of progress.
        settings: environment variables of every run.
    """

    def __init__(
        self,
        beds: list[Bed],
        folder: Path,
        say: Callable[[str], None],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._beds = beds
        self._folder = folder
        self._say = say
        self._settings = {**SETTINGS, **(settings or {})}
        self._lock = threading.Lock()
        self._numbers = 0

    def run(
        self, experiments: list[Path], counts: Counts, seed: int, variants: Iterable[str] = VARIANTS
    ) -> Report:
        """Rehearse each experiment with each variant, then play the plan."""
        cases = [(experiment, variant) for experiment in experiments for variant in variants]
        with signals_heard():
            made = self._in_lanes(lambda bed, case: self._rehearse(bed, *case), cases)
            rehearsals = dict(zip(cases, made, strict=True))
            planned = plan(rehearsals, counts, seed)
            self._say(f"{len(planned)} runs to disturb")

            def play(bed: Bed, disturbance: Disturbance) -> Outcome:
                case = disturbance.experiment, disturbance.variant
                outcome = self._play(bed, disturbance, rehearsals[case])
                self._tell(outcome.line)
                return outcome

            return Report(list(rehearsals.values()), self._in_lanes(play, planned))

    def _in_lanes(self, work: Callable[[Bed, Task], Result], tasks: list[Task]) -> list[Result]:
        """Do each task on a bed that is free."""
        free: queue.Queue[Bed] = queue.Queue()
        for bed in self._beds:
            free.put(bed)

        def on_a_bed(task: Task) -> Result:
            bed = free.get()
            try:
                return work(bed, task)
            finally:
                free.put(bed)

        with ThreadPoolExecutor(len(self._beds)) as pool:
            futures = [pool.submit(on_a_bed, task) for task in tasks]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _tell(self, line: str) -> None:
        with self._lock:
            self._say(line)

    def _rehearse(self, bed: Bed, experiment: Path, variant: str) -> Rehearsal:
        with self._started(bed, experiment, variant) as run:
            run.process.wait(RUN_SECONDS)
            seconds = time.monotonic() - run.started
            found, _ = until_clean(lambda: self._left(run, bed), CLEAN_SECONDS)
            if found or run.unreadable():
                raise RuntimeError(f"a run that nobody disturbed left {found} {run.unreadable()}")
            boundaries = run.boundaries()
            if not boundaries:
                raise RuntimeError(f"{experiment} told no events: {run.output.read_text()}")
            toxics = run.toxic_boundaries()
            made = [check.startups for check in checks(run.events())]
            of_sessions = ("connections ", "locks ", "pressure ")
            in_effect = {
                kind: run.in_effect_boundaries(
                    *(of_sessions if kind is Kind.SESSIONS_ENDED else ("toxic ",))
                )
                for kind in TAKES_FAULT
            }
        self._tell(f"{experiment.stem}, {variant}: {len(boundaries)} boundaries, {seconds:.1f} s")
        return Rehearsal(boundaries, toxics, in_effect, seconds, made)

    def _play(self, bed: Bed, disturbance: Disturbance, rehearsal: Rehearsal) -> Outcome:
        with (
            self._started(bed, disturbance.experiment, disturbance.variant) as run,
            ExitStack() as stack,
        ):
            place = self._reach(run, disturbance, rehearsal)
            done = disturb(disturbance, run, bed, stack)
            outcome = Outcome(disturbance, place, done.done)
            self._end(run, outcome)
            bed.bring_back()
            self._look(run, bed, outcome)
            outcome.felt = "wedged" in json.dumps(run.events())
            outcome.unreadable = run.unreadable()
            for name, path in (("journal", run.journal_path), ("events", run.events_path)):
                if path.exists():
                    damaged = any(str(path) in text for text in outcome.unreadable)
                    outcome.files[name] = not damaged
            self._judge(run, rehearsal, outcome, done)
            outcome.output = run.output.read_text(errors="replace")
            stack.close()
            if outcome.left:
                bed.servers.sweep()
            if bed.neighbour_changed():
                outcome.wrong.append("somebody else's proxy was changed")
        return outcome

    def _reach(self, run: Run, disturbance: Disturbance, rehearsal: Rehearsal) -> str:
        """Wait for the moment; says which it is."""
        wanted = disturbance.boundary
        if wanted is None:
            moment = run.started + disturbance.fraction * rehearsal.seconds
            run.wait_for(lambda: time.monotonic() >= moment)
            return "random time"
        run.wait_for(lambda: len(run.boundaries()) > wanted)
        time.sleep(disturbance.delay_seconds)
        return rehearsal.boundaries[wanted]

    def _end(self, run: Run, outcome: Outcome) -> None:
        """Wait for the run's end."""
        seconds = SIGNAL_SECONDS if outcome.disturbance.kind.is_signal else RUN_SECONDS
        try:
            outcome.returncode = run.process.wait(seconds)
        except subprocess.TimeoutExpired:
            outcome.wrong.append(f"the run did not end within {seconds:g} s")
            run.process.kill()
            run.process.wait()
        outcome.run_seconds = time.monotonic() - run.started

    def _look(self, run: Run, bed: Bed, outcome: Outcome) -> None:
        """What is left once the watchdog had its time, and then once `recover` was called."""
        started = time.monotonic()

        def at_work() -> list[str]:
            """What is left, as long as somebody may still take it away."""
            late = time.monotonic() - started > CLEAN_SECONDS
            return [] if late and not run.processes() else self._left(run, bed)

        _, outcome.clean_seconds = until_clean(at_work, WATCHDOG_SECONDS)
        found = self._left(run, bed)
        if found:
            said = run.recover_by_hand(CHAOSNETRA_DATABASE_URL=bed.servers.database.url)
            outcome.left, _ = until_clean(lambda: self._left(run, bed), CLEAN_SECONDS)
            outcome.by_hand = [
                f"{what}; recover said: {said.strip()}"
                for what in found
                if what not in outcome.left
            ]

    def _left(self, run: Run, bed: Bed) -> list[str]:
        found = run.left()
        if any(what.startswith("ledger ") for what in found):
            # Its undos are still to come, and a server that is wedged would only keep us waiting.
            return found
        try:
            return found + bed.servers.left()
        except Exception as error:  # noqa: BLE001 - a server that cannot be asked is not clean
            return [*found, f"the servers do not answer: {error!r}"]

    def _judge(self, run: Run, rehearsal: Rehearsal, outcome: Outcome, done: Done) -> None:
        """Is there a journal where there must be one, and is its verdict true?"""
        kind = outcome.disturbance.kind
        if outcome.files.get("journal"):
            section = json.loads(run.journal_path.read_bytes()).get("chaosnetra") or {}
            outcome.verdict = str(section.get("verdict", "no verdict"))
            outcome.wrong += contradictions(
                section,
                run.events(),
                outcome.returncode,
                rehearsal.checks,
                path_lost_at=done.at if done.done and kind in PATH_LOST else None,
                own_lost_at=done.at if done.done and kind in OWN_LOST else None,
                part_lost=(PART_LOST[kind], done.at) if done.done and kind in PART_LOST else None,
                fault_taken_at=done.at if done.done and kind in TAKES_FAULT else None,
            )
        if kind is Kind.KILL:
            return
        begun = any(event["event"] == "run.started" for event in run.events())
        if kind.is_signal and not begun:
            return  # it came before anybody listened
        if outcome.returncode != -signal.SIGKILL and outcome.verdict == "no verdict":
            what = "a verdict" if outcome.files.get("journal") else "a journal"
            outcome.wrong.append(f"the run ended without {what}")
        if TRACEBACK in run.output.read_text(errors="replace"):
            outcome.wrong.append("a traceback")

    @contextmanager
    def _started(self, bed: Bed, experiment: Path, variant: str) -> Iterator[Run]:
        with self._lock:
            self._numbers += 1
            folder = self._folder / f"run{self._numbers}"
        run = Run(folder, experiment, self._settings | bed.servers.environment(variant))
        try:
            yield run
        finally:
            run.end()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def signals_heard() -> Iterator[None]:
    """A process that is started in the background ignores signals, and so would its runs."""
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kill -9")
    parser.add_argument("--signals", type=int, help="other signals; a quarter of --kills")
    parser.add_argument("--servers", type=int, help="runs with a server disturbed; half of --kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=2, help="runs at a time")
    parser.add_argument("--experiments", type=Path, default=EXPERIMENTS)
    given = parser.parse_args()
    experiments = sorted(given.experiments.glob("*.json"))
    if not experiments:
        parser.error(f"no experiments in {given.experiments}")
    counts = Counts(
        given.kills,
        given.kills // 4 if given.signals is None else given.signals,
        given.kills // 2 if given.servers is None else given.servers,
    )
    # Runs in progress are looked at, and the servers removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    started = time.monotonic()
    with own_beds(given.lanes) as beds, run_folder() as folder:
        campaign = Campaign(beds, folder, lambda line: print(line, flush=True))
        report = campaign.run(experiments, counts, given.seed)
    print(f"seed {given.seed}, {time.monotonic() - started:.0f} s")
    print(report.text)
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
