"""What starts of a target say of its round trips. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.errors import NotMeasured
from chaosnetra.evidence.statistics.round_trips import RoundTrips, fit, is_same_count, recounted
from chaosnetra.roundtrips.fitting import Check, checked, fits_all
from chaosnetra.roundtrips.shares import Share, by_phase, by_statement
from chaosnetra.roundtrips.start import DatabaseState, Start

ASKED_SECONDS = (0.1, 0.5)


@dataclass(frozen=True)
class Finding:
    """How a startup's time comes about.

    Attributes:
        target: for people.
        state: of the database that was measured.
        plain: the start without latency that the model is of.
        others: other starts without latency.
        model: own time and round trips.
        checks: under latency.
        phases: round trips of each phase, where the service tells phases.
    """

    target: str
    state: DatabaseState
    plain: Start
    others: tuple[Start, ...]
    model: RoundTrips
    checks: tuple[Check, ...]
    phases: tuple[Share, ...]

    @property
    def fits(self) -> bool | None:
        """Whether the model fits; None: it could not be checked."""
        return fits_all(self.checks)

    @property
    def uneven(self) -> tuple[int, ...]:
        """Round trips of the starts without latency, where they are not the same."""
        found = [one.seen.serial_round_trips for one in (*self.others, self.plain)]
        return () if all(is_same_count(found[0], one) for one in found) else tuple(found)

    @property
    def is_recounted(self) -> bool:
        """Whether round trips were counted under a latency, as without they were not exact."""
        return self.model.serial != self.plain.seen.serial_round_trips

    def saved_seconds(self, added_seconds: float) -> float:
        """What one round trip less saves, where each takes so much longer than here."""
        return self.model.round_trip_seconds + added_seconds

    def to_json(self, operating_seconds: float) -> dict[str, Any]:
        seen = self.plain.seen
        return {
            "target": self.target,
            "database_state": self.state.to_json(),
            "own_seconds": self.model.own_seconds,
            "waited_seconds": self.model.waited_seconds,
            "round_trips": int(self.model.serial),
            "counted_under_latency": self.is_recounted,
            "setup_round_trips": seen.serial_setup_round_trips,
            "round_trip_seconds": self.model.round_trip_seconds,
            "connections": seen.connection_count,
            "all_round_trips": seen.round_trips,
            "complete": seen.complete,
            "unread_connections": seen.unread,
            "by_statement": [one.to_json() for one in by_statement(seen, None)],
            "by_phase": [one.to_json() for one in self.phases],
            "predictions": [
                {
                    "added_seconds": added,
                    "seconds": self.model.predicted_seconds(added),
                    "one_round_trip_less_saves_seconds": self.saved_seconds(added),
                }
                for added in (operating_seconds, *ASKED_SECONDS)
            ],
            "checks": [one.to_json() for one in self.checks],
            "uneven_round_trips": list(self.uneven),
            "fits": self.fits,
        }


def require_use(start: Start, variables: Sequence[str]) -> None:
    """Refuse a start without latency that says nothing of round trips.

    Args:
        start: the start.
        variables: of the target, which carry the address of the database.

    Raises:
        NotMeasured: it was not ready, or got no answer from the database.
    """
    seen = start.seen
    if not start.is_ready:
        raise NotMeasured(f"it was not ready without any latency: {start.why_not_ready}")
    if not seen.serial_round_trips:
        named = ", ".join(variables) or "none"
        did = "opened no connection" if not seen.connection_count else "got no answer"
        raise NotMeasured(
            f"it was ready after {seen.seconds:.2f} s and {did} at the database's address, which "
            f"it was given in {named}: name the variable that it reads by --environment, or it "
            "opens its database only once it is used"
        )


def find(
    target: str, state: DatabaseState, plain: Sequence[Start], under: Sequence[Start]
) -> Finding:
    """What starts say.

    Args:
        target: for people.
        state: of the database.
        plain: starts without latency, all ready; the model is of the last, or of a quicker one
            with as many round trips.
        under: starts under latency.

    Raises:
        NotMeasured: there was too much to be counted whole.
    """
    same = [
        one for one in plain if one.seen.serial_round_trips == plain[-1].seen.serial_round_trips
    ]
    last = min(same, key=lambda one: one.seen.own_seconds)
    others = [one for one in plain if one is not last]
    model = fit([last.seen])
    if model is None:
        raise NotMeasured("it sent more than can be counted whole, so its round trips are unknown")
    # What ran side by side unseen shows under a latency; the next start is what checks that.
    model = recounted(model, [one.seen for one in under if one.is_ready][:1])
    checks = tuple(checked(model, last, one) for one in under)
    # Where most of its time is waiting, a phase's lines are read in time.
    slowest = max(
        (one.start for one in checks if one.fits), key=lambda one: one.added_seconds, default=last
    )
    return Finding(target, state, last, tuple(others), model, checks, tuple(by_phase(slowest)))
