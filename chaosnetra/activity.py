"""The edge between Chaos Toolkit and the domain: what every activity goes through."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, List  # noqa: UP035

from chaoslib.exceptions import ActivityFailed

from chaosnetra.arguments import with_settings
from chaosnetra.controls.places import EXIT_WITHOUT_ROLLBACKS, in_command
from chaosnetra.errors import ChaosnetraError
from chaosnetra.run import current_run
from chaosnetra.session import NO_CONTROL, Session, current_session

logger = logging.getLogger("chaostoolkit")

# `chaos discover` knows typing's aliases, and calls `dict[str, Any]` an "object".
Result = Dict[str, Any]  # noqa: UP006
Results = List[Dict[str, Any]]  # noqa: UP006
Parameters = Dict[str, Any]  # noqa: UP006
Attributes = Dict[str, float]  # noqa: UP006


@contextmanager
def activity(configuration: Any) -> Iterator[Session]:
    """The run's session for one activity.

    Raises:
        ActivityFailed: with the one line of whatever went wrong, secrets masked, and the settings
            of the experiment named that fed its arguments.
    """
    session: Session | None = None
    try:
        session = current_session(configuration)
        _require_control(session)
        yield session
    except ChaosnetraError as error:
        within = error.__traceback__.tb_next if error.__traceback__ else None
        text = with_settings(
            str(error), current_run().experiment, within.tb_frame if within else None
        )
        raise ActivityFailed(session.redactor.text(text) if session else text) from error


def _require_control(session: Session) -> None:
    """End `chaos run` here where it acts in staging without the journal control.

    A failed activity would not do: the core goes on to the next, and exits with 0.

    Raises:
        SystemExit: nobody asked for consent, so nothing may be touched.
    """
    asked = session.consented is not None or session.run.experiment is not None
    if asked or not session.settings.in_staging or not in_command():
        return
    logger.critical(NO_CONTROL)
    raise SystemExit(EXIT_WITHOUT_ROLLBACKS)
