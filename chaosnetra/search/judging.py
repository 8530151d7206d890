"""What a search says, and what it tries next, whether it varies one key or two."""

from chaosnetra.search import conclusion as of_one
from chaosnetra.search.conclusion import Conclusion, conclude
from chaosnetra.search.endings import End
from chaosnetra.search.frontier import Frontier, Map, end_of_map, frontier_of
from chaosnetra.search.placing import next_value
from chaosnetra.search.record import Search


def judged(search: Search) -> Conclusion | Frontier:
    """What its trials tell so far."""
    return conclude(search) if search.second is None else frontier_of(search)


def end_of(search: Search) -> End:
    """Why it has ended, or that it goes on: all that has to be known between two trials."""
    return of_one.end_of(search) if search.second is None else end_of_map(search)


def next_values(search: Search) -> dict[str, float]:
    """The values of the next trial of a search that goes on, by key."""
    if search.second is None:
        return {search.key: next_value(search)}
    first, second = Map(search).next_place()
    return {search.key: first, search.second.key: second}
