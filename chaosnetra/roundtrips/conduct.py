"""A measurement from its settings to its end: nothing is left, however it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.errors import InvalidInput, NotMeasured, UndoFailed
from chaosnetra.redaction import Redactor
from chaosnetra.roundtrips.finding import Finding
from chaosnetra.roundtrips.measuring import Say, measure
from chaosnetra.running.alone import session_alone
from chaosnetra.settings import SETTINGS, names_staging, setting_hint
from chaosnetra.settings.sources import sources_here


def settings_from(*given: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of what was given, the later over the earlier; None was not given.

    What was not given is left to the environment and `chaosnetra.toml`. Time is not scaled unless
    that is asked for: the seconds are to be those of the service.

    Raises:
        InvalidInput: there is no such setting, it names staging, or an empty target.
    """
    typed = {key: value for part in given for key, value in part.items() if value is not None}
    for key in typed:
        if key not in SETTINGS:
            raise InvalidInput(f"there is no setting {key!r:.100}")
    if not str(typed.get("target", "?")).strip():
        raise InvalidInput("the target is empty: give a command line or module:app")
    sources = sources_here({"time_scale": "1", **typed})
    configuration = sources.configuration
    if names_staging(configuration):
        raise InvalidInput(
            "round trips are measured locally only", f"{setting_hint('environment')} to local"
        )
    sources.settings()  # what cannot be used is told with who gives it
    return configuration


def measured(
    configuration: Mapping[str, Any], latencies_ms: Sequence[int], say: Say
) -> tuple[Finding, Redactor]:
    """Measure, and undo everything.

    Args:
        configuration: settings.
        latencies_ms: of the starts under latency; empty: as the first start says.
        say: takes a line before each start.

    Returns:
        What was found, and what masks its texts.

    Raises:
        NotMeasured: it cannot be measured, or something could not be undone.
        Interrupted: by a signal; so does KeyboardInterrupt say.
        ChaosnetraError: anything else that was in the way.
    """
    try:
        with session_alone(configuration) as session:
            return measure(session, latencies_ms, say), session.redactor
    except UndoFailed as error:
        raise NotMeasured(f"{error}; `chaosnetra recover` undoes what is left") from error
