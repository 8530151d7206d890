"""Consent in staging: the plan is made anew when a run begins, and must be the one consented to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosnetra.consent.demands import Step
from chaosnetra.consent.look import database_of, look
from chaosnetra.consent.plan import ExperimentPlan
from chaosnetra.errors import NotAllowed, Unreadable
from chaosnetra.session import Session
from chaosnetra.settings import setting_hint

ANY_PLAN = "yes"


def steps_of(
    experiment: Mapping[str, Any],
    configuration: Mapping[str, Any],
    secrets: Mapping[str, Any] | None = None,
) -> list[Step]:
    """The activities of ours in an experiment's steady state and method, variables replaced."""
    from chaoslib import substitute

    hypothesis = experiment.get("steady-state-hypothesis") or {}
    activities = [
        *((activity, False) for activity in hypothesis.get("probes") or ()),
        *((activity, True) for activity in experiment.get("method") or ()),
    ]
    found = []
    for activity, in_method in activities:
        provider = activity.get("provider") or {} if isinstance(activity, dict) else {}
        module = str(provider.get("module", ""))
        if provider.get("type") != "python" or not module.startswith("chaosnetra."):
            continue
        arguments = {
            name: substitute(value, configuration, secrets) if isinstance(value, str) else value
            for name, value in (provider.get("arguments") or {}).items()
        }
        found.append(
            Step(
                str(activity.get("name")),
                module,
                str(provider.get("func")),
                arguments,
                in_method,
            )
        )
    return found


def load(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """An experiment and its configuration, as `chaos run` would load them.

    Raises:
        Unreadable: it is no experiment, or a variable of its configuration is missing.
    """
    from chaoslib.configuration import load_configuration
    from chaoslib.exceptions import ChaosException

    from chaosnetra.lint.document import read_document

    experiment = read_document(path).data
    if not isinstance(experiment, dict):
        raise Unreadable(f"{path} is no experiment: it is not an object")
    try:
        return experiment, load_configuration(experiment.get("configuration") or {})
    except ChaosException as error:
        raise Unreadable(f"{path}: {error}") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise Unreadable(f"{path}: its configuration cannot be read: {error}") from None


def ask_for_consent(
    session: Session,
    experiment: Mapping[str, Any],
    configuration: Mapping[str, Any],
    secrets: Mapping[str, Any] | None = None,
) -> None:
    """In staging, look before anything is touched, hold it against the consent, take the lease.

    Raises:
        NotAllowed: the guard refuses it, there is no consent, or it was given to another plan.
        ChaosnetraError: something cannot be looked at.
    """
    settings = session.settings
    if not settings.is_staging:
        return
    plan = look(session, experiment, steps_of(experiment, configuration, secrets))
    session.plan = plan
    session.events.record("plan.made", plan.to_json())
    _require(plan, settings.consent)
    session.consented = plan
    address = database_of(session)
    if address is not None:
        session.take_lease(address)


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
