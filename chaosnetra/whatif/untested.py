"""What an answer rests on that no journal has shown; each with the run that would."""

from collections.abc import Iterator
from dataclasses import dataclass

from chaosnetra.text import how_many, were
from chaosnetra.whatif.again import another_count, another_latency
from chaosnetra.whatif.asking import Question
from chaosnetra.whatif.calibration import Calibration, database_was_full
from chaosnetra.whatif.error import ModelError
from chaosnetra.whatif.launches import BITS, MEGA, Measured
from chaosnetra.whatif.model import Simulated
from chaosnetra.whatif.system import System

# Less is within what any path varies by.
LEAST_LATENCY_SECONDS = 0.001
# A line that is busier than this is one that connections wait for.
BUSY_LINE = 0.5


@dataclass(frozen=True)
class Untested:
    """An assumption.

    Attributes:
        text: it as a sentence, without its point.
        check: what to run to test it; empty: no run here can.
    """

    text: str
    check: str = ""

    def to_json(self) -> dict[str, str]:
        return vars(self).copy()


def untested(
    question: Question,
    system: System,
    measured: Measured,
    calibration: Calibration,
    simulated: Simulated,
    error: ModelError | None,
) -> tuple[Untested, ...]:
    """The assumptions of an answer that no journal has shown."""
    return (
        *_of_numbers(question, measured, error),
        *_of_resources(system, measured, calibration, simulated),
        *_of_startups(system, measured, calibration, simulated),
    )


def _of_numbers(
    question: Question, measured: Measured, error: ModelError | None
) -> Iterator[Untested]:
    run = measured.run
    if error is None:
        yield Untested(
            "the model's error is not known: no launch is left to test it on",
            f"{another_count(run)}, and give both journals",
        )
    most = max(launch.count for launch in measured.launches)
    if question.instances > most:
        yield Untested(
            f"{how_many(question.instances, 'instance')}: at most {most:,} started at once in the "
            "journals",
            f"{another_count(run)}, with more than {most}",
        )
    # Beside another fault too: what a startup bore then it bears.
    borne = [
        one.latency_seconds
        for one in measured.launches
        if one.is_known or any(startup.ready for startup in one.startups)
    ]
    latency = max(borne)
    if question.latency_ms / 1000 > latency + LEAST_LATENCY_SECONDS:
        longest = max(one.latency_seconds for one in measured.launches)
        beside = (
            f", and {1000 * longest:.4g} ms beside another fault, under which none was ready"
            if longest > latency
            else ""
        )
        yield Untested(
            f"{question.latency_ms:g} ms more for each round trip: the journals have at most "
            f"{1000 * latency:.3g} ms{beside}, so that nobody saw how the service bears it",
            another_latency(run, f"{question.latency_ms:g}"),
        )


def _of_resources(
    system: System, measured: Measured, calibration: Calibration, simulated: Simulated
) -> Iterator[Untested]:
    slots, sessions = simulated.slots, simulated.sessions
    held_back = simulated.longest_slot_wait_seconds > 0
    if slots is not None and (slots.is_full or held_back) and not measured.connector_was_full:
        yield Untested(
            "startups that wait for a slot of the connector: in the journals none waited",
            "a run under limit_connector with fewer slots than startups",
        )
    delay = 0.0 if system.connector is None else system.connector.pressure_delay_seconds.longest
    was_delayed = any(
        one.connector is not None and one.connector.pressure_delay_seconds.longest > 0
        for one in measured.launches
    )
    if held_back and delay > 0 and not was_delayed:
        yield Untested(
            f"up to {delay:g} s that the profile's connector makes a new connection wait under "
            "pressure: in the journals no connector did",
            "startups_succeed under limit_connector, with its delay and few slots",
        )
    if sessions.available is None:
        yield Untested(
            f"a database that gives {how_many(sessions.most, 'connection')} at once: what it has "
            "is not known; give --max-connections"
        )
    if simulated.sessions.is_full and not database_was_full(measured.launches):
        yield Untested(
            "how the service takes a connection that the database refuses (53300): none was "
            "refused in the journals; it is taken to end, and not to try again",
            "startups_succeed under hold_connections that leaves too few",
        )
    most = max(one.count for one in measured.launches)
    seen = most * max(course.most_at_once for course in calibration.courses)
    if sessions.most > seen:
        yield Untested(
            f"a database that answers {how_many(sessions.most, 'connection')} as soon as one, and "
            f"no lock that startups take in turn: at most about {how_many(seen, 'connection')} "
            f"{were(seen)} open at once in the journals",
            f"{another_count(measured.run)}, with more than {most}",
        )
    at_once = max(course.most_at_once for course in calibration.courses)
    if system.pool is not None and system.pool < at_once:
        yield Untested(
            f"a pool of {system.pool}: startups opened {at_once} connections at once, and what "
            "ran beside is taken to run one after the other",
            "a run of the service with that pool",
        )
    line = line_share(system, calibration, simulated)
    if line is not None and line > BUSY_LINE:
        yield Untested(
            f"the connector's throughput: {line:.0%} of it is asked for, which delays nobody in "
            "the model",
            "vpc_throughput.json",
        )


def _of_startups(
    system: System, measured: Measured, calibration: Calibration, simulated: Simulated
) -> Iterator[Untested]:
    if calibration.waits_grow is not None:
        (few, short), (many, long) = calibration.waits_grow
        yield Untested(
            f"waits for the database that do not grow: they did, from {short:.3g} s with {few} "
            f"startups at once to {long:.3g} s with {many} (locks, or the database's own cores), "
            "so that times are at least these"
        )
    waits = simulated.longest_slot_wait_seconds > 0 or system.latency_seconds > 0
    if waits and not system.own_limits.are_known:
        yield Untested(
            "a service without a limit of its own: none showed in the journals, as no startup in "
            "them gave up",
            f"{another_latency(measured.run)}, with more, until startups fail",
        )
    if not calibration.machine_known:
        yield Untested(
            "own time without waits for a core: the journals do not tell these, so that it is at "
            "most what they have"
        )
    elif not calibration.without_machine:
        yield Untested(
            "own time on a machine of its own: nearly every startup in the journals waited for a "
            "core, which is taken out of its time before the first connection",
            f"{another_count(measured.run)}, with fewer, or less other work on the machine",
        )
    if system.latency_seconds > 0:
        yield Untested(
            "the handshake of TCP, which latency between local parts leaves out: on a real path "
            "each connection takes one round trip more"
        )


def line_share(system: System, calibration: Calibration, simulated: Simulated) -> float | None:
    """The share of the connector's throughput that startups ask for; None: it has no bound."""
    connector = system.connector
    mbps = None if connector is None else connector.throughput_mbps(connector.instances)
    if mbps is None or simulated.lasted_seconds <= 0:
        return None
    each = sum(course.bytes for course in calibration.courses) / len(calibration.courses)
    asked = each * simulated.instances * BITS / MEGA / simulated.lasted_seconds
    return asked / mbps
