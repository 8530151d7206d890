"""The faults of a task: put on its path, and their effects measured beside the direct one."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chaosnetra.connector.effects import effect_of as effect_of_connector
from chaosnetra.connector.effects import look as look_at_connector
from chaosnetra.connector.model import OPEN_CONNECTOR, ConnectorModel, parse_model
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    ChaosnetraError,
    Interrupted,
    InvalidInput,
    MachineryFailed,
    PathUnavailable,
)
from chaosnetra.faults import Effect, Look
from chaosnetra.postgres.connect import SETTING
from chaosnetra.postgres.path import PostgresPath, answers
from chaosnetra.startup.orders import FaultKind, OrderedFault
from chaosnetra.startup.reports import MeasuredFault
from chaosnetra.task_path.path import TaskPath
from chaosnetra.toxiproxy.blackhole import close_holder, with_server_ends
from chaosnetra.toxiproxy.effects import effect_of as effect_of_toxic
from chaosnetra.toxiproxy.effects import effect_of_switch, effect_seconds, look_at_switch
from chaosnetra.toxiproxy.effects import look as look_at_toxic
from chaosnetra.toxiproxy.embedded.bodies import new_toxic
from chaosnetra.toxiproxy.measurements import ROUND_TRIPS_WITH_JITTER
from chaosnetra.toxiproxy.toxics import Toxic

POLL_SECONDS = 0.02
# Of measuring one fault: logins, directly and on the path, on a machine that does more.
LEAST_SECONDS = 2.0
# Of one that is measured by a session: a login by SCRAM within TLS, and a first query.
LOGIN_ROUND_TRIPS = 8
# A fault that is not measured by then is not: so much longer than it should take.
PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class Parsed:
    """A fault as the areas have it; one of these is not None, or it refuses."""

    ordered: OrderedFault
    toxic: Toxic | None = None
    model: ConnectorModel | None = None

    @property
    def is_partial(self) -> bool:
        """Whether it is on a share of the connections: see `chaosnetra.faults.MeasuredOnPath`."""
        return self.toxic is not None and self.toxic.toxicity < 1

    def look(self, path: PostgresPath) -> Look:
        """What it would change on a path that it is not on yet.

        Raises:
            ChaosnetraError: nothing can be seen there.
        """
        if self.model is not None:
            return look_at_connector(self.model, path)
        return look_at_switch(path) if self.toxic is None else look_at_toxic(self.toxic, path)

    def effect(self, path: PostgresPath, connector: dict[str, Any], without: Look | None) -> Effect:
        """What it does, in place.

        Args:
            path: that it is on.
            connector: the state of the connector, where it is one's limits.
            without: what `look` gave, where others are on the path.
        """
        if self.model is not None:
            return effect_of_connector(connector, self.model, path, without)
        if self.toxic is None:
            return effect_of_switch(False, path, without)
        effect = effect_of_toxic(self.toxic, path, without)
        return with_server_ends(self.toxic, effect, close_holder(self.toxic) is not None)


def parse(fault: OrderedFault) -> Parsed:
    """Check an ordered fault.

    Raises:
        InvalidInput: its parameters cannot be used.
    """
    try:
        match fault.kind:
            case FaultKind.TOXIC:
                toxic = new_toxic(fault.parameters)
                _require_same(fault, toxic.to_server())
                return Parsed(fault, toxic=toxic)
            case FaultKind.CONNECTOR:
                model = parse_model(fault.parameters)
                _require_same(fault, model.to_json())
                return Parsed(fault, model=model)
            case FaultKind.PROXY:
                if (
                    fault.parameters.keys() != {"enabled"}
                    or fault.parameters["enabled"] is not False
                ):
                    raise InvalidInput("a proxy in a task can be taken down, and no more")
                return Parsed(fault)
    except ChaosnetraError as error:
        raise InvalidInput(f"{fault.name}: {error}") from None


def _require_same(fault: OrderedFault, read: Mapping[str, Any]) -> None:
    """Refuse parameters that say more, or less, than was read of them.

    Raises:
        InvalidInput: they do.
    """
    ordered = fault.parameters
    wrong = sorted(key for key in {*read, *ordered} if read.get(key) != ordered.get(key))
    if wrong:
        got = ordered.get(wrong[0])
        raise InvalidInput(f"{wrong[0]:.100} must be one of this version's, got {got!r:.200}")


def measuring_seconds(faults: Iterable[OrderedFault]) -> float:
    """How long a task should take to measure all of its faults, once.

    Each is measured with those before it in place, whose latency its logins and its own
    measurement have to bear; before that the path is looked at without it.

    Raises:
        InvalidInput: the parameters of one cannot be used.
    """
    seconds = latency_seconds = 0.0
    for number, fault in enumerate(map(parse, faults)):
        before_seconds = latency_seconds
        if fault.toxic is not None and fault.toxic.type == "latency":
            latency_seconds += sum(fault.toxic.attributes.values()) / 1000
        logins = LEAST_SECONDS + LOGIN_ROUND_TRIPS * latency_seconds
        if fault.model is not None:
            own = 3 * fault.model.pressure_delay_seconds.longest
        else:
            own = effect_seconds(fault.toxic) if fault.toxic is not None else 0.0
        if number:
            logins *= 2
            own = 2 * own + 2 * ROUND_TRIPS_WITH_JITTER * before_seconds
        seconds += logins + own
    return seconds


@dataclass(frozen=True)
class _Placed:
    """A fault on the path, and the look at it without the fault; None: it was alone."""

    fault: Parsed
    without: Look | None


@dataclass
class FaultsOnPath:
    """The faults of one path.

    Args:
        path: that they are put on.
        ordered: which.
        interrupted: asked often; once true, measuring is given up.

    Attributes:
        measured: what was measured of each so far.
    """

    path: TaskPath
    ordered: Sequence[OrderedFault]
    interrupted: Callable[[], bool]
    measured: list[MeasuredFault] = field(default_factory=list)
    _placed: list[_Placed] = field(default_factory=list)

    def inject(self, deadline: Deadline) -> None:
        """Put each in place and measure it, one after the other.

        What was measured is in `measured`; what could not be, says there why.

        Raises:
            PathUnavailable: the path was lost.
            Interrupted: `interrupted` became true.
        """
        for ordered in self.ordered:
            effect = None
            try:
                fault = parse(ordered)
                placed = _Placed(fault, self._look_without(fault, deadline))
                self._put(fault)
                self._placed.append(placed)
                effect = self._effect(placed, deadline)
            except (InvalidInput, _NotMeasured) as error:
                self.measured.append(MeasuredFault(ordered.name, None, None, str(error)))
                return
            self.measured.append(MeasuredFault(ordered.name, effect, None))

    def remove(self, deadline: Deadline) -> None:
        """Measure each once more, and take it off, the last one first.

        Raises:
            PathUnavailable: the path was lost.
            Interrupted: `interrupted` became true.
        """
        while self._placed:
            placed, number = self._placed[-1], len(self._placed) - 1
            before = self.measured[number]
            if not before.failure:
                try:
                    effect = self._effect(placed, deadline)
                    if not effect.in_effect:
                        # A machine that is busy for an instant must not cost a trial that is sound.
                        effect = self._effect(placed, deadline)
                    after = replace(before, after=effect)
                except _NotMeasured as error:
                    after = replace(before, failure=str(error))
                self.measured[number] = after
            self._placed.pop()
            self._take(placed.fault)

    def _look_without(self, fault: Parsed, deadline: Deadline) -> Look | None:
        """What a fault will change, where others are on the path.

        Raises:
            _NotMeasured: what it does could not be told from what those do; so do the errors of
                `inject`.
        """
        name = fault.ordered.name
        others = [one for one in self._placed if not (fault.model and one.fault.model)]
        if not others:
            return None
        if shared := [one.fault.ordered.name for one in others if one.fault.is_partial]:
            raise _NotMeasured(
                f"{name} cannot be told apart from {shared[0]}, on a share of the connections: "
                "put such faults in place one at a time"
            )
        if len(others) < len(self._placed):  # another model is in place
            former = self._placed[-1]
            if former.fault.model is None:
                raise _NotMeasured(
                    f"{name} cannot be told apart from {former.fault.ordered.name}, which was put "
                    "on the path between two changes of the connector"
                )
            return former.without
        found: Look = self._measured(name, lambda: fault.look(self.path.measured), deadline)
        return found

    def _put(self, fault: Parsed) -> None:
        if fault.model is not None:
            self.path.ask("change_connector", model=fault.model.to_json())
        elif fault.toxic is None:
            self.path.ask("switch", enabled=False)
        else:
            for toxic in (close_holder(fault.toxic), fault.toxic):
                if toxic is not None:
                    self.path.ask("add_toxic", toxic=toxic.to_server())

    def _take(self, fault: Parsed) -> None:
        """Take the last fault off; what those before it have changed is so again."""
        earlier = [one.fault for one in self._placed]
        if fault.toxic is not None:
            for toxic in (fault.toxic, close_holder(fault.toxic)):
                if toxic is not None:
                    self.path.ask("remove_toxic", name=toxic.name)
        elif fault.model is not None:
            model = next((one.model for one in reversed(earlier) if one.model), OPEN_CONNECTOR)
            self.path.ask("change_connector", model=model.to_json())
        elif not any(one.ordered.kind is FaultKind.PROXY for one in earlier):
            self.path.ask("switch", enabled=True)

    def _effect(self, placed: _Placed, deadline: Deadline) -> Effect:
        """What a fault does.

        Raises:
            _NotMeasured: that is not known; so do the errors of `inject`.
        """
        fault, path = placed.fault, self.path.measured
        state = self.path.ask("connector") if fault.model is not None else {}

        def measure() -> Effect:
            why = answers(path.direct)
            if why is not None:  # silence would be no fault's then
                raise PathUnavailable(f"the database itself does not answer: {why}")
            return fault.effect(path, state, placed.without)

        found: Effect = self._measured(fault.ordered.name, measure, deadline)
        return found

    def _measured(self, name: str, measure: Callable[[], Any], deadline: Deadline) -> Any:
        """What `measure` returns, which takes its time beside this thread.

        Raises:
            _NotMeasured: it failed, or did not end in time.
            PathUnavailable: the path was lost.
            Interrupted: `interrupted` became true.
        """
        measured = _Measured(measure)
        measured.start()
        while measured.is_alive():
            measured.join(POLL_SECONDS)
            if self.interrupted():
                raise Interrupted("the task was cancelled while its faults were measured")
            if self.path.is_lost:
                self.path.ask("state")  # says that it is
            if deadline.passed and measured.is_alive():
                raise _NotMeasured(f"{name} could not be measured in time")
        if measured.error is not None:
            failure = measured.error
            if not isinstance(failure, ChaosnetraError):
                failure = MachineryFailed(failure)
            raise _NotMeasured(f"{name} was not measured: {in_container(failure)}")
        return measured.found


class _NotMeasured(Exception):
    """Says in one line why it is not known what a fault does."""


def in_container(error: ChaosnetraError) -> str:
    """An error with the database, where the job's own variables say where that is."""
    return str(error).replace(SETTING, "the variables of the job's container")


class _Measured(threading.Thread):
    """Measures beside the main thread, which goes on noticing signals and deadlines."""

    def __init__(self, measure: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._measure = measure
        self.found: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.found = self._measure()
        except Exception as error:  # noqa: BLE001 - the main thread tells it
            self.error = error
