"""What the journal's section says of a session."""

from dataclasses import asdict
from typing import Any

from chaosnetra.running.run import Run
from chaosnetra.running.session import Session


def session_facts(session: Session) -> dict[str, Any]:
    """For `chaosnetra.evidence.journal.section.complete`: settings, parts, faults and evidence."""
    settings = session.settings
    facts = {
        "faults": faults_of(session),
        "stand": [part.to_json() for part in session.resources.parts],
        "profile": {
            "name": settings.profile.name,
            "date": settings.profile.date,
            "source": settings.profile.source,
            "environment": settings.profile.environment,
            "budgets": vars(settings.profile.budgets),
            "pool": vars(settings.profile.pool),
            "orchestrator": vars(settings.profile.orchestrator),
            "infrastructure": settings.profile.infrastructure_figures,
        },
        "environment": settings.environment,
        "rehearsal": settings.is_rehearsal,
        "time_scale": settings.time_scale,
        "target": settings.target.shown,
        "seed": settings.seed,
    }
    launches = session.exposure.launches  # in staging only where something is on their path
    facts["exposure"] = session.exposure.facts() if launches else None
    # Whose tables come and go in a database of staging, nobody here knows.
    met_states = launches if not settings.in_staging else []
    facts["database_state"] = session.state.facts(met_states) if met_states else None
    if session.staging.plan is not None:
        facts["plan"] = session.staging.plan.to_json()
    if session.staging.calls is not None:
        facts["cloud_run"] = session.staging.calls.to_json()
    if session.staging.monitoring is not None:
        facts["monitoring"] = session.staging.monitoring
    if session.local.connector_history is not None:
        history = dict(session.local.connector_history)
        history["started_seconds"] = _seconds(session.run, history.pop("started_monotonic", None))
        facts["connector"] = history
    return facts


def faults_of(session: Session) -> list[dict[str, Any]]:
    """Everything that was injected, undone or not."""
    run = session.run
    return [
        {
            "name": fault.name,
            "parameters": dict(fault.parameters),
            "effect": fault.effect.to_json() if fault.effect else None,
            "effect_after": fault.effect_after.to_json() if fault.effect_after else None,
            "tasks": fault.in_tasks.to_json() if fault.in_tasks else None,
            "tried": asdict(fault.tried),
            "last_in_effect_at": fault.last_in_effect_at,
            "undo": fault.report.result.value if fault.report else None,
            "injected_at": fault.injected_at,
            "undone_at": fault.undone_at,
            "injected_seconds": _seconds(run, fault.injected_monotonic),
            "undone_seconds": _seconds(run, fault.undone_monotonic),
        }
        for fault in session.injector.faults
    ]


def _seconds(run: Run, monotonic: float | None) -> float | None:
    """A reading of `time.monotonic()` as seconds since the run began."""
    return None if monotonic is None else run.events.elapsed_seconds(monotonic)
