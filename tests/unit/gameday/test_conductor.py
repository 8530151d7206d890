"""The conductor without processes: what it asks, and what ends its waits."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from chaosnetra.gameday.conduct import step_run
from chaosnetra.gameday.conduct.conductor import Conductor
from chaosnetra.gameday.conduct.signals import Signals
from chaosnetra.gameday.conduct.step_run import Consent
from chaosnetra.gameday.people.answers import Scripted
from chaosnetra.gameday.people.interface import Left
from chaosnetra.gameday.plan.reading import read_gameday
from chaosnetra.gameday.record.record import Record
from chaosnetra.gameday.record.states import Kind
from tests.unit.gameday.test_answers import say
from tests.unit.gameday.test_reading import plan, step, written


class Watched:
    """An abort monitor whose criteria hold."""

    crossed = None

    def has_checked(self, tick: Callable[[], None]) -> bool:
        return True


def test_a_plan_of_staging_is_made_once_and_a_signal_ends_the_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = step(predict=["held", "startup_seconds"])
    database = {"database_url": "postgresql://me@127.0.0.1:1/none"}
    data = plan(environment="staging", parameters=database, steps=[asked])
    day, _ = read_gameday(written(tmp_path, data))
    assert day is not None
    signals = Signals()
    made = []

    def never(
        experiment: Path, environment: Mapping[str, str], tick: Callable[[], None]
    ) -> Consent:
        made.append(experiment)
        signals.received = "SIGTERM"
        tick()
        return Consent(True, "too late")

    monkeypatch.setattr(step_run, "consent_to", never)
    record = Record.opened(tmp_path / "day", day.acting(rehearsal=False), {})
    said = {
        "present": deque(["Ada"]),
        "first go": deque(["go"]),
        "first predict Ada held": deque(["yes"]),
        "first predict Ada startup_seconds": deque(["4"]),
    }
    leading = Conductor(record, Scripted(said, say), Watched(), signals, [], attended=True)  # type: ignore[arg-type]
    with pytest.raises(Left, match="SIGTERM came"):
        leading.lead()
    assert len(made) == 1
    assert [entry.kind for entry in record.entries].count(Kind.PREDICTED) == 2
