"""How long a run's end may wait, and who cuts it short."""

import signal
import threading
from collections.abc import Iterator

import pytest

from chaosnetra.controls.interruption import listen
from chaosnetra.running.run import Run


@pytest.fixture
def run() -> Iterator[Run]:
    made = Run()
    restore = listen(made)
    yield made
    restore()


def send(number: int) -> None:
    signal.pthread_kill(threading.get_ident(), number)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_hurries_the_end(run: Run, second: int) -> None:
    with run.polled():
        assert not run.hurried
        send(signal.SIGTERM)
        assert not run.hurried
        send(second)
        assert run.hurried
    assert run.interrupted_by == "SIGTERM"


def test_signals_that_are_held_back_count_too(run: Run) -> None:
    """As while the journal is written, when none may come between."""
    run.finishing = True
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        assert not run.hurried
        send(signal.SIGTERM)
        assert not run.hurried
        send(signal.SIGTERM)
        assert run.hurried
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def test_signals_are_not_taken_from_others(run: Run) -> None:
    """Those that this thread does not hold back, and those that end nothing."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        run.finishing = True
        send(signal.SIGUSR1)
        assert not run.hurried
        assert signal.SIGUSR1 in signal.sigpending()
        assert signal.sigtimedwait({signal.SIGUSR1}, 1) is not None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@pytest.mark.parametrize("ends", ["unwinding", "over", "finishing", "interrupted_by"])
def test_all_waits_of_an_ending_share_a_deadline(
    run: Run, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaosnetra.running.run.ENDING_SECONDS", 5)
    assert run.ends_by(60).remaining_seconds > 50
    setattr(run, ends, "SIGTERM" if ends == "interrupted_by" else True)
    assert run.ends_by(60).at == run.ends_by(30).at
    assert run.ends_by(60).remaining_seconds <= 5
    assert run.ends_by(1).remaining_seconds <= 1
