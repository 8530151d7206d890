"""The endpoint: gRPC in front of services, jobs and operations."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from chaosnetra.cloudrun.emulator.answers import Operations, Refused
from chaosnetra.cloudrun.emulator.controls import Deployment, Rule, Rules
from chaosnetra.cloudrun.emulator.instances import Instances
from chaosnetra.cloudrun.emulator.jobs import Jobs
from chaosnetra.cloudrun.emulator.logs import LogFolder
from chaosnetra.cloudrun.emulator.methods import Work, methods, request_of
from chaosnetra.cloudrun.emulator.resources import EmulatedLocation, copy_of, id_of, new_etag
from chaosnetra.cloudrun.emulator.services import Services
from chaosnetra.ports import LOOPBACK

THREADS = 32
COUNTED = ("running", "succeeded", "failed", "cancelled")
OPERATION_SECONDS = 0.05
MOST_AT_ONCE = 100
CUT_SECONDS = 5.0


class LocalCloudRun:
    """A Cloud Run endpoint on 127.0.0.1.

    Args:
        location: its project and region.
        operation_seconds: how long a change of a service takes.
        most_at_once: processes of one execution or service that this machine bears.
        zero_is_unset: see `Services`.
        logs: folder for what the tasks of jobs print; None: it is kept nowhere.
    """

    def __init__(
        self,
        location: EmulatedLocation,
        *,
        operation_seconds: float = OPERATION_SECONDS,
        most_at_once: int = MOST_AT_ONCE,
        zero_is_unset: bool = False,
        logs: Path | None = None,
    ) -> None:
        self.location = location
        self.rules = Rules()
        self.lock = threading.RLock()
        operations = Operations(location.parent)
        self.operations = operations
        self.services = Services(location, operations, operation_seconds, zero_is_unset)
        folder = LogFolder(logs) if logs is not None else None
        self.jobs = Jobs(location, operations, self.lock, most_at_once, folder)
        self.instances = Instances(lambda: self.services.all, self.lock, most_at_once)
        self.port = 0
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="call")
        self._server: Any = None
        self._serving = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def start(self, port: int = 0) -> None:
        """Serve on a port; 0 is a free one.

        Raises:
            OSError: the port cannot be used.
        """
        self._serve(port)
        self.instances.start()

    def _serve(self, port: int) -> None:
        server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        every = methods(self.services, self.jobs, self.operations)
        server.add_generic_rpc_handlers(
            tuple(self._handler(service, works) for service, works in every.items())
        )
        try:
            self.port = server.add_insecure_port(f"{LOOPBACK}:{port}")
        except RuntimeError as error:
            raise OSError(str(error)) from None
        server.start()
        self._server = server

    def stop(self) -> None:
        """Stop serving, and end every process. Doing it again is no error."""
        with self._serving:
            if self._server is not None:
                self._server.stop(0).wait()
            self._server = None
        self.jobs.stop()
        self.instances.stop()
        self._pool.shutdown()

    def deploy(self, change: Any) -> None:
        """Somebody else changes a service: a `Deployment`, or JSON data of one.

        Raises:
            InvalidInput: it is none.
            Refused, ValueError, TypeError, KeyError, AttributeError: it cannot be deployed.
        """
        parsed = Deployment.parse(change)
        with self.lock:
            self.operations.advance()
            self.services.deploy(parsed)

    def service(self, name: str) -> Any:
        """A copy of a service's whole message, as of now."""
        with self.lock:
            self.operations.advance()
            return copy_of(self.services.get(name))

    def listed_instances(self, service: str) -> list[dict[str, Any]]:
        """The instances of a service and their output: see `Instances.listed`.

        Raises:
            Refused: there is no such service.
        """
        with self.lock:
            return self.instances.listed(self.services.get(service).name)

    def output(self, task: str) -> bytes:
        """The last output of a task that has ended.

        Raises:
            Refused: there is no such task.
        """
        execution = self.location.canonical(task).rpartition("/tasks/")[0]
        with self.lock:
            return self.jobs.execution(execution).outputs.get(task, b"")

    def state(self) -> dict[str, Any]:
        """What is in it, as JSON data."""
        with self.lock:
            self.operations.advance()
            return {
                "endpoint": self.endpoint,
                "project": self.location.project,
                "project_number": self.location.project_number,
                "region": self.location.region,
                "services": {
                    service.name: {
                        "generation": service.generation,
                        "observed_generation": service.observed_generation,
                        "reconciling": service.reconciling,
                        "revision": id_of(service.latest_created_revision),
                        "instances": self.instances.counts(service.name),
                    }
                    for service in self.services.all
                },
                "executions": {
                    execution.message.name: {
                        "tasks": execution.message.task_count,
                        **{name: getattr(execution.message, f"{name}_count") for name in COUNTED},
                    }
                    for execution in self.jobs.executions
                },
                "calls": dict(self.rules.calls),
                "rules": self.rules.left,
            }

    def _handler(self, service: str, works: dict[str, Work]) -> Any:
        return grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    self._answering(name, work),
                    request_deserializer=request_of(name).FromString,
                    response_serializer=lambda raw: raw,
                )
                for name, work in works.items()
            },
        )

    def _answering(self, call: str, work: Work) -> Callable[[Any, Any], bytes]:
        """The method as gRPC calls it, on a thread of its own."""

        def answer(request: Any, context: Any) -> bytes:
            rule = self.rules.take(call)
            try:
                return self._answer(request, rule, work, context)
            except Refused as refused:
                context.abort(refused.code, refused.text)
                raise  # it does not come back

        return answer

    def _answer(self, request: Any, rule: Rule, work: Work, context: Any) -> bytes:
        if rule.delay_seconds:
            time.sleep(rule.delay_seconds)
        if rule.deploy_before is not None:
            self.deploy(rule.deploy_before)
        if rule.drop == "before":
            self._cut(context)
        if rule.refuse:
            raise Refused(rule.refuse, "refused, as a rule asks")
        with self.lock:
            self.operations.advance()
            message = work(request, rule)
            if rule.stale_etag:
                message = copy_of(message)
                new_etag(message)
            raw: bytes = message.SerializeToString()
        if rule.deploy_after is not None:
            self.deploy(rule.deploy_after)
        if rule.drop == "after":
            self._cut(context)
        if rule.lose_answer:
            raise Refused(rule.lose_answer, "answered so, as a rule asks")
        return raw

    def _cut(self, context: Any) -> None:
        """Cut every connection, this call's among them; what comes next is served again."""
        threading.Thread(target=self._serve_anew, daemon=True).start()
        until = time.monotonic() + CUT_SECONDS
        while context.is_active() and time.monotonic() < until:
            time.sleep(0.005)
        raise Refused("UNAVAILABLE", "the connection was cut")

    def _serve_anew(self) -> None:
        with self._serving:
            if self._server is not None:
                self._server.stop(0).wait()
                self._serve(self.port)
