"""What the README says of settings and commands is what the code has."""

import json

from chaosnetra.profiles import known_profiles
from chaosnetra.settings import SETTINGS
from tests.support.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_what_they_declare() -> None:
    rows = []
    for setting in SETTINGS.values():
        default = (
            setting.default if isinstance(setting.default, str) else json.dumps(setting.default)
        )
        shown = f"`{default}`" if default else ""
        meaning = setting.meaning.replace("|", "\\|")
        rows.append(f"| `{setting.key}` | `{setting.variable}` | {shown} | {meaning} |")
    assert "\n".join(rows) in README


def test_every_profile_is_named() -> None:
    for name in known_profiles():
        assert f"`{name}`" in README or f"`-{name.removeprefix('issue-1263-')}`" in README


def test_the_example_proxies_are_a_configuration_for_the_server() -> None:
    proxies = json.loads((ROOT / "toxiproxy" / "proxies.json").read_text(encoding="utf-8"))
    assert [set(proxy) for proxy in proxies] == [{"name", "listen", "upstream", "enabled"}]
    assert all(proxy["listen"].startswith("127.0.0.1:") for proxy in proxies)
