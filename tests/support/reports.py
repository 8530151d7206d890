"""What reports are checked with: pages taken apart, and journals to report on."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from chaosnetra.evidence.journal.section import complete
from chaosnetra.startup.outcome import StartupFailure, StartupOutcome, Status
from chaosnetra.startup.summary import summarize
from tests.support.journals import journal, probe, run_of, state

VOID = {"meta", "link", "br"}
# Everything that a page is made of; nothing that loads, runs or sends.
TAGS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "footer", "section", "h1",
    "h2", "h3", "h4", "p", "span", "strong", "bdi", "a", "ul", "ol", "li", "dl", "dt", "dd", "div",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure",
    "figcaption", "nav", "pre", "code", "svg", "desc", "g", "rect", "line", "path", "circle",
    "text",
}  # fmt: skip
NOT_ALLOWED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
PHASES = ("init", "dependencies", "database", "finalize")


class Page(HTMLParser):
    """A page, taken apart; checks that tags are closed, and that there are only known ones."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []
        assert not NOT_ALLOWED.search(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name == "href":
                assert value is not None
                assert value.startswith(("#", "./", "../")) or value == "data:,"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.shown).split())

    def count(self, tag: str, class_: str | None = None) -> int:
        return sum(
            name == tag and (class_ is None or class_ in (attributes.get("class") or "").split())
            for name, attributes in self.tags
        )


def launch(
    *seconds: float, failed: int = 0, timed_out: int = 0, budget: str = "table_setup", **told: Any
) -> dict[str, Any]:
    """The probe of a launch: startups that were ready after `seconds`, then others."""

    def outcome(number: int, status: Status, length: float) -> StartupOutcome:
        phases = PHASES if status is Status.READY else PHASES[:3]
        rest = length - 0.1
        shares = {phase: rest * (0.7 if phase == "database" else 0.05) for phase in phases}
        if status is Status.TIMED_OUT:
            del shares["database"]
        error = StartupFailure(
            told.get("text", "table setup took too long"),
            causes=("Outer: no", "Inner: because"),
            budget=budget if status is Status.FAILED else None,
            budget_seconds=1.0 if status is Status.FAILED else None,
        )
        return StartupOutcome(
            number,
            status,
            length,
            boot_seconds=0.1,
            phase=phases[-1],
            phase_seconds=shares,
            exit_code=told.get("exit_code") if status is Status.FAILED else None,
            error=None if status is Status.READY else error,
        )

    outcomes = [outcome(number, Status.READY, one) for number, one in enumerate(seconds, 1)]
    outcomes += [outcome(100 + number, Status.FAILED, 1.4) for number in range(failed)]
    outcomes += [outcome(200 + number, Status.TIMED_OUT, 3.0) for number in range(timed_out)]
    output = summarize(outcomes, told.get("limit", 0.2))
    return probe("starts", met=output["held"], output=json.loads(json.dumps(output)))


def rich() -> dict[str, Any]:
    """A journal with everything in it that a report shows."""
    fault = {
        "name": "toxic chaosnetra_20260101t000000_abcdef/chaosnetra_20260101t000000_abcdef_slow",
        "parameters": {"latency": 50},
        "effect": {"quantity": "added_latency_ms", "expected": 50, "observed": 51.5,
                   "in_effect": True},
        "undo": "done",
        "injected_at": "2026-01-01T00:00:04+00:00",
        "undone_at": "2026-01-01T00:00:09+00:00",
    }  # fmt: skip
    connections = [
        {"number": 1, "intended_seconds": 0.0, "outcome": "ok", "seconds": 0.1, "censored": False},
        {"number": 2, "intended_seconds": 0.0, "outcome": "timed_out", "seconds": 3.0,
         "censored": True, "error": "no answer within 3 s"},
        {"number": 3, "intended_seconds": 0.0, "outcome": "refused", "seconds": 0.2,
         "censored": False, "sqlstate": "53300", "error": "too many clients"},
    ]  # fmt: skip
    storm = {
        "held": False, "expected": "at most 10% of 3 connections fail", "observed": "1 of 3 ok",
        "attempts": 3, "failures": 2, "max_failure_rate": 0.1, "slow_after_seconds": 1.0,
        "answer_seconds_max": 3.0, "lower_bound": {"max": True}, "connections": connections,
    }  # fmt: skip
    finding = {"rule": "first-connection", "budget": "table_setup", "has_seconds": 10.0,
               "needs_seconds": 20.0, "holds": False, "why": "a slow connector"}  # fmt: skip
    arithmetic = {"held": False, "expected": "every budget suffices", "observed": "0 of 1 rules",
                  "error": "table_setup has 10 s", "findings": [finding]}  # fmt: skip
    data = journal(
        before=state(launch(0.5, 0.6, 0.7, 0.8, 0.9)),
        during=(state(launch(0.6, failed=1)), state(launch(0.6, 0.7))),
        after=state(
            launch(0.8, failed=3, timed_out=1),
            probe("connects", met=False, output=storm),
            probe("budgets", met=False, output=arithmetic),
        ),
        method=(run_of("inject"),),
        recovery=state(launch(0.5, 0.6, 0.7)),
        faults=[fault, {"name": "schema x", "parameters": {}, "effect": None, "undo": "done"}],
        connector={
            "started_at": "2026-01-01T00:00:01+00:00",
            "samples": [
                {"at_seconds": at, "instances": 2, "slots": 100_000 if at < 3 else 50,
                 "in_use": at * 4, "queued": at, "most_in_use": at * 5, "most_queued": at}
                for at in range(9)
            ],
            "events": [{"at_seconds": 3.0, "event": "changed", "model": {"instances": 2}}],
        },
        profile={
            "name": "issue-1263", "date": "2025-09-15", "source": "issue-1263",
            "budgets": {"table_setup_seconds": 10.0, "connection_seconds": 15.0,
                        "initialization_seconds": 25.0, "validation_seconds": None},
            "pool": {"size": 15},
        },
        time_scale=0.1,
        seed=7,
        environment="local",
        run="20260101t000000-abcdef",
        stand=[{"kind": "PostgreSQL", "version": "16.14", "address": "a", "source": "started"}],
    )  # fmt: skip
    data["start"], data["end"], data["duration"] = (
        "2026-01-01T00:00:00.5+00:00",
        "2026-01-01T00:00:10+00:00",
        9.5,
    )
    data["node"], data["platform"] = "machine", "Linux"
    data["experiment"]["configuration"] = {
        "profile": {"type": "env", "key": "CHAOSNETRA_PROFILE", "default": "issue-1278"},
        "count": {"type": "env", "key": "CHAOSNETRA_COUNT", "default": "5"},
    }
    complete(data, data["chaosnetra"])
    return data


def with_text_everywhere(data: Any, text: str) -> Any:
    """A copy in which whatever an outsider can say says `text`."""
    said = {"title", "error", "text", "expected", "observed", "causes", "quantity", "detail",
            "exception", "event", "phase", "budget", "sqlstate", "rule", "why", "node",
            "platform", "address", "version"}  # fmt: skip
    if isinstance(data, dict):
        return {
            key: text
            if key in said and isinstance(value, str)
            else [text for _ in value]
            if key in said and isinstance(value, list)
            else with_text_everywhere(value, text)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [with_text_everywhere(item, text) for item in data]
    return data


def run_report(folder: Path, *journals: Any, names: str = "r.html r.md r.xml") -> Result:
    """Run the command on journals, given as data or text; the reports lie in `folder`."""
    paths = []
    for number, data in enumerate(journals):
        path = folder / f"journal-{number}.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        paths.append(str(path))
    outputs = [option for name in names.split() for option in ("-o", str(folder / name))]
    return CliRunner().invoke(netra, ["report", *paths, *outputs])


def reported(folder: Path, *journals: Any) -> tuple[Page, str, ET.Element]:
    """The three reports on journals: the page and the XML taken apart, Markdown as text."""
    done = run_report(folder, *journals)
    assert done.exit_code == 0, done.output
    return read_reports(folder)


def read_reports(folder: Path) -> tuple[Page, str, ET.Element]:
    page = (folder / "r.html").read_bytes().decode()
    text = (folder / "r.md").read_bytes().decode()
    assert not NOT_ALLOWED.search(text)
    return Page(page), text, ET.fromstring((folder / "r.xml").read_bytes())
