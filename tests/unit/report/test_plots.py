"""Where plots put what they show."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.timeline import ConnectorTimeline
from chaosnetra.report.budgets import Budget, budgets_of, phase_start
from chaosnetra.report.plots.distribution import distribution
from chaosnetra.report.plots.frame import LONGEST_EDGE, edge_label
from chaosnetra.report.plots.phases import (
    BOOT,
    UNTIL_ENDED,
    UNTIL_READY,
    colours_of,
    near,
    segments,
    waterfall,
)
from chaosnetra.report.plots.scales import Scale
from chaosnetra.report.plots.timeline import connector_plot, thinned
from chaosnetra.report.series import Asked, Times

SECONDS = st.floats(0, 100)


def startup(
    seconds: float,
    *,
    status: str = "ready",
    phase: str = "finalize",
    boot: float | None = 0.1,
    budget: str | None = None,
    **phases: float,
) -> Startup:
    error = {"budget": budget} if budget else {}
    return Startup(Stage.AFTER, "starts", 1, status, seconds, boot, phase, phases, error, ())


def plot_of(markup: str) -> ET.Element:
    found = ET.fromstring(f"<div>{markup}</div>").find(".//svg[@class='plot']")
    assert found is not None
    return found


@given(SECONDS, st.none() | SECONDS, st.dictionaries(st.sampled_from("abcdef"), SECONDS),
       st.sampled_from(["ready", "failed", "timed_out"]))  # fmt: skip
def test_segments_cover_a_startup_without_a_gap(
    seconds: float, boot: float | None, phases: dict[str, float], status: str
) -> None:
    found = segments(Startup(Stage.AFTER, "p", 1, status, seconds, boot, "c", phases, {}, ()))
    assert [one.start for one in found[1:]] == [one.end for one in found[:-1]]
    if seconds > 0:
        assert (found[0].start, found[-1].end) == (0.0, seconds)


def test_segments_are_named_by_what_happened() -> None:
    def names(one: Startup) -> Sequence[str]:
        return [segment.name for segment in segments(one)]

    assert names(startup(1.0, init=0.2, database=0.5)) == [
        "boot", "init", "database", "until ready",
    ]  # fmt: skip
    assert names(startup(1.0, status="failed", phase="database", database=0.5)) == [
        "boot", "database", "until it ended",
    ]  # fmt: skip
    assert names(startup(1.0, status="timed_out", phase="database", init=0.2)) == [
        "boot", "init", "database",
    ]  # fmt: skip
    assert names(startup(1.0, boot=None)) == ["startup"]


def test_a_budget_is_drawn_where_it_ends() -> None:
    budget = Budget("table_setup", "database", 1.0, expired=1)
    one = startup(
        1.5, status="failed", phase="database", budget="table_setup", init=0.3, database=1.1
    )
    assert phase_start(one, "database") == pytest.approx(0.4)
    drawn = plot_of(waterfall({Asked(Stage.AFTER): [(1, one)]}, ["init", "database"], [budget], []))
    ends = {line.get("x1") for line in drawn.iter("line") if "expired" in line.get("class", "")}
    axis = 1.5 * 1.05
    assert ends == {f"{100 * 1.4 / axis:.3f}".rstrip("0") + "%"}


def test_only_budgets_that_startups_come_near_to_are_drawn() -> None:
    rows = {Asked(Stage.AFTER): [(1, startup(1.0, database=0.8, finalize=0.01))]}
    budgets = [
        Budget("table_setup", "database", 1.0),
        Budget("connection", "database", 1.5),
        Budget("initialization", "database", 9.0, expired=1),
        Budget("health_check", "finalize", 1.0),
    ]
    assert [budget.name for budget in near(budgets, rows)] == ["table_setup", "initialization"]


def test_budgets_are_those_of_the_profile_at_the_time_scale_and_those_that_ran_out() -> None:
    lengths = {"table_setup_seconds": 10.0, "pool_seconds": None, "health_check_seconds": "x"}
    section = {"profile": {"budgets": lengths}, "time_scale": 0.1}
    found = budgets_of(section, ["database"], {("own", "database", 2.0): 3})
    assert found == [Budget("own", "database", 2.0, 3), Budget("table_setup", "database", 1.0)]
    assert budgets_of({"profile": {"budgets": lengths}}, ["database"], {}) == []


@pytest.mark.parametrize("count", [7, 700])
def test_a_distribution_shows_each_kind(count: int) -> None:
    times = Times()
    times.seen.extend(1 + index / count for index in range(count))
    times.failed.append(2.5)
    times.given_up.append(3.0)
    times.attempts = count + 4
    drawn = plot_of(
        distribution(
            "t", {Stage.AFTER: times}, {Stage.AFTER: None}, ("ready", "failed", "timed out")
        )
    )
    kinds = {one.get("class") for one in drawn.iter() if one.tag in ("rect", "circle", "path")}
    assert kinds == {"ready", "failed", "cut"}
    shown = [one.text for one in drawn.iter("text")]
    assert "after the method" in shown
    assert f"{count} ready, 1 failed, 1 timed out, 2 not listed" in shown


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=3000))
def test_thinned_samples_keep_their_peaks(gauges: list[int]) -> None:
    samples = [
        {"at_seconds": float(index), "most_in_use": float(gauge)}
        for index, gauge in enumerate(gauges)
    ]
    found = thinned(samples)
    assert len(found) <= 500
    assert max(one["most_in_use"] for one in found) == max(gauges)
    assert [one["at_seconds"] for one in found] == sorted(one["at_seconds"] for one in found)


def test_slots_that_hold_nobody_back_do_not_hide_what_was_used() -> None:
    samples = [
        {"at_seconds": float(at), "slots": 100_000.0 if at < 5 else 50.0, "most_in_use": 40.0}
        for at in range(10)
    ]
    drawn = plot_of(connector_plot(ConnectorTimeline(samples, [], None), 0.0, [], [], None))
    labels = [one.text or "" for one in drawn.iter("text")]
    assert "slots (where there is no dashed line, no limit)" in labels
    assert "40" in labels
    assert not any("000" in label for label in labels)


def test_what_is_no_phase_has_a_colour_of_its_own() -> None:
    phases = [f"phase {number}" for number in range(7)]
    colours = colours_of(phases)
    told = [colours[name] for name in (BOOT, *phases, UNTIL_READY, UNTIL_ENDED)]
    assert len(set(told)) == len(told)


def test_a_long_name_at_an_edge_is_cut_in_its_middle() -> None:
    name = "scaling of projects/local/locations/europe-west1/services/orchestrator"
    for value in (0.0, 3.3, 5.0, 9.9):
        shown = ET.fromstring(edge_label(Scale(0.0, 10.0), value, 10, name, "small")).text or ""
        assert len(shown) <= LONGEST_EDGE
        assert shown.endswith("/orchestrator")
