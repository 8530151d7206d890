"""What is asked of the model, and the system that follows from it and from the profile."""

from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.connector.model import (
    HOUR_SECONDS,
    MOST_CONNECTIONS,
    OPEN_CONNECTOR,
    ConnectorModel,
    model_of_profile,
)
from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.journal.values import count_or_none
from chaosnetra.quantities import finite_or_none, number, whole_number
from chaosnetra.whatif.calibration import Calibration
from chaosnetra.whatif.launches import Measured
from chaosnetra.whatif.system import RESERVED_CONNECTIONS, System

MOST_INSTANCES = 100_000
MOST_POOL = 1_000


@dataclass(frozen=True)
class Question:
    """What if; None: as the profile or the journals have it.

    Attributes:
        instances: that start at once.
        latency_ms: that each round trip takes longer than in the journals without a fault.
        pool: connections of one instance at once.
        max_connections: of the database.
        connector_slots: of a connector that does not scale; 0: there is no connector.
        seed: of what is drawn.
    """

    instances: int
    latency_ms: float = 0.0
    pool: int | None = None
    max_connections: int | None = None
    connector_slots: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("--instances", self.instances, minimum=1, maximum=MOST_INSTANCES)
        number("--latency-ms", self.latency_ms, minimum=0, maximum=1000 * HOUR_SECONDS)
        for name, value, least, most in (
            ("--pool", self.pool, 1, MOST_POOL),
            ("--max-connections", self.max_connections, RESERVED_CONNECTIONS + 1, 1_000_000),
            ("--connector-slots", self.connector_slots, 0, MOST_CONNECTIONS),
        ):
            if value is not None:
                whole_number(name, value, minimum=least, maximum=most)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def system_for(question: Question, measured: Measured, calibration: Calibration) -> System:
    """What the instances start through.

    Raises:
        InvalidInput: neither the question nor a profile that is meant says how many connections
            the database has, or the profile's connector cannot be used.
    """
    ran, is_its_own = measured.run.ran, measured.profile_is_its_own
    most, most_from = question.max_connections, "--max-connections"
    if most is None and is_its_own:
        most = count_or_none(ran.infrastructure.get("cloud_sql", {}).get("max_connections"))
        most_from = f"profile {ran.name}"
        if most is None:
            raise InvalidInput(
                f"profile {ran.name} does not say how many connections the database has "
                "(infrastructure.cloud_sql.max_connections); give --max-connections"
            )
    elif most is None:
        most_from = "the journals do not tell the service's; give --max-connections"
    connector, connector_from = _connector(question, measured)
    limits = [one.limit_seconds for one in measured.launches if one.limit_seconds is not None]
    return System(
        latency_seconds=question.latency_ms / 1000,
        connector=connector,
        max_connections=most,
        pool=question.pool,
        pool_timeout_seconds=finite_or_none(ran.pool.get("timeout_seconds"))
        if is_its_own
        else None,
        startup_timeout_seconds=max(limits) / measured.run.time_scale if limits else None,
        own_limits=calibration.own_limits.at_time_scale_1(measured.run.time_scale),
        connector_from=connector_from,
        max_connections_from=most_from,
    )


def _connector(question: Question, measured: Measured) -> tuple[ConnectorModel | None, str]:
    """The connector, and where it is from, or why there is none.

    There is one where one was asked for, or the journals' runs had one: then it is the profile's,
    or for a service of somebody's own as an action limited it. With as many slots as are asked
    for, and then no more, its delays stay what they are, as with the action `limit_connector`.
    """
    if question.connector_slots == 0:
        return None, "--connector-slots 0"
    model, where = measured.limited_connector, "limit_connector in the journals"
    if measured.profile_is_its_own:
        figures = measured.run.ran.infrastructure.get("vpc_connector")
        model = None if figures is None else model_of_profile(figures)
        where = f"profile {measured.run.ran.name}"
    if question.connector_slots is None:
        if not measured.had_connector:
            return None, "the journals' runs had none; --connector-slots names one"
        return (
            model,
            where if model else "the journals do not tell its limits; --connector-slots does",
        )
    fixed = {
        "instances": 1,
        "maximum_instances": 1,
        "connections_per_instance": question.connector_slots,
    }
    rest = f", the rest is from {where}" if model else ""
    return (model or OPEN_CONNECTOR).changed(fixed), f"--connector-slots{rest}"
