"""Failure rates with their intervals, against what the steady state allows."""

from collections.abc import Sequence

from markupsafe import Markup

from chaosnetra.report.claims import Claim
from chaosnetra.report.markup import join
from chaosnetra.report.plots import frame
from chaosnetra.report.plots.scales import Scale, share_text
from chaosnetra.report.safe_text import shortened, without_middle

ROW = 42
MOST_ROWS = 30
LONGEST_NAME = 26


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
    kinds = {_kind(claim) for claim in found}
    words = {"ready": "share that failed, held", "failed": "share that failed, not held"}
    entries = [(frame.mark_swatch(kind), word) for kind, word in words.items() if kind in kinds]
    entries.append((frame.line_swatch("interval"), "95% interval (Wilson)"))
    if any(claim.limit is not None for claim in found):
        entries.append((frame.line_swatch("expired"), "allowed at most"))
    return frame.plot(
        "Failure rates against what is allowed",
        description,
        y + frame.AXIS_HEIGHT,
        frame.x_axis(across, 0, y, share_text),
        *parts,
        signs=entries,
    )


def _row(claim: Claim, across: Scale, y: float) -> Markup:
    name = f"{without_middle(claim.probe, LONGEST_NAME)}, {claim.stage.when}"
    parts = [frame.text("0%", y + 12, name)]
    middle = y + 28
    interval, rate = claim.wilson, claim.rate
    if interval is not None and rate is not None:
        low, high = across.percent(interval.low), across.percent(interval.high)
        parts.append(frame.line(low, middle, high, middle, "interval"))
        ends = (interval.low, interval.high)
        parts += [frame.upright(across, end, middle - 4, middle + 4, "interval") for end in ends]
        parts.append(frame.mark(_kind(claim), across.percent(rate), middle))
    if claim.limit is not None:
        parts.append(frame.upright(across, claim.limit, middle - 11, middle + 9, "expired"))
    return join(parts)


def _kind(claim: Claim) -> str:
    return "failed" if claim.held is False else "ready"
