"""What plots show is what their journal says: computed again from the journal, shape by shape."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.statistics.rates import wilson_interval
from chaosnetra.report.budgets import ENFORCED
from chaosnetra.report.facts import RunFacts, describe
from chaosnetra.report.observed import UNDER
from chaosnetra.report.plots.distribution import distribution
from chaosnetra.report.plots.phases import waterfall
from chaosnetra.report.plots.rates import rates
from chaosnetra.report.plots.run import run_plot
from chaosnetra.report.sections.happened import moments
from chaosnetra.report.trend import trend_run
from tests.support.helpers import present
from tests.support.journals import journal, probe, run_of, state
from tests.support.observations import ready_in
from tests.support.observations import startup as observed

# What the reference orchestrator bounds in a startup under latency: when the phase began, then
# each step's seconds. The connection of the first step took `CONNECTED`.
BOOT, INIT, ENGINE = 0.1, 0.2, 0.3
FIRST, CONNECTED, SECOND, SCHEMA, LAST, OWN = 1.0, 0.6, 0.4, 2.0, 0.8, 0.05
OPENED = BOOT + INIT + ENGINE
DATABASE = ENGINE + FIRST + SECOND + SCHEMA
FINALIZE = BOOT + INIT + DATABASE
WORK = {
    "initialization": (BOOT + INIT, OPENED),
    "table_setup": (OPENED, OPENED + FIRST),
    "connection": (OPENED, OPENED + CONNECTED),
    "pool": (OPENED, OPENED + CONNECTED),
    "schema_validation": (OPENED + FIRST, FINALIZE),
    "critical_path": (FINALIZE, FINALIZE + LAST),
    "health_check": (FINALIZE, FINALIZE + LAST),
    "validation": (FINALIZE + LAST, FINALIZE + LAST + OWN),
}


def step(name: str, seconds: float, *budgets: str, connected: float = 0.1) -> dict[str, Any]:
    return {
        "step": name, "budgets": list(budgets), "round_trips": 9, "statements": 7, "answered": 7,
        "connected_seconds": connected, "seconds": seconds,
    }  # fmt: skip


def startup(number: int, scale: float = 1.0, **told: Any) -> dict[str, Any]:
    """One that was ready; all of it takes `scale` times as long."""
    seconds = (FINALIZE + LAST + OWN) * scale + 0.1
    return {
        "number": number, "status": "ready", "seconds": seconds, "boot_seconds": BOOT * scale,
        "phase": "finalize", "error": None, "ended_by": "launcher",
        "phase_seconds": {"init": INIT * scale, "database": DATABASE * scale,
                          "finalize": (LAST + OWN) * scale},
        "steps": [
            step("first_table_check", FIRST * scale, "table_setup", connected=CONNECTED * scale),
            step("second_table_check", SECOND * scale, "schema_validation"),
            step("schema_validation", SCHEMA * scale, "schema_validation"),
            step("finalize", LAST * scale, "critical_path", "health_check"),
        ],
        "wire": {"connections": [{"opened_seconds": OPENED * scale}]},
    } | told  # fmt: skip


def expired(number: int) -> dict[str, Any]:
    """One that table_setup ended: its phase went on for a moment, to cancel the query."""
    return startup(number) | {
        "status": "failed", "seconds": OPENED + FIRST + 0.2, "phase": "database", "exit_code": 3,
        "ended_by": "itself", "phase_seconds": {"init": INIT, "database": ENGINE + FIRST + 0.1},
        "steps": [step("first_table_check", FIRST, "table_setup", connected=CONNECTED)],
        "error": {"text": "table setup", "budget": "table_setup", "budget_seconds": FIRST},
    }  # fmt: skip


def launched(at: float, *listed: dict[str, Any], limit: float = 0.2) -> dict[str, Any]:
    """A check whose startups were launched `at` seconds after the run's beginning."""
    failures = sum(one["status"] != "ready" for one in listed)
    held = failures <= limit * len(listed)
    output = {
        "held": held, "expected": "they are ready", "attempts": len(listed), "failures": failures,
        "observed": f"{len(listed) - failures} of {len(listed)} ready", "max_failure_rate": limit,
        "startup_timeout_seconds": 30.0, "launched_seconds": at, "startups": list(listed),
    }  # fmt: skip
    end = at + max(one["seconds"] for one in listed) + 0.5
    run = probe("starts", met=held, output=output)
    return state(run | {"started_seconds": at - 0.25, "ended_seconds": end})


def told(folder: Path, **lengths: float) -> tuple[dict[str, Any], RunFacts]:
    """A run in which a fault was in place from 10 to 30 s, and two of three failed under it."""
    fault = {
        "name": "toxic slow", "parameters": {}, "undo": "done",
        "effect": {"quantity": "added_latency_ms", "expected": 50, "observed": 51,
                   "in_effect": True},
        "injected_seconds": 10.0, "undone_seconds": 30.0,
    }  # fmt: skip
    data = journal(
        before=launched(1.0, startup(1, 0.2), startup(2, 0.25)),
        after=launched(12.0, startup(1), expired(2), expired(3)),
        recovery=launched(31.0, startup(1, 0.2)),
        method=(run_of("slow") | {"started_seconds": 9.5, "ended_seconds": 10.0},),
        deviated=True,
        faults=[fault],
        profile={"name": "p", "budgets": {f"{key}_seconds": n for key, n in lengths.items()}},
        time_scale=1,
    )
    data["duration"] = 30.5
    path = folder / "journal.json"
    path.write_text(json.dumps(data))
    return data, describe(read_journal(path))


def plot_of(markup: str) -> ET.Element:
    return present(ET.fromstring(f"<div>{markup}</div>").find(".//svg[@class='plot']"))


def share(text: str | None) -> float:
    return float(present(text).removesuffix("%")) / 100


def axis(plot: ET.Element) -> float:
    """Seconds at the end of the axis, from the places of its names."""
    name = [
        one
        for one in plot.iter("text")
        if one.get("text-anchor") == "middle" and one.get("class") == "quiet small"
    ][-1]
    return float(present(name.text).removesuffix(" s")) / share(name.get("x"))


def boxes(plot: ET.Element, class_: str) -> Iterator[tuple[float, float]]:
    for rect in plot.iter("rect"):
        if rect.get("class") == class_:
            left, width = share(rect.get("x")), share(rect.get("width"))
            yield left, left + width


def launches(data: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Each startup of a journal, and when it was launched."""
    found = data["steady_states"]
    for check in (found["before"], found["after"], data["chaosnetra"]["recovery"]):
        output = check["probes"][0]["output"]
        yield from ((output["launched_seconds"], one) for one in output["startups"])


def test_the_whole_run_has_each_startup_fault_and_failure_where_it_was(tmp_path: Path) -> None:
    data, facts = told(tmp_path)
    plot = plot_of(present(run_plot(facts)))
    end = max(check["probes"][0]["ended_seconds"] for check in (
        data["steady_states"]["after"], data["chaosnetra"]["recovery"]))  # fmt: skip
    for class_, status in (("bar ready", "ready"), ("bar failed", "failed")):
        expected = [
            (at / end, (at + one["seconds"]) / end)
            for at, one in launches(data)
            if one["status"] == status
        ]
        drawn = sorted(boxes(plot, class_))
        assert len(drawn) == len(expected)
        for one, other in zip(drawn, sorted(expected), strict=True):
            assert one == pytest.approx(other, abs=2e-5)
    (fault,) = (line for line in plot.iter("line") if line.get("class") == "fault-line")
    assert [share(fault.get(key)) * end for key in ("x1", "x2")] == pytest.approx(
        [10, 30], abs=0.01
    )
    marks = [share(one.get("x")) * end for one in plot.iter("svg") if one.get("overflow")]
    assert marks == [pytest.approx(12.0 + OPENED + FIRST + 0.2, abs=0.01)], "two at once are one"
    held = [len(list(boxes(plot, kind))) for kind in ("ready", "failed")]
    assert held == [2, 1], "the strip of checks"


def test_what_happened_is_told_in_order(tmp_path: Path) -> None:
    _, facts = told(tmp_path)
    found = [(round(one.at, 3), one.what, one.good) for one in moments(facts)]
    failed = OPENED + FIRST + 0.2
    slowest = max((FINALIZE + LAST + OWN) * 0.25 + 0.1, 0)
    assert found == [
        (round(1.0 + slowest + 0.5, 3), "checked before the method", True),
        (10.0, "fault in place", None),
        (round(12.0 + failed, 3), f"first failed startup after {failed:.3g} s", False),
        (round(12.0 + FINALIZE + LAST + OWN + 0.6, 3), "checked after the method", False),
        (30.0, "fault undone", None),
        (round(31.0 + (FINALIZE + LAST + OWN) * 0.2 + 0.6, 3), "checked after the rollbacks", True),
    ]
    texts = [one.text for one in moments(facts)]
    assert "phase database, budget table_setup ran out, exit code 3: table setup" in texts[2]
    assert texts[3] == "starts: 1 of 3 ready"


@pytest.mark.parametrize("name", ENFORCED)
def test_a_budget_lies_over_the_work_that_it_bounds(tmp_path: Path, name: str) -> None:
    start, end = WORK[name]
    _, facts = told(tmp_path, **{name: 1.05 * (end - start)})
    budget = next(one for one in facts.budgets if one.name == name)
    rows = {asked: found[:1] for asked, found in facts.rows.items() if asked.stage == "after"}
    plot = plot_of(waterfall(rows, facts.phases, [budget], []))
    high = axis(plot)
    (work,) = (one for one in plot.iter("line") if one.get("class") == "within")
    drawn = [share(work.get(key)) * high for key in ("x1", "x2")]
    assert drawn == pytest.approx([start, min(end, start + budget.seconds)], abs=0.01)
    ends = [
        share(one.get("x2")) * high for one in plot.iter("line") if one.get("class") == "budget"
    ]
    assert ends
    assert ends == pytest.approx([start + budget.seconds] * len(ends), abs=0.01)


def test_only_a_budget_that_ran_out_is_reached(tmp_path: Path) -> None:
    """No line of a budget that held lies within the work that it bounds."""
    _, facts = told(tmp_path, table_setup=FIRST, schema_validation=2.5, connection=0.7)
    plot = plot_of(waterfall(facts.rows, facts.phases, facts.budgets, []))
    over = [one for one in plot.iter("line") if one.get("class") == "over"]
    assert len(over) == 2, "two startups were ended by table_setup"
    high = axis(plot)
    for one in over:
        found = [share(one.get(key)) * high for key in ("x1", "x2")]
        assert found == pytest.approx([OPENED, OPENED + FIRST], abs=0.01)
    for group in plot.iter("g"):
        if group.get("transform"):
            continue  # a mark beside its bar
        title = present(group.find("title")).text or ""
        _, took, length = title.replace(" of ", ": ").split(": ")
        is_over = any(line.get("class") == "over" for line in group.iter("line"))
        assert is_over or seconds(took) <= seconds(length), title


def seconds(text: str) -> float:
    number, unit = text.split()
    return float(number) / (1000 if unit == "ms" else 1)


def test_failure_rates_are_drawn_as_they_were_counted(tmp_path: Path) -> None:
    _, facts = told(tmp_path)
    plot = plot_of(rates(facts.claims))
    counted = [(2, 0), (3, 2), (1, 0)]
    marks = [share(one.get("x")) for one in plot.iter("svg") if one.get("overflow")]
    assert marks == pytest.approx([failures / of for of, failures in counted], abs=1e-4)
    limits = [share(one.get("x1")) for one in plot.iter("line") if one.get("class") == "expired"]
    assert limits == pytest.approx([0.2] * 3)
    whole = [one for one in plot.iter("line")
             if one.get("class") == "interval" and one.get("x1") != one.get("x2")]  # fmt: skip
    for line, (of, failures) in zip(whole, counted, strict=True):
        interval = wilson_interval(failures, of)
        ends = [share(line.get(key)) for key in ("x1", "x2")]
        assert ends == pytest.approx([interval.low, interval.high], abs=1e-4)


def test_bars_of_phases_are_as_long_as_the_journal_says(tmp_path: Path) -> None:
    _, facts = told(tmp_path)
    plot = plot_of(waterfall(facts.rows, facts.phases, [], []))
    high = axis(plot)
    drawn = [
        (end - start) * high
        for phase in range(1, 4)
        for start, end in boxes(plot, f"segment p{phase}")
    ]
    expected = [
        one["phase_seconds"][phase]
        for phase in ("init", "database", "finalize")
        for one in (startup(1, 0.2), startup(2, 0.25), startup(1), expired(2), expired(3),
                    startup(1, 0.2))
        if phase in one["phase_seconds"]
    ]  # fmt: skip
    assert sorted(drawn) == pytest.approx(sorted(expected), abs=0.01)


def test_each_time_is_a_mark_where_it_is(tmp_path: Path) -> None:
    """None is moved to make room for another: they lie above each other."""
    data, facts = told(tmp_path)
    words = ("ready", "failed", "timed out")
    plot = plot_of(distribution("Startup times", facts.startups, {}, words))
    high = axis(plot)
    marks = [one for one in plot.iter("svg") if one.get("overflow")]
    drawn = sorted(share(one.get("x")) * high for one in marks)
    expected = sorted(one["seconds"] for _, one in launches(data))
    assert drawn == pytest.approx(expected, abs=0.005)
    assert len({(one.get("x"), one.get("y")) for one in marks}) == len(marks)


def test_an_answer_that_came_too_late_is_told_as_one_that_failed(tmp_path: Path) -> None:
    attempts = [
        {"number": number, "intended_seconds": 0.0, "seconds": seconds, "censored": False,
         "outcome": "ok" if seconds < 1 else "slow"}
        for number, seconds in enumerate((0.1, 0.2, 2.5, 2.0), 1)
    ]  # fmt: skip
    output = {"held": False, "expected": "e", "observed": "2 of 4 ok", "attempts": 4, "failures": 2,
              "slow_after_seconds": 1.0, "connections": attempts}  # fmt: skip
    after = probe("connects", met=False, output=output) | {
        "started_seconds": 5.0, "ended_seconds": 8.0,
    }  # fmt: skip
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(journal(after=state(after), deviated=True, time_scale=1)))
    facts = describe(read_journal(path))
    drawn = present(run_plot(facts))
    assert "of 4 attempts 2 failed, or took too long" in drawn
    marks = [one for one in plot_of(drawn).iter("svg") if one.get("overflow")]
    assert len(marks) == 2
    (moment,) = (one for one in moments(facts) if one.what.startswith("first failed"))
    assert (moment.at, moment.what, moment.text) == (
        7.0, "first failed connection after 2 s", "slow: answered after 2 s",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcomes", "colours", "signs"),
    [
        (("ok", "ok"), ["bar ready"], ["until answered"]),
        (("ok", "timeout"), ["bar cut"], ["until it was given up", "given up"]),
        (("refused", "timeout"), ["bar failed"], ["until it failed", "failed", "given up"]),
    ],
)
def test_a_legend_names_the_bars_and_marks_that_are_drawn(
    tmp_path: Path, outcomes: tuple[str, ...], colours: list[str], signs: list[str]
) -> None:
    attempts = [
        {"number": number, "intended_seconds": 0.0, "seconds": 1.0 * number, "outcome": outcome,
         "censored": outcome == "timeout"}
        for number, outcome in enumerate(outcomes, 1)
    ]  # fmt: skip
    output = {"held": False, "expected": "e", "observed": "o", "connections": attempts}
    after = probe("connects", met=False, output=output) | {
        "started_seconds": 5.0, "ended_seconds": 8.0,
    }  # fmt: skip
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(journal(after=state(after), faults=[], deviated=True)))
    drawn = present(run_plot(describe(read_journal(path))))
    classes = [one.get("class") or "" for one in plot_of(drawn).iter("rect")]
    assert [one for one in classes if one.startswith("bar")] == colours
    legend = re.findall(r"</svg>([^<]+)</span>", drawn.split("</div>")[0])
    assert [one for one in legend if not one.startswith(("check", "fault"))] == signs


@pytest.mark.parametrize(("dry", "when"), [("actions", "without the fault"), (None, UNDER)])
def test_what_a_dry_run_tried_was_not_under_a_fault(
    tmp_path: Path, dry: str | None, when: str
) -> None:
    launch = launched(12.0, observed(1, 5.0, ready_in(5.0)))
    data = journal(before=launched(1.0, startup(1)), after=launch, faults=[], dry=dry)
    data["experiment"]["method"] = [{"type": "action", "name": "slow"}]
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(data))
    facts = describe(read_journal(path))
    assert [*facts.seen[0].figures] == ["before the fault", when]
    assert (trend_run(facts, 1).under is None) is (dry is not None)


def test_very_many_launches_and_failures_make_a_plot_of_bounded_size(tmp_path: Path) -> None:
    rng = random.Random(3)
    during = tuple(
        launched(11.0 + n / 20, *(expired(k) if rng.random() < 0.5 else startup(k)
                                  for k in range(20)))
        for n in range(120)
    )  # fmt: skip
    data = journal(during=during, faults=[], time_scale=1)
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(data))
    drawn = present(run_plot(describe(read_journal(path))))
    assert drawn.count("<rect") < 400
    assert drawn.count("<svg") < 400


def test_a_proxy_that_is_put_up_again_is_told_as_an_undo(tmp_path: Path) -> None:
    fault = {
        "name": "proxy database up", "parameters": {"kind": "proxy state", "enabled": True},
        "effect": {"quantity": "first_answer", "expected": "answered", "observed": "answered",
                   "in_effect": True},
        "injected_seconds": 10.0, "undone_seconds": 30.0, "undo": "done",
    }  # fmt: skip
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(journal(faults=[fault], time_scale=1)))
    facts = describe(read_journal(path))
    found = [(one.at, one.what, one.text) for one in moments(facts) if "proxy" in one.text]
    assert found == [(10.0, "undone", "proxy database up again")]
    assert not any(one.is_in_effect for one in facts.faults)
