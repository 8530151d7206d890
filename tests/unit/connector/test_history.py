"""What is kept of a connector's past: bounded, with its peaks."""

from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.connector.history import MOST_EVENTS, MOST_SAMPLES, History, Sample


def sample(at_seconds: float, queued: int = 0, in_use: int = 0) -> Sample:
    return Sample(at_seconds, 2, 50, in_use, queued, in_use, queued, 0)


def test_what_happens_at_once_is_one_sample_with_its_peaks() -> None:
    history = History()
    for at, queued in ((0.001, 1), (0.002, 9), (0.003, 2)):
        history.add(sample(at, queued))
    (kept,) = history.to_json()["samples"]
    assert (kept["at_seconds"], kept["queued"], kept["most_queued"]) == (0.003, 2, 9)


def test_a_long_time_is_kept_coarser_and_whole() -> None:
    history = History()
    for number in range(40_000):
        history.add(sample(number * 0.125, queued=7 if number == 31_415 else 0, in_use=number % 50))
    kept = history.to_json()
    assert MOST_SAMPLES / 4 <= len(kept["samples"]) <= MOST_SAMPLES
    assert max(one["most_queued"] for one in kept["samples"]) == 7
    assert kept["samples"][-1]["at_seconds"] == 4999.875
    assert kept["interval_seconds"] < 20


def test_the_newest_events_are_kept() -> None:
    history = History()
    for number in range(MOST_EVENTS + 5):
        history.note(number, "scaled up", {"instances": number})
    events = history.to_json()["events"]
    assert len(events) == MOST_EVENTS
    assert events[-1] == {
        "at_seconds": MOST_EVENTS + 4,
        "event": "scaled up",
        "instances": MOST_EVENTS + 4,
    }


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.integers(0, 100), st.integers(0, 100)), min_size=1)
)
def test_samples_stay_in_order_and_peaks_are_never_lost(
    values: list[tuple[float, int, int]],
) -> None:
    history = History()
    at = 0.0
    for wait, queued, in_use in values:
        at += wait
        history.add(sample(at, queued, in_use))
    kept = history.to_json()["samples"]
    times = [one["at_seconds"] for one in kept]
    assert times == sorted(times)
    assert max(one["most_queued"] for one in kept) == max(queued for _, queued, _ in values)
    assert max(one["most_in_use"] for one in kept) == max(in_use for *_, in_use in values)
    assert (kept[-1]["queued"], kept[-1]["in_use"]) == values[-1][1:]
