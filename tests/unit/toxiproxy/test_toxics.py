"""Toxics and their bounds."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput
from chaosnetra.paths import DatabasePath
from chaosnetra.toxiproxy.effects import effect_of
from chaosnetra.toxiproxy.toxics import (
    DIRECTIONS,
    HOUR_MS,
    TOXIC_TYPES,
    Toxic,
    change_toxic,
    make_toxic,
    parse_attributes,
    server_attributes,
)


def attributes_of(type_: str, written: dict[str, Any], **more: Any) -> dict[str, int]:
    return dict(make_toxic("t", type_, "downstream", 1, written, **more).attributes)


def latency(**changes: Any) -> Toxic:
    values: dict[str, Any] = {
        "name": "slow",
        "type_": "latency",
        "direction": "downstream",
        "toxicity": 1,
        "attributes": {"latency_ms": 100},
    }
    return make_toxic(**{**values, **changes})


def test_attributes_get_the_servers_names_and_those_left_out_are_0() -> None:
    toxic = latency(toxicity="0.5", attributes={"latency_ms": "100"})
    assert toxic == Toxic("slow", "latency", "downstream", 0.5, {"latency": 100, "jitter": 0})


@pytest.mark.parametrize(
    ("type_", "attributes", "expected"),
    [
        ("latency", {"latency_ms": 5, "jitter_ms": 5}, {"latency": 5, "jitter": 5}),
        ("bandwidth", {"rate_kb_per_second": 64}, {"rate": 64}),
        ("slow_close", {"delay_ms": 10}, {"delay": 10}),
        ("timeout", {"timeout_ms": 0}, {"timeout": 0}),
        ("reset_peer", {"timeout_ms": 10}, {"timeout": 10}),
        (
            "slicer",
            {"average_size_bytes": 64, "size_variation_bytes": 32, "delay_us": 10},
            {"average_size": 64, "size_variation": 32, "delay": 10},
        ),
        ("limit_data", {"limit_bytes": 1000}, {"bytes": 1000}),
    ],
)
def test_every_type_takes_its_own_attributes(
    type_: str, attributes: dict[str, Any], expected: dict[str, int]
) -> None:
    assert attributes_of(type_, attributes) == expected


def test_a_toxic_survives_the_servers_form() -> None:
    toxic = latency(direction="upstream", toxicity=0.25, attributes={"latency_ms": 7})
    data = toxic.to_server()
    assert data == {
        "name": "slow",
        "type": "latency",
        "stream": "upstream",
        "toxicity": 0.25,
        "attributes": {"latency": 7, "jitter": 0},
    }
    assert Toxic.from_server(data) == toxic


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type_": "lag"}, "unknown toxic 'lag'; known are latency, bandwidth"),
        ({"direction": "sideways"}, "direction must be downstream or upstream, got 'sideways'"),
        ({"direction": ""}, "direction must be"),
        ({"toxicity": 1.01}, "toxicity must be at most 1"),
        ({"toxicity": 7.5}, "toxicity must be at most 1"),
        ({"toxicity": -0.1}, "toxicity must be at least 0"),
        ({"toxicity": "all"}, "toxicity must be a number"),
        ({"attributes": {"latency": 100}}, "a latency toxic has no latency; it has latency_ms"),
        ({"attributes": {"b": 1, "a": 2}}, "has no a, b;"),
        ({"attributes": {"latency_ms": -1}}, "latency_ms must be at least 0"),
        ({"attributes": {"latency_ms": HOUR_MS + 1}}, "latency_ms must be at most 3600000"),
        ({"attributes": {"latency_ms": None}}, "latency_ms must be a number"),
        ({"attributes": {"latency_ms": True}}, "latency_ms must be a number"),
        (
            {"attributes": {"latency_ms": 100, "jitter_ms": 101}},
            "jitter_ms must not be more than latency_ms, got 101 and 100",
        ),
        ({"attributes": {"jitter_ms": 1}}, "jitter_ms must not be more than latency_ms"),
    ],
)
def test_what_the_server_would_take_without_a_word_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        latency(**changes)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "average_size_bytes must be at least 1"),
        ({"average_size_bytes": 0}, "average_size_bytes must be at least 1"),
        (
            {"average_size_bytes": 64, "size_variation_bytes": 64},
            "size_variation_bytes must be less than average_size_bytes",
        ),
    ],
)
def test_slices_have_a_size_and_vary_by_less(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        attributes_of("slicer", attributes)
    assert attributes_of("slicer", {"average_size_bytes": 1})["average_size"] == 1


@pytest.mark.parametrize(
    ("type_", "name", "maximum"),
    [
        (type_, attribute.name, attribute.maximum)
        for type_, attributes in TOXIC_TYPES.items()
        for attribute in attributes
        if attribute.name not in ("jitter_ms", "size_variation_bytes")
    ],
)
def test_every_bound_is_allowed_and_one_more_is_not(type_: str, name: str, maximum: int) -> None:
    base = {"average_size_bytes": 1} if type_ == "slicer" else {}
    assert maximum in attributes_of(type_, {**base, name: maximum}).values()
    with pytest.raises(InvalidInput, match=f"{name} must be at most"):
        attributes_of(type_, {**base, name: maximum + 2})


@pytest.mark.parametrize("toxicity", [0, 1])
def test_both_ends_of_toxicity_are_allowed(toxicity: int) -> None:
    assert latency(toxicity=toxicity).toxicity == toxicity


def test_the_servers_32_bit_toxicity_is_the_same() -> None:
    ours = latency(toxicity=0.1)
    stored = Toxic.from_server({**ours.to_server(), "toxicity": 0.10000000149011612})
    assert ours.same_as(stored)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"direction": "upstream"},
        {"toxicity": 0.99},
        {"attributes": {"latency_ms": 101}},
        {"attributes": {"latency_ms": 100, "jitter_ms": 1}},
    ],
)
def test_every_difference_is_one(change: dict[str, Any]) -> None:
    assert latency().same_as(latency())
    assert not latency().same_as(latency(**change))


@given(
    latency_ms=st.integers(-10, HOUR_MS + 10),
    jitter_ms=st.integers(-10, HOUR_MS + 10),
    toxicity=st.floats(-1, 2),
    direction=st.sampled_from([*DIRECTIONS, "both"]),
)
def test_a_toxic_that_is_made_is_within_all_bounds(
    latency_ms: int, jitter_ms: int, toxicity: float, direction: str
) -> None:
    allowed = (
        0 <= jitter_ms <= latency_ms <= HOUR_MS and 0 <= toxicity <= 1 and direction in DIRECTIONS
    )
    try:
        made = latency(
            direction=direction,
            toxicity=toxicity,
            attributes={"latency_ms": latency_ms, "jitter_ms": jitter_ms},
        )
    except InvalidInput:
        assert not allowed
    else:
        assert allowed
        assert made.attributes == {"latency": latency_ms, "jitter": jitter_ms}


@given(st.data())
def test_both_kinds_of_names_are_checked_alike(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(list(TOXIC_TYPES)))
    ours = {
        attribute.name: data.draw(st.integers(-1, 5) | st.just(attribute.maximum))
        for attribute in TOXIC_TYPES[type_]
    }
    servers = {attribute.server_name: ours[attribute.name] for attribute in TOXIC_TYPES[type_]}
    try:
        expected = attributes_of(type_, ours)
    except InvalidInput:
        # A server takes any proportion, but no value that is out of bounds.
        outside = any(
            not 0 <= servers[attribute.server_name] <= attribute.server_maximum
            for attribute in TOXIC_TYPES[type_]
        )
        if outside or servers.get("average_size") == 0:
            with pytest.raises(InvalidInput) as caught:
                server_attributes(type_, servers)
            assert not any(attribute.name in str(caught.value) for attribute in TOXIC_TYPES[type_])
        else:
            assert server_attributes(type_, servers) == servers
    else:
        assert server_attributes(type_, servers) == expected


@pytest.mark.parametrize(
    ("scale", "written", "expected"), [(0.1, 25, 2), (0.1, 0.5, 1), (10, 1.25, 12), (1, 0, 0)]
)
def test_times_are_scaled_to_whole_units_and_no_delay_becomes_none(
    scale: float, written: float, expected: int
) -> None:
    assert attributes_of("timeout", {"timeout_ms": written}, time_scale=scale) == {
        "timeout": expected
    }
    assert attributes_of("limit_data", {"limit_bytes": 5}, time_scale=scale) == {"bytes": 5}


def test_the_bound_of_a_time_holds_as_it_is_written_and_the_servers_at_every_scale() -> None:
    longest = attributes_of("latency", {"latency_ms": HOUR_MS}, time_scale=10)
    assert server_attributes("latency", longest) == longest
    with pytest.raises(InvalidInput, match="latency must be at most 36000000"):
        server_attributes("latency", {"latency": 10 * HOUR_MS + 1})
    with pytest.raises(InvalidInput, match="latency_ms must be at most 3600000"):
        parse_attributes({"latency_ms": HOUR_MS + 1}, 0.001)


def test_a_message_says_how_to_change_the_value() -> None:
    with pytest.raises(InvalidInput, match=r"got 1\.5; set the argument `rate_kb_per_second`$"):
        parse_attributes({"rate_kb_per_second": 1.5})


def test_a_change_keeps_what_it_does_not_name() -> None:
    toxic = latency(toxicity=0.5, attributes={"latency_ms": 100, "jitter_ms": 5})
    changed = change_toxic(toxic, None, {"latency_ms": 7})
    assert changed == latency(toxicity=0.5, attributes={"latency_ms": 7, "jitter_ms": 5})
    assert change_toxic(toxic, 1.0, {}) == latency(attributes={"latency_ms": 100, "jitter_ms": 5})


@pytest.mark.parametrize(
    ("toxic", "values", "message"),
    [
        (latency(), {"timeout_ms": 1}, "a latency toxic has no timeout_ms; it has latency_ms"),
        (latency(), {"jitter_ms": 101}, "jitter_ms must not be more than latency_ms, got 101"),
        (Toxic("t", "noop", "upstream", 1, {}), {}, "unknown toxic 'noop'"),
        (Toxic("t", "latency", "upstream", 7.5, {}), {}, "toxicity must be at most 1"),
        (Toxic("t", "latency", "upstream", 1, {"latency": -1}), {}, "latency must be at least 0"),
    ],
)
def test_a_change_to_what_no_experiment_could_write_is_refused(
    toxic: Toxic, values: dict[str, int], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        change_toxic(toxic, None, values)


def test_an_attribute_that_no_toxic_has_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="no toxic has lag; known are latency_ms, jitter_ms"):
        parse_attributes({"lag": 5})


def test_names_of_the_other_kind_are_unknown() -> None:
    with pytest.raises(InvalidInput, match="has no latency; it has latency_ms, jitter_ms"):
        attributes_of("latency", {"latency": 5})
    with pytest.raises(InvalidInput, match="has no latency_ms; it has latency, jitter"):
        server_attributes("latency", {"latency_ms": 5})


class LineOf500KilobytesASecond:
    """A path whose limit is exact, beside one without."""

    def transfer_seconds(
        self, size_bytes: int, direction: str, timeout_seconds: float, *, direct: bool = False
    ) -> float:
        assert direction == "downstream"
        assert timeout_seconds > 0
        return 0.001 if direct else size_bytes / 500_000


def test_a_rate_is_measured_in_units_of_1000_bytes() -> None:
    toxic = make_toxic("slow", "bandwidth", "downstream", 1, {"rate_kb_per_second": 500})
    effect = effect_of(toxic, cast(DatabasePath, LineOf500KilobytesASecond()))
    assert (effect.expected, effect.observed, effect.in_effect) == (500, 500.0, True)
