"""The steady state before the method, where the run before this one has just measured it."""

from chaosnetra.controls.command_line import run_options
from chaosnetra.controls.ending import RunRecord
from chaosnetra.evidence.journal.values import ENDED, STARTED
from chaosnetra.running.baseline import (
    WITHOUT_BASELINE,
    Baseline,
    baseline_file,
    leave_baseline,
    read_baseline,
)
from chaosnetra.running.launchers import launcher_for


def adopt(record: RunRecord) -> None:
    """Take the baseline that the last run left, where this run is to measure none of its own."""
    path, session = baseline_file(), record.session
    option, strategy = WITHOUT_BASELINE
    if path is None or session is None or run_options().get(option) != strategy:
        return
    baseline = read_baseline(path)
    if baseline is not None:
        session.exposure.recall(baseline.launches)
        record.baseline = baseline
        # Who runs it again, alone, measures one.
        record.started_with["options"].pop(option, None)


def prepare(record: RunRecord) -> None:
    """Bring what startups need, and let one prepare the database, as a baseline would have.

    Raises:
        ChaosnetraError: it cannot be had.
    """
    assert record.session is not None  # noqa: S101 - it has adopted a baseline
    if record.baseline is not None and record.baseline.launches:
        launcher_for(record.session, 1)


def leave(record: RunRecord) -> None:
    """Leave the steady state after the rollbacks to the next run, if it was met."""
    path, session, state = baseline_file(), record.session, record.recovery
    if path is None or session is None or record.run is None:
        return
    found = None
    if state is not None and state.get("steady_state_met") and record.run.interrupted_by is None:
        # Seconds of this run's clock say nothing in another one.
        probes = [
            {name: value for name, value in probe.items() if name not in (STARTED, ENDED)}
            for probe in state["probes"]
        ]
        state = {**state, "probes": probes}
        found = Baseline(record.run.id, state, tuple(session.exposure.free))
    leave_baseline(path, found)
