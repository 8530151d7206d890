"""What probes share: a bound on failures, progress, and the answer when nothing can be measured."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.hints import argument
from chaosnetra.progress.shown import shown
from chaosnetra.progress.tally import Tally
from chaosnetra.quantities import fraction
from chaosnetra.quantities import min_confidence as parse_min_confidence
from chaosnetra.running.activity import Result
from chaosnetra.running.session import Session


@contextmanager
def measuring(result: Result) -> Iterator[None]:
    """A measurement whose failure is a result too: the block fills in what it measured.

    Args:
        result: what the probe answers where nothing could be measured; a failure adds `error`
            (one line) and `sqlstate`.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        result |= {"error": str(error), "sqlstate": error.sqlstate}


def unmeasured(
    expected: str, *unknown: str, observed: str = "the database does not answer"
) -> Result:
    """The result of a probe that could measure nothing; `unknown`: what it does not know then."""
    missing = dict.fromkeys((*unknown, "error", "sqlstate"))
    return {"held": False, "expected": expected, "observed": observed, **missing}


def failure_bound(max_failure_rate: Any, min_confidence: Any) -> tuple[float, float | None]:
    """The share that may fail, 0 to 1, and the confidence demanded of it, if any.

    Raises:
        InvalidInput: an argument of the probe cannot be used.
    """
    rate = argument(fraction, "max_failure_rate", max_failure_rate)
    confidence = partial(parse_min_confidence, max_failure_rate=rate)
    return rate, argument(confidence, "min_confidence", min_confidence)


def progress(
    session: Session, what: str, total: int, limit_seconds: float
) -> AbstractContextManager[Callable[[str], None]]:
    """Shows how far a probe is; what it gives takes the outcome of each of `total` that ended.

    `limit_seconds`: the longest that it may take, in real seconds.
    """
    return shown(Tally(what, total, limit_seconds, faults=lambda: session.faults_in_effect))
