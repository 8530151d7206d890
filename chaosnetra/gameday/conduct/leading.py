"""From a plan's file to a day that was led: the locks, the checks, the record, the people."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import Document, read_document
from chaosnetra.errors import ChaosnetraError, InvalidInput, Unreadable
from chaosnetra.gameday.conduct.conductor import Conductor
from chaosnetra.gameday.conduct.monitored import AbortMonitor
from chaosnetra.gameday.conduct.rehearsal import stand_for_rehearsal
from chaosnetra.gameday.conduct.results import Exit, exit_code
from chaosnetra.gameday.conduct.signals import Signals
from chaosnetra.gameday.people.answers import Say, Scripted, Unattended, read_answers
from chaosnetra.gameday.people.interface import Interface, Left, Style
from chaosnetra.gameday.people.view import plain_say
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.gameday.plan.preflight import preflight
from chaosnetra.gameday.plan.reading import parse_gameday, read_gameday
from chaosnetra.gameday.record.entries import Entry, is_closed, read_entries, run_in_progress
from chaosnetra.gameday.record.folders import PlanLock, latest_folder, new_folder
from chaosnetra.gameday.record.record import Record, RecordLost
from chaosnetra.gameday.record.states import DayStage, Kind
from chaosnetra.processes.identity import started
from chaosnetra.runner.ending import end_and_undo

Checks = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """How a day is to be led.

    Attributes:
        plan: its file.
        parent: folder in which days are kept.
        yes: nobody is there; everything is answered as the plan expects.
        answers: a file of answers; see `chaosnetra.gameday.people.answers`.
        resume: go on with the last day of this file, which has not ended.
        new: begin another one all the same.
        rehearsal: on the local stand.
    """

    plan: Path
    parent: Path
    yes: bool = False
    answers: Path | None = None
    resume: bool = False
    new: bool = False
    rehearsal: bool = False

    def check_answers(self) -> None:
        """That somebody or something can answer.

        Raises:
            InvalidInput: nobody can.
            Unreadable: the file of answers cannot be read.
        """
        if self.yes and self.answers is not None:
            raise InvalidInput("--yes and --answers cannot both answer; leave one of them out")
        if self.answers is not None:
            read_answers(self.answers)
        elif not self.yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise InvalidInput(
                "there is no terminal to answer at; give --answers FILE, or --yes for a rehearsal"
            )

    def interface(self, say: Say) -> Interface:
        """The people of the day; `say` shows a line where there is no terminal."""
        if self.yes:
            return Unattended(say)
        if self.answers is not None:
            return Scripted(read_answers(self.answers), say)
        from chaosnetra.gameday.people.keys import Keyboard
        from chaosnetra.gameday.people.terminal import Terminal
        from chaosnetra.gameday.people.view import terminal_view

        view = terminal_view()
        return Terminal(Keyboard(sys.stdin), view)

    def terminal_to_restore(self) -> str | None:
        """The terminal of the day, for the monitor; see `kept_terminal`."""
        if self.yes or self.answers is not None:
            return None
        from chaosnetra.gameday.people.keys import kept_terminal

        return kept_terminal(sys.stdin)


class Refused(ChaosnetraError):
    """The day does not begin; the message says why."""


def lead_day(options: Options, say: Say = plain_say) -> Exit:
    """Lead a day, from its beginning or from where it was left.

    Raises:
        ChaosnetraError: it does not begin; nothing was run.
    """
    if options.plan.is_dir():
        raise Unreadable(f"{options.plan}: it is a folder; name the file of a plan")
    if not options.resume and not options.plan.is_file():
        raise Unreadable(f"{options.plan}: there is no such file")
    signals = Signals()
    leading = _Leading(options, signals, say)
    with signals.listening():
        try:
            return leading.lead()
        except KeyboardInterrupt:
            return leading.left(
                Exit.LEFT, f"{signals.received} came before everything was checked; nothing was run"
            )


@dataclass(frozen=True)
class _Leading:
    """One day being led."""

    options: Options
    signals: Signals
    say: Say

    def lead(self) -> Exit:
        lock = PlanLock(self.options.plan)
        try:
            folder = self._folder_to_go_on_with()
            former = [] if folder is None else read_entries(folder)
            rehearsal = self._is_rehearsal(former)
            with stand_for_rehearsal(rehearsal, self.say, self.signals, former) as brought:
                own = os.getpid()
                # Who leads, for `chaosnetra gameday stop`.
                conductor = {"pid": own, "started": started(own), **brought}
                if folder is None:
                    record, checks = self._begin(conductor)
                else:
                    record, checks = Record.reopened(folder), []
                with contextlib.closing(record):
                    if folder is None:
                        lock.point_to(record.folder)
                        where = f"recorded in {record.folder}"
                        self.say(f"{record.day.title}: {where}", Style.TITLE)
                    else:
                        checks = self._go_on(record, conductor)
                    return self._conduct(record, checks)
        finally:
            lock.close()

    def left(self, code: Exit, text: str) -> Exit:
        """Say the last word, if anybody can still hear it."""
        with contextlib.suppress(Left):
            self.say(text, Style.WARNING)
        return code

    def _folder_to_go_on_with(self) -> Path | None:
        plan = self.options.plan
        folder = latest_folder(plan)
        unfinished = folder is not None and not is_closed(folder)
        if self.options.resume:
            if folder is None or not unfinished:
                raise Refused(f"{plan}: no day of this file is unfinished; leave out --resume")
            return folder
        if unfinished and not self.options.new:
            raise Refused(
                f"{plan}: the day in {folder} has not ended; give --resume to go on with it, "
                "or --new to begin another"
            )
        return None

    def _is_rehearsal(self, former: list[Entry]) -> bool:
        """Whether the day acts on the local stand; one that goes on acts where it began."""
        if not former:
            return self.options.rehearsal
        began = former[0].data.get("rehearsal") is True
        if self.options.rehearsal and not began:
            raise Refused(
                f"{self.options.plan}: the day that has not ended is no rehearsal; leave out "
                "--rehearse, or give --new for another day"
            )
        return began

    def _begin(self, conductor: Mapping[str, Any]) -> tuple[Record, Checks]:
        plan = self.options.plan
        day, findings = read_gameday(plan)
        if day is None:
            for finding in findings:
                self.say(finding.text, Style.BAD)
            raise InvalidInput(f"{plan}: it is no game day as it stands; nothing was run")
        acting = day.acting(rehearsal=self.options.rehearsal)
        checks = self._check(acting, read_document(plan, any_encoding=True))
        folder = new_folder(plan, self.options.parent)
        facts = {"rehearsal": self.options.rehearsal, **conductor}
        return Record.opened(folder, acting, facts), checks

    def _go_on(self, record: Record, conductor: Mapping[str, Any]) -> Checks:
        """Undo what the step that was left had done, and check everything again."""
        run = run_in_progress(record.entries, record.folder)
        undone = [] if run is None else end_and_undo(run)
        record.write(Kind.RESUMED, conductor)
        if record.state.stage is DayStage.RUNNING:
            why = "the conductor was gone before the run ended"
            record.write(Kind.RUN_LOST, {"why": why, "undone": undone})
        for line in undone:
            self.say(line, Style.WARNING)
        self._take_plan(record)
        where = f"goes on in {record.folder}, {record.state.stage}"
        self.say(f"{record.day.title}: {where}", Style.TITLE)
        if record.state.stage is DayStage.WRAPPING_UP:
            return []
        return self._check(record.day, Document(str(record.day.path), record.day.data, {}))

    def _take_plan(self, record: Record) -> None:
        """Take the plan from its file again, which has the secrets that the record has not."""
        plan = self.options.plan
        try:
            document = read_document(plan, any_encoding=True)
        except Unreadable as error:
            self.say(f"{error}; the day goes on as it began", Style.WARNING)
            return
        if not record.holds_plan(document.data):
            self.say(f"{plan} has changed; the day goes on as it began", Style.WARNING)
            return
        day, _ = parse_gameday(document, plan, check_files=False)
        if day is not None:
            record.learn_secrets(day.data)
            record.day = day.acting(rehearsal=record.entries[0].data.get("rehearsal") is True)

    def _check(self, day: GameDay, lines: Document) -> Checks:
        """Check everything that can be checked before the monitor is there.

        Raises:
            Refused: something is not fine; it was said.
        """
        checks = []
        with self.signals.interrupting():
            for checked in preflight(day, lines):
                checks.append(checked.to_json())
                mark, style = ("ok ", Style.QUIET) if checked.fine else ("NO ", Style.BAD)
                self.say(f"{mark} {checked.line}", style)
        wrong = sum(not check["fine"] for check in checks)
        if wrong:
            things = "one thing is" if wrong == 1 else f"{wrong} things are"
            raise Refused(f"{day.path}: {things} not as the day needs it; nothing was run")
        return checks

    def _conduct(self, record: Record, checks: Checks) -> Exit:
        again = f"chaosnetra gameday run {self.options.plan} --resume"
        with contextlib.ExitStack() as around:
            terminal = self.options.terminal_to_restore()
            monitor = AbortMonitor(record.folder, record.day, terminal)
            around.callback(monitor.end)
            interface = self.options.interface(
                lambda text, style: self.say(record.shown(text), style)
            )
            around.callback(interface.close)
            try:
                parts = (record, interface, monitor, self.signals, checks)
                Conductor(*parts, attended=not self.options.yes).lead()
            except Left as left:
                with contextlib.suppress(ChaosnetraError):  # the record says where it was anyway
                    record.write(Kind.INTERRUPTED, {"why": str(left)})
                interface.close()
                return self.left(
                    Exit.LEFT,
                    f"The day was left: {left}. Nothing of it is injected; go on with: {again}",
                )
            except RecordLost as lost:
                interface.close()
                return self.left(
                    Exit.RECORD_LOST,
                    f"{lost}. What was said last was not taken; nothing of the day is injected. "
                    f"Make room, then: {again}",
                )
        if isinstance(interface, Scripted) and interface.unused:
            unused = ", ".join(interface.unused)
            self.say(f"answers that nobody asked for: {unused}", Style.WARNING)
        self._report(record.folder)
        return exit_code(record.entries)

    def _report(self, folder: Path) -> None:
        from chaosnetra.gameday.report.writing import write_reports

        try:
            for path in write_reports(folder):
                self.say(f"report: {path}", Style.PLAIN)
        except (ChaosnetraError, OSError) as error:
            self.say(f"the report cannot be written: {error}", Style.BAD)
            self.say(f"make it later: chaosnetra gameday report {folder}", Style.PLAIN)
