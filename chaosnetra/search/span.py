"""The values that a search may try, on the scale on which it looks at them."""

import math
from dataclasses import dataclass

# Ends that differ by so much are looked at by their logarithms.
LOGARITHMIC_RATIO = 4.0


@dataclass(frozen=True)
class Span:
    """Values from `lower` to `upper`, in the unit of what is varied.

    Attributes:
        lower: the least value; finite.
        upper: the greatest; above `lower`.
        whole: whether only whole numbers may be tried.
    """

    lower: float
    upper: float
    whole: bool = False

    @property
    def is_logarithmic(self) -> bool:
        """Whether steps are ratios: ends above 0 that lie far from each other."""
        return self.lower > 0 and self.upper / self.lower >= LOGARITHMIC_RATIO

    def position(self, value: float) -> float:
        """Where a value lies: 0 at the lower end, 1 at the upper; beyond them outside of that."""
        if self.is_logarithmic:
            if value <= 0:
                return -math.inf
            return math.log(value / self.lower) / math.log(self.upper / self.lower)
        return (value - self.lower) / (self.upper - self.lower)

    def value(self, position: float) -> float:
        """The value at a position; a whole number where only those may be tried."""
        if self.is_logarithmic:
            value = self.lower * (self.upper / self.lower) ** position
        else:
            value = self.lower + position * (self.upper - self.lower)
        return float(round(value)) if self.whole else value
