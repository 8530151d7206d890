"""The connector's model: from profiles and JSON, within bounds."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.connector.model import (
    OPEN_CONNECTOR,
    Range,
    WhenFull,
    model_of_profile,
    parse_model,
)
from chaosnetra.errors import InvalidInput
from chaosnetra.profiles import known_profiles, load_profile


def test_the_old_profile_describes_the_connector_of_the_seed() -> None:
    model = model_of_profile(load_profile("issue-1263").infrastructure["vpc_connector"])
    assert model.slots == 50
    assert (model.instances, model.maximum_instances) == (2, 10)
    assert model.pressure_threshold == 0.7
    assert model.scale_up_delay_seconds == Range(30, 30)
    assert model.pressure_delay_seconds == Range(20, 20)
    assert model.throughput_mbps_per_instance == 1000
    assert model.when_full is WhenFull.QUEUE


@pytest.mark.parametrize("name", known_profiles())
def test_every_profile_has_a_connector(name: str) -> None:
    assert model_of_profile(load_profile(name).infrastructure["vpc_connector"]).slots > 0


def test_a_profile_that_says_nothing_gets_the_figures_of_the_seed() -> None:
    model = model_of_profile({})
    assert model.slots == 50
    assert model.scale_up_delay_seconds == Range(10, 30)
    assert model.pressure_delay_seconds == Range(10, 20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instance": 1}, "unknown keys instance .did you mean instances..; known are instances, "),
        ({"instances": 0}, "instances must be at least 1, got 0"),
        ({"instances": 2.5}, "instances must be a whole number"),
        ({"instances": True}, "instances must be a number"),
        ({"instances": 5, "maximum_instances": 4}, "maximum_instances must be at least instances"),
        ({"pressure_threshold": 1.1}, "pressure_threshold must be at most 1"),
        ({"pressure_delay_seconds": -1}, "pressure_delay_seconds must be at least 0"),
        ({"pressure_delay_seconds": float("nan")}, "pressure_delay_seconds must be a finite"),
        ({"scale_up_delay_seconds": [30, 10]}, "the longest must not be less than the shortest"),
        ({"scale_up_delay_seconds": [1, 2, 3]}, "must be one number or \\[shortest, longest\\]"),
        ({"scale_up_delay_seconds": "soon"}, "scale_up_delay_seconds must be a number"),
        ({"throughput_mbps_per_instance": 0}, "throughput_mbps_per_instance must be more than 0"),
        ({"when_full": "drop"}, "when_full must be queue or refuse or ignore, got 'drop'"),
        ({"when_full": ["queue"]}, "when_full must be queue or refuse"),
        ({"queue_timeout_seconds": 1e9}, "queue_timeout_seconds must be at most 3600"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_model(changes)


def test_the_traffic_of_others_leaves_the_rest() -> None:
    model = model_of_profile({"baseline_throughput_gbps": 2}).changed({"background_mbps": 1950})
    assert model.throughput_mbps(2) == 50
    assert model.throughput_mbps(3) == 1050
    assert 0 < (model.throughput_mbps(1) or 0) < 0.01
    assert OPEN_CONNECTOR.throughput_mbps(1) is None


def test_scaling_multiplies_every_duration_and_nothing_else() -> None:
    model = model_of_profile({"scale_up_delay_seconds": [10, 30]}).scaled(0.1)
    assert model.scale_up_delay_seconds == Range(1, 3)
    assert model.pressure_delay_seconds == Range(1, 2)
    assert model.queue_timeout_seconds == 6
    assert (model.slots, model.throughput_mbps_per_instance) == (50, 1000)


numbers = st.floats(0, 3600)
models = st.fixed_dictionaries(
    {},
    optional={
        "instances": st.integers(1, 10),
        "maximum_instances": st.integers(10, 1000),
        "connections_per_instance": st.integers(1, 100_000),
        "pressure_threshold": st.floats(0, 1),
        "scale_up_delay_seconds": numbers | st.tuples(numbers, numbers).map(sorted),
        "pressure_delay_seconds": numbers,
        "throughput_mbps_per_instance": st.none() | st.floats(0.001, 1e6),
        "background_mbps": st.floats(0, 1e6),
        "when_full": st.sampled_from(["queue", "refuse", "ignore"]),
        "queue_timeout_seconds": numbers,
    },
)


@given(models)
def test_a_model_survives_json(data: dict[str, Any]) -> None:
    model = parse_model({"maximum_instances": 10, **data})
    assert parse_model(json.loads(json.dumps(model.to_json()))) == model


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*OPEN_CONNECTOR.to_json(), "else"]), anything))
def test_any_json_is_a_model_or_is_refused(data: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        assert parse_model(data).slots > 0
