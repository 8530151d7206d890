"""A task's path as its task sees it: it is begun, asked and ended, and its loss is noticed."""

import json
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.addresses.database_url import socket_path
from chaosnetra.errors import PartUnavailable, PathUnavailable
from chaosnetra.ports import LOOPBACK
from chaosnetra.postgres.path import PostgresPath
from chaosnetra.processes.program import module_command
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.startup.seen import seen
from chaosnetra.task_path.variables import NamedDatabase
from chaosnetra.task_path.wording import Place
from chaosnetra.temporary import socket_folder
from chaosnetra.wire.client import missed
from chaosnetra.wire.observation import Observation

ANSWER_SECONDS = 10.0
# An observation of hundreds of thousands of round trips.
OBSERVATION_SECONDS = 60.0
GRACE_SECONDS = 1.0
LOST = "the task's path was lost: its process ended before its time"


@dataclass(frozen=True)
class TaskPath:
    """A path that stands; a context manager, at whose end nothing of it is left.

    Attributes:
        database: as the startup reaches it.
        variables: that name it so.
        measured: the same path, without the observer, beside the direct one.
        pid: of its process.
    """

    database: DatabaseAddress
    variables: Mapping[str, str]
    measured: PostgresPath
    pid: int
    _process: SupervisedProcess
    _control: socket.socket

    def __enter__(self) -> "TaskPath":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._control.close()
        self._process.stop()

    @property
    def is_lost(self) -> bool:
        """Whether its process has ended, which nobody asked it to."""
        return self._process.exited

    def ask(self, name: str, /, *, seconds: float = ANSWER_SECONDS, **arguments: Any) -> Any:
        """Ask its process for something; see `chaosnetra.task_path.hops.Hops`.

        Raises:
            PathUnavailable: it is lost, does not answer in time, or cannot do it.
        """
        return _ask(self._control, name, arguments, seconds)

    def seen(self, outcome: StartupOutcome) -> StartupOutcome:
        """The outcome with what was seen of the startup.

        Raises:
            PathUnavailable: the path was lost, or not all was seen that passed.
        """
        found = seen(outcome, self._observe)
        if gap := missed(self.ask("state")["observer"]):
            raise PathUnavailable(gap)
        return found

    def _observe(
        self,
        began_at: float,
        until_at: float,
        phases: Mapping[str, tuple[float, float | None]] | None = None,
    ) -> Observation:
        arguments = {"began_at": began_at, "until_at": until_at, "phases": phases or {}}
        return Observation.from_json(self.ask("observe", seconds=OBSERVATION_SECONDS, **arguments))


def begin_path(
    named: NamedDatabase,
    *,
    seed: int,
    has_connector: bool,
    longest_seconds: float,
) -> TaskPath:
    """Begin the path to a database; nothing is on it yet.

    Args:
        named: as the job's variables name it.
        seed: of everything that is drawn.
        has_connector: whether a connector emulator is a part of it.
        longest_seconds: its time to live, whatever becomes of this process.

    Raises:
        PathUnavailable: it does not stand; says what is in the way.
    """
    with ExitStack() as undone:  # where it does not come to stand
        try:
            folder = socket_folder(named.address.port) if named.address.is_socket else None
            if folder is not None:
                undone.callback(rmtree, folder, ignore_errors=True)
            control, process = _started(folder, longest_seconds)
        except (PartUnavailable, OSError) as error:
            raise PathUnavailable(f"the task's path cannot be begun: {error}") from None
        undone.callback(process.stop)
        undone.callback(control.close)
        listen: Any = (LOOPBACK, named.fixed_port or 0)
        if folder is not None:
            listen = socket_path(str(folder), named.address.port)
        asked = {
            "upstream": named.address.place,
            "listen": listen,
            "seed": seed,
            "has_connector": has_connector,
        }
        try:
            answer = _ask(control, "begin", asked, ANSWER_SECONDS)
        except PathUnavailable as error:
            if named.fixed_port is None or "in use" not in str(error):
                raise
            raise PathUnavailable(
                f"port {named.fixed_port} of the container is taken, and no variable names "
                "another: name it by {port} in target_environment"
            ) from None
        undone.pop_all()
    if folder is not None:
        place = Place(str(folder), named.address.port)
    else:
        place = Place(*parse_network_address("listens", answer["listens"]))
    through = named.at(Place(*answer["measured"]))
    return TaskPath(
        database=named.at(place),
        variables=named.variables_at(place),
        measured=PostgresPath(direct=named.address, proxied=through),
        pid=process.pid,
        _process=process,
        _control=control,
    )


def _started(
    folder: Path | None, longest_seconds: float
) -> tuple[socket.socket, SupervisedProcess]:
    """What its process is asked on, and the process, with which the folder goes.

    Raises:
        PartUnavailable: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            descriptor = theirs.fileno()
            process = SupervisedProcess(
                module_command("chaosnetra.task_path", str(descriptor), f"{longest_seconds:g}"),
                output=sys.stderr.fileno(),
                grace_seconds=GRACE_SECONDS,
                pass_fds=(descriptor,),
                remove=[folder] if folder else [],
            )
    except BaseException:
        ours.close()
        raise
    return ours, process


def _ask(control: socket.socket, name: str, arguments: Mapping[str, Any], seconds: float) -> Any:
    control.settimeout(seconds)
    try:
        control.sendall(json.dumps({"do": name, **arguments}).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            chunk = control.recv(1 << 16)
            if not chunk:
                raise PathUnavailable(LOST)
            answer += chunk
    except TimeoutError:
        control.close()  # an answer that comes late would be taken for the next one
        raise PathUnavailable(f"the task's path did not answer within {seconds:g} s") from None
    except OSError:
        raise PathUnavailable(LOST) from None
    told = json.loads(answer)
    if "error" in told:
        raise PathUnavailable(f"the task's path: {told['error']}")
    return told["answer"]
