"""Everything this package raises on purpose.

ChaosnetraError                  str() is one line that names what to change
├── InvalidInput                 a value that somebody gave: names the setting
│   └── UnknownProfile
├── NotAllowed                   the guard refuses it, and nothing was touched
├── PartUnavailable              a part of the stand cannot be had, started or reached
│   ├── DatabaseUnavailable      carries the SQLSTATE
│   │   ├── DatabaseFull          53300: no connection slot is free
│   │   ├── DatabaseLoginRefused  28P01, 28000
│   │   ├── DatabaseRightMissing  42501
│   │   ├── DatabaseNotThere      3D000
│   │   ├── DatabaseNotReady      57P03: it starts or stops
│   │   ├── DatabaseTlsFailed     it has no TLS, or its certificate is not trusted
│   │   └── CloudSqlUnavailable   Cloud SQL's Admin API, which the connector asks first, says no
│   │       └── CloudSqlQuotaExceeded  too many calls of it (429)
│   ├── ConnectorUnavailable
│   ├── ObserverUnavailable
│   ├── PathUnavailable          the path of a task does not stand, or was lost
│   └── ToxiproxyUnavailable
│       └── ToxiproxyWedged      it accepts connections, but its control API hangs
├── Unreadable                   a file is not what it should be, or not all of it: names it
│   └── NotAJournal              it is whole, and something else
├── ToxiproxyRefused             the server answered with an error: carries status and text
├── CloudRunError                Cloud Run did not do what it was asked; nothing was retried
│   ├── CloudRunCredentials      there are none, or they cannot be used
│   │   └── CloudRunUnauthenticated  Google does not take them
│   ├── CloudRunNotFound
│   ├── CloudRunPermissionDenied
│   ├── CloudRunRefused          the request is not valid as it stands
│   ├── CloudRunEtagChanged      somebody else changed it after it was read
│   ├── CloudRunQuotaExceeded    too many calls or instances (429)
│   ├── CloudRunReconciling      it is being changed, or is not ready
│   ├── CloudRunUnanswered       no answer: the call may have been carried out all the same
│   ├── CloudRunGone             nobody listens at a local endpoint: it has ended, with all it held
│   ├── CloudRunOperationFailed  accepted, and then it failed, or was not done in time
│   └── CloudRunDrifted          it holds values that are neither ours nor its former ones
├── FaultError
│   ├── InjectionFailed          nothing was injected, or it was undone
│   └── UndoFailed               something may be left: says what
│       └── UndoDenied           it is not permitted, so that to try again is of no use
├── MachineryFailed              something of this package itself failed: no file was free, a bug
├── NotMeasured                  starts of a target say nothing of its round trips
├── NotTried                     a service cannot be tried as it was guessed: names the option
├── Interrupted                  a signal ended the run
└── StartupError                 carries phase, budget and SQLSTATE
    ├── BudgetExpired
    └── DeterministicStartupError
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from chaosnetra.text import one_line

_NO_FILE_FREE = (errno.EMFILE, errno.ENFILE)
_NOTHING_FREE = (*_NO_FILE_FREE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.EADDRNOTAVAIL)


class ChaosnetraError(Exception):
    """Base of every error raised on purpose; `str()` is one readable line.

    `tried_nothing`: whether a probe that ends with it could not inspect the system, so that it
    proves nothing of it. A journal names the class, and with it this.
    """

    tried_nothing: ClassVar[bool] = False

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


@contextmanager
def changed_by(setting: str) -> Iterator[None]:
    """A value that is refused while inside is told to be changed by `setting`.

    So what checks a value need not know where it came from. A refusal that names what to change
    already is passed on as it is.
    """
    try:
        yield
    except InvalidInput as error:
        if error.setting is not None:
            raise
        raise type(error)(str(error), setting) from error.__cause__


class UnknownProfile(InvalidInput):
    """No profile of that name; the message lists the known ones."""


class NotAllowed(ChaosnetraError):
    """The guard does not let it through: not in the allow-list, over a cap, without consent."""

    tried_nothing = True


class PartUnavailable(ChaosnetraError):
    """A part that the experiment needs cannot be had, started or reached."""

    tried_nothing = True


class DatabaseUnavailable(PartUnavailable):
    """The database cannot be used; `sqlstate` is its five-character code where it gave one."""

    tried_nothing = False  # what the experiment is about may be what keeps it away

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


class DatabaseFull(DatabaseUnavailable):
    """No connection slot is free for this role (53300)."""


class DatabaseLoginRefused(DatabaseUnavailable):
    """User, password or the server's rules are not right (28P01, 28000)."""


class DatabaseRightMissing(DatabaseUnavailable):
    """The role may not do it (42501)."""


class DatabaseNotThere(DatabaseUnavailable):
    """There is no database of that name (3D000)."""


class DatabaseNotReady(DatabaseUnavailable):
    """The server starts up or shuts down (57P03)."""


class DatabaseTlsFailed(DatabaseUnavailable):
    """The connection could not be made as safe as it was asked to be."""


class CloudSqlUnavailable(DatabaseUnavailable):
    """The Cloud SQL connector could not reach the instance; the database was not asked."""


class CloudSqlQuotaExceeded(CloudSqlUnavailable):
    """The quota of Cloud SQL's Admin API is used up (429)."""


class ConnectorUnavailable(PartUnavailable):
    """The connector emulator does not answer, or not as one."""


class ObserverUnavailable(PartUnavailable):
    """The observer does not answer, or not as one."""


class PathUnavailable(PartUnavailable):
    """What stands between a task's startup and its database cannot be had, or was lost."""


class ToxiproxyUnavailable(PartUnavailable):
    """The Toxiproxy server does not answer."""


class ToxiproxyWedged(ToxiproxyUnavailable):
    """The server is there, but a call of its control API hangs or answers 503."""


class Unreadable(ChaosnetraError):
    """A file cannot be read as what it should be; the message names it and what is wrong."""


class NotAJournal(Unreadable):
    """A file is JSON, and no journal of the Chaos Toolkit."""


class ToxiproxyRefused(ChaosnetraError):
    """The server answered a call with an error; carries its HTTP status and text."""

    tried_nothing = True

    def __init__(self, call: str, status: int, text: str) -> None:
        self.status = status
        self.text = text
        super().__init__(f"Toxiproxy refused {call}: HTTP {status}: {text}")


class CloudRunError(ChaosnetraError):
    """Cloud Run did not do what it was asked."""

    tried_nothing = True


class CloudRunCredentials(CloudRunError):
    """There are no credentials, or Google does not take them."""


class CloudRunUnauthenticated(CloudRunCredentials):
    """Google does not take the credentials that there are."""


class CloudRunNotFound(CloudRunError):
    """There is no such project, region, service, job or execution."""


class CloudRunPermissionDenied(CloudRunError):
    """The caller may not do it; also what a wrong project answers."""


class CloudRunRefused(CloudRunError):
    """The request is not valid, or not in the resource's present state."""


class CloudRunEtagChanged(CloudRunError):
    """Somebody else changed the resource after it was read; nothing was written."""


class CloudRunQuotaExceeded(CloudRunError):
    """A quota is used up (429); nothing was written."""


class CloudRunReconciling(CloudRunError):
    """The resource is being changed by somebody, or is not ready; nothing was written."""


class CloudRunUnanswered(CloudRunError):
    """No answer came: the call may have been carried out all the same. Read before acting."""


class CloudRunGone(CloudRunError):
    """Nobody listens at a local endpoint: it has ended, and what it held with it."""


class CloudRunOperationFailed(CloudRunError):
    """A change was accepted, and then failed or was not done in time."""


class CloudRunDrifted(CloudRunError):
    """The service holds values that are neither ours nor its former ones; they were left alone."""


class FaultError(ChaosnetraError):
    """Something about injecting or undoing a fault failed."""

    tried_nothing = True


class InjectionFailed(FaultError):
    """The fault is not in place."""


class UndoFailed(FaultError):
    """An undo could not be completed: something may still be injected."""


class UndoDenied(UndoFailed):
    """An undo that is not permitted: to try again is of no use before somebody permits it."""


class MachineryFailed(ChaosnetraError):
    """Something of this package itself failed, so that nothing is known of the system.

    Args:
        error: what was raised.
    """

    tried_nothing = True

    def __init__(self, error: BaseException) -> None:
        self.__cause__ = error
        while isinstance(error, BaseExceptionGroup):  # what it holds says more
            error = error.exceptions[0]
        number = error.errno if isinstance(error, OSError) else None
        files = "; raise the limit of open files (ulimit -n)" if number in _NO_FILE_FREE else ""
        super().__init__(f"chaosnetra itself failed: {type(error).__name__}: {error}{files}")


class NotMeasured(ChaosnetraError):
    """Starts of a target say nothing of its round trips: not ready, or without the database."""

    tried_nothing = True


class NotTried(ChaosnetraError):
    """A service cannot be tried as it was guessed; names the option that says it better."""

    tried_nothing = True


class Interrupted(ChaosnetraError):
    """A signal asked the run to end; work in progress was given up."""

    tried_nothing = True


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


def is_our_own(error: OSError) -> bool:
    """Whether a call failed because this machine had nothing left to make it with.

    That says nothing of whoever was called.
    """
    return error.errno in _NOTHING_FREE
