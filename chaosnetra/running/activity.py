"""The edge between Chaos Toolkit and the domain: what every activity goes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, List, cast  # noqa: UP035

from chaoslib.exceptions import ActivityFailed, ChaosException

from chaosnetra.errors import ChaosnetraError, MachineryFailed
from chaosnetra.running.arguments import with_settings
from chaosnetra.running.preview import Preview, is_previewing
from chaosnetra.running.required import require_control
from chaosnetra.running.run import current_run
from chaosnetra.running.session import Session, current_session

# `chaos discover` knows typing's aliases, and calls `dict[str, Any]` an "object".
Result = Dict[str, Any]  # noqa: UP006
Results = List[Dict[str, Any]]  # noqa: UP006
Parameters = Dict[str, Any]  # noqa: UP006
Attributes = Dict[str, float]  # noqa: UP006


@contextmanager
def activity(configuration: Any) -> Iterator[Session]:
    """The run's session for one activity.

    An activity parses all its arguments before it uses a part of the session: they are checked
    before the first activity of a run by calling it with a `chaosnetra.running.preview.Preview`.

    Raises:
        ActivityFailed: with the one line of whatever went wrong, secrets masked, and the settings
            of the experiment named that fed its arguments.
    """
    session: Session | None = None
    try:
        require_control(configuration)
        session = current_session(configuration)
        if is_previewing():
            yield cast(Session, Preview(session))
        else:
            _check_arguments(session)
            yield session
    except ChaosnetraError as error:
        within = error.__traceback__.tb_next if error.__traceback__ else None
        text = with_settings(
            str(error), current_run().experiment, within.tb_frame if within else None
        )
        raise ActivityFailed(session.redactor.text(text) if session else text) from error
    except ChaosException:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it says nothing of the system
        failure = MachineryFailed(error)
        text = str(failure)
        raise ActivityFailed(session.redactor.text(text) if session else text) from failure


def _check_arguments(session: Session) -> None:
    """Refuse to act where an argument of the experiment cannot be used.

    The journal control has had them checked before the run; without it the first activity does.
    An abort condition is asked outside of the experiment's activities: they come later.

    Raises:
        InvalidInput: says which.
    """

    def check() -> bool:
        from chaosnetra.running.precheck import check_running

        return check_running(current_run())

    session.check_arguments(check)
