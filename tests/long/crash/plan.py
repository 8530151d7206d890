"""Which runs are disturbed, how and when: the same for the same seed."""

import random
from dataclasses import dataclass
from pathlib import Path

from tests.long.crash.disturbances import OF_SERVERS, SIGNALS, TAKES_FAULT, Disturbance, Kind


@dataclass
class Rehearsal:
    """What a run does that nobody disturbs.

    Attributes:
        boundaries: names of the events after which runs are killed.
        toxics: numbers of those after which a toxic is still to be added, or taken away.
        in_effect: for each kind that takes faults away the numbers of those after which a fault
            is in effect that it can take.
        seconds: from its start to its end.
        checks: how startups ended in each check of the steady state.
    """

    boundaries: list[str]
    toxics: list[int]
    in_effect: dict[Kind, list[int]]
    seconds: float
    checks: list[list[str]]


@dataclass(frozen=True)
class Counts:
    """How often each is done; kinds of signals, and of disturbances, in turn."""

    kills: int
    signals: int
    servers: int


def plan(
    rehearsals: dict[tuple[Path, str], Rehearsal], counts: Counts, seed: int
) -> list[Disturbance]:
    """Two of three kills at boundaries, each of them before any for the second time."""
    chance = random.Random(seed)
    cases = list(rehearsals)
    places = [
        (case, boundary)
        for case, rehearsal in rehearsals.items()
        for boundary in range(len(rehearsal.boundaries))
    ]
    chance.shuffle(places)
    made = []
    numbered = [Kind.KILL] * counts.kills
    numbered += [SIGNALS[number % len(SIGNALS)] for number in range(counts.signals)]
    for number, kind in enumerate(numbered):
        if number % 3 == 2:
            made.append(Disturbance(kind, *chance.choice(cases), fraction=chance.random()))
        else:
            case, reached = places[(number - number // 3) % len(places)]
            delay = chance.choice([0.0, 0.0, 0.02, 0.1])
            made.append(Disturbance(kind, *case, reached, delay_seconds=delay))
    places_of = {
        kind: [
            case for case in cases if kind.possible_in(case[1]) and feels(kind, rehearsals[case])
        ]
        for kind in OF_SERVERS
    }
    kinds = [kind for kind, found in places_of.items() if found]
    for number in range(counts.servers if kinds else 0):
        kind = kinds[number % len(kinds)]
        case = chance.choice(places_of[kind])
        # A short campaign sees each kind alone, and surely, however fast its machine is.
        first = number < len(kinds)
        kill_after_seconds = None
        if not first and chance.random() < 0.4:
            kill_after_seconds = chance.uniform(0.0, 2.0)
        boundary: int | None = None
        delay = fraction = 0.0
        if kind in TAKES_FAULT:
            boundary = chance.choice(rehearsals[case].in_effect[kind])
            delay = chance.uniform(0.0, 0.3)
        elif kind is Kind.WEDGED:
            boundary = chance.choice(rehearsals[case].toxics)
        elif first:
            last = under_the_fault(rehearsals[case])
            boundary, delay = chance.randint(last // 2, last), chance.uniform(0.0, 1.0)
        else:
            fraction = chance.uniform(0.1, 0.9)
        made.append(
            Disturbance(
                kind,
                *case,
                boundary,
                fraction=fraction,
                delay_seconds=delay,
                away_seconds=chance.choice([0.0, 0.3, 1.0, 3.0]),
                kill_after_seconds=kill_after_seconds,
            )
        )
    chance.shuffle(made)
    return made


def feels(kind: Kind, rehearsal: Rehearsal) -> bool:
    """Whether the run meets what is done: only a change of a toxic meets a wedge."""
    if kind in TAKES_FAULT:
        return bool(rehearsal.in_effect[kind])
    return kind is not Kind.WEDGED or bool(rehearsal.toxics)


def under_the_fault(rehearsal: Rehearsal) -> int:
    """The last boundary after which toxics are still to be changed."""
    injected = [
        number for number, event in enumerate(rehearsal.boundaries) if event == "fault.injected"
    ]
    return injected[-1] if injected else 0
