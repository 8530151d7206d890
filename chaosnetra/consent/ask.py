"""Consent in staging: the plan is made anew when a run begins, and must be the one consented to."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.cloudrun.waiting import waiting_until
from chaosnetra.consent.demands import PlannedActivity
from chaosnetra.consent.inspect import database_of, inspect_experiment
from chaosnetra.consent.plan import ExperimentPlan
from chaosnetra.errors import NotAllowed
from chaosnetra.running.session import Session
from chaosnetra.settings import setting_hint

ANY_PLAN = "yes"


def require_consent(
    session: Session, experiment: Mapping[str, Any], steps: Sequence[PlannedActivity]
) -> None:
    """Inspect before anything is touched, hold it against the consent, take the lease.

    Args:
        session: of a run in staging.
        experiment: as it was loaded.
        steps: its activities of ours, variables replaced.

    Raises:
        NotAllowed: the guard refuses it, there is no consent, or it was given to another plan.
        ChaosnetraError: something cannot be inspected.
    """
    with waiting_until(lambda: "it is known what the experiment would change"):
        plan = inspect_experiment(session, experiment, steps)
    session.staging.propose(plan)
    _require(plan, session.settings.consent)
    session.staging.consent(database_of(session))


def _require(plan: ExperimentPlan, consent: str) -> None:
    if plan.refusals:
        raise NotAllowed("; ".join(plan.refusals))
    if not consent:
        raise NotAllowed(
            "in staging nothing is touched without consent: read `chaosnetra plan EXPERIMENT` and "
            f"set {setting_hint('consent')} to the hash that it prints"
        )
    if consent not in (ANY_PLAN, plan.hash):
        raise NotAllowed(
            f"the consent {consent[:40]} is for another plan than this one, {plan.hash}: the "
            "experiment, its values, the allow-list or the service itself has changed since; read "
            "`chaosnetra plan EXPERIMENT` again"
        )
