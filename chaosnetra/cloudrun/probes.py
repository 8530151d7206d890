"""Probes of Cloud Run: what the service and the job of the settings say of themselves."""

from chaoslib.types import Configuration, Secrets

from chaosnetra.activity import Result, activity
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.summary import summarize
from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import fraction, whole_number
from chaosnetra.settings import setting_hint

__all__ = ["execution_tasks", "ready_revision", "service_instances", "service_state"]


def service_state(configuration: Configuration = None, secrets: Secrets = None) -> Result:
    """Read the service; it holds when the service serves what it is desired to.

    Args:
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`; `name`, `uid`, `etag`, `generation`,
        `observed_generation`, `reconciling`, `ready`, `ready_state`, `ready_text`, `scaling`
        (`mode`, `minimum`, `maximum`, `manual`), `revision_scaling`, `concurrency`, `connector`,
        `latest_created_revision`, `latest_ready_revision`, `traffic`, `labels`.
    """
    with activity(configuration) as session:
        state = session.cloud_run.services.service(session.cloud_run.service)
        return {
            "held": state.settled,
            "expected": "ready, and nothing being changed",
            "observed": (
                f"{state.ready_state}{', being changed' if state.reconciling else ''}, generation "
                f"{state.observed_generation} of {state.generation} serves"
            ),
            **state.to_json(),
        }


def ready_revision(
    revision: str = "", configuration: Configuration = None, secrets: Secrets = None
) -> Result:
    """Tell whether the newest revision serves.

    Args:
        revision: the one that it must be; empty: whichever is newest.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`, `ready_revision`, `created_revision`, `traffic`.
    """
    with activity(configuration) as session:
        state = session.cloud_run.services.service(session.cloud_run.service)
        wanted = revision or state.latest_created_revision
        return {
            "held": state.latest_ready_revision == wanted != "",
            "expected": f"revision {wanted} serves",
            "observed": f"revision {state.latest_ready_revision or 'none'} serves",
            "ready_revision": state.latest_ready_revision,
            "created_revision": state.latest_created_revision,
            "traffic": dict(state.traffic),
        }


def service_instances(
    minimum: int = 0,
    maximum: int = 1000,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Tell how many instances the service is bound to have; how many run, only Monitoring tells.

    Args:
        minimum: what its lower bound must be at least.
        maximum: what its upper bound must be at most.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`, `mode`, `at_least`, `at_most` (None: no limit).
    """
    with activity(configuration) as session:
        low = whole_number("minimum", minimum, minimum=0, setting=setting_hint("minimum"))
        high = whole_number("maximum", maximum, minimum=0, setting=setting_hint("maximum"))
        state = session.cloud_run.services.service(session.cloud_run.service)
        at_least, at_most = state.instance_bounds
        return {
            "held": at_least >= low and at_most is not None and at_most <= high,
            "expected": f"bound to {low} to {high} instances",
            "observed": f"{state.scaling.shown}; bound to {at_least} to {at_most} instances",
            "mode": state.scaling.mode,
            "at_least": at_least,
            "at_most": at_most,
        }


def execution_tasks(
    execution: str = "",
    max_failure_rate: float = 0.0,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Tell how the tasks of an execution of the job ended.

    Args:
        execution: its id; empty: the job's newest.
        max_failure_rate: share of the tasks that may not have succeeded, 0 to 1.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`, `execution` (full name), `tasks`, `ends` (counts:
        `running`, `succeeded`, `exited`, `signalled`, `unclean`, `cancelled`), `exit_codes`,
        `retried`, `start_spread_seconds`, `longest_seconds`, `failures` (the first ten).
    """
    with activity(configuration) as session:
        rate = fraction(
            "max_failure_rate", max_failure_rate, setting=setting_hint("max_failure_rate")
        )
        jobs, job = session.cloud_run.jobs, session.cloud_run.job
        name = f"{job}/executions/{execution}" if execution else jobs.job(job).latest_execution
        if not name:
            raise InvalidInput(f"{shown(job)} has no execution yet; run it, or name one")
        summary = summarize(jobs.tasks(name))
        not_succeeded = summary.tasks - summary.succeeded
        return {
            "held": summary.tasks > 0 and not_succeeded <= rate * summary.tasks,
            "expected": f"at most {rate:.0%} of {summary.tasks} tasks do not succeed",
            "observed": f"{summary.succeeded} of {summary.tasks} tasks succeeded",
            "execution": name,
            **summary.to_json(),
        }
