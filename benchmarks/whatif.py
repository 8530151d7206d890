"""How long `chaosnetra whatif` simulates, and whether that is linear in the number of instances.

    python benchmarks/whatif.py [--instances 10000] [--rounds 3] [--most-seconds 10]

Instances of one course, twenty stretches of work and waiting with three connections in turn, start
through a connector: one that queues all of them, one that fails most of them, one at
which most give up by themselves, and none. Each is
simulated for a tenth, a half and all of the instances. Ends with 1 where all of them took longer
than may be. The median of the rounds counts; processor seconds, on one core.
"""

import argparse
import statistics
import time

from chaosnetra.connector.model import OPEN_CONNECTOR, model_of_profile
from chaosnetra.whatif.course import Course, Stretch
from chaosnetra.whatif.model import simulate
from chaosnetra.whatif.system import OwnLimits, System

STRETCHES = 20
EVERY = 6
CASES = {
    "all wait for 100 slots": System(
        0.02,
        OPEN_CONNECTOR.changed(
            {"connections_per_instance": 100, "queue_timeout_seconds": 3600, "maximum_instances": 1}
        ),
        200,
    ),
    "most fail at the connector": System(0.02, model_of_profile({}), 200, None, None, 240),
    "most give up by themselves": System(
        0.02,
        OPEN_CONNECTOR.changed(
            {"connections_per_instance": 100, "queue_timeout_seconds": 3600, "maximum_instances": 1}
        ),
        200,
        own_limits=OwnLimits(connection_seconds=10.0),
    ),
    "no connector": System(0.02, None, 10_000_000),
}


def course() -> Course:
    """Opens a connection, closes it some stretches later, and opens another one."""
    stretches = []
    for number in range(STRETCHES):
        opens, closes = number % EVERY == 1, number % EVERY == 4
        stretches.append(Stretch(0.05, 0.01, 3, opens=int(opens), closes=int(closes)))
    return Course(tuple(stretches))


def seconds(system: System, instances: int) -> float:
    started = time.process_time()
    simulate([course()], system, instances)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most-seconds", type=float, default=10.0)
    given = parser.parse_args()
    numbers = [given.instances // 10, given.instances // 2, given.instances]
    worst = 0.0
    for name, system in CASES.items():
        took = [
            statistics.median(seconds(system, number) for _ in range(given.rounds))
            for number in numbers
        ]
        each = ", ".join(
            f"{number:,}: {one:.2f} s ({1000 * one / number:.3f} ms each)"
            for number, one in zip(numbers, took, strict=True)
        )
        print(f"{name}: {each}")
        worst = max(worst, took[-1])
    if worst > given.most_seconds:
        raise SystemExit(f"{given.instances:,} instances took {worst:.1f} s")


if __name__ == "__main__":
    main()
