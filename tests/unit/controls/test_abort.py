"""The abort control: what a check comes to, and how a run is ended."""

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chaosnetra.controls import abort
from chaosnetra.controls.abort import Watch
from chaosnetra.running import abort_conditions
from chaosnetra.running.abort_conditions import Condition
from chaosnetra.running.run import Run

hanging = threading.Event()


def hang() -> bool:
    return hanging.wait(30)


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    hanging.clear()
    yield
    hanging.set()


def condition(**more: Any) -> Condition:
    provider = {"type": "python", "module": __name__, "func": "hang"}
    return Condition({"name": "it answers", "provider": provider, "tolerance": True, **more})


def test_a_check_that_takes_too_long_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abort_conditions, "CHECK_SECONDS", 0.1)
    before = threading.active_count()
    checked = condition(window=10, max_failure_rate=0.2)
    assert [checked.crossed({}, {}) for _ in range(2)] == [None, None]
    crossed = checked.crossed({}, {})
    assert crossed is not None
    assert "3 of the last 3 checks failed, the last with: no answer within 0.1 s" in crossed
    assert threading.active_count() <= before + 1  # it is not begun once more


def test_one_that_answers_in_the_end_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abort_conditions, "CHECK_SECONDS", 0.1)
    checked = condition(window=3, max_failure_rate=0.5)
    assert checked.crossed({}, {}) is None
    hanging.set()
    monkeypatch.setattr(abort_conditions, "CHECK_SECONDS", 10)
    assert [checked.crossed({}, {}) for _ in range(3)] == [None] * 3


def test_a_full_disk_does_not_keep_a_run_from_being_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(event: str, data: Any = None) -> None:
        happened.append(event)
        raise OSError("the disk is full")

    happened: list[Any] = []
    run = Run()
    monkeypatch.setattr(run.events, "record", full)
    monkeypatch.setattr(abort.os, "kill", lambda pid, number: happened.append(number))
    watch = Watch(run, [], 1, 0.05, {}, {})
    watch.start()
    deadline = time.monotonic() + 20
    while "abort.crossed" not in happened and time.monotonic() < deadline:
        time.sleep(0.01)
    assert happened == [signal.SIGTERM, "abort.crossed"]
    assert run.interrupted_by == "abort condition: it took over 0.05 s"
    watch.stop()


def test_what_is_stopped_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abort.os, "kill", lambda pid, number: pytest.fail("it was ended"))
    run = Run()
    watch = Watch(run, [condition(window=1)], 0.01, 0.3, {}, {})
    watch.start()
    time.sleep(0.1)
    began = time.monotonic()
    watch.stop()
    assert time.monotonic() - began < 1  # a check in progress is not waited for
    hanging.set()
    time.sleep(0.4)
    assert run.interrupted_by is None
