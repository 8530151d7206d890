"""The few lines that are shown while a run is in progress. Pure."""

from collections.abc import Mapping

from chaosnetra.gameday.people.interface import Panel
from chaosnetra.text import how_many

KEYS = "o observe  d decision  f follow-up  u surprise  p pause  s skip  a abort  ? help"
HELP = (
    "o: note an observation, with the time when you began to type (Esc gives up)",
    "d, f, u: note a decision; a follow-up (what; owner; due date); a surprise",
    "p: pause when this run is over",
    "s: stop the run, undo everything, go on to the next step",
    "a: stop the run, undo everything, end the day",
    "Write `Name: …` to say who says it. Ctrl-C leaves the day; it can be resumed.",
)


def panel_lines(panel: Panel) -> list[str]:
    """The panel, each line to be cut where the terminal ends."""
    progress = panel.progress
    attempt = f" (attempt {panel.attempt})" if panel.attempt > 1 else ""
    deadline = f", abort deadline in {clock(panel.abort_in_seconds)}"
    state = panel.stopping or ("pausing after this run" if panel.paused else "")
    which = f"step {panel.number} of {panel.steps}: {panel.step}{attempt}"
    startups = _startups(progress.ready, progress.failed)
    lines = [
        f"{which}  running {clock(panel.running_seconds)}{deadline}",
        f"phase: {progress.phase}" + (f" ({progress.activity})" if progress.activity else ""),
        f"faults: {', '.join(progress.faults) or 'none in place'}",
        f"startups: {startups}  budgets: {_budgets(progress.budgets)}",
    ]
    if panel.parameters:
        lines.insert(1, "with " + " ".join(f"{k}={v}" for k, v in panel.parameters.items()))
    if state:
        lines.append(state)
    return lines


def one_panel_line(panel: Panel) -> str:
    """The same as one line that says what has changed, where lines cannot be shown again."""
    progress = panel.progress
    faults = f"; faults: {', '.join(progress.faults)}" if progress.faults else ""
    startups = f"; startups not ready: {progress.failed}" if progress.failed else ""
    budgets = f"; budgets: {_budgets(progress.budgets)}" if progress.budgets else ""
    stopping = f"; {panel.stopping}" if panel.stopping else ""
    return f"{panel.step}: {progress.phase}{faults}{startups}{budgets}{stopping}"


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where there are any."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _startups(ready: int, failed: int) -> str:
    return f"{ready} ready, {failed} not" if ready or failed else "none yet"


def _budgets(budgets: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} expired {how_many(count, 'time')}" for name, count in budgets.items()
    ) or ("none expired")
