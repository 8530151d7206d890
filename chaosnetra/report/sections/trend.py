"""How an experiment went on from run to run."""

from collections.abc import Iterator, Sequence

from chaosnetra.evidence.statistics.quantiles import Quantile
from chaosnetra.evidence.verdict.bounds import ProvenBound, at_least, at_most
from chaosnetra.report.plots.scales import seconds_text, share_text
from chaosnetra.report.plots.trend import trend_plot
from chaosnetra.report.sections.times import quantile_text
from chaosnetra.report.structure import Cell, Link, Plot, Section, Text, Verdict, table
from chaosnetra.report.trend import TrendRun
from chaosnetra.text import how_many, were

MOST_ROWS = 400


def trend(
    runs: Sequence[TrendRun], whole: frozenset[int] | None = None, most_rows: int = MOST_ROWS
) -> Section:
    """The section on one experiment.

    Args:
        runs: of it, in order.
        whole: numbers of those that the report tells all of, and can be led to; None: of all,
            and it has no links.
        most_rows: of the table, which has the last runs.
    """
    last, before = runs[-1], runs[-2]
    caption = f"{how_many(len(runs), 'run')}, the last {last.outcome.value}, the one before it "
    caption += f"{before.outcome.value}."
    shown = runs[-most_rows:]
    headers = (
        *("run", "verdict", "commit", "profile", "median before (95%)"),
        *("median under the fault (95%)", "slowest, of its limit", "failed", "proven with 95%"),
    )
    told = frozenset(run.number for run in runs) if whole is None else whole
    notes = []
    if len(runs) > len(shown):
        earlier = len(runs) - len(shown)
        notes.append(Text(f"{how_many(earlier, 'earlier run')} {were(earlier)} left out."))
    if left_out := sum(run.number not in told for run in shown):
        which = how_many(left_out, "earlier run")
        whose = "its journal" if left_out == 1 else "their journals"
        notes.append(Text(f"Of {which} only this is told; report on {whose} for the rest."))
    return Section(
        f"Trend: {last.title}",
        (
            Plot("Run by run", caption, trend_plot(runs)),
            *table(headers, _rows(list(reversed(shown)), whole or frozenset())),
            *notes,
        ),
    )


def _rows(runs: Sequence[TrendRun], whole: frozenset[int]) -> Iterator[Sequence[Cell]]:
    """The last first."""
    for run in runs:
        yield (
            Link(run.day, f"#run-{run.number}") if run.number in whole else run.day,
            Verdict(run.outcome.value, ""),
            run.commit,
            run.profile,
            _median(run.before),
            _median(run.under),
            _margin(run),
            None if run.proof is None else f"{run.proof.failures:,} of {run.proof.trials:,}",
            None if run.proof is None else _proven(run.proof),
        )


def _median(median: Quantile | None) -> str | None:
    return None if median is None else quantile_text(median)


def _margin(run: TrendRun) -> str | None:
    if run.slowest is None or run.limit is None or run.margin is None:
        return None
    text = f"{seconds_text(run.slowest)} of {seconds_text(run.limit)}"
    return f"{text}: {share_text(run.margin)} left"


def _proven(proof: ProvenBound) -> str:
    low, high = proof.failure_rate_bounds
    proven = at_least(low) if proof.failures == proof.trials else at_most(high)
    most = proof.max_failure_rate
    return proven if most is None else f"{proven}; {share_text(most)} allowed"
