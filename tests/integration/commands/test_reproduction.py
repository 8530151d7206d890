"""A run's journal holds what runs it again."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import RunChaos
from tests.unit.report.test_reproduction import again, env


def test_a_run_holds_what_runs_it_again(run_chaos: RunChaos) -> None:
    probe = {
        "type": "probe",
        "name": "budgets",
        "tolerance": {
            "type": "probe",
            "name": "held",
            "provider": {
                "type": "python",
                "module": "chaosnetra.tolerances",
                "func": "held",
                "arguments": {},
            },
        },
        "provider": {
            "type": "python",
            "module": "chaosnetra.startup.probes",
            "func": "budgets_suffice",
            "arguments": {"latency_ms": "${latency_ms}"},
        },
    }
    control = {
        "name": "journal",
        "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
    }
    experiment = {
        "title": "t",
        "description": "d",
        "controls": [control],
        "configuration": {"latency_ms": env("CHAOSNETRA_LATENCY_MS", "500"), "literal": 1},
        "steady-state-hypothesis": {"title": "h", "probes": [probe]},
        "method": [],
        "rollbacks": [],
    }
    asked = {"CHAOSNETRA_LATENCY_MS": "1", "CHAOSNETRA_SEED": "9"}
    first = run_chaos(experiment, "--var", "literal:int=2", "--rollback-strategy=always", **asked)
    found = again(first.journal, str(first.folder / "journal.json"))
    (first.folder / "journal.json").rename(first.folder / "first.json")
    take, command = again(first.journal, "first.json").commands
    assert found.commands[1] == command
    chaos = f"{Path(sys.executable).with_name('chaos')} --no-version-check"
    done = subprocess.run(
        ["sh", "-ec", f"{take}\n{command.replace('chaos run', f'{chaos} run')}"],
        cwd=first.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    second = json.loads((first.folder / "journal.json").read_text())
    assert done.returncode == first.returncode
    same = ("settings", "configuration", "options", "time_scale", "seed", "target", "verdict")
    assert {key: second["chaosnetra"][key] for key in same} == {
        key: first.section[key] for key in same
    }
    assert second["chaosnetra"]["configuration"] == {"latency_ms": "1", "literal": 2}
    assert second["chaosnetra"]["options"] == {"--rollback-strategy": "always"}
