"""Reports on searches: HTML with the response curve, and Markdown."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from markupsafe import Markup

from chaosnetra import __version__
from chaosnetra.errors import InvalidInput
from chaosnetra.report.markup import Content, element
from chaosnetra.report.page import (
    details,
    document,
    facts_list,
    figure,
    link_target,
    notes,
    section,
    table,
)
from chaosnetra.report.plots.frontier import Spot, Strip, frontier_plot
from chaosnetra.report.plots.response import Band, Curve, Tried, response_plot
from chaosnetra.report.plots.scales import Scale, number_text, seconds_text
from chaosnetra.report.plots.start_times import start_times_plot
from chaosnetra.report.structure_markdown import safe
from chaosnetra.search.conclusion import Conclusion, response_of
from chaosnetra.search.frontier import Frontier, Map, place_of
from chaosnetra.search.judging import judged
from chaosnetra.search.record import Axis, Search, SearchTrial
from chaosnetra.search.span import Span
from chaosnetra.search.start_times import against, start_times
from chaosnetra.search.telling import (
    broken_alike,
    map_notes,
    map_rows,
    model_text,
    shown,
    summary,
)
from chaosnetra.text import how_many

# Makes of the path of a trial's journal, seen from the search's folder, what leads there.
Link = Callable[[str], Content]
POINTS = 80
HEADERS = ("trial", "value", "in place", "outcome", "failed", "breaks first", "seconds", "journal")
FOOTER = f"Made by chaosnetra {__version__} from the journals of searches alone."


def search_report(path: Path, files: Sequence[Path] = ()) -> Callable[[Sequence[Search]], str]:
    """What writes a report on searches in the format that a file's ending names.

    Args:
        path: of the report.
        files: that hold the searches: a page links the journals of trials, which lie beside them.

    Raises:
        InvalidInput: there is none for searches.
    """
    links = [partial(_link, path.parent, file.parent) for file in files]
    formats: dict[str, Callable[[Sequence[Search]], str]] = {
        ".html": partial(html_page, links=links),
        ".md": markdown_text,
    }
    found = formats.get(path.suffix.lower())
    if found is None:
        raise InvalidInput(
            f"{path}: there is no such report on a search; give a file that ends in "
            f"{', '.join(formats)}"
        )
    return found


def html_page(searches: Sequence[Search], links: Sequence[Link] = ()) -> str:
    """One page on some searches; each of `links` is for the journals of one."""
    parts: list[Content] = []
    for search, link in zip(searches, links or [str] * len(searches), strict=True):
        content = _section(search, link)
        heading = search.title or search.experiment
        parts += list(content) if len(searches) == 1 else [section(heading, *content)]
    title = searches[0].title or searches[0].experiment
    if len(searches) != 1:
        title = how_many(len(searches), "search", "searches")
    return document(title, *parts, footer=FOOTER)


def _link(page: Path, folder: Path, journal: str) -> Content:
    target = link_target(folder / journal, page)
    return journal if target is None else element("a", journal, href=target)


def _section(search: Search, link: Link) -> list[Content]:
    conclusion = judged(search)
    rows_of_map: list[tuple[str, ...]] = []
    if isinstance(conclusion, Frontier):
        drawn = map_of(search, conclusion)
        shows = (
            "Where the steady state holds, and where it is violated; between them nothing is known."
        )
        first, *rest = map_notes(search, conclusion)
        rows_of_map = map_rows(search, conclusion)
    else:
        drawn = response_plot(curve_of(search, conclusion))
        shows = f"Share of attempts that fail, by {search.key}."
        first, *rest = summary(search, conclusion).splitlines()
    second = search.second
    rows = [
        (
            trial.number,
            shown(trial.value),
            shown(trial.applied if trial.second is None else trial.second),
            trial.outcome,
            f"{trial.failures} of {trial.attempts}" if trial.counts else "",
            trial.breaks_first or ("" if trial.counts else trial.line),
            f"{trial.seconds:.1f}",
            link(trial.journal) if trial.journal else None,
        )
        for trial in search.trials
    ]
    facts: list[tuple[str, Content]] = [
        ("varied", f"{search.key} ({search.feeds})"),
        ("span", f"{shown(search.span.lower)} to {shown(search.span.upper)}"),
        *(
            []
            if second is None
            else [
                ("varied with it", f"{second.key} ({second.feeds})"),
                ("its span", f"{shown(second.span.lower)} to {shown(second.span.upper)}"),
            ]
        ),
        ("profile", search.profile),
        ("target", search.target),
        ("time scale", search.time_scale and number_text(search.time_scale)),
        ("seed", search.seed),
        ("version", search.chaosnetra),
    ]
    return [
        element("div", element("p", element("strong", first)), class_="verdict"),
        figure(drawn, shows, notes(map(str.strip, rest))),
        *([table(rows_of_map[0], rows_of_map[1:], "The map")] if rows_of_map else []),
        details(
            how_many(len(rows), "trial"),
            table(HEADERS if second is None else _map_headers(search, second), rows, "Trials"),
        ),
        *_start_times(search),
        section("How it was searched", facts_list(facts)),
    ]


def _start_times(search: Search) -> list[Content]:
    """The model against what was measured, where both are known."""
    times = start_times(search)
    if times is None:
        return []
    rows = [
        (
            shown(one.value),
            seconds_text(one.predicted_seconds),
            seconds_text(median(one.measured_seconds)),
            _range(one.measured_seconds),
            _off_by(one.off_by),
            len(one.measured_seconds),
        )
        for one in against(search)
    ]
    headers = (search.key, "predicted", "median", "shortest to longest", "off by", "startups")
    return [
        section(
            "What a start takes",
            figure(
                start_times_plot(times), f"Time until ready, by {search.key}: {model_text(search)}."
            ),
            table(headers, rows, "The model against startups that were ready"),
        )
    ]


def _range(seconds: Sequence[float]) -> str:
    """The first and the last of some times in order; once, where they are as good as one."""
    return " to ".join(dict.fromkeys(map(seconds_text, (seconds[0], seconds[-1]))))


def _off_by(share: float) -> str:
    text = f"{share:+.0%}"
    return text if text[1:] != "0%" else "0%"


def markdown_text(searches: Sequence[Search]) -> str:
    """The same for a pull request, short."""
    lines: list[str] = []
    for search in searches:
        conclusion = judged(search)
        first, *rest = summary(search, conclusion).splitlines()
        rows: list[tuple[str, ...]] = []
        if isinstance(conclusion, Frontier):
            first, *rest = map_notes(search, conclusion)
            rows = map_rows(search, conclusion)
        lines += [
            f"## {safe(search.title or search.experiment)}",
            "",
            f"**{safe(first, 600)}**",
            "",
        ]
        lines += [f"- {safe(line.strip(), 400)}" for line in rest]
        for number, row in enumerate(rows):
            lines += [""] if number == 0 else []
            lines.append(f"| {' | '.join(map(safe, row))} |")
            lines += [f"|{' --- |' * len(row)}"] if number == 0 else []
        lines += ["", "| trial | value | outcome | failed | breaks first |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {trial.number} | {_places(trial)} | {trial.outcome} | "
            f"{trial.failures} of {trial.attempts} | {safe(trial.breaks_first or '')} |"
            for trial in search.trials
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _map_headers(search: Search, second: Axis) -> tuple[str, ...]:
    return HEADERS[0], search.key, second.key, *HEADERS[3:]


def _places(trial: SearchTrial) -> str:
    if trial.second is None:
        return shown(trial.applied)
    return f"{shown(trial.value)}, {shown(trial.second)}"


def map_of(search: Search, found: Frontier) -> Markup:
    """The plot of a search over two keys."""
    first, second = Map(search).axes
    columns = sorted(found.columns, key=lambda column: column.value)
    strips = []
    for column, next_one in pairwise(columns):
        # Between two values is known what both say.
        held = _held_in_both(second.span, column.holds_to, next_one.holds_to)
        violated = _violated_in_both(second.span, column.violated_from, next_one.violated_from)
        strips.append(
            Strip(
                column.value,
                next_one.value,
                None if held is None else _in_order(second.span.easy, held),
                None if violated is None else _in_order(violated, second.span.hard),
            )
        )
    return frontier_plot(
        (first.key, second.key),
        (_scale(first), _scale(second)),
        strips,
        [
            Spot(*place_of(trial), trial.violated, f"{_places(trial)}: {trial.outcome}")
            for trial in search.counted
        ],
    )


def _scale(axis: Axis) -> Scale:
    span = axis.span
    return Scale(span.lower, span.upper, span.is_logarithmic, span.whole)


def _held_in_both(span: Span, one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else min(one, other, key=span.hardness)


def _violated_in_both(span: Span, one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other, key=span.hardness)


def _in_order(one: float, other: float) -> tuple[float, float]:
    return min(one, other), max(one, other)


def curve_of(search: Search, conclusion: Conclusion) -> Curve:
    """What the plot of a search shows."""
    span, response = search.oriented, response_of(search)
    values = sorted(
        {span.lower + (span.upper - span.lower) * number / POINTS for number in range(POINTS + 1)}
        if not span.is_logarithmic
        else {span.value(number / POINTS) for number in range(POINTS + 1)}
    )
    point, forecast = conclusion.point, search.standing_forecast
    whole = None
    if point is not None and point.value is not None:
        low = span.lower if point.low is None else point.low
        high = span.upper if point.high is None else point.high
        whole = (low, point.value, high)
    return Curve(
        search.key,
        span.lower,
        span.upper,
        span.is_logarithmic,
        list(zip(values, response.failing_at(values), strict=True)),
        [
            Tried(
                trial.applied,
                trial.failures / trial.attempts,
                trial.violated,
                f"{shown(trial.applied)}: {trial.outcome}",
            )
            for trial in search.counted
        ],
        whole,
        search.operating_point,
        forecast.value if forecast is not None else None,
        _bands(search),
    )


def _bands(search: Search) -> list[Band]:
    return [
        Band(sorted(values), f"{reason}, {where}") for values, where, reason in broken_alike(search)
    ]
