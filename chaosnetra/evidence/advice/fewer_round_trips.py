"""Round trips that any service could save, as they were seen on the wire.

What each would save is told at the latency that was measured, and without it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import median

from chaosnetra.evidence.advice.observed import ObservedStartups
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.runs import shown, shown_ms, shown_short
from chaosnetra.evidence.statistics.round_trips import (
    Prediction,
    RoundTrips,
    check,
    fit,
    is_same_count,
)
from chaosnetra.text import cut, how_many
from chaosnetra.wire.observation import Connection, Encryption, Observation

AREA = "service"
# As Sentry's detector of the same has it.
LEAST_IN_A_ROW = 5
# What saves less of a startup under the fault is not worth a change.
LEAST_SAVED_SECONDS = 0.1
MOST_STATEMENTS = 5
LONGEST_STATEMENT = 160


@dataclass(frozen=True)
class Saving:
    """Round trips that a startup could do without.

    Attributes:
        subject: what is to be changed.
        current: how it is.
        proposed: how it could be.
        saved: round trips one after the other that go.
        why: they are there for nothing.
    """

    subject: str
    current: str
    proposed: str
    saved: int
    why: str

    def recommended(self, seen: ObservedStartups, where: str, check: str) -> Recommendation:
        """It as advice, with what it saves."""
        added = seen.added_seconds
        without = seen.model.round_trip_seconds if seen.model else 0.0
        trips = "this round trip" if self.saved == 1 else f"{self.saved} of these round trips"
        reason = (
            f"{self.why}; without {trips} each startup would save "
            f"{shown(self.saved * (added + without))} under that latency "
            f"({shown_ms(added)} more each), and {shown_short(self.saved * without)} without it"
        )
        evidence = tuple(f"{where}: {line}" for line in figures(seen))
        return Recommendation(
            AREA, self.subject, self.current, self.proposed, reason, evidence, check
        )


def savings(seen: ObservedStartups) -> list[Saving]:
    """What a startup could save, most first; nothing where no latency was measured."""
    seen = _as_under_the_latency(seen)
    typical = seen.typical
    if typical is None or not seen.added_seconds:
        return []
    idle = _not_waited_for(seen)
    repeated = (*_repeated(typical), *_repeated_blocks(typical))
    took_longer = seen.prediction is not None and _took_longer(seen.prediction)
    connections = _connections(typical, idle, may_be_beside=took_longer)
    found = [*repeated, *connections, *_declined(typical, idle)]
    worth = [one for one in found if one.saved * seen.added_seconds >= LEAST_SAVED_SECONDS]
    return sorted(worth, key=lambda one: -one.saved)


def figures(seen: ObservedStartups) -> Iterator[str]:
    """How a startup's time comes about, and whether what was measured agrees."""
    if seen.model is None:
        return
    yield time_of(seen.model)
    typical = seen.typical
    if typical is not None and typical.unread:
        yield (
            f"{typical.unread} of its {how_many(typical.connection_count, 'connection')} could not "
            "be read (encrypted, or not PostgreSQL's protocol): statements are not known, and a "
            "round trip there is a turn of direction"
        )
    prediction = seen.prediction
    if prediction is not None:
        text = (
            f"with {shown_ms(prediction.added_seconds)} more each that makes "
            f"{shown(prediction.predicted_seconds)}; measured were "
            f"{shown(prediction.measured_seconds)} (median of {prediction.startups})"
        )
        if not prediction.fits:
            text += f", {abs(prediction.off_by):.0%} off: {_why_off(seen.model, seen.under)}"
        yield text


def _why_off(model: RoundTrips, under: Sequence[Observation]) -> str:
    """What was not as the model has it: the round trips, or the time between them."""
    found = fit(under)
    if found is None:
        return "it could not be counted whole"
    if found.serial != model.serial and not model.is_exact:
        return (
            f"under the latency {found.serial:g} round trips were one after the other; it asks on "
            "several connections at the same time, which without latency is told roughly"
        )
    if found.serial != model.serial:
        return (
            f"it made {found.serial:g} round trips one after the other under the latency, as a "
            "service does that polls, tries again, or opens a pool beside its other work, so "
            "savings are rough"
        )
    return (
        f"its round trips were the same, and its own time was {shown_short(found.own_seconds)}, "
        "as on a machine that is busy with something else"
    )


def time_of(model: RoundTrips) -> str:
    """How a startup's time comes about, as a sentence."""
    return (
        f"a startup takes {shown_short(model.own_seconds)} of its own and {model.shown_serial} "
        f"round trips one after the other, {shown_ms(model.round_trip_seconds)} each without the "
        f"fault (median of {model.startups})"
    )


def _repeated(seen: Observation) -> Iterator[Saving]:
    found = sorted(seen.statements, key=lambda one: -one.most_in_a_row)
    for one in found[:MOST_STATEMENTS]:
        if one.most_in_a_row < LEAST_IN_A_ROW or not one.times:
            continue
        trips = round(one.most_in_a_row * one.round_trips / one.times)
        if trips < one.most_in_a_row:
            continue  # sent together already
        saved = trips - ceil(trips / one.most_in_a_row)  # one execution may take several
        if saved > 0:
            yield Saving(
                f"the statement {cut(one.text, LONGEST_STATEMENT)}",
                f"executed {one.most_in_a_row} times in a row, in {trips} round trips",
                "one statement for all of them (a list of keys, a join, many rows), or a pipeline "
                "that sends them together",
                saved,
                "each execution waits for the one before",
            )


def _repeated_blocks(seen: Observation) -> Iterator[Saving]:
    """Statements that take turns, as a pool resets its session after each."""
    by_text = {one.text: one for one in seen.statements if one.times}
    for text, times in seen.repeated[:MOST_STATEMENTS]:
        block = [by_text[one] for one in _statements_of(text, by_text)]
        trips = sum(round(one.round_trips / one.times) for one in block)
        if len(block) > 1 and times >= LEAST_IN_A_ROW and trips > 0:
            yield Saving(
                f"the statements {cut(text, LONGEST_STATEMENT)}",
                f"executed {how_many(times, 'time')} in a row, "
                f"in {how_many(times * trips, 'round trip')}",
                "one statement for all of them (a list of keys, a join, many rows), or at least "
                "one connection of the pool for all",
                (times - 1) * trips,
                "each execution waits for the one before",
            )


def _statements_of(block: str, known: Collection[str]) -> list[str]:
    """The statements of a block, which may have a semicolon themselves; empty: not known."""
    if block in known:
        return [block]
    for text in known:
        if block.startswith(f"{text}; ") and (
            rest := _statements_of(block[len(text) + 2 :], known)
        ):
            return [text, *rest]
    return []


def _as_under_the_latency(seen: ObservedStartups) -> ObservedStartups:
    """The same, by the startups under the latency where they were ready after fewer round trips.

    Who polls, or fills a pool beside its other work, asks more than it waits for: what was left out
    under the latency would save nothing there.
    """
    model, under = seen.model, fit(seen.under)
    if model is None or under is None or model.in_all is None or under.in_all is None:
        return seen
    if under.in_all >= model.in_all or is_same_count(model.in_all, under.in_all):
        return seen
    waited = under.serial * model.round_trip_seconds
    model = replace(
        model, serial=under.serial, waited_seconds=waited, in_all=under.in_all, is_exact=False
    )
    prediction = check(model, seen.added_seconds, seen.under)
    return replace(seen, model=model, prediction=prediction, is_recounted=True)


def _not_waited_for(seen: ObservedStartups) -> int:
    """Round trips that did not lengthen the startups under the latency, as those of a pool do not
    that is filled beside them, also where they overlap no other.
    """
    prediction, under = seen.prediction, fit(seen.under)
    if seen.model is None or under is None or prediction is None or prediction.fits:
        return 0
    asked, then = seen.model.in_all, under.in_all
    if asked is None or then is None or not is_same_count(asked, then):
        return 0
    too_much = prediction.predicted_seconds - prediction.measured_seconds
    return max(0, round(too_much / prediction.added_seconds))


def _took_longer(prediction: Prediction) -> bool:
    """Whether startups took longer than round trips account for, as on a busy machine.

    Then their time does not show which round trips they waited for.
    """
    return not prediction.fits and prediction.off_by < 0


def _connections(
    seen: Observation, not_waited_for: int, *, may_be_beside: bool
) -> Iterator[Saving]:
    """Set-ups of sessions that could go.

    Args:
        seen: a typical startup.
        not_waited_for: round trips that did not lengthen it under the latency.
        may_be_beside: whether there may be more of them, as where a pool is filled in the
            background.
    """
    opened = _sessions(seen)
    if len(opened) < 2 or seen.sessions != len(opened):
        return
    setup = median(one.setup_round_trips for one in opened)
    again = seen.sessions - max(1, seen.most_at_once)
    if again > 0 and setup:
        at_once = f"at most {seen.most_at_once} at the same time"
        yield Saving(
            "connections opened in a startup",
            f"{seen.sessions}, {at_once}",
            f"{max(1, seen.most_at_once)}, kept and used again (a pool)",
            round(again * setup),
            f"each new connection takes {setup:g} round trips to set up",
        )
        return
    if may_be_beside:
        return
    total = sum(one.setup_round_trips for one in opened)
    saved = seen.serial_setup_round_trips - max(one.setup_round_trips for one in opened)
    saved -= not_waited_for
    # A part of a set-up cannot go: that is what the measurement is off by.
    if saved >= max(1, setup) and seen.serial_setup_round_trips >= total:
        yield Saving(
            "connections opened in a startup",
            f"{seen.sessions}, each opened after the one before was set up",
            "open them at the same time, or only the first before the service is ready",
            saved,
            f"each new connection takes {setup:g} round trips to set up, and none of these waits "
            "had to be one after the other",
        )


def _declined(seen: Observation, not_waited_for: int) -> Iterator[Saving]:
    asked = [one for one in seen.connections if one.session_seconds is not None or one.was_declined]
    declined = sum(one.encryption is Encryption.DECLINED for one in asked)
    if not declined:
        return
    # Connections that are set up at the same time wait together.
    waited_for = max(0, seen.serial_setup_round_trips - not_waited_for)
    share = waited_for / seen.setup_round_trips if seen.setup_round_trips else 1
    # Also in those that are still set up.
    everywhere = sum(one.encryption is Encryption.DECLINED for one in seen.connections)
    yield Saving(
        "encryption that the server declines",
        f"asked for in {how_many(everywhere, 'connection')}, and declined each time",
        "sslmode=disable where the server has no TLS (asyncpg under SQLAlchemy: ssl=disable; for "
        "libpq also gssencmode=disable); where your real server has TLS, run the experiment with "
        "TLS, which takes round trips of its own",
        max(1, ceil(declined * min(1.0, share))),
        "a client that prefers encryption asks for it first and waits for the answer",
    )


def _sessions(seen: Observation) -> list[Connection]:
    return [one for one in seen.connections if one.session_seconds is not None]
