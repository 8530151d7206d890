"""A probe at work: what it shows meanwhile, and what it answers where nothing can be measured."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally
from chaosnetra.running.activity import Result
from chaosnetra.running.session import Session


@contextmanager
def measuring(session: Session, result: Result) -> Iterator[None]:
    """A measurement whose failure is a result too: the block fills in what it measured.

    Args:
        session: the run's.
        result: what the probe answers where nothing could be measured; a failure adds `error`
            (one line, secrets masked) and `sqlstate`.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        result |= {"error": session.redactor.text(str(error)), "sqlstate": error.sqlstate}


def progress(
    session: Session, what: str, total: int, limit_seconds: float
) -> AbstractContextManager[Callable[[str], None]]:
    """Shows how far a probe is; what it gives takes the outcome of each of `total` that ended.

    `limit_seconds`: the longest that it may take, in real seconds.
    """
    return shown(Tally(what, total, limit_seconds, faults=lambda: session.faults_in_effect))
