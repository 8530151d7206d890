"""Consent of a run in staging, and the activities that it is asked for, as they will be called."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from chaosnetra.cloudrun.waiting import waiting_until
from chaosnetra.consent.demands import PlannedActivity
from chaosnetra.consent.inspect import database_of, inspect_experiment
from chaosnetra.consent.search_plan import SearchConsent, frame_of
from chaosnetra.errors import InvalidInput, NotAllowed, Unreadable
from chaosnetra.repository import folder_of
from chaosnetra.running.run import SEARCH_CONSENT_FILE, current_run
from chaosnetra.running.session import Session
from chaosnetra.settings import SETTINGS, Settings, setting_hint
from chaosnetra.settings.sources import find_sources

logger = logging.getLogger("chaostoolkit")

ANY_PLAN = "yes"

# Its actions name another action for each environment.
BY_ENVIRONMENT = "chaosnetra.pressure.actions"


def steps_of(
    experiment: Mapping[str, Any],
    configuration: Mapping[str, Any],
    secrets: Mapping[str, Any] | None = None,
    environment: str = "staging",
) -> list[PlannedActivity]:
    """The activities of ours in an experiment's steady state and method, variables replaced.

    Args:
        experiment: as it was loaded.
        configuration: as it was loaded.
        secrets: likewise.
        environment: which action is meant where an activity names one for each environment.
    """

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [replaced(inner) for inner in value]
        return substitute(value, configuration, secrets) if isinstance(value, str) else value

    from chaoslib import substitute

    hypothesis = experiment.get("steady-state-hypothesis") or {}
    activities = [
        *((activity, False) for activity in hypothesis.get("probes") or ()),
        *((activity, True) for activity in experiment.get("method") or ()),
    ]
    found = []
    for activity, in_method in activities:
        provider = activity.get("provider") or {} if isinstance(activity, dict) else {}
        if provider.get("type") == "python":
            meant = _meant(provider, environment)
            module = str(meant.get("module", ""))
            if module.startswith("chaosnetra."):
                arguments = replaced(meant.get("arguments") or {})
                name, function = str(activity.get("name")), str(meant.get("func"))
                background = activity.get("background") is True
                found.append(
                    PlannedActivity(name, module, function, arguments, in_method, background)
                )
    return found


def _meant(provider: Mapping[str, Any], environment: str) -> Mapping[str, Any]:
    """The action that is called: of one for each environment, that of this one."""
    if provider.get("module") != BY_ENVIRONMENT:
        return provider
    chosen = (provider.get("arguments") or {}).get(environment)
    return chosen if isinstance(chosen, dict) else provider


def load(
    path: Path, given: Mapping[str, str] | None = None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """An experiment and its configuration, as `chaos run` would load them.

    Args:
        path: of the experiment.
        given: values on the command line, by key.

    Raises:
        Unreadable: it is no experiment, or a variable of its configuration is missing.
        InvalidInput: its `chaosnetra.toml` cannot be used.
    """
    from chaoslib.configuration import load_configuration
    from chaoslib.exceptions import ChaosException

    from chaosnetra.controls.mend import give_arguments
    from chaosnetra.documents.document import read_document

    experiment = read_document(path).data
    if not isinstance(experiment, dict):
        raise Unreadable(f"{path} is no experiment: it is not an object")
    declared = experiment.get("configuration")
    sources = find_sources(folder_of(str(path)), declared, given)
    try:
        give_arguments(experiment)  # as a run does: the hash is over both
        configuration = load_configuration(declared or {}, dict(given or {}))
        sources.complete(configuration)
        current_run().places = sources.places
        return experiment, configuration
    except (ChaosException, InvalidInput) as error:
        raise Unreadable(f"{path}: {error}") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise Unreadable(f"{path}: its configuration cannot be read: {error}") from None


def ask_for_consent(
    session: Session,
    experiment: Mapping[str, Any],
    configuration: Mapping[str, Any],
    secrets: Mapping[str, Any] | None = None,
) -> None:
    """In staging, inspect before anything is touched, require the consent, and take the lease.

    The plan is made anew when a run begins, and must be the one that was consented to; that of a
    search's trial must be one of those that the search was consented to.

    Args:
        session: of the run.
        experiment, configuration, secrets: as for `steps_of`.

    Raises:
        NotAllowed: the guard refuses it, there is no consent, or it was given to another plan.
        ChaosnetraError: something cannot be inspected.
    """
    settings = session.settings
    if not settings.in_staging:
        return
    steps = steps_of(experiment, configuration, secrets, settings.environment)
    with waiting_until(lambda: "it is known what the experiment would change"):
        plan = inspect_experiment(session, experiment, steps)
    search = _search_consent()
    for warning in plan.warnings:
        logger.warning(warning)
    if search is None:
        session.staging.propose(plan)
        require(plan, settings.consent)
        session.staging.consent(database_of(session))
        return
    session.staging.propose(replace(plan, search=search.hash))
    keys = search.keys
    frame = frame_of(plan, unvaried_steps(experiment, configuration, keys, settings), keys)
    require(plan, settings.consent, search.hash)
    search.require(plan, frame, {key: _value(key, configuration) for key in keys})
    session.staging.consent(database_of(session), search.lease)


def unvaried_steps(
    experiment: Mapping[str, Any],
    configuration: Mapping[str, Any],
    keys: Sequence[str],
    settings: Settings,
) -> list[PlannedActivity]:
    """As `steps_of`, with keys that are varied as they are written, and without secrets."""
    unvaried = {key: f"${{{key}}}" for key in keys if key in configuration}
    return steps_of(experiment, {**configuration, **unvaried}, environment=settings.environment)


def _value(key: str, configuration: Mapping[str, Any]) -> Any:
    """What a run has for a key."""
    if key in SETTINGS:
        return SETTINGS[key].raw(configuration, os.environ)
    return configuration.get(key)


def _search_consent() -> SearchConsent | None:
    """What the search was consented to that this run is a trial of; None: it is none's.

    Raises:
        NotAllowed: it cannot be read.
    """
    path = os.environ.get(SEARCH_CONSENT_FILE)
    if not path:
        return None
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        return SearchConsent(data["rests_on"], str(data["lease"]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotAllowed(f"the consent of the search cannot be read from {path}: {error}") from None


class Plan(Protocol):
    """What can be consented to."""

    @property
    def hash(self) -> str: ...
    @property
    def refusals(self) -> Sequence[str]: ...


def require(
    plan: Plan, consent: str, agreed: str = "", command: str = "chaosnetra plan EXPERIMENT"
) -> None:
    """Refuse what may not be carried out, or was not consented to.

    Args:
        plan: made anew.
        consent: as it was given.
        agreed: hash that it has to be; empty: the plan's.
        command: that shows it.

    Raises:
        NotAllowed: says why.
    """
    agreed = agreed or plan.hash
    if plan.refusals:
        raise NotAllowed("; ".join(plan.refusals))
    if not consent:
        raise NotAllowed(
            f"in staging nothing is touched without consent: read `{command}` and set "
            f"{setting_hint('consent')} to the hash that it prints"
        )
    if consent not in (ANY_PLAN, agreed):
        raise NotAllowed(
            f"the consent {consent[:40]} is for another plan than this one, {agreed}: the "
            "experiment, its values, the allow-list or the service itself has changed since; read "
            f"`{command}` again"
        )
