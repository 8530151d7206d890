"""Probes of what the path to the database carries."""

import logging

from chaosnetra.hints import argument
from chaosnetra.postgres.plans import LONGEST_SECONDS, transfer_bytes
from chaosnetra.quantities import number
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.measuring import measuring, progress
from chaosnetra.running.session import Session

logger = logging.getLogger("chaostoolkit")

LONGEST_TRANSFER_SECONDS = 120.0
GRACE_SECONDS = 10.0


@edge
def throughput(session: Session, megabytes: float = 80, direction: str = "downstream") -> Result:
    """Measure how much the path to the database carries. It states nothing.

    Args:
        megabytes: size of one transfer, at time scale 1: a tenth of it at 0.1; above 0 to 500.
        direction: `downstream` (from the database) or `upstream`.

    Returns:
        `observed`, `size_bytes`, `seconds` and `megabits_per_second` (None when the path carried
        nothing), `error` and `sqlstate`.
    """
    return _transfer(session, megabytes, direction, LONGEST_TRANSFER_SECONDS)


@edge
def transfer_succeeds(
    session: Session, megabytes: float = 80, max_seconds: float = 5, direction: str = "downstream"
) -> Result:
    """Tell whether a transfer of fixed size over the path to the database ends in time.

    Args:
        megabytes: its size, at time scale 1: a tenth of it at 0.1; above 0 to 500.
        max_seconds: how long it may take, at time scale 1; above 0 to 3,600.
        direction: `downstream` (from the database) or `upstream`.

    Returns:
        `held`, `expected`, `observed`, `max_seconds` (scaled), `direction`; and what `throughput`
        returns. A transfer that takes over ten times `max_seconds` is given up.
    """
    most = argument(number, "max_seconds", max_seconds, above=0, maximum=LONGEST_SECONDS)
    limit = session.settings.scaled(most)
    measured = _transfer(session, megabytes, direction, 10 * limit + GRACE_SECONDS)
    seconds = measured["seconds"]
    return {
        "held": seconds is not None and seconds <= limit,
        "expected": f"{measured['size_bytes'] / 1e6:g} MB {direction} within {limit:g} s",
        "max_seconds": limit,
        "direction": direction,
        **measured,
    }


def _transfer(session: Session, megabytes: float, direction: str, limit_seconds: float) -> Result:
    size = transfer_bytes(session.settings, megabytes, direction)
    result: Result = {
        "observed": f"{size / 1e6:g} MB did not arrive",
        "size_bytes": size,
        **dict.fromkeys(("seconds", "megabits_per_second", "error", "sqlstate")),
    }
    with measuring(result):
        path = session.path
        with progress(session, "Transfer", 0, limit_seconds):
            seconds = path.transfer_seconds(size, direction, limit_seconds)
        rate = size / seconds / 125_000
        result |= {
            "observed": f"{size / 1e6:g} MB in {seconds:.3f} s, {rate:.1f} Mbit/s",
            "seconds": round(seconds, 4),
            "megabits_per_second": round(rate, 2),
        }
        logger.info(f"Transfer {direction}: {result['observed']}")
    return result
