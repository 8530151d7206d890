"""The rules that the endpoint misbehaves by, each for some calls of one method."""

import threading
from dataclasses import dataclass, field

from chaosnetra.cloudrun.emulator.controls import NO_RULE, Rule


@dataclass
class _Waiting:
    rule: Rule
    skip: int
    times: int


@dataclass
class Rules:
    """The rules that still wait for their calls, and how often each method was called."""

    calls: dict[str, int] = field(default_factory=dict)
    _waiting: list[_Waiting] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._waiting.append(_Waiting(rule, rule.skip, rule.times))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, call: str) -> Rule:
        """The rule for this call of a method; of several the one that was added first."""
        with self._lock:
            self.calls[call] = self.calls.get(call, 0) + 1
            found = NO_RULE
            for waiting in [waiting for waiting in self._waiting if waiting.rule.call == call]:
                if waiting.skip:
                    waiting.skip -= 1
                elif found is NO_RULE:
                    found = waiting.rule
                    waiting.times -= 1
                    if not waiting.times:
                        self._waiting.remove(waiting)
            return found

    @property
    def left(self) -> int:
        """How many rules still wait."""
        with self._lock:
            return len(self._waiting)
