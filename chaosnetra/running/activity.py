"""The edge between Chaos Toolkit and the domain: what every activity goes through."""

import functools
import inspect
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Concatenate, Dict, List, ParamSpec, TypeVar, cast  # noqa: UP035

from chaoslib.exceptions import ActivityFailed, ChaosException
from chaoslib.exit import exit_ungracefully
from chaoslib.types import Configuration, Secrets

from chaosnetra.errors import ChaosnetraError, MachineryFailed, NotAllowed
from chaosnetra.hints import with_places
from chaosnetra.running.arguments import called, with_settings
from chaosnetra.running.preview import Preview, is_previewing
from chaosnetra.running.run import EXIT_WITHOUT_ROLLBACKS, current_run
from chaosnetra.running.session import Session, current_session, existing_session
from chaosnetra.running.staging import NO_CONTROL
from chaosnetra.settings import names_staging
from chaosnetra.text import plain_names

logger = logging.getLogger("chaostoolkit")

# `chaos discover` knows typing's aliases, and calls `dict[str, Any]` an "object".
Result = Dict[str, Any]  # noqa: UP006
Results = List[Dict[str, Any]]  # noqa: UP006
Parameters = Dict[str, Any]  # noqa: UP006
Attributes = Dict[str, float]  # noqa: UP006

P = ParamSpec("P")
R = TypeVar("R")


def edge(function: Callable[Concatenate[Session, P], R]) -> Callable[..., R]:
    """Make a function one that experiments name; it is given the run's session.

    It parses all its arguments before it uses a part of the session: they are checked before the
    first activity of a run by calling it with a `chaosnetra.running.preview.Preview`. Its result
    is masked.

    Returns:
        What the Chaos Toolkit calls: without the session, and with its own `configuration` (the
        experiment's settings) and `secrets` as the last arguments. The function has those too
        where it names them. It raises ActivityFailed with the one line of whatever went wrong,
        secrets masked, which names the settings of the experiment that fed its arguments.
    """
    own = inspect.signature(function)
    given_by_core = inspect.signature(_given_by_core).parameters
    taken = [each for each in own.parameters.values() if each.name not in given_by_core][1:]
    signature = own.replace(parameters=[*taken, *given_by_core.values()])

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> R:
        try:
            arguments = signature.bind(*given, **named).arguments
        except TypeError as error:
            raise TypeError(f"{function.__name__}() {error}") from None
        its_own = {name: value for name, value in arguments.items() if name in own.parameters}
        with called(call, arguments), _session_for(arguments.get("configuration")) as session:
            # `own` is its signature, which `bind` has checked.
            result = function(session, **its_own)  # type: ignore[call-arg]
        masked: R = current_run().redactor.data(result)
        return masked

    # `inspect` reads it there; the types of functions do not have it.
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def _given_by_core(configuration: Configuration = None, secrets: Secrets = None) -> None:
    """Arguments of every activity that no experiment writes."""


@contextmanager
def _session_for(configuration: Configuration) -> Iterator[Session]:
    """The run's session for one activity; what goes wrong meanwhile becomes ActivityFailed."""
    mask = current_run().redactor.text
    try:
        _require_control(configuration)
        session = current_session(configuration)
        if is_previewing():
            yield cast(Session, Preview(session))
        else:
            _check_arguments(session)
            yield session
    except ChaosnetraError as error:
        run = current_run()
        text = with_places(with_settings(str(error), run.experiment), run.places)
        raise ActivityFailed(mask(plain_names(text))) from error
    except ChaosException:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it says nothing of the system
        failure = MachineryFailed(error)
        raise ActivityFailed(mask(str(failure))) from failure


def _check_arguments(session: Session) -> None:
    """Refuse to act where an argument of the experiment cannot be used.

    The journal control has had them checked before the run; without it the first activity does.
    An abort condition is asked outside of the experiment's activities: they come later.

    Raises:
        InvalidInput: says which.
    """

    def check() -> bool:
        from chaosnetra.running.precheck import check_running

        return check_running(current_run())

    session.check_arguments(check)


def _require_control(configuration: Mapping[str, Any] | None) -> None:
    """End the core's run here where it acts in staging without the journal control.

    A failed activity would not do: the core goes on to the next, and exits with 0.

    Args:
        configuration: the experiment's settings.

    Raises:
        SystemExit: nobody asked for consent, so nothing may be touched.
        NotAllowed: likewise, in a thread of the core's; the run ends by a signal then.
    """
    session = existing_session()
    asked = session is not None and session.staging.consented is not None
    if asked or current_run().experiment is not None:
        return
    if not names_staging(configuration) or not _in_run_of_core():
        return
    logger.critical(NO_CONTROL)
    if threading.current_thread() is threading.main_thread():
        raise SystemExit(EXIT_WITHOUT_ROLLBACKS)
    exit_ungracefully()
    raise NotAllowed(NO_CONTROL)


def _in_run_of_core() -> bool:
    """Whether the core runs an experiment in this process: it listens to its own signals then."""
    number = getattr(signal, "SIGUSR2", None)
    handler = signal.getsignal(number) if number is not None else None
    return getattr(handler, "__module__", "") == "chaoslib.exit"
