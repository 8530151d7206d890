"""Two searches: whether the breaking point moved, and reports on them."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from chaosnetra.errors import InvalidInput
from chaosnetra.search.comparing import compare_searches
from chaosnetra.search.page import html_page, markdown_text, search_report
from chaosnetra.search.record import Habits, Search, StartModel
from chaosnetra.search.span import Span
from chaosnetra.search.start_times import against
from tests.support.searches import forecast, nothing, search, trial


def breaking_at(value: float, **keys: object) -> Search:
    trials = (trial(20, 0, 1), trial(value * 0.96, 0, 2), trial(value * 1.04, 5, 3))
    return search(*trials, forecast=forecast(value), **keys)


def test_a_margin_that_grew_is_told_from_noise() -> None:
    found = compare_searches(breaking_at(400), breaking_at(900, profile="issue-1263"))
    assert (found.grew, found.regressed) == (True, False)
    assert "it bears more than before" in found.text
    assert "another profile: issue-1278, then issue-1263" in found.text
    back = compare_searches(breaking_at(900), breaking_at(400))
    assert (back.grew, back.regressed) == (False, True)
    same = compare_searches(breaking_at(400), breaking_at(404))
    assert (same.grew, same.regressed) == (False, False)
    assert same.chance_bears_more == pytest.approx(0.5, abs=0.3)
    assert "no difference beyond noise" in same.text


def test_no_limit_is_more_than_any() -> None:
    without = search(trial(20), trial(2000), trial(2000))
    found = compare_searches(breaking_at(400), without)
    assert found.grew


def test_what_proves_nothing_is_not_compared() -> None:
    broken = search(nothing(20), nothing(20, 2))
    found = compare_searches(broken, breaking_at(400))
    assert (found.chance_bears_more, found.grew, found.regressed) == (None, False, False)
    with pytest.raises(InvalidInput, match="varied"):
        compare_searches(breaking_at(400), breaking_at(400, key="count"))


def falling_at(value: float) -> Search:
    trials = (trial(2000), trial(value * 1.04), trial(value * 0.96, 5), trial(20, 5))
    return search(*trials, span=Span(20, 2000, falling=True))


def test_where_less_makes_it_harder_a_lower_breaking_point_bears_more() -> None:
    assert compare_searches(falling_at(400), falling_at(200)).grew
    assert compare_searches(falling_at(200), falling_at(400)).regressed
    with pytest.raises(InvalidInput, match="going down before, and up after"):
        compare_searches(falling_at(200), breaking_at(400))
    assert "it breaks at latency_ms" in html_page([falling_at(200)])


def test_a_report_shows_the_curve_with_all_that_is_known() -> None:
    made = breaking_at(400, operating_point=30.0, title="A <b>title</b>")
    page = html_page([made])
    assert "<b>title" not in page
    for text in ("it breaks at latency_ms", "today 30", "predicted 400", "budget table_setup",
                 'class="plot"', "where it breaks, 95%"):  # fmt: skip
        assert text in page
    both = html_page([made, search(trial(20), nothing(40))])
    assert "2 searches" in both
    text = markdown_text([made])
    assert "<b>title" not in text
    assert "| 3 | 416 | violated | 5 of 5 | budget table_setup |" in text


def test_a_report_on_a_search_without_trials_is_one() -> None:
    assert "nothing is known" in html_page([search()])
    assert "nothing is known" in markdown_text([search()])


def test_only_pages_and_markdown_are_written() -> None:
    with pytest.raises(InvalidInput, match=r"\.html, \.md"):
        search_report(Path("junit.xml"))


def test_a_report_holds_what_startups_took_against_the_model() -> None:
    trials = (
        trial(20, baseline_seconds=(0.5, 0.6, 0.7), under_fault_seconds=(1.0, 1.1)),
        trial(100, number=2, under_fault_seconds=(2.75,)),
        trial(200, 5, number=3),
    )
    made = search(*trials, model=StartModel(0.6, 20))
    told = [
        (one.value, one.predicted_seconds, one.measured_seconds, round(one.off_by, 2))
        for one in against(made)
    ]
    assert told == [
        (0.0, 0.6, (0.5, 0.6, 0.7), 0.0),
        (20, 1.0, (1.0, 1.1), -0.05),
        (100, 2.6, (2.75,), -0.05),
    ]
    page = html_page([made])
    assert "a start takes 0.6 s + 20 x latency" in page
    assert "own time + round trips x latency" in page
    assert "The model against startups that were ready" in page
    assert "What a start takes" not in html_page([search(*trials)])
    polling = replace(made, habits=Habits(polls="under 100 ms a startup made fewer"))
    assert "under 100 ms a startup made fewer" in html_page([polling])
    assert "20 x latency" not in html_page([polling])


def test_a_report_says_what_broke_only_where_it_was_tried() -> None:
    trials = (trial(20), trial(500, 5, number=2), trial(400, 5, number=3))
    page = html_page([search(*trials)])
    assert "trial that was violated" in page
    assert "trial that was violated" not in html_page([search(trial(20))]), "none was"
    assert "budget table_setup, from 400 to 500</text>" in page
    band = page[page.index('class="area b"') - 200 : page.index("budget table_setup, from")]
    left, width = (float(found) for found in re.findall(r'(?:x|width)="([\d.]+)%"', band)[-2:])
    span = [math.log(value / 20) / math.log(100) * 100 for value in (400, 500)]
    assert [left, left + width] == pytest.approx(span, abs=0.01)


def test_a_model_that_is_off_by_nothing_has_no_sign() -> None:
    made = search(trial(20, under_fault_seconds=(1.0,)), model=StartModel(0.6, 20))
    page = html_page([made])
    assert ">0%</td>" in page
    assert ">1 s</td>" in page, "the shortest is the longest"
