"""Instances of services as real processes: as many as the scaling asks for, begun anew when they
end.

There are no requests here, so automatic scaling keeps the minimum. Sources: "Container runtime
contract" (environment, signals), "Manual scaling" (what counts in which mode).
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from google.cloud import run_v2

from chaosnetra.cloudrun.emulator.attempts import AttemptEnd, TaskAttempt, begin
from chaosnetra.ports import free_port

TICK_SECONDS = 0.05
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
KEPT_ENDED = 100
_MANUAL = run_v2.ServiceScaling.ScalingMode.MANUAL


@dataclass
class _Instance:
    attempt: TaskAttempt
    revision: str
    began_at: float
    stopped: bool = False
    end: AttemptEnd | None = None
    thread: threading.Thread | None = None


@dataclass
class _Fleet:
    """The instances of one service, and what became of those that were."""

    running: list[_Instance] = field(default_factory=list)
    ended: deque[_Instance] = field(default_factory=lambda: deque(maxlen=KEPT_ENDED))
    started: int = 0
    crashed: int = 0
    crashes_in_a_row: int = 0
    not_before: float = 0.0
    last_output: str = ""


class Instances:
    """Keeps the instances of all services that have a command.

    Args:
        services: asked for the messages of all services; called with the lock held.
        lock: of the services.
        most: processes of one service that this machine bears.
    """

    def __init__(self, services: Any, lock: Any, most: int) -> None:
        self._services = services
        self._lock = lock
        self._most = most
        self._fleets: dict[str, _Fleet] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._keep, name="instances", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all, at once; nothing is left when it returns. Doing it again is no error."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            instances = [one for fleet in self._fleets.values() for one in fleet.running]
        for instance in instances:
            self._end(instance, at_once=True)
        for instance in instances:
            if instance.thread is not None:
                instance.thread.join()

    def counts(self, service: str) -> dict[str, Any]:
        """Of one service: what Monitoring would show. The lock is held."""
        fleet = self._fleets.get(service, _Fleet())
        return {
            "running": sum(not one.stopped for one in fleet.running),
            "started": fleet.started,
            "crashed": fleet.crashed,
            "last_output": fleet.last_output,
        }

    def listed(self, service: str) -> list[dict[str, Any]]:
        """The instances of one service that run, and the last that ended: what its logs would say.

        Each has `began_at` (seconds since 1970), `revision`, `running`, `asked` (it was asked to
        end), `exit_code`, `signal` and `output` (its last bytes, as text). The lock is held.
        """
        fleet = self._fleets.get(service, _Fleet())
        return [
            {
                "began_at": one.began_at,
                "revision": one.revision.rpartition("/")[2],
                "running": one.end is None,
                "asked": one.stopped,
                "exit_code": one.end.exit_code if one.end else None,
                "signal": one.end.signal if one.end else None,
                "output": one.attempt.output.decode(errors="replace"),
            }
            for one in (*fleet.ended, *fleet.running)
        ]

    def _keep(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            with self._lock:
                for service in self._services():
                    if service.template.containers[0].command:
                        self._adjust(service, self._fleets.setdefault(service.name, _Fleet()))

    def _adjust(self, service: Any, fleet: _Fleet) -> None:
        revision = service.latest_created_revision
        current = [one for one in fleet.running if one.revision == revision and not one.stopped]
        wanted = min(_wanted(service), self._most)
        leaving = [one for one in fleet.running if one.revision != revision]
        for instance in [*leaving, *current[wanted:]]:
            self._end(instance)
        if len(current) < wanted and time.monotonic() >= fleet.not_before:
            for _ in range(wanted - len(current)):
                self._begin(service, revision, fleet)

    def _begin(self, service: Any, revision: str, fleet: _Fleet) -> None:
        service_id = service.name.rpartition("/")[2]
        variables = {
            "PORT": str(free_port()),
            "K_SERVICE": service_id,
            "K_CONFIGURATION": service_id,
            "K_REVISION": revision.rpartition("/")[2],
        }
        fleet.started += 1
        began_at = time.time()
        try:
            attempt = begin(service.template.containers[0], variables)
        except OSError as error:
            self._crashed(fleet, str(error))
            return
        instance = _Instance(attempt, revision, began_at)
        instance.thread = threading.Thread(
            target=self._wait, args=(instance, fleet), name="instance", daemon=True
        )
        fleet.running.append(instance)
        instance.thread.start()

    def _wait(self, instance: _Instance, fleet: _Fleet) -> None:
        instance.end = instance.attempt.wait(None)
        with self._lock:
            fleet.running.remove(instance)
            fleet.ended.append(instance)
            if not instance.stopped:
                self._crashed(fleet, instance.attempt.output.decode(errors="replace"))

    def _crashed(self, fleet: _Fleet, output: str) -> None:
        """The next one waits, twice as long after each crash in a row."""
        fleet.crashed += 1
        fleet.last_output = output[-2000:]
        now = time.monotonic()
        if now >= fleet.not_before:
            fleet.crashes_in_a_row += 1
            pause = FIRST_PAUSE_SECONDS * 2 ** (fleet.crashes_in_a_row - 1)
            fleet.not_before = now + min(pause, LONGEST_PAUSE_SECONDS)

    def _end(self, instance: _Instance, *, at_once: bool = False) -> None:
        if not instance.stopped or at_once:
            instance.stopped = True
            instance.attempt.stop(at_once=at_once)


def _wanted(service: Any) -> int:
    scaling, revision = service.scaling, service.template.scaling
    if scaling.scaling_mode == _MANUAL:
        return int(scaling.manual_instance_count)
    limits = (scaling.max_instance_count, revision.max_instance_count)
    least = max(scaling.min_instance_count, revision.min_instance_count)
    return int(min([least, *(limit for limit in limits if limit)]))
