"""Everything this package raises on purpose.

ChaosnetraError                  str() is one line that names what to change
├── InvalidInput                 a value that somebody gave: names the setting
│   └── UnknownProfile
├── PartUnavailable              a part of the stand cannot be had, started or reached
│   ├── DatabaseUnavailable      carries the SQLSTATE
│   └── ToxiproxyUnavailable
│       └── ToxiproxyWedged      it accepts connections, but its control API hangs
├── ToxiproxyRefused             the server answered with an error: carries status and text
├── FaultError
│   ├── InjectionFailed          nothing was injected, or it was taken back
│   └── UndoFailed               something may be left: says what
├── Interrupted                  a signal ended the run
└── StartupError                 carries phase, budget and SQLSTATE
    ├── BudgetExpired
    └── DeterministicStartupError
"""

from chaosnetra.text import one_line


class ChaosnetraError(Exception):
    """Base of every error raised on purpose; `str()` is one readable line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InvalidInput(ChaosnetraError):
    """A value that a user gave cannot be used.

    Args:
        what: what is wrong, naming the value.
        setting: how to change it, for example an environment variable; shown at the end.
    """

    def __init__(self, what: str, setting: str | None = None) -> None:
        self.setting = setting
        super().__init__(what if setting is None else f"{what}; set {setting}")


class UnknownProfile(InvalidInput):
    """No profile of that name; the message lists the known ones."""


class PartUnavailable(ChaosnetraError):
    """A part that the experiment needs cannot be had, started or reached."""


class DatabaseUnavailable(PartUnavailable):
    """The database cannot be used; `sqlstate` is its five-character code where it gave one."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


class ToxiproxyUnavailable(PartUnavailable):
    """The Toxiproxy server does not answer."""


class ToxiproxyWedged(ToxiproxyUnavailable):
    """The server is there, but a call of its control API hangs or answers 503."""


class ToxiproxyRefused(ChaosnetraError):
    """The server answered a call with an error; carries its HTTP status and text."""

    def __init__(self, call: str, status: int, text: str) -> None:
        self.status = status
        self.text = text
        super().__init__(f"Toxiproxy refused {call}: HTTP {status}: {text}")


class FaultError(ChaosnetraError):
    """Something about injecting or undoing a fault failed."""


class InjectionFailed(FaultError):
    """The fault is not in place."""


class UndoFailed(FaultError):
    """An undo could not be completed: something may still be injected."""


class Interrupted(ChaosnetraError):
    """A signal asked the run to end; work in progress was given up."""


class StartupError(ChaosnetraError):
    """The orchestrator could not start.

    Args:
        message: one line.
        phase: name of the startup phase it happened in.
        budget: name of the budget that expired, if one did.
        sqlstate: the database's error code, if it gave one.
    """

    def __init__(
        self,
        message: str,
        *,
        phase: str | None = None,
        budget: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        self.phase = phase
        self.budget = budget
        self.sqlstate = sqlstate
        super().__init__(message)


class BudgetExpired(StartupError):
    """A named budget ran out; `budget_seconds` is its length as it was enforced."""

    def __init__(self, budget: str, budget_seconds: float, *, phase: str | None = None) -> None:
        self.budget_seconds = budget_seconds
        super().__init__(
            f"the {budget} budget of {budget_seconds:g} s ran out", phase=phase, budget=budget
        )


class DeterministicStartupError(StartupError):
    """A startup phase failed; the phases after it do not run. The cause is its `__cause__`."""
