"""What counts as the effect of a toxic, on a path that answers as the test says."""

from typing import Any, cast

import pytest

from chaosnetra.paths import DatabasePath, FirstAnswer, FirstAnswerTiming
from chaosnetra.toxiproxy.effects import effect_of
from chaosnetra.toxiproxy.toxics import make_toxic


class SlowPath:
    """Whose connections all take a second, whatever is on it."""

    def first_answers(self, connections: int, timeout_seconds: float) -> list[Any]:
        return [FirstAnswerTiming(FirstAnswer.ANSWERED, 1.0)] * connections


@pytest.mark.parametrize(("toxicity", "in_effect"), [(0.5, True), (0, False)])
def test_a_toxic_on_no_connection_is_not_in_effect_where_connections_are_slow_by_themselves(
    toxicity: float, in_effect: bool
) -> None:
    toxic = make_toxic("slow", "latency", "downstream", toxicity, {"latency_ms": 10})
    effect = effect_of(toxic, cast(DatabasePath, SlowPath()))
    assert effect.in_effect == in_effect
    assert ("the toxicity is 0" in effect.detail) == (not in_effect)
