"""The answer: what becomes of so many instances, what limits them, and how sure that is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.whatif.again import another_count
from chaosnetra.whatif.asking import Question, system_for
from chaosnetra.whatif.calibration import Calibration, calibrated, limits_of
from chaosnetra.whatif.error import LaunchPrediction, ModelError, predictions, stated
from chaosnetra.whatif.launches import Launch, Measured
from chaosnetra.whatif.model import Simulated, simulate
from chaosnetra.whatif.system import System
from chaosnetra.whatif.turns import Turns, turns_of
from chaosnetra.whatif.untested import Untested, line_share, untested

QUANTILES = (0.5, 0.9, 0.95, 0.99)
# What a model says that does not have what holds startups back most.
_OF_THE_MODEL = (
    *("success_share", "ready", "failed", "seconds", "seconds_error", "first_failure"),
    *("resources", "lasted_seconds"),
)


@dataclass(frozen=True)
class Answer:
    """What if so many instances start at once.

    Attributes:
        question: that was asked.
        measured: what the journals hold.
        calibration: of the model.
        system: what the instances start through.
        simulated: what becomes of them.
        predictions: each launch against a model that did not see it.
        error: that follows; None: not known.
        untested: assumptions that no journal has shown.
        turns: a statement at which more startups than in the journals would wait for each other,
            which the model does not have: what it says of their success and times is then not
            told. None: there is none.
    """

    question: Question
    measured: Measured
    calibration: Calibration
    system: System
    simulated: Simulated
    predictions: tuple[LaunchPrediction, ...]
    error: ModelError | None
    untested: tuple[Untested, ...]
    turns: Turns | None = None

    @property
    def line_share(self) -> float | None:
        """See `chaosnetra.whatif.untested.line_share`."""
        return line_share(self.system, self.calibration, self.simulated)

    def _off(self, share: float) -> float | None:
        """How far a quantile may be off; None: not known, or there is none."""
        seconds = self.simulated.quantile(share)
        return None if seconds is None or self.error is None else self.error.seconds(seconds)

    def to_json(self) -> dict[str, Any]:
        simulated = self.simulated
        first = simulated.first_failure
        told = {
            "question": self.question.to_json(),
            "target": self.measured.target,
            "profile": self.measured.run.ran.name,
            "success_share": simulated.success_share,
            "ready": len(simulated.ready_seconds),
            "failed": {limit.value: count for limit, count in simulated.failed.items()},
            "seconds": {f"p{share * 100:g}": simulated.quantile(share) for share in QUANTILES},
            "seconds_error": {f"p{share * 100:g}": self._off(share) for share in QUANTILES},
            "first_failure": (
                None if first is None else {"limit": first[0].value, "seconds": first[1]}
            ),
            "resources": {
                "connector_slots": None if simulated.slots is None else asdict(simulated.slots),
                "max_connections": asdict(simulated.sessions),
                "connector_throughput_share": self.line_share,
                "most_queued": simulated.most_queued,
                "longest_slot_wait_seconds": simulated.longest_slot_wait_seconds,
                "slot_wait_seconds": simulated.slot_wait_seconds,
            },
            "lasted_seconds": simulated.lasted_seconds,
            "system": self.system.to_json(),
            "calibration": self.calibration.to_json(),
            "error": None if self.error is None else self.error.to_json(),
            "predictions": [one.to_json() for one in self.predictions],
            "untested": [one.to_json() for one in self.untested],
            "passed_over": list(self.measured.passed_over),
            "turns": None if self.turns is None else self.turns.to_json(),
        }
        return told if self.turns is None else told | dict.fromkeys(_OF_THE_MODEL)


def answer(question: Question, measured: Measured) -> Answer:
    """Answer a question from journals.

    Raises:
        InvalidInput: a figure that the model needs is not in them; it says what to run.
    """
    limits = limits_of(measured.launches)
    calibration = calibrated(measured.launches, limits)
    if calibration is None:
        raise InvalidInput(_missing(measured))
    system = system_for(question, measured, calibration)
    simulated = simulate(calibration.courses, system, question.instances, question.seed)
    held_against = tuple(predictions(measured.launches, question.seed))
    error = stated(held_against)
    return Answer(
        question,
        measured,
        calibration,
        system,
        simulated,
        held_against,
        error,
        untested(question, system, measured, calibration, simulated, error),
        _turns_beyond(question, measured.launches),
    )


def _turns_beyond(question: Question, launches: Sequence[Launch]) -> Turns | None:
    """A statement at which startups take turns, where no launch shows what comes of that."""
    turns = turns_of(launches)
    if turns is None or question.instances <= turns.startups:
        return None
    return turns


def _missing(measured: Measured) -> str:
    launches = measured.launches
    run = "run an experiment with startups_succeed in its steady state"
    if not launches:
        return f"no journal holds startups: {run}, and give its journal"
    plain = [launch for launch in launches if launch.is_plain]
    if not plain:
        return f"no startup in the journals was without a fault: {run}, with a baseline"
    ready = [one for launch in plain for one in launch.startups if one.ready]
    if not ready:
        return "no startup without a fault was ready: there is nothing to learn the model from"
    if all(one.seen is None for one in ready):
        return (
            "no startup without a fault was observed on the wire: run the experiment locally, "
            "with this version, and give its journal"
        )
    return (
        "of no startup without a fault everything was seen, or each had a connection that failed: "
        f"run the experiment again, with fewer startups at once: {another_count(measured.run)}"
    )
