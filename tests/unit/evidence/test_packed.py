"""What is packed is read as it was."""

import json
import math
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.packed import (
    PackedPhases,
    PackedSteps,
    packed_phases,
    packed_steps,
)
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.journal.samples import startups
from chaosnetra.evidence.journal.steps import StartupStep
from tests.support.journals import journal, state
from tests.support.reports import launch

SECONDS = st.floats(0, 1e6)
STEPS = st.builds(
    StartupStep,
    st.text(max_size=5),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.none() | SECONDS,
    st.none() | SECONDS,
)


@given(st.dictionaries(st.text(max_size=5), SECONDS, max_size=9))
def test_phases_are_as_they_were(phases: dict[str, float]) -> None:
    packed = packed_phases(dict(phases))
    assert isinstance(packed, PackedPhases)
    assert list(packed.items()) == list(phases.items())
    assert packed == phases
    assert {name: packed[name] for name in packed} == phases
    assert [name in packed for name in (*phases, "no such phase")] == [True] * len(phases) + [False]


@given(st.lists(STEPS, min_size=1, max_size=6))
def test_steps_are_as_they_were(steps: list[StartupStep]) -> None:
    packed = packed_steps(list(steps))
    assert isinstance(packed, PackedSteps)
    assert packed == steps
    assert [packed[index] for index in range(len(packed))] == steps
    assert packed[:2] == steps[:2]
    assert all(isinstance(step, StartupStep) for step in packed)


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(),
        st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
        st.dictionaries(st.text(max_size=3), st.text() | st.integers(), min_size=1, max_size=3),
    )
)
def test_what_is_neither_stays_as_it_is(value: Any) -> None:
    assert packed_phases(value) is value
    assert packed_steps(value) is value


def test_a_journal_from_disk_has_the_same_startups(tmp_path: Path) -> None:
    data = journal(after=state(launch(0.5, 0.7, failed=1)))
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(data))
    listed = data["steady_states"]["after"]["probes"][0]["output"]["startups"]
    read = list(startups(read_journal(path).data))
    assert [one.phase_seconds for one in read] == [one["phase_seconds"] for one in listed]
    for one, told in zip(read, listed, strict=True):
        assert isinstance(one.phases, PackedPhases)
        found = one.time_in_phase("database")
        assert found is not None
        assert math.isclose(found[0], told["phase_seconds"]["database"])
