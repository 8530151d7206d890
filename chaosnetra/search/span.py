"""The values that a search may try, on the scale on which it looks at them."""

import math
from dataclasses import dataclass

# Ends that differ by so much are looked at by their logarithms.
LOGARITHMIC_RATIO = 4.0


@dataclass(frozen=True)
class Span:
    """Values from `lower` to `upper`, in the unit of what is varied.

    A position on it says how hard a value is: 0 at the end that is easier to bear, 1 at the other.

    Attributes:
        lower: the least value; finite.
        upper: the greatest; above `lower`.
        whole: whether only whole numbers may be tried.
        falling: whether it gets harder as the value falls, as with a bandwidth.
    """

    lower: float
    upper: float
    whole: bool = False
    falling: bool = False

    @property
    def easy(self) -> float:
        """The end that is easier to bear."""
        return self.upper if self.falling else self.lower

    @property
    def hard(self) -> float:
        """The other end."""
        return self.lower if self.falling else self.upper

    @property
    def grows(self) -> str:
        """Where a value goes as it gets harder: up or down."""
        return "down" if self.falling else "up"

    def hardness(self, value: float) -> float:
        """A number that is greater the harder a value is, for any value."""
        return -value if self.falling else value

    @property
    def is_logarithmic(self) -> bool:
        """Whether steps are ratios: ends above 0 that lie far from each other."""
        return self.lower > 0 and self.upper / self.lower >= LOGARITHMIC_RATIO

    def position(self, value: float) -> float:
        """How hard a value is: 0 at the easy end, 1 at the hard one, and beyond outside of them."""
        if not self.is_logarithmic:
            share = (value - self.lower) / (self.upper - self.lower)
        elif value <= 0:
            share = -math.inf
        else:
            share = math.log(value / self.lower) / math.log(self.upper / self.lower)
        return 1 - share if self.falling else share

    def value(self, position: float) -> float:
        """The value at a position; a whole number where only those may be tried."""
        share = 1 - position if self.falling else position
        if self.is_logarithmic:
            value = self.lower * (self.upper / self.lower) ** share
        else:
            value = self.lower + share * (self.upper - self.lower)
        return float(round(value)) if self.whole else value
