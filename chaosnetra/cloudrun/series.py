"""Time series of Cloud Monitoring: which ones are evidence, and what they say of a run. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# At most so many of one metric are kept: a service can have many revisions and labels.
MOST_SERIES = 20
RUN, VPC = "run.googleapis.com", "vpcaccess.googleapis.com"
SQL = "cloudsql.googleapis.com/database"


@dataclass(frozen=True)
class Metric:
    """A metric that is evidence.

    Attributes:
        key: what the journal calls it.
        type: its type in Cloud Monitoring.
        of: whose it is: `service`, `job`, `connector` or `database`.
    """

    key: str
    type: str
    of: str

    @property
    def label(self) -> str:
        """Resource label that says whose it is."""
        return "database_id" if self.of == "database" else f"{self.of}_name"


# Source: "Google Cloud metrics", the tables of run, vpcaccess and cloudsql; sampled every 60 s.
METRICS = (
    Metric("instances", f"{RUN}/container/instance_count", "service"),
    Metric("startup_latencies_ms", f"{RUN}/container/startup_latencies", "service"),
    Metric("task_attempts", f"{RUN}/job/completed_task_attempt_count", "job"),
    Metric("connector_instances", f"{VPC}/connector/instances", "connector"),
    Metric("connector_cpu", f"{VPC}/connector/cpu/utilizations", "connector"),
    Metric("connector_sent_bytes", f"{VPC}/connector/sent_bytes_count", "connector"),
    Metric("connector_received_bytes", f"{VPC}/connector/received_bytes_count", "connector"),
    Metric("backends", f"{SQL}/postgresql/num_backends", "database"),
    Metric("backends_by_application", f"{SQL}/postgresql/num_backends_by_application", "database"),
    Metric("new_connections", f"{SQL}/postgresql/new_connection_count", "database"),
    Metric("database_cpu", f"{SQL}/cpu/utilization", "database"),
    Metric("database_memory", f"{SQL}/memory/utilization", "database"),
)
CONNECTOR_INSTANCES = "connector_instances"


@dataclass(frozen=True)
class Series:
    """One time series.

    Attributes:
        labels: of its metric.
        points: (seconds since 1970, value), oldest first; the value of a distribution is its
            count and mean.
    """

    labels: Mapping[str, str]
    points: Sequence[tuple[float, Any]]

    def to_json(self) -> dict[str, Any]:
        return {"labels": dict(self.labels), "points": [list(point) for point in self.points]}


def series_of(message: Any) -> Series:
    """From the library's `TimeSeries` (its plain message); Monitoring lists the newest first."""
    points = [
        (
            point.interval.end_time.seconds + point.interval.end_time.nanos / 1e9,
            _value(point.value),
        )
        for point in message.points
    ]
    return Series(dict(message.metric.labels), sorted(points, key=lambda point: point[0]))


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "distribution_value":
        distribution = value.distribution_value
        return {"count": distribution.count, "mean": round(distribution.mean, 6)}
    if kind in ("int64_value", "double_value", "bool_value"):
        return getattr(value, kind)
    return None


def newest(found: Mapping[str, Sequence[Series]]) -> float | None:
    """When the last sample of any series was taken."""
    times = [one.points[-1][0] for series in found.values() for one in series if one.points]
    return max(times, default=None)


def before_and_after(series: Sequence[Series], began_at: float) -> dict[str, Any] | None:
    """What a number was when a run began, and at last; None when one of them is not known.

    A connector does not scale in: what grew stays, and no rollback undoes it.
    """
    before = after = 0
    for one in series:
        earlier = [value for at, value in one.points if at <= began_at]
        if not earlier:
            return None
        before += earlier[-1]
        after += one.points[-1][1]
    return {"before": before, "after": after, "grew": after > before} if series else None


def evidence(
    found: Mapping[str, Sequence[Series]], began_at: float, ended_at: float
) -> dict[str, Any]:
    """As the journal holds it.

    Returns:
        `from`, `to` (the run, seconds since 1970), `complete` (samples reach its end),
        `connector_instances_of_run` (`before`, `after`, `grew`; None: not known), `missing` (keys
        of metrics without a sample), `series` (by key, at most 20 each), `left_out` (how many
        series more there were, by key).
    """
    last = newest(found)
    return {
        "from": began_at,
        "to": ended_at,
        "complete": last is not None and last >= ended_at,
        "connector_instances_of_run": before_and_after(
            found.get(CONNECTOR_INSTANCES, ()), began_at
        ),
        "missing": [metric.key for metric in METRICS if not found.get(metric.key)],
        "series": {
            key: [one.to_json() for one in series[:MOST_SERIES]]
            for key, series in found.items()
            if series
        },
        "left_out": {
            key: len(series) - MOST_SERIES
            for key, series in found.items()
            if len(series) > MOST_SERIES
        },
    }
