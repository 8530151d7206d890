"""An endpoint and a database under the rules of staging."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cli import netra
from tests.conftest import ChaosRun
from tests.support import experiments
from tests.support.cloud_run_endpoint import Endpoint, writes
from tests.support.experiments import HELD, ours


def step(kind: str, function: str, /, **arguments: Any) -> dict[str, Any]:
    return ours(kind, "cloudrun", function, **arguments)


def experiment(configuration: dict[str, Any], *method: dict[str, Any]) -> dict[str, Any]:
    return experiments.experiment(
        *method,
        configuration=configuration,
        probes=[
            step("probe", "service_state") | {"tolerance": HELD},
            step("probe", "ready_revision") | {"tolerance": HELD},
        ],
        rollbacks=[step("action", "restore_service")],
    )


class Staging:
    """An endpoint and a database under the rules of staging."""

    def __init__(self, endpoint: Endpoint, database: DatabaseAddress, folder: Path) -> None:
        self.endpoint = endpoint
        self.database = database
        self.folder = folder
        self.allowed: dict[str, Any] = {
            "version": 1,
            "project": endpoint.server.project,
            "project_number": endpoint.server.project_number,
            "region": endpoint.server.region,
            "service": endpoint.service_id,
            "job": endpoint.job_id,
            "database_host": database.host,
            "database_name": database.database,
        }
        self.settings: dict[str, Any] = {}
        self.method = [step("action", "scale_service", minimum=3)]

    @property
    def experiment(self) -> dict[str, Any]:
        path = self.folder / "allow.json"
        path.write_text(json.dumps(self.allowed))
        made = experiment(
            self.endpoint.configuration(
                **{
                    "environment": "staging",
                    "allow_list": str(path),
                    "database_url": self.database.url,
                    **self.settings,
                }
            ),
            *self.method,
        )
        made["configuration"]["consent"] = {
            "type": "env",
            "key": "CHAOSNETRA_CONSENT",
            "default": "",
        }
        return made

    def plan(self, *options: str) -> Result:
        """`chaosnetra plan`."""
        path = self.folder / "planned.json"
        path.write_text(json.dumps(self.experiment))
        return CliRunner().invoke(netra, ["plan", str(path), *options])

    @property
    def hash(self) -> str:
        found = json.loads(self.plan("--format", "json").output)
        return str(found["hash"])


def refused(done: ChaosRun, message: str) -> None:
    """It says why in one line, and its journal proves that nothing was touched."""
    assert done.returncode == 1, done.output
    section = done.section
    assert section["verdict"] == "inconclusive"
    assert message in section["reason"]
    assert message in done.output
    assert "Traceback" not in done.output
    assert writes(done) == []
    assert section.get("faults", []) == []
    assert done.journal["run"] == []


Change = Callable[[Staging], None]
