"""`chaosnetra recommend`: its output, the profile that it writes, and its exit codes."""

import json
import random
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaosnetra.cli import netra
from chaosnetra.profiles import load_profile
from tests.long.fuzz.hostile import as_text, mutate
from tests.support import measured
from tests.support.journals import journal

EVERY = [make() for make in measured.EVERY]


def written(folder: Path, *journals: dict[str, Any]) -> Path:
    """A folder with these journals."""
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(journals):
        (folder / f"{number}.json").write_text(json.dumps(data))
    return folder


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(netra, ["recommend", *map(str, arguments)])


def test_text_names_figures_and_checks(tmp_path: Path) -> None:
    done = call(written(tmp_path / "before", *EVERY))
    assert done.exit_code == 0, done.output
    assert "table_setup_seconds (budgets): 10 s → 25 s" in done.output
    assert "   - figure: experiment 't'" in done.output
    assert "CHAOSNETRA_PROFILE=./NAME.json chaos run experiments/vpc_latency.json" in done.output


def test_the_profile_is_one_that_a_run_can_use(tmp_path: Path) -> None:
    before = written(tmp_path / "before", *EVERY)
    done = call(before, "--write-profile", "fixed", "--directory", tmp_path, "--format", "json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    path = tmp_path / "fixed.json"
    assert Path(said["profile_file"]) == path
    checks = {one["check"] for one in said["recommendations"]}
    assert f"CHAOSNETRA_PROFILE={path} chaos run experiments/vpc_latency.json" in checks
    profile = load_profile(str(path))
    assert profile.name == "fixed"
    assert profile.budgets.table_setup_seconds >= 25
    assert profile.pool.size + profile.pool.max_overflow == 31
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before", "fixed.json"]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fixed.json").write_text("mine")
    before = written(tmp_path / "before", *EVERY)
    done = call(before, "--write-profile", "fixed", "--directory", tmp_path)
    assert done.exit_code == 2
    assert "is there already" in done.stderr
    assert (tmp_path / "fixed.json").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 101, "a\nb", "\0"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    before = written(tmp_path / "before", *EVERY)
    done = call(before, "--write-profile", name, "--directory", tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: a profile's name")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    before = written(tmp_path / "before", *EVERY)
    done = call(before, "--write-profile", "fixed", "--directory", tmp_path / "none")
    assert done.exit_code == 2
    assert "is no folder" in done.stderr


def test_runs_with_several_profiles_make_none(tmp_path: Path) -> None:
    other = measured.measured(after=measured.GOOD)
    other["chaosnetra"]["profile"] = {**measured.PROFILE, "name": "another"}
    before = written(tmp_path / "before", *EVERY, other)
    done = call(before, "--write-profile", "fixed", "--directory", tmp_path)
    assert done.exit_code == 2
    assert "several profiles (another, issue-1263)" in done.stderr
    assert not (tmp_path / "fixed.json").exists()


def test_where_nothing_has_to_be_changed_no_profile_is_written(tmp_path: Path) -> None:
    before = written(tmp_path / "before", held_and_measured())
    said = call(before)
    assert said.exit_code == 0
    assert said.output == (
        "nothing has to be changed, from these journals, because 1 run kept within every budget, "
        "pool and connector measured\n"
    )
    done = call(before, "--write-profile", "fixed", "--directory", tmp_path)
    assert done.exit_code == 2
    assert not (tmp_path / "fixed.json").exists()


def held_and_measured() -> Any:
    """Startups under a fault whose steps were far from their budgets."""
    return measured.measured(after=measured.state(measured.checked(*measured.READY)))


def foreign(ready: int, *, under_fault: bool = True) -> Any:
    """Five startups of a service that tells no steps."""
    found = [
        measured.startup(n, **({} if n <= ready else {"error": {"text": "connection refused"}}))
        for n in range(1, 6)
    ]
    seen = measured.state(measured.checked(*found))
    if under_fault:
        return measured.measured(after=seen)
    data = measured.measured(before=seen, after=measured.GOOD)
    data["steady_states"]["after"], data["run"] = None, []
    data["chaosnetra"]["recovery"] = None
    return data


@pytest.mark.parametrize(
    ("journals", "runs", "reasons"),
    [
        ([foreign(0)], (0, 1, 0), ["1 run was violated, and which budgets its service has is not"]),
        ([foreign(5)], (1, 0, 0), ["1 run held, and which budgets its service has is not known"]),
        ([foreign(5), foreign(5)], (2, 0, 0), ["2 runs held, and which budgets their service has"]),
        (
            [measured.measured(after=measured.GOOD)],
            (1, 0, 0),
            ["1 run held, and nothing was tried under a fault"],
        ),
        (
            [held_and_measured(), foreign(0)],
            (1, 1, 0),
            ["1 run kept within every budget", "1 run was violated, and which budgets"],
        ),
        (
            [
                held_and_measured(),
                measured.measured(after=measured.GOOD, control_failures=["it broke"]),
            ],
            (1, 0, 1),
            ["1 run kept within every budget", "1 run: it proves nothing"],
        ),
    ],
)
def test_what_is_not_known_is_said_and_no_success(
    journals: list[Any], runs: tuple[int, int, int], reasons: list[str], tmp_path: Path
) -> None:
    folder = written(tmp_path / "before", *journals)
    said = call(folder)
    assert said.exit_code == 2, said.output
    assert said.output.startswith("nothing can be recommended, from these journals, because ")
    for reason in reasons:
        assert reason in said.output
    told = json.loads(call(folder, "--format", "json").output)
    assert tuple(told["runs"].values()) == runs
    assert list(told["runs"]) == ["held", "violated", "inconclusive"]
    assert told["not_known"]


def test_what_other_runs_leave_open_is_said_beside_what_is_recommended(tmp_path: Path) -> None:
    said = call(written(tmp_path / "before", *EVERY, foreign(0)))
    assert said.exit_code == 0
    assert said.output.rstrip().splitlines()[-1].startswith("Not known: 1 run was violated, and")
    assert "explains it" not in said.output


def test_a_violated_run_whose_budgets_sufficed_is_not_told_as_well(tmp_path: Path) -> None:
    data = held_and_measured()
    probe = data["steady_states"]["after"]["probes"][0]
    probe["output"]["held"] = probe["tolerance_met"] = False
    data["steady_states"]["after"]["steady_state_met"] = False
    said = call(written(tmp_path / "before", data))
    assert said.exit_code == 2
    assert "1 run was violated, and no budget, pool or connector that was measured explains it" in (
        said.output
    )


def test_a_journal_of_somebody_else_teaches_nothing(tmp_path: Path) -> None:
    foreign = journal()
    del foreign["chaosnetra"]
    done = call(written(tmp_path / "before", foreign))
    assert done.exit_code == 2
    assert "nothing can be recommended, from these journals, because 1 run: its journal does" in (
        done.output
    )


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"experiment": {"ti'])
def test_what_is_no_whole_journal_is_told_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "journal.json").write_text(text)
    done = call(tmp_path / "journal.json")
    assert done.exit_code == 7
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


HOSTILE = "<script>alert(1)</script>`rm -rf`\x1b[31m\n# [x](javascript:y)\u202e"


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    data = measured.swallowing_and_hiding()
    data["experiment"]["title"] = HOSTILE
    data["chaosnetra"]["experiment_file"] = f"a b; rm -rf ~ {HOSTILE}"
    for told in data["steady_states"]["after"]["probes"][0]["output"]["startups"]:
        told["error"]["text"] = HOSTILE
    done = call(written(tmp_path / "before", data))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    checks = [line for line in lines if line.startswith("   - check: ")]
    assert not any("<script>" in line for line in lines if line not in checks)
    # A check is a code span, which shows signs as they are; what is in it is quoted for a shell.
    assert {line.count("`") for line in checks} == {2}
    for line in checks:
        words = shlex.split(line.split("`")[1])
        assert words[:3] == ["CHAOSNETRA_PROFILE=./NAME.json", "chaos", "run"]
        assert len(words) == 4
    assert "\x1b" not in done.output
    assert not any(line.startswith("#") for line in lines)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), made=st.sampled_from(range(len(EVERY))))
def test_whatever_a_journal_holds_is_told_without_a_traceback(
    tmp_path: Path, seed: int, made: int
) -> None:
    rng = random.Random(seed)
    before = tmp_path / "before"
    before.mkdir(exist_ok=True)
    (before / "0.json").write_bytes(as_text(rng, mutate(rng, EVERY[made])))
    (before / "1.json").write_text(json.dumps(EVERY[(made + 1) % len(EVERY)]))
    options = ["--write-profile", "fixed", "--directory", tmp_path]
    for arguments in (["recommend", before], ["recommend", before, *options]):
        done = CliRunner().invoke(netra, [*map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert done.exit_code in (0, 2, 7)
        assert done.exit_code == 0 or done.output.strip()
    profile = tmp_path / "fixed.json"
    if profile.exists():
        load_profile(str(profile))
        profile.unlink()
    judged = CliRunner().invoke(netra, ["verdict", "--format", "json", str(before / "0.json")])
    assert isinstance(judged.exception, SystemExit | None), judged.exc_info


def test_what_no_profile_can_hold_makes_none(tmp_path: Path) -> None:
    """Round trips to save are no figure of a profile."""
    data = measured.behind_latency()
    data["chaosnetra"]["profile"] = {
        **measured.PROFILE,
        "budgets": {**vars(measured.OLD.budgets), "table_setup_seconds": 90},
    }
    data["steady_states"]["after"] = data["steady_states"]["before"]
    done = call(written(tmp_path / "b", data), "--write-profile", "f", "--directory", tmp_path)
    assert done.exit_code == 2
    assert "none of a profile's figures" in done.stderr
    assert "round trips of step finalize" in done.output
