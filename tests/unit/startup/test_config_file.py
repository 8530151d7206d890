"""A configuration file that is rendered for each start."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.settings import Settings
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.target_plan import make_plan
from chaosnetra.templates import fill_file, placeholders_in_file

ADDRESS = DatabaseAddress("127.0.0.1", 5432, "netra", "secret", "shop")


def plan(
    template: Path, target: str = "serve.py --config {config_file}", **more: Any
) -> LaunchPlan:
    given = {"target": f"{sys.executable} {target}", "config_template": str(template), **more}
    return make_plan(Settings.from_configuration(given, {}), {"PATH": "/usr/bin:/bin"}, None)


def test_each_start_gets_a_file_of_its_own_with_its_port_and_address(tmp_path: Path) -> None:
    template = tmp_path / "shop.json.template"
    template.write_text('{"db": "{url}", "cache": "{state_folder}/c", "listen": {service_port}}')
    made = plan(template)
    assert made.keeps_state
    found = {}
    for name, port in (("one", 81), ("other", 82)):
        folder = tmp_path / name
        folder.mkdir()
        of_start = made.in_folder(folder)
        of_start.render_config(port, ADDRESS)
        file = Path(of_start.command_for(port, ADDRESS)[-1])
        assert file == folder / "shop.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found[name] = json.loads(file.read_text())
    assert found["one"] == {"listen": 81, "db": ADDRESS.url, "cache": f"{tmp_path}/one/c"}
    assert found["other"]["listen"] == 82


def test_its_path_can_be_a_variable(tmp_path: Path) -> None:
    template = tmp_path / "shop.toml"
    template.write_text("url = '{url}'\n")
    made = plan(template, "serve.py", target_environment={"SHOP_CONFIG": "{config_file}"})
    found = made.in_folder(tmp_path / "one").environment_for(80, ADDRESS)
    assert found["SHOP_CONFIG"] == str(tmp_path / "one" / "shop.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: {dsm}\n", r":2 has \{dsm\}, which nothing fills; known are .*dsn"),
        ("port: {port}\n", r":1 has \{port\}, which does not say whose"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_refused(tmp_path: Path, text: str, said: str) -> None:
    template = tmp_path / "shop.yaml"
    template.write_text(text)
    with pytest.raises(InvalidInput, match=said) as refused:
        plan(template)
    assert "CHAOSNETRA_CONFIG_TEMPLATE" in str(refused.value)


def test_what_is_rendered_from_nothing_is_refused() -> None:
    settings = Settings.from_configuration({"target": "sh serve --config {config_file}"}, {})
    with pytest.raises(InvalidInput, match="there is no template to render it from"):
        make_plan(settings, {"PATH": "/usr/bin:/bin"}, None)


def test_a_template_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a file"):
        plan(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InvalidInput, match="cannot be read"):
        plan(tmp_path / "binary")


def test_braces_of_the_file_itself_stay() -> None:
    text = r'{"a": {"b": "{{name}} ${name} \{name} {host}"}}'
    assert placeholders_in_file(text) == ["host"]
    assert fill_file(text, {"host": "h"}) == '{"a": {"b": "{{name}} ${name} {name} h"}}'


@given(text=st.text(alphabet="{}$\\ab \n"), value=st.text(alphabet="{}ab\\"))
def test_what_has_no_placeholder_stays_as_it_is(text: str, value: str) -> None:
    filled = fill_file(text, {"a": value})
    if "a" not in placeholders_in_file(text) and "\\{" not in text:
        assert filled == text
