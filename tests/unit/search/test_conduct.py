"""How a search goes on, is interrupted, and is refused; its runs are simulated."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import InvalidInput, NotAllowed
from chaosnetra.runner.files import Experiment, RunFiles
from chaosnetra.runner.outcome import Kind, RunOutcome
from chaosnetra.search import conduct as conducting
from chaosnetra.search.beginning import Varied, Wanted, begun
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.conduct import conduct
from chaosnetra.search.endings import End
from chaosnetra.search.record import FILE, Search, read_search
from chaosnetra.search.subject import Subject, read_subject
from chaosnetra.search.trial import why_stopped
from tests.support.journals import journal
from tests.support.repository import ROOT
from tests.support.searches import trial

VPC = ROOT / "experiments" / "vpc_latency.json"
WANTED = Wanted(0, 0.3, 40, None, None, None, None, {"count": "3"})
TRUTH = 300.0


@pytest.fixture
def subject() -> Subject:
    return read_subject(VPC, "latency_ms", {"count": "3"})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> "Runs":
    made = Runs()

    @contextmanager
    def no_stand(settings: Any) -> Iterator[Mapping[str, str]]:
        yield {"STAND": "here"}

    monkeypatch.setattr(conducting, "shared_stand", no_stand)
    monkeypatch.setattr(conducting, "run_experiment", made)
    monkeypatch.delenv("CHAOSNETRA_SEED", raising=False)
    return made


class Runs:
    """Takes the place of `run_experiment`: it is violated above a value."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.environments: list[Mapping[str, str]] = []
        self.options: list[Sequence[str]] = []
        self.leaves_baseline = False
        self.leaves_journal = False
        self.times_to_live: list[str | None] = []
        self.interrupted_at = 1000
        self.kinds: list[Kind] = []

    def __call__(
        self,
        experiment: Experiment,
        folder: Path,
        *,
        variables: Mapping[str, str],
        environment: Mapping[str, str],
        options: Sequence[str],
        given_by: str,
    ) -> RunOutcome:
        assert given_by == "--set"
        assert variables["count"] == "3"
        if len(self.values) == self.interrupted_at:
            raise KeyboardInterrupt
        value = float(variables["latency_ms"])
        self.values.append(value)
        self.environments.append(environment)
        self.options.append(options)
        self.times_to_live.append(variables.get("time_to_live_seconds"))
        if self.leaves_baseline:
            Path(environment["CHAOSNETRA_BASELINE"]).write_text("{}")
        kind = Kind.VIOLATED if value > TRUTH else Kind.HELD
        if self.kinds:
            kind = self.kinds.pop(0)
        files = RunFiles(folder)
        if self.leaves_journal:
            folder.mkdir(parents=True)
            files.journal.write_text(json.dumps(journal()))
        return RunOutcome(experiment, kind, f"{kind}: it", (), files, None, None, 2.0, 0)


def made(subject: Subject, folder: Path, wanted: Wanted = WANTED) -> Search:
    said: list[str] = []
    search = begun(Varied(subject, 20, 2000), wanted, folder)
    found = conduct(subject, search, folder, wanted.variables, said.append)
    assert len(said) <= len(found.trials)
    return found


def test_held_and_violated_are_enough_to_search_by(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    point = conclude(made(subject, tmp_path / "s")).point
    assert point is not None
    assert point.low is not None
    assert point.high is not None
    assert point.low <= TRUTH <= point.high
    assert runs.values[:6] == [20, 40, 80, 160, 320, pytest.approx(250, abs=60)]


def test_a_run_that_proves_nothing_counts_for_nothing(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    runs.kinds = [Kind.BROKEN, Kind.BROKEN]
    found = made(subject, tmp_path / "s")
    assert runs.values == [20, 20]
    assert conclude(found).end is End.INCONCLUSIVE


def test_trials_have_seeds_and_the_stand(tmp_path: Path, subject: Subject, runs: Runs) -> None:
    made(subject, tmp_path / "s", replace(WANTED, seed=5, most_trials=2))
    baseline = str(tmp_path / "s" / "baseline.json")
    assert runs.environments == [
        {"CHAOSNETRA_SEED": seed, "STAND": "here", "CHAOSNETRA_BASELINE": baseline}
        for seed in ("6", "7")
    ]


def test_a_trial_has_the_baseline_that_the_one_before_left(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    runs.leaves_baseline = True
    # The second trial proves nothing, so what it left is not built on.
    runs.kinds = [Kind.HELD, Kind.BROKEN, Kind.HELD]
    made(subject, tmp_path / "s", replace(WANTED, most_trials=6))
    # And every fourth has its own.
    assert [bool(options) for options in runs.options] == [
        *(False, True, False, True),
        *(False, True),
    ]
    assert not (tmp_path / "s" / "baseline.json").exists()


def test_a_baseline_of_another_value_is_not_taken(tmp_path: Path, runs: Runs) -> None:
    runs.leaves_baseline = True
    counted = read_subject(VPC, "count", {"latency_ms": "3"})
    assert not counted.may_adopt
    fresh = read_subject(VPC, "latency_ms", {"target": "true", "readiness": "exit"})
    assert fresh.may_adopt
    assert not replace(fresh, same_baseline=False).may_adopt
    shared = replace(fresh.settings, database_state="shared")
    assert not replace(fresh, settings=shared).may_adopt


def test_an_interrupted_search_goes_on_where_it_was(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    folder = tmp_path / "s"
    runs.interrupted_at = 1
    with pytest.raises(KeyboardInterrupt):
        made(subject, folder)
    left = read_search(folder / FILE)
    assert (len(left.trials), left.interrupted) == (1, True)
    assert conclude(left).end is End.INTERRUPTED
    runs.interrupted_at = 1000
    found = made(subject, folder)
    assert found.trials[:1] == left.trials
    assert not read_search(folder / FILE).interrupted
    assert len(runs.values) == len(found.trials)


class Admission:
    """Lets so many trials act in staging."""

    environment = {"ADMITTED": "yes"}  # noqa: RUF012 - as a property of the real one

    def __init__(self, most: int) -> None:
        self.left = most

    def next_variables(self) -> Mapping[str, str]:
        self.left -= 1
        if self.left < 0:
            raise NotAllowed("the lease of this run was ended")
        return {"time_to_live_seconds": "60"}


def test_trials_in_staging_are_let_in_one_by_one(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    search = begun(Varied(subject, 20, 2000), WANTED, tmp_path / "s")
    runs.leaves_journal = True
    found = conduct(
        subject, search, tmp_path / "s", WANTED.variables, lambda line: None, Admission(2)
    )
    assert [one["ADMITTED"] for one in runs.environments] == ["yes", "yes"]
    assert runs.times_to_live == ["60", "60"]
    assert (conclude(found).end, conclude(found).exit_code) == (End.STOPPED, 2)
    assert found.stopped == "the lease of this run was ended"
    assert read_search(tmp_path / "s" / FILE) == found
    # The same call goes on.
    assert begun(Varied(subject, 20, 2000), WANTED, tmp_path / "s").stopped == ""


@pytest.mark.parametrize(
    ("says", "stops", "stops_locally"),
    [
        ({}, "", ""),
        ({"interrupted_by": "abort condition: no slots"}, "abort condition: no slots", "the same"),
        ({"refused": "somebody has changed it"}, "somebody has changed it", ""),
        ({"interrupted_by": "SIGTERM"}, "trial 1 was ended by SIGTERM", ""),
        ({"undo_failures": ["it is still scaled"]}, "trial 1 left something: it is still", ""),
        (None, "trial 1 left no journal (held: it did)", ""),
    ],
)
def test_what_a_trial_says_may_end_the_search(
    says: dict[str, Any] | None, stops: str, stops_locally: str
) -> None:
    data = None if says is None else {"chaosnetra": says}
    why = why_stopped(data, trial(20), in_staging=True)
    assert why.startswith(stops)
    assert bool(why) is bool(stops)
    assert bool(why_stopped(data, trial(20), in_staging=False)) is bool(stops_locally)


def test_a_bound_on_the_wrong_side_is_refused_once_the_ends_tell(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    with pytest.raises(InvalidInput, match="going up: give --at-least in place of --at-most"):
        made(subject, tmp_path / "s", replace(WANTED, at_most=400.0))
    assert runs.values == [2000, 20]
    found = made(subject, tmp_path / "s", replace(WANTED, at_least=100.0))
    assert runs.values[:2] == [2000, 20]
    assert conclude(found).bears_asked is True


def test_a_search_that_has_ended_makes_no_trial(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    first = made(subject, tmp_path / "s")
    assert made(subject, tmp_path / "s") == first
    assert len(runs.values) == len(first.trials)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"upper": 3000}, "span"),
        ({"seed": 1}, "seed"),
        ({"variables": {"count": "3", "profile": "issue-1263"}}, "set of variables"),
    ],
)
def test_another_search_is_not_gone_on_with(
    tmp_path: Path, subject: Subject, runs: Runs, changed: dict[str, Any], what: str
) -> None:
    runs.kinds = [Kind.BROKEN, Kind.BROKEN]
    made(subject, tmp_path)
    given = dict(changed)
    varied = Varied(subject, 20, given.pop("upper", 2000))
    with pytest.raises(InvalidInput, match=f"holds a search of another {what}"):
        begun(varied, replace(WANTED, **given), tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CHAOSNETRA_MAX_FAILURE_RATE", "0.4", "with 0.2 for max_failure_rate, and not 0.4"),
        ("CHAOSNETRA_DWELL_SECONDS", "7", "with its default for dwell_seconds, and not 7"),
    ],
)
def test_trials_with_other_values_are_not_gone_on_with(
    tmp_path: Path,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    told: str,
) -> None:
    def read() -> Subject:
        return read_subject(VPC, "latency_ms", WANTED.variables)

    found = made(read(), tmp_path / "s")
    assert made(read(), tmp_path / "s") == found
    monkeypatch.setenv("CHAOSNETRA_LATENCY_MS", "77")  # it is varied
    assert made(read(), tmp_path / "s") == found
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput, match=told):
        made(read(), tmp_path / "s")


def test_another_experiment_is_not_gone_on_with(
    tmp_path: Path, subject: Subject, runs: Runs
) -> None:
    runs.kinds = [Kind.BROKEN, Kind.BROKEN]
    made(subject, tmp_path / "s")
    copied = tmp_path / "other.json"
    copied.write_text(VPC.read_text() + "\n")
    with pytest.raises(InvalidInput, match="another experiment"):
        begun(Varied(replace(subject, path=copied), 20, 2000), WANTED, tmp_path / "s")
    assert runs.values == [20, 20]
