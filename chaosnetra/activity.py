"""The edge between Chaos Toolkit and the domain: what every activity goes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, List  # noqa: UP035

from chaoslib.exceptions import ActivityFailed

from chaosnetra.errors import ChaosnetraError
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
        ActivityFailed: with the one line of whatever went wrong, secrets masked.
    """
    session: Session | None = None
    try:
        session = current_session(configuration)
        yield session
    except ChaosnetraError as error:
        text = str(error)
        raise ActivityFailed(session.redactor.text(text) if session else text) from error
