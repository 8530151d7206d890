"""Who gives the values of a run, and whose counts."""

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import chaosnetra
from chaosnetra.errors import InvalidInput
from chaosnetra.hints import with_places
from chaosnetra.repository import SETTINGS_FILE, find_settings_file, folder_of
from chaosnetra.settings import Settings
from chaosnetra.settings.file import read_file
from chaosnetra.settings.sources import Source, Sources, check_keys, find_sources

SHIPPED = Path(chaosnetra.__file__).parent / "shipped" / "vpc_latency.json"


def file(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SETTINGS_FILE
    path.write_text(text, encoding="utf-8")
    return path


def from_environment(key: str, **default: str) -> dict[str, str]:
    return {"type": "env", "key": key, **default}


# Of a setting, and of a key of an experiment: by source, what gives it.
SETTING = {
    Source.FILE: ("file", "readiness = 'tcp://f:1'"),
    Source.ENVIRONMENT: ("environ", {"CHAOSNETRA_READINESS": "tcp://e:1"}),
    Source.EXPERIMENT: ("declared", {"readiness": "tcp://x:1"}),
    Source.COMMAND_LINE: ("command_line", {"readiness": "tcp://c:1"}),
}
KEY = {
    Source.FILE: ("file", "[parameters]\ncount = 2"),
    Source.ENVIRONMENT: ("environ", {"MY_COUNT": "3"}),
    Source.EXPERIMENT: ("declared", {"count": 4}),
    Source.COMMAND_LINE: ("command_line", {"count": "5"}),
}
SUBSETS = [chosen for size in range(5) for chosen in itertools.combinations(list(Source)[1:], size)]


@pytest.mark.parametrize("chosen", SUBSETS, ids=lambda chosen: "+".join(s.name for s in chosen))
@pytest.mark.parametrize(("key", "table"), [("readiness", SETTING), ("count", KEY)])
def test_the_strongest_that_gives_a_value_counts(
    tmp_path: Path, key: str, table: dict[Source, tuple[str, Any]], chosen: tuple[Source, ...]
) -> None:
    """default < chaosnetra.toml < environment < experiment < command line."""
    given: dict[str, Any] = {"declared": {}, "environ": {}, "command_line": {}}
    if key == "count":  # the experiment declares it, and writes it out only as EXPERIMENT
        given["declared"] = {"count": from_environment("MY_COUNT", default="1")}
    for source in chosen:
        where, what = table[source]
        given[where] = what
    if text := given.pop("file", None):
        file(tmp_path, text)
    found = find_sources(tmp_path, **given).given[key]
    assert found.source is max([Source.DEFAULT, *chosen])
    if found.source is Source.DEFAULT:
        assert found.value == ("1" if key == "count" else "")
    else:
        what = table[found.source][1]
        assert str(found.value) in str(what)


def test_a_run_gets_what_the_file_and_the_command_line_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file(tmp_path, "profile = 'tight'\ndwell_seconds = 1\n[parameters]\nlatency_ms = 30\nother = 1")
    declared = {
        "latency_ms": from_environment("MY_LATENCY", default="500"),
        "count": from_environment("MY_COUNT", default="5"),
    }
    environ = {"CHAOSNETRA_DWELL_SECONDS": "3", "MY_COUNT": "7"}
    loaded = {"latency_ms": "500", "count": "7"}
    sources = find_sources(tmp_path, declared, {"seed": "9"}, environ=environ, option="--var")
    sources.complete(loaded)
    assert loaded == {"latency_ms": 30, "count": "7", "profile": "tight", "seed": "9"}
    made = Settings.from_configuration(loaded, environ)
    assert (made.profile.name, made.dwell_seconds, made.seed) == ("tight", 3, 9)
    assert sources.to_json() == {
        "latency_ms": {"source": "file", "place": f"{SETTINGS_FILE}:4"},
        "count": {"source": "environment", "place": "MY_COUNT"},
        "profile": {"source": "file", "place": f"{SETTINGS_FILE}:1"},
        "dwell_seconds": {"source": "environment", "place": "CHAOSNETRA_DWELL_SECONDS"},
        "seed": {"source": "command line", "place": "--var"},
    }
    assert "seed 9 (--var)" in sources.told()
    # The same, where the Chaos Toolkit has loaded nothing.
    assert Settings.from_configuration(sources.configuration, environ) == made


def test_a_target_of_the_file_runs_in_its_folder(tmp_path: Path) -> None:
    file(tmp_path, "target = './start.sh'")

    def directory(*given: Any, **environ: str) -> str:
        found = find_sources(tmp_path, *given, environ=environ).given["target_directory"]
        return str(found.value)

    assert directory() == str(tmp_path)
    assert directory({}, {"target_directory": "/"}) == "/"
    assert directory(CHAOSNETRA_TARGET_DIRECTORY="/usr") == "/usr"
    # Of another target it says nothing.
    assert directory(CHAOSNETRA_TARGET="./other.sh") == ""


def test_secrets_are_not_told(tmp_path: Path) -> None:
    file(tmp_path, "database_url = 'postgresql://u:opensesame1@h/d'")
    sources: Sources = find_sources(tmp_path, {}, {"target_environment": '{"API_KEY": "hunter2"}'})
    assert "opensesame1" not in sources.told()
    assert "hunter2" not in sources.told()
    assert "database_url *** " in sources.told()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\n# a comment\nprofil = 'tight'", 3, "no setting 'profil'; did you mean profile?"),
        ("latency_ms = 3", 1, r"own configuration belongs under \[parameters\]"),
        ("[parameters]\n\nprofile = 'tight'", 3, r"is a setting: write it above \[parameters\]"),
        ("target = 'x'\nprofile = 'nope'", 2, "unknown profile 'nope'"),
        ("dwell_seconds = 'long'", 1, "dwell_seconds must be a number"),
        ("target_directory = 'nowhere'", 1, "is not a directory"),
        ("seed = 1\nseed = 2", 2, "it is not TOML"),
        ("[target_environment]\nA = '{nothing}'", 1, "nothing"),
        ("parameters = 3", 1, "parameters must be a table"),
        ("consent = 'yes'", 1, "a consent is to one plan"),
        ("[parameters]\nsince = 2020-01-01", 2, "since must be a text, a number"),
        ("[parameters]\nrate = nan", 2, "rate must be a text, a number"),
        ("target = '''\na\n'''\nreadines = 'exit'", 4, "did you mean readiness"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=message) as raised:
        read_file(file(tmp_path, text))
    assert str(raised.value).startswith(f"{SETTINGS_FILE}:{line}: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / SETTINGS_FILE
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(InvalidInput, match="more than 200,000 bytes"):
        read_file(path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_file(tmp_path / "none.toml")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    text = "target_directory = '.'\ntarget_python = '.venv/bin/python'\nstate_folder = 'state'\n"
    text += "target_environment = {A = '{state_folder}'}\nprofile = 'tight'\ntarget = 'a:b'"
    settings = read_file(file(tmp_path, text)).settings
    assert settings["target_directory"] == str(tmp_path)
    assert settings["target_python"] == f"{tmp_path}/.venv/bin/python"
    assert settings["profile"] == "tight"
    named = read_file(file(tmp_path, "target_python = 'python3'\nstate_folder = '/'")).settings
    assert (named["target_python"], named["state_folder"]) == ("python3", "/")


def test_the_nearest_file_of_the_repository_counts(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    inner = root / "a" / "b"
    inner.mkdir(parents=True)
    (root / ".git").mkdir()
    file(tmp_path, "")
    assert find_settings_file(inner) is None
    at_root = file(root, "")
    assert find_settings_file(inner) == at_root
    nearer = file(root / "a", "")
    assert find_settings_file(inner) == nearer
    assert find_settings_file(root) == at_root


def test_outside_of_a_repository_only_the_folder_itself_counts() -> None:
    """What lies above may be somebody else's."""
    with TemporaryDirectory(dir="/tmp") as place:
        folder = Path(place).resolve()
        outside = file(folder, "")
        (folder / "plain").mkdir()
        assert find_settings_file(folder / "plain") is None
        assert find_settings_file(folder) == outside


def test_where_the_file_of_an_experiment_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_of("experiments/one.json") == tmp_path / "experiments"
    assert folder_of("/elsewhere/one.json") == Path("/elsewhere")
    assert folder_of(None) == tmp_path
    assert folder_of(str(SHIPPED)) == tmp_path


def test_a_parameter_that_is_nearly_there_is_named(tmp_path: Path) -> None:
    made = read_file(file(tmp_path, "[parameters]\nlatencyms = 3\nhold_ms = 1\ncount = 3"))
    declared = {"latency_ms": 1, "count": from_environment("MY_COUNT")}
    (line,) = made.unread(declared)
    assert f"{SETTINGS_FILE}:2: " in line
    assert line.endswith("did you mean latency_ms?")


def test_a_parameter_that_an_experiment_writes_out_is_told(tmp_path: Path) -> None:
    made = read_file(file(tmp_path, "[parameters]\nlatency_ms = 300"))
    (line,) = made.unread({"latency_ms": 150})
    assert line == (
        f"{made.place('latency_ms')}: latency_ms does not count here: the experiment's "
        "configuration has its own latency_ms"
    )


def test_a_value_that_cannot_be_used_is_told_with_who_gave_it(tmp_path: Path) -> None:
    """Not with all the places where it could have been given."""
    file(tmp_path, "")
    for given, said in (
        ({"command_line": {"seed": "x"}}, r"; set seed by --set$"),
        ({"environ": {"CHAOSNETRA_SEED": "x"}}, r"; set seed in .* or CHAOSNETRA_SEED$"),
    ):
        sources = find_sources(tmp_path, {}, **{"environ": {}, **given})
        with pytest.raises(InvalidInput, match=said) as caught:
            sources.settings(given.get("environ", {}))
        assert caught.value.setting is not None
    text = "environment = 'staging'\ntime_scale = 2\ndatabase_url = 'postgresql://u@h/d'"
    path = file(tmp_path, text)
    with pytest.raises(
        InvalidInput, match=rf"time_scale must be 1 .*; set time_scale in .*{path.name}:2$"
    ):
        find_sources(tmp_path, {}, environ={}).settings({})


def test_a_hint_names_the_place_of_its_own_key_only() -> None:
    text = (
        "no; set count in the experiment's configuration or MY_COUNT, or seed in the experiment's "
        "configuration"
    )
    assert with_places(text, {"count": "by --set"}) == (
        "no; set count by --set, or seed in the experiment's configuration"
    )
    assert with_places(text, {"seed": "in x.toml:3"}).endswith("MY_COUNT, or seed in x.toml:3")


def test_what_nobody_takes_is_refused_on_the_command_line() -> None:
    check_keys(["profile", "count"], [["count"], []])
    with pytest.raises(InvalidInput, match=r"--set cuont: .*did you mean count"):
        check_keys(["cuont"], [["count"]])
    with pytest.raises(InvalidInput, match=r"did you mean dwell_seconds"):
        check_keys(["dwell"], [["dwell_seconds"]])
