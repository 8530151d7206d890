"""An answer for people; it is Markdown too."""

from collections.abc import Iterator

from chaosnetra.text import how_many, markdown
from chaosnetra.whatif.answer import QUANTILES, Answer
from chaosnetra.whatif.error import ModelError
from chaosnetra.whatif.model import Limit, Simulated, Use
from chaosnetra.whatif.system import RESERVED_CONNECTIONS
from chaosnetra.whatif.turns import Turns

MOST_STATEMENTS = 3
_ENDED_BY = {
    Limit.CONNECTOR_SLOTS: "waited too long for a slot of the connector, or were refused one",
    Limit.MAX_CONNECTIONS: "met a database without a free connection (53300)",
    Limit.POOL: "waited too long for a connection of their own pool",
    Limit.OWN_LIMIT: "gave up at the service's own limit",
    Limit.STARTUP_TIMEOUT: "were not ready in time",
}
_LIMITS = {
    Limit.CONNECTOR_SLOTS: "the connector's slots",
    Limit.MAX_CONNECTIONS: "max_connections of the database",
    Limit.POOL: "the instance's own pool",
    Limit.OWN_LIMIT: "the service's own limit",
    Limit.STARTUP_TIMEOUT: "the time that a startup has",
}


def answer_text(answer: Answer) -> str:
    """The whole answer."""
    told = (*_outcome(answer), "", *_resources(answer))
    if answer.turns is not None:
        told = tuple(_in_turn(answer, answer.turns))
    return "\n".join((*told, "", *_rests_on(answer), *_untested(answer)))


def _in_turn(answer: Answer, turns: Turns) -> Iterator[str]:
    """Why success and times are not told, and what can be said all the same."""
    count = answer.question.instances
    statement = markdown(turns.statement)
    told = f"Not told for {how_many(count, 'instance')}"
    yield f"**{told}: startups take turns, which the model does not have**"
    yield (
        f"{statement} was answered to {turns.startups} startups at once after "
        f"{turns.shortest_seconds:.2g} to {turns.longest_seconds:.2g} s: each waits for those "
        f"before it, at least {turns.each_seconds:.2g} s for each"
    )
    last, limit = turns.last_seconds(count), answer.system.startup_timeout_seconds
    late = "" if limit is None or last < limit else f", and a startup is given up after {limit:g} s"
    yield f"At that pace the last of {count:,} would wait {last:.3g} s for it alone{late}"
    yield (
        "What helps: do once, before the instances start, what they do in turn (migrations in a "
        "job of their own), or ask first whether there is anything to do, without the lock"
    )


def _outcome(answer: Answer) -> Iterator[str]:
    simulated, error = answer.simulated, answer.error
    count = simulated.instances
    ready = len(simulated.ready_seconds)
    are = "is" if count == 1 else "are"
    share = f"{ready:,} of {how_many(count, 'instance')} {are} ready ({simulated.success_share:.1%}"
    if error is None:
        yield f"**{share}; error not known)**"
    elif simulated.success_share < error.success_share:
        yield f"**{share}, at most {min(1.0, simulated.success_share + error.success_share):.0%})**"
    else:
        yield f"**{share}, ± {error.success_share:.0%})**"
    told = [
        f"{share:.0%} within {_time(seconds, error)}"
        for share in QUANTILES
        if (seconds := simulated.quantile(share)) is not None
    ]
    shortest = simulated.ready_seconds[0] if ready else 0.0
    if error is not None and ready and error.seconds(shortest) > shortest:
        half = simulated.ready_seconds[(ready - 1) // 2]
        yield (
            f"Startup times: not known; the model may be {error.seconds(half):.2g} s off, and has "
            f"{half:.3g} s for half of those that are ready"
        )
    elif told:
        yield f"Startup times: {', '.join(told)}"
    elif ready:
        half, last = simulated.ready_seconds[(ready - 1) // 2], simulated.ready_seconds[-1]
        yield (
            f"Startup times: of those that are ready, half within {_time(half, error)}, "
            f"all within {_time(last, error)}"
        )
    for limit, failed in sorted(simulated.failed.items(), key=lambda one: -one[1]):
        yield f"- {failed:,} {_ENDED_BY[limit]}"
    if answer.untested:
        yield "This extrapolates: see what is not tested, below" + (
            ""
            if error is None
            else f"; that error is of up to {how_many(error.most_startups, 'startup')} at once"
        )


def _time(seconds: float, error: ModelError | None) -> str:
    off = 0.0 if error is None else error.seconds(seconds)
    if off > seconds:
        return f"a time that is not known (the model may be {off:.2g} s off)"
    more = "" if error is None else f" ± {off:.2g} s"
    return f"{seconds:.3g} s{more}"


def _waits_for_slots(simulated: Simulated) -> str:
    """How connections waited for a slot, or for what the connector makes them wait."""
    longest = f"{simulated.longest_slot_wait_seconds:.3g} s"
    if not simulated.most_queued:  # each had its slot at once
        return f"a new connection waits {longest} at most"
    return f"up to {simulated.most_queued:,} wait, the longest {longest}"


def _resources(answer: Answer) -> Iterator[str]:
    simulated, system = answer.simulated, answer.system
    yield f"What limits first: {limits_first(answer)}"
    connector = system.connector
    if simulated.slots is None or connector is None:
        yield f"- connector: none ({markdown(system.connector_from)})"
    else:
        pressed = connector.pressure_delay_seconds.longest
        yield (
            f"- connector's slots: {_use(simulated.slots)} ({markdown(system.connector_from)})"
            + (
                f"; {_waits_for_slots(simulated)}"
                if simulated.longest_slot_wait_seconds > 0
                else ""
            )
        )
        if pressed:
            yield (
                f"  (a new connection waits up to {pressed:g} s more from "
                f"{connector.pressure_threshold:.0%} of them on)"
            )
    bound = (
        "without a bound"
        if system.max_connections is None
        else f"{system.max_connections:,}, of which {RESERVED_CONNECTIONS} are kept for superusers"
    )
    yield (
        f"- database's connections: {_use(simulated.sessions)} "
        f"({bound}: {markdown(system.max_connections_from)})"
    )
    if answer.line_share is not None:
        yield f"- connector's throughput: {answer.line_share:.2%} of it is asked for"
    pool = max(course.most_at_once for course in answer.calibration.courses)
    if system.pool is None or system.pool >= pool:
        size = "" if system.pool is None else f", {system.pool} connections"
        yield f"- pool of an instance{size}: never full, {pool} at most are open at once"
    else:
        courses = answer.calibration.courses
        waits = [
            one.with_pool(system.pool, system.latency_seconds).pool_wait_seconds for one in courses
        ]
        yield f"- pool of an instance: {system.pool} of {pool}, so it waits {max(waits):.3g} s more"
    if system.startup_timeout_seconds is not None:
        yield (
            f"- time of a startup: given up after {system.startup_timeout_seconds:g} s, "
            "as in the journals"
        )


def limits_first(answer: Answer) -> str:
    """The limit that ends the first startup, or that would with more instances."""
    simulated = answer.simulated
    if simulated.first_failure is not None:
        limit, seconds = simulated.first_failure
        return f"{_LIMITS[limit]}, {seconds:.3g} s after the start"
    slots = simulated.slots
    if slots is not None and simulated.longest_slot_wait_seconds > 0:
        return (
            f"{_LIMITS[Limit.CONNECTOR_SLOTS]}: startups wait for them up to "
            f"{simulated.longest_slot_wait_seconds:.3g} s, and none fails"
        )
    uses = {Limit.MAX_CONNECTIONS: simulated.sessions}
    if slots is not None:
        uses[Limit.CONNECTOR_SLOTS] = slots
    busy = {limit: use.most / use.available for limit, use in uses.items() if use.available}
    if not busy:
        return "nothing that is known"
    limit = max(busy, key=lambda one: busy[one])
    return f"nothing yet; next are {_LIMITS[limit]}, {busy[limit]:.0%} taken"


def _use(use: Use) -> str:
    if use.available is None:
        return f"{use.most:,} at most, {use.mean:.3g} on average"
    return f"{use.most:,} of {use.available:,} at most, {use.mean:.3g} on average"


def _rests_on(answer: Answer) -> Iterator[str]:
    told = answer.calibration.to_json()
    yield (
        f"Calibrated on {how_many(told['startups'], 'startup')} of "
        f"{markdown(answer.measured.target)}, profile "
        f"{markdown(answer.measured.run.ran.name)}: own time {told['own_seconds']:.3g} s, "
        f"{told['round_trips']:.3g} round trips one after the other in "
        f"{told['waited_seconds']:.3g} s ({1000 * told['answer_seconds']:.3g} ms each), "
        f"at most {told['connections_at_once']} of its connections open at once, together for "
        f"{told['held_seconds']:.3g} s, {told['connections_kept']} kept"
    )
    longest = [
        f"{markdown(one.text)} ({one.times:.3g} times {1000 * one.seconds:.3g} ms)"
        for one in answer.calibration.statements[:MOST_STATEMENTS]
    ]
    if longest:
        yield f"Statements that it waits for longest: {'; '.join(longest)}"
    if answer.error is None:
        yield "Its error is not known"
    else:
        error = answer.error
        yield (
            f"Its error, on {how_many(error.launches, 'launch', 'launches')} of up to "
            f"{how_many(error.most_startups, 'startup')} that "
            f"it did not see: up to {error.time_share:.0%} of startup times, "
            f"{error.success_share:.0%} of the share that is ready"
        )
    for one in answer.predictions:
        slots = "" if one.slots is None else f", {how_many(one.slots, 'slot')}"
        latency = f", {1000 * one.latency_seconds:.0f} ms more" if one.latency_seconds else ""
        times = " and ".join(
            f"{said:.3g} s (measured {was:.3g} s)"
            for said, was in zip(one.predicted_seconds, one.measured_seconds, strict=False)
        )
        yield (
            f"- {markdown(one.where)}, {how_many(one.count, 'startup')}{slots}{latency}: half and "
            f"90% ready within {times or 'no time'}; {one.predicted_success:.0%} ready "
            f"(measured {one.measured_success:.0%})"
        )
    for line in answer.measured.passed_over:
        yield f"- passed over: {markdown(line)}"


def _untested(answer: Answer) -> Iterator[str]:
    if answer.untested:
        yield ""
        yield "Not tested by these journals:"
    for one in answer.untested:
        yield f"- {one.text}" + (f"; to test it: {one.check}" if one.check else "")
