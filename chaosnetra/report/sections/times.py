"""Times: startups by phase, their distribution, and that of connections."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.report.facts import MachineTook, RunFacts
from chaosnetra.report.markup import Content, element, join
from chaosnetra.report.page import details, figure, notes, table
from chaosnetra.report.plots.distribution import distribution
from chaosnetra.report.plots.phases import longest_work, near, segments_text, waterfall
from chaosnetra.report.plots.scales import number_text, seconds_text
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.sections import Part
from chaosnetra.report.series import Asked, AttemptTimes, StartupTimes
from chaosnetra.text import how_many, not_told

MOST_PROBES = 8
# A startup that took so many times its limit did more than to be ended at it.
WATCHED_ON = 1.1
STARTUP_WORDS = ("ready", "failed", "timed out")
ATTEMPT_WORDS = ("answered", "failed", "given up")


def plots(facts: RunFacts) -> Iterator[Part]:
    """Startups by phase, and how long startups, connections and checkouts took."""
    if facts.startups:
        yield _phases(facts)
        limits = [("limit", limit) for limit in facts.limits]
        yield (
            "How long startups took",
            figure(
                distribution(
                    "Startup times", facts.startups, _medians(facts), STARTUP_WORDS, limits
                ),
                "Seconds until ready. One that was not ready is censored, which means: had it gone "
                "on, it would have taken longer than its mark shows.",
            ),
        )
    for (probe, kind), stages in list(facts.attempts.items())[:MOST_PROBES]:
        slow = facts.slow_after.get((probe, kind))
        yield (
            f"How long {kind} took: {one_visible_line(probe, 100)}",
            figure(
                distribution(
                    f"Times of {kind}",
                    stages,
                    _answered(stages),
                    ATTEMPT_WORDS,
                    [("slow after", slow)] if slow is not None else [],
                ),
                "Seconds until the first query was answered. One that was given up is censored: "
                "its answer would have taken longer than its mark shows; "
                "one that failed by itself has no time to be answered.",
            ),
        )
    if len(facts.attempts) > MOST_PROBES:
        left_out = len(facts.attempts) - MOST_PROBES
        yield "More connections", notes([f"{not_told(left_out, 'probe')}."])


def _phases(facts: RunFacts) -> Part:
    caption = "Each row is a startup, from the start of its process, the fastest first."
    if any(times.listed > len(facts.rows[stage]) for stage, times in facts.startups.items()):
        caption += (
            " Of many, rows are drawn evenly by rank, which is at the left; the table counts all."
        )
    limit = max(facts.limits, default=None)
    given_up = (max(times.given_up, default=0.0) for times in facts.startups.values())
    if limit is not None and max(given_up) > WATCHED_ON * limit:
        caption += " One that is not ready at the limit has failed, and is watched on for a while."
    drawn = near(facts.budgets, facts.rows)
    far = [budget for budget in facts.budgets if budget not in drawn]
    if drawn:
        caption += " Below it is each budget over the work that it bounds."
    if far:
        listed = ", ".join(f"{one.name} {seconds_text(one.seconds)}" for one in far)
        caption += f" Budgets that no startup came near to: {one_visible_line(listed, 400)}."
    plot = waterfall(facts.rows, facts.phases, facts.budgets, facts.limits)
    return "Startups by phase", figure(plot, caption)


def numbers(facts: RunFacts) -> Iterator[Part]:
    """What the plots of `plots` show, as tables, and what the machine took."""
    if facts.startups:
        yield (
            "Startup times",
            _ready_table(facts.startups, _medians(facts)),
            _phase_table(facts.startups, facts.phases) if facts.phases else None,
            _budget_table(facts) if facts.budgets else None,
            details("The rows of the plot", _rows_table(facts.rows)),
        )
    for (probe, kind), stages in list(facts.attempts.items())[:MOST_PROBES]:
        heading = f"Times of {kind}: {one_visible_line(probe, 100)}"
        yield heading, _answer_table(stages, _answered(stages))
    if facts.machine:
        yield "What the machine took", _machine_table(facts.machine)


def _medians(facts: RunFacts) -> dict[Asked, Quantile | None]:
    return {stage: times.ready(0.5) for stage, times in facts.startups.items()}


def _answered(stages: Mapping[Stage, AttemptTimes]) -> dict[Stage, Quantile | None]:
    return {
        stage: times.answered(0.5) if times.complete and times.listed else None
        for stage, times in stages.items()
    }


def quantile_text(found: Quantile | None) -> str:
    """A quantile with its interval, as far as it is known."""
    if found is None or found.value is None:
        return "unknown"
    least = "at least " if found.is_lower_bound else ""
    if found.low is None and found.high is None:
        return f"{least}{seconds_text(found.value)}"
    low = seconds_text(found.low) if found.low is not None else "?"
    high = seconds_text(found.high) if found.high is not None else "?"
    return f"{least}{seconds_text(found.value)} ({low} to {high})"


def _phase_table(stages: Mapping[Asked, StartupTimes], phases: Sequence[str]) -> Markup:
    headers = ["phase", *(stage.when for stage in stages)]
    rows: list[list[Content]] = []
    for phase in phases:
        cells: list[Content] = [phase]
        for times in stages.values():
            if phase not in times.phases:
                cells.append(None)
                continue
            cut = len(times.phases[phase][1])
            found = quantile_text(times.phase(phase, 0.5))
            cells.append(f"{found}; {cut:,} cut short" if cut else found)
        rows.append(cells)
    rows.append(["whole startup", *(quantile_text(times.ready(0.5)) for times in stages.values())])
    return table(
        headers,
        rows,
        "Median seconds of each phase with its 95% interval, as far as so many startups give one.",
    )


def _budget_table(facts: RunFacts) -> Markup:
    scale = facts.time_scale
    rows = [
        (
            budget.name,
            element("span", budget.what, class_="wide"),
            seconds_text(budget.seconds),
            f"{number_text(budget.seconds / scale)} s" if scale else None,
            seconds_text(took) if (took := longest_work(budget, facts.rows)) else None,
            how_many(budget.expired, "startup") if budget.expired else "never",
        )
        for budget in facts.budgets
    ]
    headers = (
        *("budget", "bounds", "as enforced", "at time scale 1"),
        *("the work took, at most", "ran out in"),
    )
    return table(headers, rows, "Budgets, and the longest work inside each of the startups drawn.")


def _machine_table(found: Sequence[MachineTook]) -> Markup:
    rows = [
        (
            f"{one.probe}, {one.stage.when}",
            f"{one.cores:,}",
            seconds_text(one.own_seconds),
            seconds_text(one.share_seconds),
            seconds_text(one.own_seconds - one.share_seconds),
        )
        for one in found[:MOST_PROBES]
    ]
    return table(
        ("launch", "cores", "own time", "of it, waiting for a core", "alone, at most"),
        rows,
        "Medians of the startups of a launch: startups at once wait for each other's cores, and "
        "for other work on the machine. That time is not the fault's.",
    )


def _rows_table(rows: Mapping[Asked, Sequence[tuple[int, Startup]]]) -> Markup:
    return table(
        ("when", "rank", "number", "ended", "after", "phases"),
        [
            (
                stage.when,
                f"{rank:,}",
                f"{startup.number}",
                one_visible_line(startup.status, 40).replace("_", " "),
                seconds_text(startup.seconds),
                element("span", segments_text(startup), class_="wide"),
            )
            for stage, found in rows.items()
            for rank, startup in found
        ],
    )


def _ready_table(
    stages: Mapping[Asked, StartupTimes], medians: Mapping[Asked, Quantile | None]
) -> Markup:
    rows = [
        (
            stage.when,
            f"{times.listed:,}",
            f"{len(times.seen):,}",
            f"{len(times.failed):,}",
            f"{len(times.given_up):,}",
            quantile_text(medians[stage]),
            quantile_text(times.ready(0.95)),
            seconds_text(max(times.seen)) if times.seen else None,
        )
        for stage, times in stages.items()
    ]
    return table(
        ("when", "startups", *STARTUP_WORDS, "median (95%)", "95th percentile (95%)",
         "slowest ready"),
        rows,
    )  # fmt: skip


def _answer_table(
    stages: Mapping[Stage, AttemptTimes], medians: Mapping[Stage, Quantile | None]
) -> Markup:
    rows = []
    for stage, times in stages.items():
        outcomes = ", ".join(
            f"{count:,} {outcome.replace('_', ' ')}"
            for outcome, count in times.outcomes.most_common(12)
        )
        high = times.answered(0.95) if times.complete and times.listed else None
        rows.append(
            (
                stage.when,
                f"{max(times.attempts, times.listed):,}",
                element("span", outcomes, class_="wide"),
                quantile_text(medians[stage]) if times.complete else _told(times, "p50"),
                quantile_text(high) if times.complete else _told(times, "p95"),
                _told(times, "max"),
            )
        )
    headers = (
        *("when", "attempts", "listed"),
        *("median (95%)", "95th percentile (95%)", "longest wait"),
    )
    if all(times.complete for times in stages.values()):
        return table(headers, rows)
    remark = (
        "The journal lists only some of the attempts, failed ones first; quantiles are then what "
        "the probe counted of all."
    )
    return join((table(headers, rows), notes([remark])))


def _told(times: AttemptTimes, name: str) -> str:
    if times.checks != 1 or name not in times.told:
        return "unknown"
    seconds, is_bound = times.told[name]
    return f"{'at least ' if is_bound else ''}{seconds_text(seconds)}"
