"""`chaosnetra report`: three formats from any journal, and never a traceback."""

import copy
import json
import random
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.report.facts import RunFacts, describe
from chaosnetra.report.formats import report_for
from tests.long.fuzz.hostile import as_text, mutate
from tests.support.journals import BAD, GOOD, failed_probe, journal, probe, run_of, startups, state
from tests.support.reports import (
    Page,
    launch,
    read_reports,
    reported,
    rich,
    run_report,
    with_text_everywhere,
)

HOSTILE = (
    "</td></table><script>alert(1)</script><img src=x onerror=alert(1)> ]]> <![CDATA[ & \" ' "
    "\x1b[31mred\x1b[0m \x00\x07\x0b\x85\u2028 \u202eturned\u2066 \ud800 | pipe ` tick "
    "[link](http://evil.example) ![i](https://evil.example/i) https://evil.example @somebody "
    "\r\n# heading\n\n- item --> <!-- {{ }} ${x} %s &lt;"
)


def test_everything_is_on_the_page(tmp_path: Path) -> None:
    page, text, _ = reported(tmp_path, rich())
    for part in (
        "violated", "What broke, and when", "Failure rates", "Expected and observed",
        "Budgets by arithmetic", "Violations",
        "Startups by phase", "How long startups took", "How long connections took: connects",
        "The connector over time", "Faults", "Environment", "Run it again",
        "toxic slow", "51.5", "table_setup 1 s ran out", "no answer within 3 s", "53300",
        "Inner: because", "PostgreSQL", "16.14", "CHAOSNETRA_COUNT", "first-connection",
    ):  # fmt: skip
        assert part in page.text, part
    assert page.count("svg", "plot") == 6
    assert page.count("figure") == page.count("svg", "plot")
    assert page.count("title") > page.count("svg", "plot")
    assert page.count("desc") == page.count("svg", "plot")
    assert "CHAOSNETRA_PROFILE=issue-1263 CHAOSNETRA_ENVIRONMENT=local" in page.text
    assert "CHAOSNETRA_TIME_SCALE=0.1 CHAOSNETRA_SEED=7 chaos run experiment.json" in page.text
    assert text.startswith("## **✗ violated**: t\n")
    assert "budget table\\_setup" not in text
    assert "budget table_setup of 1 s ran out in 4 startups, in phase database" in text


def test_a_check_that_held_although_some_failed_says_how_many_may(tmp_path: Path) -> None:
    output = startups(0, 1, max_failure_rate=1.0)["output"] | {"held": True}
    failing = probe("startups", output=output)
    page, text, _ = reported(tmp_path, journal(after=state(failing)))
    assert "(100% may fail)" in page.text
    assert "✓ (100% may fail)" in text


def test_bounds_and_the_trials_that_a_proof_takes_stand_beside_the_point_rule(
    tmp_path: Path,
) -> None:
    data = journal(before=state(launch(*[0.5] * 5)), after=state(launch(*[0.5] * 20)))
    page, _, _ = reported(tmp_path, data)
    assert "0 of 5 0% 0% to 43% at most 46% 20% 14; there were 5" in page.text
    assert "0 of 20 0% 0% to 16% at most 14% 20% 14; proven by these 20" in page.text


def test_several_journals_have_a_summary_first_and_a_section_each(tmp_path: Path) -> None:
    good = journal(recovery=GOOD, method=(run_of("inject"),))
    good["experiment"]["title"] = "the other one"
    page, text, suites = reported(tmp_path, rich(), good)
    assert page.text.index("the other one") < page.text.index("Expected and observed")
    anchors = {attributes.get("id") for tag, attributes in page.tags if tag == "section"}
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert {"#run-1", "#run-2"} <= links
    assert {"run-1", "run-2"} <= anchors
    assert {link[1:] for link in links if (link or "").startswith("#")} <= anchors
    assert "| t | **✗ violated** | issue-1263 |" in text
    assert "| the other one | **✓ held** |" in text
    assert [suite.get("name") for suite in suites] == ["t", "the other one"]


def test_a_folder_stands_for_the_journals_in_it(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name in ("a", "b"):
        (tmp_path / "runs" / f"{name}.json").write_text(json.dumps(journal()))
    (tmp_path / "runs" / "other.json").write_text("{}")
    done = run_report(tmp_path / "runs", names="")
    assert done.exit_code == 2  # neither journals nor outputs
    from click.testing import CliRunner

    from chaosnetra.cli import netra

    done = CliRunner().invoke(
        netra, ["report", str(tmp_path / "runs"), "-o", str(tmp_path / "r.md")]
    )
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "r.md").read_text().splitlines()
    assert sum(line.startswith("## **✓ held**: ") for line in lines) == 2


@pytest.mark.parametrize("text", ["", "{", '{"experiment": {"title"', "[1]", '{"method": []}'])
def test_what_is_no_whole_journal_is_told_so_and_nothing_is_written(
    tmp_path: Path, text: str
) -> None:
    done = run_report(tmp_path, rich(), text)
    assert done.exit_code == 7
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("name", ["report", "report.pdf", "report.html.gz"])
def test_an_ending_that_names_no_format_is_a_usage_error(tmp_path: Path, name: str) -> None:
    done = run_report(tmp_path, journal(), names=name)
    assert done.exit_code == 2
    assert ".html, .md, .xml" in done.output


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    done = run_report(tmp_path, journal(), names="no/such/place.html")
    assert done.exit_code == 1
    assert "place.html cannot be written: No such file or directory" in done.output


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE * 20], ids=["short", "long"])
def test_hostile_texts_show_and_do_nothing(tmp_path: Path, text: str) -> None:
    data = with_text_everywhere(rich(), text)
    data["steady_states"]["after"]["probes"].append(failed_probe(text, text))
    page, markdown, suites = reported(tmp_path, data)
    assert "<script>alert(1)</script>" in page.text  # as text: the page has no such tag
    assert "\x1b" not in markdown
    assert "turned" in markdown
    outside = markdown.split("```")[0]
    assert not any(line.startswith(("# ", "- item")) for line in outside.split("\n"))
    assert "https://" not in outside
    said = "".join(suites.itertext())
    assert "]]>" in said
    assert "<script>" in said


def test_a_text_of_a_megabyte_does_not_make_a_report_of_many(tmp_path: Path) -> None:
    text = HOSTILE[:100] + "x" * 2**20
    data = rich()
    data["experiment"]["title"] = text
    for run in data["steady_states"]["after"]["probes"]:
        run["output"]["error"] = run["output"]["observed"] = text
    data["steady_states"]["after"]["probes"][0]["output"]["startups"][1]["error"]["text"] = text
    data["steady_states"]["after"]["probes"].append(failed_probe(text, text))
    page, markdown, _ = reported(tmp_path, data)
    assert (tmp_path / "r.html").stat().st_size < 1_000_000
    assert len(markdown) < 50_000
    assert "characters" in page.text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("one attempt", journal(after=state(launch(0.5)))),
        ("one that failed", journal(after=state(launch(failed=1)))),
        (
            "all censored",
            journal(before=state(launch(timed_out=9)), after=state(launch(failed=80))),
        ),
        ("no variance", journal(after=state(launch(*[0.5] * 80)))),
        ("instant", journal(after=state(launch(0.1, 0.1)))),
        ("no hypothesis", journal(hypothesis=False, before=None, after=None)),
        ("baseline", journal(before=BAD, after=None)),
        ("no section", {**journal(after=BAD), "chaosnetra": None}),
        ("empty", {"experiment": {}}),
        ("counts without a list", journal(after=state(startups(3, 5)))),
        ("no attempts", journal(after=state(startups(0, 0)))),
        ("interrupted", journal(status="interrupted", after=None, interrupted_by="SIGTERM")),
    ],
)
def test_poor_journals_are_reported_on_too(tmp_path: Path, name: str, data: Any) -> None:
    page, markdown, suites = reported(tmp_path, data)
    assert page.count("h1") == 1
    assert markdown.startswith("## **")
    assert len(suites) == 1


def test_a_foreign_journal_is_reported_on_by_its_states(tmp_path: Path) -> None:
    foreign = journal(after=state(probe("answers", met=False, output={"status": 500})))
    del foreign["chaosnetra"]
    page, markdown, suites = reported(tmp_path, foreign)
    assert "answers, after the method" in page.text
    assert '{"status": 500}' in page.text
    assert "answers" in markdown
    assert suites[0].find("testcase[@name='answers after the method']/failure") is not None


def test_very_many_startups_do_not_make_very_many_elements(tmp_path: Path) -> None:
    rng = random.Random(1)
    many = launch(*[rng.uniform(0.5, 2) for _ in range(3_000)], failed=500)
    page, _, _ = reported(tmp_path, journal(before=state(launch(0.5)), after=state(many)))
    assert page.count("rect") < 400
    assert page.count("tr") < 100
    assert "3,000 ready, 500 failed" in page.text


def test_checks_during_the_method_are_taken_together(tmp_path: Path) -> None:
    during = tuple(state(launch(0.5, 0.6, failed=index % 2)) for index in range(40))
    page, _, suites = reported(tmp_path, journal(during=during))
    assert "(20 of 40 checks not held)" in page.text
    assert "80 of 100 succeeded" in page.text
    cases = suites[0].findall("testcase")
    assert len({case.get("name") for case in cases}) == 43  # each check, and the verdict


def test_quantiles_of_a_storm_that_is_listed_in_part_are_those_of_its_probe(tmp_path: Path) -> None:
    data = rich()
    storm = data["steady_states"]["after"]["probes"][1]["output"]
    storm |= {"attempts": 500, "answer_seconds_p50": 0.25, "answer_seconds_p95": 3.0}
    storm["lower_bound"] = {"p50": False, "p95": True, "max": True}
    page, _, _ = reported(tmp_path, data)
    assert "500 1 ok, 1 timed out, 1 refused 0.25 s at least 3 s at least 3 s" in page.text
    assert "1 answered, 1 failed, 1 given up, 497 not listed" in page.text
    assert "lists only some of the attempts" in page.text


def render(ending: str, runs: list[RunFacts], advice: Recommendation) -> str:
    report = report_for(Path(f"report{ending}"))
    for facts in runs:
        report.add(facts)
    return report.text([advice])


def test_recommendations_are_shown_with_what_they_rest_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(rich()))
    facts = describe(read_journal(path))
    advice = Recommendation(
        "budgets", "table_setup", "10 s", "30 s", f"it ran out {HOSTILE}",
        ("p95 1.4 s, after the method",), "chaos run x.json",
    )  # fmt: skip
    page = Page(render(".html", [facts], advice))
    assert page.text.rindex("What to change") > page.text.rindex("Run it again")
    assert "p95 1.4 s, after the method" in page.text
    assert "chaos run x.json" in page.text
    text = render(".md", [facts, facts], advice)
    assert "- **table_setup: 30 s** (now 10 s): it ran out" in text
    assert render(".xml", [facts], advice).startswith("<?xml")


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_no_mutated_journal_makes_a_traceback(seed: int) -> None:
    rng = random.Random(seed)
    base = rng.choice((RICH, journal(after=BAD)))
    text = as_text(rng, mutate(rng, base, times=rng.randint(1, 12))).decode(errors="replace")
    folder = Path(tempfile.mkdtemp())
    try:
        done = run_report(folder, text)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in (0, 7), done.output
        if done.exit_code == 0:
            read_reports(folder)
        else:
            assert done.output.count("\n") == 1
    finally:
        shutil.rmtree(folder)


RICH = copy.deepcopy(rich())


def test_the_exit_code_of_a_startup_is_in_every_report(tmp_path: Path) -> None:
    page, markdown, junit = reported(
        tmp_path, journal(after=state(launch(0.5, failed=3, exit_code=78)))
    )
    assert "of 1 s expired, exit code 78: table setup took too long" in page.text, "in the reason"
    assert page.text.count("exit code 78") >= 3, "and in the violation and the failures"
    assert "exit code 78" in markdown
    assert "exit code 78" in ET.tostring(junit, encoding="unicode")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_the_page_goes_from_the_verdict_to_the_advice(tmp_path: Path) -> None:
    data = rich()
    data["steady_states"]["after"]["probes"][0]["output"]["startups"][1]["output"] = ["it broke"]
    reported(tmp_path, data)
    page, text = ((tmp_path / name).read_text() for name in ("r.html", "r.md"))
    assert headings(page) == [
        "What broke, and when", "Plots", "Numbers", "Output of failed startups", "Evidence",
        "What to change",
    ]  # fmt: skip
    assert page.index('class="verdict violated"') < page.index("<nav") < page.index("<h2>")
    assert page.count("What to change</h2>") == text.count("<details><summary>What to change") == 1
    places = [
        text.index(part)
        for part in ("Reason: ", "### What broke, and when", "| probe | when |",
                     "### Output of failed startups", "Run it again", "What to change")
    ]  # fmt: skip
    assert places == sorted(places)


def test_advice_is_told_once_for_all_runs_and_after_them(tmp_path: Path) -> None:
    page, text, _ = reported(tmp_path, rich(), rich())
    raw = (tmp_path / "r.html").read_text()
    day = 't <span class="quiet">2026-01-01 00:00</span>'
    assert headings(raw) == ["Trend: t", "Runs", day, day, "What to change"]
    assert text.count("What to change") == 1
    subjects = re.findall(r'class="card"><p><strong>(table_setup_seconds: .*?)</strong>', raw)
    assert len(subjects) == 1
    assert page.text.index("What to change") < page.text.index("Run it again"), "in the contents"


def test_contents_and_files_can_be_followed(tmp_path: Path) -> None:
    data = rich()
    data["chaosnetra"]["events_file"] = "somewhere/else/journal-0.events.jsonl"
    (tmp_path / "journal-0.events.jsonl").write_text("{}\n")
    done = run_report(tmp_path, data, rich(), names="r.html")
    assert done.exit_code == 0
    page = Page((tmp_path / "r.html").read_text())
    links = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a"]
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    files = [link for link in links if not link.startswith("#")]
    assert files == ["./journal-0.json", "./journal-0.events.jsonl", "./journal-1.json"]
    assert all((tmp_path / file).is_file() for file in files)


def test_files_are_linked_from_where_the_page_is(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from chaosnetra.cli import netra

    for name in ("runs at night", "pages"):
        (tmp_path / name).mkdir()
    path = tmp_path / "runs at night" / "jour#nal.json"
    path.write_text(json.dumps(rich()))
    page = tmp_path / "pages" / "r.html"
    assert CliRunner().invoke(netra, ["report", str(path), "-o", str(page)]).exit_code == 0
    links = [
        attributes["href"] or "" for tag, attributes in Page(page.read_text()).tags if tag == "a"
    ]
    assert "../runs%20at%20night/jour%23nal.json" in links


def test_a_run_that_proves_nothing_says_so_and_no_more(tmp_path: Path) -> None:
    data = rich()
    data["chaosnetra"]["faults"][0]["effect"] |= {"observed": 3, "in_effect": False}
    data["steady_states"]["after"] = data["steady_states"]["before"]
    data["steady_states"]["during"] = []
    page, _, _ = reported(tmp_path, data)
    top = page.text[: page.text.index("Plots")]
    assert "inconclusive (fault without a measured effect)" in " ".join(top.split())
    assert "no effect of toxic slow was measured: added_latency_ms 3 measured, 50 expected" in top
    assert "proves" not in top
    assert "✗ fault without its effect" in page.text
