"""Starts a target without latency and under it, with the parts and the safety of a run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chaosnetra.errors import NotMeasured
from chaosnetra.roundtrips.finding import Finding, find, require_use
from chaosnetra.roundtrips.start import DatabaseState, Start, latencies_ms, next_ms
from chaosnetra.running.local_path import DATABASE_PROXY
from chaosnetra.running.process_launcher import ProcessLauncher
from chaosnetra.running.session import Session
from chaosnetra.toxiproxy.toxic_faults import ToxicAdded
from chaosnetra.toxiproxy.toxics import make_toxic

# The first start reads programs from the disk: where it costs little, a second one is measured.
SHORT_SECONDS = 10.0
Say = Callable[[str], None]


def measure(session: Session, given_ms: Sequence[int], say: Say) -> Finding:
    """Start the session's target some times, one after the other, and say what it does.

    Args:
        session: of this process; whoever gives it closes it.
        given_ms: the latencies of the starts under latency; empty: two, by the first start.
        say: takes a line before each start.

    Raises:
        NotMeasured: it is not ready, does not use the database, or was not under the latency.
        InvalidInput: a setting cannot be used.
        PartUnavailable: a part cannot be brought.
        Interrupted: the run was interrupted.
    """
    session.require_local("what measures round trips")
    starts = _Starts(session, say)
    plain = [starts.plain()]
    require_use(plain[0], session.exposure.variables())
    if plain[0].seen.seconds <= SHORT_SECONDS:
        plain.append(starts.plain(" once more"))
        require_use(plain[1], session.exposure.variables())
    chosen = given_ms or latencies_ms(plain[-1].seen)
    under = [starts.under(chosen[0])]
    if given_ms:
        under += [starts.under(latency_ms) for latency_ms in given_ms[1:]]
    else:
        second = next_ms(chosen, under[0])
        under += [starts.under(second)] if second is not None else []
    return find(session.settings.target.shown, starts.state, plain, under)


class _Starts:
    """Starts of one session."""

    def __init__(self, session: Session, say: Say) -> None:
        self._session = session
        self._say = say
        self.state = DatabaseState("shared", False, False, (None, None))

    def plain(self, times: str = "") -> Start:
        self._say(f"starting it{times} without latency")
        start, self.state = self._start(0.0)
        return start

    def under(self, latency_ms: int) -> Start:
        with self._latency(latency_ms) as added_seconds:
            self._say(f"starting it with {1000 * added_seconds:.0f} ms more for each round trip")
            return self._start(added_seconds)[0]

    def _start(self, added_seconds: float) -> tuple[Start, DatabaseState]:
        session = self._session
        launched = ProcessLauncher.of(session, 1).launched()
        (outcome,) = launched.outcomes
        details = launched.circumstances["database_state"]
        state = DatabaseState.of(details, own=session.settings.target.is_reference)
        return Start(outcome, added_seconds, state.tables), state

    @contextmanager
    def _latency(self, latency_ms: int) -> Iterator[float]:
        """A latency that is in effect inside; what it adds to a round trip, as measured."""
        session = self._session
        name = f"{session.identifier}_round_trips"
        values = {"latency_ms": latency_ms}
        toxic = make_toxic(name, "latency", "downstream", 1.0, values)
        proxy = session.proxy_name(DATABASE_PROXY)
        effects = session.effects_on(DATABASE_PROXY)
        fault = ToxicAdded(session.toxiproxy, proxy, toxic, effects)
        injected = session.injector.inject(fault)
        effect = injected.effect
        if effect is None or not effect.in_effect:
            raise NotMeasured(
                f"{latency_ms} ms of latency were not in effect on the way to the database"
            )
        yield effect.added_round_trip_seconds  # whatever ends it here, the session's end undoes it
        session.injector.undo(injected.name)
