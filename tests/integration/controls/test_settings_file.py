"""`chaosnetra.toml`, environment and `--var` in a run, and what its journal says of them."""

import json
import sys
from pathlib import Path

from click.testing import CliRunner

from chaosnetra.cli import netra
from tests.conftest import RunChaos
from tests.support.experiments import HELD, experiment, ours
from tests.support.programs import merged

CI = [str(Path(sys.executable).with_name("chaosnetra")), "ci"]
# It asks the profile alone, so that no part is started.
SUFFICES = ours("probe", "startup", "budgets_suffice", latency_ms="${latency_ms}")
MADE = experiment(
    probes=[SUFFICES | {"tolerance": HELD}],
    configuration={"latency_ms": {"type": "env", "key": "MY_LATENCY_MS", "default": "500"}},
)
FILE = """\
profile = "relaxed"
target_environment = { API_KEY = "hunter-two-22" }
[parameters]
latency_ms = 300
"""


def test_a_run_says_where_its_values_come_from(run_chaos: RunChaos, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "chaosnetra.toml").write_text(FILE)
    done = run_chaos(MADE, "--var", "seed=7", CHAOSNETRA_DWELL_SECONDS="1")
    assert done.returncode == 0, done.output
    section = done.section
    assert section["profile"]["name"] == "relaxed"
    assert section["measurements"][0]["demands"]["round_trip_seconds"] == 0.3
    assert section["settings"] == {
        "profile": "relaxed",
        "target_environment": {"API_KEY": "***"},
        "dwell_seconds": "1",
        "seed": "7",
        "time_scale": "0.1",
    }
    assert section["configuration"] == {"latency_ms": 300}
    assert section["sources"] == {
        "latency_ms": {"source": "file", "place": "chaosnetra.toml:4"},
        "profile": {"source": "file", "place": "chaosnetra.toml:1"},
        "target_environment": {"source": "file", "place": "chaosnetra.toml:2"},
        "dwell_seconds": {"source": "environment", "place": "CHAOSNETRA_DWELL_SECONDS"},
        "seed": {"source": "command line", "place": "--var"},
    }
    (said,) = [line for line in done.output.splitlines() if "Settings: " in line]
    assert "profile relaxed (chaosnetra.toml:1)" in said
    assert "latency_ms 300 (chaosnetra.toml:4)" in said
    assert "hunter-two-22" not in f"{done.output}{done.journal_text}"

    shown = CliRunner().invoke(
        netra, ["settings", str(folder / "experiment.json"), "--set", "seed=7", "--format", "json"]
    )
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert told["parameters"]["latency_ms"]["value"] == 300
    assert told["everyday"]["profile"]["source"] == "file"
    assert told["everyday"]["target_environment"]["value"] == "***"
    assert told["local parts"]["seed"] == {"value": "7", "source": "command line", "place": "--set"}


def test_a_file_that_cannot_be_used_ends_the_run_before_it_begins(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "chaosnetra.toml").write_text('\nprofil = "tight"\n')
    done = run_chaos(MADE)
    assert done.returncode == 1, done.output
    said = "chaosnetra.toml:2: there is no setting 'profil'; did you mean profile?"
    assert said in done.section["refused"]
    assert done.section["verdict"] == "inconclusive"
    assert done.journal["run"] == []
    shown = CliRunner().invoke(netra, ["settings", str(folder / "experiment.json")])
    assert (shown.exit_code, "did you mean profile?" in shown.stderr) == (2, True)


def test_a_pipeline_gives_values_to_all_of_its_experiments(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(MADE))
    (tmp_path / "chaosnetra.toml").write_text(FILE)

    def ci(folder: str, *given: str) -> tuple[int, str]:
        options = [word for one in given for word in ("--set", one)]
        done = merged([*CI, "one.json", "--output-folder", folder, *options], cwd=tmp_path)
        return done.returncode, done.stdout

    code, said = ci("violated", "profile=tight", "latency_ms=800")
    assert code == 1, said
    journal = json.loads((tmp_path / "violated" / "one" / "journal.json").read_text())
    assert journal["chaosnetra"]["profile"]["name"] == "tight"
    assert journal["chaosnetra"]["sources"]["latency_ms"]["source"] == "command line"
    code, said = ci("refused", "latencyms=800")
    assert (code, "did you mean latency_ms?" in said) == (2, True)
