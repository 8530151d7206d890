"""Hostile journals."""

import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from chaosnetra.errors import Unreadable
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.journal.section import complete
from chaosnetra.report.facts import describe
from chaosnetra.report.formats import FORMATS, report_for
from tests.long.fuzz.checks import Failed, Report, one_line, where
from tests.long.fuzz.hostile import hostile, hostile_text, mutate, places, without_nan
from tests.support import journals
from tests.support.journals import judged

# What the core or somebody's activity can put into a journal; the rest the core writes itself.
OUTSIDE = ("output", "exception", "activity", "experiment")


def fuzz_journals(rng: random.Random, report: Report, saved: Path) -> None:
    ours = {"name": "f", "parameters": {}, "effect": {"in_effect": False, "detail": "d"}}
    ours["effect_after"] = {"in_effect": False, "expected": 1, "observed": "gone", "detail": "d"}
    journal = journals.journal(
        before=rng.choice((journals.GOOD, journals.BAD, None)),
        after=rng.choice(
            (journals.state(journals.startups(1, 3)), journals.state(journals.failed_probe()), None)
        ),
        during=(journals.GOOD,),
        method=(journals.run_of("x", status="failed"),),
        rollbacks=(journals.run_of("y"),),
        recovery=rng.choice((None, journals.GOOD, journals.BAD)),
        faults=[ours],
        control_failures=[],
    )
    journal = json.loads(json.dumps(journal))  # nothing in it is shared
    anywhere = rng.random() < 0.3
    if anywhere:
        journal = without_nan(mutate(rng, journal))
    else:
        found = [place for place in places(journal) if place[1] in OUTSIDE]
        for container, key in rng.sample(found, rng.randint(1, 2)):
            container[key] = from_outside(rng, key, container[key])
    (saved / "journal.json").write_bytes(json.dumps(journal).encode())
    report_on(saved / "journal.json")
    facts = journal.get("chaosnetra") or {}
    try:
        judged(journal)
        verdict, _ = complete(journal, facts)
        json.dumps(journal["chaosnetra"], allow_nan=False)
        if "\n" in verdict.line:
            report.seen["NOTE a verdict of several lines"] += 1
    except Exception as error:
        if not anywhere:
            raise
        # Nobody writes such a journal, and the control turns the exception into a failed run.
        text = where(error)
        report.seen[f"damaged journal: {text[: text.find(':', text.find(' at ') + 4) + 5]}"] += 1
    else:
        report.seen["journal judged"] += 1


def report_on(path: Path) -> None:
    """Make every report on a journal, however damaged, and take the XML apart."""
    made = {ending: report_for(Path(f"report{ending}")) for ending in FORMATS}
    try:
        facts = describe(read_journal(path))
    except Unreadable as error:
        one_line(error)
        return
    for one in made.values():
        one.add(facts)
    ET.fromstring(made[".xml"].text(()))
    if "<script" in made[".html"].text(()).lower():
        raise Failed("a text became a script on the page")
    if "\x1b" in made[".md"].text(()):
        raise Failed("a terminal sequence in the Markdown")


def from_outside(rng: random.Random, key: str, value: Any) -> Any:
    """What an activity or an experiment can really put there: JSON, of the shape the core keeps."""
    if key == "activity":
        return without_nan({**mutate(rng, {**value, "type": "probe"}), "name": hostile_text(rng)})
    if key == "exception":
        return [hostile_text(rng), hostile_text(rng)]
    if key == "experiment":
        keep = {"steady-state-hypothesis": {"title": hostile_text(rng), "probes": [{}]}}
        return without_nan({**mutate(rng, {"configuration": {"a": {"b": 1}}}), **keep})
    counted = {"held": False, "attempts": 5, "failures": 3, "expected": "e", "observed": "o"}
    counted |= {"phase": "database", "budget": "table_setup", "budget_seconds": 1.0}
    numbers = [10**30, 10**400, -5, 2**63, 1e308, True, 10**6]
    if rng.random() < 0.5:
        counted[rng.choice(("attempts", "failures", "budget_seconds"))] = rng.choice(numbers)
    return without_nan(rng.choice((hostile(rng), mutate(rng, counted), counted)))
