"""Lints, runs, reports and compares experiments, one after the other."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from chaosnetra.ci.validation import Validation, summary
from chaosnetra.documents.findings import Severity
from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.evidence.compare.comparison import Comparison, compare
from chaosnetra.evidence.compare.experiment_runs import gather
from chaosnetra.evidence.journal.reading import read_journal, read_journals
from chaosnetra.lint.check import lint_file
from chaosnetra.lint.modules import Modules
from chaosnetra.runner.files import Experiment, RunFiles
from chaosnetra.runner.outcome import RunOutcome, not_run
from chaosnetra.runner.process import run_experiment
from chaosnetra.runner.reports import write_reports
from chaosnetra.whole_file import write_whole

Say = Callable[[str], None]
REPORTS = ("report.html", "report.md", "junit.xml")
NO_BASELINE = "none was given"


def validate(
    experiments: Sequence[Experiment],
    folder: Path,
    *,
    baseline: Path | None,
    limit_seconds: float,
    lint: bool,
    say: Say,
    given: Mapping[str, str] | None = None,
) -> Validation:
    """Run experiments and write all that is known of them.

    Args:
        experiments: at least one.
        folder: gets a folder an experiment with its journal, events and output; and `result.json`,
            `summary.md`, `report.html`, `report.md`, `junit.xml`. New or empty.
        baseline: a folder of such journals; one that is not there, or empty, is no baseline yet.
        limit_seconds: what one experiment may take.
        lint: whether one in which `lint` finds an error is not run.
        say: called with each line of what happens.
        given: settings, and keys of the experiments' configuration.

    Raises:
        InvalidInput: the folder is in use.
        OSError: it cannot be written.
    """
    _prepare(folder)
    say = _as_long_as_heard(say)
    outcomes: list[RunOutcome] = []
    interrupted = False
    try:
        for outcome in _outcomes(experiments, folder, limit_seconds, lint, say, given):
            outcomes.append(outcome)
            say(f"{outcome.experiment.path}: {outcome.line}")
    except KeyboardInterrupt:
        interrupted = True
        outcomes += [
            not_run(experiment, RunFiles(folder), "broken: interrupted before its end")
            for experiment in experiments[len(outcomes) :]
        ]
    comparison, said, unusable = _compared(outcomes, baseline)
    validation = Validation(
        outcomes,
        comparison,
        said,
        baseline_unusable=unusable,
        reports_missing=_report(outcomes, folder),
        interrupted=interrupted,
    )
    write_whole(folder / "summary.md", summary(validation))
    write_whole(folder / "result.json", json.dumps(validation.to_json(), indent=2) + "\n")
    return validation


def _prepare(folder: Path) -> None:
    """What an earlier call left would be taken for this one's, here and as the next baseline."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is there and not empty", "--output-folder to a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot be made: {error.strerror}", "--output-folder to another folder"
        ) from None


def _as_long_as_heard(say: Say) -> Say:
    """What is said to nobody any more, as to a closed pipe, ends no run."""

    def said(line: str) -> None:
        with suppress(OSError):
            say(line)

    return said


def _outcomes(
    experiments: Sequence[Experiment],
    folder: Path,
    limit_seconds: float,
    lint: bool,
    say: Say,
    given: Mapping[str, str] | None,
) -> Iterator[RunOutcome]:
    modules = Modules()
    names: set[str] = set()
    for experiment in experiments:
        name = experiment.path.stem
        while name in names:
            name = f"{name}_again"
        names.add(name)
        say(f"=== {experiment.path}")
        if experiment.broken is not None:
            yield not_run(experiment, RunFiles(folder / name), f"broken: {experiment.broken}")
            continue
        errors = _errors(experiment, modules, say) if lint else []
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            files = RunFiles(folder / name)
            yield not_run(experiment, files, f"broken: lint: {errors[0]}{more}")
            continue
        yield run_experiment(
            experiment,
            folder / name,
            limit_seconds=limit_seconds,
            variables=given,
            given_by="--set",
            told=say,
        )


def _errors(experiment: Experiment, modules: Modules, say: Say) -> list[str]:
    """What lint finds that makes a run worthless; all that it finds is said."""
    errors = []
    for finding in lint_file(experiment.path, modules):
        say(finding.text)
        if finding.severity is Severity.ERROR:
            errors.append(finding.text)
    return errors


def _compared(
    outcomes: Sequence[RunOutcome], baseline: Path | None
) -> tuple[Comparison | None, str, bool]:
    """The comparison, the baseline as a line, and whether it cannot be used."""
    if baseline is None:
        return None, NO_BASELINE, False
    if not baseline.is_dir() or not any(baseline.rglob("*.json")):
        return None, f"there is none in {baseline} yet; this run can be the first", False
    journals = [outcome.journal for outcome in outcomes if outcome.journal is not None]
    try:
        before = gather(read_journals(baseline))
    except Unreadable as error:
        return None, f"it cannot be used: {error}", True
    if not journals:
        return None, f"{baseline}; nothing to compare it with", False
    return compare(before, gather(map(read_journal, journals))), str(baseline), False


def _report(outcomes: Sequence[RunOutcome], folder: Path) -> str | None:
    """Write the reports; None when all are there, else what is missing."""
    journals = [outcome.journal for outcome in outcomes if outcome.journal is not None]
    paths = [folder / name for name in REPORTS]
    from chaosnetra.ci.junit import write_junit  # with what writes JUnit

    missing = write_reports(journals, paths) if journals else "no run left a journal"
    try:
        write_junit(paths[-1], outcomes, reported=missing is None)
    except (OSError, SyntaxError) as error:
        missing = missing or f"junit.xml is not complete: {error}"
    return missing
