"""What very many startups have alike is held once: their figures are packed beside it.

A journal may hold hundreds of thousands of startups, each with the same phases and steps. As
objects of their own these take three times the memory of all else that is kept.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, overload

from chaosnetra.evidence.journal.steps import StartupStep

_NONE = float("nan")
# Of a hostile journal each startup may be unlike the others: then nothing is shared.
MOST_SHAPES = 1_000


class PackedPhases(Mapping[str, float]):
    """Seconds by phase, in order."""

    __slots__ = ("_figures", "_names")

    def __init__(self, names: tuple[str, ...], figures: bytes) -> None:
        self._names = names
        self._figures = figures

    def __getitem__(self, name: str) -> float:
        try:
            return self._values()[self._names.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    # As `Mapping` has it, one value after the other would be looked for.
    def items(self) -> Any:
        return zip(self._names, self._values(), strict=True)

    def _values(self) -> tuple[float, ...]:
        return _layout(len(self._names)).unpack(self._figures)

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class PackedSteps(Sequence[StartupStep]):
    """Steps of one startup, in order."""

    __slots__ = ("_figures", "_shape")

    def __init__(self, shape: tuple[tuple[Any, ...], ...], figures: bytes) -> None:
        self._shape = shape
        self._figures = figures

    @overload
    def __getitem__(self, index: int) -> StartupStep: ...
    @overload
    def __getitem__(self, index: slice) -> list[StartupStep]: ...
    def __getitem__(self, index: int | slice) -> StartupStep | list[StartupStep]:
        return list(self)[index]

    def __len__(self) -> int:
        return len(self._shape)

    def __iter__(self) -> Iterator[StartupStep]:
        figures = iter(_layout(2 * len(self._shape)).unpack(self._figures))
        for told, connected, seconds in zip(self._shape, figures, figures, strict=True):
            yield StartupStep._make((*told, _known(connected), _known(seconds)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as other sequences of what may change

    def __repr__(self) -> str:
        return repr(list(self))


def packed_phases(phases: Any) -> Any:
    """Seconds by phase, packed; whatever is none is returned as it is."""
    if type(phases) is not dict or not all(type(one) is float for one in phases.values()):
        return phases
    names = _shared(tuple(phases))
    return PackedPhases(names, _layout(len(names)).pack(*phases.values()))


def packed_steps(steps: Any) -> Any:
    """Steps of a startup, packed; whatever is none is returned as it is."""
    if type(steps) is not list or not steps:
        return steps
    figures: list[float] = []
    told = []
    for step in steps:
        if type(step) is not StartupStep:
            return steps
        told.append(step[:-2])
        figures += [_NONE if one is None else one for one in step[-2:]]
    return PackedSteps(_shared(tuple(told)), _layout(len(figures)).pack(*figures))


@lru_cache(maxsize=MOST_SHAPES)
def _shared(shape: Any) -> Any:
    return shape


@lru_cache(maxsize=MOST_SHAPES)
def _layout(count: int) -> struct.Struct:
    return struct.Struct(f"{count}d")


def _known(seconds: float) -> float | None:
    return seconds if seconds == seconds else None
