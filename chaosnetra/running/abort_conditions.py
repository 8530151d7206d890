"""Conditions of an abort: probes that must go on holding, of a run or of a game day."""

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from chaoslib.activity import run_activity
from chaoslib.exceptions import ActivityFailed
from chaoslib.hypothesis import within_tolerance
from chaoslib.types import Configuration, Secrets

from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import fraction, whole_number
from chaosnetra.text import how_many
from chaosnetra.tolerances import held

CONDITION_KEYS = ("name", "provider", "tolerance", "window", "max_failure_rate")
PROVIDERS = ("python", "http", "process")
# A check that takes longer has failed.
CHECK_SECONDS = 30.0


class Condition:
    """One bound: a probe, how its result is judged, and how much failure is allowed."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping) or not isinstance(data.get("provider"), Mapping):
            raise InvalidInput("each abort condition must be an object with a provider")
        unknown = sorted(set(data) - set(CONDITION_KEYS))
        if unknown:
            raise InvalidInput(
                f"an abort condition has no {', '.join(unknown)}; "
                f"it has {', '.join(CONDITION_KEYS)}"
            )
        self.name = str(data.get("name") or "abort condition")
        kind = data["provider"].get("type")
        if kind not in PROVIDERS:
            raise InvalidInput(
                f"{self.name}: unknown provider type {kind!r}; it is {', '.join(PROVIDERS)}"
            )
        self._activity = {"type": "probe", "name": self.name, "provider": dict(data["provider"])}
        self._tolerance = data.get("tolerance")
        self._most = fraction("max_failure_rate", data.get("max_failure_rate", 0))
        self._failures: deque[str | None] = deque(
            maxlen=whole_number("window", data.get("window", 1), minimum=1, maximum=100_000)
        )
        self._checking: Future[str | None] | None = None

    def crossed(self, configuration: Configuration, secrets: Secrets) -> str | None:
        """Check once more. Returns why the bound is crossed, None while it is not."""
        self._failures.append(self._failure_in_time(configuration, secrets))
        failed = [failure for failure in self._failures if failure is not None]
        if len(failed) <= self._most * (self._failures.maxlen or 1):
            return None
        if len(self._failures) == 1:
            return f"{self.name}: {failed[-1]}"
        return (
            f"{self.name}: {len(failed)} of the last "
            f"{how_many(len(self._failures), 'check')} failed, the last with: {failed[-1]}"
        )

    def _failure_in_time(self, configuration: Configuration, secrets: Secrets) -> str | None:
        """Why a check failed; one that hangs is waited for again, and not begun once more."""
        if self._checking is None:
            answer: Future[str | None] = Future()
            self._checking = answer
            threading.Thread(
                target=lambda: answer.set_result(self._failure(configuration, secrets)),
                name=self.name,
                daemon=True,
            ).start()
        try:
            failure = self._checking.result(CHECK_SECONDS)
        except TimeoutError:
            return f"no answer within {CHECK_SECONDS:g} s"
        self._checking = None
        return failure

    def _failure(self, configuration: Configuration, secrets: Secrets) -> str | None:
        try:
            result = run_activity(self._activity, configuration, secrets)
            if self._tolerance is None:
                fine = held(result)
            else:
                fine = within_tolerance(
                    self._tolerance, result, configuration=configuration, secrets=secrets
                )
        except ActivityFailed as error:
            return " ".join(str(error).split())
        except BaseException as error:  # noqa: BLE001 - a probe can raise anything, or end itself
            return f"{type(error).__name__}: {error}"
        if fine:
            return None
        if isinstance(result, dict) and "observed" in result:
            return f"expected {result.get('expected')}, observed {result['observed']}"
        if self._tolerance is None and not (isinstance(result, dict) and "held" in result):
            return f"it needs a tolerance, because its result has no held: {result!r}"[:300]
        return f"expected {self._tolerance!r}, observed {result!r}"[:300]
