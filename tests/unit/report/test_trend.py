"""Runs of one experiment one after the other: each as its journal has it, in the order of time."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from chaosnetra.report.trend import MOST_WHOLE
from tests.support.helpers import present
from tests.support.journals import journal, state
from tests.support.reports import launch, reported, rich, run_report

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def night(day: int, *seconds: float, failed: int = 0, **facts: Any) -> dict[str, Any]:
    """A run of the experiment on a day of a month."""
    data = journal(
        before=state(launch(0.5, 0.5)),
        after=state(launch(*seconds, failed=failed)),
        recovery=state(launch(0.5)),
        deviated=failed > 0,
        **facts,
    )
    data["start"] = f"2026-01-{day:02}T03:00:00+00:00"
    return data


def share(text: str | None) -> float:
    return float(present(text).removesuffix("%")) / 100


def test_runs_are_told_in_the_order_of_time_with_their_commits(tmp_path: Path) -> None:
    runs = [
        night(3, failed=5),
        night(1, 1.0, 1.2, 1.4, checked_out={"commit": COMMIT, "branch": "main"}),
        night(2, 2.0, 2.2, checked_out={"commit": "no commit <b>"}),
    ]
    page, text, _ = reported(tmp_path, *runs)
    assert "3 runs: t" in page.text
    assert "3 runs, the last violated, the one before it held." in page.text
    rows = [line for line in text.splitlines() if line.startswith("| 2026-01-")]
    assert [row.strip("| ").split(" |")[:3] for row in rows] == [
        ["2026-01-03 03:00", " violated", ""],
        ["2026-01-02 03:00", " held", ""],
        ["2026-01-01 03:00", " held", f" {COMMIT[:10]}"],
    ]
    assert "0 of 3 | at most 64%; 20% allowed" in rows[2]
    assert "5 of 5 | at least 54%; 20% allowed" in rows[0]
    assert COMMIT in page.text
    assert "no commit" not in page.text


def test_the_plot_has_each_run_where_it_belongs(tmp_path: Path) -> None:
    reported(tmp_path, night(2, 2.0), night(1, 1.0, failed=1), night(3, 4.0, 4.0, 4.0))
    raw = (tmp_path / "r.html").read_text()
    drawn = raw[raw.index('<svg class="plot"') : raw.index("</figure>")]
    plot = ET.fromstring(drawn)
    titles = {
        present(present(group.find("title")).text): share(present(group.find("svg")).get("x"))
        for group in plot.iter("g")
    }
    places = {day: titles[f"2026-01-0{day} 03:00, commit unknown: {verdict}"]
              for day, verdict in ((1, "violated"), (2, "held"), (3, "held"))}  # fmt: skip
    assert places == pytest.approx({1: 1 / 6, 2: 3 / 6, 3: 5 / 6}, abs=1e-4)
    assert titles["2026-01-01 03:00: 1 of 2 failed"] == pytest.approx(1 / 6, abs=1e-4)
    assert titles["2026-01-03 03:00: 4 s"] == pytest.approx(5 / 6, abs=1e-4)


def test_runs_of_one_minute_have_one_label(tmp_path: Path) -> None:
    reported(tmp_path, night(1, 1.0), night(1, 2.0), night(1, 3.0))
    raw = (tmp_path / "r.html").read_text()
    drawn = raw[raw.index('<svg class="plot"') : raw.index("</figure>")]
    texts = [one.text for one in ET.fromstring(drawn).iter("text")]
    assert texts.count("03:00") == 1


def test_of_a_year_of_nights_the_last_are_told_whole(tmp_path: Path) -> None:
    runs = [night(1 + number % 28, 1.0) for number in range(MOST_WHOLE + 5)]
    page, text, _ = reported(tmp_path, *runs)
    sections = [attributes.get("id") or "" for tag, attributes in page.tags if tag == "section"]
    whole = {one for one in sections if re.fullmatch(r"run-\d+", one)}
    assert len(whole) == MOST_WHOLE
    assert "run-1" not in whole, "the first night is the oldest"
    assert "Of 5 earlier runs only this is told" in page.text
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert {link for link in links if re.fullmatch(r"#run-\d+", link or "")} == {
        f"#{one}" for one in whole
    }
    assert f"{MOST_WHOLE + 5} runs, the last" in text


def test_markdown_on_very_many_runs_fits_into_a_comment(tmp_path: Path) -> None:
    """What did not hold is told whole before what held, and what is left out is counted."""
    held = [night(1 + number % 28, 1.0) for number in range(12)]
    violated = night(1, 1.0, failed=2)
    others = []
    for number in range(70):
        others.append(rich())
        others[-1]["experiment"]["title"] = f"experiment {number}"
    done = run_report(tmp_path, violated, *held, *others, names="r.md")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "r.md").read_text()
    assert len(text) < 65_536
    whole = text.count("\n## **")
    assert 1 < whole < 70
    assert f"Of {83 - whole} more runs no more is told here" in text
    assert "violated**: experiment 69" in text
    assert "held**: t\n" not in text, "while there was no room for all that did not hold"


def test_one_run_of_each_has_no_trend(tmp_path: Path) -> None:
    other = night(1, 1.0)
    other["experiment"]["title"] = "another"
    page, text, _ = reported(tmp_path, night(1, 1.0), other)
    assert "Trend" not in page.text + text
