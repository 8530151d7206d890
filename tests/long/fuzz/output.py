"""Hostile output of a target."""

import json
import random
import time
from pathlib import Path

from chaosnetra.line_patterns import LinePattern
from chaosnetra.phase_patterns import parse
from chaosnetra.startup.kept_output import MOST_BYTES, Keeping
from chaosnetra.startup.output import LONGEST_ERROR, Output
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.text import one_line
from tests.long.fuzz.checks import TRACEBACK, Failed, Report
from tests.long.fuzz.hostile import RAW, hostile_text, mutate


def fuzz_output(rng: random.Random, report: Report, saved: Path) -> None:
    event = {"phase": "database", "status": "failed", "number": 3, "seconds": 0.2, "error": "e"}
    event |= {"cause": ["a", "b"], "budget": "b", "budget_seconds": 1.0, "sqlstate": "08006"}
    pieces: list[bytes] = []
    for _ in range(rng.randint(1, 30)):
        made = json.dumps(mutate(rng, {"startup_phase": event}))
        for mark, text in RAW.items():
            made = made.replace(f'"@RAW{mark}"', text)
        pieces.append(
            rng.choice(
                (
                    made.encode(),
                    json.dumps({"startup_phase": event}).encode()[: rng.randrange(90)],
                    b'{"startup_phase":' + b"[" * rng.choice((10, 70_000)), TRACEBACK.encode(),
                    b"  | " + TRACEBACK.encode(),
                    b"asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already",
                    b"a." * 5000 + b"Error: x", b"Error(" * 3000, b"code: " + b"1A" * 20_000,
                    b"SQLSTATE" + b" " * 30_000, b"ERROR: " * rng.choice((1, 9000)),
                    bytes(rng.randrange(256) for _ in range(200)), b"\0\x1b[2J\r\r",
                    hostile_text(rng).encode(errors="surrogatepass"),
                    b"x" * rng.choice((10, 70_000, 300_000)), b"KeyError", b"PostgresError: code 1",
                    b"ExceptionGroup: " + b"+ " * 2000,
                )
            )
        )  # fmt: skip
    raw = b"\n".join(pieces)
    (saved / "output.bin").write_bytes(raw)
    words = {
        "start": "(?P<phase>[a-z]+)",
        "failure": "(?P<error>Error.*)",
        "detail": "(?P<budget>B)",
    }
    lines = PhaseLines(parse("phase_patterns", words)) if rng.random() < 0.5 else None
    output = Output(LinePattern("ready"), phase_lines=lines)
    begun = time.process_time()
    at = 0
    while at < len(raw):
        size = rng.choice((1, 7, 4096, 65_536)) if at < 2000 else 65_536
        output.feed(rng.choice(("stdout", "stdout", "stderr")), raw[at : at + size])
        at += size
    output.feed("stdout", b"")
    output.feed("stderr", b"")
    error = output.error
    kept = output.kept(Keeping())
    told = [
        output.lines,
        output.phases.phase,
        output.phases.seconds,
        output.phases.spans(0.0),
        kept,
    ]
    json.dumps(told, allow_nan=False)
    if len(json.dumps(kept)) > MOST_BYTES or any(one_line(line) != line for line in kept):
        raise Failed("an output is kept that is too long, or that a terminal would obey")
    # Of this process alone, however busy the machine is.
    taken = time.process_time() - begun
    if taken > 3:
        raise Failed(f"reading {len(raw)} bytes took {taken:.1f} s")
    report.seen["output with an error" if error else "output without an error"] += 1
    if error is not None:
        for text in (error.text, *error.causes):
            if "\n" in text or len(text) > LONGEST_ERROR:
                raise Failed(f"an error text that is not one short line: {text[:100]!r}")
