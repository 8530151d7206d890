"""Two sides of runs compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from chaosnetra.evidence.compare.comparison import Change, Comparison, ExperimentChange, compare
from chaosnetra.evidence.compare.comparison_text import comparison_text
from chaosnetra.evidence.compare.experiment_runs import gather
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.verdict import Outcome
from tests.support.journals import BAD, journal, state
from tests.support.journals import startups as startups_probe
from tests.support.observations import observation


def check(times: list[float], attempts: int, held: bool) -> dict[str, Any]:
    """A check with startups: those with a time were ready, the rest failed after 9 s."""
    listed = [
        {"number": n, "status": "ready", "seconds": seconds, "phase_seconds": {}}
        for n, seconds in enumerate(times, 1)
    ]
    listed += [{"number": 9, "status": "failed", "seconds": 9.0}] * (attempts - len(times))
    probe = startups_probe(len(times), attempts, startups=listed)
    return {**state(probe), "steady_state_met": held, "probes": [{**probe, "tolerance_met": held}]}


def run(
    under: list[float],
    *,
    attempts: int = 5,
    without: tuple[float, ...] = (1.0, 1.1, 1.2, 1.3, 1.4),
    held: bool | None = None,
    title: str = "t",
    **facts: Any,
) -> dict[str, Any]:
    """A journal with startups without the fault, under it, and after the rollbacks."""
    facts = {"time_scale": 0.1, "profile": {"name": "p"}, **facts}
    met = len(under) >= 0.8 * attempts if held is None else held
    data = journal(
        before=check(list(without), len(without), held=True),
        after=check(under, attempts, held=met),
        deviated=not met,
    )
    data["experiment"]["title"] = title
    complete(data, {"recovery": check(list(without), len(without), held=True), **facts})
    return data


def compared(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Comparison:
    sides = [
        gather(Journal(Path("j"), normalized(data), 1) for data in side) for side in (before, after)
    ]
    found = compare(*sides)
    json.dumps(found.to_json(), allow_nan=False)
    text = comparison_text(found)
    assert all(line == line.rstrip() for line in text.split("\n"))
    return found


def only(before: dict[str, Any], after: dict[str, Any]) -> ExperimentChange:
    (found,) = compared([before], [after]).experiments
    return found


WHENS = ("without the fault", "under the fault")
FAST = [2.0, 2.1, 2.2, 2.3, 2.4]
SLOW = [3.0, 3.1, 3.2, 3.3, 3.4]


@pytest.mark.parametrize(
    ("before", "after", "change", "regressions"),
    [
        ([], FAST, Change.FIXED, 0),
        (FAST, FAST, Change.STILL_HOLDS, 0),
        ([], [2.0], Change.STILL_FAILS, 0),
        (FAST, FAST[:3], Change.BROKEN, 1),
    ],
)
def test_what_became_of_an_experiment(
    before: list[float], after: list[float], change: Change, regressions: int
) -> None:
    found = only(run(before), run(after))
    assert found.change is change
    assert len(found.regressions) == regressions


def test_a_remediation_is_seen_in_rates_and_times() -> None:
    found = only(run([]), run(FAST))
    (rate,) = found.rates
    assert (rate.before, rate.after) == ((5, 5), (0, 5))
    assert rate.difference.value == -1
    assert rate.difference.interval.high < 0
    under = next(time for time in found.times if time.when == "under the fault")
    assert under.before.is_lower_bound
    assert (under.after.value, under.test.cliffs_delta) == (2.2, -1)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], FAST, "-100 points, more than chance explains: 95% confidence interval of the"),
        (FAST, FAST[:4], "+20 points, which chance may explain: 95% confidence interval of the"),
    ],
)
def test_a_difference_is_told_with_what_chance_may_have_to_do_with_it(
    before: list[float], after: list[float], told: str
) -> None:
    text = comparison_text(compared([run(before)], [run(after)]))
    assert f"; difference {told} difference " in text
    assert "(Newcombe)" in text


def test_a_failure_rate_that_certainly_rose_is_a_regression_though_the_rule_still_holds() -> None:
    clean, worse = [2.0] * 200, [2.0] * 170
    found = only(run(clean, attempts=200), run(worse, attempts=200))
    assert found.change is Change.STILL_HOLDS
    assert found.regressions == ["startups fails more often under the fault"]


def test_one_failure_of_five_is_no_regression() -> None:
    assert only(run(FAST), run(FAST[:4])).regressions == []


def test_slower_startups_under_the_fault_are_a_regression() -> None:
    found = only(run(FAST), run(SLOW))
    assert found.change is Change.STILL_HOLDS
    assert found.regressions == [
        "startups under the fault are slower, beyond what those without it are"
    ]
    assert only(run(SLOW), run(FAST)).regressions == []


def test_a_slower_machine_is_no_regression() -> None:
    slower = tuple(1.45 * time for time in (1.0, 1.1, 1.2, 1.3, 1.4))
    assert only(run(FAST), run(SLOW, without=slower)).regressions == []


def test_failures_that_the_machine_explains_are_no_regression() -> None:
    late = run([], attempts=20)
    for each in ("before", "after"):
        output = late["steady_states"][each]["probes"][0]["output"]
        output |= {
            "machine_share": {"cores": 1},
            "startup_timeout_seconds": 5,
            "max_failure_rate": 0,
        }
        for one in output["startups"]:
            delayed = one["seconds"] - 1
            one |= {"processors": {"cpu_seconds": 0.9, "delayed_seconds": delayed}}
            one |= {"status": "timed_out", "late": True} if each == "after" else {}
    found = only(run(FAST * 4, attempts=20), late)
    assert (found.refused, found.change, found.regressions) == ([], Change.UNPROVEN, [])


def test_a_little_slower_is_no_regression() -> None:
    assert only(run(FAST), run([time * 1.2 for time in FAST])).regressions == []


def test_what_chance_explains_is_no_regression() -> None:
    """Much slower, of two startups: nobody can tell."""
    found = only(
        run([2.0, 2.1], attempts=2, without=(1.0, 1.1)),
        run([4.0, 4.1], attempts=2, without=(1.0, 1.1)),
    )
    assert found.regressions == []


def test_many_comparisons_make_no_regression_out_of_chance() -> None:
    """Alone, 0 of 20 against 5 of 20 is a rise; among thirty such comparisons it is none."""
    few, more = [2.0] * 20, [2.0] * 15
    alone = only(run(few, attempts=20, held=True), run(more, attempts=20, held=True))
    assert alone.rates[0].rise_proven
    before = [run(few, attempts=20, held=True, title=f"t{n}") for n in range(30)]
    after = [run(few, attempts=20, held=True, title=f"t{n}") for n in range(29)]
    after.append(run(more, attempts=20, held=True, title="t29"))
    found = compared(before, after)
    assert not found.regressed
    worse = next(one for one in found.experiments if one.title == "t29")
    assert worse.rates[0].difference.is_rise
    assert not worse.rates[0].rise_proven


def test_runs_of_one_experiment_are_taken_together() -> None:
    found = compared([run(FAST), run(FAST[:4])], [run(FAST)] * 3).experiments[0]
    assert (found.rates[0].before, found.rates[0].after) == ((1, 10), (0, 15))
    assert found.before is not None
    assert found.before.to_json()["runs"] == 2


def test_one_violated_run_of_several_is_violated() -> None:
    found = compared([run(FAST)], [run(FAST), run([])]).experiments[0]
    assert found.change is Change.BROKEN
    assert found.after is not None
    assert found.after.outcome is Outcome.VIOLATED
    assert "startups" in found.after.reason


def test_times_at_another_time_scale_are_not_compared() -> None:
    found = only(run(FAST), run(SLOW, time_scale=1))
    assert found.times == []
    assert found.notes == (
        "startup times were not compared: the time scale was 0.1 before and 1 after",
    )


def test_a_missing_experiment_makes_the_comparison_incomplete_and_a_new_one_does_not() -> None:
    both, gone = run(FAST), run(FAST, title="gone")
    assert not compared([both, gone], [both]).complete
    assert compared([both], [both, gone]).complete
    assert not compared([gone], [both]).complete
    assert not compared([], []).complete


def test_a_run_that_proves_nothing_makes_the_comparison_incomplete() -> None:
    found = compared([run(FAST)], [run(FAST, crashed="KeyError")])
    assert not found.regressed
    assert not found.complete
    assert found.experiments[0].change is Change.UNPROVEN


def test_journals_without_startups_are_compared_by_their_verdicts() -> None:
    held, violated = journal(), journal(after=BAD)
    for data in (held, violated):
        del data["chaosnetra"]
    found = only(held, violated)
    assert (found.change, found.rates, found.times) == (Change.BROKEN, [], [])


def test_so_few_startups_tell_no_difference_of_times() -> None:
    one, other = run([2.0], attempts=1), run([1.0], attempts=1)
    text = comparison_text(compared([one], [other]))
    (line,) = [line for line in text.split("\n") if line.startswith("- startups under")]
    assert "median 2 s (n = 1) before, 1 s (n = 1) after" in line
    assert "1 and 1 are too few to tell a difference from chance" in line
    assert not {"faster", "Cliff's", "Mann-Whitney", "large"} & set(line.replace(";", "").split())


HOSTILE = "<script>alert(1)</script>\n# [x](http://e) | `\x1b[31m`"


def test_hostile_text_stays_text() -> None:
    text = comparison_text(
        compared([run(FAST, title=HOSTILE)], [run([], title=HOSTILE, profile={"name": HOSTILE})])
    )
    assert "<script" not in text.replace("\\<script", "")
    assert "\x1b" not in text
    assert "\n# [" not in text
    assert "[x](" not in text.replace("\\[x\\](", "")


def command(*arguments: object) -> Result:
    return CliRunner().invoke(netra, ["compare", *map(str, arguments)])


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.json"
    path.write_text(json.dumps(run(FAST)))
    return path


@pytest.fixture
def violated(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "journal.json").write_text(json.dumps(run([])))
    return folder.parent


def test_the_command_says_what_changed(held: Path, violated: Path) -> None:
    done = command(violated, held)
    assert done.exit_code == 0
    assert done.output.startswith(
        "**No regression, and better**\n- t: previously failing, now holds\n"
        "- t: startups fails less often under the fault\n\n## t\npreviously failing, now holds\n"
    )
    assert "5 of 5 (100%) before, 0 of 5 (0%) after" in done.output


def test_a_regression_is_exit_code_1_and_comes_first(held: Path, violated: Path) -> None:
    done = command(held, violated)
    assert done.exit_code == 1
    assert done.output.startswith("**Regression**\n- t: previously held, now fails: after the")


def test_what_cannot_be_compared_is_exit_code_2(held: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(run(FAST, title="other")))
    done = command(held, other)
    assert done.exit_code == 2
    assert "**Not all could be compared**" in done.output
    assert "it was run only before" in done.output


def test_an_unreadable_journal_is_exit_code_7_and_one_line(held: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_text('{"experiment": ')
    for arguments in ((torn, held), (held, torn), (held, tmp_path / "none")):
        done = command(*arguments)
        assert (done.exit_code, done.stdout) == (7, "")
        assert done.stderr.count("\n") == 1


def test_json_says_the_same(held: Path, violated: Path) -> None:
    done = command("--format", "json", violated, held)
    assert done.exit_code == 0
    said = json.loads(done.output)
    (experiment,) = said["experiments"]
    assert (said["regressed"], said["complete"]) == (False, True)
    assert experiment["change"] == "previously failing, now holds"
    assert experiment["rates"][0]["before"] == {"failures": 5, "trials": 5}
    assert experiment["before"]["outcome"] == "violated"
    assert experiment["times"][1]["test"]["effect"] == "large"


def add_latency(milliseconds: Any, **more: Any) -> dict[str, Any]:
    arguments = {"latency_ms": milliseconds, **more}
    provider = {
        "type": "python",
        "module": "chaosnetra.toxiproxy.actions",
        "func": "add_latency",
        "arguments": arguments,
    }
    return {"type": "action", "name": "inject", "provider": provider}


def with_method(data: dict[str, Any], *method: dict[str, Any]) -> dict[str, Any]:
    data["experiment"]["method"] = list(method)
    return data


def toxic(latency: int) -> dict[str, Any]:
    parameters = {"kind": "toxic", "type": "latency", "attributes": {"latency": latency}}
    return {"name": "t", "parameters": parameters, "effect": None}


def in_state(data: dict[str, Any], mode: str) -> dict[str, Any]:
    for check in (data["steady_states"]["before"], data["steady_states"]["after"]):
        check["probes"][0]["output"]["database_state"] = {"mode": mode}
    return data


APPLY = {
    "type": "action",
    "name": "inject",
    "provider": {
        "type": "python",
        "module": "chaosnetra.pressure.actions",
        "func": "apply_pressure",
        "arguments": {
            "local": add_latency("${latency_ms}")["provider"],
            "staging": {"module": "m", "func": "scale_service", "arguments": {}},
        },
    },
}

INCOMPARABLE = [
    ("target", run(FAST, target="python a.py"), run(FAST, target="python b.py"),
     "not comparable: the target was python a.py before and python b.py after"),
    ("faults", with_method(run(FAST), add_latency(500)), with_method(run(FAST), add_latency(50)),
     ("not comparable: what was injected was add_latency(latency_ms 500) before and "
     "add_latency(latency_ms 50) after")),
    ("faults",
     with_method(run(FAST, configuration={"latency_ms": "500"}, environment="local"), APPLY),
     with_method(run(FAST, configuration={"latency_ms": "50"}, environment="local"), APPLY),
     ("not comparable: what was injected was add_latency(latency_ms 500) before and "
     "add_latency(latency_ms 50) after")),
    ("faults", with_method(run(FAST, faults=[toxic(500)]), add_latency("${latency_ms}")),
     with_method(run(FAST, faults=[toxic(50)]), add_latency("${latency_ms}")),
     ("not comparable: what Toxiproxy did at time scale 0.1 was "
     'latency {"latency": 500} before and latency {"latency": 50} after')),
    ("count", run(FAST), run(FAST * 2, attempts=10),
     "not comparable: how many startups tried at once was 5 before and 10 and 5 after"),
    ("database_state", in_state(run(FAST), "shared"), in_state(run(FAST), "fresh"),
     "not comparable: the database state was shared before and fresh after"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "after", "line"), INCOMPARABLE)
def test_what_makes_a_comparison_meaningless_is_refused_unless_it_is_allowed(
    kind: str, before: dict[str, Any], after: dict[str, Any], line: str, tmp_path: Path
) -> None:
    found = only(before, after)
    assert found.change is Change.UNPROVEN
    assert found.refused[0] == line
    assert [*found.rates, *found.times, *found.regressions] == []
    for name, data in (("before", before), ("after", after)):
        (tmp_path / name).write_text(json.dumps(data))
    sides = [str(tmp_path / name) for name in ("before", "after")]
    refused = CliRunner().invoke(netra, ["compare", *sides])
    assert refused.exit_code == 2, refused.output
    assert refused.output.startswith("**Not all could be compared**\n- t: not comparable: ")
    assert f"\nTo compare all the same: `--allow {kind}`\n" in refused.output
    allowed = CliRunner().invoke(netra, ["compare", *sides, "--allow", kind])
    assert allowed.exit_code == 0, allowed.output
    assert allowed.output.startswith("**No regression**")
    assert line.removeprefix("not comparable: ")[:20] in allowed.output


def test_a_worse_result_of_another_target_is_no_regression() -> None:
    found = only(run(FAST, target="a"), run([], target="b"))
    assert found.regressions == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (run(FAST, target="a"), run(FAST)),
        (run(FAST), in_state(run(FAST), "fresh")),
        (with_method(run(FAST), add_latency("500", name="one")),
         with_method(run(FAST), add_latency(500.0, name="another"))),
        (with_method(run(FAST), add_latency("${latency_ms}")),
         with_method(run(FAST), add_latency(50))),
        (with_method(run(FAST, configuration={"ms": "5"}), add_latency("${ms}")),
         with_method(run(FAST, configuration={"ms": 5, "x": 1}), add_latency("${ms}"))),
    ],
    ids=["unknown target", "unknown state", "written otherwise", "not resolved", "same value"],
)  # fmt: skip
def test_what_is_the_same_or_not_known_is_compared(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = only(before, after)
    assert found.refused == []
    assert found.change is Change.STILL_HOLDS


def test_local_and_staging_are_compared_and_what_differs_is_told() -> None:
    local = with_method(
        run(FAST, environment="local", configuration={"latency_ms": "50"}, target="a"), APPLY
    )
    staging = with_method(
        run(FAST, environment="staging", configuration={"latency_ms": "50"}, target="b"), APPLY
    )
    found = only(local, staging)
    assert found.change is Change.STILL_HOLDS
    lines = [one.line for one in found.differences]
    assert "the target was a before and b after" in lines
    assert (
        "what was injected was add_latency(latency_ms 50) before and scale_service() after" in lines
    )


def in_environment(
    name: str, round_trips: int, set_up: int, method: str, **launch: Any
) -> dict[str, Any]:
    """A run whose startups asked so often, one question after the other."""
    data = with_method(run(FAST, environment=name), add_latency(50))
    counts = {"serial_round_trips": round_trips, "serial_setup_round_trips": set_up}
    seen = json.loads(json.dumps(observation(1.0, **counts).to_json()))
    for stage in ("before", "after"):
        output = data["steady_states"][stage]["probes"][0]["output"]
        output |= {"startup_method": method, **launch}
        for startup in output["startups"]:
            startup["wire"] = seen
    return data


@pytest.mark.parametrize(
    ("there", "set_up", "note"),
    [
        (138, 4, "round trips agree: 138 one after the other in both environments"),
        (137, 3, "round trips agree: 134 one after the other in both environments, beside 4 and 3"),
        (137, 4, "round trips must agree in both environments, and do not (138 and 137 one after "),
        (130, 4, "round trips must agree in both environments, and do not (138 and 130 one after "),
    ],
)
def test_of_one_fault_in_two_environments_the_path_and_round_trips_are_told(
    there: int, set_up: int, note: str
) -> None:
    local = in_environment("local", 138, 4, "fork")
    staging = in_environment("staging", there, set_up, "job", launch={"path": {}})
    found = only(local, staging)
    assert found.change is Change.STILL_HOLDS
    same = "the environment was local before and staging after: other machines, the same pressure"
    assert found.notes[0] == same
    assert found.notes[1].startswith(note)
    lines = [one.line for one in found.differences]
    path = "the path of the startups to their database was this machine's before and each task's"
    assert f"{path} own after" in lines
    staging["chaosnetra"]["plan"] = {"environment": "staging, rehearsed"}
    assert only(local, staging).notes[0] == (
        "the environment was local before and a rehearsal of staging after: the same pressure"
    )
    staging["chaosnetra"]["time_scale"] = 1
    found = only(local, staging)
    assert found.notes[0].startswith("startup times were not compared: the time scale was")
    assert found.notes[2].startswith(note)
    assert [one.when for one in found.wire] == ["without the fault", "under the fault"]


def test_round_trips_that_went_are_told_at_the_top_and_those_that_came_too() -> None:
    """As where the questions of a loop were made one: too few startups for their times to tell."""
    before, after = (in_environment("local", trips, 4, "fork") for trips in (32, 11))
    fewer = only(before, after)
    fell = [f"round trips one after the other fell from 32 to 11 {when}" for when in WHENS]
    assert (fewer.improvements, fewer.asks_more) == (fell, [])
    top = comparison_text(compared([before], [after])).split("\n\n")[0]
    assert top.split("\n") == ["**No regression, and better**", *(f"- t: {one}" for one in fell)]
    more = only(after, before)
    rose = [f"round trips one after the other rose from 11 to 32 {when}" for when in WHENS]
    assert (more.improvements, more.asks_more, more.regressions) == ([], rose, [])
    assert comparison_text(compared([after], [before])).startswith("**No regression**\n- t: round")


@pytest.mark.parametrize(("trips", "environment"), [(11, "staging"), (31, "local"), (32, "local")])
def test_what_is_noise_or_another_path_is_no_improvement(trips: int, environment: str) -> None:
    before = in_environment("local", 32, 4, "fork")
    after = in_environment(environment, trips, 4, "fork")
    assert (only(before, after).improvements, only(before, after).asks_more) == ([], [])


def test_one_startup_that_asks_as_much_as_before_leaves_it_open() -> None:
    before, after = (in_environment("local", trips, 4, "fork") for trips in (32, 11))
    for stage in ("before", "after"):
        startups = after["steady_states"][stage]["probes"][0]["output"]["startups"]
        one = before["steady_states"][stage]["probes"][0]["output"]["startups"][0]
        startups[0]["wire"] = one["wire"]
    assert only(before, after).improvements == []


@pytest.mark.parametrize(("startups", "told"), [(4, True), (3, False)])
def test_waits_alone_have_to_be_certain(startups: int, told: bool) -> None:
    sides = []
    for seconds in (6.4, 2.2):
        data = in_environment("local", 32, 4, "fork")
        for stage in ("before", "after"):
            output = data["steady_states"][stage]["probes"][0]["output"]
            del output["startups"][startups:]
            for one in output["startups"]:
                one["wire"] = {**one["wire"], "waited_seconds": seconds}
        sides.append(data)
    fell = [f"waits fell from 6.4 s to 2.2 s {when}" for when in WHENS]
    assert only(*sides).improvements == (fell if told else [])


def test_of_settings_only_those_that_differ_are_told() -> None:
    def settings(limit: str, host: str) -> dict[str, Any]:
        environment = {f"PG{number}": "{placeholder}" for number in range(40)}
        given = {"target_environment": {**environment, "PGHOST": host}}
        return given | {"readiness": "exit", "startup_timeout_seconds": limit}

    before, after = settings("20", "{host}"), settings("35", "a, b=c")
    (found,) = only(run(FAST, settings=before), run(FAST, settings=after)).differences
    assert found.line == (
        "what was set other than by default was startup_timeout_seconds=20, "
        "target_environment.PGHOST={host} before and startup_timeout_seconds=35, "
        "target_environment.PGHOST=a, b=c after"
    )


def test_what_else_differs_is_told_beside_the_comparison() -> None:
    profile = {"name": "p", "budgets": {"table_setup_seconds": 5}}
    before = run(FAST, settings={"readiness": "exit"}, profile=profile)
    other = {**profile, "budgets": {"table_setup_seconds": 25}}
    after = run(FAST, settings={"connector": "emulator"}, profile=other)
    after["experiment"]["steady-state-hypothesis"]["title"] = "another"
    found = only(before, after)
    assert found.change is Change.STILL_HOLDS
    assert [one.line for one in found.differences] == [
        "the content of profile p differs",
        "the steady state of the experiment differs",
        "what was set other than by default was readiness=exit before and connector=emulator after",
    ]
    assert "- the content of profile p differs" in comparison_text(compared([before], [after]))


def test_where_there_is_none_of_it_that_is_said_in_a_word() -> None:
    """Not with an empty place, nor as if a setting were a thing that can be empty."""
    (settings,) = only(run(FAST, settings={}), run(FAST, settings={"seed2": "1"})).differences
    assert (
        settings.line == "what was set other than by default was nothing before and seed2=1 after"
    )
    mixed = [run(FAST, settings={}), run(FAST, settings={"readiness": "exit"})]
    (found,) = compared(mixed, [run(FAST, settings={})]).experiments
    lines = [one.line for one in found.differences]
    said = "what was set other than by default was nothing and readiness=exit before and nothing"
    assert lines == [f"{said} after"]


def test_the_answer_that_a_tolerance_judged_is_no_difference() -> None:
    before, after = run(FAST), run(FAST)
    for value, data in ((1, before), (2, after)):
        provider = {"func": "held", "arguments": {"value": value}}
        hypothesis = data["experiment"]["steady-state-hypothesis"]
        hypothesis["probes"] = [{"tolerance": {"type": "probe", "provider": provider}}]
    assert only(before, after).differences == []


def test_several_targets_on_one_side_are_not_taken_together() -> None:
    mixed = [run(FAST, target="a"), run(FAST, target="b")]
    (found,) = compared(mixed, mixed).experiments
    assert found.refused == ["not comparable: the target was a and b before and a and b after"]
