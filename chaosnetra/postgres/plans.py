"""What an experiment asks of PostgreSQL's probes, checked, in the time of the run.

Every duration is bounded as it is written, at time scale 1, and scaled after.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chaosnetra.errors import InvalidInput
from chaosnetra.hints import argument
from chaosnetra.postgres.pool import PoolPlan
from chaosnetra.postgres.storm import StormPlan
from chaosnetra.quantities import number, whole_number
from chaosnetra.settings import setting_hint

if TYPE_CHECKING:
    from chaosnetra.settings import Settings

MOST_ATTEMPTS = 1000
MOST_QUERIES = 10_000
MOST_PER_SECOND = 10_000.0
LONGEST_SECONDS = 3600.0
SHORTEST_INTERVAL_SECONDS = 0.01
MOST_SAMPLES = 10_000
MOST_MEGABYTES = 500.0


def storm_plan(
    settings: "Settings",
    count: Any,
    slow_after_ms: Any,
    timeout_ms: Any,
    rate_per_second: Any,
    hold_ms: Any,
) -> StormPlan:
    """The plan of a storm; arguments as of `chaosnetra.postgres.probes.connections_succeed`.

    Raises:
        InvalidInput: one cannot be used.
    """
    attempts = argument(whole_number, "count", count, minimum=1, maximum=MOST_ATTEMPTS)
    timeout = _full_seconds("timeout_ms", timeout_ms)
    if slow_after_ms in (None, ""):
        slow_after_ms = 1000 * settings.profile.budgets.connection_seconds
    slow_after = _full_seconds("slow_after_ms", slow_after_ms)
    if timeout <= 0:
        raise InvalidInput("timeout_ms must be more than 0", setting_hint("timeout_ms"))
    if slow_after > timeout:
        raise InvalidInput(
            f"slow_after_ms ({slow_after_ms}) must not be more than timeout_ms ({timeout_ms}): "
            "nothing would be slow",
            setting_hint("slow_after_ms"),
        )
    rate = argument(number, "rate_per_second", rate_per_second, minimum=0, maximum=MOST_PER_SECOND)
    if rate and attempts / rate > LONGEST_SECONDS:
        raise InvalidInput(
            f"{attempts} attempts at {rate:g} a second take over {LONGEST_SECONDS:g} s",
            setting_hint("rate_per_second"),
        )
    return StormPlan(
        attempts,
        settings.scaled(1 / rate) if rate else 0.0,
        settings.scaled(_full_seconds("hold_ms", hold_ms)),
        settings.scaled(slow_after),
        settings.scaled(timeout),
    )


def pool_plan(settings: "Settings", extra: Any, queries: Any, hold_ms: Any) -> PoolPlan:
    """The plan for a pool; arguments as of `chaosnetra.postgres.probes.pool_checkouts_succeed`.

    Raises:
        InvalidInput: one cannot be used.
    """
    pool, scaled = settings.profile.pool, settings.scaled
    return PoolPlan(
        pool=replace(
            pool,
            timeout_seconds=scaled(pool.timeout_seconds),
            recycle_seconds=scaled(pool.recycle_seconds),
        ),
        connect_timeout_seconds=scaled(settings.profile.budgets.connection_seconds),
        extra=argument(whole_number, "extra", extra, minimum=0, maximum=MOST_ATTEMPTS),
        queries=argument(whole_number, "queries", queries, minimum=0, maximum=MOST_QUERIES),
        hold_seconds=scaled(_full_seconds("hold_ms", hold_ms)),
    )


def load_plan(settings: "Settings", seconds: Any, interval_ms: Any) -> tuple[float, float]:
    """For how long to sample, and from one sample to the next, in seconds of the run.

    Raises:
        InvalidInput: one cannot be used, or they make too many samples.
    """
    full = argument(number, "seconds", seconds, minimum=0, maximum=LONGEST_SECONDS)
    step = max(SHORTEST_INTERVAL_SECONDS, _full_seconds("interval_ms", interval_ms))
    if full / step > MOST_SAMPLES:
        raise InvalidInput(
            f"{full:g} s in steps of {step:g} s are more than {MOST_SAMPLES} samples",
            setting_hint("interval_ms"),
        )
    return settings.scaled(full), max(SHORTEST_INTERVAL_SECONDS, settings.scaled(step))


def transfer_bytes(settings: "Settings", megabytes: Any, direction: Any) -> int:
    """The size of a transfer; its direction is checked.

    Raises:
        InvalidInput: one cannot be used.
    """
    full = argument(number, "megabytes", megabytes, above=0, maximum=MOST_MEGABYTES)
    if direction not in ("downstream", "upstream"):
        raise InvalidInput(f"direction must be downstream or upstream, got {direction!r}")
    return max(1, round(settings.scaled(full) * 1e6))


def _full_seconds(name: str, value: Any) -> float:
    """Milliseconds, bounded, as seconds."""
    return argument(number, name, value, minimum=0, maximum=1000 * LONGEST_SECONDS) / 1000
