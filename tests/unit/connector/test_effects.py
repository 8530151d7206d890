"""What counts as the effect of a limit of throughput, on a path as fast as a test says."""

from dataclasses import dataclass

import pytest

from chaosnetra.connector.effects import BYTES_PER_MEGABIT, effect_of, look
from chaosnetra.connector.model import OPEN_CONNECTOR
from chaosnetra.paths import FirstAnswer, FirstAnswerTiming

TEN = OPEN_CONNECTOR.changed({"throughput_mbps_per_instance": 10})


@dataclass
class Path:
    """Rates in megabits a second, and what else is on the path."""

    mbps: float
    direct_mbps: float = 10_000
    latency_seconds: float = 0.0

    def first_answers(
        self, connections: int, timeout_seconds: float, *, direct: bool = False
    ) -> list[FirstAnswerTiming]:
        return [FirstAnswerTiming(FirstAnswer.ANSWERED, 0.001)] * connections

    def transfer_seconds(
        self, size_bytes: int, direction: str, timeout_seconds: float, *, direct: bool = False
    ) -> float:
        mbps = self.direct_mbps if direct else self.mbps
        return size_bytes / BYTES_PER_MEGABIT / mbps + (0 if direct else self.latency_seconds)

    def added_round_trips(self, samples: int, timeout_seconds: float) -> list[float]:
        raise AssertionError("no round trip tells of throughput")

    def close_seconds(self, direction: str, timeout_seconds: float) -> float:
        raise AssertionError("no close tells of throughput")


@pytest.mark.parametrize(
    ("before", "after", "is_felt"),
    [
        (None, Path(10), True),
        (None, Path(8, direct_mbps=8), False),  # a path that is as slow by itself
        (None, Path(10_000), False),
        (Path(10_000, latency_seconds=2), Path(10, latency_seconds=2), True),
        (Path(10_000, latency_seconds=2), Path(10_000, latency_seconds=2), False),
        (Path(5), Path(5), False),  # behind a limit that is narrower
        (Path(20), Path(10), True),
    ],
)
def test_a_limit_counts_where_the_path_is_faster_without_it(
    before: Path | None, after: Path, is_felt: bool
) -> None:
    slots = TEN.connections_per_instance
    state = {"in_use": 0, "slots": slots, "instances": 1, "model": TEN.to_json()}
    found = effect_of(state, TEN, after, None if before is None else look(TEN, before))
    assert (found.quantity, found.in_effect) == ("throughput_mbps", is_felt), found
