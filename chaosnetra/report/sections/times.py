"""Times: startups by phase, their distribution, and that of connections."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.report.budgets import Budget
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.markup import Content, element, join
from chaosnetra.report.page import details, figure, notes, table
from chaosnetra.report.plots.distribution import distribution
from chaosnetra.report.plots.phases import near, segments_text, waterfall
from chaosnetra.report.plots.scales import number_text, seconds_text
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.sections import Part
from chaosnetra.report.series import AttemptTimes, StartupTimes

MOST_PROBES = 8
STARTUP_WORDS = ("ready", "failed", "timed out")
ATTEMPT_WORDS = ("answered", "failed", "given up")


def startups(facts: RunFacts) -> Iterator[Part]:
    """Both plots of startups, where there are any."""
    if not facts.startups:
        return
    left_out = {
        stage: times.listed - len(facts.rows[stage])
        for stage, times in facts.startups.items()
        if times.listed > len(facts.rows[stage])
    }
    caption = "Each row is a startup, from the start of its process, the fastest first."
    if left_out:
        caption += (
            " Of many, rows are drawn evenly by rank, which is at the left; the table counts all."
        )
    drawn = near(facts.budgets, facts.rows)
    far = [budget for budget in facts.budgets if budget not in drawn]
    if far:
        listed = ", ".join(f"{one.name} {seconds_text(one.seconds)}" for one in far)
        caption += f" Budgets beyond the plot: {one_visible_line(listed, 400)}."
    yield (
        "Startups by phase",
        figure(
            waterfall(facts.rows, facts.phases, facts.budgets, facts.limits),
            caption,
            _phase_table(facts.startups, facts.phases),
            _budget_table(facts.budgets, facts.time_scale) if facts.budgets else None,
            details("Numbers: the rows of the plot", _rows_table(facts.rows)),
        ),
    )
    medians = {stage: times.ready(0.5) for stage, times in facts.startups.items()}
    yield (
        "How long startups took",
        figure(
            distribution(
                "Startup times", facts.startups, medians, STARTUP_WORDS,
                [("limit", limit) for limit in facts.limits],
            ),
            "Seconds until ready. One that was not ready is censored: had it gone on, it would "
            "have taken longer than its mark shows.",
            _ready_table(facts.startups, medians),
        ),
    )  # fmt: skip


def connections(facts: RunFacts) -> Iterator[Part]:
    """Distribution of the times of each probe that tries connections."""
    for (probe, kind), stages in list(facts.attempts.items())[:MOST_PROBES]:
        medians = {
            stage: times.answered(0.5) if times.complete and times.listed else None
            for stage, times in stages.items()
        }
        slow = facts.slow_after.get((probe, kind))
        yield (
            f"How long {kind} took: {one_visible_line(probe, 100)}",
            figure(
                distribution(
                    f"Times of {kind}",
                    stages,
                    medians,
                    ATTEMPT_WORDS,
                    [("slow after", slow)] if slow is not None else [],
                ),
                "Seconds until the first query was answered. One that was given up is censored; "
                "one that failed by itself has no time to be answered.",
                _answer_table(stages, medians),
            ),
        )
    if len(facts.attempts) > MOST_PROBES:
        left_out = len(facts.attempts) - MOST_PROBES
        yield "More connections", notes([f"{left_out:,} more probes are left out."])


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


def _phase_table(stages: Mapping[Stage, StartupTimes], phases: Sequence[str]) -> Markup:
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


def _budget_table(budgets: Sequence[Budget], time_scale: float | None) -> Markup:
    rows = [
        (
            budget.name,
            budget.phase,
            seconds_text(budget.seconds),
            f"{number_text(budget.seconds / time_scale)} s" if time_scale else None,
            f"{budget.expired:,} startups" if budget.expired else "never",
        )
        for budget in budgets
    ]
    headers = ("budget", "within phase", "as enforced", "at time scale 1", "ran out in")
    return details("Numbers: budgets", table(headers, rows), open_=False)


def _rows_table(rows: Mapping[Stage, Sequence[tuple[int, Startup]]]) -> Markup:
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


def _ready_table(stages: Mapping[Stage, StartupTimes], medians: Mapping[Stage, Quantile]) -> Markup:
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
