"""How well simulated searches find a breaking point that is known, and in how many trials.

    python benchmarks/search.py [--searches 500] [--grids 40] [--processes 2]

Each kind of response is searched without and with a prediction, which is off by 5 % (one standard
deviation), in 40 trials at most. Printed are the share of the intervals that hold the truth, the
trials that a search takes (median), and those of the smallest even grid, judged by the same
posterior, whose interval is as narrow as that of the search without a prediction. Last come keys
that decide nothing: how often that is told, and after how many trials.
"""

import argparse
import math
import random
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from chaosnetra.search.conclusion import end_of, levels_of, response_of
from chaosnetra.search.endings import End, is_precise
from chaosnetra.search.levels import failing_share
from chaosnetra.search.placing import next_value
from chaosnetra.search.record import VERSION, Forecast, Limit, Search, SearchTrial
from chaosnetra.search.response import Estimate
from chaosnetra.search.span import Span

SPAN = Span(20, 2000)
ATTEMPTS = 5
MAX_FAILURE_RATE = 0.2
GRIDS = (3, 5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 300)
# A search of an even grid has no bound of its own.
MOST_TRIALS = 1000


@dataclass(frozen=True)
class Kind:
    """A kind of response: its width from 10 to 90 %, and lapses on either side."""

    name: str
    width: float
    lapses: float = 0.0


KINDS = (
    Kind("step", 0.0),
    Kind("steep", 0.02),
    Kind("flat", 0.3),
    Kind("lapsing", 0.02, 0.05),
)


# Of a key that decides nothing, how many attempts fail at every value.
ALIKE = (0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Found:
    """What one simulated search found."""

    covered: bool
    trials: int
    precise: bool
    width: float
    alike: bool


def new_search(forecast: float | None = None, trials: int = 40) -> Search:
    """A search without trials."""
    limit = Limit("budget", 1.0, 0.1, 24)
    return Search(
        version=VERSION,
        chaosnetra="",
        experiment="",
        fingerprint="",
        title="",
        key="latency_ms",
        feeds="",
        span=SPAN,
        resolution=0.0,
        seed=0,
        precision=0.1,
        most_trials=trials,
        most_seconds=None,
        operating_point=None,
        operating_point_measured=False,
        at_least=None,
        variables=(),
        profile=None,
        target=None,
        time_scale=1.0,
        forecast=None if forecast is None else Forecast(forecast, 0.05, limit, ""),
    )


def response(kind: Kind, centre: float) -> Callable[[float], float]:
    """The chance that an attempt fails at a value."""

    def fails(value: float) -> float:
        away = SPAN.position(value) - centre
        if kind.width == 0:
            rises = float(away > 0)
        else:
            rises = 1 / (1 + math.exp(-away * 2 * math.log(9) / kind.width))
        return kind.lapses + (1 - 2 * kind.lapses) * rises

    return fails


def truth_of(kind: Kind, centre: float) -> float:
    """The value at which a trial is violated with 50 %, lapses aside."""
    level = failing_share(MAX_FAILURE_RATE, ATTEMPTS, 0.5)
    offset = math.log(level / (1 - level)) * kind.width / (2 * math.log(9))
    return SPAN.value(centre + offset)


def tried(
    search: Search, value: float, fails: Callable[[float], float], draw: random.Random
) -> Search:
    """A search with one more trial."""
    chance = fails(value)
    failures = sum(draw.random() < chance for _ in range(ATTEMPTS))
    outcome = "violated" if failures > MAX_FAILURE_RATE * ATTEMPTS else "held"
    number = len(search.trials) + 1
    trial = SearchTrial(
        number, value, value, outcome, ATTEMPTS, failures, MAX_FAILURE_RATE, "", None, "", 1.0
    )
    return replace(search, trials=(*search.trials, trial))


def simulated(kind: Kind, seed: int, *, predicted: bool) -> Found:
    """One search with a known truth."""
    draw = random.Random(f"{kind.name} {seed}")
    centre = draw.uniform(0.15, 0.85)
    truth = truth_of(kind, centre)
    search = new_search(truth * draw.gauss(1, 0.05) if predicted else None)
    fails = response(kind, centre)
    while end_of(search) is End.GOES_ON:
        search = tried(search, next_value(search), fails, draw)
    point = response_of(search).point(levels_of(search)[0])
    low = -math.inf if point.low is None else point.low
    high = math.inf if point.high is None else point.high
    alike = end_of(search) is End.INDEPENDENT
    precise = is_precise(search, point)
    return Found(low <= truth <= high, len(search.trials), precise, _width(point), alike)


def without_response(chance: float, seed: int) -> Found:
    """One search of a key that decides nothing."""
    draw = random.Random(f"{chance} {seed}")
    search = new_search()
    while end_of(search) is End.GOES_ON:
        search = tried(search, next_value(search), lambda _: chance, draw)
    return Found(False, len(search.trials), False, math.inf, end_of(search) is End.INDEPENDENT)


def _width(point: Estimate | None) -> float:
    """Of an interval, on the scale of the span."""
    if point is None or point.low is None or point.high is None:
        return math.inf
    return SPAN.position(point.high) - SPAN.position(point.low)


def even_grid(kind: Kind, seed: int) -> int:
    """Trials of the smallest even grid that is as precise; the largest that is tried, if none."""
    wanted = simulated(kind, seed, predicted=False).width
    for count in GRIDS:
        draw = random.Random(f"{kind.name} {seed}")
        centre = draw.uniform(0.15, 0.85)
        search = new_search(trials=MOST_TRIALS)
        for number in range(count):
            value = SPAN.value(number / (count - 1))
            search = tried(search, value, response(kind, centre), draw)
        if _width(response_of(search).point(levels_of(search)[0])) <= wanted:
            return count
    return GRIDS[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=500)
    parser.add_argument("--grids", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as pool:
        for kind in KINDS:
            grids = [pool.submit(even_grid, kind, seed) for seed in range(given.grids)]
            for predicted in (False, True):
                jobs = [
                    pool.submit(simulated, kind, seed, predicted=predicted)
                    for seed in range(given.searches)
                ]
                found = [job.result() for job in jobs]
                covered = sum(one.covered for one in found) / len(found)
                trials = statistics.median(one.trials for one in found)
                precise = sum(one.precise for one in found) / len(found)
                name = f"{kind.name}, {'predicted' if predicted else 'not predicted'}"
                print(
                    f"{name:24} interval holds the truth: {covered:.1%}; trials: median "
                    f"{trials:g}, at most {max(one.trials for one in found)}; "
                    f"precise enough: {precise:.0%}; said to fail alike at every value: "
                    f"{sum(one.alike for one in found)}",
                    flush=True,
                )
            if grids:
                grid = statistics.median(job.result() for job in grids)
                print(f"{kind.name + ', even grid':24} trials: median {grid:g}", flush=True)
        for chance in ALIKE:
            jobs = [pool.submit(without_response, chance, seed) for seed in range(given.searches)]
            found = [job.result() for job in jobs]
            trials = statistics.median(one.trials for one in found)
            told = sum(one.alike for one in found) / len(found)
            print(
                f"{f'fails alike, {chance:.0%}':24} told so: {told:.1%}; trials: median {trials:g}"
            )


if __name__ == "__main__":
    main()
