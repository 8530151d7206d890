"""Where two values together break: a map of what holds, what is violated, and what is not known.

Both get harder in one direction. So a trial that held decides all that is easier in both values,
and one that was violated all that is harder in both; the next one is made where it is sure to
decide most, whatever its outcome.
"""

import operator
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain, product
from typing import TYPE_CHECKING, Any

from chaosnetra.search.conclusion import drift_of
from chaosnetra.search.endings import End, end_without_answer, exit_code_of, nothing_at
from chaosnetra.search.placing import rounded
from chaosnetra.search.record import Axis, Search, SearchTrial
from chaosnetra.search.span import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Values of each key by which the map is measured.
STEPS = 24
# Where so much of the map rests on one trial alone, it is made once more.
RESTS_ON_ONE = 0.15
Place = tuple[float, float]


@dataclass(frozen=True)
class Column:
    """What is known at one value of the first key; None: nothing such.

    Attributes:
        value: of the first key.
        holds_to: hardest value of the second key at which it is known to hold.
        violated_from: easiest one at which it is known to be violated.
    """

    value: float
    holds_to: float | None
    violated_from: float | None


@dataclass(frozen=True)
class Frontier:
    """What a search over two keys has found.

    Attributes:
        end: why it ended.
        held: share of the map at which it is known to hold.
        violated: likewise to be violated; the rest is not decided.
        columns: at each value of the first key by which the map is measured.
        proves_nothing_at: places at which trials prove nothing.
        why_nothing: the reason of the last of these.
        drift: how baselines differ beyond chance, as a sentence; None: they do not.
    """

    end: End
    held: float
    violated: float
    columns: tuple[Column, ...]
    proves_nothing_at: tuple[Place, ...]
    why_nothing: str | None
    drift: str | None

    @property
    def undecided(self) -> float:
        return 1 - self.held - self.violated

    @property
    def exit_code(self) -> int:
        """Of the commands that end with what a search has found."""
        return exit_code_of(self.end)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "undecided": self.undecided, "end": self.end.value}


@dataclass(frozen=True)
class Map:
    """The trials of a search over two keys, on a grid of values.

    Attributes:
        search: with a second key.
    """

    search: Search

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """The keys, each with the direction in which it gets harder.

        It is the expected one unless trials contradict that, and not another one.
        """
        return next(iter(self._possible), self._expected)

    @cached_property
    def _expected(self) -> tuple[Axis, Axis]:
        search = self.search
        assert search.second is not None  # noqa: S101 - it has two keys
        return Axis(search.key, search.feeds, search.span, search.resolution), search.second

    @cached_property
    def _possible(self) -> list[tuple[Axis, Axis]]:
        """The keys with all directions that no trial contradicts, from the expected one."""
        first, second = self._expected
        both = product((first, _turned(first)), (second, _turned(second)))
        return [axes for axes in both if not self._contradictions(axes)]

    def _contradictions(self, axes: tuple[Axis, Axis]) -> list[tuple[Place, Place]]:
        """Where it was violated, each with a place where it held and which would be harder."""

        def hardness(place: Place) -> Place:
            return axes[0].span.hardness(place[0]), axes[1].span.hardness(place[1])

        held = [place for place, is_ in self.verdicts.items() if is_ is False]
        violated = [place for place, is_ in self.verdicts.items() if is_]
        return [
            (one, other)
            for one, other in product(violated, held)
            if all(map(operator.le, hardness(one), hardness(other)))
        ]

    @cached_property
    def verdicts(self) -> dict[Place, bool | None]:
        """Whether it was violated at each place, by most of the trials there; None: as many."""
        found: dict[Place, int] = defaultdict(int)
        for trial in self.search.counted:
            found[place_of(trial)] += 1 if trial.violated else -1
        return {place: None if sum_ == 0 else sum_ > 0 for place, sum_ in found.items()}

    @cached_property
    def values(self) -> tuple[list[float], list[float]]:
        """Values of each key, from the easiest."""
        first, second = (_values(axis) for axis in self.axes)
        return first, second

    @cached_property
    def held(self) -> "NDArray[np.bool_]":
        """Where it is known to hold, by the numbers of both values."""
        return self._decided({place for place, is_ in self.verdicts.items() if is_ is False})

    @cached_property
    def violated(self) -> "NDArray[np.bool_]":
        """Likewise to be violated."""
        return self._decided({place for place, is_ in self.verdicts.items() if is_}, harder=True)

    @property
    def contradicts(self) -> bool:
        """Whether trials contradict each other, in whatever direction it gets harder."""
        return not self._possible

    @property
    def corners(self) -> list[Place]:
        """From the easiest to the hardest."""
        first, second = (axis.span for axis in self.axes)
        return list(product((first.easy, first.hard), (second.easy, second.hard)))

    def _decided(self, places: set[Place], *, harder: bool = False) -> "NDArray[np.bool_]":
        import numpy as np

        decided = np.zeros((len(self.values[0]), len(self.values[1])), dtype=bool)
        for place in places:
            across, up = (
                np.array([axis.span.hardness(value) for value in values]) - axis.span.hardness(at)
                for axis, values, at in zip(self.axes, self.values, place, strict=True)
            )
            sides = (across >= 0, up >= 0) if harder else (across <= 0, up <= 0)
            decided |= np.outer(*sides)
        return decided

    def next_place(self) -> Place:
        """Where the next trial is made."""
        trials = self.search.trials
        if trials and not trials[-1].counts:
            return place_of(trials[-1])
        # All corners: they tell in which direction it gets harder.
        untried = [corner for corner in self.corners if corner not in self.verdicts]
        if untried:
            return untried[0]
        again = self.to_check()
        if again is not None:
            return again
        return self._tells_most()

    def _times(self, place: Place) -> int:
        return sum(place_of(trial) == place for trial in self.search.counted)

    def to_check(self) -> Place | None:
        """A place to try before the map is believed; None: there is none, or too much is open.

        Trials differ there, or contradict others; or one alone decides much of the map; or it
        tells in which of two directions it gets harder.
        """
        for place, verdict in self.verdicts.items():
            if verdict is None:
                return place
        if self.contradicts:
            all_ = chain.from_iterable(self._contradictions(self.axes))
            return next((place for place in all_ if self._times(place) == 1), None)
        if self.undecided > self.search.precision:
            return None
        return self._rests_on() or next(self._unsure(), None)

    def _unsure(self) -> Iterator[Place]:
        """Places that hold, or are violated, only if the direction is the assumed one.

        They are at the ends of a key that may as well get harder in the other direction.
        """
        import numpy as np

        for number, along in enumerate(self.axes):
            turned = list(self.axes)
            turned[number] = _turned(along)
            if tuple(turned) not in self._possible:
                continue
            other = self.values[1 - number]
            held, violated = (
                np.moveaxis(decided, number, 0) for decided in (self.held, self.violated)
            )
            found = []
            if held[0].any():
                found.append((along.span.easy, other[int(np.flatnonzero(held[0])[-1])]))
            if violated[-1].any():
                found.append((along.span.hard, other[int(np.flatnonzero(violated[-1])[0])]))
            for value, beside in found:
                place = (value, beside) if number == 0 else (beside, value)
                if place not in self.verdicts:
                    yield place

    def _rests_on(self) -> Place | None:
        """A place where one trial alone decides much of the map."""
        import numpy as np

        for is_violated in (False, True):
            decisive = {place for place, verdict in self.verdicts.items() if verdict is is_violated}
            all_ = self._decided(decisive, harder=is_violated)
            for place in sorted(decisive):
                without = self._decided(decisive - {place}, harder=is_violated)
                alone = float(np.mean(all_ & ~without))
                if alone > RESTS_ON_ONE and self._times(place) == 1:
                    return place
        return None

    @property
    def undecided(self) -> float:
        """Share of the map."""
        return float((~(self.held | self.violated)).mean())

    def _tells_most(self) -> Place:
        """Where the outcome decides most of the map, in the worse of both cases."""
        import numpy as np

        open_ = ~(self.held | self.violated)
        easier = open_.cumsum(axis=0).cumsum(axis=1)
        harder = open_[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
        both = np.minimum(easier, harder) + (easier + harder) / (4.0 * open_.size)
        row, column = np.unravel_index(int(np.argmax(np.where(open_, both, -1.0))), open_.shape)
        return self.values[0][int(row)], self.values[1][int(column)]


def place_of(trial: SearchTrial) -> Place:
    """Both values of a trial."""
    assert trial.second is not None  # noqa: S101 - its search has two keys
    return trial.value, trial.second


def frontier_of(search: Search) -> Frontier:
    """What the trials of a search over two keys tell so far."""
    map_ = Map(search)
    columns = []
    for value, held, violated in zip(map_.values[0], map_.held, map_.violated, strict=True):
        above = [at for at, is_ in zip(map_.values[1], held, strict=True) if is_]
        below = [at for at, is_ in zip(map_.values[1], violated, strict=True) if is_]
        columns.append(Column(value, above[-1] if above else None, below[0] if below else None))
    return Frontier(
        _end(map_),
        float(map_.held.mean()),
        float(map_.violated.mean()),
        tuple(columns),
        nothing_at(search, place_of),
        next((trial.line for trial in reversed(search.trials) if not trial.counts), None),
        drift_of(search.trials),
    )


def end_of_map(search: Search) -> End:
    """Why a search over two keys has ended, or that it goes on."""
    return _end(Map(search))


def _end(map_: Map) -> End:
    search = map_.search
    if nothing_at(search, place_of):
        return End.INCONCLUSIVE
    if map_.contradicts and map_.to_check() is None:
        return End.NOT_MONOTONIC
    corners = [map_.verdicts.get(corner) for corner in map_.corners]
    if all(corners):
        return End.FAILS
    if all(verdict is False for verdict in corners):
        return End.HOLDS
    are_tried = all(corner in map_.verdicts for corner in map_.corners)
    if are_tried and map_.undecided <= search.precision and map_.to_check() is None:
        return End.PRECISE
    return end_without_answer(search)


def _turned(axis: Axis) -> Axis:
    """A key, as if it got harder in the other direction."""
    return replace(axis, span=replace(axis.span, falling=not axis.span.falling))


def _values(axis: Axis) -> list[float]:
    span: Span = axis.span
    found = (rounded(span, axis.resolution, span.value(at / STEPS)) for at in range(STEPS + 1))
    return sorted(set(found), key=span.hardness)
