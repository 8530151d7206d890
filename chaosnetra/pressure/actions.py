"""Actions that are another one in each environment.

What puts the connector of all under pressure in staging is Cloud Run's instances scaled out; what
stands for it on one's own machine is the connector emulator. An experiment names both, and
everything else of it stays the same. Faults, their measurement and their undo are those of the
action that is chosen. Where it is the same in both, as a toxic can be, it may be named directly.
"""

import logging

from chaoslib.types import Configuration, Secrets

from chaosnetra.pressure.choice import choose
from chaosnetra.running.activity import Parameters, Result, edge
from chaosnetra.running.preview import is_previewing
from chaosnetra.running.session import Session

__all__ = ["apply_pressure", "relieve_pressure"]

logger = logging.getLogger("chaostoolkit")


@edge
def apply_pressure(
    session: Session,
    local: Parameters,
    staging: Parameters,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Put the pressure in place that is meant for the environment of the run.

    Args:
        local: an action of this package, as a provider names it: `module`, `func`, `arguments`;
            `{}`: the experiment cannot run locally.
        staging: likewise for staging.
        configuration: the experiment's settings; `environment` chooses.
        secrets: not used.

    Returns:
        `environment`, `action`, and what that action returns.

    Raises:
        ActivityFailed: one of them is no action of ours, none is named for the environment, or
            the action failed.
    """
    return _act(session, local, staging, configuration, secrets)


@edge
def relieve_pressure(
    session: Session,
    local: Parameters,
    staging: Parameters,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> Result:
    """Undo what `apply_pressure` put in place, by the undo action of each of its actions.

    Args:
        local: the action that undoes what `apply_pressure` names for local.
        staging: likewise for staging.
        configuration: as of `apply_pressure`.
        secrets: not used.

    Returns:
        As `apply_pressure`.

    Raises:
        ActivityFailed: as `apply_pressure`; or something may be left.
    """
    return _act(session, local, staging, configuration, secrets)


def _act(
    session: Session,
    local: Parameters,
    staging: Parameters,
    configuration: Configuration,
    secrets: Secrets,
) -> Result:
    environment = session.settings.environment
    chosen = choose(environment, {"local": local, "staging": staging})
    if not is_previewing():
        logger.info(f"In {environment}: {chosen.shown}")
    # The action goes through the same edge itself.
    result = chosen.function(**chosen.arguments, configuration=configuration, secrets=secrets)
    return {"environment": environment, "action": chosen.shown, **result}
