"""How often attempts fail at each value of a fault, as far as trials tell.

The model is the psychometric function: a logistic response between two lapse rates,

    p(x) = lapse_below + (1 - lapse_below - lapse_above) / (1 + exp(-(x - centre) / scale))

with a posterior on a grid over all four, and trials placed where they are expected to tell most
about the centre (Kontsevich and Tyler 1999, Vision Research 39:2729; Prins 2013, Journal of Vision
13(7):3, for lapses as parameters). `x` is a position on a `Span`: 0 at its easy end, 1 at its hard
one. The centre may lie beyond either end, which says that the response does.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chaosnetra.search.span import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95
# The grid. Positions of the centre, as far beyond the ends as `BEYOND`.
CENTRES = 801
BEYOND = 0.25
# From 10 % to 90 % of the response, in parts of the span, and how likely each is in proportion:
# what ends startups is mostly a limit, and that makes a steep response.
WIDTHS = (0.002, 0.005, 0.012, 0.03, 0.07, 0.15, 0.3, 0.6, 1.2)
WIDTH_WEIGHTS = (4.0, 4.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.25, 0.125)
# Trials that end otherwise than the fault wants, and how likely that is.
LAPSES = ((0.001, 0.5), (0.02, 0.25), (0.06, 0.15), (0.15, 0.1))
TEN_TO_NINETY = 2 * math.log(9)
# Attempts of one trial have a machine and a moment in common: together they count as so many.
MOST_COUNTED = 3.0
# Trials whose likelihood is kept, a megabyte each.
MOST_KEPT = 64
_LARGEST_LOGARITHM = 700.0
# Values that are weighed up for the next trial, as quantiles of the centre.
CANDIDATES = tuple((number + 0.5) / 24 for number in range(24))


class Trial(NamedTuple):
    """One trial: a number of attempts under the fault at one value.

    Attributes:
        value: that was tried.
        failures: attempts that failed.
        attempts: 1 or more; where only the answer of the steady state is known, it is one.
    """

    value: float
    failures: int
    attempts: int = 1


class Estimate(NamedTuple):
    """A value that is looked for, with the credible interval that it lies in.

    An end is None where the interval reaches beyond the span: nothing was tried there.
    """

    low: float | None
    value: float | None
    high: float | None
    confidence: float


class Prediction(NamedTuple):
    """Where the steady state is expected to stop holding, and how far off that may be.

    `spread` is a standard deviation as a share of the value.
    """

    value: float
    spread: float = 0.05


@cache
def _centres() -> "NDArray[np.float64]":
    import numpy as np

    return np.linspace(-BEYOND, 1 + BEYOND, CENTRES)


@cache
def _scales() -> "NDArray[np.float64]":
    import numpy as np

    return np.array(WIDTHS) / TEN_TO_NINETY


@cache
def _lapses() -> "tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]":
    """Rates below and above the centre, and how likely each pair is."""
    import numpy as np

    pairs = [(low, high, p * q) for low, p in LAPSES for high, q in LAPSES]
    below, above, chance = np.array(pairs).T
    return below, above, chance


def _rises(position: float) -> "NDArray[np.float64]":
    """The logistic response at a position, for each centre and width of the grid."""
    import numpy as np

    steps = (position - _centres()[:, None]) / _scales()[None, :]
    rises: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(steps, -60, 60)))
    return rises


@lru_cache(maxsize=MOST_KEPT)
def _logarithm(position: float, failures: int, attempts: int) -> "NDArray[np.float64]":
    """Of how likely a trial is, for each point of the grid."""
    import numpy as np

    below, above, _ = _lapses()
    chance = below + (1 - below - above) * _rises(position)[:, :, None]
    found: NDArray[np.float64] = np.zeros_like(chance)
    if failures:
        found = found + failures * np.log(chance)
    if failures < attempts:
        found = found + (attempts - failures) * np.log(1 - chance)
    found *= min(1.0, MOST_COUNTED / attempts)
    return found


def _summed(places: "NDArray[np.intp]", masses: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The mass at each place of the grid."""
    import numpy as np

    summed = np.bincount(places.ravel(), masses.ravel(), CENTRES)
    return summed.astype(np.float64, copy=False)


@dataclass(frozen=True)
class Response:
    """What trials on a span tell.

    Attributes:
        span: the values that may be tried.
        trials: that were made.
        prediction: of what is known beforehand; it is half of what is believed before the
            first trial, so that a wrong one is outvoted.
    """

    span: Span
    trials: tuple[Trial, ...] = ()
    prediction: Prediction | None = None

    def point(self, level: float = 0.5, confidence: float = CONFIDENCE) -> Estimate:
        """The value at which a share `level` of the attempts fails, lapses aside.

        Args:
            level: above 0 and below 1.
            confidence: of the interval, above 0 and below 1.
        """
        if level == 0.5:
            return self._estimate(_centres(), self._of_centre, confidence)
        import numpy as np

        offset = math.log(level / (1 - level))
        positions = _centres()[:, None] + offset * _scales()[None, :]
        mass = self._posterior.sum(axis=2)
        order = np.argsort(positions, axis=None)
        return self._estimate(positions.ravel()[order], mass.ravel()[order], confidence)

    def chance_harder(self, value: float) -> float:
        """How likely it is that the centre is harder than a value, 0 to 1."""
        return float(self._of_centre[_centres() > self.span.position(value)].sum())

    def failing_at(self, values: Iterable[float]) -> list[float]:
        """The expected share of attempts that fail at each value: the response curve."""
        return [float(self._failing(self.span.position(value)).sum()) for value in values]

    def odds_of_none(self) -> float:
        """How much likelier the trials are where attempts fail alike at every value than where
        they follow the response: Bayes' factor, whatever share may fail alike being as likely as
        any other. A prediction counts for nothing here."""
        import numpy as np

        logarithm = self._without_prediction._logarithm
        most = float(logarithm.max())
        follow = most + math.log(float(np.exp(logarithm - most).sum()))
        failed = held = 0.0
        for trial in self.trials:
            counted = min(1.0, MOST_COUNTED / trial.attempts)
            failed += counted * trial.failures
            held += counted * (trial.attempts - trial.failures)
        alike = math.lgamma(failed + 1) + math.lgamma(held + 1) - math.lgamma(failed + held + 2)
        return math.exp(min(alike - follow, _LARGEST_LOGARITHM))

    @property
    def _without_prediction(self) -> "Response":
        return self if self.prediction is None else replace(self, prediction=None)

    def next_value(self, level: float = 0.5) -> float:
        """Where one more trial is expected to tell most about `point(level)`."""
        import numpy as np

        place = self._places(level)
        mass = _summed(place, self._posterior.sum(axis=2))
        quantiles = np.searchsorted(np.cumsum(mass), CANDIDATES)
        wanted = np.clip(_centres()[np.minimum(quantiles, CENTRES - 1)], 0.0, 1.0)
        values = sorted({self.span.value(float(position)) for position in wanted})
        losses = [
            self._expected_entropy(self.span.position(value), place, mass) for value in values
        ]
        return values[int(np.argmin(losses))]

    def _places(self, level: float) -> "NDArray[np.intp]":
        """For each centre and width of the grid the centre at which `point(level)` lies."""
        import numpy as np

        offset = math.log(level / (1 - level))
        positions = _centres()[:, None] + offset * _scales()[None, :]
        step = (1 + 2 * BEYOND) / (CENTRES - 1)
        nearest = np.rint((positions + BEYOND) / step).astype(np.intp)
        places: NDArray[np.intp] = np.clip(nearest, 0, CENTRES - 1)
        return places

    @cached_property
    def _prior(self) -> "NDArray[np.float64]":
        import numpy as np

        centres = np.full(CENTRES, 1 / CENTRES)
        if self.prediction is not None:
            # Positions of the value with one deviation more and less tell its spread there.
            at = self.span.position(self.prediction.value)
            above = self.span.position(self.prediction.value * (1 + self.prediction.spread))
            spread = max(abs(above - at), 1 / CENTRES)
            near = np.exp(-0.5 * ((_centres() - at) / spread) ** 2)
            if near.sum() > 0:
                centres = (centres + near / near.sum()) / 2
        widths = np.array(WIDTH_WEIGHTS) / sum(WIDTH_WEIGHTS)
        prior: NDArray[np.float64] = (
            centres[:, None, None] * widths[None, :, None] * _lapses()[2][None, None, :]
        )
        return prior

    @cached_property
    def _logarithm(self) -> "NDArray[np.float64]":
        """Of the prior times how likely the trials are."""
        import numpy as np

        logarithm: NDArray[np.float64] = np.log(self._prior)
        for trial in self.trials:
            position = self.span.position(trial.value)
            logarithm += _logarithm(position, trial.failures, trial.attempts)
        return logarithm

    @cached_property
    def _posterior(self) -> "NDArray[np.float64]":
        import numpy as np

        logarithm = self._logarithm
        weights = np.exp(logarithm - logarithm.max())
        posterior: NDArray[np.float64] = weights / weights.sum()
        return posterior

    @cached_property
    def _of_centre(self) -> "NDArray[np.float64]":
        marginal: NDArray[np.float64] = self._posterior.sum(axis=(1, 2))
        return marginal

    @cached_property
    def _lapsing(self) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """The posterior with the lapses summed up, by centre and width.

        First the mass that fails below, then what lies between both lapses: at a position the
        first fails, and so much of the second as has risen there.
        """
        below, above, _ = _lapses()
        return self._posterior @ below, self._posterior @ (1 - below - above)

    def _failing(self, position: float) -> "NDArray[np.float64]":
        """The mass of each centre and width with which an attempt fails at a position."""
        below, between = self._lapsing
        failing: NDArray[np.float64] = below + between * _rises(position)
        return failing

    def _expected_entropy(
        self, position: float, place: "NDArray[np.intp]", mass: "NDArray[np.float64]"
    ) -> float:
        """Of what has this mass at its places, after one more trial at a position."""
        import numpy as np

        failing = _summed(place, self._failing(position))
        total = 0.0
        for part in (failing, mass - failing):
            chance = part.sum()
            share = part[part > 0] / chance if chance > 0 else part[part > 0]
            total -= float(chance * (share * np.log(share)).sum())
        return total

    def _estimate(
        self, positions: "NDArray[np.float64]", masses: "NDArray[np.float64]", confidence: float
    ) -> Estimate:
        import numpy as np

        sums = np.cumsum(masses)
        first, middle, last = (
            float(positions[min(int(np.searchsorted(sums, share)), len(positions) - 1)])
            for share in ((1 - confidence) / 2, 0.5, (1 + confidence) / 2)
        )
        # What stands for a cell of the grid may lie anywhere in it.
        half = (1 + 2 * BEYOND) / (CENTRES - 1) / 2
        low, high = self._inside(first - half), self._inside(last + half)
        if self.span.falling:
            low, high = high, low
        return Estimate(low, self._inside(middle), high, confidence)

    def _inside(self, position: float) -> float | None:
        return self.span.value(position) if 0 <= position <= 1 else None


def chance_bears_more(before: Response, after: Response) -> float:
    """How likely it is that the centre of `after` is harder than that of `before`, 0 to 1.

    Both may have spans of their own, which get harder in the same direction. What lies at the same
    value counts half.
    """
    import numpy as np

    values = [
        np.array([response.span.hardness(response.span.value(float(at))) for at in _centres()])
        for response in (before, after)
    ]
    sums = np.concatenate([[0.0], np.cumsum(before._of_centre)])
    below = sums[np.searchsorted(values[0], values[1], side="left")]
    upto = sums[np.searchsorted(values[0], values[1], side="right")]
    chance = float((after._of_centre * (below + upto) / 2).sum())
    return min(1.0, max(0.0, chance))
