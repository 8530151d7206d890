"""What counts as the effect of a toxic, on a path that answers as the test says."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.faults import Effect
from chaosnetra.paths import FirstAnswer, FirstAnswerTiming
from chaosnetra.toxiproxy.effects import effect_of, effect_of_switch, look, look_at_switch
from chaosnetra.toxiproxy.toxics import make_toxic


@dataclass
class Path:
    """A path; its values are what everything that is on it comes to.

    `slow_ms`: what the first answers of new connections wait more than directly, in turn.
    """

    latency_ms: float = 0.0
    spread_ms: float = 0.0
    seconds_a_byte: float = 1e-9
    close: float = 0.001
    answer: FirstAnswer = FirstAnswer.ANSWERED
    answer_seconds: float = 0.001
    lost_after: int = 1 << 40
    slow_ms: tuple[float, ...] = (0.0,)
    direct_ms: float = 1.0

    def added_round_trips(self, samples: int, timeout_seconds: float) -> list[float]:
        wave = [(number % 5 - 2) * self.spread_ms / 2 for number in range(samples)]
        return sorted((self.latency_ms + one) / 1000 for one in wave)

    def first_answers(
        self, connections: int, timeout_seconds: float, *, direct: bool = False
    ) -> list[FirstAnswerTiming]:
        if connections == 1 and not direct:
            seconds = min(self.answer_seconds, timeout_seconds)
            is_late = self.answer_seconds > timeout_seconds
            return [FirstAnswerTiming(FirstAnswer.SILENT if is_late else self.answer, seconds)]
        slow = (0.0,) if direct else self.slow_ms
        waits = [self.direct_ms + slow[number % len(slow)] for number in range(connections)]
        return [FirstAnswerTiming(FirstAnswer.ANSWERED, one / 1000) for one in waits]

    def transfer_seconds(
        self, size_bytes: int, direction: str, timeout_seconds: float, *, direct: bool = False
    ) -> float:
        if not direct and size_bytes > self.lost_after:
            raise DatabaseUnavailable("the connection was lost")
        return size_bytes * (1e-9 if direct else self.seconds_a_byte) + self.latency_ms / 1000

    def close_seconds(self, direction: str, timeout_seconds: float) -> float:
        return self.close


def toxic(kind: str, toxicity: float = 1.0, **values: Any) -> Any:
    return make_toxic("one", kind, "downstream", toxicity, values)


def beside(kind: Any, before: Path, after: Path) -> Effect:
    """The effect of a toxic that makes of one path, on which others are, the other one."""
    return effect_of(kind, after, look(kind, before))


RATE = toxic("bandwidth", rate_kb_per_second=100)
SLOWER = toxic("latency", latency_ms=100)
CLOSED = {"answer": FirstAnswer.CLOSED}


@pytest.mark.parametrize(
    ("kind", "before", "after", "observed"),
    [
        (SLOWER, Path(100), Path(201), 101),
        (SLOWER, Path(900), Path(1001), 101),
        (toxic("slow_close", delay_ms=200), Path(close=0.5), Path(close=0.7), 0.2),
        (toxic("slicer", average_size_bytes=100, delay_us=500), Path(200), Path(800), 0.6),
        (RATE, Path(200), Path(200, seconds_a_byte=1e-5), 83.3),
        (RATE, Path(4000), Path(4000, seconds_a_byte=1e-5), 20.0),
        (RATE, Path(seconds_a_byte=7e-6), Path(seconds_a_byte=1e-5), 100.0),
        (toxic("timeout", timeout_ms=0), Path(answer_seconds=2), Path(answer_seconds=99), "silent"),
        (toxic("timeout", timeout_ms=200), Path(**CLOSED, answer_seconds=1),
         Path(**CLOSED, answer_seconds=0.2), "closed after 0.200 s"),
        (toxic("limit_data", limit_bytes=9), Path(), Path(lost_after=9), "lost"),
        (toxic("reset_peer", timeout_ms=0), Path(answer_seconds=2),
         Path(answer=FirstAnswer.RESET), "reset"),
    ],
    ids=lambda one: getattr(one, "type", None),
)  # fmt: skip
def test_what_others_on_the_path_do_is_not_the_effect_of_a_toxic(
    kind: Any, before: Path, after: Path, observed: Any
) -> None:
    found = beside(kind, before, after)
    assert (found.in_effect, found.observed) == (
        True,
        observed if isinstance(observed, str) else pytest.approx(observed, rel=0.01),
    )
    # The same path with a toxic more that does nothing: whatever the others do.
    for path in (after, replace(after, spread_ms=5.0)):
        idle = beside(kind, path, path)
        assert not idle.in_effect, idle


def test_one_that_adds_to_each_round_trip_tells_its_own_share_of_it() -> None:
    assert beside(SLOWER, Path(400), Path(500)).added_round_trip_seconds == pytest.approx(0.1)
    assert beside(SLOWER, Path(400), Path(500)).detail.endswith("less the 400.00 without it")


def test_what_is_less_than_the_jitter_of_the_others_is_not_told_from_it() -> None:
    found = beside(SLOWER, Path(500, spread_ms=400), Path(700, spread_ms=400))
    assert (found.in_effect, found.observed) == (False, "not measured")
    assert "which 100 ms cannot be told from" in found.detail
    assert beside(SLOWER, Path(500, spread_ms=20), Path(600, spread_ms=20)).in_effect


def test_a_toxic_with_other_values_is_not_held_against_a_look_at_something_else() -> None:
    before = look(RATE, Path())
    for rate in (500, 0):
        found = effect_of(toxic("bandwidth", rate_kb_per_second=rate), Path(), before)
        assert (found.in_effect, found.observed) == (False, "not measured")
        assert "without it the path is known for" in found.detail


def test_a_proxy_that_refused_before_it_was_taken_down_says_nothing_of_that() -> None:
    refuses = Path(answer=FirstAnswer.REFUSED)
    assert effect_of_switch(False, refuses, look_at_switch(Path())).in_effect
    found = effect_of_switch(False, refuses, look_at_switch(refuses))
    assert not found.in_effect
    assert "refused without it too" in found.detail


@pytest.mark.parametrize("answer", [FirstAnswer.RESET, FirstAnswer.CLOSED])
def test_a_hop_before_a_proxy_that_is_down_ends_what_it_had_accepted(answer: FirstAnswer) -> None:
    loses = Path(answer=answer)
    assert effect_of_switch(False, loses, look_at_switch(Path())).in_effect
    assert effect_of_switch(False, loses).in_effect
    assert not effect_of_switch(False, loses, look_at_switch(loses)).in_effect
    assert not effect_of_switch(True, loses).in_effect


@pytest.mark.parametrize(
    ("toxicity", "slow_ms", "direct_ms", "in_effect"),
    [
        (0.5, (0.0, 50.0), 1.0, True),
        (0.5, (0.0, 50.0), 80.0, True),  # far away, where each waits longer than the toxic adds
        (0.5, (0.0,), 80.0, False),
        (0.5, (0.0,), 1.0, False),
        (0.5, (50.0,), 1.0, False),  # on all connections, which is not what was wanted
        (0.05, (50.0, *[0.0] * 11), 1.0, True),
        (0, (50.0,), 1.0, False),
    ],
)
def test_a_toxic_on_a_share_is_held_against_the_direct_path(
    toxicity: float, slow_ms: tuple[float, ...], direct_ms: float, in_effect: bool
) -> None:
    kind = toxic("latency", toxicity, latency_ms=50)
    found = effect_of(kind, Path(slow_ms=slow_ms, direct_ms=direct_ms))
    assert found.in_effect == in_effect, found
    assert ("the toxicity is 0" in found.detail) == (toxicity == 0)
    if in_effect:
        assert found.added_round_trip_seconds == pytest.approx(0.05)
        assert f"40 ms more than the {direct_ms:.0f} ms directly" in found.detail


def test_a_toxic_on_a_share_is_held_against_what_others_do_to_all() -> None:
    kind = toxic("latency", 0.5, latency_ms=50)
    all_slow, some_slower = Path(slow_ms=(200.0,)), Path(slow_ms=(200.0, 250.0))
    assert beside(kind, all_slow, some_slower).in_effect
    assert not beside(kind, all_slow, all_slow).in_effect
