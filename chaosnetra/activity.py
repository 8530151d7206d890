"""The edge between Chaos Toolkit and the domain: what every activity goes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, List  # noqa: UP035

from chaoslib.exceptions import ActivityFailed

from chaosnetra.arguments import with_settings
from chaosnetra.controls.required import require_control
from chaosnetra.errors import ChaosnetraError
from chaosnetra.run import current_run
from chaosnetra.session import Session, current_session

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
        require_control(configuration)
        session = current_session(configuration)
        yield session
    except ChaosnetraError as error:
        within = error.__traceback__.tb_next if error.__traceback__ else None
        text = with_settings(
            str(error), current_run().experiment, within.tb_frame if within else None
        )
        raise ActivityFailed(session.redactor.text(text) if session else text) from error
