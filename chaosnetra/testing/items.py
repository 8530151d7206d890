"""Experiment files as what pytest collects and runs."""

import re
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.runner.files import Experiment
from chaosnetra.runner.outcome import Kind, RunOutcome, last_lines
from chaosnetra.runner.process import run_experiment
from chaosnetra.runner.reports import write_reports
from chaosnetra.text import one_line

REPORTS = ("report.html", "report.md")
OUTPUT = "output of chaos run"


@dataclass(frozen=True)
class Options:
    """How experiments are run, by pytest's options.

    Attributes:
        limit_seconds: what one may take.
        markers: that its tags may give it.
        folder: where it leaves journal and reports; None: one of pytest's temporary folders.
    """

    limit_seconds: float
    markers: Collection[str]
    folder: Path | None


class ExperimentFile(pytest.File):
    """One experiment: one test. To pass one over that cannot be parsed would hide it."""

    def __init__(self, experiment: Experiment, options: Options, **named: Any) -> None:
        super().__init__(**named)
        self._experiment = experiment
        self._options = options

    def collect(self) -> Iterator[pytest.Item]:
        if self._experiment.broken is not None:
            raise self.CollectError(self._experiment.broken)
        yield ExperimentItem.from_parent(
            self,
            name=self._experiment.path.stem,
            experiment=self._experiment,
            options=self._options,
        )


class ExperimentItem(pytest.Item):
    """Runs its experiment to set up, and is passed when the steady state held.

    An experiment that proves nothing is an error of the set-up and no failure: it says nothing of
    the system. Tags are markers where they are known as such, and words for `-k` anyway.
    """

    has_closing_screen = True  # known to the plug-in, which does not import this module

    def __init__(self, experiment: Experiment, options: Options, **named: Any) -> None:
        super().__init__(**named)
        self._experiment = experiment
        self._options = options
        self._outcome: RunOutcome | None = None
        self._told = ""
        for marker in experiment.markers:
            if marker in options.markers:
                self.add_marker(marker)
        self.extra_keyword_matches.update(experiment.tags, experiment.markers)

    def setup(self) -> None:
        if self.config.getoption("setuponly", default=False):
            return
        folder = self._folder() / self._slug
        try:
            outcome = run_experiment(
                self._experiment, folder, limit_seconds=self._options.limit_seconds
            )
        except OSError as error:
            pytest.fail(
                f"{folder} cannot be written: {error.strerror}; give --chaos-output-folder another "
                "folder",
                pytrace=False,
            )
        self._told = outcome.told(self._attach(outcome))
        if outcome.kind not in (Kind.HELD, Kind.VIOLATED):
            pytest.fail(self._told, pytrace=False)
        self._outcome = outcome

    def runtest(self) -> None:
        if self._outcome is not None and self._outcome.kind is Kind.VIOLATED:
            pytest.fail(self._told, pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, one_line(self._experiment.title or self.name)

    @property
    def _slug(self) -> str:
        """Tells the folders of a session's experiments apart."""
        return re.sub(r"[^\w.-]+", "-", self.nodeid.rpartition("::")[0])

    def _folder(self) -> Path:
        if self._options.folder is not None:
            return self._options.folder
        # pytest has no public name for it where there are no fixtures.
        factory: pytest.TempPathFactory | None = getattr(self.config, "_tmp_path_factory", None)
        if factory is not None:
            return Path(factory.getbasetemp(), "chaos")
        return Path(tempfile.mkdtemp(prefix="chaosnetra-pytest-"))

    def _attach(self, outcome: RunOutcome) -> str | None:
        """Put the evidence where it is found: JUnit's properties, and for one without a journal
        the end of its output.

        Returns:
            Where the report is, or why there is none; None without a journal.
        """
        self.user_properties.append(("chaos_outcome", outcome.kind.value))
        self.user_properties.append(("chaos_verdict", outcome.line))
        if outcome.journal is None:
            self.add_report_section("setup", OUTPUT, "\n".join(last_lines(outcome.files.output)))
            return None
        self.user_properties.append(("chaos_journal", str(outcome.journal)))
        reports = [outcome.files.folder / name for name in REPORTS]
        why_not = write_reports([outcome.journal], reports)
        if why_not is None:
            self.user_properties += [("chaos_report", str(report)) for report in reports]
        return why_not or str(reports[0])
