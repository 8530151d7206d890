"""What a page shows at once, what it folds up, and where it leads."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.verdict.headline import MOST_WORDS
from chaosnetra.report.facts import describe
from chaosnetra.report.page import table
from chaosnetra.report.plots.frame import LONGEST_HEAD
from chaosnetra.search.record import FILE, write_search
from tests.support.journals import journal, probe, run_of, state
from tests.support.observations import startup, timed_out
from tests.support.reports import launch, reported, rich, run_report
from tests.support.searches import search, trial

LONG_NAME = "what-it-does-when-the-database-is-silent"


class Seen(HTMLParser):
    """The text of a page that is seen before anything is opened, and headings of what is folded."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.folded: list[str] = []
        self._in: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br"):
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._in.pop() == tag

    def handle_data(self, data: str) -> None:
        if "summary" in self._in and self._in[-1] in ("h3", "h4"):
            self.folded.append(data)
        if "details" not in self._in or "summary" in self._in:
            self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.shown).split())


def page_on(folder: Path, *data: dict[str, Any]) -> str:
    done = run_report(folder, *data, names="r.html")
    assert done.exit_code == 0, done.output
    return (folder / "r.html").read_text()


def test_of_the_numbers_the_first_is_seen_and_the_others_are_folded_up(tmp_path: Path) -> None:
    page = Seen(page_on(tmp_path, rich()))
    assert page.folded[:2] == ["Budgets by arithmetic", "Startup times"]
    assert page.folded[-1] == "Environment"
    assert "Expected and observed" not in page.folded
    assert "at most 10% of 3 connections fail" in page.text
    assert "Clopper-Pearson" not in page.text
    assert "Linux" not in page.text


def test_the_verdict_opens_with_a_short_sentence_and_the_rest_is_below(tmp_path: Path) -> None:
    text = "it broke " * 80
    data = journal(after=state(launch(failed=5, text=text)), deviated=True)
    raw = page_on(tmp_path, data)
    box = raw[raw.index('class="verdict') :].partition("</div>")[0]
    first, rest = re.findall(r"<bdi[^>]*>(.*?)</bdi>", box)
    assert len(first.split()) <= MOST_WORDS
    assert first.endswith("budget table_setup of 1 s expired")
    assert "it broke it broke" in rest
    _, markdown, _ = reported(tmp_path, data)
    assert f"Reason: {first}\n\n" in markdown.replace("\\", "")


def test_what_is_all_said_in_the_first_sentence_is_not_said_again(tmp_path: Path) -> None:
    raw = page_on(tmp_path, journal(recovery=state(launch(0.5))))
    assert raw.count("the steady state held before and after the method, and recovered") == 1


def test_it_took_until_the_recovery_was_checked(tmp_path: Path) -> None:
    """The core's duration ends before that, and moments of the page lie after it."""
    data = rich()
    last = data["chaosnetra"]["recovery"]["probes"][-1]
    last["start"], last["end"] = "2026-01-01T00:00:11.5+00:00", "2026-01-01T00:00:12.5+00:00"
    (tmp_path / "journal.json").write_text(json.dumps(data))
    facts = describe(read_journal(tmp_path / "journal.json"))
    assert facts.seconds == pytest.approx(12.0)
    assert facts.seconds >= max(span.end for span in facts.spans)


@pytest.mark.parametrize(
    ("status", "named"),
    [("failed", "causes, outermost first"), ("timed_out", "lines that tell most")],
)
def test_lines_of_one_that_did_not_end_are_not_called_causes(
    tmp_path: Path, status: str, named: str
) -> None:
    def labels(*causes: str) -> list[str]:
        error = {"text": "not ready", "causes": [*causes]}
        one = startup(1, 35.0, timed_out(35.0), status=status, error=error)
        output = {"held": True, "expected": "x", "startups": [one]}
        page = page_on(tmp_path, journal(method=(probe("silent", output=output),)))
        known = ("causes, outermost first", "lines that tell most")
        return [label for label in known if f">{label}<" in page]

    assert labels("[INFO] Booting worker") == [named]
    assert labels("not ready") == []


def test_long_names_of_probes_are_cut_in_plots_and_told_whole_in_tables(tmp_path: Path) -> None:
    """Else a telephone cuts them, at its edge and without a sign."""
    method = []
    for name in (f"{LONG_NAME}-once", f"{LONG_NAME}-twice"):
        probe = launch(0.5, 0.6)
        probe["activity"]["name"] = name
        method.append(probe)
    raw = page_on(tmp_path, journal(before=state(launch(0.5)), method=(run_of("act"), *method)))
    heads = re.findall(r'<text[^>]*class="head halo"[^>]*>(.*?)</text>', raw)
    assert any("…" in head and head.endswith("-twice") for head in heads)
    assert max(map(len, heads)) <= LONGEST_HEAD
    assert f"in the method, {LONG_NAME}-once" in raw


def test_a_page_on_a_search_leads_to_the_journals_of_its_trials(tmp_path: Path) -> None:
    folder = tmp_path / "a search"
    folder.mkdir()
    write_search(folder / FILE, search(trial(20), trial(400, 5, number=2)), {})
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages" / "search.html"
    done = CliRunner().invoke(netra, ["report", str(folder), "-o", str(page)])
    assert done.exit_code == 0, done.output
    links = re.findall(r'href="(\.[^"]*)"', page.read_text())
    assert links == [f"../a%20search/trials/{number:03}/journal.json" for number in (1, 2)]


def test_a_column_without_anything_is_left_out() -> None:
    shown = table(("name", "where", "count"), [("a", None, 1), ("b", "", 0)], "c")
    assert re.findall(r"<th scope=\"col\">(.*?)</th>", shown) == ["name", "count"]
    assert re.findall(r"<td[^>]*>(.*?)</td>", shown) == ["1", "0"]


def test_what_was_given_up_is_told_once_whatever_numbers_it_has(tmp_path: Path) -> None:
    def rows(status: str) -> int:
        texts = (f"readiness checks: {number} refused" for number in (7, 8, 9))
        found = [
            startup(number, 35.0, timed_out(35.0), status=status, error={"text": text})
            for number, text in enumerate(texts, 1)
        ]
        output = {"held": True, "expected": "x", "startups": found}
        page_on(tmp_path, journal(method=(probe("silent", output=output),)))
        return len(describe(read_journal(tmp_path / "journal-0.json")).failures)

    assert rows("timed_out") == 1
    assert rows("failed") == 3


def test_a_page_on_runs_of_one_experiment_leads_to_their_table(tmp_path: Path) -> None:
    page = page_on(tmp_path, rich(), rich())
    assert '<a href="#runs">Runs</a>' in page
    assert page.count('id="runs"') == 1


@pytest.mark.parametrize("facts", [{"dry": "activities"}, {"refused": "no database is named"}])
def test_a_run_that_checked_nothing_claims_nothing(tmp_path: Path, facts: dict[str, Any]) -> None:
    # The core lists the probes of a dry run without an answer, as if they had held.
    unasked = state(probe("starts", output=None)) if "dry" in facts else None
    page = page_on(tmp_path, journal(before=unasked, after=unasked, **facts))
    for told in ("Nothing was checked.", "Nothing was carried out.", "No probe of the steady"):
        assert told in page
    for told in ("Nothing that the steady state claims was violated", "null", "check: held"):
        assert told not in page
