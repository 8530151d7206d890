"""Axes: where a value lies, and which values to mark."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Times that differ by more than this are shown on a logarithmic axis.
LOGARITHMIC_FROM = 60
LEAST_TICKS, MOST_TICKS = 3, 6
# Nothing is told apart that is nearer to 0.
FINEST = 1e-6


@dataclass(frozen=True)
class Scale:
    """A range of values on an axis.

    Attributes:
        low: at its beginning; above 0 when it is logarithmic.
        high: at its end, above `low`.
        logarithmic: whether equal ratios have equal lengths.
        whole: whether only whole numbers are marked.
    """

    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1; values beyond an end lie at it."""
        if self.logarithmic:
            if value <= self.low:
                return 0.0
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def percent(self, value: float) -> str:
        """Where a value lies, as SVG wants it."""
        return f"{100 * self.share(value):.3f}".rstrip("0").rstrip(".") + "%"

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def ticks(self) -> list[float]:
        """Round values to mark: at most six, and three at the least where that many are round.

        A logarithmic axis has powers of ten; a short one 1, 2 and 5 times these, or 1 and 3 times;
        one that is shorter still has what an even one would have.
        """
        return self._decades() if self.logarithmic else self._steps()

    def _steps(self) -> list[float]:
        rough = (self.high - self.low) / (MOST_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        sizes = (1, 2, 5, 10) if self.whole else (1, 2, 2.5, 5, 10)
        step = next(power * one for one in sizes if power * one >= rough * 0.999)
        if self.whole:
            return self._multiples(max(1.0, step))
        marks = self._multiples(step)
        return marks if len(marks) >= LEAST_TICKS else self._multiples(step / 2)

    def _multiples(self, step: float) -> list[float]:
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(step * number, 12) for number in range(first, last + 1)]

    def _decades(self) -> list[float]:
        first = math.ceil(math.log10(self.low) - 1e-9)
        last = math.floor(math.log10(self.high) + 1e-9)
        every = max(1, math.ceil((last - first + 1) / MOST_TICKS))
        decades = [10.0**power for power in range(first, last + 1, every)]
        if len(decades) >= LEAST_TICKS:
            return decades
        room = 1e-9 * self.high
        for steps in ((1, 2, 5), (1, 3)):
            marks = [
                round(step * 10.0**power, 12)
                for power in range(first - 1, last + 1)
                for step in steps
            ]
            found = [one for one in marks if self.low - room <= one <= self.high + room]
            if LEAST_TICKS <= len(found) <= MOST_TICKS:
                return found
        return self._steps()


def scale_of(values: Iterable[float], *, whole: bool = False) -> Scale:
    """A scale from 0 that holds these values.

    Args:
        values: finite, not negative; without any the scale is 0 to 1.
        whole: whether they are counts.
    """
    found = list(values)
    high = max(found, default=1.0)
    return Scale(0.0, max(FINEST, high * 1.05) if high > 0 else 1.0, whole=whole)


def time_scale_of(values: Iterable[float]) -> Scale:
    """A scale for times: logarithmic where they differ very much."""
    found = sorted(max(FINEST, value) for value in values if value > 0)
    if not found or found[-1] < LOGARITHMIC_FROM * found[len(found) // 20]:
        return scale_of(found)
    # From 1, 2 or 5 times a power of ten, below the smallest.
    power, least = 10.0 ** math.floor(math.log10(found[0])), found[0] * 0.999
    low = next((power * one for one in (5, 2) if power * one <= least), power)
    return Scale(low, found[-1] * 1.15, logarithmic=True)


def seconds_text(seconds: float) -> str:
    """Seconds for people: three digits, and milliseconds where they are short."""
    if seconds == 0:
        return "0 s"
    if abs(seconds) < 0.0995:
        return f"{1000 * seconds:.3g} ms"
    if abs(seconds) < 999.5:
        return f"{seconds:.3g} s"
    return f"{seconds:,.0f} s"


def number_text(value: float) -> str:
    """A number for people, at most four digits where it is not whole."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def share_text(share: float) -> str:
    """A share as per cent, with one decimal where it is small."""
    percent = 100 * share
    if percent and min(percent, 100 - percent) < 1 and percent != 100:
        return f"{percent:.2g}%"
    return f"{percent:.0f}%"
