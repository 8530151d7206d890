"""Two sides of runs compared."""

import pytest

from chaosnetra.evidence.compare.changes import Change
from chaosnetra.evidence.compare.comparison_text import comparison_text
from chaosnetra.evidence.verdict.verdict import Outcome
from tests.support.comparisons import FAST, SLOW, compared, in_environment, only, run
from tests.support.journals import BAD, journal

WHENS = ("without the fault", "under the fault")


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
