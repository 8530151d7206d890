"""A try as a screen of text: at most 80 columns, and nothing but text."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from re import finditer
from textwrap import wrap

from chaosnetra.text import cut, how_many, one_line
from chaosnetra.trying.conduct import Found, Wanted, shown_command
from chaosnetra.trying.experiment import REFUSED, SILENT, SLOW
from chaosnetra.trying.given import BY_OPTION, places_of_address
from chaosnetra.trying.results import Advice, StageResult

WIDTH = 80
INDENT = "    "
NAME = 18
MOST_ADVICE = 3
MOST_LINES_OF_ADVICE = 6


def guesses(wanted: Wanted, found: Found) -> Iterator[str]:
    """What was found or guessed, each with the option that says it better."""
    sight, guess = found.sight, found.guess
    yield cut(one_line(shown_command(wanted.words)), WIDTH)
    yield from _told("ready by", str(sight.readiness), "--ready")
    if sight.own_port is not None:
        yield from _told("its port", f"{sight.own_port}, not the one it was given", "--port")
    places = places_of_address(
        wanted.words, wanted.config_template, guess.environment, guess.named_in
    )
    yield from _told("database in", places, "--database-variable")
    trips = sight.seen.serial_round_trips
    used, option = f"{how_many(trips, 'round trip')} one after the other until it was ready", ""
    if not trips:
        used = f"{how_many(sight.page_round_trips, 'round trip')} of that page, none before"
    elif sight.is_used_late:
        used = f"{how_many(trips, 'round trip')}, none before it was ready: name a later sign"
        option = "--ready"
    yield from _told("it used it", used, option)
    for one in found.corrections:
        if not one.holds_in(guess.environment):
            continue
        yield from _told("given", f"{one.change}, as it said {one.said!r}", "")
    for name, text in guess.environment.items():
        if name in guess.named_in and guess.named_in[name] != BY_OPTION and "{" not in text:
            yield from _told("given", f"{name}={text} ({guess.named_in[name]})", "--environment")
    if guess.prepare_command:
        where = f" ({guess.prepare_from})" if guess.prepare_from else ""
        yield from _told("tables by", f"{guess.prepare_command}{where}", "--first")
    if guess.python and wanted.is_import_path:
        yield from _told("python", guess.python, "--python")


def screen(found: Found, stages: Sequence[StageResult], advice: Iterator[Advice]) -> Iterator[str]:
    """What it did in each stage, and what to change."""
    yield f"{'':<{NAME}}{'ready':<12}{'seconds':>9}{'round trips':>14}"
    for stage in stages:
        yield from _stage(stage, found.tried.latency_ms, found.limit_seconds)
    chosen = list(islice(advice, MOST_ADVICE))
    if chosen:
        yield ""
        yield "What to change"
    for number, one in enumerate(chosen, 1):
        yield from _whole_clauses(f"{number}. {one_line(one.change)}; {one_line(one.reason)}")


def paths(
    wanted: Wanted, experiment: Path, report: Path | None, search: Path | None = None
) -> Iterator[str]:
    """Where everything lies, and how to try it again."""
    if report is not None:
        yield f"report  {report}"
    if search is not None:
        yield f"search  {search}"
    names = ["CHAOSNETRA_DATABASE_URL"] if wanted.database_url else []
    given = "".join(f"{name}=… " for name in (*names, *wanted.exported))
    yield f"again   {given}chaos run {experiment}"
    yield f"keep    chaosnetra init --from-try {experiment.parent}"


def _stage(stage: StageResult, latency_ms: int, limit_seconds: float) -> Iterator[str]:
    names = {
        SLOW: f"{latency_ms} ms more",
        REFUSED: "database refused",
        SILENT: "database silent",
    }
    name = names.get(stage.probe, "clean again" if stage.is_again else "clean")
    if not stage.startups:
        yield f"{name:<{NAME}}not tried"
        return
    trips = stage.round_trips
    is_over = stage.timed_out == len(stage.startups)
    seconds = f"> {limit_seconds:g}" if is_over else f"{stage.seconds:.2f}"
    yield (
        f"{name:<{NAME}}{_ready(stage):<12}{seconds:>9}{'?' if trips is None else trips:>14}"
    ).rstrip()
    for line in dict.fromkeys((stage.why_not, stage.went_on, *stage.own_limits)):
        if line:
            yield from _wrapped(f"{INDENT}{one_line(line)}", INDENT)


def _ready(stage: StageResult) -> str:
    count = len(stage.startups)
    if stage.degraded:
        return "without it" if stage.degraded == count else f"{stage.degraded} without"
    if stage.ready in (0, count):
        return "yes" if stage.ready else "no"
    return f"{stage.ready} of {count}"


def _told(name: str, text: str, option: str) -> Iterator[str]:
    yield from _wrapped(
        f"  {name:<12}{one_line(text)}{f'  [{option}]' if option else ''}", " " * 14
    )


def _whole_clauses(text: str) -> Iterator[str]:
    """A piece of advice on few lines: clauses at its end that do not fit are left out whole."""
    indent = "   "
    ends = [match.start() for match in finditer("; ", text)]
    whole = [text[:end] for end in ends if text.count("(", 0, end) == text.count(")", 0, end)]
    for one in (text, *reversed(whole)):
        lines = wrap(one, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        if len(lines) <= MOST_LINES_OF_ADVICE:
            break
    yield from lines


def _wrapped(text: str, indent: str) -> Iterator[str]:
    yield from wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
