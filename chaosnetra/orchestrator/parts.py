"""The parts that need no outside system: small, and really used by their phases."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.errors import StartupError

# RFC 7914's interactive setting is N = 16384; a startup check needs far less.
SCRYPT = {"n": 1024, "r": 8, "p": 1}


class KeyManager:
    """Derives the service's signing key and signs tokens with it."""

    def __init__(self) -> None:
        self._key = hashlib.scrypt(secrets.token_bytes(32), salt=secrets.token_bytes(16), **SCRYPT)

    def sign(self, claims: dict[str, Any]) -> str:
        body = json.dumps(claims, sort_keys=True)
        return f"{body}.{self._signature(body)}"

    def verify(self, token: str) -> dict[str, Any]:
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(body)):
            raise StartupError("a token's signature does not match", phase="dependencies")
        claims: dict[str, Any] = json.loads(body)
        return claims

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), "sha256").hexdigest()


class Cache:
    """Keeps values until their time to live ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: dict[str, tuple[float, Any]] = {}

    def put(self, key: str, value: Any, time_to_live_seconds: float) -> None:
        self._values[key] = (self._clock() + time_to_live_seconds, value)

    def get(self, key: str) -> Any:
        until, value = self._values.get(key, (0.0, None))
        return value if self._clock() < until else None


Tool = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass
class ToolRegistry:
    """Tools by name, and a dispatcher for them."""

    tools: dict[str, Tool] = field(default_factory=dict)

    def register(self, name: str, tool: Tool) -> None:
        if name in self.tools:
            raise StartupError(f"tool {name} is registered twice", phase="services")
        self.tools[name] = tool

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self.tools[name](arguments)


class EventBridge:
    """Carries events to subscribers, in order, each in a bounded queue of its own."""

    def __init__(self, queue_length: int = 100) -> None:
        self._queue_length = queue_length
        self._subscribers: list[asyncio.Queue[dict[str, Any]]] = []
        self.recent: deque[dict[str, Any]] = deque(maxlen=queue_length)

    def subscribe(self) -> asyncio.Queue[dict[str, Any]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(self._queue_length)
        self._subscribers.append(queue)
        return queue

    def publish(self, event: dict[str, Any]) -> None:
        self.recent.append(event)
        for queue in self._subscribers:
            queue.put_nowait(event)


class BackgroundTasks:
    """Starts tasks with the service and cancels them with it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        task = asyncio.get_running_loop().create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def running(self) -> list[str]:
        return sorted(task.get_name() for task in self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
