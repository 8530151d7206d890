"""Answers that are no resource: an error, as gRPC knows it, or a long-running operation.

Operations end when their time has come, or when somebody ends them.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.longrunning import operations_pb2


class Refused(Exception):
    """Ends a call with a status code and a text.

    Args:
        code: name of a gRPC status code, such as `NOT_FOUND`.
        text: what the caller reads.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = grpc.StatusCode[code]
        self.text = text
        super().__init__(f"{code}: {text}")

    @property
    def number(self) -> int:
        """The code as `google.rpc.Status` has it."""
        return int(self.code.value[0])


@dataclass
class _Running:
    operation: Any
    due: float | None
    finish: Callable[[Any], None]


class Operations:
    """All operations, by name. Not safe for threads: its owner holds a lock.

    Args:
        parent: how their names begin: `projects/…/locations/…`.
    """

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._finished: dict[str, Any] = {}
        self._running: dict[str, _Running] = {}

    def start(self, metadata: Any, seconds: float | None, finish: Callable[[Any], None]) -> Any:
        """Begin one.

        Args:
            metadata: message that it shows while it runs.
            seconds: when it ends; None: when `end` is called.
            finish: called with the operation at its end, to set its result.
        """
        operation = operations_pb2.Operation(
            name=f"{self._parent}/operations/{secrets.token_hex(16)}"
        )
        operation.metadata.Pack(metadata)
        due = None if seconds is None else time.monotonic() + seconds
        self._running[operation.name] = _Running(operation, due, finish)
        return operation

    def finished(self, message: Any) -> Any:
        """One that is done at once with this result, as the answer to a dry run."""
        operation = self.start(message, None, lambda op: op.response.Pack(message))
        self.end(operation.name)
        return operation

    def advance(self) -> None:
        """End those whose time has come, in the order in which they were due."""
        now = time.monotonic()
        due = [
            (running.due, name)
            for name, running in self._running.items()
            if running.due is not None and running.due <= now
        ]
        for _, name in sorted(due):
            self.end(name)

    def end(self, name: str) -> None:
        running = self._running.pop(name)
        running.finish(running.operation)
        running.operation.done = True
        self._finished[name] = running.operation

    def get(self, name: str) -> Any:
        running = self._running.get(name)
        operation = running.operation if running else self._finished.get(name)
        if operation is None:
            raise Refused("NOT_FOUND", f"Operation '{name}' does not exist.")
        return operation
