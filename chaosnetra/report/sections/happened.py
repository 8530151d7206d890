"""What broke and when: the whole run on one axis, and each thing that happened."""

from collections.abc import Iterator, Sequence

from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.report.claims import Claim
from chaosnetra.report.facts import RunFacts
from chaosnetra.report.happened import Moment
from chaosnetra.report.plots.run import run_plot
from chaosnetra.report.plots.scales import seconds_text
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.structure import Content, Long, Plot, Section, Text, table
from chaosnetra.text import effect_text, not_told

MOST_MOMENTS = 60
LONGEST_TEXT = 400
_SIGNS = {True: "✓ ", False: "✗ ", None: ""}


def happened(facts: RunFacts) -> Section:
    """The section; its heading names what the run showed."""
    broke = facts.verdict.outcome is Outcome.VIOLATED or bool(facts.violations)
    heading = "What broke, and when" if broke else "What happened, and when"
    idle = facts.verdict.cause in (Cause.REFUSED, Cause.DRY)
    none = "Nothing was carried out." if idle else "The journal does not say when."
    return Section(heading, tuple(_content(facts)), none)


def _content(facts: RunFacts) -> Iterator[Content]:
    drawn = run_plot(facts)
    if drawn is not None:
        caption = "Checks, faults, what was tried and what failed, in seconds since the run began."
        yield Plot("The whole run", caption, drawn)
    found = moments(facts)
    yield from table(
        ("at", "what", "which"),
        [_row(moment) for moment in _shown(found)],
    )
    left_out = len(found) - MOST_MOMENTS
    if left_out > 0:
        yield Text(f"{not_told(left_out, 'moment')}; what failed is told first.")


def _row(moment: Moment) -> tuple[str, str, Long]:
    text = one_visible_line(moment.text, LONGEST_TEXT)
    what = one_visible_line(moment.what, 100)
    return f"{moment.at:.2f} s", f"{_SIGNS[moment.good]}{what}", Long(text)


def _shown(found: list[Moment]) -> list[Moment]:
    """Of too many those that failed, then the first of the others."""
    if len(found) <= MOST_MOMENTS:
        return found
    order = sorted(range(len(found)), key=lambda index: found[index].good is not False)
    return [found[index] for index in sorted(order[:MOST_MOMENTS])]


def moments(facts: RunFacts) -> list[Moment]:
    """Everything that happened, in order.

    Of checks that follow each other with the same answer, the first is told.
    """
    found = [*facts.failed_activities]
    for placed in facts.faults:
        effect = placed.fault.effect
        if effect is None:
            continue
        if placed.lets_pass_again:
            if placed.start is not None:
                found.append(Moment(placed.start, "undone", placed.name))
            continue
        if placed.start is not None:
            is_good = None if effect.get("in_effect") is True else False
            what = "fault in place" if is_good is None else "fault without its effect"
            found.append(
                Moment(placed.start, what, f"{placed.name}: {effect_text(effect)}", is_good)
            )
        if placed.end is not None:
            how = "" if placed.fault.undo in ("done", None) else f": {placed.fault.undo}"
            found.append(Moment(placed.end, "fault undone", f"{placed.name}{how}"))
    for launch in facts.launches:
        if launch.start is not None and launch.first_bad is not None:
            at, text = launch.first_bad
            which = f"{launch.kind.removesuffix('s')} after {seconds_text(at)}"
            # Some may fail, and of some services startups are to fail.
            is_good = None if launch.held else False
            found.append(Moment(launch.start + at, f"first failed {which}", text, is_good))
    found += _answers(facts.claims)
    return sorted(found, key=lambda moment: moment.at)


def _answers(claims: Sequence[Claim]) -> Iterator[Moment]:
    """What checks answered, where it differs from what they answered before."""
    last: dict[tuple[Stage, str], bool | None] = {}
    for claim in claims:
        key = (claim.stage, claim.probe)
        if claim.at is None or (key in last and last[key] is claim.held):
            continue
        last[key] = claim.held
        said = claim.observed if claim.failed is None else f"{claim.observed}: {claim.failed}"
        text = one_visible_line(f"{claim.probe}: {said}", LONGEST_TEXT)
        yield Moment(claim.at, f"checked {claim.stage.when}", text, claim.held)
