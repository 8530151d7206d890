"""How far a probe is, as text; and what it costs those who do not look."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.progress.tally import Tally
from tests.support.programs import captured


def test_a_line_has_counts_time_and_faults() -> None:
    now = [10.0]
    tally = Tally(
        "Startups",
        5,
        24,
        success="ready",
        faults=lambda: ["toxic latency", "locks maintenance"],
        clock=lambda: now[0],
    )
    assert tally.line == "Startups: 0 ready, 5 left; 0.0 of 24 s; toxic latency, locks maintenance"
    tally.count("timed_out")
    tally.count("ready")
    tally.count("timed_out")
    now[0] = 22.34
    assert tally.line == (
        "Startups: 1 ready, 2 timed out, 2 left; 12.3 of 24 s; toxic latency, locks maintenance"
    )
    assert tally.decided == 3
    now[0] = 40.2
    assert "; 30.2 s, past the limit of 24 s and watched on; toxic" in tally.line


def test_without_attempts_only_the_time_is_told() -> None:
    tally = Tally("Load", 0, 1.5, clock=lambda: 0.0)
    assert tally.line == "Load: 0.0 of 1.5 s; no fault"


@given(st.lists(st.sampled_from(["ok", "slow", "reset"]), max_size=50), st.integers(1, 50))
def test_what_is_told_adds_up(outcomes: list[str], total: int) -> None:
    tally = Tally("Connections", total, 1)
    for outcome in outcomes:
        tally.count(outcome)
    told = {word: int(count) for count, word in (part.split() for part in tally.counts.split(", "))}
    left = told.pop("left")
    assert sum(told.values()) == len(outcomes) == tally.decided
    assert left == max(0, total - len(outcomes))
    assert "ok" in told


def test_neither_commands_nor_probes_load_rich() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from chaosnetra.cli import netra\n"
        "import chaosnetra.startup.probes, chaosnetra.postgres.probes\n"
        "CliRunner().invoke(netra, ['--help'])\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'rich'])\n"
    )
    done = captured([sys.executable, "-c", code], check=True)
    assert done.stdout == "[]\n"
