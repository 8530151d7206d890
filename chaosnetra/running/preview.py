"""A session that has the run's settings and none of its parts: an activity's arguments, checked.

Every activity parses its arguments before it uses a part. Called with a preview in place of the
session, it refuses what it would refuse in the run, and ends where it would begin to act. So the
bounds of an argument are written once, in the activity.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaosnetra.running.session import Session

_previewing: ContextVar[bool] = ContextVar("previewing", default=False)


class PartWanted(BaseException):
    """An activity has parsed its arguments and begins to act.

    No activity and no context manager may take it for a failure, so it is no Exception.
    """


class Preview:
    """What a session is to an activity until it asks for a part.

    Args:
        session: the run's.

    Raises:
        PartWanted: anything else is asked for.
        InvalidInput: a part is asked for that the settings exclude.
    """

    def __init__(self, session: "Session") -> None:
        self.settings = session.settings
        self.identifier = session.identifier
        self.redactor = session.redactor
        self.run = session.run
        self.guard = session.guard
        self._session = session

    def require_local(self, what: str) -> None:
        self._session.require_local(what)

    def database_by(self, path: str) -> Any:
        self._session.check_path(path)
        raise PartWanted

    def proxy_name(self, proxy: str) -> Any:
        self._session.local.check_proxy(proxy)
        raise PartWanted

    @property
    def connector(self) -> Any:
        self._session.local.require_connector()
        raise PartWanted

    def __getattr__(self, name: str) -> Any:
        raise PartWanted


def is_previewing() -> bool:
    """Whether an activity is only to check its arguments."""
    return _previewing.get()


@contextmanager
def previewing() -> Iterator[None]:
    """While inside, activities check their arguments and do nothing."""
    token = _previewing.set(True)
    try:
        yield
    except PartWanted:
        pass
    finally:
        _previewing.reset(token)
