"""Leads through a day: one handler a stage, until the day is closed.

Whatever is answered is in the record before it is acknowledged, so a conductor that is killed
goes on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.errors import ChaosnetraError, InvalidInput, PartUnavailable, Unreadable
from chaosnetra.gameday.conduct.following import Following
from chaosnetra.gameday.conduct.monitored import AbortMonitor
from chaosnetra.gameday.conduct.results import result_of
from chaosnetra.gameday.conduct.signals import Signals
from chaosnetra.gameday.conduct.step_run import (
    check_changes,
    consented_parameters,
    parameters_of,
    run_in,
    seconds_at_most,
    settings_of,
)
from chaosnetra.gameday.people import questions
from chaosnetra.gameday.people.interface import NOTES, Command, Does, Interface, Left, Style
from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.people.predictions import ABSTAIN, changes, held_probability, seconds_range
from chaosnetra.gameday.plan.day import Asked, GameDay
from chaosnetra.gameday.record.folders import unused
from chaosnetra.gameday.record.notes import said_by, take_note
from chaosnetra.gameday.record.record import Record
from chaosnetra.gameday.record.states import DayStage, Kind
from chaosnetra.gameday.report.verdicts import comparison_lines, verdict_line

NOBODY = "unattended"


class _Again(ChaosnetraError):
    """Something has changed that the stage has to begin anew for."""


@dataclass
class Conductor:
    """Leads a day.

    Args:
        record: of the day; written here and nowhere else.
        interface: the people.
        monitor: checks the abort criteria.
        signals: that ask to leave.
        checks: what was checked before, for the record.
        attended: whether people are there who predict.
    """

    _record: Record
    _interface: Interface
    _monitor: AbortMonitor
    _signals: Signals
    _checks: list[dict[str, Any]]
    attended: bool = field(kw_only=True)
    _watched: bool = field(default=False, init=False)

    def lead(self) -> None:
        """Lead until the day is closed.

        Raises:
            Left: nobody is there any more, or a signal came; nothing is left injected.
            RecordLost: something could not be written; likewise.
        """
        stages: Mapping[DayStage, Callable[[], None]] = {
            DayStage.CHECKING: self._check,
            DayStage.ANNOUNCING: self._announce,
            DayStage.DECIDING: self._decide,
            DayStage.PREDICTING: self._predict_and_run,
            DayStage.REVIEWING: self._review,
            DayStage.WRAPPING_UP: self._wrap_up,
        }
        while self._record.state.stage is not DayStage.CLOSED:
            try:
                self._wait_for_first_check()
                if self._record.state.paused:
                    self._pause()
                else:
                    stages[self._record.state.stage]()
            except _Again:
                continue

    def tick(self) -> None:
        """Look for what ends a question.

        Raises:
            Left: a signal came.
        """
        if self._signals.received is not None:
            raise Left(f"{self._signals.received} came")
        if self._record.state.stage in (DayStage.WRAPPING_UP, DayStage.CLOSED):
            return
        crossed = self._monitor.crossed
        if crossed is not None:
            self._abort(f"abort criterion: {crossed}", "abort criteria")

    def command(self, command: Command) -> None:
        """Somebody did something while a question was asked.

        Raises:
            InvalidInput: it cannot be done now.
        """
        if command.does in NOTES:
            self._say(take_note(self._record, command, self._people), Style.QUIET)
            return
        wanted = {Does.PAUSE: Kind.PAUSED, Does.SKIP: Kind.SKIPPED, Does.ABORT: Kind.ABORTED}
        kind = wanted[command.does]
        if kind not in self._record.state.allowed:
            raise InvalidInput(f"nothing can be done with /{command.does} now")
        by, why = said_by(command.text or "no reason was given", self._people)
        if kind is Kind.ABORTED:
            self._abort(why, by)
        data = {"by": by, "reason": why}
        if kind is Kind.SKIPPED:
            data["step"] = self._record.step.name
        self._record.write(kind, data)
        raise _Again(kind)

    def _abort(self, reason: str, by: str) -> None:
        self._record.write(Kind.ABORTED, {"reason": reason, "by": by})
        self._say(f"The day is aborted by {by}: {reason}", Style.BAD)
        raise _Again("aborted")

    def _wait_for_first_check(self) -> None:
        """Nothing is done before the abort criteria were checked once, on a resumed day too."""
        if self._watched or self._record.state.stage is DayStage.WRAPPING_UP:
            return
        if not self._monitor.has_checked(self.tick):
            self._abort("the abort criteria could not be checked in time", "abort criteria")
        self.tick()
        self._watched = True
        count = len(self._day.abort.conditions)
        if count:
            text = f"abort criteria: {count} checked, none crossed"
            self._checks.append({"fine": True, "text": text})
            self._say(f"ok  {text}", Style.QUIET)

    def _check(self) -> None:
        present: list[str] = []
        if self.attended:
            people = self._day.people
            answer = self._interface.ask(questions.present(people), self)
            present = list(questions.named(answer, people))
        self._record.write(Kind.CHECKED, {"checks": self._checks, "present": present})
        if present:
            self._say(f"noted: {', '.join(present)} will predict", Style.QUIET)

    def _announce(self) -> None:
        state, step = self._record.state, self._record.step
        self._say("")
        self._say(f"Step {state.step + 1} of {state.steps}: {step.name}", Style.TITLE)
        if step.announcement:
            self._say(step.announcement)
        for what in step.observe:
            self._say(f"  look at: {what}")
        for key, value in step.parameters.items():
            self._say(f"  with {key}: {value}", Style.QUIET)
        over = self._record.seconds - 60 * self._day.duration_minutes
        if over > 0:
            self._say(f"The planned time has been over for {clock(over)}.", Style.WARNING)
        self._interface.ask(questions.announced(step), self)
        self._record.write(Kind.ANNOUNCED, {"step": step.name})

    def _decide(self) -> None:
        step = self._record.step
        answer = self._interface.ask(questions.go(step), self)
        go, why = questions.go_or_not(answer)
        by, why = said_by(why, self._people) if why else (self._people[0], why)
        data = {"step": step.name, "by": by, "reason": why}
        self._record.write(Kind.GO if go else Kind.NO_GO, data)
        self._say(f"noted: {'go' if go else 'no-go'}{f': {why}' if why else ''}", Style.QUIET)

    def _predict_and_run(self) -> None:
        for person in self._present:
            for asked in self._record.step.predict:
                if f"{person}/{asked}" not in self._record.state.predicted:
                    self._predict(person, asked)
        self._run()

    def _predict(self, person: str, asked: Asked) -> None:
        step = self._record.step
        try:
            passed = parameters_of(self._day, step, self._record.state.changed)
            settings = settings_of(step, passed)
        except (InvalidInput, Unreadable) as error:
            raise Left(f"step {step.name!r} cannot be run: {error}") from None
        question = questions.prediction(step, person, asked, settings.time_scale)
        answer = self._interface.ask(question, self)
        data: dict[str, Any] = {"by": person, "asked": asked.value, "text": answer}
        if asked is Asked.HELD:
            data["held_probability"] = held_probability(answer)
        else:
            low_high = seconds_range(answer)
            data["low_seconds"], data["high_seconds"] = low_high or (None, None)
        self._record.write(Kind.PREDICTED, data)
        self._say(f"noted: {person}: {answer}", Style.QUIET)

    def _run(self) -> None:
        state, step = self._record.state, self._record.step
        named = f"{state.step + 1:02d}-{step.name}-{state.attempt}"
        # One may be there of a conductor that was killed before it had written that a run begins.
        folder = unused(self._record.folder / "steps" / named)
        try:
            passed = consented_parameters(self._record, self.tick)
            at_most = seconds_at_most(step, passed)
            run = run_in(folder, step, passed)
        except (InvalidInput, Unreadable, PartUnavailable) as error:
            raise Left(f"step {step.name!r} cannot be run: {error}") from None
        place = str(folder.relative_to(self._record.folder))
        try:
            begun = {"pid": run.identity.pid, "started": run.identity.started, "folder": place}
            values = {**step.parameters, **state.changed}
            self._record.learn_secrets(values)
            shown = {key: self._record.shown(value) for key, value in values.items()}
            self._record.write(Kind.RUN_BEGUN, {**begun, "step": step.name, "parameters": shown})
        except BaseException:
            run.give_up()
            raise
        around = (self._record, self._interface, self._monitor, self._signals, self._people)
        following = Following(*around, shown, at_most)
        facts = following.to_its_end(run)
        self._record.write(Kind.RUN_ENDED, {**facts, **result_of(folder).to_json()})
        if following.skipped is not None and self._record.state.stage is DayStage.REVIEWING:
            self._record.write(Kind.SKIPPED, {"step": step.name, "reason": following.skipped})
        self._show_verdict()

    def _review(self) -> None:
        step = self._record.step
        ended = self._record.last(Kind.RUN_ENDED)
        may_go_on = step.go_on_when_violated or ended.get("verdict") != "violated"

        def check(text: str) -> None:
            changed = changes(text)
            self._record.learn_secrets(changed)
            check_changes(self._day, step, {**self._record.state.changed, **changed})

        question = questions.what_next(step, check, may_go_on=may_go_on)
        word, rest = questions.next_word(self._interface.ask(question, self))
        if word == "repeat":
            self._record.write(Kind.REPEATED, {"step": step.name, "parameters": changes(rest)})
            self._say(f"noted: once more, with {rest or 'the same parameters'}", Style.QUIET)
        elif word == "end":
            by, why = said_by(rest or f"step {step.name} was {ended.get('verdict')}", self._people)
            self._abort(why, by)
        else:
            self._record.write(Kind.FINISHED, {"step": step.name})

    def _wrap_up(self) -> None:
        # A day that was refused before anybody came has nothing to be asked about.
        if self.attended and self._record.last(Kind.CHECKED):
            for does, question in questions.WRAP_UP:
                while (answer := self._interface.ask(question, self)) not in ABSTAIN:
                    note = Command(does, answer)
                    self._say(take_note(self._record, note, self._people), Style.QUIET)
        self._record.write(Kind.CLOSED, {})

    def _pause(self) -> None:
        self._say("The day is paused.", Style.WARNING)
        self._interface.ask(questions.CONTINUE, self)
        self._record.write(Kind.CONTINUED, {"by": self._people[0]})

    def _show_verdict(self) -> None:
        ended = self._record.last(Kind.RUN_ENDED)
        good = ended.get("verdict") == "held"
        self._say(f"Verdict: {verdict_line(ended)}", Style.GOOD if good else Style.BAD)
        for line in ended.get("undone") or ():
            self._say(line, Style.WARNING)
        for line in ended.get("last_lines") or ():
            self._say(f"  {line}", Style.QUIET)
        for line in comparison_lines(self._record.entries):
            self._say(f"  {line}")

    @property
    def _day(self) -> GameDay:
        return self._record.day

    @property
    def _present(self) -> tuple[str, ...]:
        present = self._record.last(Kind.CHECKED).get("present") if self.attended else None
        return tuple(present or ())

    @property
    def _people(self) -> tuple[str, ...]:
        """Who may say something; the first says what nobody is named for."""
        return self._day.people if self.attended else (NOBODY,)

    def _say(self, text: str, style: Style = Style.PLAIN) -> None:
        self._interface.say(self._record.shown(text), style)
