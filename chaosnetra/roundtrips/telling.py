"""A finding as a screen of text."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from chaosnetra.roundtrips.finding import ASKED_SECONDS, Finding
from chaosnetra.roundtrips.fitting import Check
from chaosnetra.roundtrips.shares import Share, by_statement
from chaosnetra.text import cut, one_line

WIDTH = 80
NAME = 36
COLUMN = 11
INDENT = "    "
MOST_LINES = 3


def screen(finding: Finding, operating_seconds: float) -> str:
    """At most some 25 lines of 80 columns.

    Args:
        finding: to tell.
        operating_seconds: what the path that it is to run on adds to each round trip; 0: the one
            that was measured.
    """
    model, seen = finding.model, finding.plain.seen
    least = "" if seen.complete else "at least "
    trips = int(model.serial)
    lines = [
        cut(one_line(finding.target), WIDTH),
        cut(finding.state.text, WIDTH),
        f"seconds = {model.own_seconds:.2f} own + {least}{_trips(trips)} x latency",
        "",
        *_table(finding, operating_seconds),
        "",
        *_checks(finding),
    ]
    return "\n".join(lines)


def _table(finding: Finding, operating_seconds: float) -> Iterator[str]:
    model, seen = finding.model, finding.plain.seen
    added = (operating_seconds, *ASKED_SECONDS)
    here = f"+{1000 * operating_seconds:g} ms" if operating_seconds else "as here"
    yield _row("", "round trips", here, *(f"+{1000 * one:g} ms" for one in ASKED_SECONDS))
    whole = [_seconds(model.predicted_seconds(one)) for one in added]
    yield _row("a start", str(int(model.serial)), *whole)
    each = [finding.saved_seconds(one) for one in added]
    for share in by_statement(seen):
        yield _share(share, each)
    beside = seen.round_trips - int(model.serial)
    if beside > 0:
        yield f"{INDENT}(of these {beside} beside others, so they cost no time)"
    if finding.phases:
        yield "  by phase"
        for share in finding.phases:
            yield _share(share, each)
    yield _row("one round trip less saves", "1", *map(_seconds, each))


def _share(share: Share, each: Sequence[float]) -> str:
    seconds = [_seconds(share.round_trips * one) for one in each]
    return _row(f"{INDENT}{share.name}", str(share.round_trips), *seconds)


def _row(name: str, *cells: str) -> str:
    return (cut(name, NAME).ljust(NAME) + "".join(cell.rjust(COLUMN) for cell in cells)).rstrip()


def _checks(finding: Finding) -> Iterator[str]:
    for check in finding.checks:
        yield from _check(check)
    if finding.is_recounted:
        yield from _wrapped(
            "Round trips were counted under latency: it uses several connections at the same time.",
            "",
        )
    if finding.uneven:
        counts = ", then ".join(map(str, finding.uneven))
        yield from _wrapped(
            f"without latency it made {counts} round trips: the last start counts", ""
        )
    yield from _wrapped(_conclusion(finding), "")
    count = finding.plain.seen.connection_count
    yield (
        f"On a network {'each' if count > 1 else 'its'} new connection takes one round trip more, "
        "for TCP."
    )


def _conclusion(finding: Finding) -> str:
    if finding.fits is None:
        return "The model could not be checked: it was not ready under any latency."
    if not finding.fits:
        return "The model does not fit: do not predict with it."
    ready = [one.start.added_seconds for one in finding.checks if one.start.is_ready]
    if len(ready) == len(finding.checks):
        return "The model fits."
    return (
        f"The model fits up to {1000 * max(ready):.0f} ms. Above it was not ready: a limit of its "
        "own, or its time, ran out."
    )


def _check(check: Check) -> Iterator[str]:
    under = f"under {1000 * check.start.added_seconds:.0f} ms"
    prediction, seen = check.prediction, check.start.seen
    if prediction is None:
        yield from _wrapped(f"{under}: not ready: {one_line(check.start.why_not_ready)}", INDENT)
    else:
        yield (
            f"{under}: {prediction.predicted_seconds:.2f} s predicted, "
            f"{prediction.measured_seconds:.2f} s measured ({prediction.off_by:+.0%}), "
            f"{_trips(seen.serial_round_trips)}"
        )
        if check.fits and not prediction.fits:
            yield f"{INDENT}its own time was {seen.own_seconds:.2f} s there"
    for why in check.why:
        yield from _wrapped(f"{INDENT}{why}", INDENT)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """At most three lines; the second and the third are indented."""
    yield from wrap(text, WIDTH, subsequent_indent=indent, max_lines=MOST_LINES, placeholder=" …")


def _trips(count: int) -> str:
    return f"{count} round trip{'' if count == 1 else 's'}"


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
