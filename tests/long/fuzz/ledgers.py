"""Hostile ledgers."""

import random
import shutil
from pathlib import Path
from typing import Any

from chaosnetra.faults import UNDO_PLAYERS
from chaosnetra.safety.recovery import recover
from tests.long.fuzz.checks import Failed, Report, listing
from tests.long.fuzz.hostile import as_text, mutate


def fuzz_ledgers(rng: random.Random, report: Report, saved: Path) -> None:
    unreachable = "http://127.0.0.1:1"
    toxic = {
        "name": "t",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
        "attributes": {},
    }
    arguments = {
        "url": unreachable, "proxy": "p", "toxic": toxic,
        "before": {
            "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": True, "toxics": [toxic],
        },
        "ours": toxic, "name": "n", "enabled": True, "upstream": "127.0.0.1:1",
        "database": "postgresql://u@127.0.0.1:1/d", "schema": "s",
        "application_name": "chaosnetra_fuzz", "label": "20260101t000000-abcdef",
        "places": [str(saved)], "job": "projects/p/locations/l/jobs/j", "mark": "m", "uid": "u",
        "etag": "e", "generation": 1, "revision": "r", "traffic": {}, "write": "w", "seconds": 0.1,
        "call_seconds": 0.1, "sent_at": 1.0, "in_flight_seconds": 0.1,
    }  # fmt: skip
    scaling = {"mode": "AUTOMATIC", "minimum": 0, "maximum": 1, "manual": None}
    model = {"instances": 2, "when_full": "queue"}
    of_kind: dict[str, dict[str, Any]] = {
        "cloudrun.restore_service": {"before": scaling, "ours": scaling},
        "connector.restore_model": {"before": model, "ours": model},
        "toxiproxy.restore_toxic": {"before": toxic},
    }
    folder = saved / "runs"
    folder.mkdir()
    canary = saved / "canary"
    canary.write_text("not an event file\n")
    records: list[Any] = [
        {"version": 1, "run": "run-1", "pid": 1, "at": 1.0, "events": str(canary)},
        {"part": "127.0.0.1:1", "pid": 1, "started": 1.0},
    ]
    for number in range(1, 4):
        kind = rng.choice([*UNDO_PLAYERS, "test.unknown", ""])
        # All of them half the time: what misses one gets no further than that.
        few = rng.randint(0, len(arguments))
        chosen = rng.sample(sorted(arguments), rng.choice([few, len(arguments)]))
        undo: dict[str, Any] = {"kind": kind, "description": "take it back"}
        given = arguments | of_kind.get(kind, {})
        undo["arguments"] = {key: given[key] for key in chosen}
        records.append({"entry": number, "at": 1.0, "undo": undo})
    records.append({"done": 2, "at": 1.0, "result": "done"})
    if rng.random() < 0.8:
        # An address that is not the loopback's must not come out of this.
        records = mutate(rng, records)
    lines = [as_text(rng, record).replace(b"\n", b"") for record in records]
    file = folder / "run-1.ledger.jsonl"
    file.write_bytes(b"\n".join(lines) + (b"" if rng.random() < 0.2 else b"\n"))
    shutil.copy(file, saved / "ledger.jsonl")
    before = listing(saved, (folder,))
    results = list(recover(file))
    for result in results:
        if "\n" in result.line and "\\n" not in result.line:
            report.seen["NOTE a result of recovery of several lines"] += 1
        report.seen["undo failed" if result.report is None else "undo answered"] += 1
    if listing(saved, (folder,)) != before:
        raise Failed("recovery wrote to a file that is no event file of its run")
    if file.exists() and not any(result.left for result in results):
        raise Failed("the ledger is still there, and nothing was said to have failed")
