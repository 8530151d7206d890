"""A run's journal holds what runs it again."""

import json
import sys
from pathlib import Path

from tests.conftest import RunChaos
from tests.support.experiments import HELD, experiment, ours
from tests.support.programs import captured
from tests.unit.report.test_reproduction import again, env


def test_a_run_holds_what_runs_it_again(run_chaos: RunChaos) -> None:
    budgets = ours("probe", "startup", "budgets_suffice", latency_ms="${latency_ms}")
    made = experiment(
        probes=[{**budgets, "name": "budgets", "tolerance": HELD}],
        configuration={"latency_ms": env("CHAOSNETRA_LATENCY_MS", "500"), "literal": 1},
        strategy=None,
    )
    asked = {"CHAOSNETRA_LATENCY_MS": "1", "CHAOSNETRA_SEED": "9"}
    first = run_chaos(made, "--var", "literal:int=2", "--rollback-strategy=always", **asked)
    found = again(first.journal, str(first.folder / "journal.json"))
    (first.folder / "journal.json").rename(first.folder / "first.json")
    take, command = again(first.journal, "first.json").commands
    assert found.commands[1] == command
    chaos = f"{Path(sys.executable).with_name('chaos')} --no-version-check"
    done = captured(
        ["sh", "-ec", f"{take}\n{command.replace('chaos run', f'{chaos} run')}"],
        cwd=first.folder,
        timeout=120,
    )
    second = json.loads((first.folder / "journal.json").read_text())
    assert done.returncode == first.returncode
    same = ("settings", "configuration", "options", "time_scale", "seed", "target", "verdict")
    assert {key: second["chaosnetra"][key] for key in same} == {
        key: first.section[key] for key in same
    }
    assert second["chaosnetra"]["configuration"] == {"latency_ms": "1", "literal": 2}
    assert second["chaosnetra"]["options"] == {"--rollback-strategy": "always"}
