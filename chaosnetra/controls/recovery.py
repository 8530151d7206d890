"""Whether the steady state comes back after the rollbacks."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.types import Configuration, Experiment, Secrets

from chaosnetra.controls.ending import RunRecord
from chaosnetra.controls.interruption import pass_on
from chaosnetra.durations import Deadline
from chaosnetra.evidence.journal.dry import dry_of
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.activities import unplayed_rollbacks
from chaosnetra.quantities import duration
from chaosnetra.running.run import LOGGER

logger = logging.getLogger(LOGGER)

RECOVERY_POLL_SECONDS = 0.2


def check_recovery(
    record: RunRecord,
    experiment: Experiment,
    journal: Mapping[str, Any],
    configuration: Configuration,
    secrets: Secrets,
    options: Mapping[str, Any],
) -> None:
    """Check the steady state of an experiment that acted again, now that the faults are gone."""
    run, session = record.run, record.session
    before = journal["steady_states"]["before"] or {}
    if (
        run is None
        or not before.get("steady_state_met")
        or journal["status"] in ("interrupted", "aborted")
        or run.interrupted_by is not None
        or dry_of(experiment.get("dry")) is not None
    ):
        return
    faults = {}
    if session is not None:
        # An exception of a signal would tear an undo, which is only played again then.
        with run.polled():
            for failure in session.injector.undo_all(only_in_effect=True):
                logger.error(str(failure))
        pass_on(run)
        from chaosnetra.controls.facts import faults_of

        faults["faults"] = faults_of(session)
    unplayed = unplayed_rollbacks(normalized({**journal, "chaosnetra": faults}))
    if unplayed.in_place:
        logger.warning(f"No recovery to check: {unplayed.text}")
        return
    logger.info("Checking that the steady state has come back")
    deadline = Deadline.after(recovery_timeout_seconds(options))
    while True:
        record.recovery = run_steady_state_hypothesis(
            experiment, configuration, secrets, None, record.event_registry
        )
        if (record.recovery or {}).get("steady_state_met") or deadline.passed:
            return
        time.sleep(RECOVERY_POLL_SECONDS)


def recovery_timeout_seconds(options: Mapping[str, Any]) -> float:
    """How long the steady state may take to come back; 0: it is checked once."""
    return duration("recovery_timeout_seconds", options.get("recovery_timeout_seconds", 0))
