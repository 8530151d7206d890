"""The faults of a task: put on its path, and their effects measured beside the direct one."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.connector.effects import effect_of as effect_of_connector
from chaosnetra.connector.model import OPEN_CONNECTOR, ConnectorModel, parse_model
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    ChaosnetraError,
    Interrupted,
    InvalidInput,
    MachineryFailed,
    PathUnavailable,
)
from chaosnetra.faults import Effect
from chaosnetra.postgres.connect import SETTING
from chaosnetra.postgres.path import PostgresPath, answers
from chaosnetra.startup.orders import FaultKind, OrderedFault
from chaosnetra.startup.reports import MeasuredFault
from chaosnetra.task_path.path import TaskPath
from chaosnetra.toxiproxy.blackhole import close_holder, with_server_ends
from chaosnetra.toxiproxy.effects import effect_of as effect_of_toxic
from chaosnetra.toxiproxy.effects import effect_of_switch, effect_seconds
from chaosnetra.toxiproxy.embedded.bodies import new_toxic
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


def parse(fault: OrderedFault) -> Parsed:
    """Check an ordered fault.

    Raises:
        InvalidInput: its parameters cannot be used.
    """
    try:
        match fault.kind:
            case FaultKind.TOXIC:
                return Parsed(fault, toxic=new_toxic(fault.parameters))
            case FaultKind.CONNECTOR:
                return Parsed(fault, model=parse_model(fault.parameters))
            case FaultKind.PROXY:
                if dict(fault.parameters) != {"enabled": False}:
                    raise InvalidInput("a proxy in a task can be taken down, and no more")
                return Parsed(fault)
    except ChaosnetraError as error:
        raise InvalidInput(f"{fault.name}: {error}") from None


def measuring_seconds(faults: Iterable[OrderedFault]) -> float:
    """How long a task should take to measure all of its faults, once.

    Each is measured with those before it in place, whose latency its logins have to bear.

    Raises:
        InvalidInput: the parameters of one cannot be used.
    """
    seconds = latency_seconds = 0.0
    for fault in map(parse, faults):
        if fault.toxic is not None and fault.toxic.type == "latency":
            latency_seconds += sum(fault.toxic.attributes.values()) / 1000
        logins = LEAST_SECONDS + LOGIN_ROUND_TRIPS * latency_seconds
        if fault.model is not None:
            seconds += logins + 3 * fault.model.pressure_delay_seconds.longest
        else:
            own = effect_seconds(fault.toxic) if fault.toxic is not None else 0.0
            seconds += logins + own
    return seconds


@dataclass
class FaultsOnPath:
    """The faults of one path.

    Args:
        path: that they are put on.
        ordered: which.
        direct: the database itself.
        interrupted: asked often; once true, measuring is given up.
    """

    path: TaskPath
    ordered: Sequence[OrderedFault]
    interrupted: Callable[[], bool]
    measured: list[MeasuredFault] = field(default_factory=list)

    def inject(self, deadline: Deadline) -> None:
        """Put each in place and measure it, one after the other.

        What was measured is in `measured`; what could not be, says there why.

        Raises:
            PathUnavailable: the path was lost.
            Interrupted: `interrupted` became true.
        """
        for ordered in self.ordered:
            try:
                fault = parse(ordered)
                self._put(fault)
            except InvalidInput as error:
                self.measured.append(MeasuredFault(ordered.name, None, None, str(error)))
                return
            effect, failure = self._effect(fault, deadline)
            self.measured.append(MeasuredFault(ordered.name, effect, None, failure))
            if failure:
                return

    def remove(self, deadline: Deadline) -> None:
        """Measure each once more, and take it off, the last one first.

        Raises:
            PathUnavailable: the path was lost.
            Interrupted: `interrupted` became true.
        """
        for number in reversed(range(len(self.measured))):
            before = self.measured[number]
            if before.failure:
                continue
            fault = parse(self.ordered[number])
            effect, failure = self._effect(fault, deadline)
            self.measured[number] = replace(before, after=effect, failure=failure)
            self._take(fault, self.ordered[:number])

    def _put(self, fault: Parsed) -> None:
        if fault.model is not None:
            self.path.ask("change_connector", model=fault.model.to_json())
        elif fault.toxic is None:
            self.path.ask("switch", enabled=False)
        else:
            for toxic in (close_holder(fault.toxic), fault.toxic):
                if toxic is not None:
                    self.path.ask("add_toxic", toxic=toxic.to_server())

    def _take(self, fault: Parsed, earlier: Sequence[OrderedFault]) -> None:
        """Take a fault off; what those before it have changed is so again."""
        if fault.toxic is not None:
            for toxic in (fault.toxic, close_holder(fault.toxic)):
                if toxic is not None:
                    self.path.ask("remove_toxic", name=toxic.name)
        elif fault.model is not None:
            models = [parse(one).model for one in earlier]
            model = next((one for one in reversed(models) if one), OPEN_CONNECTOR)
            self.path.ask("change_connector", model=model.to_json())
        elif not any(one.kind is FaultKind.PROXY for one in earlier):
            self.path.ask("switch", enabled=True)

    def _effect(self, fault: Parsed, deadline: Deadline) -> tuple[Effect | None, str]:
        """What a fault does, or why that is not known."""
        state: dict[str, Any] = {}
        if fault.model is not None:
            state = self.path.ask("connector")
        path, direct = self.path.measured, self.path.measured.direct
        measured = _Measured(lambda: _effect_of(fault, state, path, direct))
        measured.start()
        while measured.is_alive():
            measured.join(POLL_SECONDS)
            if self.interrupted():
                raise Interrupted("the task was cancelled while its faults were measured")
            if self.path.is_lost:
                self.path.ask("state")  # says that it is
            if deadline.passed and measured.is_alive():
                return None, f"{fault.ordered.name} could not be measured in time"
        if measured.error is not None:
            told = measured.error
            if not isinstance(told, ChaosnetraError):
                told = MachineryFailed(told)
            return None, f"{fault.ordered.name} was not measured: {in_container(told)}"
        return measured.effect, ""


def in_container(error: ChaosnetraError) -> str:
    """An error with the database, where the job's own variables say where that is."""
    return str(error).replace(SETTING, "the variables of the job's container")


def _effect_of(
    fault: Parsed, state: dict[str, Any], path: PostgresPath, direct: DatabaseAddress
) -> Effect:
    why = answers(direct)
    if why is not None:  # silence would be no fault's then
        raise PathUnavailable(f"the database itself does not answer: {why}")
    if fault.model is not None:
        return effect_of_connector(state, fault.model, path)
    if fault.toxic is None:
        return effect_of_switch(False, path)
    effect = effect_of_toxic(fault.toxic, path)
    return with_server_ends(fault.toxic, effect, close_holder(fault.toxic) is not None)


class _Measured(threading.Thread):
    """Measures beside the main thread, which goes on noticing signals and deadlines."""

    def __init__(self, measure: Callable[[], Effect]) -> None:
        super().__init__(daemon=True)
        self._measure = measure
        self.effect: Effect | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.effect = self._measure()
        except Exception as error:  # noqa: BLE001 - the main thread tells it
            self.error = error
