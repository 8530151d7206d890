"""Evidence from Cloud Monitoring, read after a run: an optional extra.

Samples are taken every 60 s and show 2 to 4 minutes later, so they judge nothing: they are kept.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.cloudrun.connection import (
    CALL_SECONDS,
    find_credentials,
    loopback,
    open_channel,
    pages,
    reported,
)
from chaosnetra.cloudrun.series import METRICS, Metric, Series, evidence, newest, series_of
from chaosnetra.cloudrun.waiting import Interrupt, never, pause, waiting_until
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunQuotaExceeded, CloudRunUnanswered, PartUnavailable

GOOGLE = "monitoring.googleapis.com"
EXTRA = "pip install 'chaostoolkit-netra[monitoring]'"
# What was before the run has to be in the samples that are read.
MARGIN_SECONDS = 600.0
PAGE = 1000
POLL_SECONDS = 10.0


@dataclass
class Monitoring:
    """Reads time series of one project.

    Args:
        project: its id.
        endpoint: `host:port` of a local endpoint; None: Google's, with application default
            credentials.
        call_seconds: limit of one call.

    Raises:
        PartUnavailable: the extra is not installed.
        CloudRunCredentials: there are none, or they cannot be used.
        InvalidInput: an endpoint that is not on a loopback address.
    """

    project: str
    endpoint: str | None = None
    call_seconds: float = CALL_SECONDS

    def __post_init__(self) -> None:
        try:
            from google.cloud import monitoring_v3
            from google.cloud.monitoring_v3.services.metric_service.transports import (
                MetricServiceGrpcTransport,
            )
        except ImportError as error:
            raise PartUnavailable(f"Cloud Monitoring needs an extra: {EXTRA} ({error})") from None
        address = loopback(self.endpoint, "monitoring_endpoint") if self.endpoint else None
        credentials = None if address else find_credentials()
        self._channel = open_channel(address, GOOGLE, MetricServiceGrpcTransport, credentials)
        transport = MetricServiceGrpcTransport(channel=self._channel)
        self._client = monitoring_v3.MetricServiceClient(transport=transport)

    @property
    def shown(self) -> str:
        return self.endpoint or GOOGLE

    def series(self, metric: Metric, whose: str, since: float, until: float) -> list[Series]:
        """The time series of a metric, page by page.

        Args:
            metric: which.
            whose: id of the service, job, connector or database that it is about.
            since: seconds since 1970.
            until: likewise.

        Raises:
            CloudRunError: it was refused, or gave no answer.
        """
        name = f"projects/{self.project}"

        def listed(request: Mapping[str, Any]) -> Any:
            with reported("ListTimeSeries", name, self.shown):
                return self._client.list_time_series(
                    request=request, retry=None, timeout=self.call_seconds
                )

        first = {
            "name": name,
            "filter": (
                f'metric.type = "{metric.type}" AND resource.labels.{metric.label} = "{whose}"'
            ),
            "interval": {
                "start_time": {"seconds": int(since)},
                "end_time": {"seconds": int(until)},
            },
            "view": "FULL",
            "page_size": PAGE,
        }
        return [series_of(message) for page in pages(listed, first) for message in page.time_series]

    def close(self) -> None:
        self._channel.close()


def collect(
    monitoring: Monitoring,
    whose: Mapping[str, str],
    began_at: float,
    ended_at: float,
    deadline: Deadline,
    interrupted: Interrupt = never,
) -> dict[str, Any]:
    """Read the evidence of a run, again and again until samples reach its end.

    Args:
        monitoring: where from.
        whose: ids by what a metric is of; metrics of what is not named are missing.
        began_at: when the run began, seconds since 1970.
        ended_at: when it ended.
        deadline: when to take what there is.
        interrupted: asked often; once true, what there is is taken.

    Returns:
        See `chaosnetra.cloudrun.series.evidence`.

    Raises:
        CloudRunError: the last reading was refused, or gave no answer.
    """
    metrics = [metric for metric in METRICS if whose.get(metric.of)]
    what = "the samples reach the end of the run"
    with waiting_until(lambda: f"{what}, {deadline.remaining_seconds:.0f} s at most"):
        while True:
            found: dict[str, Sequence[Series]] = {}
            unread: CloudRunUnanswered | CloudRunQuotaExceeded | None = None
            try:
                for metric in metrics:
                    since, until = began_at - MARGIN_SECONDS, max(time.time(), ended_at + 1)
                    found[metric.key] = monitoring.series(metric, whose[metric.of], since, until)
            except (CloudRunUnanswered, CloudRunQuotaExceeded) as error:
                unread = error
            last = newest(found)
            complete = unread is None and last is not None and last >= ended_at
            if complete or deadline.passed or interrupted() or not metrics:
                if unread is not None:
                    raise unread
                return evidence(found, began_at, ended_at)
            pause(min(POLL_SECONDS, deadline.remaining_seconds), interrupted)
