"""Failure rates with their intervals, against what the steady state allows."""

from collections.abc import Sequence

from markupsafe import Markup

from chaosnetra.report.claims import Claim
from chaosnetra.report.plots.frame import (
    AXIS_HEIGHT,
    legend,
    line,
    line_swatch,
    mark,
    mark_swatch,
    plot,
    text,
    x_axis,
)
from chaosnetra.report.plots.scales import Scale, share_text
from chaosnetra.report.safe_text import shortened

ROW = 42
MOST_ROWS = 30


def rates(claims: Sequence[Claim]) -> Markup:
    """The plot of the claims that count trials; of very many the first."""
    found = [claim for claim in claims if claim.trials][:MOST_ROWS]
    across = Scale(0.0, 1.0)
    parts, y = [], 4.0
    for claim in found:
        parts.append(_row(claim, across, y))
        y += ROW
    description = "; ".join(
        f"{shortened(claim.probe, 60)} {claim.stage.when}: {claim.failures} of "
        f"{claim.trials} failed"
        for claim in found
    )
    entries = [
        (mark_swatch("ready"), "share that failed, held"),
        (mark_swatch("failed"), "share that failed, not held"),
        (line_swatch("interval"), "95% interval (Wilson)"),
        (line_swatch("expired"), "allowed at most"),
    ]
    drawn = plot(
        "Failure rates against what is allowed",
        description,
        y + AXIS_HEIGHT,
        x_axis(across, 0, y, share_text),
        *parts,
    )
    return Markup("").join([legend(entries), drawn])


def _row(claim: Claim, across: Scale, y: float) -> Markup:
    name = f"{shortened(claim.probe, 26)}, {claim.stage.when}"
    parts = [text("0%", y + 12, name)]
    middle = y + 28
    interval, rate = claim.wilson, claim.rate
    if interval is not None and rate is not None:
        low, high = across.percent(interval.low), across.percent(interval.high)
        parts.append(line(low, middle, high, middle, "interval"))
        parts += [line(x, middle - 4, x, middle + 4, "interval") for x in (low, high)]
        parts.append(
            mark("failed" if claim.held is False else "ready", across.percent(rate), middle)
        )
    if claim.limit is not None:
        x = across.percent(claim.limit)
        parts.append(line(x, middle - 11, x, middle + 9, "expired"))
    return Markup("").join(parts)
