"""From a plan's file to a day that was led: the locks, the checks, the record, the people."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import Document, read_document
from chaosnetra.errors import ChaosnetraError, InvalidInput, Unreadable
from chaosnetra.gameday.conduct.conductor import Conductor
from chaosnetra.gameday.conduct.monitored import AbortMonitor
from chaosnetra.gameday.conduct.rehearsal import stand_for_rehearsal
from chaosnetra.gameday.conduct.signals import Signals
from chaosnetra.gameday.people.answers import Scripted, Unattended, read_answers
from chaosnetra.gameday.people.interface import Interface, Left, Style
from chaosnetra.gameday.people.view import plain_say
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.gameday.plan.preflight import preflight
from chaosnetra.gameday.plan.reading import parse_gameday, read_gameday
from chaosnetra.gameday.record.entries import (
    Entry,
    plan_of,
    read_entries,
    run_in_progress,
    state_of,
)
from chaosnetra.gameday.record.folders import PlanLock, latest_folder, new_folder
from chaosnetra.gameday.record.record import Record, RecordLost
from chaosnetra.gameday.record.states import DayStage, Kind
from chaosnetra.runner.ending import end_and_undo


class Exit(IntEnum):
    """How a day ended, as an exit code."""

    HELD = 0
    VIOLATED = 1
    UNPROVEN = 2
    REFUSED = 3
    ABORTED = 4
    RECORD_LOST = 5
    LEFT = 6
    UNREADABLE = 7


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


class Refused(ChaosnetraError):
    """The day does not begin; the message says why."""


def lead_day(options: Options, say: Callable[[str, Style], None] = plain_say) -> Exit:
    """Lead a day, from its beginning or from where it was left.

    Raises:
        ChaosnetraError: it does not begin; nothing was run.
    """
    if options.plan.is_dir():
        raise Unreadable(f"{options.plan}: it is a folder; name the file of a plan")
    if not options.resume and not options.plan.is_file():
        raise Unreadable(f"{options.plan}: there is no such file")
    signals = Signals()
    signals.listen()
    try:
        return _led(options, signals, say)
    except KeyboardInterrupt:
        _last_word(f"{signals.received} came before everything was checked; nothing was run", say)
        return Exit.LEFT
    finally:
        signals.stop_listening()


def _led(options: Options, signals: Signals, say: Callable[[str, Style], None]) -> Exit:
    lock = PlanLock(options.plan)
    try:
        folder = _folder_to_go_on_with(options)
        former = [] if folder is None else read_entries(folder)
        rehearsal = _is_rehearsal(options, former)
        with stand_for_rehearsal(rehearsal, say, signals, former) as brought:
            conductor = {**_conductor(), **brought}
            if folder is None:
                record, checks = _begin(options, lock, signals, conductor, say)
            else:
                record, checks = _go_on(options, folder, signals, conductor, say)
            return _lead(options, record, checks, signals, say)
    finally:
        lock.close()


def _is_rehearsal(options: Options, former: list[Entry]) -> bool:
    """Whether the day acts on the local stand; one that goes on acts where it began."""
    if not former:
        return options.rehearsal
    began = former[0].data.get("rehearsal") is True
    if options.rehearsal and not began:
        raise Refused(
            f"{options.plan}: the day that has not ended is no rehearsal; leave out --rehearse, "
            "or give --new for another day"
        )
    return began


def _folder_to_go_on_with(options: Options) -> Path | None:
    folder = latest_folder(options.plan)
    unfinished = folder is not None and not _is_closed(folder)
    if options.resume:
        if folder is None or not unfinished:
            raise Refused(f"{options.plan}: no day of this file is unfinished; leave out --resume")
        return folder
    if unfinished and not options.new:
        raise Refused(
            f"{options.plan}: the day in {folder} has not ended; give --resume to go on with it, "
            "or --new to begin another"
        )
    return None


def _is_closed(folder: Path) -> bool:
    entries = read_entries(folder)
    day = plan_of(entries, folder)
    return state_of(entries, len(day.steps), folder).stage is DayStage.CLOSED


def _begin(
    options: Options,
    lock: PlanLock,
    signals: Signals,
    conductor: Mapping[str, Any],
    say: Callable[[str, Style], None],
) -> tuple[Record, list[dict[str, Any]]]:
    day, findings = read_gameday(options.plan)
    if day is None:
        for finding in findings:
            say(finding.text, Style.BAD)
        raise InvalidInput(f"{options.plan}: it is no game day as it stands; nothing was run")
    acting = day.acting(rehearsal=options.rehearsal)
    with signals.interrupting():
        checks = _check(acting, read_document(options.plan, any_encoding=True), say)
    folder = new_folder(options.plan, options.parent)
    record = Record.opened(folder, acting, {"rehearsal": options.rehearsal, **conductor})
    try:
        lock.point_to(folder)
    except BaseException:
        record.close()
        raise
    say(f"{day.title}: recorded in {folder}", Style.TITLE)
    return record, checks


def _go_on(
    options: Options,
    folder: Path,
    signals: Signals,
    conductor: Mapping[str, Any],
    say: Callable[[str, Style], None],
) -> tuple[Record, list[dict[str, Any]]]:
    """Undo what the step that was left had done, and check everything again."""
    record = Record.reopened(folder)
    try:
        undone: list[str] = []
        run = run_in_progress(record.entries, folder)
        if run is not None:
            undone = end_and_undo(run)
        record.write(Kind.RESUMED, conductor)
        if record.state.stage is DayStage.RUNNING:
            why = "the conductor was gone before the run ended"
            record.write(Kind.RUN_LOST, {"why": why, "undone": undone})
        for line in undone:
            say(line, Style.WARNING)
        _take_plan(record, options, say)
        say(f"{record.day.title}: goes on in {folder}, {record.state.stage}", Style.TITLE)
        checks: list[dict[str, Any]] = []
        if record.state.stage is not DayStage.WRAPPING_UP:
            lines = Document(str(record.day.path), record.day.data, {})
            with signals.interrupting():
                checks = _check(record.day, lines, say)
    except BaseException:
        record.close()
        raise
    return record, checks


def _take_plan(record: Record, options: Options, say: Callable[[str, Style], None]) -> None:
    """Take the plan from its file again, which has the secrets that the record has not."""
    try:
        document = read_document(options.plan, any_encoding=True)
    except Unreadable as error:
        say(f"{error}; the day goes on as it began", Style.WARNING)
        return
    if not record.holds_plan(document.data):
        say(f"{options.plan} has changed; the day goes on as it began", Style.WARNING)
        return
    day, _ = parse_gameday(document, options.plan, check_files=False)
    if day is not None:
        record.learn_secrets(day.data)
        record.day = day.acting(rehearsal=record.entries[0].data.get("rehearsal") is True)


def _check(
    day: GameDay, lines: Document, say: Callable[[str, Style], None]
) -> list[dict[str, Any]]:
    """Check everything that can be checked before the monitor is there.

    Raises:
        Refused: something is not fine; it was said.
    """
    checks, wrong = [], 0
    for checked in preflight(day, lines):
        checks.append(checked.to_json())
        wrong += not checked.fine
        mark = "ok " if checked.fine else "NO "
        say(f"{mark} {checked.line}", Style.QUIET if checked.fine else Style.BAD)
    if wrong:
        things = "one thing is" if wrong == 1 else f"{wrong} things are"
        raise Refused(f"{day.path}: {things} not as the day needs it; nothing was run")
    return checks


def _conductor() -> dict[str, Any]:
    """Who leads, for `chaosnetra gameday stop`."""
    import os

    from chaosnetra.processes.identity import started

    return {"pid": os.getpid(), "started": started(os.getpid())}


def _lead(
    options: Options,
    record: Record,
    checks: list[dict[str, Any]],
    signals: Signals,
    say: Callable[[str, Style], None],
) -> Exit:
    monitor: AbortMonitor | None = None
    interface: Interface | None = None
    try:
        monitor = AbortMonitor(record.folder, record.day, _terminal_to_restore(options))
        interface = _interface(options, lambda text, style: say(record.shown(text), style))
        attended = not options.yes
        conductor = Conductor(record, interface, monitor, signals, checks, attended=attended)
        conductor.lead()
    except Left as left:
        _leave(record, left)
        _closed(interface)
        _last_word(
            f"The day was left: {left}. Nothing of it is injected; go on with: "
            f"chaosnetra gameday run {options.plan} --resume",
            say,
        )
        return Exit.LEFT
    except RecordLost as lost:
        _closed(interface)
        _last_word(
            f"{lost}. What was said last was not taken; nothing of the day is injected. Make room, "
            f"then: chaosnetra gameday run {options.plan} --resume",
            say,
        )
        return Exit.RECORD_LOST
    finally:
        if monitor is not None:
            monitor.end()
        _closed(interface)
        record.close()
    if isinstance(interface, Scripted) and interface.unused:
        say(f"answers that nobody asked for: {', '.join(interface.unused)}", Style.WARNING)
    return _ended(record, say)


def _ended(record: Record, say: Callable[[str, Style], None]) -> Exit:
    from chaosnetra.gameday.report.writing import write_reports

    try:
        for path in write_reports(record.folder):
            say(f"report: {path}", Style.PLAIN)
    except (ChaosnetraError, OSError) as error:
        say(f"the report cannot be written: {error}", Style.BAD)
        say(f"make it later: chaosnetra gameday report {record.folder}", Style.PLAIN)
    return exit_code(record.entries)


def exit_code(entries: list[Entry]) -> Exit:
    """What a closed day says: of each step its last run counts."""
    verdicts: dict[str, str] = {}
    step, left_out, checked = "", False, False
    for entry in entries:
        if entry.kind is Kind.ABORTED:
            return Exit.ABORTED if checked else Exit.REFUSED
        checked = checked or entry.kind is Kind.CHECKED
        if entry.kind is Kind.RUN_BEGUN:
            step = str(entry.data.get("step"))
        elif entry.kind is Kind.RUN_ENDED:
            verdicts[step] = str(entry.data.get("verdict"))
        elif entry.kind in (Kind.NO_GO, Kind.SKIPPED):
            left_out = True
    if "violated" in verdicts.values():
        return Exit.VIOLATED
    if left_out or any(verdict != "held" for verdict in verdicts.values()):
        return Exit.UNPROVEN
    return Exit.HELD


def _leave(record: Record, left: Left) -> None:
    with contextlib.suppress(ChaosnetraError):  # the record says where the day was all the same
        record.write(Kind.INTERRUPTED, {"why": str(left)})


def _closed(interface: Interface | None) -> None:
    if interface is not None:
        interface.close()


def _last_word(text: str, say: Callable[[str, Style], None]) -> None:
    """Say it, if anybody can still hear it."""
    with contextlib.suppress(Left):
        say(text, Style.WARNING)


def _interface(options: Options, say: Callable[[str, Style], None]) -> Interface:
    if options.yes:
        return Unattended(say)
    if options.answers is not None:
        return Scripted(read_answers(options.answers), say)
    import sys

    from chaosnetra.gameday.people.keys import Keyboard
    from chaosnetra.gameday.people.terminal import Terminal
    from chaosnetra.gameday.people.view import terminal_view

    view = terminal_view()
    return Terminal(Keyboard(sys.stdin), view)


def _terminal_to_restore(options: Options) -> str | None:
    if options.yes or options.answers is not None:
        return None
    import sys

    from chaosnetra.gameday.people.keys import kept_terminal

    return kept_terminal(sys.stdin)


def check_answers(options: Options) -> None:
    """That somebody or something can answer.

    Raises:
        InvalidInput: nobody can.
        Unreadable: the file of answers cannot be read.
    """
    from chaosnetra.gameday.people.keys import has_terminal

    if options.yes and options.answers is not None:
        raise InvalidInput("--yes and --answers cannot both answer; leave one of them out")
    if options.answers is not None:
        read_answers(options.answers)
    elif not options.yes and not has_terminal():
        raise InvalidInput(
            "there is no terminal to answer at; give --answers FILE, or --yes for a rehearsal"
        )
