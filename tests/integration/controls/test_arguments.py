"""A wrong value of an experiment is refused by the name of the setting that gave it."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.running.run import current_run
from chaosnetra.settings import SETTINGS
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.repository import EXPERIMENTS

WRONG = "x"
# They need a Cloud Run endpoint before they look at a value.
ELSEWHERE = "chaosnetra.cloudrun."


def providers(data: Any) -> Iterator[dict[str, Any]]:
    """Each function that an experiment calls, also one that is named inside another's arguments."""
    values = data if isinstance(data, list) else data.values()
    inner = [value for value in values if isinstance(value, (dict, list))]
    found = [provider for value in inner for provider in providers(value)]
    if isinstance(data, dict) and "func" in data and not found:
        yield data
    yield from found


def fed_arguments() -> Iterator[Any]:
    for path in sorted(EXPERIMENTS.glob("*.json")):
        experiment = json.loads(path.read_text(encoding="utf-8"))
        seen = set()
        for provider in providers(experiment):
            keys = set(re.findall(r"\$\{(\w+)\}", json.dumps(provider.get("arguments", {}))))
            for key in sorted(keys - set(SETTINGS)):
                case = (path.stem, provider["func"], key)
                if case not in seen and not provider["module"].startswith(ELSEWHERE):
                    seen.add(case)
                    yield pytest.param(experiment, provider, key, id="-".join(case))


def with_values(arguments: Any, values: dict[str, Any]) -> Any:
    """Arguments as the Chaos Toolkit gives them to the function."""
    if isinstance(arguments, dict):
        return {name: with_values(value, values) for name, value in arguments.items()}
    return values.get(arguments, arguments) if isinstance(arguments, str) else arguments


@pytest.mark.parametrize(("experiment", "provider", "key"), list(fed_arguments()))
def test_the_setting_is_named_that_fed_the_argument(
    experiment: dict[str, Any],
    provider: dict[str, Any],
    key: str,
    postgres: PostgresServer,
    toxiproxy: ToxiproxyClient,
) -> None:
    declared = experiment["configuration"]
    configuration = {name: given["default"] for name, given in declared.items()} | {
        key: WRONG,
        "database_url": postgres.database.url,
        "toxiproxy_url": toxiproxy.url,
    }
    arguments = with_values(
        provider["arguments"], {f"${{{name}}}": value for name, value in configuration.items()}
    )
    current_run().experiment = experiment
    function = getattr(import_module(provider["module"]), provider["func"])
    with pytest.raises(ActivityFailed) as caught:
        function(**arguments, configuration=configuration)
    variable = declared[key]["key"]
    assert f"set {key} in the experiment's configuration or {variable}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_argument_that_no_setting_feeds_is_named_itself() -> None:
    from chaosnetra.postgres.probes import free_connection_slots

    with pytest.raises(ActivityFailed, match=r"got 'x'; set the argument `minimum`$"):
        free_connection_slots(minimum=WRONG)  # type: ignore[arg-type]  # on purpose
