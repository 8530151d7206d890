"""The experiment that a try writes, and the screen that it ends with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.lint.check import lint_file
from chaosnetra.trying.conduct import Found, Wanted, limit_for
from chaosnetra.trying.corrections import Correction
from chaosnetra.trying.experiment import (
    REFUSED,
    SILENT,
    SLOW,
    STEADY,
    Tried,
    experiment_of,
    latency_experiment_of,
)
from chaosnetra.trying.given import BY_OPTION
from chaosnetra.trying.guessing import Guess
from chaosnetra.trying.results import Advice, advice_of, stages_of
from chaosnetra.trying.scouting import Sight
from chaosnetra.trying.searching import PAGE
from chaosnetra.trying.telling import WIDTH, guesses, paths, screen
from tests.support.journals import journal, probe, state
from tests.support.observations import ready_in, refused, startup, timed_out

TRIED = Tried("shop", {"target": "sh -c true", "readiness": "exit"}, 150, 1)
WANTED = Wanted(words=("serve", "--port", "{port}"), target="serve --port {port}")
SIGHT = Sight("http://127.0.0.1:{port}/healthz", 1.2, ready_in(1.2))
FOUND = Found(
    Guess(
        {"SHOP_DB_URL": "{url}", "PGHOST": "{host}", "RUN_MIGRATIONS": "1"},
        {"SHOP_DB_URL": "app.py", "RUN_MIGRATIONS": "shop"},
    ),
    SIGHT,
    (),
    35.0,
    TRIED,
)


def told(name: str, *startups: dict[str, Any], **output: Any) -> dict[str, Any]:
    return probe(name, output={"held": True, "expected": "x", "startups": [*startups], **output})


def tried(
    folder: Path, refusing: dict[str, Any], silent: dict[str, Any], *, gives_up: float = 0.0
) -> Path:
    """The journal of a try, of a service that gives up after so many seconds; 0: it does not."""
    said = f"it gave up after {gives_up:g} s, in 1 of 1"
    limits = [
        {"kind": "answer", "amount": gives_up, "text": said},
        {"kind": "attempts", "amount": 3, "text": "it gave up after 3 connections, in 2 of 3"},
    ] if gives_up else []  # fmt: skip
    clean = state(told(STEADY, startup(1, 1.0, ready_in(1.0))))
    slow = told(SLOW, startup(1, 7.0, ready_in(7.0, 0.15)))
    method = slow, told(REFUSED, refusing), told(SILENT, silent, own_limits=limits)
    path = folder / "journal.json"
    path.write_text(json.dumps(journal(before=clean, after=clean, method=method)))
    return path


def shown(path: Path) -> list[str]:
    read = read_journal(path)
    stages = stages_of(read.data)
    return list(screen(FOUND, stages, advice_of(read, stages, 35)))


@pytest.mark.parametrize("make", [experiment_of, latency_experiment_of])
def test_the_experiment_has_no_finding(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(make(TRIED)))
    assert lint_file(path) == []


def test_each_stage_has_its_line_and_why_it_was_not_ready(tmp_path: Path) -> None:
    failed = startup(1, 4.2, refused(4.2), status="failed")
    late = startup(1, 35.0, timed_out(35.0), status="timed_out")
    lines = shown(tried(tmp_path, failed, late))
    rows = {line[:18].strip(): line[18:].split() for line in lines if line[:1] not in (" ", "")}
    assert rows["clean"] == ["yes", "1.00", "40"]
    assert rows["150 ms more"][:2] == ["yes", "7.00"]
    assert rows["database refused"][:2] == ["no", "4.20"]
    assert rows["database silent"][:3] == ["no", ">", "35"]
    assert rows["clean again"] == ["yes", "1.00", "40"]
    text = " ".join(" ".join(lines).split())
    assert "not ready in time: waiting 10.2 s for the answer to the 29th round trip" in text
    assert "1. give each connection a time limit of its own" in text
    assert "its readiness" not in text


def test_a_service_that_has_a_time_limit_is_not_told_to_have_one(tmp_path: Path) -> None:
    failed = startup(1, 4.2, refused(4.2), status="failed")
    late = startup(1, 35.0, timed_out(35.0), status="timed_out")
    lines = shown(tried(tmp_path, failed, late, gives_up=5.0))
    assert "    it gave up after 5 s" in lines
    assert "    it gave up after 3 connections, in 2 of 3" in lines
    assert not any("time limit" in line for line in lines)


def test_a_time_limit_that_leaves_no_time_to_try_again_could_be_shorter(tmp_path: Path) -> None:
    """As that of gunicorn, which ends a worker that has answered nothing for 30 s."""
    late = startup(1, 35.0, timed_out(35.0), status="timed_out")
    text = " ".join(" ".join(shown(tried(tmp_path, late, late, gives_up=30.0))).split())
    assert (
        "1. give each connection a shorter time limit (connect_timeout or the like); it "
        "waited 30.0 s for a silent database before it gave up, of the 35 s that a start may take: "
        "that leaves no time to try again"
    ) in text


def test_why_a_service_was_not_ready_is_told_whole(tmp_path: Path) -> None:
    """The cause of a long chain of errors stands at its end."""
    said = f"{'cannot create the bean of the pool: ' * 12}no pg_hba.conf entry for host"
    failed = startup(1, 4.2, refused(4.2), status="failed", exit_code=1, error={"text": said})
    text = " ".join(" ".join(shown(tried(tmp_path, failed, failed))).split())
    assert f"exit code 1: {said}" in text


def test_a_service_that_is_ready_without_its_database_is_told_of_it(tmp_path: Path) -> None:
    without = startup(1, 1.0, refused(1.0), status="degraded")
    ended = startup(1, 9.0, timed_out(9.0), status="failed")
    text = " ".join(shown(tried(tmp_path, without, ended)))
    assert "without it" in text
    assert "1. let its readiness ask for something that needs the database" in text
    assert "time limit" not in text


def test_a_limit_is_advised_to_a_service_that_goes_on_while_a_connection_waits(
    tmp_path: Path,
) -> None:
    """As by a pool that gives up after 30 s, and whose connections never do."""
    waiting = timed_out(34.2)
    opened = waiting.connections[0].opened_seconds
    without = startup(1, opened + 30.03, waiting, status="degraded")
    text = " ".join(" ".join(shown(tried(tmp_path, refusing_at_once(), without))).split())
    assert "it went on without the database 30.0 s after it began its first connection" in text
    assert "time limit of its own (connect_timeout or the like); one still waited for a" in text
    at_once = startup(1, opened + 0.05, waiting, status="degraded")
    assert "it went on without" not in " ".join(shown(tried(tmp_path, at_once, at_once)))


def refusing_at_once() -> dict[str, Any]:
    return startup(1, 1.0, refused(1.0), status="degraded")


def test_a_stage_that_was_not_reached_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    before = state(told(STEADY, startup(1, 1.0, ready_in(1.0))))
    path.write_text(json.dumps(journal(before=before, after=None, method=())))
    assert sum(line.endswith("not tried") for line in shown(path)) == 4


def test_what_was_guessed_names_its_option() -> None:
    text = "\n".join(guesses(WANTED, FOUND))
    assert text.splitlines()[0] == "serve --port {port}"
    assert "SHOP_DB_URL (app.py)  [--database-variable]" in text
    assert "{port}/healthz  [--ready]" in text
    assert "40 round trips" in text
    assert "RUN_MIGRATIONS=1 (shop)  [--environment]" in text
    assert "PGHOST" not in text


def given_to(words: tuple[str, ...], guess: Guess, template: Path | None = None) -> str:
    """Where the screen says that the database's address is."""
    wanted = replace(WANTED, words=words, config_template=template)
    text = " ".join(" ".join(guesses(wanted, replace(FOUND, guess=guess))).split())
    return text.partition("database in ")[2].partition(" [")[0]


USUAL_ONES = Guess({"PGHOST": "{host}", "LISTEN": ":{service_port}"}, {})


def test_the_address_is_where_the_service_was_given_it(tmp_path: Path) -> None:
    assert given_to(("serve",), USUAL_ONES) == "PGHOST (the usual ones)"
    # An option is stronger than a file, and what carries another port is none of them.
    named = {"LISTEN": BY_OPTION, "KC_DB": BY_OPTION, "DB_URL": "app.py"}
    guess = Guess({"KC_DB": "{url}", "DB_URL": "{url}", **USUAL_ONES.environment}, named)
    assert given_to(("serve",), guess) == f"KC_DB, DB_URL ({BY_OPTION}, app.py)"
    words = ("serve", "--port={port}", "--dsn", "{dsn}", "sh -c {user}")
    assert given_to(words, USUAL_ONES) == "its command ({dsn})"
    template = tmp_path / "shop.conf.template"
    template.write_text("listen={service_port}\n")
    assert given_to(("serve",), USUAL_ONES, template) == "PGHOST (the usual ones)"
    template.write_text("host={host}\n")
    assert given_to(("serve",), USUAL_ONES, template) == "shop.conf.template"


def test_a_database_that_is_used_only_after_it_was_ready_is_told_so() -> None:
    sight = replace(SIGHT, is_used_late=True)
    text = " ".join(" ".join(guesses(WANTED, replace(FOUND, sight=sight))).split())
    assert "40 round trips, none before it was ready: name a later sign [--ready]" in text


def test_a_correction_that_another_one_replaced_is_not_told() -> None:
    url = "postgresql{}://{{url_without_scheme}}"
    first = Correction("no psycopg", "to one", {"DB_URL": url.format("+psycopg2")})
    second = Correction("no psycopg2", "to another", {"DB_URL": url.format("+asyncpg")})
    third = Correction("no TLS", "sslmode=disable", {"DB_URL": f"{url.format('+asyncpg')}?x"})
    found = replace(FOUND, corrections=(first, second, third), guess=Guess(third.environment, {}))
    text = "\n".join(guesses(WANTED, found))
    assert [one.change in text for one in found.corrections] == [False, True, True]


def test_no_line_is_longer_than_a_screen_is_wide(tmp_path: Path) -> None:
    failed = startup(1, 4.2, refused(4.2), status="failed")
    lines = [*shown(tried(tmp_path, failed, failed)), *guesses(WANTED, FOUND)]
    assert max(map(len, lines)) <= WIDTH
    assert all(line.isprintable() for line in lines)


def test_a_password_is_in_no_command() -> None:
    wanted = Wanted(("serve",), "serve", database_url="postgresql://u:hunter22@h/d")
    line, keep = paths(wanted, Path("x/experiment.json"), None)
    assert keep == "keep    chaosnetra init --from-try x"
    assert line == "again   CHAOSNETRA_DATABASE_URL=… chaos run x/experiment.json"


def test_each_page_has_its_line() -> None:
    folder = Path("x")
    found = [*paths(WANTED, folder / "experiment.json", folder / "report.html", folder / PAGE)]
    assert found[:2] == ["report  x/report.html", "search  x/search.html"]


def test_a_slow_start_has_a_longer_limit() -> None:
    assert [limit_for(seconds) for seconds in (0.4, 11.0, 13.0, 40.0)] == [35, 35, 40, 120]


def test_advice_ends_with_a_whole_clause() -> None:
    clause = "what a service could do about it, in so many words that a line is full"
    long = Advice("change it (here; or there)", "; ".join([clause] * 20))
    lines = list(screen(FOUND, [], iter([long, Advice("do it", "it helps")])))
    advice = lines[lines.index("What to change") + 1 :]
    first = " ".join(" ".join(advice[:-1]).split())
    assert first.startswith(f"1. change it (here; or there); {clause}; ")
    assert first.endswith(clause)
    assert len(advice) <= 7
    assert advice[-1] == "2. do it; it helps"
