"""The journal holds the profile that a run had: whole, bounded, and without its secrets."""

import json
from importlib import resources
from typing import Any

from tests.conftest import RunChaos
from tests.support.repository import EXPERIMENTS

OWN = EXPERIMENTS / "timeout_budget.json"


def nested(depth: int) -> Any:
    made: Any = 1
    for _ in range(depth):
        made = {"k": made}
    return made


def test_the_profile_is_there_and_no_secret_of_it(run_chaos: RunChaos, tmp_path: Any) -> None:
    shipped = resources.files("chaosnetra.profiles") / "data" / "issue-1263.json"
    profile = json.loads(shipped.read_text(encoding="utf-8"))
    profile["infrastructure"]["odd"] = {
        "password": "hidden-word",
        "url": "postgresql://u:other-word@h/d",
        "figures": [1, 2.5],
        "nan": float("nan"),
        "deep": nested(800),
    }
    path = tmp_path / "own.json"
    path.write_text(json.dumps(profile))
    done = run_chaos(OWN, CHAOSNETRA_PROFILE=str(path))
    section = done.section
    assert section["verdict"] == "violated", done.output
    assert section["profile"]["orchestrator"] == profile["orchestrator"]
    vpc = section["profile"]["infrastructure"]["vpc_connector"]
    assert vpc == profile["infrastructure"]["vpc_connector"]
    odd = section["profile"]["infrastructure"]["odd"]
    assert set(odd) == {"password", "url", "figures", "nan"}
    assert odd["figures"] == [1, 2.5]
    assert section["experiment_file"] == str(OWN)
    for word in ("hidden-word", "other-word", "NaN"):
        assert word not in (done.journal_text or "")
        assert word not in done.output
